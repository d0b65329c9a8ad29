-- Queries of guestsql check: its scratch database, and what the catalogues say about tables, keys and types.

-- name: lock_scratch_databases()$
-- Locks scratch databases: waits for another check, then holds the lock for the session.
-- The two keys are the ASCII codes of "gues" and "chck". Advisory locks belong to the connected database.
SELECT pg_advisory_lock(1735746931, 1667785579)::text AS locked;

-- name: get_scratch_database(database_name, mark)^
-- A scratch database: whether it exists and is ready, and statements to make and drop it.
-- The statements are built here because an identifier cannot be a parameter. A database without the mark is unfinished,
-- or not ours.
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
-- Statements that drop unused scratch databases of other schemas, by name.
-- Unused: no one is connected. Databases of other roles are left to those roles.
--   database_name: text, the one that is kept
--   mark: text, the comment of a database that is ready
SELECT format('DROP DATABASE IF EXISTS %I', databases.datname) AS drop_statement
FROM pg_database AS databases
WHERE
    shobj_description(databases.oid, 'pg_database') = :mark::text
    AND databases.datname <> :database_name::text
    -- Those of other roles are theirs to drop.
    AND pg_get_userbyid(databases.datdba) = current_user
    AND NOT EXISTS (
        SELECT 1
        FROM pg_stat_activity AS activity
        WHERE activity.datid = databases.oid
    )
ORDER BY databases.datname;

-- name: list_planner_defaults()
-- PostgreSQL's default of each setting of the planner, by name.
SELECT
    settings.name,
    settings.boot_val AS value
FROM pg_settings AS settings
WHERE
    settings.context = 'user'
    AND (
        settings.category LIKE 'Query Tuning%'
        OR settings.name IN ('hash_mem_multiplier', 'parallel_leader_participation', 'work_mem')
    )
ORDER BY settings.name;

-- name: get_reset_statement()$
-- A statement that truncates all tables if one was analyzed, else NULL.
-- The planner's expectations of an empty table depend on whether it was analyzed. The statement is built here because
-- an identifier cannot be a parameter.
SELECT
    CASE
        WHEN bool_or(tables.relkind = 'r' AND tables.reltuples >= 0)
            THEN 'TRUNCATE ' || string_agg(tables.oid::regclass::text, ', ' ORDER BY tables.oid)
    END AS reset_statement
FROM pg_class AS tables
INNER JOIN pg_namespace AS namespaces ON tables.relnamespace = namespaces.oid
WHERE
    tables.relkind IN ('r', 'p')
    AND namespaces.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND tables.relpersistence <> 't'
    AND NOT EXISTS (
        SELECT 1
        FROM pg_depend AS members
        WHERE
            members.classid = 'pg_class'::regclass
            AND members.objid = tables.oid
            AND members.deptype = 'e'
    );

-- name: list_unique_keys()
-- The columns of every unique key, by index.
-- A key with an expression has no columns here, but its key_count.
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
-- The partial indexes, by number.
-- Read whole, such an index still serves a condition.
SELECT indexes.relname::text AS index_name
FROM pg_index AS keys
INNER JOIN pg_class AS indexes ON keys.indexrelid = indexes.oid
WHERE keys.indpred IS NOT NULL
ORDER BY keys.indexrelid;

-- name: list_table_columns()
-- The columns of all tables and views except the system's, by table and place.
-- has_few_values: a boolean, an enum, or a column that a check limits to a list. is_work_space: an unlogged table,
-- which holds the intermediate data of a job.
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

-- name: list_row_references(referenced)
-- The tables with a foreign key to a table, and its column, by table and place.
--   referenced: text, the table; '' for none, e.g. 'guest_profiles'
SELECT DISTINCT
    tables.oid::bigint AS table_oid,
    namespaces.nspname::text AS schema_name,
    tables.relname::text AS table_name,
    attributes.attname::text AS column_name
FROM pg_constraint AS constraints
INNER JOIN pg_class AS tables ON constraints.conrelid = tables.oid
INNER JOIN pg_namespace AS namespaces ON tables.relnamespace = namespaces.oid
INNER JOIN pg_attribute AS attributes
    ON
        constraints.conrelid = attributes.attrelid
        AND constraints.conkey[1] = attributes.attnum
WHERE
    constraints.contype = 'f'
    -- Before PostgreSQL 16 an empty name is an error.
    AND constraints.confrelid = to_regclass(nullif(:referenced::text, ''))
    AND NOT tables.relispartition
ORDER BY
    schema_name ASC,
    table_name ASC,
    column_name ASC;

-- name: list_key_columns(column_names, comment_start)
-- The columns that hold guests' keys, by table and place.
-- Text columns with one of the given names or a comment with the given start, and foreign keys to any of these. A
-- partition counts as its table. An unlogged table holds the intermediate data of a job: only its foreign keys count.
--   column_names: text[], e.g. '{phone_number}'
--   comment_start: text, in any case of letters, e.g. 'guest key'
WITH RECURSIVE key_columns (table_oid, column_number) AS (
    SELECT
        attributes.attrelid AS table_oid,
        attributes.attnum AS column_number
    FROM pg_attribute AS attributes
    INNER JOIN pg_class AS tables ON attributes.attrelid = tables.oid
    INNER JOIN pg_type AS types ON attributes.atttypid = types.oid
    WHERE
        attributes.attnum > 0
        AND NOT attributes.attisdropped
        AND tables.relkind IN ('r', 'p')
        AND tables.relpersistence = 'p'
        AND types.typcategory = 'S'
        AND (
            attributes.attname = ANY(:column_names::text[])
            OR starts_with(
                lower(col_description(attributes.attrelid, attributes.attnum)), lower(:comment_start::text)
            )
        )

    UNION

    SELECT
        constraints.conrelid,
        pairs.own
    FROM key_columns
    INNER JOIN pg_constraint AS constraints
        ON
            key_columns.table_oid = constraints.confrelid
            AND constraints.contype = 'f'
    INNER JOIN LATERAL unnest(constraints.conkey, constraints.confkey) AS pairs (own, referenced)
        ON key_columns.column_number = pairs.referenced
)

SELECT
    tables.oid::bigint AS table_oid,
    namespaces.nspname::text AS schema_name,
    tables.relname::text AS table_name,
    attributes.attname::text AS column_name
FROM key_columns
INNER JOIN pg_class AS tables ON key_columns.table_oid = tables.oid
INNER JOIN pg_namespace AS namespaces ON tables.relnamespace = namespaces.oid
INNER JOIN pg_attribute AS attributes
    ON
        key_columns.table_oid = attributes.attrelid
        AND key_columns.column_number = attributes.attnum
WHERE
    NOT tables.relispartition
    AND namespaces.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND NOT EXISTS (
        SELECT 1
        FROM pg_depend AS members
        WHERE
            members.classid = 'pg_class'::regclass
            AND members.objid = tables.oid
            AND members.deptype = 'e'
    )
ORDER BY
    namespaces.nspname,
    tables.relname,
    attributes.attnum;

-- name: list_partitions()
-- Partitions and the tables at the top that they belong to, by number.
SELECT
    namespaces.nspname::text AS schema_name,
    tables.relname::text AS table_name,
    root_namespaces.nspname::text AS root_schema_name,
    roots.relname::text AS root_name
FROM pg_class AS tables
INNER JOIN pg_namespace AS namespaces ON tables.relnamespace = namespaces.oid
INNER JOIN pg_class AS roots ON pg_partition_root(tables.oid) = roots.oid
INNER JOIN pg_namespace AS root_namespaces ON roots.relnamespace = root_namespaces.oid
WHERE tables.relispartition AND tables.relkind IN ('r', 'p', 'f')
ORDER BY tables.oid;

-- name: list_type_oids(type_names)
-- The number of the type with each name, in the order given; NULL for an unknown name.
--   type_names: text[], as written in SQL
SELECT to_regtype(wanted.type_name)::oid::bigint AS type_oid
FROM unnest(:type_names::text[]) WITH ORDINALITY AS wanted (type_name, place)
ORDER BY wanted.place;

-- name: list_type_names(type_oids)
-- The name of each type as SQL writes it, in the order given.
--   type_oids: bigint[], the types' numbers
SELECT format_type(wanted.type_oid::oid, NULL) AS type_name
FROM unnest(:type_oids::bigint[]) WITH ORDINALITY AS wanted (type_oid, place)
ORDER BY wanted.place;

-- name: list_probe_statements(query_names, query_texts, parameter_types)
-- For each query, the statement that makes a function of it, in the order given.
-- The server stores the body of such a function as parsed, which list_probed_trees reads; a void one may hold any query. The
-- statement is built here because an identifier cannot be a parameter; it is rolled back.
--   query_names: text[], names, for the functions
--   query_texts: text[], with $1, $2, … for parameters
--   parameter_types: text[], the types of each query's parameters, as SQL writes them, with commas between
SELECT
    format(
        E'CREATE FUNCTION pg_temp.%I(%s) RETURNS void LANGUAGE sql BEGIN ATOMIC %s\n; END',
        given.query_name,
        given.types,
        given.query_text
    ) AS probe_statement
FROM
    unnest(
        :query_names::text[],
        :query_texts::text[],
        :parameter_types::text[]
    ) WITH ORDINALITY AS given (query_name, query_text, types, place)
ORDER BY given.place;

-- name: list_probed_trees()
-- The parse tree of each query in this session's temporary schema, by name.
SELECT
    functions.proname::text AS query_name,
    functions.prosqlbody::text AS query_tree
FROM pg_proc AS functions
WHERE
    functions.pronamespace = pg_my_temp_schema()
    AND functions.prosqlbody IS NOT NULL
ORDER BY functions.oid;

-- name: list_relations(relation_oids)
-- Kind, rules, view definition and inheritance of tables and views, by number.
-- A rule may change what a write returns. is_work_space: an unlogged table, which holds the intermediate data of a job.
--   relation_oids: bigint[], numbers of tables and views
SELECT
    relations.oid::bigint AS relation_oid,
    relations.relkind::text AS relation_kind,
    relations.relhasrules AS has_rules,
    relations.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AS is_catalogue,
    relations.relpersistence = 'u' AS is_work_space,
    relations.relkind <> 'p'
    AND EXISTS (
        SELECT 1
        FROM pg_inherits AS heirs
        WHERE heirs.inhparent = relations.oid
    ) AS has_heirs,
    rules.ev_action::text AS view_tree
FROM pg_class AS relations
LEFT JOIN pg_rewrite AS rules
    ON
        relations.oid = rules.ev_class
        AND rules.rulename = '_RETURN'
        AND relations.relkind = 'v'
WHERE relations.oid = ANY(:relation_oids::bigint[]::oid[])
ORDER BY relations.oid;

-- name: list_required_columns(relation_oids)
-- The columns of tables that are never NULL, by table and place.
-- Columns of a foreign table may be, whatever is declared; so may one whose constraint was never validated, and one
-- that an inheriting table does not require.
--   relation_oids: bigint[], numbers of tables
WITH RECURSIVE related_tables (root_oid, member_oid) AS (
    SELECT
        tables.oid AS root_oid,
        tables.oid AS member_oid
    FROM pg_class AS tables
    WHERE
        tables.oid = ANY(:relation_oids::bigint[]::oid[])
        AND tables.relkind IN ('r', 'p')

    UNION

    SELECT
        related_tables.root_oid,
        heirs.inhrelid
    FROM related_tables
    INNER JOIN pg_inherits AS heirs ON related_tables.member_oid = heirs.inhparent
)

SELECT
    roots.attrelid::bigint AS relation_oid,
    roots.attnum::int AS column_number
FROM related_tables
INNER JOIN pg_class AS tables ON related_tables.member_oid = tables.oid
INNER JOIN pg_attribute AS roots ON related_tables.root_oid = roots.attrelid
INNER JOIN pg_attribute AS members
    ON
        related_tables.member_oid = members.attrelid
        AND roots.attname = members.attname
WHERE
    roots.attnum > 0
    AND NOT roots.attisdropped
GROUP BY
    roots.attrelid,
    roots.attnum
HAVING
    bool_and(
        members.attnotnull
        AND tables.relkind IN ('r', 'p')
        AND NOT EXISTS (
            SELECT 1
            FROM pg_constraint AS constraints
            WHERE
                constraints.conrelid = members.attrelid
                AND constraints.contype = 'n'
                AND constraints.conkey = ARRAY[members.attnum]
                AND NOT constraints.convalidated
        )
    )
ORDER BY
    roots.attrelid,
    roots.attnum;

-- name: list_row_keys(relation_oids)
-- The unique keys of tables with expressions and conditions as parsed, by index.
-- Columns are numbers, 0 for an expression.
--   relation_oids: bigint[], numbers of tables
SELECT
    keys.indrelid::bigint AS relation_oid,
    keys.indexrelid::bigint AS index_oid,
    array(
        SELECT key_columns.attnum::int
        FROM unnest(keys.indkey::int2[]) WITH ORDINALITY AS key_columns (attnum, place)
        WHERE key_columns.place <= keys.indnkeyatts
        ORDER BY key_columns.place
    ) AS column_numbers,
    keys.indnullsnotdistinct AS is_null_one_value,
    keys.indexprs::text AS expression_trees,
    keys.indpred::text AS condition_tree
FROM pg_index AS keys
WHERE
    keys.indrelid = ANY(:relation_oids::bigint[]::oid[])
    AND keys.indisunique
    AND keys.indisvalid
ORDER BY keys.indexrelid;

-- name: list_nested_columns(relation_oids)
-- The array columns of tables declared with several dimensions, by table and place.
-- PostgreSQL does not enforce that number.
--   relation_oids: bigint[], numbers of tables
SELECT
    attributes.attrelid::bigint AS relation_oid,
    attributes.attnum::int AS column_number
FROM pg_attribute AS attributes
WHERE
    attributes.attrelid = ANY(:relation_oids::bigint[]::oid[])
    AND attributes.attnum > 0
    AND attributes.attndims > 1
ORDER BY
    attributes.attrelid,
    attributes.attnum;

-- name: list_array_checks(relation_oids)
-- The checks on a single array column as parsed, by table and name.
-- Such a check may forbid NULL in the array.
--   relation_oids: bigint[], numbers of tables
SELECT
    constraints.conrelid::bigint AS relation_oid,
    attributes.attnum::int AS column_number,
    constraints.conbin::text AS check_tree
FROM pg_constraint AS constraints
INNER JOIN pg_attribute AS attributes
    ON
        constraints.conrelid = attributes.attrelid
        AND constraints.conkey = ARRAY[attributes.attnum]
INNER JOIN pg_class AS tables ON constraints.conrelid = tables.oid
INNER JOIN pg_type AS types ON attributes.atttypid = types.oid
WHERE
    constraints.conrelid = ANY(:relation_oids::bigint[]::oid[])
    AND constraints.contype = 'c'
    AND constraints.convalidated
    AND NOT constraints.connoinherit
    AND tables.relkind IN ('r', 'p')
    AND types.typcategory = 'A'
ORDER BY
    constraints.conrelid,
    constraints.conname,
    constraints.oid;

-- name: list_functions(function_oids)
-- Names, argument types, strictness and volatility of functions, by number.
-- function_name: of PostgreSQL's own functions only. volatile_name: of volatile functions only.
--   function_oids: bigint[], numbers of functions
SELECT
    functions.oid::bigint AS function_oid,
    CASE WHEN functions.pronamespace = 'pg_catalog'::regnamespace THEN functions.proname::text END AS function_name,
    array(
        SELECT format_type(arguments.type_oid, NULL)
        FROM unnest(functions.proargtypes::oid[]) WITH ORDINALITY AS arguments (type_oid, place)
        ORDER BY arguments.place
    ) AS argument_types,
    functions.proisstrict AS is_strict,
    CASE
        WHEN functions.provolatile = 'v'
            THEN functions.proname::text
    END AS volatile_name
FROM pg_proc AS functions
WHERE functions.oid = ANY(:function_oids::bigint[]::oid[])
ORDER BY functions.oid;

-- name: list_operators(operator_oids)
-- Names and kinds of operators, by number.
-- Names of PostgreSQL's own operators only. Kinds: whether it returns a geometric value, and whether it is the equality
-- of a unique index or hash.
--   operator_oids: bigint[], numbers of operators
SELECT
    operators.oid::bigint AS operator_oid,
    CASE WHEN operators.oprnamespace = 'pg_catalog'::regnamespace THEN operators.oprname::text END AS operator_name,
    types.typcategory = 'G' AS is_geometric,
    types.oid = 'boolean'::regtype
    AND EXISTS (
        SELECT 1
        FROM pg_amop AS members
        INNER JOIN pg_am AS methods ON members.amopmethod = methods.oid
        WHERE
            members.amopopr = operators.oid
            AND members.amopstrategy = CASE methods.amname WHEN 'btree' THEN 3 WHEN 'hash' THEN 1 END
    ) AS is_equality
FROM pg_operator AS operators
INNER JOIN pg_type AS types ON operators.oprresult = types.oid
WHERE operators.oid = ANY(:operator_oids::bigint[]::oid[])
ORDER BY operators.oid;

-- name: list_required_domains(type_oids)
-- The given domains to which NULL cannot be cast, by number.
--   type_oids: bigint[], the types' numbers
SELECT domains.oid::bigint AS type_oid
FROM pg_type AS domains
WHERE
    domains.oid = ANY(:type_oids::bigint[]::oid[])
    AND domains.typtype = 'd'
    AND domains.typnotnull
ORDER BY domains.oid;

-- name: list_types(type_oids)
-- Name, kind, base type, element type and enum values of types, in the order given.
-- Kinds: b base, d domain, e enum, c composite, p pseudo, r range, m multirange.
--   type_oids: bigint[], the types' numbers
WITH RECURSIVE grounded_types (type_oid, ground_oid) AS (
    SELECT DISTINCT
        wanted.type_oid::oid AS type_oid,
        wanted.type_oid::oid AS ground_oid
    FROM unnest(:type_oids::bigint[]) AS wanted (type_oid)

    UNION

    SELECT
        grounded_types.type_oid,
        domains.typbasetype
    FROM grounded_types
    INNER JOIN pg_type AS domains ON grounded_types.ground_oid = domains.oid
    WHERE domains.typtype = 'd'
)

SELECT
    wanted.type_oid,
    format_type(wanted.type_oid::oid, NULL) AS type_name,
    types.typtype::text AS type_kind,
    types.oid::bigint AS ground_oid,
    CASE WHEN types.typcategory = 'A' AND types.typlen = -1 THEN types.typelem::bigint END AS element_oid,
    array(
        SELECT labels.enumlabel::text
        FROM pg_enum AS labels
        WHERE labels.enumtypid = types.oid
        ORDER BY labels.enumsortorder
    ) AS enum_labels
FROM unnest(:type_oids::bigint[]) WITH ORDINALITY AS wanted (type_oid, place)
INNER JOIN grounded_types ON wanted.type_oid::oid = grounded_types.type_oid
INNER JOIN pg_type AS types
    ON
        grounded_types.ground_oid = types.oid
        AND types.typtype <> 'd'
ORDER BY wanted.place;
