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
-- only grows: who has written again since is no longer counted among yesterday's.
--   timezone: text = 'America/Bogota', the hotel's
WITH today AS (
    SELECT (statement_timestamp() AT TIME ZONE :timezone::text)::date AS day
),

recent_guests AS (
    SELECT
        (guests.first_interaction AT TIME ZONE :timezone::text)::date AS first_day,
        (guests.last_interaction AT TIME ZONE :timezone::text)::date AS last_day
    FROM today
    INNER JOIN guest_profiles AS guests ON guests.last_active_on >= today.day - 2
)

INSERT INTO guest_days AS known (day, new_guests, active_guests)
SELECT
    listed.day,
    count(*) FILTER (WHERE recent.first_day = listed.day) AS new_guests,
    count(*) FILTER (WHERE recent.last_day = listed.day) AS active_guests
FROM today
CROSS JOIN LATERAL unnest(ARRAY[today.day - 1, today.day]) AS listed (day)
LEFT JOIN recent_guests AS recent ON listed.day IN (recent.first_day, recent.last_day)
WHERE
    listed.day = today.day
    OR listed.day IN (SELECT recorded.day FROM guest_days AS recorded)
GROUP BY listed.day
ORDER BY listed.day
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
