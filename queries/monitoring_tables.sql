-- Monitoring of tables, indexes, sequences and their sizes. Dead rows and updates are counted by the server that wrote:
-- ask the primary for them. Index scans are counted by the server that read: ask each.
--
-- check: read-only

-- name: list_broken_indexes(max_rows)
-- Indexes that no query uses because they are not valid, by table and name.
-- Such an index is being built, or is left over from a CREATE INDEX CONCURRENTLY that failed: drop it by DROP INDEX
-- CONCURRENTLY and build it again.
-- es: Índices que ninguna consulta usa porque no son válidos, por tabla y nombre.
--   max_rows: int = 50, rows at most
SELECT
    keys.indrelid::regclass::text AS table_name,
    keys.indexrelid::regclass::text AS index_name,
    pg_relation_size(keys.indexrelid) AS index_bytes,
    progress.pid IS NOT NULL AS is_being_built
FROM pg_index AS keys
LEFT JOIN pg_stat_progress_create_index AS progress
    ON keys.indexrelid = progress.index_relid AND progress.datname = current_database()
WHERE NOT keys.indisvalid OR NOT keys.indisready
ORDER BY table_name ASC, index_name ASC
LIMIT :max_rows::int;

-- name: list_unused_indexes(max_rows)
-- Indexes that no query has used since counted_since, the largest first.
-- Each costs time at every write, and keeps updates from being heap-only. Indexes of constraints are not listed. Before
-- you drop one, check counted_since, and every replica: each counts separately.
-- es: Índices que ninguna consulta ha usado desde counted_since, el mayor primero. Antes de quitar uno, mire también
--     las réplicas.
-- chart: bar x=index_name y=index_bytes
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
ORDER BY index_bytes DESC, index_name ASC
LIMIT :max_rows::int;

-- name: list_duplicate_indexes(max_rows)
-- Indexes that another one makes redundant, the largest first.
-- The other has the same columns in the same order ('same'), or begins with them ('prefix', B-trees only). An index of a
-- constraint is not listed, a unique one only if the other is unique. Of two that are the same, the newer is listed.
-- es: Índices que otro hace innecesarios, el mayor primero. El otro tiene las mismas columnas (same), o empieza por
--     ellas (prefix).
-- chart: bar x=index_name y=index_bytes
--   max_rows: int = 50, rows at most
WITH described_indexes AS (
    SELECT
        keys.indrelid,
        keys.indexrelid,
        keys.indisunique AS is_unique,
        keys.indexrelid IN (SELECT constraints.conindid FROM pg_constraint AS constraints) AS is_constraint,
        coalesce(pg_get_expr(keys.indpred, keys.indrelid), '') AS condition,
        substring(pg_get_indexdef(keys.indexrelid) FROM ' USING (.*?)( WITH \(| TABLESPACE | WHERE |$)') AS columns
    FROM pg_index AS keys
    INNER JOIN pg_stat_user_indexes AS figures ON keys.indexrelid = figures.indexrelid
    WHERE keys.indisvalid
)

SELECT
    needless.indrelid::regclass::text AS table_name,
    needless.indexrelid::regclass::text AS index_name,
    kept.indexrelid::regclass::text AS kept_index_name,
    CASE WHEN needless.columns = kept.columns THEN 'same' ELSE 'prefix' END AS kind,
    pg_relation_size(needless.indexrelid) AS index_bytes
FROM described_indexes AS needless
INNER JOIN described_indexes AS kept ON needless.indrelid = kept.indrelid AND needless.condition = kept.condition
WHERE
    NOT needless.is_constraint
    AND needless.indexrelid <> kept.indexrelid
    AND needless.is_unique <= (kept.is_unique AND needless.columns = kept.columns)
    AND (
        (needless.columns LIKE 'btree%' AND starts_with(kept.columns, left(needless.columns, -1) || ', '))
        OR starts_with(kept.columns, needless.columns || ' INCLUDE ')
        OR (
            needless.columns = kept.columns
            AND (kept.is_constraint OR kept.is_unique > needless.is_unique OR kept.indexrelid < needless.indexrelid)
        )
    )
ORDER BY index_bytes DESC, index_name ASC, kept_index_name ASC
LIMIT :max_rows::int;

-- name: get_index_faults()^
-- How many indexes are not valid, and how many bytes all indexes of this database take.
-- es: Cuántos índices no son válidos, y cuántos bytes ocupan todos los de esta base.
-- chart: number
-- metrics: indexes
SELECT
    count(*) FILTER (WHERE NOT keys.indisvalid OR NOT keys.indisready) AS invalid,
    coalesce(sum(pg_relation_size(keys.indexrelid)), 0)::bigint AS total_bytes
FROM pg_index AS keys;

-- name: list_dead_tuples(max_rows)
-- Dead rows, last vacuum and last analyze of each table, the most dead rows first.
-- Updates and deletes leave dead rows for vacuum to remove. Autovacuum starts at vacuum_threshold_rows, which a table may
-- set for itself.
-- es: Filas muertas, último vacuum y último analyze de cada tabla, la de más filas muertas primero.
-- chart: bar x=table_name y=dead_rows,vacuum_threshold_rows
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
ORDER BY dead_rows DESC, table_name ASC
LIMIT :max_rows::int;

-- name: list_wraparound_ages(max_rows)
-- The percentage of transaction numbers that each database has used up, highest first.
-- The percentage of multixacts, if that is higher. At 100 % the server refuses to write. Autovacuum freezes rows from freeze_max_age on;
-- far above that something prevents it: an old transaction, a replication slot or a prepared transaction.
-- es: El porcentaje de números de transacción que ha gastado cada base, el mayor primero. Al 100 % el servidor no
--     escribe.
-- chart: bar x=database_name y=used_percent
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
ORDER BY used_percent DESC, database_name ASC
LIMIT :max_rows::int;

-- name: list_wraparound_tables(max_rows)
-- The tables that vacuum must freeze to lower list_wraparound_ages, the oldest first.
-- TOAST tables are included: each has an age of its own.
-- es: Las tablas que vacuum debe congelar para bajar list_wraparound_ages, la más antigua primero.
-- chart: bar x=table_name y=used_percent
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
ORDER BY used_percent DESC, transaction_age DESC, table_name ASC
LIMIT :max_rows::int;

-- name: list_hot_ratios(max_rows)
-- Updates of each table and the percentage of heap-only ones, the most updates first.
-- A heap-only update writes no index. In guest_profiles a change of labels and a guest's first message of a day always
-- write one. When the percentage falls although the bot does the same as before, look for a new index on a column that
-- changes often, or for full pages (fillfactor).
-- es: Actualizaciones de cada tabla y el porcentaje que no escribe índices, la de más actualizaciones primero.
-- chart: bar x=table_name y=hot_percent
-- metrics: table_updates
--   max_rows: int = 50, rows at most
SELECT
    relid::regclass::text AS table_name,
    n_tup_upd AS updates,
    n_tup_hot_upd AS hot_updates,
    round(100.0 * n_tup_hot_upd / nullif(n_tup_upd, 0), 1) AS hot_percent
FROM pg_stat_user_tables
ORDER BY updates DESC, table_name ASC
LIMIT :max_rows::int;

-- name: list_table_sizes(max_rows)
-- The size of each table with its indexes and TOAST, the largest first.
-- row_estimate is as of the last vacuum or analyze; NULL before the first.
-- es: El tamaño de cada tabla con sus índices y TOAST, la mayor primero. row_estimate es del último vacuum o analyze.
-- chart: stacked x=table_name y=rows_bytes,index_bytes,other_bytes
-- dashboard: operations
-- metrics: table
--   max_rows: int = 50, rows at most
SELECT
    tables.relid::regclass::text AS table_name,
    pg_total_relation_size(tables.relid) AS total_bytes,
    pg_relation_size(tables.relid) AS rows_bytes,
    pg_indexes_size(tables.relid) AS index_bytes,
    pg_table_size(tables.relid) - pg_relation_size(tables.relid) AS other_bytes,
    CASE WHEN classes.reltuples >= 0 THEN round(classes.reltuples) END AS row_estimate
FROM pg_stat_user_tables AS tables
INNER JOIN pg_class AS classes ON tables.relid = classes.oid
ORDER BY total_bytes DESC, table_name ASC
LIMIT :max_rows::int;

-- name: list_index_sizes(max_rows)
-- The size of each index and how often queries have used it, the largest first.
-- es: El tamaño de cada índice y cuántas veces lo usaron las consultas, el mayor primero.
-- chart: bar x=index_name y=index_bytes
--   max_rows: int = 50, rows at most
SELECT
    indexrelid::regclass::text AS index_name,
    relid::regclass::text AS table_name,
    pg_relation_size(indexrelid) AS index_bytes,
    idx_scan AS scans
FROM pg_stat_user_indexes
ORDER BY index_bytes DESC, index_name ASC
LIMIT :max_rows::int;

-- name: list_size_growth(days, max_rows)
-- How much each table and index has grown in the last days, largest growth first.
-- It compares with the oldest record of those days (record_relation_sizes). A table's bytes are without its indexes.
-- es: Cuánto creció cada tabla e índice en los últimos días, el mayor crecimiento primero. Compara con el registro más
--     antiguo de esos días.
-- chart: bar x=relation_name y=growth_bytes
-- cache: 10m
-- empty: there is no record of an earlier day yet; a running bot writes one a day (record_relation_sizes)
--   days: int = 30, how far to look back
--     es: cuánto mirar hacia atrás
--   max_rows: int = 50, rows at most
WITH compared_sizes AS (
    SELECT DISTINCT ON (records.schema_name, records.relation_name)
        records.schema_name,
        records.relation_name,
        records.kind,
        records.day,
        records.bytes,
        pg_table_size(classes.oid) AS present_bytes
    FROM relation_sizes AS records
    INNER JOIN pg_class AS classes
        ON
            records.relation_name = classes.relname
            AND quote_ident(records.schema_name) = classes.relnamespace::regnamespace::text
    WHERE
        records.day >= (statement_timestamp() AT TIME ZONE 'UTC')::date - :days::int
        AND records.day < (statement_timestamp() AT TIME ZONE 'UTC')::date
    ORDER BY records.schema_name ASC, records.relation_name ASC, records.day ASC
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
FROM compared_sizes
ORDER BY growth_bytes DESC, schema_name ASC, relation_name ASC
LIMIT :max_rows::int;

-- name: list_sequences_near_end(min_percent, max_rows)
-- Sequences that have used up min_percent of their numbers, the nearest to the end first.
-- A column's type may end sooner than its sequence. Not listed: cyclic ones, and those that this role may not read.
-- es: Secuencias que han gastado min_percent de sus números, la más cercana al final primero.
-- chart: bar x=sequence_name y=used_percent
-- metrics: sequences min_percent=0
-- check: allow GS306, because sequence_name is unique: a sequence belongs to one column at most
--   min_percent: float8 = 50, percent of the numbers; 0 lists all that have been used
--     es: porcentaje de los números; 0 lista todas las usadas
--   max_rows: int = 50, rows at most
WITH used_sequences AS (
    SELECT
        classes.oid,
        columns.attrelid::regclass::text AS table_name,
        columns.attname::text AS column_name,
        sequences.last_value,
        CASE WHEN increment_by > 0 THEN sequences.min_value ELSE sequences.max_value END AS first_value,
        CASE WHEN increment_by > 0 THEN least(max_value, type_end) ELSE greatest(min_value, -type_end - 1) END
            AS end_value
    FROM pg_sequences AS sequences
    INNER JOIN pg_class AS classes
        ON
            sequences.sequencename = classes.relname
            AND quote_ident(sequences.schemaname) = classes.relnamespace::regnamespace::text
    LEFT JOIN pg_depend AS owners
        ON owners.classid = 'pg_class'::regclass AND classes.oid = owners.objid AND owners.deptype IN ('a', 'i')
    LEFT JOIN pg_attribute AS columns ON owners.refobjid = columns.attrelid AND owners.refobjsubid = columns.attnum
    LEFT JOIN (VALUES ('smallint'::regtype, 32767), ('integer'::regtype, 2147483647)) AS types (type_oid, type_end)
        ON columns.atttypid = types.type_oid
    WHERE NOT sequences.cycle
)

SELECT
    oid::regclass::text AS sequence_name,
    table_name,
    column_name,
    last_value,
    end_value,
    round(100 * (last_value - first_value::numeric) / nullif(end_value - first_value::numeric, 0), 2) AS used_percent
FROM used_sequences
WHERE 100 * (last_value - first_value::numeric) / nullif(end_value - first_value::numeric, 0) >= :min_percent::float8
ORDER BY used_percent DESC, sequence_name ASC
LIMIT :max_rows::int;
