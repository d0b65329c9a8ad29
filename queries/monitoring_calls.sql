-- Monitoring of what the bot's processes counted: contexts, calls of named queries, errors, memory.
-- Each process adds its figures to the minute tables every few seconds, so the last seconds may be missing.
--
-- Each WHERE compares minute with an expression, not with a subquery: of a subquery's result the planner cannot see how
-- few minutes it leaves, and would read the whole table.
--
-- check: read-only
-- check: large query_minutes, query_error_minutes, context_minutes, process_minutes

-- name: get_cache_hits(minutes)^
-- Requests for a context in the last minutes by outcome, and the percentage of cache hits.
-- hit: fresh text from the cache. stale: old text, while another caller rebuilds it. miss: the text was built.
-- error: no text.
-- es: Contextos pedidos en los últimos minutos por resultado, y el porcentaje servido de la caché. Hay texto vigente (hit),
--     antiguo mientras otro lo construye (stale), construido (miss) o ninguno (error).
-- chart: number y=hit_percent,total_requests,errors
-- dashboard: operations
-- metrics: context_requests minutes=5
--   minutes: int = 60, how far to look back
--     es: cuánto mirar hacia atrás
SELECT
    coalesce(sum(answers), 0)::bigint AS total_requests,
    coalesce(sum(answers) FILTER (WHERE outcome = 'hit'), 0)::bigint AS cache_hits,
    coalesce(sum(answers) FILTER (WHERE outcome = 'stale'), 0)::bigint AS stale_answers,
    coalesce(sum(answers) FILTER (WHERE outcome = 'miss'), 0)::bigint AS cache_misses,
    coalesce(sum(answers) FILTER (WHERE outcome = 'error'), 0)::bigint AS errors,
    round(100.0 * coalesce(sum(answers) FILTER (WHERE outcome = 'hit'), 0) / sum(answers), 2) AS hit_percent
FROM context_minutes
WHERE minute >= date_trunc('minute', statement_timestamp()) - make_interval(mins => :minutes::int);

-- name: list_hit_rates(unit, timezone, max_rows)
-- Requests for a context and cache hits by minute, hour or day, the latest first.
-- A minute, hour or day without a request has no row. After some days only hours are kept (thin_minutes).
-- es: Contextos pedidos y aciertos de la caché por minuto, hora o día, lo último primero. Un período sin pedidos no
--     tiene fila.
-- chart: stacked x=since y=cache_hits,stale_answers,cache_misses,errors
-- dashboard: operations
--   unit: text = 'minute', of time: minute, hour or day
--     es: de tiempo: minuto, hora o día
--     choices: list_minute_units
--   timezone: text = 'America/Bogota', the hotel's, for days
--     es: la del hotel, para los días
--   max_rows: int = 60, rows at most, and units to look back
--     es: filas como máximo, y unidades hacia atrás
SELECT
    date_trunc(:unit::text, minute, :timezone::text) AS since,
    sum(answers)::bigint AS total_requests,
    coalesce(sum(answers) FILTER (WHERE outcome = 'hit'), 0)::bigint AS cache_hits,
    coalesce(sum(answers) FILTER (WHERE outcome = 'stale'), 0)::bigint AS stale_answers,
    coalesce(sum(answers) FILTER (WHERE outcome = 'miss'), 0)::bigint AS cache_misses,
    coalesce(sum(answers) FILTER (WHERE outcome = 'error'), 0)::bigint AS errors,
    round(100.0 * coalesce(sum(answers) FILTER (WHERE outcome = 'hit'), 0) / sum(answers), 2) AS hit_percent
FROM context_minutes
WHERE
    minute >= date_trunc(:unit::text, statement_timestamp(), :timezone::text)
    - (:max_rows::int - 1) * ('1 ' || :unit::text)::interval
GROUP BY since
ORDER BY since DESC
LIMIT :max_rows::int;

-- name: list_query_latencies(minutes, max_rows)
-- Calls, errors and percentiles of named queries in the last minutes, by total time.
-- Durations include the network. A percentile is within a factor of sqrt(2); 181,019 ms means "that or more".
-- es: Llamadas, errores y percentiles de las consultas en los últimos minutos, por tiempo total. Las duraciones
--     incluyen la red.
-- chart: bar x=query y=p50_milliseconds,p95_milliseconds
-- metrics: query minutes=5
--   minutes: int = 60, how far to look back
--   max_rows: int = 50, rows at most
WITH counted_calls AS (
    SELECT
        counted.query,
        sum(counted.calls)::bigint AS calls,
        sum(counted.row_count)::bigint AS row_count,
        sum(counted.microseconds) / 1000 AS milliseconds,
        guestsql_sum_buckets(counted.buckets) AS buckets,
        (
            SELECT coalesce(sum(failed.errors), 0)::bigint
            FROM query_error_minutes AS failed
            WHERE
                failed.query = counted.query
                AND failed.minute >= date_trunc('minute', statement_timestamp()) - make_interval(mins => :minutes::int)
        ) AS errors
    FROM query_minutes AS counted
    WHERE counted.minute >= date_trunc('minute', statement_timestamp()) - make_interval(mins => :minutes::int)
    GROUP BY counted.query
)

SELECT
    query,
    calls,
    round(calls / (60 * :minutes::int + extract(SECOND FROM statement_timestamp())), 3) AS calls_per_second,
    errors,
    round(100.0 * errors / nullif(calls, 0), 2) AS error_percent,
    row_count,
    round(milliseconds / nullif(calls, 0), 3) AS mean_milliseconds,
    guestsql_percentile(buckets, 0.5) AS p50_milliseconds,
    guestsql_percentile(buckets, 0.95) AS p95_milliseconds,
    guestsql_percentile(buckets, 0.99) AS p99_milliseconds,
    round(milliseconds) AS total_milliseconds
FROM counted_calls
ORDER BY milliseconds DESC, query ASC
LIMIT :max_rows::int;

-- name: get_query_latency(query, hours)^
-- Calls, errors and percentiles of one named query in the last hours.
-- The current hour is included. The percentiles are as in list_query_latencies; without a call they are NULL.
-- es: Llamadas, errores y percentiles de una consulta en las últimas horas, incluida la actual. Sin llamadas los
--     percentiles son NULL.
-- chart: number
--   query: text = 'lookup_context', its name
--     es: su nombre
--     choices: list_query_names
--   hours: int = 24, how far to look back
--     es: cuánto mirar hacia atrás
SELECT
    coalesce(sum(calls), 0)::bigint AS calls,
    (
        SELECT coalesce(sum(failed.errors), 0)::bigint
        FROM query_error_minutes AS failed
        WHERE
            failed.query = :query::text
            AND failed.minute >= date_trunc('hour', statement_timestamp()) - make_interval(hours => :hours::int - 1)
    ) AS errors,
    guestsql_percentile(guestsql_sum_buckets(buckets), 0.5) AS p50_milliseconds,
    guestsql_percentile(guestsql_sum_buckets(buckets), 0.95) AS p95_milliseconds
FROM query_minutes
WHERE
    query = :query::text
    AND minute >= date_trunc('hour', statement_timestamp()) - make_interval(hours => :hours::int - 1);

-- name: list_query_hours(query, max_rows)
-- Calls, errors and percentiles of one named query by hour, the oldest first.
-- The percentiles are as in list_query_latencies. An hour without a call has a row, too: zeros and NULL.
-- es: Llamadas, errores y percentiles de una consulta por hora, la más antigua primero. También las horas sin llamadas
--     tienen fila.
-- chart: line x=since y=p50_milliseconds,p95_milliseconds
--   query: text = 'lookup_context', its name
--     choices: list_query_names
--   max_rows: int = 24, hours to look back
--     es: horas hacia atrás
WITH counted_hours AS (
    SELECT
        date_trunc('hour', minute) AS since,
        sum(calls)::bigint AS calls,
        guestsql_sum_buckets(buckets) AS buckets
    FROM query_minutes
    WHERE
        query = :query::text
        AND minute >= date_trunc('hour', statement_timestamp()) - make_interval(hours => :max_rows::int - 1)
    GROUP BY since
)

SELECT
    hours.since,
    coalesce(counted_hours.calls, 0) AS calls,
    (
        SELECT coalesce(sum(failed.errors), 0)::bigint
        FROM query_error_minutes AS failed
        WHERE
            failed.query = :query::text
            AND failed.minute >= hours.since
            AND failed.minute < hours.since + make_interval(hours => 1)
    ) AS errors,
    guestsql_percentile(counted_hours.buckets, 0.5) AS p50_milliseconds,
    guestsql_percentile(counted_hours.buckets, 0.95) AS p95_milliseconds
FROM
    generate_series(
        date_trunc('hour', statement_timestamp()) - make_interval(hours => :max_rows::int - 1),
        statement_timestamp(),
        make_interval(hours => 1)
    ) AS hours (since)
LEFT JOIN counted_hours ON hours.since = counted_hours.since
ORDER BY hours.since
LIMIT :max_rows::int;

-- name: list_minute_latencies(max_rows)
-- Calls and percentiles of all named queries together by minute, the latest first.
-- The percentiles are as in list_query_latencies. A minute without a call has no row.
-- es: Llamadas y percentiles de todas las consultas juntas por minuto, lo último primero. Un minuto sin llamadas no
--     tiene fila.
-- chart: line x=minute y=p50_milliseconds,p95_milliseconds,p99_milliseconds
-- dashboard: operations
--   max_rows: int = 60, minutes to look back
--     es: minutos hacia atrás
WITH summed_minutes AS (
    SELECT
        minute,
        sum(calls)::bigint AS calls,
        guestsql_sum_buckets(buckets) AS buckets
    FROM query_minutes
    WHERE minute > date_trunc('minute', statement_timestamp()) - make_interval(mins => :max_rows::int)
    GROUP BY minute
)

SELECT
    minute,
    calls,
    guestsql_percentile(buckets, 0.5) AS p50_milliseconds,
    guestsql_percentile(buckets, 0.95) AS p95_milliseconds,
    guestsql_percentile(buckets, 0.99) AS p99_milliseconds
FROM summed_minutes
ORDER BY minute DESC
LIMIT :max_rows::int;

-- name: list_call_rates(unit, timezone, max_rows)
-- Calls, errors, rows and mean duration of all named queries by minute, hour or day.
-- The latest first. A minute, hour or day without a call has no row.
-- es: Llamadas, errores, filas y duración media de todas las consultas por minuto, hora o día. Lo último primero.
-- chart: line x=since y=calls,errors
-- dashboard: operations
--   unit: text = 'minute', of time: minute, hour or day
--     choices: list_minute_units
--   timezone: text = 'America/Bogota', the hotel's, for days
--   max_rows: int = 60, rows at most, and units to look back
WITH counted_calls AS (
    SELECT
        minute,
        calls,
        0 AS errors,
        row_count,
        microseconds
    FROM query_minutes
    UNION ALL
    SELECT
        minute,
        0 AS calls,
        errors,
        0 AS row_count,
        0 AS microseconds
    FROM query_error_minutes
)

SELECT
    date_trunc(:unit::text, minute, :timezone::text) AS since,
    sum(calls)::bigint AS calls,
    sum(errors)::bigint AS errors,
    round(100 * sum(errors) / nullif(sum(calls), 0), 2) AS error_percent,
    sum(row_count)::bigint AS row_count,
    round(sum(microseconds) / 1000 / nullif(sum(calls), 0), 3) AS mean_milliseconds
FROM counted_calls
WHERE
    minute >= date_trunc(:unit::text, statement_timestamp(), :timezone::text)
    - (:max_rows::int - 1) * ('1 ' || :unit::text)::interval
GROUP BY since
ORDER BY since DESC
LIMIT :max_rows::int;

-- name: list_query_errors(minutes, max_rows)
-- Errors of the last minutes by query and kind, most frequent first, with their last minute.
-- es: Errores de los últimos minutos por consulta y tipo, los más frecuentes primero, con su último minuto.
-- chart: stacked x=query y=errors series=kind
-- dashboard: operations
-- metrics: query_errors minutes=5
--   minutes: int = 60, how far to look back
--   max_rows: int = 50, rows at most
SELECT
    query,
    kind,
    sum(errors)::bigint AS errors,
    max(minute) AS last_minute
FROM query_error_minutes
WHERE minute >= date_trunc('minute', statement_timestamp()) - make_interval(mins => :minutes::int)
GROUP BY query, kind
ORDER BY errors DESC, query ASC, kind ASC
LIMIT :max_rows::int;

-- name: list_process_memory(minutes, max_rows)
-- Memory and failed flushes of the bot's processes in the last minutes, the latest first.
-- resident_bytes is the memory at the last flush. The server's own processes are not listed: a session sees its own
-- memory only. get_memory_settings shows what they may use.
-- es: Memoria y escrituras fallidas de los procesos del bot en los últimos minutos, lo último primero.
-- chart: bar x=process y=resident_bytes,peak_resident_bytes
-- metrics: process minutes=5
--   minutes: int = 60, how far to look back
--   max_rows: int = 50, rows at most
SELECT
    process,
    max(minute) AS last_minute,
    (array_agg(resident_bytes ORDER BY minute DESC) FILTER (WHERE resident_bytes IS NOT NULL))[1] AS resident_bytes,
    max(resident_bytes) AS peak_resident_bytes,
    sum(flushes)::bigint AS flushes,
    sum(flush_failures)::bigint AS flush_failures
FROM process_minutes
WHERE minute >= date_trunc('minute', statement_timestamp()) - make_interval(mins => :minutes::int)
GROUP BY process
ORDER BY last_minute DESC, process ASC
LIMIT :max_rows::int;
