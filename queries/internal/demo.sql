-- An invented hotel of any size, for `guestsql demo --guests N`. The same number of guests, seed and end give the same rows.
--
-- Nothing is random: each choice is a hash of the guest's number and the seed, as a share between 0 and 1. The statements
-- run in this order in one transaction, in an empty database. demo_guests has the choices until the transaction ends.

-- name: get_demo_target()^
-- Which database this is, and whether it has guests.
SELECT
    current_database()::text AS database_name,
    EXISTS (SELECT FROM guest_ids)
    OR EXISTS (SELECT FROM historical_clients)
    OR EXISTS (SELECT FROM guest_marketing)
    OR EXISTS (SELECT FROM interaction_hours) AS has_guests;

-- name: create_demo_guests()!
-- Creates the temporary table of the invented guests.
CREATE TEMPORARY TABLE demo_guests (
    number bigint PRIMARY KEY,
    phone_number text NOT NULL,

    -- The hotel's local time at which the guest wrote first. NULL: the old bot's files have no times of this guest.
    arrived_at timestamp,
    visits integer NOT NULL,
    labels text[] NOT NULL,

    -- books, asks, or NULL: no status is known.
    outcome text,

    -- Shares between 0 and 1: how soon the guest comes back or decides, and what else becomes of the guest.
    pace double precision NOT NULL,
    fate double precision NOT NULL
) ON COMMIT DROP;

-- name: invent_demo_guests(guests, seed, until)!
-- Invents guests: when they came, how often, with which labels, and what comes of it.
-- More arrive in the high season, at weekends and from year to year. Labels are in any order; a quarter has none.
-- check: allow GS202, because create_demo_guests creates demo_guests
--   guests: bigint, how many
--   seed: bigint, each seed invents another hotel
--   until: timestamp, the hotel's local time at which the data end
WITH days AS ( -- each day of three years as often as its weight
    SELECT array_agg(past.day ORDER BY past.day) AS list
    FROM generate_series(:until::timestamp - make_interval(days => 1095), :until::timestamp, '1 day') AS past (day)
    CROSS JOIN LATERAL generate_series(
        (:until::timestamp::date - past.day::date) / 180
        - CASE WHEN extract(ISODOW FROM past.day) >= 5 THEN 4 ELSE 0 END,
        ('{14,7,8,10,5,11,12,8,5,7,7,15}'::integer[])[extract(MONTH FROM past.day)] + 5
    )
),

kinds AS ( -- of each hundred guests; chance: of a booking
    SELECT
        kind.label,
        kind.chance,
        row_number() OVER (ORDER BY kind.label) - 1 AS hundredth
    FROM (
        VALUES
        ('', 24, 0.06), ('cotización', 28, 0.30), ('reserva', 14, 0.62), ('familia', 9, 0.34), ('pareja', 8, 0.38),
        ('grupo', 6, 0.15), ('evento', 5, 0.12), ('VIP', 4, 0.75), ('Colega Jefe', 2, 0.02)
    ) AS kind (label, shares, chance)
    CROSS JOIN LATERAL generate_series(1, kind.shares)
),

draws AS (
    SELECT
        numbers.number,
        (hashint8extended(numbers.number, :seed::bigint * 100 + 1) & 1048575) / 1048576.0::float8 AS arrival,
        (hashint8extended(numbers.number, :seed::bigint * 100 + 2) & 1048575) / 1048576.0::float8 AS hour,
        1 + floor(
            -1.3 * ln(1 - (hashint8extended(numbers.number, :seed::bigint * 100 + 3) & 1048575) / 1048576.0::float8)
        )::integer AS visits,
        (hashint8extended(numbers.number, :seed::bigint * 100 + 4) & 1048575) / 1048576.0::float8 AS kind,
        (hashint8extended(numbers.number, :seed::bigint * 100 + 5) & 1048575) / 1048576.0::float8 AS second_label,
        (hashint8extended(numbers.number, :seed::bigint * 100 + 6) & 1048575) / 1048576.0::float8 AS luck,
        (hashint8extended(numbers.number, :seed::bigint * 100 + 7) & 1048575) / 1048576.0::float8 AS pace,
        (hashint8extended(numbers.number, :seed::bigint * 100 + 8) & 1048575) / 1048576.0::float8 AS fate
    FROM generate_series(1, :guests::bigint) AS numbers (number)
)

INSERT INTO demo_guests (number, phone_number, arrived_at, visits, labels, outcome, pace, fate)
SELECT
    draw.number,
    CASE
        WHEN draw.fate < 0.03 THEN (90000000000000 + draw.number) || '@lid' ELSE (573000000000 + draw.number)::text
    END,
    CASE
        WHEN draw.fate < 0.98
            THEN least(
                (SELECT list FROM days)[1 + floor(draw.arrival * (SELECT cardinality(list) FROM days))::integer]::date
                + make_interval(mins => 420 + floor(900 * sqrt(draw.hour))::integer),
                :until::timestamp - make_interval(secs => 60 + 3000 * draw.hour)
            )
    END AS arrived_at,
    CASE WHEN draw.fate < 0.98 THEN draw.visits ELSE 0 END AS visits,
    CASE
        WHEN kinds.label = '' THEN '{}'
        WHEN draw.second_label < 0.15 THEN ARRAY[kinds.label, 'fin de semana']
        WHEN draw.second_label < 0.30 THEN ARRAY['fin de semana', kinds.label]
        WHEN draw.second_label < 0.36 AND kinds.label <> 'VIP' THEN ARRAY[kinds.label, 'VIP', 'recurrente']
        ELSE ARRAY[kinds.label]
    END AS labels,
    CASE
        WHEN draw.luck < kinds.chance * (0.6 + 0.2 * least(draw.visits, 4)) THEN 'books'
        WHEN draw.luck < 0.45 + kinds.chance / 2 THEN 'asks'
    END AS outcome,
    draw.pace,
    draw.fate
FROM draws AS draw
INNER JOIN kinds ON kinds.hundredth = floor(draw.kind * 100)
ORDER BY draw.number;

-- name: fill_demo_hours(seed, until, timezone)!
-- Enters the hours in which the guests wrote, in the order of time. Each visit is an hour or two.
-- check: allow GS202, because create_demo_guests creates demo_guests
--   seed: bigint, that of invent_demo_guests
--   until: timestamp, the hotel's local time at which the data end
--   timezone: text, the hotel's, e.g. 'America/Bogota'
INSERT INTO interaction_hours (phone_number, hour, messages)
SELECT
    guest.phone_number,
    date_trunc('hour', visit.began_at AT TIME ZONE :timezone::text) + make_interval(hours => parts.number) AS hour,
    1 + ((visit.bits >> (8 + 4 * parts.number)) & 7) AS messages
FROM demo_guests AS guest
CROSS JOIN LATERAL generate_series(0, guest.visits - 1) AS visits (number)
CROSS JOIN
    LATERAL (
        SELECT
            draw.bits,
            guest.arrived_at
            + make_interval(
                days => visits.number * (3 + floor(180 * guest.pace * guest.pace)::integer),
                hours => CASE WHEN visits.number > 0 THEN (draw.bits & 3)::integer - 2 ELSE 0 END
            ) AS began_at
        FROM (SELECT hashint8extended(guest.number * 64 + visits.number, :seed::bigint * 100 + 9) AS bits) AS draw
    ) AS visit
CROSS JOIN LATERAL generate_series(0, ((visit.bits >> 20) & 1)::integer) AS parts (number)
WHERE visit.began_at + make_interval(hours => parts.number) < :until::timestamp
ORDER BY hour, guest.number;

-- name: fill_demo_guests(seed, until, timezone)!
-- Enters the guests' rows: those silent for more than 180 days are archived.
-- check: allow GS202, because create_demo_guests creates demo_guests
--   seed: bigint, that of invent_demo_guests
--   until: timestamp, the hotel's local time at which the data end
--   timezone: text, the hotel's, e.g. 'America/Bogota'
WITH ends AS (
    SELECT :until::timestamp AT TIME ZONE :timezone::text AS at
),

written_hours AS (
    SELECT
        phone_number,
        max(hour) AS last_hour,
        sum(messages) AS messages
    FROM interaction_hours
    GROUP BY phone_number
),

timed_guests AS (
    SELECT
        guest.number,
        guest.phone_number,
        guest.labels,
        ends.at AS ends_at,
        guest.arrived_at AT TIME ZONE :timezone::text AS first_at,
        -- least() ignores NULL: a guest who never wrote would have written at the end.
        CASE
            WHEN guest.arrived_at IS NOT NULL
                THEN
                    least(
                        ends.at,
                        greatest(
                            guest.arrived_at AT TIME ZONE :timezone::text,
                            written.last_hour + make_interval(secs => 3540 * guest.pace)
                        )
                    )
        END AS last_at,
        coalesce(written.messages, 0) AS messages,
        hashint8extended(guest.number, :seed::bigint * 100 + 10) AS bits
    FROM demo_guests AS guest
    CROSS JOIN ends
    LEFT JOIN written_hours AS written ON guest.phone_number = written.phone_number
),

people AS MATERIALIZED (
    SELECT
        number,
        phone_number,
        phone_number || CASE WHEN phone_number LIKE '%@lid' THEN '' ELSE '@s.whatsapp.net' END AS chat_id,
        ('{Ana,Camila,Carlos,Daniela,Diego,Elena,Felipe,Gabriela,Hugo,Inés,Jorge,Laura,Luis,Marta,Sofía}'::text[])[
            (bits >> 16) & 15
        ] AS user_name,
        ('{Arango,Bedoya,Cárdenas,Díaz,Gómez,Henao,López,Mejía}'::text[])[(bits >> 20) & 15] AS surname,
        labels,
        bits & 255 > 2 AS memory_enabled,
        CASE WHEN bits & 7 > 2 THEN 'thread_demo_' || number END AS thread_id,
        first_at,
        last_at,
        messages,
        coalesce(first_at, ends_at - make_interval(days => 900)) AS known_at,
        last_at < ends_at - make_interval(days => 180) AS is_silent
    FROM timed_guests
),

archived AS (
    INSERT INTO historical_clients (
        phone_number, chat_id, user_name, contact_name, labels, memory_enabled, thread_id, thread_tokens,
        thread_created_at, first_interaction, last_interaction, total_interactions, created_at, updated_at, archived_at
    )
    SELECT
        phone_number,
        chat_id,
        user_name,
        user_name || ' ' || surname,
        labels,
        memory_enabled,
        thread_id,
        CASE WHEN thread_id IS NULL THEN 0 ELSE 400 * messages END,
        CASE WHEN thread_id IS NOT NULL THEN first_at END,
        first_at,
        last_at,
        messages,
        known_at,
        last_at + make_interval(days => 180),
        last_at + make_interval(days => 180)
    FROM people
    WHERE is_silent
    ORDER BY number
)

INSERT INTO guest_profiles (
    phone_number, chat_id, user_name, contact_name, labels, memory_enabled, thread_id, thread_tokens, thread_created_at,
    first_interaction, last_interaction, total_interactions, created_at, updated_at
)
SELECT
    phone_number,
    chat_id,
    user_name,
    user_name || ' ' || surname,
    labels,
    memory_enabled,
    thread_id,
    CASE WHEN thread_id IS NULL THEN 0 ELSE 400 * messages END,
    CASE WHEN thread_id IS NOT NULL THEN first_at END,
    first_at,
    last_at,
    messages,
    known_at,
    coalesce(last_at, known_at)
FROM people
WHERE is_silent IS NOT TRUE
ORDER BY number;

-- name: fill_demo_bookings(until, timezone)!
-- Enters the booking events, in the order of time. The status of a guest without times has the time of the import.
-- Some cancel, some book again after 300 days; those who only asked may be lost or inactive later.
-- check: allow GS202, because create_demo_guests creates demo_guests
--   until: timestamp, the hotel's local time at which the data end
--   timezone: text, the hotel's, e.g. 'America/Bogota'
WITH known_times AS (
    SELECT
        number,
        phone_number,
        arrived_at,
        outcome,
        pace,
        fate,
        coalesce(arrived_at, :until::timestamp - make_interval(days => 800)) AS known_at,
        CASE WHEN fate > 0.4 THEN 180000 + 45000 * (number % 12) END AS quote
    FROM demo_guests
)

INSERT INTO booking_events (phone_number, status, occurred_at, recorded_at, source, value, currency)
SELECT
    guest.phone_number,
    step.status,
    (guest.known_at + step.after) AT TIME ZONE :timezone::text AS occurred_at,
    (guest.known_at + step.after) AT TIME ZONE :timezone::text AS recorded_at,
    CASE WHEN guest.arrived_at IS NULL THEN 'import' ELSE 'bot' END AS source,
    step.price,
    CASE WHEN step.price IS NOT NULL THEN 'COP' END AS currency
FROM known_times AS guest
CROSS JOIN
    LATERAL (
        VALUES
        ('interested', make_interval(mins => 5), TRUE, guest.quote),
        (
            'booked',
            make_interval(days => 1, hours => (480 * guest.pace)::integer),
            guest.outcome = 'books',
            guest.quote * 2
        ),
        ('lost', make_interval(days => 25), guest.outcome = 'books' AND guest.fate BETWEEN 0.5 AND 0.56, NULL),
        ('booked', make_interval(days => 300), guest.outcome = 'books' AND guest.fate > 0.8, NULL),
        ('lost', make_interval(days => 15), guest.outcome = 'asks' AND guest.fate < 0.35, NULL),
        ('inactive', make_interval(days => 60), guest.outcome = 'asks' AND guest.fate BETWEEN 0.35 AND 0.6, NULL)
    ) AS step (status, after, is_taken, price)
WHERE
    guest.outcome IS NOT NULL
    AND step.is_taken
    AND guest.known_at + step.after < :until::timestamp
ORDER BY occurred_at, guest.number;

-- name: fill_demo_notes(until, timezone)!
-- Enters notes about a tenth of the guests.
-- check: allow GS202, because create_demo_guests creates demo_guests
--   until: timestamp, the hotel's local time at which the data end
--   timezone: text, the hotel's, e.g. 'America/Bogota'
INSERT INTO guest_notes (phone_number, kind, author, note, created_at)
SELECT
    guest.phone_number,
    CASE WHEN guest.number % 3 = 0 THEN 'preference' ELSE 'note' END,
    CASE WHEN guest.number % 4 > 0 THEN 'Recepción' END,
    ('{Prefiere una habitación tranquila,Llega tarde,Pregunta por el desayuno,Viaja con un perro}'::text[])[
        1 + guest.number % 4
    ],
    least(guest.arrived_at + make_interval(hours => 2), :until::timestamp) AT TIME ZONE :timezone::text
FROM demo_guests AS guest
WHERE
    guest.arrived_at IS NOT NULL
    AND guest.number % 10 = 7
ORDER BY guest.number;

-- name: fill_demo_consents(seed, until, timezone)!
-- Enters consents and withdrawals.
-- Guests who book agree more often; an eighth of those who agreed withdraw. Most withdrawals are opt-out words, by WhatsApp; a few come from people who never agreed.
-- check: allow GS202, because create_demo_guests creates demo_guests
--   seed: bigint, that of invent_demo_guests
--   until: timestamp, the hotel's local time at which the data end
--   timezone: text, the hotel's, e.g. 'America/Bogota'
WITH wordings AS (
    INSERT INTO consent_wordings (digest, wording, language, first_used_at)
    SELECT
        encode(sha256(convert_to(given.wording, 'UTF8')), 'hex'),
        given.wording,
        'es',
        (:until::timestamp - make_interval(days => 1095)) AT TIME ZONE :timezone::text
    FROM (VALUES ('Acepto recibir ofertas del hotel por WhatsApp.')) AS given (wording)
    RETURNING digest
),

draws AS (
    SELECT
        number,
        phone_number,
        arrived_at,
        outcome,
        pace,
        (hashint8extended(number, :seed::bigint * 100 + 11) & 1048575) / 1048576.0::float8 AS share
    FROM demo_guests
)

INSERT INTO consent_events (
    phone_number, action, purpose, channel, source, wording_digest, wording_version, occurred_at, recorded_at
)
SELECT
    guest.phone_number,
    step.action,
    'marketing',
    CASE WHEN step.action = 'given' OR guest.share > 0.02 THEN 'whatsapp' ELSE '*' END,
    CASE WHEN step.action = 'given' THEN 'bot' ELSE 'gateway' END,
    CASE WHEN step.action = 'given' THEN wordings.digest END,
    CASE WHEN step.action = 'given' THEN '1' END,
    (guest.arrived_at + step.after) AT TIME ZONE :timezone::text AS occurred_at,
    (guest.arrived_at + step.after) AT TIME ZONE :timezone::text AS recorded_at
FROM draws AS guest
CROSS JOIN wordings
CROSS JOIN
    LATERAL (
        VALUES
        (
            'given', make_interval(mins => 20),
            guest.share BETWEEN 0.01 AND CASE WHEN guest.outcome = 'books' THEN 0.5 ELSE 0.2 END
        ),
        ('withdrawn', make_interval(days => 1 + (200 * guest.pace)::integer), guest.share < 0.04)
    ) AS step (action, after, is_taken)
WHERE
    step.is_taken
    AND guest.arrived_at + step.after < :until::timestamp
ORDER BY occurred_at, guest.number;
