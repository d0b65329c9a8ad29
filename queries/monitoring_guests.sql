-- Monitoring of guests. Every figure is exact. Some queries read all guests, which takes up to 2 s for 1,000,000.
--
-- check: read-only

-- name: get_profile_totals()^
-- How many guests there are, and how many have a thread, labels, a context or memory off.
-- It reads guest_figures because guestsql_monitor may read neither labels nor thread ids in guest_profiles.
-- es: Cuántos huéspedes hay, y cuántos tienen hilo, etiquetas, contexto o la memoria desactivada.
-- chart: number
-- dashboard: guests
-- metrics: guests
-- cache: 60s
-- check: allow GS501, because an exact count reads every guest
SELECT
    count(*) AS total_profiles,
    count(*) FILTER (WHERE has_thread) AS with_thread,
    count(*) FILTER (WHERE label_count > 0) AS with_labels,
    count(*) FILTER (WHERE last_context_update IS NOT NULL) AS with_context,
    count(*) FILTER (WHERE NOT memory_enabled) AS without_memory
FROM guest_figures;

-- name: get_archive_totals()^
-- How many guests are archived, and the tokens of their current threads.
-- The other totals count active guests.
-- es: Cuántos huéspedes están archivados, y los tokens de sus hilos actuales. Los otros totales cuentan a los activos.
-- chart: number
-- metrics: archive
-- cache: 60s
-- check: allow GS501, because an exact count reads every archived guest
SELECT
    count(archived_at) AS archived_guests,
    coalesce(sum(thread_tokens), 0) AS current_tokens
FROM historical_clients;

-- name: get_thread_totals()^
-- How many threads guests have, how many they had before, and the tokens of all of them.
-- The tokens of erased guests are gone, so the sum may fall.
-- es: Cuántos hilos tienen los huéspedes, cuántos tuvieron antes, y los tokens de todos. Los de huéspedes borrados no
--     cuentan.
-- chart: number
-- metrics: threads
-- cache: 60s
-- check: allow GS501, because every thread counts
WITH current_threads AS (
    SELECT
        count(*) FILTER (WHERE has_thread) AS threads,
        coalesce(sum(thread_tokens), 0) AS tokens
    FROM guest_figures
),

past_threads AS (
    SELECT
        count(*) AS threads,
        coalesce(sum(tokens), 0) AS tokens
    FROM guest_threads
)

SELECT
    current_threads.threads AS current_threads,
    past_threads.threads AS past_threads,
    current_threads.tokens AS current_tokens,
    past_threads.tokens AS past_tokens
FROM current_threads
CROSS JOIN past_threads;

-- name: get_context_freshness(ttl_seconds)^
-- How many cached contexts are fresh, stale or missing, and the percentage of fresh ones.
-- It counts guests, not requests: it shows how warm the cache is. get_cache_hits shows how often it was hit.
-- es: Cuántos contextos guardados están vigentes, antiguos o faltan, y el porcentaje de vigentes. Cuenta huéspedes, no
--     pedidos.
-- chart: number
-- metrics: contexts
-- cache: 60s
-- check: allow GS501, because an exact count reads every guest
--   ttl_seconds: float8 = 300, seconds for which a context is fresh
--     es: segundos durante los que un contexto está vigente
WITH counted_contexts AS (
    SELECT
        count(*) AS guests,
        count(last_context_update) AS cached,
        -- A time in the future is stale: get_context would rebuild that context.
        count(*) FILTER (
            WHERE
            last_context_update <= statement_timestamp()
            AND last_context_update > statement_timestamp() - make_interval(secs => :ttl_seconds::float8)
        ) AS fresh
    FROM guest_profiles
)

SELECT
    guests AS total_profiles,
    fresh AS fresh_contexts,
    cached - fresh AS stale_contexts,
    guests - cached AS missing_contexts,
    round(100.0 * fresh / nullif(guests, 0), 1) AS fresh_percent
FROM counted_contexts;

-- name: list_last_interactions(max_rows)
-- The guests who wrote last, most recent first. Guests who never wrote come last.
-- The order begins with last_active_on, the day, because an index has it: only the last days are read and sorted.
-- Ordered by last_interaction alone, all guests would be. Phone numbers are masked.
-- es: Los huéspedes que escribieron más recientemente, los últimos primero. Los teléfonos están enmascarados.
--   max_rows: int = 10, rows at most
SELECT
    guest,
    last_interaction,
    round(extract(EPOCH FROM statement_timestamp() - last_interaction)) AS inactivity_seconds,
    total_interactions
FROM guest_figures
ORDER BY last_active_on DESC NULLS LAST, last_interaction DESC NULLS LAST, guest ASC, total_interactions ASC
LIMIT :max_rows::int;

-- name: list_guest_days(timezone, silent_days, max_rows)
-- New, active and silent guests by the hotel's day, today first.
-- Silent: no message for silent_days, nor since. Unless is_recorded, active_guests omits those who have written again.
-- es: Huéspedes nuevos, activos y en silencio por día del hotel, hoy primero. En silencio: ningún mensaje en
--     silent_days.
-- chart: line x=day y=new_guests,active_guests,silent_guests
-- dashboard: guests
-- cache: 60s
--   timezone: text = 'America/Bogota', the hotel's
--   silent_days: int = 30, days without a message after which a guest is silent
--     es: días sin mensaje tras los que un huésped está en silencio
--   max_rows: int = 14, days
--     es: días
WITH today AS ( -- as a subquery it is computed once, as an expression for each guest
    SELECT (statement_timestamp() AT TIME ZONE :timezone::text)::date AS day
),

counted_days AS (
    SELECT
        (events.moment AT TIME ZONE :timezone::text)::date AS day,
        count(*) FILTER (WHERE events.change = 'new') AS new_guests,
        count(*) FILTER (WHERE events.change = 'active') AS active_guests
    FROM guest_profiles
    CROSS JOIN LATERAL (VALUES ('new', first_interaction), ('active', last_interaction)) AS events (change, moment)
    WHERE last_active_on >= (SELECT day FROM today) - :max_rows::int - :silent_days::int
    GROUP BY day
)

SELECT
    today.day - past.days AS day,
    greatest(counted.new_guests, recorded.new_guests, 0) AS new_guests,
    greatest(counted.active_guests, recorded.active_guests, 0) AS active_guests,
    coalesce(silent.active_guests, 0) AS silent_guests,
    recorded.day IS NOT NULL AS is_recorded
FROM today
CROSS JOIN generate_series(0, :max_rows::int - 1) AS past (days)
LEFT JOIN guest_days AS recorded ON today.day - past.days = recorded.day
LEFT JOIN counted_days AS counted ON today.day - past.days = counted.day
LEFT JOIN counted_days AS silent ON today.day - past.days - :silent_days::int = silent.day
ORDER BY day DESC
LIMIT :max_rows::int;

-- name: get_guests_today(timezone, silent_days)^
-- New and active guests of the hotel's current day, and all guests silent for silent_days.
-- es: Huéspedes nuevos y activos de hoy, según el hotel, y todos los que llevan mucho en silencio (silent_days).
-- chart: number
-- dashboard: guests
-- metrics: guests_today
-- cache: 60s
-- check: allow GS501, because an exact count reads every guest
--   timezone: text = 'America/Bogota', the hotel's
--   silent_days: int = 30, days without a message after which a guest is silent
WITH today AS (
    SELECT (statement_timestamp() AT TIME ZONE :timezone::text)::date AS day
),

-- Comparing times is four times as fast as converting each guest's to a day. MATERIALIZED: computed once.
limits AS MATERIALIZED (
    SELECT
        day::timestamp AT TIME ZONE :timezone::text AS today_since,
        (day + 1)::timestamp AT TIME ZONE :timezone::text AS today_until,
        (day - :silent_days::int + 1)::timestamp AT TIME ZONE :timezone::text AS silent_until
    FROM today
)

SELECT
    count(*) FILTER (WHERE first_interaction >= today_since AND first_interaction < today_until) AS new_guests,
    count(*) FILTER (WHERE last_interaction >= today_since AND last_interaction < today_until) AS active_guests,
    count(*) FILTER (WHERE last_interaction < silent_until) AS silent_guests
FROM guest_profiles
CROSS JOIN limits;

-- name: get_import_comparison()^
-- The last import: size of its files and of guest_profiles then and now, and its memory.
-- The old bot held its whole files in memory. table_per_file is the table's present size as a multiple of the files'.
-- No row: nothing was imported.
-- es: La última importación: tamaño de sus archivos y de guest_profiles entonces y ahora, y su memoria. Sin fila: no se
--     importó nada.
-- metrics: import
SELECT
    imports.id,
    imports.finished_at,
    imports.guests,
    imports.file_bytes,
    imports.table_bytes AS imported_table_bytes,
    pg_total_relation_size('guest_profiles') AS table_bytes,
    pg_indexes_size('guest_profiles') AS index_bytes,
    round(pg_total_relation_size('guest_profiles') / nullif(imports.file_bytes, 0)::numeric, 2) AS table_per_file,
    imports.peak_memory_bytes,
    imports.seconds
FROM legacy_imports AS imports
ORDER BY imports.id DESC
LIMIT 1;

-- name: list_label_figures(max_rows)
-- How many guests with each label were interested and booked, the most frequent label first.
-- Only labels that at least five guests have; list_label_conversions has all, for roles that may read labels.
-- es: Cuántos huéspedes con cada etiqueta se interesaron y reservaron, la más frecuente primero. Solo etiquetas de cinco o más.
-- chart: bar x=label y=guests,booked_guests
-- dashboard: guests
-- cache: 5m
-- check: allow GS501, because every guest counts
--   max_rows: int = 20, rows at most
SELECT
    label,
    guests,
    interested_guests,
    booked_guests
FROM label_figures
ORDER BY
    guests DESC,
    label ASC
LIMIT :max_rows::int;
