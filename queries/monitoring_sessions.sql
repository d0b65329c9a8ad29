-- Monitoring of the server's statements, connections and locks. A server reports its own only: ask each replica, too.
-- Application names are masked where they may hold a phone number. guestsql_query_name shows the name of a query of
-- this project; of any other statement the first words, without strings and numbers.
--
-- check: read-only

-- name: get_statement_statistics()^
-- Whether pg_stat_statements is loaded and installed, which list_slow_queries needs.
-- is_loaded: it is in shared_preload_libraries, which takes a restart. version: CREATE EXTENSION was run in this
-- database.
-- es: Si pg_stat_statements está cargado e instalado, lo que necesita list_slow_queries.
SELECT
    current_setting('pg_stat_statements.max', TRUE) IS NOT NULL AS is_loaded,
    max(offered.installed_version) AS version,
    max(offered.default_version) AS available_version
FROM pg_available_extensions AS offered
WHERE offered.name = 'pg_stat_statements';

-- name: list_slow_queries(max_rows)
-- The statements of this database by name, slowest on average first, as the server saw them.
-- Times are without the network and the bot, since the statistics were last reset. The server may list one query
-- several times: they are added up by name. The view is read through a function, because a query that named the view
-- could not even be prepared on a server without it.
-- es: Las sentencias de esta base por nombre, la más lenta en promedio primero, como las vio el servidor.
-- chart: bar x=query y=mean_milliseconds
-- empty: pg_stat_statements is missing, or has seen nothing of this database; get_statement_statistics shows which
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
ORDER BY mean_milliseconds DESC NULLS LAST, query ASC
LIMIT :max_rows::int;

-- name: get_connection_usage()^
-- The server's connections by state, and how many it allows.
-- reserved is the number kept for superusers and the like. Without the rights of pg_read_all_stats, sessions of other
-- roles count as idle.
-- es: Las conexiones del servidor por estado, y cuántas permite.
-- chart: number y=used_percent,used,active,idle_in_transaction,waiting_for_locks
-- dashboard: operations
-- metrics: connections
WITH limits AS (
    SELECT
        current_setting('max_connections')::int AS max_connections,
        -- reserved_connections exists since PostgreSQL 16.
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
    WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
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
-- Sessions by database, role, application and state, largest number first.
-- longest_seconds: how long the longest of them has been in that state.
-- es: Sesiones por base, rol, aplicación y estado, el número mayor primero. longest_seconds: desde cuándo está la más
--     larga en ese estado.
-- chart: stacked x=application_name y=connections series=state
--   max_rows: int = 50, rows at most
SELECT
    datname::text AS database_name,
    usename::text AS role_name,
    guestsql_mask_numbers(application_name) AS application_name,
    state,
    count(*) AS connections,
    round(extract(EPOCH FROM statement_timestamp() - min(state_change)), 1) AS longest_seconds
FROM pg_stat_activity
WHERE datid IS NOT NULL
GROUP BY database_name, role_name, guestsql_mask_numbers(application_name), state
ORDER BY connections DESC, database_name ASC, role_name ASC, application_name ASC, state ASC
LIMIT :max_rows::int;

-- name: list_idle_transactions(min_seconds, max_rows)
-- Sessions that hold a transaction open and do nothing, the longest idle first.
-- They keep locks, and keep vacuum from removing dead rows. query is the last one that they ran.
-- es: Sesiones que mantienen una transacción abierta sin hacer nada, la más larga primero. Retienen bloqueos e impiden
--     la limpieza.
--   min_seconds: float8 = 10, seconds idle at least
--     es: segundos inactiva como mínimo
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
ORDER BY idle_seconds DESC, activity.pid ASC
LIMIT :max_rows::int;

-- name: list_long_queries(min_seconds, max_rows)
-- Running statements and what they wait for, the longest first, autovacuum included.
-- es: Sentencias en curso y a qué esperan, la más larga primero, incluido autovacuum.
--   min_seconds: float8 = 5, seconds running at least
--     es: segundos en curso como mínimo
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
ORDER BY running_seconds DESC, activity.pid ASC
LIMIT :max_rows::int;

-- name: list_blocked_sessions(max_rows)
-- Who blocks whom: each waiting session with each that it waits for, the longest wait first.
-- To end the blocking session: SELECT pg_terminate_backend(blocking_pid). 0 is a prepared transaction. A session in
-- both columns is blocked itself: follow the chain to the one that is not.
-- es: Quién bloquea a quién: cada sesión que espera con cada una a la que espera, la espera más larga primero. Para
--     terminar la que bloquea: SELECT pg_terminate_backend(blocking_pid).
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
ORDER BY waiting_seconds DESC NULLS LAST, blocked_pid ASC, blocking_pid ASC
LIMIT :max_rows::int;

-- name: get_memory_settings()^
-- How much memory the server's processes may use, and how many sessions there may be.
-- work_mem is for each sort or hash of a statement; maintenance_work_mem for a vacuum or an index build.
-- es: Cuánta memoria pueden usar los procesos del servidor, y cuántas sesiones puede haber.
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
