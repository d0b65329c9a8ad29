-- guestsql health: does the database answer, and does it have every migration that this release needs?
-- check: read-only

-- name: list_applied_versions()
-- The rows of the ledger, by version.
-- series is NULL in a ledger of a release before 0.2.0, which has no such column.
-- check: allow GS307, because the ledger has one row for each file of migrations/
-- check: allow GS306, because its key begins with series, which an old ledger lacks
SELECT
    to_jsonb(guestsql_migrations) ->> 'series' AS series,
    version::bigint AS version,
    name,
    checksum
FROM guestsql_migrations
ORDER BY version, series, name;
