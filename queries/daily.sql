-- What monitoring needs of former days, and what cannot be known later: to be recorded once an hour or so, by whatever
-- runs on time. Running one of these more often, or twice at once, does no harm.

-- name: record_relation_sizes()!
-- Records the size of every table and index of the bot's schemas under today's date by UTC; how many were written.
INSERT INTO relation_sizes AS known (day, schema_name, relation_name, kind, bytes)
SELECT
    (statement_timestamp() AT TIME ZONE 'UTC')::date AS day,
    namespaces.nspname,
    classes.relname,
    CASE WHEN classes.relkind = 'i' THEN 'index' ELSE 'table' END AS kind,
    CASE WHEN classes.relkind = 'i' THEN pg_relation_size(classes.oid) ELSE pg_table_size(classes.oid) END AS bytes
FROM pg_class AS classes
INNER JOIN pg_namespace AS namespaces ON classes.relnamespace = namespaces.oid
WHERE
    classes.relkind IN ('r', 'm', 'i')
    AND classes.relpersistence <> 't'
    AND namespaces.nspname <> 'information_schema'
    AND namespaces.nspname NOT LIKE 'pg\_%'
ORDER BY
    namespaces.nspname,
    classes.relname
ON CONFLICT ON CONSTRAINT relation_sizes_pkey DO UPDATE
    SET
        bytes = excluded.bytes,
        recorded_at = excluded.recorded_at
    WHERE known.bytes <> excluded.bytes;

-- name: record_guest_days(timezone)!
-- Records how many guests were new and how many wrote on the hotel's present day; how many days were written.
-- Yesterday's row, if there is one, is brought up to date with those who wrote after it was last recorded. A figure
-- only grows: who has written again since is no longer counted among yesterday's. It is exact, and so takes as long as
-- there were guests who wrote since the day before yesterday: a second for a million.
--   timezone: text = 'America/Bogota', the hotel's
WITH today AS (
    SELECT (statement_timestamp() AT TIME ZONE :timezone::text)::date AS day
),

limits AS MATERIALIZED (
    SELECT
        day,
        ARRAY[
            (day - 1)::timestamp AT TIME ZONE :timezone::text,
            day::timestamp AT TIME ZONE :timezone::text,
            (day + 1)::timestamp AT TIME ZONE :timezone::text
        ] AS since
    FROM today
),

-- Yesterday is place 1, today is 2.
grouped_guests AS (
    SELECT
        width_bucket(guests.first_interaction, limits.since) AS first_place,
        width_bucket(guests.last_interaction, limits.since) AS last_place,
        count(*) AS guests
    FROM guest_profiles AS guests
    CROSS JOIN limits
    WHERE guests.last_active_on >= (statement_timestamp() AT TIME ZONE :timezone::text)::date - 2
    GROUP BY
        first_place,
        last_place
)

INSERT INTO guest_days AS known (day, new_guests, active_guests)
SELECT
    limits.day - 2 + listed.place AS day,
    coalesce(sum(grouped.guests) FILTER (WHERE listed.place = grouped.first_place), 0) AS new_guests,
    coalesce(sum(grouped.guests) FILTER (WHERE listed.place = grouped.last_place), 0) AS active_guests
FROM limits
CROSS JOIN generate_series(1, 2) AS listed (place)
LEFT JOIN grouped_guests AS grouped ON TRUE
WHERE
    listed.place = 2
    OR limits.day - 1 IN (SELECT recorded.day FROM guest_days AS recorded)
GROUP BY
    limits.day,
    listed.place
ORDER BY listed.place
ON CONFLICT ON CONSTRAINT guest_days_pkey DO UPDATE
    SET
        new_guests = greatest(known.new_guests, excluded.new_guests),
        active_guests = greatest(known.active_guests, excluded.active_guests),
        recorded_at = excluded.recorded_at
    WHERE known.new_guests < excluded.new_guests OR known.active_guests < excluded.active_guests;

-- name: thin_relation_sizes(keep_days)!
-- Of the sizes recorded more than keep_days ago, those of the first of each month stay; how many went.
--   keep_days: int = 90, days of which every record stays
DELETE FROM relation_sizes
WHERE
    day < (statement_timestamp() AT TIME ZONE 'UTC')::date - :keep_days::int
    AND extract(DAY FROM day) <> 1;
