-- The report (`guestsql report`): the last days, and as many days before them.
--
-- "Now" is whole days of the hotel, up to yesterday. A column X_before is X of as many days before those. Where a zone is
-- half an hour off, hours count for the day in which their UTC hour began.
--
-- active_guests is what record_guest_days recorded, NULL for other days. Rates and percentiles of no call are NULL.
--
-- check: read-only
-- check: large interaction_hours, query_minutes, context_minutes

-- name: get_guest_comparison(days, timezone)^
-- New guests, and active guests a day, now and before.
-- es: Huéspedes nuevos, y activos por día, ahora y antes.
-- dashboard: report
-- chart: number
-- check: allow GS501, because the first message of every guest is read
--   days: int = 30, of a period
--     es: de un período
--   timezone: text = 'America/Bogota', the hotel's
WITH days AS (
    SELECT
        (statement_timestamp() AT TIME ZONE :timezone::text)::date - past.days AS day,
        past.days > :days::int AS is_before
    FROM generate_series(1, 2 * :days::int) AS past (days)
),

counted_days AS (
    SELECT
        (hour AT TIME ZONE :timezone::text)::date AS day,
        sum(guests) AS new_guests
    FROM conversion_hours
    WHERE step = 'wrote' AND hour >= statement_timestamp() - make_interval(days => 2 * :days::int + 2)
    GROUP BY day
)

SELECT
    coalesce(sum(counted.new_guests) FILTER (WHERE NOT days.is_before), 0)::bigint AS new_guests,
    coalesce(sum(counted.new_guests) FILTER (WHERE days.is_before), 0)::bigint AS new_guests_before,
    round(avg(recorded.active_guests) FILTER (WHERE NOT days.is_before), 1) AS active_guests_a_day,
    round(avg(recorded.active_guests) FILTER (WHERE days.is_before), 1) AS active_guests_a_day_before
FROM days
LEFT JOIN counted_days AS counted ON days.day = counted.day
LEFT JOIN guest_days AS recorded ON days.day = recorded.day;

-- name: list_guest_comparison(days, timezone)
-- New guests by day, now and before.
-- es: Huéspedes nuevos por día, ahora y antes.
-- dashboard: report
-- chart: line x=day y=new_guests,new_guests_before
-- check: allow GS501, because the first message of every guest is read
--   days: int = 30, of a period
--   timezone: text = 'America/Bogota', the hotel's
WITH days AS (
    SELECT (statement_timestamp() AT TIME ZONE :timezone::text)::date - past.days AS day
    FROM generate_series(1, :days::int) AS past (days)
),

counted_days AS (
    SELECT
        (hour AT TIME ZONE :timezone::text)::date AS day,
        sum(guests)::bigint AS guests
    FROM conversion_hours
    WHERE step = 'wrote' AND hour >= statement_timestamp() - make_interval(days => 2 * :days::int + 2)
    GROUP BY day
)

SELECT
    days.day,
    coalesce(counted.guests, 0) AS new_guests,
    coalesce(earlier.guests, 0) AS new_guests_before,
    recorded.active_guests,
    earlier_recorded.active_guests AS active_guests_before
FROM days
LEFT JOIN counted_days AS counted ON days.day = counted.day
LEFT JOIN counted_days AS earlier ON days.day - :days::int = earlier.day
LEFT JOIN guest_days AS recorded ON days.day = recorded.day
LEFT JOIN guest_days AS earlier_recorded ON days.day - :days::int = earlier_recorded.day
ORDER BY days.day;

-- name: get_message_comparison(days, timezone)^
-- Messages of guests, now and before.
-- es: Mensajes de los huéspedes, ahora y antes.
-- dashboard: report
-- chart: number
--   days: int = 30, of a period
--   timezone: text = 'America/Bogota', the hotel's
WITH aged_hours AS (
    SELECT
        (statement_timestamp() AT TIME ZONE :timezone::text)::date
        - (hour AT TIME ZONE :timezone::text)::date AS days_ago,
        messages
    FROM interaction_hours
    WHERE hour >= statement_timestamp() - make_interval(days => 2 * :days::int + 2)
)

SELECT
    coalesce(sum(messages) FILTER (WHERE days_ago <= :days::int), 0)::bigint AS messages,
    coalesce(sum(messages) FILTER (WHERE days_ago > :days::int), 0)::bigint AS messages_before
FROM aged_hours
WHERE days_ago BETWEEN 1 AND 2 * :days::int;

-- name: list_hour_comparison(days, timezone)
-- Messages by hour of the hotel's clock, now and before.
-- es: Mensajes por hora del hotel, ahora y antes.
-- dashboard: report
-- chart: line x=hour y=messages,messages_before
--   days: int = 30, of a period
--   timezone: text = 'America/Bogota', the hotel's
WITH written_hours AS (
    SELECT
        hour AT TIME ZONE :timezone::text AS local_hour,
        sum(messages) AS messages
    FROM interaction_hours
    WHERE hour >= statement_timestamp() - make_interval(days => 2 * :days::int + 2)
    GROUP BY hour
),

aged_hours AS (
    SELECT
        extract(HOUR FROM local_hour) AS hour,
        (statement_timestamp() AT TIME ZONE :timezone::text)::date - local_hour::date AS days_ago,
        messages
    FROM written_hours
)

SELECT
    hours.hour,
    coalesce(sum(aged.messages) FILTER (WHERE aged.days_ago <= :days::int), 0)::bigint AS messages,
    coalesce(sum(aged.messages) FILTER (WHERE aged.days_ago > :days::int), 0)::bigint AS messages_before
FROM generate_series(0, 23) AS hours (hour)
LEFT JOIN aged_hours AS aged ON hours.hour = aged.hour AND aged.days_ago BETWEEN 1 AND 2 * :days::int
GROUP BY hours.hour
ORDER BY hours.hour;

-- name: get_context_comparison(days, timezone)^
-- Requests for contexts, hit rate and errors, now and before.
-- es: Peticiones de contextos, tasa de aciertos y errores, ahora y antes.
-- dashboard: report
-- chart: number
--   days: int = 30, of a period
--   timezone: text = 'America/Bogota', the hotel's
WITH aged_minutes AS (
    SELECT
        (statement_timestamp() AT TIME ZONE :timezone::text)::date
        - (minute AT TIME ZONE :timezone::text)::date > :days::int AS is_before,
        answers,
        outcome
    FROM context_minutes
    WHERE
        minute >= statement_timestamp() - make_interval(days => 2 * :days::int + 2)
        AND (statement_timestamp() AT TIME ZONE :timezone::text)::date
        - (minute AT TIME ZONE :timezone::text)::date BETWEEN 1 AND 2 * :days::int
),

counted_periods AS (
    SELECT
        is_before,
        sum(answers)::bigint AS requests,
        round(100 * coalesce(sum(answers) FILTER (WHERE outcome = 'hit'), 0) / sum(answers), 2) AS hit_percent,
        coalesce(sum(answers) FILTER (WHERE outcome = 'error'), 0)::bigint AS errors
    FROM aged_minutes
    GROUP BY is_before
)

SELECT
    coalesce(max(requests) FILTER (WHERE NOT is_before), 0) AS requests,
    coalesce(max(requests) FILTER (WHERE is_before), 0) AS requests_before,
    max(hit_percent) FILTER (WHERE NOT is_before) AS hit_percent,
    max(hit_percent) FILTER (WHERE is_before) AS hit_percent_before,
    coalesce(max(errors) FILTER (WHERE NOT is_before), 0) AS errors,
    coalesce(max(errors) FILTER (WHERE is_before), 0) AS errors_before
FROM counted_periods;

-- name: list_context_comparison(days, timezone)
-- Hit rate of contexts by day, now and before.
-- es: Tasa de aciertos de los contextos por día, ahora y antes.
-- dashboard: report
-- chart: line x=day y=hit_percent,hit_percent_before
--   days: int = 30, of a period
--   timezone: text = 'America/Bogota', the hotel's
WITH counted_days AS (
    SELECT
        (minute AT TIME ZONE :timezone::text)::date AS day,
        sum(answers)::bigint AS requests,
        round(100 * coalesce(sum(answers) FILTER (WHERE outcome = 'hit'), 0) / sum(answers), 2) AS hit_percent
    FROM context_minutes
    WHERE minute >= statement_timestamp() - make_interval(days => 2 * :days::int + 2)
    GROUP BY day
)

SELECT
    days.day,
    counted.hit_percent,
    earlier.hit_percent AS hit_percent_before,
    coalesce(counted.requests, 0) AS requests,
    coalesce(earlier.requests, 0) AS requests_before
FROM (
    SELECT (statement_timestamp() AT TIME ZONE :timezone::text)::date - past.days AS day
    FROM generate_series(1, :days::int) AS past (days)
) AS days
LEFT JOIN counted_days AS counted ON days.day = counted.day
LEFT JOIN counted_days AS earlier ON days.day - :days::int = earlier.day
ORDER BY days.day;

-- name: get_latency_comparison(days, timezone)^
-- Calls of named queries and their latencies, now and before.
-- es: Llamadas a las consultas y sus latencias, ahora y antes.
-- dashboard: report
-- chart: number
--   days: int = 30, of a period
--   timezone: text = 'America/Bogota', the hotel's
WITH counted_days AS MATERIALIZED ( -- otherwise the planner expects few rows, and sorts them
    SELECT
        (minute AT TIME ZONE :timezone::text)::date AS day,
        guestsql_sum_buckets(buckets) AS buckets
    FROM query_minutes
    WHERE minute >= statement_timestamp() - make_interval(days => 2 * :days::int + 2)
    GROUP BY day
),

counted_periods AS (
    SELECT
        (statement_timestamp() AT TIME ZONE :timezone::text)::date - day > :days::int AS is_before,
        guestsql_sum_buckets(buckets) AS buckets
    FROM counted_days
    WHERE (statement_timestamp() AT TIME ZONE :timezone::text)::date - day BETWEEN 1 AND 2 * :days::int
    GROUP BY is_before
)

SELECT
    coalesce(sum(summed.calls) FILTER (WHERE NOT period.is_before), 0)::bigint AS calls,
    coalesce(sum(summed.calls) FILTER (WHERE period.is_before), 0)::bigint AS calls_before,
    max(guestsql_percentile(period.buckets, 0.5)) FILTER (WHERE NOT period.is_before) AS p50_milliseconds,
    max(guestsql_percentile(period.buckets, 0.5)) FILTER (WHERE period.is_before) AS p50_milliseconds_before,
    max(guestsql_percentile(period.buckets, 0.95)) FILTER (WHERE NOT period.is_before) AS p95_milliseconds,
    max(guestsql_percentile(period.buckets, 0.95)) FILTER (WHERE period.is_before) AS p95_milliseconds_before
FROM counted_periods AS period
CROSS JOIN LATERAL (SELECT sum(classes.calls) AS calls FROM unnest(period.buckets) AS classes (calls)) AS summed;

-- name: list_latency_comparison(days, timezone)
-- Latency of named queries by day, now and before.
-- 95 % of the calls took at most so many milliseconds.
-- es: Latencia de las consultas por día, ahora y antes.
-- es: El 95 % de las llamadas tardó a lo sumo estos milisegundos.
-- dashboard: report
-- chart: line x=day y=p95_milliseconds,p95_milliseconds_before
--   days: int = 30, of a period
--   timezone: text = 'America/Bogota', the hotel's
WITH counted_days AS (
    SELECT
        (minute AT TIME ZONE :timezone::text)::date AS day,
        guestsql_percentile(guestsql_sum_buckets(buckets), 0.95) AS p95_milliseconds
    FROM query_minutes
    WHERE minute >= statement_timestamp() - make_interval(days => 2 * :days::int + 2)
    GROUP BY day
)

SELECT
    days.day,
    counted.p95_milliseconds,
    earlier.p95_milliseconds AS p95_milliseconds_before
FROM (
    SELECT (statement_timestamp() AT TIME ZONE :timezone::text)::date - past.days AS day
    FROM generate_series(1, :days::int) AS past (days)
) AS days
LEFT JOIN counted_days AS counted ON days.day = counted.day
LEFT JOIN counted_days AS earlier ON days.day - :days::int = earlier.day
ORDER BY days.day;

-- name: list_funnel_comparison(days, timezone)
-- From the first message to the first booking, now and before.
-- Guests who wrote first, were first interested and first booked on these days. They need not be the same guests.
-- es: Del primer mensaje a la primera reserva, ahora y antes.
-- es: Huéspedes que en estos días escribieron, se interesaron y reservaron por primera vez. No tienen que ser los mismos.
-- dashboard: report
-- chart: bar x=step y=guests,guests_before
-- check: allow GS501, because every guest counts
--   days: int = 30, of a period
--   timezone: text = 'America/Bogota', the hotel's
WITH aged_steps AS (
    SELECT
        step,
        (statement_timestamp() AT TIME ZONE :timezone::text)::date
        - (hour AT TIME ZONE :timezone::text)::date AS days_ago,
        guests
    FROM conversion_hours
    WHERE hour >= statement_timestamp() - make_interval(days => 2 * :days::int + 2)
)

SELECT
    steps.step,
    coalesce(sum(aged.guests) FILTER (WHERE aged.days_ago <= :days::int), 0)::bigint AS guests,
    coalesce(sum(aged.guests) FILTER (WHERE aged.days_ago > :days::int), 0)::bigint AS guests_before
FROM (VALUES (1, 'wrote'), (2, 'interested'), (3, 'booked')) AS steps (place, step)
LEFT JOIN aged_steps AS aged ON steps.step = aged.step AND aged.days_ago BETWEEN 1 AND 2 * :days::int
GROUP BY
    steps.place,
    steps.step
ORDER BY steps.place;

-- name: get_consent_comparison(days, timezone)^
-- Consents given and withdrawn, now and before.
-- es: Consentimientos dados y retirados, ahora y antes.
-- dashboard: report
-- chart: number
-- check: allow GS501, because consents have no index by time
--   days: int = 30, of a period
--   timezone: text = 'America/Bogota', the hotel's
WITH aged_events AS (
    SELECT
        action,
        (statement_timestamp() AT TIME ZONE :timezone::text)::date
        - (recorded_at AT TIME ZONE :timezone::text)::date AS days_ago
    FROM consent_events
    WHERE recorded_at >= statement_timestamp() - make_interval(days => 2 * :days::int + 2)
)

SELECT
    count(*) FILTER (WHERE action = 'given' AND days_ago <= :days::int) AS consents,
    count(*) FILTER (WHERE action = 'given' AND days_ago > :days::int) AS consents_before,
    count(*) FILTER (WHERE action = 'withdrawn' AND days_ago <= :days::int) AS withdrawals,
    count(*) FILTER (WHERE action = 'withdrawn' AND days_ago > :days::int) AS withdrawals_before
FROM aged_events
WHERE days_ago BETWEEN 1 AND 2 * :days::int;

-- name: list_campaign_comparison(days, timezone, max_rows)
-- Messages of campaigns, now and before.
-- Replies and opt-outs count for the period in which the message was sent.
-- es: Mensajes de las campañas, ahora y antes.
-- es: Las respuestas y las bajas cuentan en el período en que se envió el mensaje.
-- dashboard: report
-- chart: bar x=campaign y=sent,sent_before
-- check: allow GS501, because sent actions have no index by time
--   days: int = 30, of a period
--   timezone: text = 'America/Bogota', the hotel's
--   max_rows: int = 20, rows at most
WITH sent_actions AS (
    SELECT
        action_id,
        campaign,
        (statement_timestamp() AT TIME ZONE :timezone::text)::date
        - (sent_at AT TIME ZONE :timezone::text)::date AS days_ago
    FROM campaign_actions
    WHERE sent_at >= statement_timestamp() - make_interval(days => 2 * :days::int + 2)
)

SELECT
    sent.campaign,
    count(*) FILTER (WHERE sent.days_ago <= :days::int) AS sent,
    count(*) FILTER (WHERE sent.days_ago > :days::int) AS sent_before,
    count(replies.action_id) FILTER (WHERE sent.days_ago <= :days::int) AS replied,
    count(replies.action_id) FILTER (WHERE sent.days_ago > :days::int) AS replied_before,
    count(opt_outs.action_id) FILTER (WHERE sent.days_ago <= :days::int) AS opted_out,
    count(opt_outs.action_id) FILTER (WHERE sent.days_ago > :days::int) AS opted_out_before
FROM sent_actions AS sent
LEFT JOIN action_results AS replies ON sent.action_id = replies.action_id AND replies.result = 'replied'
LEFT JOIN action_results AS opt_outs ON sent.action_id = opt_outs.action_id AND opt_outs.result = 'opted_out'
WHERE sent.days_ago BETWEEN 1 AND 2 * :days::int
GROUP BY sent.campaign
ORDER BY
    count(*) DESC,
    sent.campaign ASC
LIMIT :max_rows::int;
