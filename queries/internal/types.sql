-- Types that are not built into PostgreSQL, so that a sample value can be made up for a parameter.
-- check: read-only

-- name: list_sample_types(type_names)
-- The base type and the enum labels of each type, for sample values and choices.
-- Both are NULL for a name that no type has, and the labels for a type that is not an enum.
--   type_names: text[], as written in SQL
WITH RECURSIVE named_types AS (
    SELECT
        wanted.place,
        to_regtype(wanted.type_name)::oid AS type_oid
    FROM unnest(:type_names::text[]) WITH ORDINALITY AS wanted (type_name, place)
),

based_types AS (
    SELECT
        named_types.place,
        types.oid AS type_oid,
        types.typbasetype AS base_oid
    FROM named_types
    INNER JOIN pg_type AS types ON named_types.type_oid = types.oid
    UNION ALL
    SELECT
        based_types.place,
        types.oid AS type_oid,
        types.typbasetype AS base_oid
    FROM based_types
    INNER JOIN pg_type AS types ON based_types.base_oid = types.oid
)

SELECT
    format_type(based_types.type_oid, NULL) AS base_name,
    (
        SELECT array_agg(labels.enumlabel::text ORDER BY labels.enumsortorder)
        FROM pg_enum AS labels
        WHERE labels.enumtypid = based_types.type_oid
    ) AS enum_labels
FROM named_types
LEFT JOIN based_types
    ON
        named_types.place = based_types.place
        AND based_types.base_oid = 0
ORDER BY named_types.place;

-- name: list_not_null_columns(table_oids)
-- The columns of tables that refuse NULL, by table and number.
--   table_oids: bigint[], the tables
SELECT
    attributes.attrelid::bigint AS table_oid,
    attributes.attnum::int AS column_number
FROM pg_attribute AS attributes
WHERE
    attributes.attrelid = ANY(:table_oids::bigint[]::oid[])
    AND attributes.attnotnull
    AND attributes.attnum > 0
ORDER BY attributes.attrelid, attributes.attnum;
