-- Queries of guestsql check --against: the schema of one release, to be compared with another's. They return names, not
-- numbers, because the two schemas are in two databases.

-- name: list_deploy_columns()
-- The columns of all tables and views except the system's, by table and place.
-- A required column rejects NULL; a filled one gets a value when an INSERT omits it. Both are unknown for a view.
SELECT
    namespaces.nspname::text AS schema_name,
    tables.relname::text AS table_name,
    tables.oid::bigint AS table_oid,
    attributes.attnum::int AS column_number,
    attributes.attname::text AS column_name,
    format_type(attributes.atttypid, attributes.atttypmod) AS type_name,
    attributes.attnotnull OR types.typnotnull AS is_required,
    attributes.atthasdef
    OR attributes.attidentity <> ''
    OR types.typdefault IS NOT NULL AS is_filled,
    tables.relkind IN ('v', 'm') AS is_of_view
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

-- name: list_deploy_constraints()
-- Checks, references, exclusions and unique indexes, by table, kind and text.
-- The text does not contain the name, so that a renamed constraint counts as the same.
SELECT
    namespaces.nspname::text AS schema_name,
    tables.relname::text AS table_name,
    CASE constraints.contype
        WHEN 'c' THEN 'check'
        WHEN 'f' THEN 'foreign key'
        ELSE 'exclusion'
    END AS kind,
    constraints.conname::text AS constraint_name,
    regexp_replace(pg_get_constraintdef(constraints.oid), ' NOT VALID$', '') AS constraint_text,
    array(
        SELECT attributes.attname::text
        FROM pg_attribute AS attributes
        WHERE
            constraints.conrelid = attributes.attrelid
            AND attributes.attnum = ANY(constraints.conkey)
        ORDER BY attributes.attnum
    ) AS column_names
FROM pg_constraint AS constraints
INNER JOIN pg_class AS tables ON constraints.conrelid = tables.oid
INNER JOIN pg_namespace AS namespaces ON tables.relnamespace = namespaces.oid
WHERE
    constraints.contype IN ('c', 'f', 'x')
    AND constraints.conparentid = 0
UNION ALL
SELECT
    namespaces.nspname::text AS schema_name,
    tables.relname::text AS table_name,
    'unique' AS kind,
    indexes.relname::text AS constraint_name,
    regexp_replace(pg_get_indexdef(keys.indexrelid), '^.* USING ', '') AS constraint_text,
    array(
        SELECT attributes.attname::text
        FROM pg_attribute AS attributes
        WHERE
            keys.indrelid = attributes.attrelid
            AND EXISTS (
                SELECT 1
                FROM pg_depend AS needs
                WHERE
                    needs.objid = coalesce(owners.oid, keys.indexrelid)
                    AND needs.refobjid = keys.indrelid
                    AND needs.refobjsubid = attributes.attnum
            )
        ORDER BY attributes.attnum
    ) AS column_names
FROM pg_index AS keys
INNER JOIN pg_class AS indexes ON keys.indexrelid = indexes.oid
INNER JOIN pg_class AS tables ON keys.indrelid = tables.oid
INNER JOIN pg_namespace AS namespaces ON tables.relnamespace = namespaces.oid
LEFT JOIN pg_constraint AS owners ON indexes.oid = owners.conindid AND owners.contype IN ('p', 'u')
WHERE
    keys.indisunique
    AND namespaces.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND NOT EXISTS (
        SELECT 1
        FROM pg_inherits AS parts
        WHERE parts.inhrelid = indexes.oid
    )
ORDER BY
    schema_name,
    table_name,
    kind,
    constraint_text,
    constraint_name;

-- name: list_deploy_labels()
-- The values of every enum, by type and in their order.
SELECT
    format_type(types.oid, NULL) AS type_name,
    labels.enumlabel::text AS label
FROM pg_enum AS labels
INNER JOIN pg_type AS types ON labels.enumtypid = types.oid
ORDER BY
    types.oid,
    labels.enumsortorder;

-- name: list_deploy_triggers()
-- Triggers with their functions' text, by table and name.
-- A trigger before INSERT may fill required columns.
SELECT
    namespaces.nspname::text AS schema_name,
    tables.relname::text AS table_name,
    triggers.tgname::text AS trigger_name,
    triggers.tgtype & 4 > 0 AS is_on_insert,
    triggers.tgtype & 8 > 0 AS is_on_delete,
    triggers.tgtype & 16 > 0 AS is_on_update,
    triggers.tgtype & 7 = 7 AS fills_inserted,
    concat(pg_get_triggerdef(triggers.oid), ' ', functions.prosrc) AS trigger_text
FROM pg_trigger AS triggers
INNER JOIN pg_class AS tables ON triggers.tgrelid = tables.oid
INNER JOIN pg_namespace AS namespaces ON tables.relnamespace = namespaces.oid
INNER JOIN pg_proc AS functions ON triggers.tgfoid = functions.oid
WHERE NOT triggers.tgisinternal
ORDER BY
    namespaces.nspname,
    tables.relname,
    triggers.tgname;

-- name: list_deploy_functions()
-- Functions and their text, except those of extensions, by name and parameters.
SELECT
    functions.proname::text AS function_name,
    format('%I.%I(%s)', namespaces.nspname, functions.proname, pg_get_function_identity_arguments(functions.oid))
        AS signature,
    pg_get_functiondef(functions.oid) AS function_text
FROM pg_proc AS functions
INNER JOIN pg_namespace AS namespaces ON functions.pronamespace = namespaces.oid
WHERE
    functions.prokind IN ('f', 'p')
    AND namespaces.nspname NOT IN ('pg_catalog', 'information_schema')
    AND NOT EXISTS (
        SELECT 1
        FROM pg_depend AS needs
        WHERE
            needs.classid = 'pg_proc'::regclass
            AND needs.objid = functions.oid
            AND needs.deptype = 'e'
    )
ORDER BY
    namespaces.nspname,
    functions.proname,
    signature,
    functions.oid;

-- name: list_deploy_rights()
-- Rights of others than the owner on tables, and row policies, by table and text.
SELECT
    namespaces.nspname::text AS schema_name,
    tables.relname::text AS table_name,
    'right' AS kind,
    concat(
        rights.privilege_type, ' for ', CASE rights.grantee WHEN 0 THEN 'PUBLIC' ELSE rights.grantee::regrole::text END
    ) AS right_text
FROM pg_class AS tables
INNER JOIN pg_namespace AS namespaces ON tables.relnamespace = namespaces.oid
CROSS JOIN aclexplode(tables.relacl) AS rights
WHERE
    namespaces.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND rights.grantee <> tables.relowner
UNION ALL
SELECT
    namespaces.nspname::text AS schema_name,
    tables.relname::text AS table_name,
    'policy' AS kind,
    concat_ws(
        ' ', 'row security', policies.polname, policies.polcmd, pg_get_expr(policies.polqual, tables.oid),
        pg_get_expr(policies.polwithcheck, tables.oid)
    ) AS right_text
FROM pg_class AS tables
INNER JOIN pg_namespace AS namespaces ON tables.relnamespace = namespaces.oid
LEFT JOIN pg_policy AS policies ON tables.oid = policies.polrelid
WHERE tables.relrowsecurity
ORDER BY
    schema_name,
    table_name,
    kind,
    right_text;
