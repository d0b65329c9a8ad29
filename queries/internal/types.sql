-- Types that are not built into PostgreSQL, so that a sample value can be made up for a parameter.
-- check: read-only

-- name: list_sample_types(type_names)
-- The base type and first enum label of each type, to make up a sample value.
-- Both are NULL for a name that no type has.
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
        SELECT labels.enumlabel::text
        FROM pg_enum AS labels
        WHERE labels.enumtypid = based_types.type_oid
        ORDER BY labels.enumsortorder
        LIMIT 1
    ) AS first_label
FROM named_types
LEFT JOIN based_types
    ON
        named_types.place = based_types.place
        AND based_types.base_oid = 0
ORDER BY named_types.place;
