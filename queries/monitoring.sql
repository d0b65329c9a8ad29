-- Monitoring: read-only, ordered, limited; usable as they are in psql and in `guestsql query run`. Tried on PostgreSQL
-- 15 and 18; only columns of the catalogues that 14 to 18 share are read. Phone numbers are masked, in applications' names
-- too; of a statement without a tag its first words are shown, without strings and numbers.
--
-- A server answers of itself: its sessions, statements, locks, scans, standbys and slots. The counts of rows, dead rows
-- and updates are those of the server that wrote: a replica has none. Guests, sizes, sequences and minutes are the same.
--
-- Guests, then what the bot's processes counted, statements, connections, indexes, tables, replication, memory.
-- A line `-- metrics: …` below a name makes the query's numbers gauges of `guestsql serve-metrics`: docs/monitoring.md.
--
-- check: read-only
-- check: large query_minutes, query_error_minutes, context_minutes, process_minutes

-- Guests ----------------------------------------------------------------------------------------------------------

-- name: get_profile_totals(sample_pages)^
-- How many guests there are, and how many of them have a thread, labels and a cached context, and have memory off. In a
-- table of more than sample_pages pages they are estimated from so many of them, always the same, within about 1 % of
-- the number of guests: reading a million guests takes too long. is_exact tells. The number of guests itself is then
-- counted where the table was vacuumed lately and the index can do it alone; else it is that of the last vacuum or analyze
-- as the table has grown since.
-- metrics: guests
-- check: allow GS501, because a bounded number of pages is read, and an index while it can do without the table
--   sample_pages: int = 3000, pages of 8 kB that are read at most; one holds 16 guests or so
WITH known_table AS (
    SELECT
        max(reltuples)::float8 AS guests,
        max(relpages) * 8192::float8 AS bytes,
        max(relallvisible) * 8192::float8 AS vacuumed_bytes
    FROM pg_class
    WHERE oid = 'guest_profiles'::regclass
),

known_changes AS (
    SELECT
        max(n_mod_since_analyze) AS rows_changed,
        max(greatest(last_vacuum, last_autovacuum)) AS vacuumed_at,
        max(greatest(last_analyze, last_autoanalyze)) AS analyzed_at
    FROM pg_stat_user_tables
    WHERE relid = 'guest_profiles'::regclass
),

judged_table AS MATERIALIZED (
    SELECT
        :sample_pages::int * 8192::float8 / greatest(pg_relation_size('guest_profiles'), 1) AS share,
        known.guests * pg_relation_size('guest_profiles') / nullif(known.bytes, 0) AS guests,
        -- What was vacuumed longer ago may have been touched since, which the planner does not know: each guest who has
        -- is looked up in the table, and the count takes ten times as long.
        :sample_pages::int * 8192::float8 < pg_relation_size('guest_profiles')
        AND known.vacuumed_bytes >= 0.95 * pg_relation_size('guest_profiles')
        AND changes.rows_changed <= known.guests / 100
        AND changes.vacuumed_at >= changes.analyzed_at - make_interval(mins => 1) AS is_countable
    FROM known_table AS known
    CROSS JOIN known_changes AS changes
),

sampled_counts AS MATERIALIZED (
    SELECT guestsql_sample_guests(:sample_pages::int) AS counts
),

sampled_guests AS (
    SELECT
        counts[1] AS guests,
        counts[2] AS with_thread,
        counts[3] AS with_labels,
        counts[4] AS with_context,
        counts[5] AS without_memory
    FROM sampled_counts
),

counted_guests AS (
    SELECT count(*) AS guests
    FROM guest_profiles
    WHERE (SELECT is_countable FROM judged_table)
),

estimated_guests AS (
    SELECT
        judged.share >= 1 AS is_exact,
        coalesce(CASE
            WHEN judged.share >= 1 THEN sampled.guests
            WHEN judged.is_countable THEN counted.guests
            -- Far from what the sample tells, it is out of date.
            WHEN
                abs(judged.guests * judged.share / nullif(sampled.guests, 0) - 1) < 0.2
                THEN round(judged.guests)::bigint
            ELSE round(sampled.guests / nullif(judged.share, 0))::bigint
        END, 0) AS guests
    FROM judged_table AS judged
    CROSS JOIN sampled_guests AS sampled
    CROSS JOIN counted_guests AS counted
)

SELECT
    estimated.guests AS total_profiles,
    round(sampled.with_thread * estimated.guests / greatest(sampled.guests, 1)::numeric)::bigint AS with_thread,
    round(sampled.with_labels * estimated.guests / greatest(sampled.guests, 1)::numeric)::bigint AS with_labels,
    round(sampled.with_context * estimated.guests / greatest(sampled.guests, 1)::numeric)::bigint AS with_context,
    round(sampled.without_memory * estimated.guests / greatest(sampled.guests, 1)::numeric)::bigint AS without_memory,
    estimated.is_exact
FROM sampled_guests AS sampled
CROSS JOIN estimated_guests AS estimated;

-- name: get_context_freshness(ttl_seconds, sample_pages)^
-- Cached contexts by age: fresh, stale and none, and the fresh ones' share in percent.
-- This counts rows, not requests: it tells how warm the cache is, not how often it was hit, which get_cache_hits tells.
-- Sampled as get_profile_totals is.
-- metrics: contexts
-- check: allow GS501, because a bounded number of pages is read, and an index while it can do without the table
--   ttl_seconds: float8 = 300, seconds for which a context is fresh
--   sample_pages: int = 3000, pages of 8 kB that are read at most; one holds 16 guests or so
WITH known_table AS (
    SELECT
        max(reltuples)::float8 AS guests,
        max(relpages) * 8192::float8 AS bytes,
        max(relallvisible) * 8192::float8 AS vacuumed_bytes
    FROM pg_class
    WHERE oid = 'guest_profiles'::regclass
),

known_changes AS (
    SELECT
        max(n_mod_since_analyze) AS rows_changed,
        max(greatest(last_vacuum, last_autovacuum)) AS vacuumed_at,
        max(greatest(last_analyze, last_autoanalyze)) AS analyzed_at
    FROM pg_stat_user_tables
    WHERE relid = 'guest_profiles'::regclass
),

judged_table AS MATERIALIZED (
    SELECT
        :sample_pages::int * 8192::float8 / greatest(pg_relation_size('guest_profiles'), 1) AS share,
        known.guests * pg_relation_size('guest_profiles') / nullif(known.bytes, 0) AS guests,
        -- As in get_profile_totals.
        :sample_pages::int * 8192::float8 < pg_relation_size('guest_profiles')
        AND known.vacuumed_bytes >= 0.95 * pg_relation_size('guest_profiles')
        AND changes.rows_changed <= known.guests / 100
        AND changes.vacuumed_at >= changes.analyzed_at - make_interval(mins => 1) AS is_countable
    FROM known_table AS known
    CROSS JOIN known_changes AS changes
),

judged_contexts AS (
    SELECT
        last_context_update IS NOT NULL AS is_cached,
        coalesce(
            last_context_update <= statement_timestamp()
            AND last_context_update > statement_timestamp() - make_interval(secs => :ttl_seconds::float8),
            FALSE
        ) AS is_fresh
    FROM guest_profiles
    -- The linter does not know this word, hence its mark.
    TABLESAMPLE SYSTEM ( -- noqa: PRS
        greatest(0, least(100, 100.0 * :sample_pages::int * 8192 / greatest(pg_relation_size('guest_profiles'), 1)))
    ) REPEATABLE (1)
),

sampled_contexts AS (
    SELECT
        count(*) AS guests,
        count(*) FILTER (WHERE is_cached AND is_fresh) AS fresh_contexts,
        count(*) FILTER (WHERE is_cached AND NOT is_fresh) AS stale_contexts
    FROM judged_contexts
),

counted_guests AS (
    SELECT count(*) AS guests
    FROM guest_profiles
    WHERE (SELECT is_countable FROM judged_table)
),

estimated_guests AS (
    SELECT
        judged.share >= 1 AS is_exact,
        coalesce(CASE
            WHEN judged.share >= 1 THEN sampled.guests
            WHEN judged.is_countable THEN counted.guests
            WHEN
                abs(judged.guests * judged.share / nullif(sampled.guests, 0) - 1) < 0.2
                THEN round(judged.guests)::bigint
            ELSE round(sampled.guests / nullif(judged.share, 0))::bigint
        END, 0) AS guests
    FROM judged_table AS judged
    CROSS JOIN sampled_contexts AS sampled
    CROSS JOIN counted_guests AS counted
),

scaled_contexts AS (
    SELECT
        estimated.guests,
        estimated.is_exact,
        round(sampled.fresh_contexts * estimated.guests / greatest(sampled.guests, 1)::numeric)::bigint
            AS fresh_contexts,
        round(sampled.stale_contexts * estimated.guests / greatest(sampled.guests, 1)::numeric)::bigint
            AS stale_contexts
    FROM sampled_contexts AS sampled
    CROSS JOIN estimated_guests AS estimated
)

SELECT
    guests AS total_profiles,
    fresh_contexts,
    stale_contexts,
    guests - fresh_contexts - stale_contexts AS missing_contexts,
    round(100.0 * fresh_contexts / nullif(guests, 0), 1) AS fresh_percent,
    is_exact
FROM scaled_contexts;

-- name: list_last_interactions(max_rows, read_guests)
-- The guests who wrote last, most recent first, with the seconds since; guests who never wrote come last.
-- Phone numbers are masked. idx_guest_profiles_last_activity gives the days in order; each day is sorted on its own, and
-- read no further than to read_guests. Are there more on the days in question, then somebody who was not read may have
-- written later than who is listed, and is_exact is false. Of more than so many who never wrote, it is any.
--   max_rows: int = 10, rows at most
--   read_guests: int = 100000, guests that are read one by one at most
WITH newest_guests AS (
    SELECT
        guest,
        last_interaction,
        last_active_on,
        total_interactions
    FROM guest_figures
    ORDER BY last_active_on DESC NULLS LAST
    LIMIT :read_guests::int
),

listed_guests AS MATERIALIZED (
    SELECT
        guest,
        last_interaction,
        last_active_on,
        total_interactions
    FROM newest_guests
    ORDER BY
        last_active_on DESC NULLS LAST,
        last_interaction DESC NULLS LAST,
        guest ASC,
        total_interactions ASC
    LIMIT :max_rows::int
),

competing_guests AS (
    SELECT last_active_on
    FROM guest_profiles
    WHERE last_active_on >= (SELECT min(last_active_on) FROM listed_guests)
    ORDER BY last_active_on DESC NULLS LAST
    LIMIT :read_guests::int + 1::bigint
),

judged_reading AS (
    SELECT count(*) <= :read_guests::int AS is_exact
    FROM competing_guests
)

SELECT
    listed.guest,
    listed.last_interaction,
    round(extract(EPOCH FROM statement_timestamp() - listed.last_interaction)) AS inactivity_seconds,
    listed.total_interactions,
    judged.is_exact
FROM listed_guests AS listed
CROSS JOIN judged_reading AS judged
ORDER BY
    listed.last_active_on DESC NULLS LAST,
    listed.last_interaction DESC NULLS LAST,
    listed.guest ASC,
    listed.total_interactions ASC
LIMIT :max_rows::int;

-- name: list_guest_days(timezone, silent_days, max_rows, read_guests, sample_pages)
-- The hotel's days, today first, each with its guests: new ones wrote for the first time, active ones wrote, and silent
-- ones had on that day not written for silent_days, and have not since.
-- active_guests of a past day is what was recorded on that day, up to the last time (record_guest_days); without that,
-- is_recorded is false and it counts those only who have not written on a later day.
-- Those who wrote last on the days in question are read one by one, the latest first, and as far as read_guests exactly:
-- once for new and active guests, once for silent ones. Figures of earlier days are estimated from so many pages, always
-- the same, within about 1 % of the number of guests; is_exact is false then. What was recorded is not estimated.
-- check: allow GS501, because how many guests and pages are read is bounded
--   timezone: text = 'America/Bogota', the hotel's
--   silent_days: int = 30, days without a message after which a guest is silent
--   max_rows: int = 14, days
--   read_guests: int = 10000, guests that are read one by one at most
--   sample_pages: int = 3000, pages of 8 kB that are read at most; one holds 16 guests or so
WITH today AS (
    SELECT (statement_timestamp() AT TIME ZONE :timezone::text)::date AS day
),

-- Numbered from the oldest on. The last is tomorrow, with which today ends.
numbered_days AS MATERIALIZED (
    SELECT
        past.place,
        today.day - :max_rows::int + past.place AS day,
        (today.day - :max_rows::int + past.place)::timestamp AT TIME ZONE :timezone::text AS since,
        -- Who wrote last on this day is silent since the other.
        (today.day - :max_rows::int + past.place - :silent_days::int)::timestamp AT TIME ZONE :timezone::text
            AS silent_since
    FROM today
    CROSS JOIN generate_series(1, :max_rows::int + 1) AS past (place)
),

day_limits AS (
    SELECT
        array_agg(since ORDER BY place) AS since,
        array_agg(silent_since ORDER BY place) AS silent_since
    FROM numbered_days
),

-- The day by UTC, which is indexed, is the hotel's or a neighbour of it. Whoever wrote first on a day has written last
-- on that day or later. From which day on is behind a subquery, so that the planner does not think of reading all of
-- them before it takes the latest; nor is there a second limit beside it.
recent_guests AS (
    SELECT
        last_active_on,
        first_interaction,
        last_interaction
    FROM guest_profiles
    WHERE last_active_on >= (SELECT day FROM today) - :max_rows::int
    ORDER BY last_active_on DESC NULLS LAST
    LIMIT :read_guests::int + 1::bigint
),

earlier_guests AS (
    SELECT
        last_active_on,
        last_interaction
    FROM guest_profiles
    WHERE last_active_on <= (SELECT day FROM today) - :silent_days::int + 1
    ORDER BY last_active_on DESC NULLS LAST
    LIMIT :read_guests::int + 1::bigint
),

silenced_guests AS (
    SELECT
        last_active_on,
        last_interaction
    FROM earlier_guests
    WHERE last_active_on >= (SELECT day FROM today) - :silent_days::int - :max_rows::int
),

-- width_bucket finds a time's day in a tenth of the time that it takes to convert it to the hotel's.
grouped_recent AS MATERIALIZED (
    SELECT
        recent.last_active_on,
        width_bucket(recent.first_interaction, day_limits.since) AS first_place,
        width_bucket(recent.last_interaction, day_limits.since) AS last_place,
        count(*) AS guests
    FROM recent_guests AS recent
    CROSS JOIN day_limits
    GROUP BY
        recent.last_active_on,
        first_place,
        last_place
),

grouped_silenced AS MATERIALIZED (
    SELECT
        silenced.last_active_on,
        width_bucket(silenced.last_interaction, day_limits.silent_since) AS silent_place,
        count(*) AS guests
    FROM silenced_guests AS silenced
    CROSS JOIN day_limits
    GROUP BY
        silenced.last_active_on,
        silent_place
),

-- From this day by UTC on all were read: from any, unless there was one guest too many.
recent_limit AS (
    SELECT CASE WHEN sum(guests) > :read_guests::int THEN min(last_active_on) + 1 ELSE '-infinity' END AS read_from
    FROM grouped_recent
),

silenced_limit AS (
    SELECT CASE WHEN sum(guests) > :read_guests::int THEN min(last_active_on) + 1 ELSE '-infinity' END AS read_from
    FROM grouped_silenced
),

read_limits AS MATERIALIZED (
    SELECT
        recent.read_from AS recent_from,
        silenced.read_from AS silenced_from
    FROM recent_limit AS recent
    CROSS JOIN silenced_limit AS silenced
),

sampled_guests AS (
    SELECT
        first_interaction,
        last_interaction
    FROM guest_profiles
    -- The linter does not know this word, hence its mark.
    TABLESAMPLE SYSTEM ( -- noqa: PRS
        greatest(0, least(100, 100.0 * :sample_pages::int * 8192 / greatest(pg_relation_size('guest_profiles'), 1)))
    ) REPEATABLE (1)
    WHERE (SELECT greatest(recent_from, silenced_from) > '-infinity' FROM read_limits)
),

grouped_sample AS MATERIALIZED (
    SELECT
        width_bucket(sampled.first_interaction, day_limits.since) AS first_place,
        width_bucket(sampled.last_interaction, day_limits.since) AS last_place,
        width_bucket(sampled.last_interaction, day_limits.silent_since) AS silent_place,
        count(*) AS guests
    FROM sampled_guests AS sampled
    CROSS JOIN day_limits
    GROUP BY
        first_place,
        last_place,
        silent_place
),

known_table AS (
    SELECT
        max(reltuples)::float8 AS guests,
        max(relpages) * 8192::float8 AS bytes
    FROM pg_class
    WHERE oid = 'guest_profiles'::regclass
),

judged_table AS (
    SELECT
        :sample_pages::int * 8192::float8 / greatest(pg_relation_size('guest_profiles'), 1) AS share,
        guests * pg_relation_size('guest_profiles') / nullif(bytes, 0) AS guests
    FROM known_table
),

counted_sample AS (
    SELECT sum(guests)::float8 AS guests
    FROM grouped_sample
),

-- How many guests each of the sample stands for. The number of guests is that of the last vacuum or analyze as the table
-- has grown since; where that is far from what the sample tells, it is out of date.
weighed_sample AS (
    SELECT
        judged.share >= 1 AS is_whole,
        CASE
            WHEN judged.share >= 1 THEN 1
            WHEN abs(judged.guests * judged.share / sampled.guests - 1) < 0.2 THEN judged.guests / sampled.guests
            ELSE 1 / nullif(judged.share, 0)
        END AS weight
    FROM judged_table AS judged
    CROSS JOIN counted_sample AS sampled
),

told_places AS (
    SELECT
        first_place AS place,
        'new' AS figure,
        guests AS read_guests,
        0 AS sampled_guests
    FROM grouped_recent
    UNION ALL
    SELECT
        last_place,
        'active',
        guests,
        0
    FROM grouped_recent
    UNION ALL
    SELECT
        silent_place,
        'silent',
        guests,
        0
    FROM grouped_silenced
    UNION ALL
    SELECT
        first_place,
        'new',
        0,
        guests
    FROM grouped_sample
    UNION ALL
    SELECT
        last_place,
        'active',
        0,
        guests
    FROM grouped_sample
    UNION ALL
    SELECT
        silent_place,
        'silent',
        0,
        guests
    FROM grouped_sample
),

counted_places AS (
    SELECT
        place,
        coalesce(sum(read_guests) FILTER (WHERE figure = 'new'), 0) AS read_new,
        coalesce(sum(read_guests) FILTER (WHERE figure = 'active'), 0) AS read_active,
        coalesce(sum(read_guests) FILTER (WHERE figure = 'silent'), 0) AS read_silent,
        coalesce(sum(sampled_guests) FILTER (WHERE figure = 'new'), 0)::float8 AS sampled_new,
        coalesce(sum(sampled_guests) FILTER (WHERE figure = 'active'), 0)::float8 AS sampled_active,
        coalesce(sum(sampled_guests) FILTER (WHERE figure = 'silent'), 0)::float8 AS sampled_silent
    FROM told_places
    GROUP BY place
),

-- Weight 0: what was read is enough.
judged_days AS (
    SELECT
        numbered.day,
        numbered.place,
        recorded.day IS NOT NULL AS is_recorded,
        recorded.new_guests AS recorded_new,
        recorded.active_guests AS recorded_active,
        CASE
            WHEN read_limits.recent_from <= (numbered.since AT TIME ZONE 'UTC')::date THEN 0
            -- Of today more may still be recorded.
            WHEN recorded.day IS NOT NULL AND numbered.place < :max_rows::int AND NOT weighed.is_whole THEN 0
            ELSE weighed.weight
        END AS weight,
        CASE
            WHEN read_limits.silenced_from <= (numbered.silent_since AT TIME ZONE 'UTC')::date THEN 0
            ELSE weighed.weight
        END AS silent_weight,
        weighed.is_whole
    FROM numbered_days AS numbered
    CROSS JOIN read_limits
    CROSS JOIN weighed_sample AS weighed
    LEFT JOIN guest_days AS recorded ON numbered.day = recorded.day
    WHERE numbered.place <= :max_rows::int
)

SELECT
    judged.day,
    greatest(
        coalesce(counted.read_new, 0)::bigint,
        round(counted.sampled_new * judged.weight)::bigint,
        judged.recorded_new
    ) AS new_guests,
    greatest(
        coalesce(counted.read_active, 0)::bigint,
        round(counted.sampled_active * judged.weight)::bigint,
        judged.recorded_active
    ) AS active_guests,
    greatest(
        coalesce(counted.read_silent, 0)::bigint,
        round(counted.sampled_silent * judged.silent_weight)::bigint
    ) AS silent_guests,
    judged.is_recorded,
    coalesce(judged.is_whole OR (judged.weight = 0 AND judged.silent_weight = 0), FALSE) AS is_exact
FROM judged_days AS judged
LEFT JOIN counted_places AS counted ON judged.place = counted.place
ORDER BY judged.day DESC
LIMIT :max_rows::int;

-- name: get_guests_today(timezone, silent_days, read_guests, sample_pages)^
-- The guests of the hotel's present day: how many wrote, how many for the first time, and how many of all have not
-- written for silent_days. Read and estimated as in list_guest_days: is_exact is false when one of the three is an
-- estimate, which the silent ones are in a large hotel; the other two are then only when more than read_guests wrote.
-- metrics: guests_today
-- check: allow GS501, because how many guests and pages are read is bounded
--   timezone: text = 'America/Bogota', the hotel's
--   silent_days: int = 30, days without a message after which a guest is silent
--   read_guests: int = 10000, guests that are read one by one at most
--   sample_pages: int = 3000, pages of 8 kB that are read at most; one holds 16 guests or so
WITH limits AS MATERIALIZED (
    SELECT
        date_trunc('day', statement_timestamp(), :timezone::text) AS today_since,
        ((statement_timestamp() AT TIME ZONE :timezone::text)::date + 1)::timestamp
        AT TIME ZONE :timezone::text AS today_until,
        ((statement_timestamp() AT TIME ZONE :timezone::text)::date - :silent_days::int + 1)::timestamp
        AT TIME ZONE :timezone::text AS silent_before
),

recent_guests AS (
    SELECT
        first_interaction,
        last_interaction
    FROM guest_profiles
    WHERE last_active_on >= (SELECT today_since AT TIME ZONE 'UTC' FROM limits)::date
    ORDER BY last_active_on DESC NULLS LAST
    LIMIT :read_guests::int + 1::bigint
),

silent_guests AS (
    SELECT last_interaction
    FROM guest_profiles
    WHERE last_active_on <= (SELECT silent_before AT TIME ZONE 'UTC' FROM limits)::date
    ORDER BY last_active_on DESC NULLS LAST
    LIMIT :read_guests::int + 1::bigint
),

counted_recent AS (
    SELECT
        count(*) <= :read_guests::int AS is_exact,
        count(*) FILTER (
            WHERE
            recent.first_interaction >= limits.today_since
            AND recent.first_interaction < limits.today_until
        ) AS new_guests,
        count(*) FILTER (
            WHERE
            recent.last_interaction >= limits.today_since
            AND recent.last_interaction < limits.today_until
        ) AS active_guests
    FROM recent_guests AS recent
    CROSS JOIN limits
),

counted_silent AS (
    SELECT
        count(*) <= :read_guests::int AS is_exact,
        count(*) FILTER (WHERE silent.last_interaction < limits.silent_before) AS silent_guests
    FROM silent_guests AS silent
    CROSS JOIN limits
),

counted_guests AS MATERIALIZED (
    SELECT
        recent.new_guests,
        recent.active_guests,
        silent.silent_guests,
        recent.is_exact AS is_recent_exact,
        silent.is_exact AS is_silent_exact
    FROM counted_recent AS recent
    CROSS JOIN counted_silent AS silent
),

sampled_guests AS (
    SELECT
        first_interaction,
        last_interaction
    FROM guest_profiles
    -- The linter does not know this word, hence its mark.
    TABLESAMPLE SYSTEM ( -- noqa: PRS
        greatest(0, least(100, 100.0 * :sample_pages::int * 8192 / greatest(pg_relation_size('guest_profiles'), 1)))
    ) REPEATABLE (1)
    WHERE (SELECT NOT (is_recent_exact AND is_silent_exact) FROM counted_guests)
),

counted_sample AS (
    SELECT
        nullif(count(*), 0)::float8 AS guests,
        count(*) FILTER (
            WHERE
            sampled.first_interaction >= limits.today_since
            AND sampled.first_interaction < limits.today_until
        ) AS new_guests,
        count(*) FILTER (
            WHERE
            sampled.last_interaction >= limits.today_since
            AND sampled.last_interaction < limits.today_until
        ) AS active_guests,
        count(*) FILTER (WHERE sampled.last_interaction < limits.silent_before) AS silent_guests
    FROM sampled_guests AS sampled
    CROSS JOIN limits
),

known_table AS (
    SELECT
        max(reltuples)::float8 AS guests,
        max(relpages) * 8192::float8 AS bytes
    FROM pg_class
    WHERE oid = 'guest_profiles'::regclass
),

judged_table AS (
    SELECT
        :sample_pages::int * 8192::float8 / greatest(pg_relation_size('guest_profiles'), 1) AS share,
        guests * pg_relation_size('guest_profiles') / nullif(bytes, 0) AS guests
    FROM known_table
),

-- As in list_guest_days.
weighed_sample AS (
    SELECT
        sampled.new_guests,
        sampled.active_guests,
        sampled.silent_guests,
        judged.share >= 1 AS is_whole,
        CASE
            WHEN judged.share >= 1 THEN 1
            WHEN abs(judged.guests * judged.share / sampled.guests - 1) < 0.2 THEN judged.guests / sampled.guests
            ELSE 1 / nullif(judged.share, 0)
        END AS weight
    FROM judged_table AS judged
    CROSS JOIN counted_sample AS sampled
)

SELECT
    CASE
        WHEN counted.is_recent_exact THEN counted.new_guests
        ELSE greatest(counted.new_guests, round(weighed.new_guests * weighed.weight)::bigint)
    END AS new_guests,
    CASE
        WHEN counted.is_recent_exact THEN counted.active_guests
        ELSE greatest(counted.active_guests, round(weighed.active_guests * weighed.weight)::bigint)
    END AS active_guests,
    CASE
        WHEN counted.is_silent_exact THEN counted.silent_guests
        ELSE greatest(counted.silent_guests, round(weighed.silent_guests * weighed.weight)::bigint)
    END AS silent_guests,
    weighed.is_whole OR (counted.is_recent_exact AND counted.is_silent_exact) AS is_exact
FROM counted_guests AS counted
CROSS JOIN weighed_sample AS weighed;

-- What the bot's processes counted ----------------------------------------------------------------------------------
-- The processes add what they counted every few seconds; the last of them are not in the figures yet.
-- How far to look back is written out in each WHERE: behind a subquery the planner could not tell how few rows it is.

-- name: get_cache_hits(minutes)^
-- The requests for a context in the last minutes by outcome, and the cache hits among them in percent.
-- A hit is a fresh text from the cache; stale an old one, while another caller built; miss was built; error gave none.
-- metrics: context_requests minutes=5
--   minutes: int = 60, how far to look back
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
-- The requests for a context and the cache hits among them in percent, by minute, hour or day, the latest first.
-- A time in which nobody asked has no row. Old minutes are thinned to hours, then to nothing.
--   unit: text = 'minute', of time: minute, hour or day
--   timezone: text = 'America/Bogota', the hotel's, for days
--   max_rows: int = 60, rows at most, and units to look back
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
-- The named queries called in the last minutes: calls, calls a second, errors, and how long they took as the bot saw
-- it, the most time first. The durations are kept in classes a factor sqrt(2) apart. A percentile lies in its class for
-- sure, so it is never wrong by more than that factor (-29 % … +41 %); inside the class it is placed as if the
-- durations were spread evenly on a logarithmic scale. The last class has no upper limit: 181,019 ms is "that or more".
-- metrics: query minutes=5
--   minutes: int = 60, how far to look back
--   max_rows: int = 50, rows at most
WITH counted_calls AS (
    SELECT
        counted.query,
        sum(counted.calls) AS calls,
        sum(counted.row_count) AS row_count,
        sum(counted.microseconds) AS microseconds
    FROM query_minutes AS counted
    WHERE counted.minute >= date_trunc('minute', statement_timestamp()) - make_interval(mins => :minutes::int)
    GROUP BY counted.query
),

counted_errors AS (
    SELECT
        failed.query,
        sum(failed.errors) AS errors
    FROM query_error_minutes AS failed
    WHERE failed.minute >= date_trunc('minute', statement_timestamp()) - make_interval(mins => :minutes::int)
    GROUP BY failed.query
),

added_classes AS (
    SELECT
        counted.query,
        classes.place,
        sum(classes.calls) AS calls
    FROM query_minutes AS counted
    CROSS JOIN unnest(counted.buckets) WITH ORDINALITY AS classes (calls, place)
    WHERE
        counted.minute >= date_trunc('minute', statement_timestamp()) - make_interval(mins => :minutes::int)
        AND classes.calls > 0
    GROUP BY
        counted.query,
        classes.place
),

ranked_classes AS (
    SELECT
        added.query,
        added.place,
        added.calls,
        sum(added.calls) OVER (
            PARTITION BY added.query
            ORDER BY added.place
        ) AS calls_up_to,
        sum(added.calls) OVER (PARTITION BY added.query) AS all_calls
    FROM added_classes AS added
),

placed_shares AS (
    SELECT
        ranked.query,
        wanted.share,
        min(guestsql_class_milliseconds(
            ranked.place, (wanted.share * ranked.all_calls - ranked.calls_up_to + ranked.calls) / ranked.calls
        )) AS milliseconds
    FROM ranked_classes AS ranked
    INNER JOIN unnest(ARRAY[0.5, 0.95, 0.99]) AS wanted (share)
        ON ranked.calls_up_to >= wanted.share * ranked.all_calls
    GROUP BY
        ranked.query,
        wanted.share
)

SELECT
    counted.query,
    counted.calls::bigint AS calls,
    round(
        counted.calls
        -- As many minutes, and what has passed of the present one.
        / (60 * :minutes::int + extract(SECOND FROM statement_timestamp())),
        3
    ) AS calls_per_second,
    coalesce(failed.errors, 0)::bigint AS errors,
    round(100.0 * coalesce(failed.errors, 0) / nullif(counted.calls, 0), 2) AS error_percent,
    counted.row_count::bigint AS row_count,
    round(counted.microseconds / 1000 / nullif(counted.calls, 0), 3) AS mean_milliseconds,
    p50.milliseconds AS p50_milliseconds,
    p95.milliseconds AS p95_milliseconds,
    p99.milliseconds AS p99_milliseconds,
    round(counted.microseconds / 1000) AS total_milliseconds
FROM counted_calls AS counted
LEFT JOIN counted_errors AS failed ON counted.query = failed.query
LEFT JOIN placed_shares AS p50 ON counted.query = p50.query AND p50.share = 0.5
LEFT JOIN placed_shares AS p95 ON counted.query = p95.query AND p95.share = 0.95
LEFT JOIN placed_shares AS p99 ON counted.query = p99.query AND p99.share = 0.99
ORDER BY
    counted.microseconds DESC,
    counted.query ASC
LIMIT :max_rows::int;

-- name: list_minute_latencies(max_rows)
-- How long the calls of all named queries together took, by minute, the latest first: calls and percentiles,
-- which are as near as those of list_query_latencies. A minute without a call has no row.
--   max_rows: int = 60, minutes to look back
WITH added_classes AS (
    SELECT
        counted.minute,
        classes.place,
        sum(classes.calls) AS calls
    FROM query_minutes AS counted
    CROSS JOIN unnest(counted.buckets) WITH ORDINALITY AS classes (calls, place)
    WHERE
        counted.minute > date_trunc('minute', statement_timestamp()) - make_interval(mins => :max_rows::int)
        AND classes.calls > 0
    GROUP BY
        counted.minute,
        classes.place
),

ranked_classes AS (
    SELECT
        added.minute,
        added.place,
        added.calls,
        sum(added.calls) OVER (
            PARTITION BY added.minute
            ORDER BY added.place
        ) AS calls_up_to,
        sum(added.calls) OVER (PARTITION BY added.minute) AS all_calls
    FROM added_classes AS added
),

placed_shares AS (
    SELECT
        ranked.minute,
        wanted.share,
        max(ranked.all_calls) AS calls,
        min(guestsql_class_milliseconds(
            ranked.place, (wanted.share * ranked.all_calls - ranked.calls_up_to + ranked.calls) / ranked.calls
        )) AS milliseconds
    FROM ranked_classes AS ranked
    INNER JOIN unnest(ARRAY[0.5, 0.95, 0.99]) AS wanted (share)
        ON ranked.calls_up_to >= wanted.share * ranked.all_calls
    GROUP BY
        ranked.minute,
        wanted.share
)

SELECT
    placed.minute,
    max(placed.calls)::bigint AS calls,
    max(placed.milliseconds) FILTER (WHERE placed.share = 0.5) AS p50_milliseconds,
    max(placed.milliseconds) FILTER (WHERE placed.share = 0.95) AS p95_milliseconds,
    max(placed.milliseconds) FILTER (WHERE placed.share = 0.99) AS p99_milliseconds
FROM placed_shares AS placed
GROUP BY placed.minute
ORDER BY placed.minute DESC
LIMIT :max_rows::int;

-- name: list_call_rates(unit, timezone, max_rows)
-- The calls of all named queries together: calls, errors and their share in percent, rows, mean duration, by minute,
-- hour or day, the latest first. A time without a call has no row.
--   unit: text = 'minute', of time: minute, hour or day
--   timezone: text = 'America/Bogota', the hotel's, for days
--   max_rows: int = 60, rows at most, and units to look back
WITH minutes_of_calls AS (
    SELECT
        minute,
        sum(calls) AS calls,
        sum(row_count) AS row_count,
        sum(microseconds) AS microseconds
    FROM query_minutes
    WHERE
        minute >= date_trunc(:unit::text, statement_timestamp(), :timezone::text)
        - (:max_rows::int - 1) * ('1 ' || :unit::text)::interval
    GROUP BY minute
),

-- By minute first: to find a minute's day costs more than to add it up.
counted_calls AS (
    SELECT
        date_trunc(:unit::text, minute, :timezone::text) AS since,
        sum(calls) AS calls,
        sum(row_count) AS row_count,
        sum(microseconds) AS microseconds
    FROM minutes_of_calls
    GROUP BY since
),

minutes_of_errors AS (
    SELECT
        minute,
        sum(errors) AS errors
    FROM query_error_minutes
    WHERE
        minute >= date_trunc(:unit::text, statement_timestamp(), :timezone::text)
        - (:max_rows::int - 1) * ('1 ' || :unit::text)::interval
    GROUP BY minute
),

counted_errors AS (
    SELECT
        date_trunc(:unit::text, minute, :timezone::text) AS since,
        sum(errors) AS errors
    FROM minutes_of_errors
    GROUP BY since
)

SELECT
    counted.since,
    counted.calls::bigint AS calls,
    coalesce(failed.errors, 0)::bigint AS errors,
    round(100.0 * coalesce(failed.errors, 0) / nullif(counted.calls, 0), 2) AS error_percent,
    counted.row_count::bigint AS row_count,
    round(counted.microseconds / 1000 / nullif(counted.calls, 0), 3) AS mean_milliseconds
FROM counted_calls AS counted
LEFT JOIN counted_errors AS failed ON counted.since = failed.since
ORDER BY counted.since DESC
LIMIT :max_rows::int;

-- name: list_query_errors(minutes, max_rows)
-- The errors of the last minutes by query and kind, the most first, with the last minute in which one fell.
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
GROUP BY
    query,
    kind
ORDER BY
    errors DESC,
    query ASC,
    kind ASC
LIMIT :max_rows::int;

-- Statements ------------------------------------------------------------------------------------------------------

-- name: get_statement_statistics()^
-- Whether list_slow_queries has anything to read: pg_stat_statements must be in shared_preload_libraries (is_loaded),
-- which needs a restart, and CREATE EXTENSION must have been run in this database (version).
SELECT
    current_setting('pg_stat_statements.max', TRUE) IS NOT NULL AS is_loaded,
    max(offered.installed_version) AS version,
    max(offered.default_version) AS available_version
FROM pg_available_extensions AS offered
WHERE offered.name = 'pg_stat_statements';

-- name: list_slow_queries(max_rows)
-- The statements of this database by name, slowest on average first, as the server saw them since its statistics were
-- reset: without the network and the bot. A statement that this project sent goes by its query's name, whatever numbers
-- the server gave to its variants; any other by its own first words, without strings and numbers.
-- The view is read by way of a function, because a query that names it could not be prepared on a server without it.
-- empty: pg_stat_statements is not there, or has seen nothing of this database; get_statement_statistics tells which
--   max_rows: int = 20, rows at most
SELECT
    guestsql_query_name(figures.statement) AS query,
    sum(figures.calls)::bigint AS calls,
    round((sum(figures.total_milliseconds) / nullif(sum(figures.calls), 0))::numeric, 3) AS mean_milliseconds,
    round(max(figures.max_milliseconds)::numeric, 3) AS max_milliseconds,
    round(sum(figures.total_milliseconds)::numeric, 1) AS total_milliseconds,
    sum(figures.row_count)::bigint AS row_count,
    round(100 * sum(figures.blocks_hit) / nullif(sum(figures.blocks_hit + figures.blocks_read), 0), 1)
        AS buffer_hit_percent,
    sum(figures.temporary_blocks)::bigint AS temporary_blocks,
    sum(figures.wal_bytes)::bigint AS wal_bytes
FROM guestsql_statement_figures() AS figures
GROUP BY query
ORDER BY
    mean_milliseconds DESC NULLS LAST,
    query ASC
LIMIT :max_rows::int;

-- Connections -----------------------------------------------------------------------------------------------------

-- name: get_connection_usage()^
-- The connections of the server that is asked against its limit, and what they do. reserved are kept for superusers and the like.
-- Without the rights of pg_read_all_stats the doings of other roles' sessions are not told, and count as idle.
-- metrics: connections
WITH limits AS (
    SELECT
        current_setting('max_connections')::int AS max_connections,
        -- The second is of PostgreSQL 16 and later.
        current_setting('superuser_reserved_connections')::int
        + coalesce(current_setting('reserved_connections', TRUE)::int, 0) AS reserved
),

counted_sessions AS (
    SELECT
        count(*) AS used,
        count(*) FILTER (WHERE state = 'active') AS active,
        count(*) FILTER (WHERE coalesce(state, 'idle') = 'idle') AS idle,
        count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
        count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting_for_locks,
        round(extract(EPOCH FROM statement_timestamp() - min(xact_start)), 1) AS oldest_transaction_seconds
    FROM pg_stat_activity
    WHERE
        datid IS NOT NULL
        AND coalesce(backend_type, 'client backend') = 'client backend'
)

SELECT
    limits.max_connections,
    limits.reserved,
    counted.used,
    round(100.0 * counted.used / greatest(limits.max_connections - limits.reserved, 1), 1) AS used_percent,
    counted.active,
    counted.idle,
    counted.idle_in_transaction,
    counted.waiting_for_locks,
    counted.oldest_transaction_seconds
FROM limits
CROSS JOIN counted_sessions AS counted;

-- name: list_connections(max_rows)
-- The sessions by database, role, application and state, the most first, with the seconds since the longest in that
-- state began it; those of the server that is asked.
--   max_rows: int = 50, rows at most
WITH masked_sessions AS (
    SELECT
        datname::text AS database_name,
        usename::text AS role_name,
        guestsql_mask_numbers(application_name) AS application_name,
        state,
        state_change
    FROM pg_stat_activity
    WHERE datid IS NOT NULL
)

SELECT
    database_name,
    role_name,
    application_name,
    state,
    count(*) AS connections,
    round(extract(EPOCH FROM statement_timestamp() - min(state_change)), 1) AS longest_seconds
FROM masked_sessions
GROUP BY
    database_name,
    role_name,
    application_name,
    state
ORDER BY
    connections DESC,
    database_name ASC,
    role_name ASC,
    application_name ASC,
    state ASC
LIMIT :max_rows::int;

-- name: list_idle_transactions(min_seconds, max_rows)
-- The sessions that hold a transaction open and do nothing, the longest idle first: they keep locks, and dead rows from
-- being removed. query is the last one they ran. Those of the server that is asked.
--   min_seconds: float8 = 10, seconds idle at least
--   max_rows: int = 20, rows at most
SELECT
    activity.pid,
    activity.datname::text AS database_name,
    activity.usename::text AS role_name,
    guestsql_mask_numbers(activity.application_name) AS application_name,
    guestsql_query_name(activity.query) AS query,
    round(extract(EPOCH FROM statement_timestamp() - activity.state_change), 1) AS idle_seconds,
    round(extract(EPOCH FROM statement_timestamp() - activity.xact_start), 1) AS transaction_seconds
FROM pg_stat_activity AS activity
WHERE
    activity.state LIKE 'idle in transaction%'
    AND activity.state_change <= statement_timestamp() - make_interval(secs => :min_seconds::float8)
ORDER BY
    idle_seconds DESC,
    activity.pid ASC
LIMIT :max_rows::int;

-- name: list_long_queries(min_seconds, max_rows)
-- The statements that are running, the longest first, and what they wait for; also those of autovacuum and the like.
-- Those of the server that is asked.
--   min_seconds: float8 = 5, seconds running at least
--   max_rows: int = 20, rows at most
SELECT
    activity.pid,
    activity.datname::text AS database_name,
    activity.usename::text AS role_name,
    guestsql_mask_numbers(activity.application_name) AS application_name,
    activity.backend_type,
    guestsql_query_name(activity.query) AS query,
    round(extract(EPOCH FROM statement_timestamp() - activity.query_start), 1) AS running_seconds,
    round(extract(EPOCH FROM statement_timestamp() - activity.xact_start), 1) AS transaction_seconds,
    activity.wait_event_type,
    activity.wait_event
FROM pg_stat_activity AS activity
WHERE
    activity.state = 'active'
    AND activity.datid IS NOT NULL
    AND activity.pid <> pg_backend_pid()
    AND activity.query_start <= statement_timestamp() - make_interval(secs => :min_seconds::float8)
ORDER BY
    running_seconds DESC,
    activity.pid ASC
LIMIT :max_rows::int;

-- name: list_blocked_sessions(max_rows)
-- Who blocks whom: a row for each waiting session and each session it waits for, the longest wait first. To end the
-- blocking session: SELECT pg_terminate_backend(blocking_pid). A blocking_pid of 0 is a prepared transaction. One that
-- is blocked itself stands in both columns: follow it to the one that is not. Those of the server that is asked.
--   max_rows: int = 50, rows at most
SELECT
    blocked.pid AS blocked_pid,
    guestsql_query_name(blocked.query) AS blocked_query,
    round(extract(EPOCH FROM statement_timestamp() - locks.waitstart), 1) AS waiting_seconds,
    locks.locktype AS lock_type,
    locks.mode AS lock_mode,
    locks.relation::regclass::text AS relation_name,
    blockers.pid AS blocking_pid,
    guestsql_query_name(blocking.query) AS blocking_query,
    blocking.state AS blocking_state,
    guestsql_mask_numbers(blocking.application_name) AS blocking_application,
    round(extract(EPOCH FROM statement_timestamp() - blocking.xact_start), 1) AS blocking_transaction_seconds
FROM pg_stat_activity AS blocked
CROSS JOIN unnest(pg_blocking_pids(blocked.pid)) AS blockers (pid)
LEFT JOIN pg_stat_activity AS blocking ON blockers.pid = blocking.pid
LEFT JOIN pg_locks AS locks ON blocked.pid = locks.pid AND NOT locks.granted
WHERE blocked.wait_event_type = 'Lock'
ORDER BY
    waiting_seconds DESC NULLS LAST,
    blocked_pid ASC,
    blocking_pid ASC
LIMIT :max_rows::int;

-- Indexes ---------------------------------------------------------------------------------------------------------

-- name: list_broken_indexes(max_rows)
-- The indexes that no query uses because they are not valid, by table and name. Each is being built, or is left of a
-- CREATE INDEX CONCURRENTLY that failed: DROP INDEX CONCURRENTLY, and build it again.
--   max_rows: int = 50, rows at most
SELECT
    keys.indrelid::regclass::text AS table_name,
    keys.indexrelid::regclass::text AS index_name,
    pg_relation_size(keys.indexrelid) AS index_bytes,
    progress.pid IS NOT NULL AS is_being_built
FROM pg_index AS keys
LEFT JOIN pg_stat_progress_create_index AS progress
    ON keys.indexrelid = progress.index_relid AND progress.datname = current_database()
WHERE
    NOT keys.indisvalid
    OR NOT keys.indisready
ORDER BY
    table_name ASC,
    index_name ASC
LIMIT :max_rows::int;

-- name: list_unused_indexes(max_rows)
-- The indexes that no query of this server has used since its statistics were reset, the largest first: they cost time
-- at every write, and keep updates from being heap-only. Those that hold a constraint are not listed. Look at
-- counted_since and at every replica, which counts for itself, before one is dropped.
--   max_rows: int = 50, rows at most
SELECT
    figures.relid::regclass::text AS table_name,
    figures.indexrelid::regclass::text AS index_name,
    pg_relation_size(figures.indexrelid) AS index_bytes,
    tables.n_tup_ins + tables.n_tup_upd - tables.n_tup_hot_upd AS table_writes,
    (
        SELECT databases.stats_reset
        FROM pg_stat_database AS databases
        WHERE databases.datname = current_database()
    ) AS counted_since
FROM pg_stat_user_indexes AS figures
INNER JOIN pg_index AS keys ON figures.indexrelid = keys.indexrelid
INNER JOIN pg_stat_user_tables AS tables ON figures.relid = tables.relid
WHERE
    figures.idx_scan = 0
    AND keys.indisvalid
    AND NOT keys.indisunique
    AND NOT keys.indisexclusion
ORDER BY
    index_bytes DESC,
    index_name ASC
LIMIT :max_rows::int;

-- name: list_duplicate_indexes(max_rows)
-- The indexes that another one makes needless, the largest first: it has the same columns in the same order ('same'),
-- or begins with them ('prefix', B-trees only). An index that holds a constraint, or is unique and the other one not,
-- is no duplicate; of two that are the same, the younger is listed.
--   max_rows: int = 50, rows at most
WITH described_indexes AS (
    SELECT
        keys.indexrelid,
        keys.indrelid,
        keys.indisunique,
        keys.indnatts,
        keys.indnkeyatts,
        indexes.relam,
        string_to_array(keys.indkey::text, ' ') AS columns,
        string_to_array(keys.indclass::text, ' ') AS classes,
        string_to_array(keys.indcollation::text, ' ') AS collations,
        string_to_array(keys.indoption::text, ' ') AS options,
        coalesce(pg_get_expr(keys.indexprs, keys.indrelid), '') AS expressions,
        coalesce(pg_get_expr(keys.indpred, keys.indrelid), '') AS condition,
        access.amname = 'btree' AS is_btree,
        keys.indisexclusion OR EXISTS (
            SELECT 1
            FROM pg_constraint AS constraints
            WHERE constraints.conindid = keys.indexrelid
        ) AS is_constraint
    FROM pg_index AS keys
    INNER JOIN pg_class AS indexes ON keys.indexrelid = indexes.oid
    INNER JOIN pg_am AS access ON indexes.relam = access.oid
    INNER JOIN pg_namespace AS namespaces ON indexes.relnamespace = namespaces.oid
    WHERE
        keys.indisvalid
        AND namespaces.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
),

compared_indexes AS (
    SELECT
        needless.indrelid,
        needless.indexrelid,
        kept.indexrelid AS kept_indexrelid,
        needless.columns = kept.columns AND needless.indnkeyatts = kept.indnkeyatts AS is_same,
        needless.indisunique AS needless_is_unique,
        kept.indisunique AS kept_is_unique,
        kept.is_constraint AS kept_is_constraint,
        needless.is_btree AND needless.indnatts = needless.indnkeyatts AND needless.expressions = '' AS may_be_prefix
    FROM described_indexes AS needless
    INNER JOIN described_indexes AS kept
        ON
            needless.indrelid = kept.indrelid
            AND needless.indexrelid <> kept.indexrelid
            AND needless.relam = kept.relam
            AND needless.condition = kept.condition
            AND needless.expressions = kept.expressions
            AND needless.indnkeyatts <= kept.indnkeyatts
            AND needless.columns = kept.columns[:needless.indnatts]
            AND needless.classes = kept.classes[:needless.indnkeyatts]
            AND needless.collations = kept.collations[:needless.indnkeyatts]
            AND needless.options = kept.options[:needless.indnkeyatts]
    WHERE NOT needless.is_constraint
)

SELECT
    indrelid::regclass::text AS table_name,
    indexrelid::regclass::text AS index_name,
    kept_indexrelid::regclass::text AS kept_index_name,
    CASE WHEN is_same THEN 'same' ELSE 'prefix' END AS kind,
    pg_relation_size(indexrelid) AS index_bytes
FROM compared_indexes
WHERE
    (
        is_same
        AND (NOT needless_is_unique OR kept_is_unique)
        -- Of two that could stand for each other, one is listed.
        AND (kept_is_constraint OR kept_is_unique > needless_is_unique OR kept_indexrelid < indexrelid)
    )
    OR (NOT is_same AND may_be_prefix AND NOT needless_is_unique)
ORDER BY
    index_bytes DESC,
    index_name ASC,
    kept_index_name ASC
LIMIT :max_rows::int;

-- name: get_index_faults()^
-- How many indexes are not valid, and how many bytes all indexes of this database take.
-- metrics: indexes
SELECT
    count(*) FILTER (WHERE NOT keys.indisvalid OR NOT keys.indisready) AS invalid,
    coalesce(sum(pg_relation_size(keys.indexrelid)), 0)::bigint AS total_bytes
FROM pg_index AS keys;

-- Tables ----------------------------------------------------------------------------------------------------------

-- name: list_dead_tuples(max_rows)
-- The tables by dead rows, the most first: what updates and deletes left for vacuum to remove, when it was last done,
-- by hand or by itself, and the number of dead rows at which it comes by itself. Ask the primary: a replica counts none.
-- metrics: table_rows
--   max_rows: int = 50, rows at most
SELECT
    tables.relid::regclass::text AS table_name,
    tables.n_live_tup AS live_rows,
    tables.n_dead_tup AS dead_rows,
    round(100.0 * tables.n_dead_tup / nullif(tables.n_live_tup + tables.n_dead_tup, 0), 1) AS dead_percent,
    round(
        coalesce(own.threshold, current_setting('autovacuum_vacuum_threshold')::float8)
        + coalesce(own.scale_factor, current_setting('autovacuum_vacuum_scale_factor')::float8)
        * greatest(classes.reltuples, 0)
    ) AS vacuum_threshold_rows,
    tables.n_mod_since_analyze AS modified_since_analyze,
    greatest(tables.last_vacuum, tables.last_autovacuum) AS last_vacuum_at,
    greatest(tables.last_analyze, tables.last_autoanalyze) AS last_analyze_at,
    tables.vacuum_count + tables.autovacuum_count AS vacuums
FROM pg_stat_user_tables AS tables
INNER JOIN pg_class AS classes ON tables.relid = classes.oid
LEFT JOIN LATERAL (
    SELECT
        max(options.option_value) FILTER (WHERE options.option_name = 'autovacuum_vacuum_threshold')::float8
            AS threshold,
        max(options.option_value) FILTER (WHERE options.option_name = 'autovacuum_vacuum_scale_factor')::float8
            AS scale_factor
    FROM pg_options_to_table(classes.reloptions) AS options
) AS own ON TRUE
ORDER BY
    dead_rows DESC,
    table_name ASC
LIMIT :max_rows::int;

-- name: list_wraparound_ages(max_rows)
-- The databases by the share of transaction numbers, or of multixacts if that is more, that they have used up of those
-- there are, in percent, the most first. At 100 the server refuses to write. Autovacuum sees to it at freeze_max_age;
-- far above that, something hinders it: an old transaction, a replication slot, a prepared transaction.
-- metrics: wraparound
--   max_rows: int = 20, rows at most
SELECT
    databases.datname::text AS database_name,
    age(databases.datfrozenxid)::bigint AS transaction_age,
    mxid_age(databases.datminmxid)::bigint AS multixact_age,
    current_setting('autovacuum_freeze_max_age')::bigint AS freeze_max_age,
    round(
        100 * greatest(age(databases.datfrozenxid), mxid_age(databases.datminmxid)) / 2147483648.0, 2
    ) AS used_percent
FROM pg_database AS databases
ORDER BY
    used_percent DESC,
    database_name ASC
LIMIT :max_rows::int;

-- name: list_wraparound_tables(max_rows)
-- The tables of this database, with what they store out of line, by the age of their oldest unfrozen transaction, the
-- oldest first: what vacuum must freeze to bring list_wraparound_ages down.
--   max_rows: int = 20, rows at most
SELECT
    tables.oid::regclass::text AS table_name,
    age(tables.relfrozenxid)::bigint AS transaction_age,
    mxid_age(tables.relminmxid)::bigint AS multixact_age,
    round(
        100 * greatest(age(tables.relfrozenxid), mxid_age(tables.relminmxid)) / 2147483648.0, 2
    ) AS used_percent,
    pg_relation_size(tables.oid) AS table_bytes
FROM pg_class AS tables
WHERE tables.relkind IN ('r', 't', 'm')
ORDER BY
    used_percent DESC,
    transaction_age DESC,
    table_name ASC
LIMIT :max_rows::int;

-- name: list_hot_ratios(max_rows)
-- The tables by updates, the most first, with the percentage of them that were heap-only: those wrote no index.
-- In guest_profiles a change of labels and a guest's first message of a day always write an index; many of them lower
-- the percentage, and that is no fault. When it falls and the bot does the same as before, look for a new index on a
-- column that changes often, or for full pages (fillfactor). Ask the primary: a replica counts none.
-- metrics: table_updates
--   max_rows: int = 50, rows at most
SELECT
    relid::regclass::text AS table_name,
    n_tup_upd AS updates,
    n_tup_hot_upd AS hot_updates,
    round(100.0 * n_tup_hot_upd / nullif(n_tup_upd, 0), 1) AS hot_percent
FROM pg_stat_user_tables
ORDER BY
    updates DESC,
    table_name ASC
LIMIT :max_rows::int;

-- name: list_table_sizes(max_rows)
-- The tables by size with everything that belongs to them, the largest first. row_estimate is of the last analyze; NULL
-- before the first.
-- metrics: table
--   max_rows: int = 50, rows at most
SELECT
    relid::regclass::text AS table_name,
    pg_total_relation_size(relid) AS total_bytes,
    pg_relation_size(relid) AS rows_bytes,
    pg_indexes_size(relid) AS index_bytes,
    pg_table_size(relid) - pg_relation_size(relid) AS other_bytes,
    (
        SELECT round(classes.reltuples)
        FROM pg_class AS classes
        WHERE
            classes.oid = tables.relid
            AND classes.reltuples >= 0
    ) AS row_estimate
FROM pg_stat_user_tables AS tables
ORDER BY
    total_bytes DESC,
    table_name ASC
LIMIT :max_rows::int;

-- name: list_index_sizes(max_rows)
-- The indexes by size, the largest first, with how often queries of this server have used them since the statistics
-- were reset.
--   max_rows: int = 50, rows at most
SELECT
    indexrelid::regclass::text AS index_name,
    relid::regclass::text AS table_name,
    pg_relation_size(indexrelid) AS index_bytes,
    idx_scan AS scans
FROM pg_stat_user_indexes
ORDER BY
    index_bytes DESC,
    index_name ASC
LIMIT :max_rows::int;

-- name: list_size_growth(days, max_rows)
-- The tables and indexes by growth since the oldest record of the last days, the most first: bytes then and now, and by
-- day. A table's bytes are without its indexes. The records are what record_relation_sizes wrote, once a day.
-- empty: there is no record of an earlier day yet; a running bot writes one a day (record_relation_sizes)
--   days: int = 30, how far to look back
--   max_rows: int = 50, rows at most
WITH first_records AS (
    SELECT DISTINCT ON (schema_name, relation_name)
        schema_name,
        relation_name,
        kind,
        day,
        bytes
    FROM relation_sizes
    WHERE
        day >= (statement_timestamp() AT TIME ZONE 'UTC')::date - :days::int
        AND day < (statement_timestamp() AT TIME ZONE 'UTC')::date
    ORDER BY
        schema_name ASC,
        relation_name ASC,
        day ASC
),

present_sizes AS (
    SELECT
        first_records.schema_name,
        first_records.relation_name,
        first_records.kind,
        first_records.day,
        first_records.bytes,
        CASE WHEN first_records.kind = 'index' THEN pg_relation_size(classes.oid) ELSE pg_table_size(classes.oid) END
            AS present_bytes
    FROM first_records
    INNER JOIN pg_namespace AS namespaces ON first_records.schema_name = namespaces.nspname
    INNER JOIN pg_class AS classes
        ON first_records.relation_name = classes.relname AND namespaces.oid = classes.relnamespace
)

SELECT
    schema_name,
    relation_name,
    kind,
    day AS since_day,
    bytes AS since_bytes,
    present_bytes,
    present_bytes - bytes AS growth_bytes,
    (present_bytes - bytes) / ((statement_timestamp() AT TIME ZONE 'UTC')::date - day) AS growth_bytes_per_day,
    round(100.0 * (present_bytes - bytes) / nullif(bytes, 0), 1) AS growth_percent
FROM present_sizes
ORDER BY
    growth_bytes DESC,
    schema_name ASC,
    relation_name ASC
LIMIT :max_rows::int;

-- name: list_sequences_near_end(min_percent, max_rows)
-- The sequences that have given out min_percent of their numbers, the nearest to the end first. The end is that of the
-- sequence, or of the column that it fills if that comes first: an integer column ends at 2,147,483,647 whatever its
-- sequence allows. One that cycles never ends. A sequence whose value this role may not read is not listed;
-- guestsql_monitor may read those of the guests' schema.
-- metrics: sequences min_percent=0
--   min_percent: float8 = 50, percent of the numbers; 0 lists all that have been used
--   max_rows: int = 50, rows at most
WITH limited_sequences AS (
    SELECT
        classes.oid,
        values_now.last_value,
        values_now.cycle,
        values_now.increment_by < 0 AS is_descending,
        -- A sequence of a larger type than its column ends with the column.
        greatest(values_now.min_value, coalesce(-columns_filled.type_end - 1, values_now.min_value)) AS first_end,
        least(values_now.max_value, coalesce(columns_filled.type_end, values_now.max_value)) AS last_end,
        columns_filled.table_name,
        columns_filled.column_name
    FROM pg_sequences AS values_now
    INNER JOIN pg_namespace AS namespaces ON values_now.schemaname = namespaces.nspname
    INNER JOIN pg_class AS classes
        ON namespaces.oid = classes.relnamespace AND values_now.sequencename = classes.relname
    LEFT JOIN LATERAL (
        SELECT
            attributes.attrelid::regclass::text AS table_name,
            attributes.attname::text AS column_name,
            CASE attributes.atttypid
                WHEN 'smallint'::regtype THEN 32767
                WHEN 'integer'::regtype THEN 2147483647
                WHEN 'bigint'::regtype THEN 9223372036854775807
            END AS type_end
        FROM pg_depend AS owners
        INNER JOIN pg_attribute AS attributes
            ON owners.refobjid = attributes.attrelid AND owners.refobjsubid = attributes.attnum
        WHERE
            owners.classid = 'pg_class'::regclass
            AND owners.objid = classes.oid
            AND owners.refclassid = 'pg_class'::regclass
            AND owners.deptype IN ('a', 'i')
    ) AS columns_filled ON TRUE
),

used_sequences AS (
    SELECT
        oid::regclass::text AS sequence_name,
        table_name,
        column_name,
        last_value,
        CASE WHEN is_descending THEN first_end ELSE last_end END AS end_value,
        round(
            100 * CASE WHEN is_descending THEN last_end - last_value::numeric ELSE last_value - first_end::numeric END
            / nullif(last_end - first_end::numeric, 0),
            2
        ) AS used_percent
    FROM limited_sequences
    WHERE
        last_value IS NOT NULL
        AND NOT cycle
)

SELECT
    sequence_name,
    table_name,
    column_name,
    last_value,
    end_value,
    used_percent
FROM used_sequences
WHERE used_percent >= :min_percent::float8
ORDER BY
    used_percent DESC,
    sequence_name ASC
LIMIT :max_rows::int;

-- Replication -----------------------------------------------------------------------------------------------------

-- name: list_standbys(max_rows)
-- The standbys that this server sends its changes to, the furthest behind first: bytes not yet sent, not yet replayed,
-- and the seconds from a commit here to its being visible there, NULL when nothing has been written for a while. Ask
-- the primary: a replica lists those only that it feeds itself. No row: this server feeds none.
-- metrics: standby
--   max_rows: int = 50, rows at most
WITH present_position AS (
    SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS lsn
)

SELECT
    standbys.pid,
    guestsql_mask_numbers(standbys.application_name) AS application_name,
    standbys.client_addr::text AS address,
    standbys.state,
    standbys.sync_state,
    pg_wal_lsn_diff(present_position.lsn, standbys.sent_lsn)::bigint AS unsent_bytes,
    pg_wal_lsn_diff(present_position.lsn, standbys.replay_lsn)::bigint AS lag_bytes,
    round(extract(EPOCH FROM standbys.replay_lag), 3) AS lag_seconds
FROM pg_stat_replication AS standbys
CROSS JOIN present_position
ORDER BY
    lag_bytes DESC NULLS LAST,
    standbys.pid ASC
LIMIT :max_rows::int;

-- name: get_standby_lag()^
-- Whether the server that is asked is a standby, and how far what it shows lies behind: bytes received and not yet
-- replayed, and seconds since the last replayed commit, 0 when all that was received is replayed. What the primary has
-- not sent is not known here: while nothing is received (is_receiving is false) the lag may be any.
-- metrics: standby_self
SELECT
    pg_is_in_recovery() AS is_standby,
    (
        SELECT count(receivers.pid)
        FROM pg_stat_wal_receiver AS receivers
    ) > 0 AS is_receiving,
    pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint AS lag_bytes,
    CASE
        WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE round(extract(EPOCH FROM statement_timestamp() - pg_last_xact_replay_timestamp()), 3)
    END AS lag_seconds;

-- name: list_replication_slots(max_rows)
-- The replication slots by the bytes of log that they keep from being removed, the most first. One that is not active
-- keeps them until the disk is full: drop it if nobody comes back for it. Ask
-- the primary: a replica lists its own slots.
-- metrics: replication_slot
--   max_rows: int = 50, rows at most
SELECT
    slots.slot_name::text AS slot_name,
    slots.slot_type,
    slots.active AS is_active,
    slots.wal_status,
    pg_wal_lsn_diff(
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, slots.restart_lsn
    )::bigint AS retained_bytes,
    slots.safe_wal_size AS safe_bytes
FROM pg_replication_slots AS slots
ORDER BY
    retained_bytes DESC NULLS LAST,
    slot_name ASC
LIMIT :max_rows::int;

-- Memory ----------------------------------------------------------------------------------------------------------

-- name: list_process_memory(minutes, max_rows)
-- The bot's processes of the last minutes, the latest first: resident memory at the last flush of their figures and at
-- most, and the flushes that failed. The memory of the server's own processes cannot be asked for in SQL: a session is
-- told of itself alone, and by its parts only. get_memory_settings tells what they may take.
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
ORDER BY
    last_minute DESC,
    process ASC
LIMIT :max_rows::int;

-- name: get_memory_settings()^
-- What the server's processes may take: memory that they share, what each sort or hash of a statement may take before
-- it goes to disk, what a vacuum or an index build may take, and how many sessions there are and may be.
SELECT
    pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers_bytes,
    pg_size_bytes(current_setting('work_mem')) AS work_mem_bytes,
    current_setting('hash_mem_multiplier')::float8 AS hash_mem_multiplier,
    pg_size_bytes(current_setting('maintenance_work_mem')) AS maintenance_work_mem_bytes,
    pg_size_bytes(current_setting('temp_buffers')) AS temp_buffers_bytes,
    current_setting('max_connections')::int AS max_connections,
    (
        SELECT count(*)
        FROM pg_stat_activity AS activity
        WHERE activity.datid IS NOT NULL
    ) AS sessions;

-- name: get_import_comparison()^
-- The last import of the old bot's JSON files against what became of them: bytes of the files, of guest_profiles with
-- its indexes after the import and now, and the most memory that the import took. The old bot held its files in memory
-- whole; table_per_file is how many times their size the table has now. None: nothing was imported.
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
