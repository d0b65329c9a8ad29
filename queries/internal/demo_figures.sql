-- What bots have recorded about the invented hotel, for `guestsql demo --guests N`: days, campaigns, and the figures of calls.
-- The statements run in this order after those of demo.sql, in the same transaction, and follow the same rules.

-- name: fill_demo_days(until, timezone)!
-- Enters how many guests were new and active on each day of the last year.
-- check: allow GS501, because the hotel was invented a moment ago
--   until: timestamp, the hotel's local time at which the data end
--   timezone: text, the hotel's, e.g. 'America/Bogota'
WITH active_days AS (
    SELECT
        (hour AT TIME ZONE :timezone::text)::date AS day,
        count(DISTINCT phone_number) AS guests
    FROM interaction_hours
    WHERE hour >= (:until::timestamp::date - 365)::timestamp AT TIME ZONE :timezone::text
    GROUP BY day
),

new_days AS (
    SELECT
        (hour AT TIME ZONE :timezone::text)::date AS day,
        sum(guests) AS guests
    FROM conversion_hours
    WHERE step = 'wrote'
    GROUP BY day
)

INSERT INTO guest_days (day, new_guests, active_guests, recorded_at)
SELECT
    active.day,
    coalesce(new_days.guests, 0),
    active.guests,
    least(:until::timestamp, active.day + time '23:30') AT TIME ZONE :timezone::text
FROM active_days AS active
LEFT JOIN new_days ON active.day = new_days.day
ORDER BY active.day;

-- name: fill_demo_campaigns(seed, until, timezone)!
-- Enters campaigns of the last two months, their messages and results.
-- The messages go to guests who gave their consent.
-- check: allow GS202, because create_demo_guests creates demo_guests
--   seed: bigint, that of invent_demo_guests
--   until: timestamp, the hotel's local time at which the data end
--   timezone: text, the hotel's, e.g. 'America/Bogota'
WITH invented AS (
    INSERT INTO campaigns (
        campaign, segment, purpose, channel, account, starts_at, ends_at, state, created_at
    )
    SELECT
        given.campaign,
        given.segment,
        'marketing',
        'whatsapp',
        'whatsapp',
        (:until::timestamp::date - given.days + time '09:00') AT TIME ZONE :timezone::text AS starts_at,
        (:until::timestamp::date - given.days + 20 + time '18:00') AT TIME ZONE :timezone::text,
        CASE WHEN given.days > 20 THEN 'ended' ELSE 'active' END,
        (:until::timestamp::date - given.days - 1 + time '16:00') AT TIME ZONE :timezone::text
    FROM (
        VALUES
        ('vuelve-pronto', 'silent', 56), ('fin-de-semana', 'quoted', 44),
        ('temporada-alta', 'quoted', 36), ('desayuno-gratis', 'silent', 12)
    ) AS given (campaign, segment, days)
    RETURNING
        campaign,
        starts_at
),

offered AS (
    SELECT
        guest.number,
        guest.phone_number,
        invented.campaign,
        invented.starts_at,
        hashint8extended(guest.number * 1000 + hashtext(invented.campaign) % 1000, :seed::bigint * 100 + 12) AS bits
    FROM demo_guests AS guest
    INNER JOIN guest_consents AS consent
        ON
            guest.phone_number = consent.phone_number
            AND consent.purpose = 'marketing'
            AND consent.channel = 'whatsapp'
            AND consent.is_given
    CROSS JOIN invented
),

sent_actions AS (
    INSERT INTO campaign_actions (
        phone_number, campaign, purpose, channel, account, due_at, state, sent_at, created_at
    )
    SELECT
        phone_number,
        campaign,
        'marketing',
        'whatsapp',
        'whatsapp',
        starts_at,
        CASE WHEN bits & 31 = 0 THEN 'failed' ELSE 'delivered' END,
        starts_at + make_interval(days => ((bits >> 5) & 7)::integer, mins => ((bits >> 8) & 511)::integer),
        starts_at - make_interval(hours => 17)
    FROM offered
    WHERE
        (bits >> 17) & 31 < 4
        AND starts_at + make_interval(days => ((bits >> 5) & 7)::integer, mins => ((bits >> 8) & 511)::integer)
        < :until::timestamp AT TIME ZONE :timezone::text
    ORDER BY
        campaign,
        number
    RETURNING
        action_id,
        phone_number,
        state = 'delivered' AS is_delivered,
        sent_at,
        hashint8extended(action_id, :seed::bigint * 100 + 13) & 1023 AS luck
)

INSERT INTO action_results (action_id, phone_number, result, occurred_at, recorded_at)
SELECT
    action.action_id,
    action.phone_number,
    step.result,
    action.sent_at + step.after,
    action.sent_at + step.after
FROM sent_actions AS action
CROSS JOIN
    LATERAL (
        VALUES
        ('sent', interval '1 second', TRUE),
        ('delivered', interval '4 seconds', action.is_delivered),
        ('failed', interval '4 seconds', NOT action.is_delivered),
        ('read', interval '30 minutes', action.is_delivered AND action.luck < 700),
        ('replied', interval '2 hours', action.is_delivered AND action.luck < 210),
        ('opted_out', interval '2 hours', action.is_delivered AND action.luck > 1000)
    ) AS step (result, after, is_taken)
WHERE
    step.is_taken
    AND action.sent_at + step.after < :until::timestamp AT TIME ZONE :timezone::text
ORDER BY
    action.action_id,
    step.after,
    step.result;

-- name: fill_demo_contexts(guests, seed, until, timezone)!
-- Enters the requests for contexts of the last 70 days.
-- They are by hour, and by minute for the last 12 hours. The hit rate rises.
--   guests: bigint, how many there are
--   seed: bigint, that of invent_demo_guests
--   until: timestamp, the hotel's local time at which the data end
--   timezone: text, the hotel's, e.g. 'America/Bogota'
WITH moments AS (
    SELECT
        given.minute,
        1 AS hours
    FROM
        generate_series(
            date_trunc('hour', :until::timestamp) - make_interval(days => 70),
            date_trunc('hour', :until::timestamp) - make_interval(hours => 13),
            '1 hour'
        ) AS given (minute)
    UNION ALL
    SELECT
        given.minute,
        1 / 60.0 AS hours
    FROM
        generate_series(
            date_trunc('hour', :until::timestamp) - make_interval(hours => 12),
            date_trunc('minute', :until::timestamp) - make_interval(mins => 1),
            '1 minute'
        ) AS given (minute)
),

draws AS (
    SELECT
        minute AT TIME ZONE :timezone::text AS minute,
        hours,
        ('{2,1,1,1,1,2,5,9,12,14,15,16,15,13,12,13,14,16,18,19,17,13,8,4}'::integer[])[
            1 + extract(HOUR FROM minute)::integer
        ] AS load,
        (hashint8extended(extract(EPOCH FROM minute)::bigint, :seed::bigint * 100 + 14) & 511) / 1024.0 AS luck,
        (hashint8extended(minute::date - date '2000-01-01', :seed::bigint * 100 + 15) & 1023) / 1024.0 AS day_luck,
        extract(EPOCH FROM :until::timestamp - minute) / 86400 AS days_ago
    FROM moments
),

rates AS (
    SELECT
        minute,
        hours * (60 + :guests::bigint / 50.0) * load / 10 * (0.75 + luck) AS requests,
        0.87 - 0.002 * days_ago + 0.06 * day_luck AS hit_share,
        CASE WHEN day_luck > 0.9 THEN 0.0004 ELSE 0 END AS error_share
    FROM draws
)

INSERT INTO context_minutes (minute, outcome, answers)
SELECT
    rates.minute,
    shares.outcome,
    ceil(rates.requests * shares.share)::bigint
FROM rates
CROSS JOIN
    LATERAL (
        VALUES
        ('hit', rates.hit_share), ('stale', 0.02), ('miss', 0.98 - rates.hit_share), ('error', rates.error_share)
    ) AS shares (outcome, share)
WHERE shares.share > 0
ORDER BY
    rates.minute,
    shares.outcome;

-- name: fill_demo_calls(seed, until, timezone)!
-- Enters calls of five named queries and their errors.
-- Their times are those of fill_demo_contexts. Latencies fall.
-- check: allow GS501, because the hotel was invented a moment ago
--   seed: bigint, that of invent_demo_guests
--   until: timestamp, the hotel's local time at which the data end
--   timezone: text, the hotel's, e.g. 'America/Bogota'
WITH moments AS (
    SELECT
        minute,
        sum(answers) AS requests
    FROM context_minutes
    GROUP BY minute
),

calls AS (
    SELECT
        moment.minute,
        known.query,
        known.class,
        ceil(moment.requests * known.share)::bigint AS calls,
        extract(EPOCH FROM :until::timestamp AT TIME ZONE :timezone::text - moment.minute) / 86400 AS days_ago,
        (
            hashint8extended(
                (moment.minute AT TIME ZONE :timezone::text)::date - date '2000-01-01', :seed::bigint * 100 + 16
            )
            & 1023
        ) / 1024.0 AS day_luck
    FROM moments AS moment
    CROSS JOIN
        (
            VALUES
            ('lookup_context', 13, 1.0), ('build_context', 20, 0.09), ('get_thread', 12, 0.6), ('get_profile', 12, 0.4),
            ('record_interactions', 16, 0.2)
        ) AS known (query, class, share)
),

slow_calls AS (
    SELECT
        minute,
        query,
        class,
        calls,
        calls / 5 AS later,
        floor(calls * (0.02 + 0.04 * day_luck + 0.0012 * days_ago))::bigint AS slow
    FROM calls
),

failed AS (
    INSERT INTO query_error_minutes (minute, query, kind, errors)
    SELECT
        minute,
        query,
        'timeout',
        1
    FROM calls
    WHERE hashint8extended(extract(EPOCH FROM minute)::bigint + class, :seed::bigint * 100 + 17) & 1023 < 4
    ORDER BY
        minute,
        query
)

INSERT INTO query_minutes (minute, query, calls, row_count, microseconds, buckets)
SELECT
    minute,
    query,
    calls,
    calls AS row_count,
    round(1000000 * ((calls - slow) * 2 ^ ((class - 33) / 2.0) + slow * 2 ^ ((class - 29) / 2.0)))::bigint,
    -- Together they are all calls.
    array_fill(0::bigint, ARRAY[class - 1]) || ARRAY[calls - later - slow, later, 0, slow - slow / 5, slow / 5]
FROM slow_calls
ORDER BY
    minute,
    query;
