-- Metrics: what the processes count is added to the tables of migrations/0004_metrics.sql, and thinned there.
-- check: large query_minutes, query_error_minutes, context_minutes, process_minutes

-- name: thin_query_minutes(minute_days, hour_days, max_rows)$
-- Adds old minutes up to hours and removes old hours; the number of rows that went. 0: there is nothing left to do.
-- A row at the beginning of an hour is that hour's sum; run it again, or twice at once, and no figure counts twice.
--   minute_days: int = 7, days for which minutes are kept apart
--   hour_days: int = 400, days after which the hours go too
--   max_rows: int = 5000, rows at most of each kind
WITH old_hours AS (
    SELECT
        aged.minute,
        aged.query
    FROM query_minutes AS aged
    WHERE aged.minute < statement_timestamp() - make_interval(days => :hour_days::int)
    ORDER BY
        aged.minute,
        aged.query
    LIMIT :max_rows::int
    FOR UPDATE SKIP LOCKED
),

removed_hours AS (
    DELETE FROM query_minutes AS gone
    USING old_hours
    WHERE
        gone.minute = old_hours.minute
        AND gone.query = old_hours.query
    RETURNING gone.minute
),

old_minutes AS (
    SELECT
        aged.minute,
        aged.query
    FROM query_minutes AS aged
    WHERE
        aged.minute >= statement_timestamp() - make_interval(days => :hour_days::int)
        AND aged.minute
        < date_trunc('hour', statement_timestamp() - make_interval(days => :minute_days::int), 'UTC')
        AND aged.minute <> date_trunc('hour', aged.minute, 'UTC')
    ORDER BY
        aged.minute,
        aged.query
    LIMIT :max_rows::int
    FOR UPDATE SKIP LOCKED
),

removed_minutes AS (
    DELETE FROM query_minutes AS gone
    USING old_minutes
    WHERE
        gone.minute = old_minutes.minute
        AND gone.query = old_minutes.query
    RETURNING
        date_trunc('hour', gone.minute, 'UTC') AS hour,
        gone.query,
        gone.calls,
        gone.row_count,
        gone.microseconds,
        gone.buckets
),

summed_places AS (
    SELECT
        gone.hour,
        gone.query,
        bucket.place,
        sum(bucket.calls)::bigint AS calls
    FROM removed_minutes AS gone
    CROSS JOIN unnest(gone.buckets) WITH ORDINALITY AS bucket (calls, place)
    GROUP BY
        gone.hour,
        gone.query,
        bucket.place
),

summed_hours AS (
    SELECT
        gone.hour,
        gone.query,
        sum(gone.calls)::bigint AS calls,
        sum(gone.row_count)::bigint AS row_count,
        sum(gone.microseconds)::bigint AS microseconds
    FROM removed_minutes AS gone
    GROUP BY
        gone.hour,
        gone.query
),

added_hours AS (
    INSERT INTO query_minutes AS known (
        minute,
        query,
        calls,
        row_count,
        microseconds,
        buckets
    )
    SELECT
        summed.hour,
        summed.query,
        summed.calls,
        summed.row_count,
        summed.microseconds,
        array(
            SELECT places.calls
            FROM summed_places AS places
            WHERE
                places.hour = summed.hour
                AND places.query = summed.query
            ORDER BY places.place
        )
    FROM summed_hours AS summed
    ORDER BY
        summed.hour,
        summed.query
    ON CONFLICT (minute, query) DO UPDATE
        SET
            calls = known.calls + excluded.calls,
            row_count = known.row_count + excluded.row_count,
            microseconds = known.microseconds + excluded.microseconds,
            buckets = array(
                SELECT coalesce(pair.old_calls, 0) + coalesce(pair.new_calls, 0)
                FROM unnest(known.buckets, excluded.buckets) WITH ORDINALITY AS pair (old_calls, new_calls, place)
                ORDER BY pair.place
            )
)

SELECT
    (SELECT count(*) FROM removed_hours)
    + (SELECT count(*) FROM removed_minutes) AS thinned_rows;

-- name: thin_query_error_minutes(minute_days, hour_days, max_rows)$
-- As thin_query_minutes, for query_error_minutes.
--   minute_days: int = 7, days for which minutes are kept apart
--   hour_days: int = 400, days after which the hours go too
--   max_rows: int = 5000, rows at most of each kind
WITH old_hours AS (
    SELECT
        aged.minute,
        aged.query,
        aged.kind
    FROM query_error_minutes AS aged
    WHERE aged.minute < statement_timestamp() - make_interval(days => :hour_days::int)
    ORDER BY
        aged.minute,
        aged.query,
        aged.kind
    LIMIT :max_rows::int
    FOR UPDATE SKIP LOCKED
),

removed_hours AS (
    DELETE FROM query_error_minutes AS gone
    USING old_hours
    WHERE
        gone.minute = old_hours.minute
        AND gone.query = old_hours.query
        AND gone.kind = old_hours.kind
    RETURNING gone.minute
),

old_minutes AS (
    SELECT
        aged.minute,
        aged.query,
        aged.kind
    FROM query_error_minutes AS aged
    WHERE
        aged.minute >= statement_timestamp() - make_interval(days => :hour_days::int)
        AND aged.minute
        < date_trunc('hour', statement_timestamp() - make_interval(days => :minute_days::int), 'UTC')
        AND aged.minute <> date_trunc('hour', aged.minute, 'UTC')
    ORDER BY
        aged.minute,
        aged.query,
        aged.kind
    LIMIT :max_rows::int
    FOR UPDATE SKIP LOCKED
),

removed_minutes AS (
    DELETE FROM query_error_minutes AS gone
    USING old_minutes
    WHERE
        gone.minute = old_minutes.minute
        AND gone.query = old_minutes.query
        AND gone.kind = old_minutes.kind
    RETURNING
        date_trunc('hour', gone.minute, 'UTC') AS hour,
        gone.query,
        gone.kind,
        gone.errors
),

added_hours AS (
    INSERT INTO query_error_minutes AS known (
        minute,
        query,
        kind,
        errors
    )
    SELECT
        gone.hour,
        gone.query,
        gone.kind,
        sum(gone.errors)::bigint AS errors
    FROM removed_minutes AS gone
    GROUP BY
        gone.hour,
        gone.query,
        gone.kind
    ORDER BY
        gone.hour,
        gone.query,
        gone.kind
    ON CONFLICT (minute, query, kind) DO UPDATE
        SET errors = known.errors + excluded.errors
)

SELECT
    (SELECT count(*) FROM removed_hours)
    + (SELECT count(*) FROM removed_minutes) AS thinned_rows;

-- name: thin_context_minutes(minute_days, hour_days, max_rows)$
-- As thin_query_minutes, for context_minutes.
--   minute_days: int = 7, days for which minutes are kept apart
--   hour_days: int = 400, days after which the hours go too
--   max_rows: int = 5000, rows at most of each kind
WITH old_hours AS (
    SELECT
        aged.minute,
        aged.outcome
    FROM context_minutes AS aged
    WHERE aged.minute < statement_timestamp() - make_interval(days => :hour_days::int)
    ORDER BY
        aged.minute,
        aged.outcome
    LIMIT :max_rows::int
    FOR UPDATE SKIP LOCKED
),

removed_hours AS (
    DELETE FROM context_minutes AS gone
    USING old_hours
    WHERE
        gone.minute = old_hours.minute
        AND gone.outcome = old_hours.outcome
    RETURNING gone.minute
),

old_minutes AS (
    SELECT
        aged.minute,
        aged.outcome
    FROM context_minutes AS aged
    WHERE
        aged.minute >= statement_timestamp() - make_interval(days => :hour_days::int)
        AND aged.minute
        < date_trunc('hour', statement_timestamp() - make_interval(days => :minute_days::int), 'UTC')
        AND aged.minute <> date_trunc('hour', aged.minute, 'UTC')
    ORDER BY
        aged.minute,
        aged.outcome
    LIMIT :max_rows::int
    FOR UPDATE SKIP LOCKED
),

removed_minutes AS (
    DELETE FROM context_minutes AS gone
    USING old_minutes
    WHERE
        gone.minute = old_minutes.minute
        AND gone.outcome = old_minutes.outcome
    RETURNING
        date_trunc('hour', gone.minute, 'UTC') AS hour,
        gone.outcome,
        gone.answers
),

added_hours AS (
    INSERT INTO context_minutes AS known (
        minute,
        outcome,
        answers
    )
    SELECT
        gone.hour,
        gone.outcome,
        sum(gone.answers)::bigint AS answers
    FROM removed_minutes AS gone
    GROUP BY
        gone.hour,
        gone.outcome
    ORDER BY
        gone.hour,
        gone.outcome
    ON CONFLICT (minute, outcome) DO UPDATE
        SET answers = known.answers + excluded.answers
)

SELECT
    (SELECT count(*) FROM removed_hours)
    + (SELECT count(*) FROM removed_minutes) AS thinned_rows;

-- name: thin_process_minutes(minute_days, hour_days, max_rows)$
-- As thin_query_minutes, for process_minutes; an hour keeps the largest memory of its minutes.
--   minute_days: int = 7, days for which minutes are kept apart
--   hour_days: int = 400, days after which the hours go too
--   max_rows: int = 5000, rows at most of each kind
WITH old_hours AS (
    SELECT
        aged.minute,
        aged.process
    FROM process_minutes AS aged
    WHERE aged.minute < statement_timestamp() - make_interval(days => :hour_days::int)
    ORDER BY
        aged.minute,
        aged.process
    LIMIT :max_rows::int
    FOR UPDATE SKIP LOCKED
),

removed_hours AS (
    DELETE FROM process_minutes AS gone
    USING old_hours
    WHERE
        gone.minute = old_hours.minute
        AND gone.process = old_hours.process
    RETURNING gone.minute
),

old_minutes AS (
    SELECT
        aged.minute,
        aged.process
    FROM process_minutes AS aged
    WHERE
        aged.minute >= statement_timestamp() - make_interval(days => :hour_days::int)
        AND aged.minute
        < date_trunc('hour', statement_timestamp() - make_interval(days => :minute_days::int), 'UTC')
        AND aged.minute <> date_trunc('hour', aged.minute, 'UTC')
    ORDER BY
        aged.minute,
        aged.process
    LIMIT :max_rows::int
    FOR UPDATE SKIP LOCKED
),

removed_minutes AS (
    DELETE FROM process_minutes AS gone
    USING old_minutes
    WHERE
        gone.minute = old_minutes.minute
        AND gone.process = old_minutes.process
    RETURNING
        date_trunc('hour', gone.minute, 'UTC') AS hour,
        gone.process,
        gone.flushes,
        gone.flush_failures,
        gone.resident_bytes
),

added_hours AS (
    INSERT INTO process_minutes AS known (
        minute,
        process,
        flushes,
        flush_failures,
        resident_bytes
    )
    SELECT
        gone.hour,
        gone.process,
        sum(gone.flushes)::bigint AS flushes,
        sum(gone.flush_failures)::bigint AS flush_failures,
        max(gone.resident_bytes) AS resident_bytes
    FROM removed_minutes AS gone
    GROUP BY
        gone.hour,
        gone.process
    ORDER BY
        gone.hour,
        gone.process
    ON CONFLICT (minute, process) DO UPDATE
        SET
            flushes = known.flushes + excluded.flushes,
            flush_failures = known.flush_failures + excluded.flush_failures,
            resident_bytes = greatest(known.resident_bytes, excluded.resident_bytes)
)

SELECT
    (SELECT count(*) FROM removed_hours)
    + (SELECT count(*) FROM removed_minutes) AS thinned_rows;
