-- Figures of past days that monitoring cannot determine later. A running bot records it once an hour; doing so more
-- often, or twice at once, does no harm.

-- name: record_relation_sizes()!
-- Records today's size (by UTC) of every table and index; returns the number of rows.
-- The condition of the update keeps rows that have not changed from being written every hour.
-- es: Anota el tamaño de hoy (en UTC) de cada tabla e índice y devuelve el número de filas.
INSERT INTO relation_sizes AS known (day, schema_name, relation_name, kind, bytes)
SELECT
    (statement_timestamp() AT TIME ZONE 'UTC')::date AS day,
    namespaces.nspname,
    classes.relname,
    CASE WHEN classes.relkind = 'i' THEN 'index' ELSE 'table' END AS kind,
    pg_table_size(classes.oid) AS bytes
FROM pg_class AS classes
INNER JOIN pg_namespace AS namespaces ON classes.relnamespace = namespaces.oid
WHERE
    classes.relkind IN ('r', 'm', 'i')
    AND classes.relpersistence <> 't'
    AND namespaces.nspname <> 'information_schema'
    AND namespaces.nspname NOT LIKE 'pg\_%'
ORDER BY namespaces.nspname, classes.relname
ON CONFLICT ON CONSTRAINT relation_sizes_pkey DO UPDATE
    SET
        bytes = excluded.bytes,
        recorded_at = excluded.recorded_at
    WHERE known.bytes <> excluded.bytes;

-- name: record_guest_days(timezone)!
-- Records how many guests were new and active today, by the hotel's day.
-- Yesterday's row is updated but never created, and figures only grow: a guest who writes today leaves yesterday's count.
-- es: Anota cuántos huéspedes nuevos y activos hubo hoy, según el día del hotel.
--   timezone: text = 'America/Bogota', the hotel's
WITH days AS MATERIALIZED ( -- comparing times is faster than converting each guest's to a day
    SELECT
        today.day - past.days AS day,
        past.days = 0 AS is_today,
        (today.day - past.days)::timestamp AT TIME ZONE :timezone::text AS since,
        (today.day - past.days + 1)::timestamp AT TIME ZONE :timezone::text AS until
    FROM (SELECT (statement_timestamp() AT TIME ZONE :timezone::text)::date AS day) AS today
    CROSS JOIN generate_series(0, 1) AS past (days)
),

counted_days AS (
    SELECT
        days.day,
        count(*) FILTER (WHERE first_interaction >= days.since AND first_interaction < days.until) AS new_guests,
        count(*) FILTER (WHERE last_interaction >= days.since AND last_interaction < days.until) AS active_guests
    FROM guest_profiles
    CROSS JOIN days
    WHERE last_active_on >= (SELECT min(both_days.day) - 1 FROM days AS both_days)
    GROUP BY days.day
)

INSERT INTO guest_days AS known (day, new_guests, active_guests)
SELECT
    days.day,
    coalesce(counted.new_guests, 0) AS new_guests,
    coalesce(counted.active_guests, 0) AS active_guests
FROM days
LEFT JOIN counted_days AS counted ON days.day = counted.day
WHERE days.is_today OR days.day IN (SELECT recorded.day FROM guest_days AS recorded)
ORDER BY days.day
ON CONFLICT ON CONSTRAINT guest_days_pkey DO UPDATE
    SET
        new_guests = greatest(known.new_guests, excluded.new_guests),
        active_guests = greatest(known.active_guests, excluded.active_guests),
        recorded_at = excluded.recorded_at
    WHERE known.new_guests < excluded.new_guests OR known.active_guests < excluded.active_guests;

-- name: thin_relation_sizes(keep_days)!
-- Deletes sizes older than keep_days, except those of the first of each month.
-- es: Borra los tamaños con más de keep_days días, salvo los del primer día de cada mes.
--   keep_days: int = 90, days of which every record is kept
--     es: días de los que se conserva todo
DELETE FROM relation_sizes
WHERE
    day < (statement_timestamp() AT TIME ZONE 'UTC')::date - :keep_days::int
    AND extract(DAY FROM day) <> 1;
