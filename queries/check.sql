-- What guestsql check asks the server: the scratch database, and what the catalogues know of tables, keys and types.
-- internal: guestsql check asks these

-- name: lock_scratch_databases()$
-- Waits until no other check makes or drops a scratch database, then keeps the others waiting to the end of the session.
-- The two keys are the ASCII codes of "gues" and "chck"; the locks belong to the database that one is connected to.
SELECT pg_advisory_lock(1735746931, 1667785579)::text AS locked;

-- name: get_scratch_database(database_name, mark)^
-- A scratch database: whether it exists, whether it is ready, and the statements that make, mark and drop it.
-- An identifier cannot be a parameter, so the statements are made here. A database without the mark was not finished, or
-- is not ours.
--   database_name: text, its name
--   mark: text, the comment of a database that is ready
SELECT
    found.oid IS NOT NULL AS is_there,
    coalesce(shobj_description(found.oid, 'pg_database') = wanted.mark, FALSE) AS is_ready,
    format('CREATE DATABASE %I TEMPLATE template0', wanted.database_name) AS create_statement,
    format('COMMENT ON DATABASE %I IS %L', wanted.database_name, wanted.mark) AS mark_statement,
    format('DROP DATABASE IF EXISTS %I', wanted.database_name) AS drop_statement
FROM (
    SELECT
        :database_name::text AS database_name,
        :mark::text AS mark
) AS wanted
LEFT JOIN pg_database AS found ON wanted.database_name = found.datname;

-- name: list_unused_scratch_databases(database_name, mark)
-- The statements that drop the scratch databases of other schemas that nobody is connected to, by name.
--   database_name: text, the one that is kept
--   mark: text, the comment of a database that is ready
SELECT format('DROP DATABASE IF EXISTS %I', databases.datname) AS drop_statement
FROM pg_database AS databases
WHERE
    shobj_description(databases.oid, 'pg_database') = :mark::text
    AND databases.datname <> :database_name::text
    AND NOT EXISTS (
        SELECT 1
        FROM pg_stat_activity AS activity
        WHERE activity.datid = databases.oid
    )
ORDER BY databases.datname;

-- name: list_unique_keys()
-- The columns of every unique key, by index: what tells one row from another. A key upon an expression has none,
-- but key_count says of how many parts it is.
SELECT
    namespaces.nspname::text AS schema_name,
    tables.relname::text AS table_name,
    indexes.relname::text AS index_name,
    keys.indpred IS NULL AND keys.indexprs IS NULL AS is_whole,
    keys.indnkeyatts::int AS key_count,
    array(
        SELECT attributes.attname::text
        FROM unnest(keys.indkey::int2[]) WITH ORDINALITY AS key_columns (attnum, place)
        INNER JOIN pg_attribute AS attributes
            ON keys.indrelid = attributes.attrelid AND key_columns.attnum = attributes.attnum
        WHERE
            key_columns.place <= keys.indnkeyatts
            AND keys.indexprs IS NULL
        ORDER BY key_columns.place
    ) AS column_names
FROM pg_index AS keys
INNER JOIN pg_class AS indexes ON keys.indexrelid = indexes.oid
INNER JOIN pg_class AS tables ON keys.indrelid = tables.oid
INNER JOIN pg_namespace AS namespaces ON tables.relnamespace = namespaces.oid
WHERE
    keys.indisunique
    AND keys.indisvalid
ORDER BY keys.indexrelid;

-- name: list_partial_indexes()
-- The indexes that hold some rows of their table only, by number: read whole, such an index serves a condition too.
SELECT indexes.relname::text AS index_name
FROM pg_index AS keys
INNER JOIN pg_class AS indexes ON keys.indexrelid = indexes.oid
WHERE keys.indpred IS NOT NULL
ORDER BY keys.indexrelid;

-- name: list_table_columns()
-- The columns of every table and view that is not the system's, by table and place; whether a column can hold only a few
-- values: a boolean, an enum, or one of a list that a check names; and whether the table is unlogged, a job's work space.
SELECT
    tables.oid::bigint AS table_oid,
    namespaces.nspname::text AS schema_name,
    tables.relname::text AS table_name,
    attributes.attnum::int AS column_number,
    attributes.attname::text AS column_name,
    types.typtype = 'e'
    OR types.oid = 'boolean'::regtype
    OR EXISTS (
        SELECT 1
        FROM pg_constraint AS constraints
        WHERE
            constraints.conrelid = tables.oid
            AND constraints.contype = 'c'
            AND constraints.conkey = ARRAY[attributes.attnum]
            AND pg_get_constraintdef(constraints.oid) LIKE '%= ANY (ARRAY[%'
    ) AS has_few_values,
    tables.relpersistence = 'u' AS is_work_space
FROM pg_attribute AS attributes
INNER JOIN pg_class AS tables ON attributes.attrelid = tables.oid
INNER JOIN pg_namespace AS namespaces ON tables.relnamespace = namespaces.oid
INNER JOIN pg_type AS types ON attributes.atttypid = types.oid
WHERE
    tables.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND attributes.attnum > 0
    AND NOT attributes.attisdropped
    AND namespaces.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY
    tables.oid,
    attributes.attnum;

-- name: list_type_oids(type_names)
-- The type that each name stands for, in the order of the names; NULL for a name that no type has.
--   type_names: text[], as written in SQL
SELECT to_regtype(wanted.type_name)::oid::bigint AS type_oid
FROM unnest(:type_names::text[]) WITH ORDINALITY AS wanted (type_name, place)
ORDER BY wanted.place;

-- name: list_type_names(type_oids)
-- The name of each type as SQL writes it, in the order of the numbers.
--   type_oids: bigint[], the types' numbers
SELECT format_type(wanted.type_oid::oid, NULL) AS type_name
FROM unnest(:type_oids::bigint[]) WITH ORDINALITY AS wanted (type_oid, place)
ORDER BY wanted.place;

-- name: list_one_row_functions(function_names)
-- Those of some functions that return one row at a call, in whatever form they are called, by name.
--   function_names: text[], bare names
SELECT functions.proname::text AS function_name
FROM pg_proc AS functions
WHERE functions.proname = ANY(:function_names::text[])
GROUP BY functions.proname
HAVING NOT bool_or(functions.proretset)
ORDER BY functions.proname;
