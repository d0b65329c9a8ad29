-- What guestsql health asks: does the database answer, and has it every migration that this release needs?
-- check: read-only

-- name: list_applied_versions()
-- The numbers of the migrations in the ledger, ascending.
-- check: allow GS307, because the ledger has one row for each file of migrations/
SELECT version
FROM guestsql_migrations
ORDER BY version;
