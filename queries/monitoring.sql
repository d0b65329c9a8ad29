-- Monitoring: read-only, ordered, limited; usable as they are in psql and in `guestsql query run`.
-- check: read-only

-- name: get_profile_totals()^
-- How many guests there are, and how many of them have a thread, labels and a cached context.
-- check: allow GS501, because it counts every guest, and runs seldom
SELECT
    count(*) AS total_profiles,
    count(thread_id) AS with_thread,
    count(*) FILTER (WHERE labels <> '{}') AS with_labels,
    count(*) FILTER (WHERE last_context_update IS NOT NULL) AS with_context,
    count(*) FILTER (WHERE NOT memory_enabled) AS without_memory
FROM guest_profiles;

-- name: get_context_freshness(ttl_seconds)^
-- Cached contexts by age: fresh, stale and none, and the fresh ones' share in percent.
-- This counts rows, not requests: it tells how warm the cache is, not how often it was hit.
-- check: allow GS501, because it counts every guest, and runs seldom
--   ttl_seconds: float8 = 300, seconds for which a context is fresh
WITH judged_contexts AS (
    SELECT
        last_context_update IS NOT NULL AND context_cache IS NOT NULL AS is_cached,
        coalesce(
            last_context_update <= statement_timestamp()
            AND last_context_update > statement_timestamp() - make_interval(secs => :ttl_seconds::float8),
            FALSE
        ) AS is_fresh
    FROM guest_profiles
)

SELECT
    count(*) AS total_profiles,
    count(*) FILTER (WHERE is_cached AND is_fresh) AS fresh_contexts,
    count(*) FILTER (WHERE is_cached AND NOT is_fresh) AS stale_contexts,
    count(*) FILTER (WHERE NOT is_cached) AS missing_contexts,
    round(100.0 * count(*) FILTER (WHERE is_cached AND is_fresh) / nullif(count(*), 0), 1) AS fresh_percent
FROM judged_contexts;

-- name: list_last_interactions(max_rows)
-- The guests who wrote last, most recent first, with the seconds since; guests who never wrote come last.
-- Phone numbers are masked. idx_guest_profiles_last_activity gives the days in order; each day is sorted on its own.
--   max_rows: int = 10, rows at most
SELECT
    '***' || right(split_part(phone_number, '@', 1), 4) AS guest,
    last_interaction,
    round(extract(EPOCH FROM statement_timestamp() - last_interaction)) AS inactivity_seconds,
    total_interactions
FROM guest_profiles
ORDER BY
    last_active_on DESC NULLS LAST,
    last_interaction DESC NULLS LAST,
    phone_number ASC
LIMIT :max_rows::int;
