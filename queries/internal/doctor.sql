-- Queries of guestsql doctor. Any role that can log in may run them; what a role may not see is NULL.
-- check: read-only

-- name: get_server_facts()^
-- The server, its clock and limits, and the role and session that ask.
-- A session_pid other than the one that the client was given reveals a pooler. role_limit and database_limit are NULL
-- where there is none.
SELECT
    current_setting('server_version_num')::int AS version_number,
    current_setting('server_version') AS version,
    pg_backend_pid() AS session_pid,
    extract(EPOCH FROM statement_timestamp())::float8 AS clock,
    pg_is_in_recovery() AS is_standby,
    (SELECT control.system_identifier FROM pg_control_system() AS control) AS cluster_number,
    current_setting('default_transaction_read_only')::boolean AS is_read_only,
    current_setting('server_encoding') AS encoding,
    current_user::text AS role_name,
    current_database()::text AS database_name,
    current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int AS connection_limit,
    (
        SELECT sum(numbackends)::int
        FROM pg_stat_database
    ) AS connections,
    nullif(roles.rolconnlimit, -1) AS role_limit,
    nullif(databases.datconnlimit, -1) AS database_limit,
    (
        SELECT count(*)::int
        FROM pg_stat_activity AS activity
        WHERE activity.usesysid = roles.oid
    ) AS role_connections,
    (
        SELECT count(*)::int
        FROM pg_stat_activity AS activity
        WHERE activity.datid = databases.oid
    ) AS database_connections
FROM pg_roles AS roles
CROSS JOIN pg_database AS databases
WHERE
    roles.rolname = current_user
    AND databases.datname = current_database();

-- name: list_prepared_names()
-- Under which names this statement is prepared in the server's process.
SELECT name
FROM pg_prepared_statements
WHERE statement LIKE '%q=list_prepared_names%'
ORDER BY name;

-- name: get_guest_rights()^
-- The rights of a bot that this role lacks on guest_profiles.
-- is_there: whether this role sees the table. reads_grants: whether list_missing_rights can be asked about the other
-- tables.
SELECT
    known.relation IS NOT NULL AS is_there,
    array(
        SELECT wanted.privilege
        FROM unnest(ARRAY['DELETE', 'INSERT', 'SELECT', 'UPDATE']) AS wanted (privilege)
        WHERE NOT has_table_privilege(known.relation, wanted.privilege)
        ORDER BY wanted.privilege
    ) AS missing,
    coalesce(has_table_privilege(to_regclass('guestsql_grants'), 'SELECT'), FALSE) AS reads_grants
FROM (SELECT to_regclass('guest_profiles') AS relation) AS known;

-- name: list_missing_rights()
-- The tables on which this role lacks a right of guestsql_bot, and the rights, by name.
-- check: allow GS307, because guestsql_grants has one row a table
SELECT
    entries.relation_name,
    array(
        SELECT wanted.privilege
        FROM unnest(entries.bot_privileges) AS wanted (privilege)
        WHERE NOT has_table_privilege(to_regclass(quote_ident(entries.relation_name)), wanted.privilege)
        ORDER BY wanted.privilege
    ) AS privileges
FROM guestsql_grants AS entries
WHERE
    to_regclass(quote_ident(entries.relation_name)) IS NOT NULL
    AND EXISTS (
        SELECT 1
        FROM unnest(entries.bot_privileges) AS wanted (privilege)
        WHERE NOT has_table_privilege(to_regclass(quote_ident(entries.relation_name)), wanted.privilege)
    )
ORDER BY entries.relation_name;

-- name: list_group_roles()
-- The roles of guestsql that exist, and whether this role is a member of each, by name.
SELECT
    rolname::text AS role_name,
    pg_has_role(oid, 'USAGE') AS is_had
FROM pg_roles
WHERE rolname IN ('guestsql_bot', 'guestsql_marketing', 'guestsql_monitor', 'guestsql_owner')
ORDER BY rolname;

-- name: get_statistics_extension()^
-- Whether pg_stat_statements is available, installed in this database, and loaded.
SELECT
    (
        SELECT count(*) > 0
        FROM pg_available_extensions
        WHERE name = 'pg_stat_statements'
    ) AS is_available,
    (
        SELECT count(*) > 0
        FROM pg_extension
        WHERE extname = 'pg_stat_statements'
    ) AS is_made,
    current_setting('pg_stat_statements.max', TRUE) IS NOT NULL AS is_loaded;

-- name: list_slow_statements(min_milliseconds, min_calls)
-- The ten statements that took the most time, of those that are slow on average.
--   min_milliseconds: float8 = 200, a statement is slow from this average on
--   min_calls: bigint = 5, fewer calls are no evidence
SELECT
    guestsql_query_name(statement) AS query,
    sum(calls)::bigint AS calls,
    sum(total_milliseconds) / sum(calls) AS mean_milliseconds
FROM guestsql_statement_figures()
GROUP BY guestsql_query_name(statement)
HAVING
    sum(calls) >= :min_calls::bigint
    AND sum(total_milliseconds) / sum(calls) >= :min_milliseconds::float8
ORDER BY
    sum(total_milliseconds) DESC,
    query ASC
LIMIT 10;

-- name: list_stale_statistics(min_rows, min_share)
-- Tables of which many rows have changed since the last analyze, by name.
-- The planner's estimates for them may be wrong.
--   min_rows: bigint = 1000, fewer changes do not matter
--   min_share: float8 = 0.2, of the table's rows
SELECT
    relname::text AS table_name,
    n_mod_since_analyze AS changed_rows,
    greatest(last_analyze, last_autoanalyze) AS analyzed_at
FROM pg_stat_user_tables
WHERE
    n_mod_since_analyze >= :min_rows::bigint
    AND n_mod_since_analyze >= n_live_tup * :min_share::float8
ORDER BY
    schemaname,
    relname;

-- name: get_session_troubles(min_seconds)^
-- Sessions of this database that are idle in a transaction, or wait for a lock, for long.
-- is_visible is false when this role cannot see the sessions of others.
--   min_seconds: float8 = 300, seconds that count as long
WITH client_sessions AS (
    SELECT
        state,
        wait_event_type = 'Lock' AS is_waiting,
        extract(EPOCH FROM statement_timestamp() - state_change) >= :min_seconds::float8 AS is_long
    FROM pg_stat_activity
    WHERE
        datname = current_database()
        AND coalesce(backend_type = 'client backend', TRUE)
)

SELECT
    count(*) FILTER (WHERE is_long AND state LIKE 'idle in transaction%') AS idle_in_transaction,
    count(*) FILTER (WHERE is_long AND is_waiting) AS waiting,
    coalesce(bool_and(state IS NOT NULL), TRUE) AS is_visible
FROM client_sessions;

-- name: count_future_guests()$
-- How many guests have a time in the future, by the server's clock.
-- limit_future_times corrects them.
-- check: allow GS501, because only guestsql doctor runs it: 0.4 s for 1,000,000 guests
SELECT count(*) AS guests
FROM guest_profiles
WHERE
    greatest(first_interaction, last_interaction, thread_created_at, created_at, updated_at) > statement_timestamp();

-- name: get_message_troubles(min_seconds)^
-- Messages that were begun and not done, and the redeliveries of the last hour.
--   min_seconds: float8 = 300, seconds after its claim in which a message should be done
SELECT
    (
        SELECT count(*)
        FROM operations AS opened
        WHERE
            opened.done_at IS NULL
            AND coalesce(opened.lease_until, opened.claimed_at)
            < statement_timestamp() - make_interval(secs => :min_seconds::float8)
    ) AS unfinished,
    count(*) AS processed,
    coalesce(sum(attempts - 1), 0)::bigint AS redeliveries
FROM operations
WHERE
    done_at >= statement_timestamp() - make_interval(hours => 1)
    AND source <> 'guestsql';

-- name: get_outbox_troubles(min_seconds)^
-- Replies that have been due for long, replies that wait after a failure, and dead letters.
-- A due reply may be behind a failed one to the same guest: guestsql_monitor may not see whose they are.
--   min_seconds: float8 = 300, seconds for which a reply may be due
SELECT
    count(*) FILTER (WHERE is_overdue) AS overdue,
    extract(EPOCH FROM statement_timestamp() - min(due_at) FILTER (WHERE is_overdue))::float8 AS oldest_seconds,
    count(*) FILTER (WHERE attempts > 0 AND due_at > statement_timestamp()) AS retried,
    (
        SELECT count(*)
        FROM outbox AS letter
        WHERE letter.state = 'dead'
    ) AS dead
FROM (
    SELECT
        attempts,
        due_at,
        due_at < statement_timestamp() - make_interval(secs => :min_seconds::float8) AS is_overdue
    FROM outbox
    WHERE state IN ('queued', 'sending')
) AS unsent_replies;

-- name: count_guests_with_two_spellings()$
-- How many pairs of guests are two national spellings of one number.
-- list_guests_with_two_spellings lists them.
-- check: allow GS501, because only guestsql doctor runs it: 1 s for 1,000,000 guests
SELECT count(*) AS pairs
FROM guest_ids AS known
INNER JOIN guest_ids AS other
    ON
        other.id = (guestsql_spellings(known.id))[2]
        AND known.phone_number <> other.phone_number
INNER JOIN guest_keys AS guest ON known.phone_number = guest.phone_number
INNER JOIN guest_keys AS other_guest ON other.phone_number = other_guest.phone_number
WHERE
    known.kind = 'phone'
    AND known.id < other.id;

-- name: get_unconfirmed_rules()^
-- Profiles of accounts with planned actions, and how many of their rules are unconfirmed.
WITH used_profiles AS (
    SELECT DISTINCT accounts.profile
    FROM contact_accounts AS accounts
    WHERE
        EXISTS (
            SELECT 1
            FROM campaign_actions AS action
            WHERE
                action.account = accounts.account
                AND action.state = 'planned'
        )
),

unconfirmed_rules AS (
    SELECT profiles.profile
    FROM contact_profiles AS profiles
    WHERE NOT profiles.is_confirmed
    UNION ALL
    SELECT hours.profile
    FROM contact_hours AS hours
    WHERE NOT hours.is_confirmed
    UNION ALL
    SELECT caps.profile
    FROM contact_caps AS caps
    WHERE NOT caps.is_confirmed
)

SELECT
    (SELECT count(*) FROM used_profiles) AS profiles,
    (
        SELECT count(*)
        FROM unconfirmed_rules AS rules
        WHERE rules.profile IN (SELECT used_profiles.profile FROM used_profiles)
    ) AS unconfirmed_rules;

-- name: list_missing_holiday_years(timezone)
-- Years whose holidays accounts with planned actions need, and that no one has entered.
-- This year, and the year in 45 days.
--   timezone: text = 'America/Bogota', the hotel's
WITH years AS (
    SELECT
        extract(
            YEAR FROM (statement_timestamp() AT TIME ZONE :timezone::text) + make_interval(days => ahead.days)
        ) AS year,
        ahead.days = 0 AS is_current
    FROM unnest('{0, 45}'::int[]) AS ahead (days)
)

SELECT
    profiles.country,
    years.year::int AS year,
    bool_or(years.is_current) AS is_current
FROM contact_accounts AS accounts
INNER JOIN contact_profiles AS profiles ON accounts.profile = profiles.profile
CROSS JOIN years
LEFT JOIN holiday_years AS known
    ON
        profiles.country = known.country
        AND years.year = known.year
WHERE
    profiles.excludes_holidays
    AND known.country IS NULL
    AND EXISTS (
        SELECT 1
        FROM campaign_actions AS action
        WHERE
            action.account = accounts.account
            AND action.state = 'planned'
    )
GROUP BY
    profiles.country,
    years.year
ORDER BY
    profiles.country,
    years.year;

-- name: get_wraparound_age()$
-- The age in transactions of the oldest unfrozen row of this database.
SELECT age(datfrozenxid)::bigint AS transactions
FROM pg_database
WHERE datname = current_database();

-- name: get_disk_facts()^
-- The size of the database, the WAL that inactive slots retain, and the data directory.
-- data_directory is NULL for a role that may not see it.
SELECT
    pg_database_size(current_database()) AS database_bytes,
    (
        SELECT coalesce(sum(pg_wal_lsn_diff(pg_current_wal_lsn(), slots.restart_lsn)), 0)::bigint
        FROM pg_replication_slots AS slots
        WHERE
            NOT slots.active
            AND NOT pg_is_in_recovery()
    ) AS kept_wal_bytes,
    (
        SELECT settings.setting
        FROM pg_settings AS settings
        WHERE settings.name = 'data_directory'
    ) AS data_directory;

-- name: list_guest_columns()
-- The columns of the tables with guests' data, by table and place.
-- serve-metrics checks with it where a column of a result comes from.
SELECT
    classes.oid::bigint AS relation_oid,
    attributes.attnum::int AS column_number,
    classes.relname::text AS relation_name,
    attributes.attname::text AS column_name
FROM pg_class AS classes
INNER JOIN pg_attribute AS attributes ON classes.oid = attributes.attrelid
WHERE
    classes.relkind IN ('r', 'p')
    AND attributes.attnum > 0
    AND NOT attributes.attisdropped
    AND (
        classes.relname IN ('guest_profiles', 'guest_threads', 'historical_clients')
        OR (classes.relname LIKE 'legacy\_%' AND classes.relname <> 'legacy_imports')
    )
ORDER BY
    classes.relname ASC,
    classes.oid ASC,
    attributes.attnum ASC;

-- name: get_erasure_troubles(key_ids)^
-- How many erased ids there are, and how many have another key.
-- check: allow GS501, because only guestsql doctor runs it, and few guests are erased
--   key_ids: text[], what distinguishes the known keys, e.g. '{}'
SELECT
    count(*) AS erased,
    count(*) FILTER (WHERE key_id IS NOT NULL AND key_id <> ALL(:key_ids::text[])) AS unknown
FROM erased_guests;
