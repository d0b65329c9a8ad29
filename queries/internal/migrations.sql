-- Queries of the migration runner: its ledger, its lock, and the catalogues.
--
-- They run on a direct connection, in autocommit. Those on the ledger run in a transaction that has called
-- enter_ledger_schema. That writes nothing, so that a database without a ledger can be inspected on a standby, and by a
-- role that may not write.

-- name: enter_ledger_schema()^
-- Finds the ledger and puts its schema first in the search_path of this transaction.
-- Always one row. schema_names: schemas with a ledger, those in the search_path if any, else others; with none or
-- several the search_path is not changed. is_usable: whether this role may use them. new_tables_schema: where this
-- session creates tables (NULL: nowhere), if there is a ledger. The search_path may change (ALTER DATABASE, a schema
-- named like the role) and with it what an unqualified name means; what was applied once must not be applied again
-- because of that. A temporary table of the same name comes last.
WITH ledgers AS (
    SELECT
        namespaces.nspname::text AS schema_name,
        namespaces.nspname = ANY(current_schemas(FALSE)) AS is_in_path
    FROM pg_class AS relations
    INNER JOIN pg_namespace AS namespaces ON relations.relnamespace = namespaces.oid
    WHERE
        relations.relname = 'guestsql_migrations'
        AND relations.relkind IN ('r', 'p')
        AND relations.relpersistence <> 't'
),

candidates AS MATERIALIZED (
    SELECT
        schema_name,
        current_schema()::text AS new_tables_schema
    FROM ledgers
    WHERE is_in_path OR NOT coalesce((SELECT bool_or(others.is_in_path) FROM ledgers AS others), FALSE)
)

SELECT
    coalesce(array_agg(schema_name ORDER BY schema_name), '{}') AS schema_names,
    coalesce(bool_and(has_schema_privilege(schema_name, 'USAGE')), TRUE) AS is_usable,
    min(new_tables_schema) AS new_tables_schema,
    CASE
        WHEN count(*) = 1
            THEN
                set_config(
                    'search_path',
                    concat_ws(
                        ', ',
                        quote_ident(min(schema_name)),
                        nullif(current_setting('search_path'), ''),
                        'pg_temp'
                    ),
                    TRUE
                )
    END AS search_path
FROM candidates;

-- name: create_migration_ledger()!
-- Creates the ledger in the schema in which migrations create tables.
-- Only under the runner's lock: two CREATE TABLE IF NOT EXISTS at once can fail on a unique index of the catalogue.
-- version is 0 for a repeatable file, whose key is its name. body is the file without whitespace and comments, kept so
-- that an edit can be shown.
CREATE TABLE IF NOT EXISTS guestsql_migrations (
    series text NOT NULL DEFAULT 'guestsql',
    version bigint NOT NULL CHECK (version >= 0),
    name text NOT NULL,
    checksum text NOT NULL,
    body text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    duration_ms float8 NOT NULL,
    applied_by text NOT NULL DEFAULT session_user,
    is_baseline boolean NOT NULL DEFAULT FALSE,
    PRIMARY KEY (series, version, name),
    CONSTRAINT guestsql_migrations_number EXCLUDE (series WITH =, version WITH =) WHERE (version > 0)
);

-- name: has_migration_series()$
-- Whether the ledger has a column for the series; one of a release before 0.2.0 does not.
SELECT count(*) > 0 AS has_series
FROM pg_attribute
WHERE
    attrelid = to_regclass('guestsql_migrations')
    AND attname = 'series'
    AND NOT attisdropped;

-- name: convert_migration_ledger()!
-- Adds the series to a ledger of a release before 0.2.0; all its rows are packaged.
-- That release still reads and writes the ledger; what it writes counts as packaged.
ALTER TABLE guestsql_migrations
DROP CONSTRAINT guestsql_migrations_pkey,
DROP CONSTRAINT guestsql_migrations_version_check,
ADD COLUMN series text NOT NULL DEFAULT 'guestsql',
ALTER COLUMN version TYPE bigint,
ADD CONSTRAINT guestsql_migrations_version_check CHECK (version >= 0),
ADD PRIMARY KEY (series, version, name),
ADD CONSTRAINT guestsql_migrations_number EXCLUDE (series WITH =, version WITH =) WHERE (version > 0);

-- name: assign_own_migrations(versions)!
-- Moves rows from the packaged series to the own one, once, after the conversion.
--   versions: bigint[], the numbers of own migrations that a release before 0.2.0 applied
UPDATE guestsql_migrations
SET series = 'own'
WHERE series = 'guestsql' AND version = ANY(:versions::bigint[]);

-- name: get_migration_owner()$
-- The role that owns the ledger and may migrate; without a ledger the database's owner.
SELECT
    coalesce(
        (
            SELECT pg_get_userbyid(relations.relowner)
            FROM pg_class AS relations
            INNER JOIN pg_namespace AS namespaces ON relations.relnamespace = namespaces.oid
            WHERE
                relations.relname = 'guestsql_migrations'
                AND relations.relkind IN ('r', 'p')
                AND relations.relpersistence <> 't'
            ORDER BY namespaces.nspname = ANY(current_schemas(FALSE)) DESC, namespaces.nspname
            LIMIT 1
        ),
        (
            SELECT pg_get_userbyid(datdba)
            FROM pg_database
            WHERE datname = current_database()
        )
    )::text AS owner_name;

-- name: list_applied_migrations()
-- Every row of the ledger, by version.
-- series is NULL in a ledger of a release before 0.2.0, which has no such column: hence jsonb.
-- check: allow GS307, because the ledger has one row for each file of migrations/
-- check: allow GS306, because its key begins with series, which an old ledger lacks
SELECT
    to_jsonb(guestsql_migrations) ->> 'series' AS series,
    version::bigint AS version,
    name,
    checksum,
    body,
    applied_at,
    duration_ms,
    applied_by,
    is_baseline
FROM guestsql_migrations
ORDER BY version, series, name;

-- name: record_migration(series, version, name, checksum, body, duration_ms, is_baseline)!
-- Records a numbered migration in the transaction that ran it; the count is always 1.
--   series: text, `guestsql` for the packaged series, `own` for the project's own
--   version: bigint, the number of the file, e.g. 999999
--   name: text, the file's name without number and suffix
--   checksum: text, SHA-256 of body, hexadecimal
--   body: text, the file without blank space and comments
--   duration_ms: float8, how long it ran, in milliseconds; 0 for a baseline
--   is_baseline: boolean, true when it was recorded without being run
INSERT INTO guestsql_migrations (series, version, name, checksum, body, duration_ms, is_baseline)
VALUES (
    :series::text,
    :version::bigint,
    :name::text,
    :checksum::text,
    :body::text,
    :duration_ms::float8,
    :is_baseline::boolean
);

-- name: record_repeatable_migration(series, name, checksum, body, duration_ms)!
-- Records a run of a repeatable file, replacing the one before; the count is always 1.
--   series: text, `guestsql` for the packaged series, `own` for the project's own
--   name: text, the file's name without prefix and suffix
--   checksum: text, SHA-256 of body, hexadecimal
--   body: text, the file without blank space and comments
--   duration_ms: float8, how long it ran, in milliseconds
INSERT INTO guestsql_migrations (series, version, name, checksum, body, duration_ms)
VALUES (:series::text, 0, :name::text, :checksum::text, :body::text, :duration_ms::float8)
ON CONFLICT (series, version, name)
DO UPDATE SET
    checksum = excluded.checksum,
    body = excluded.body,
    applied_at = statement_timestamp(),
    duration_ms = excluded.duration_ms,
    applied_by = session_user;

-- name: remove_repeatable_migrations(series_names)!
-- Deletes the entries of repeatable files so that they run again.
--   series_names: text[], the series whose repeatable files follow a numbered migration that was applied
DELETE FROM guestsql_migrations
WHERE version = 0 AND series = ANY(:series_names::text[]);

-- name: try_migration_lock(lock_key)$
-- Tries to take a lock of the runner; true when this session now holds it.
-- It never waits: a session that waits within a statement keeps a snapshot, and CREATE INDEX CONCURRENTLY in another
-- session waits for every older snapshot. The first key is the ASCII codes of "gues". Advisory locks belong to one
-- database.
--   lock_key: integer, the lock: 1953722732 ("tsql") for a whole run, 1953722733 for one file, e.g. 1
SELECT pg_try_advisory_lock(1735746931, :lock_key::integer) AS is_taken;

-- name: release_migration_lock(lock_key)$
-- Releases a lock of the runner; true when this session held it.
--   lock_key: integer, the lock, e.g. 1
SELECT pg_advisory_unlock(1735746931, :lock_key::integer) AS was_held;

-- name: holds_migration_lock(lock_key)$
-- Whether the server process of this statement holds the lock.
-- It does not after a reconnect, or behind a transaction pooler that chose another server process.
--   lock_key: integer, the lock, e.g. 1
SELECT count(*) > 0 AS is_held
FROM pg_locks
WHERE
    locktype = 'advisory'
    AND database = (
        SELECT oid
        FROM pg_database
        WHERE datname = current_database()
    )
    AND classid = 1735746931
    AND objid = :lock_key::integer::oid
    AND objsubid = 2
    AND granted
    AND pid = pg_backend_pid();

-- name: get_migration_lock_holder(lock_key)^
-- Who holds a lock of the runner on this database. No row: it is free.
-- check: allow GS302, because an exclusive lock has one holder
--   lock_key: integer, the lock, e.g. 1
SELECT
    locks.pid,
    activity.application_name,
    activity.client_addr::text AS client_address,
    activity.backend_start
FROM pg_locks AS locks
LEFT JOIN pg_stat_activity AS activity ON locks.pid = activity.pid
WHERE
    locks.locktype = 'advisory'
    AND locks.database = (
        SELECT oid
        FROM pg_database
        WHERE datname = current_database()
    )
    AND locks.classid = 1735746931
    AND locks.objid = :lock_key::integer::oid
    AND locks.objsubid = 2
    AND locks.granted;

-- name: list_blocking_sessions(pid)
-- The sessions that a server process waits for, by process id.
-- The statement of another role's session is NULL for a role without pg_read_all_stats.
--   pid: integer, the waiting server process
SELECT
    blocking.pid,
    activity.usename AS user_name,
    activity.application_name,
    activity.state,
    left(activity.query, 200) AS statement
FROM unnest(pg_blocking_pids(:pid::integer)) AS blocking (pid)
LEFT JOIN pg_stat_activity AS activity ON blocking.pid = activity.pid
ORDER BY blocking.pid;

-- name: list_dependent_objects(names)
-- Objects that depend on the given relations and functions, those to drop first at the top.
-- Such as a view on a table, which prevents a change of it. Where a name is that of a column, only what depends on that
-- column. Indexes, constraints and the like are left out: they are altered or dropped with their table.
--   names: text[], as the catalogue has them: without quotes, folded
WITH RECURSIVE targets AS (
    SELECT
        'pg_class'::regclass::oid AS class_id,
        relations.oid AS object_id,
        coalesce(
            (
                SELECT array_agg(columns.attnum)
                FROM pg_attribute AS columns
                WHERE
                    columns.attrelid = relations.oid
                    AND columns.attnum > 0
                    AND columns.attname = ANY(:names::text[])
            ),
            '{}'
        ) AS column_numbers
    FROM pg_class AS relations
    WHERE
        relations.relname = ANY(:names::text[])
        AND relations.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND relations.relnamespace <> 'pg_catalog'::regnamespace
    UNION ALL
    SELECT
        'pg_proc'::regclass::oid AS class_id,
        functions.oid AS object_id,
        '{}'::smallint[] AS column_numbers
    FROM pg_proc AS functions
    WHERE
        functions.proname = ANY(:names::text[])
        AND functions.pronamespace <> 'pg_catalog'::regnamespace
),

-- A view depends by its rule.
edges AS (
    SELECT
        depend.refclassid,
        depend.refobjid,
        depend.refobjsubid,
        CASE
            WHEN rules.rulename = '_RETURN'
                THEN 'pg_class'::regclass::oid
            ELSE depend.classid
        END AS class_id,
        CASE
            WHEN rules.rulename = '_RETURN'
                THEN rules.ev_class
            ELSE depend.objid
        END AS object_id
    FROM pg_depend AS depend
    LEFT JOIN pg_rewrite AS rules ON depend.classid = 'pg_rewrite'::regclass AND depend.objid = rules.oid
    WHERE
        depend.deptype = 'n'
        AND depend.classid IN (
            'pg_rewrite'::regclass, 'pg_proc'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass
        )
),

dependents AS (
    SELECT
        edges.class_id,
        edges.object_id,
        1 AS depth
    FROM targets
    INNER JOIN edges ON targets.class_id = edges.refclassid AND targets.object_id = edges.refobjid
    WHERE
        edges.object_id <> targets.object_id
        AND (targets.column_numbers = '{}' OR edges.refobjsubid = ANY(targets.column_numbers))
    UNION
    SELECT
        edges.class_id,
        edges.object_id,
        dependents.depth + 1 AS depth
    FROM dependents
    INNER JOIN edges ON dependents.class_id = edges.refclassid AND dependents.object_id = edges.refobjid
    WHERE edges.object_id <> dependents.object_id AND dependents.depth < 20
)

SELECT
    identified.type AS object_type,
    identified.identity AS object_name
FROM dependents
CROSS JOIN pg_identify_object(dependents.class_id, dependents.object_id, 0) AS identified
GROUP BY identified.type, identified.identity
ORDER BY max(dependents.depth) DESC, object_name;

-- name: get_concurrent_index(table_name, index_name)^
-- The index with a name in a table's schema, its state, and a statement that drops it.
-- Whether it is valid and of that table, and which server process is building it (NULL: none). It is dropped without
-- blocking writers. The statement is built here because an identifier cannot be a parameter. No row: no such index.
-- check: allow GS302, because one session at most builds an index
--   table_name: text, as written in SQL, with schema and quotes if any
--   index_name: text, the bare name, unquoted and folded
SELECT
    index_entries.indisvalid AS is_valid,
    index_entries.indrelid = tables.oid AS is_of_table,
    progress.pid AS builder_pid,
    format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', namespaces.nspname, indexes.relname) AS drop_statement
FROM pg_class AS tables
INNER JOIN pg_namespace AS namespaces ON tables.relnamespace = namespaces.oid
INNER JOIN pg_class AS indexes ON namespaces.oid = indexes.relnamespace
INNER JOIN pg_index AS index_entries ON indexes.oid = index_entries.indexrelid
LEFT JOIN pg_stat_progress_create_index AS progress
    ON indexes.oid = progress.index_relid AND current_database() = progress.datname
WHERE
    tables.oid = to_regclass(:table_name::text)
    AND indexes.relname = :index_name::text;

-- name: list_invalid_indexes()
-- Invalid indexes that are not being built, by name.
-- A CREATE or REINDEX INDEX CONCURRENTLY that failed leaves them, and no query uses them.
SELECT
    index_entries.indexrelid::regclass::text AS index_name,
    index_entries.indrelid::regclass::text AS table_name
FROM pg_index AS index_entries
INNER JOIN pg_class AS indexes ON index_entries.indexrelid = indexes.oid
WHERE
    NOT index_entries.indisvalid
    AND indexes.relpersistence <> 't'
    AND NOT EXISTS (
        SELECT 1
        FROM pg_stat_progress_create_index AS progress
        WHERE
            progress.index_relid = index_entries.indexrelid
            AND progress.datname = current_database()
    )
ORDER BY index_name;

-- name: knows_roles()$
-- Whether this database has the function of migrations/0005_roles.sql.
SELECT to_regprocedure('guestsql_grant_roles()') IS NOT NULL AS has_function;

-- name: grant_roles()$
-- Creates missing roles and grants all their rights again; a notice reports what is refused.
SELECT guestsql_grant_roles()::text AS granted;
