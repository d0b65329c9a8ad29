-- What is told of an import of the old bot's JSON files, and kept: see migrations/0003_legacy_imports.sql.

-- name: get_guest_table_bytes()$
-- The size of guest_profiles with its indexes and what is stored out of line, in bytes.
SELECT pg_total_relation_size('guest_profiles') AS table_bytes;

-- name: record_legacy_import(report)$
-- Enters an import into the history, with the rejected records that are staged; its id.
-- internal: the import records itself
--   report: jsonb, an object of the columns of legacy_imports, e.g. '{"files": [], "records": 0, "guests": 0,
--     "inserted": 0, "updated": 0, "unchanged": 0, "rejected": 0, "merged": 0, "file_bytes": 0, "table_bytes": 0,
--     "peak_memory_bytes": 0, "seconds": 0}'
WITH recorded_import AS (
    INSERT INTO legacy_imports (
        started_at,
        files,
        records,
        guests,
        inserted,
        updated,
        unchanged,
        rejected,
        merged,
        file_bytes,
        table_bytes,
        peak_memory_bytes,
        seconds
    )
    SELECT
        statement_timestamp() - make_interval(secs => report.seconds),
        report.files,
        report.records,
        report.guests,
        report.inserted,
        report.updated,
        report.unchanged,
        report.rejected,
        report.merged,
        report.file_bytes,
        report.table_bytes,
        report.peak_memory_bytes,
        report.seconds
    FROM
        jsonb_to_record(:report::jsonb) AS report (
            files jsonb,
            records bigint,
            guests bigint,
            inserted bigint,
            updated bigint,
            unchanged bigint,
            rejected bigint,
            merged bigint,
            file_bytes bigint,
            table_bytes bigint,
            peak_memory_bytes bigint,
            seconds float8
        )
    RETURNING
        id,
        files
),

recorded_rejects AS (
    INSERT INTO legacy_rejects (import_id, number, path, pointer, reason)
    SELECT
        recorded_import.id,
        row_number() OVER (
            ORDER BY
                staged.file_number,
                staged.place
        ),
        recorded_import.files -> (staged.file_number - 1)::integer ->> 'path',
        staged.pointer,
        staged.reason
    FROM legacy_staging AS staged
    CROSS JOIN recorded_import
    WHERE staged.reason IS NOT NULL
)

SELECT id
FROM recorded_import;

-- name: list_legacy_imports(max_rows)
-- The imports that were committed, the latest first.
--   max_rows: int = 50, rows at most
SELECT
    id,
    started_at,
    finished_at,
    records,
    guests,
    inserted,
    updated,
    unchanged,
    rejected,
    merged,
    file_bytes,
    table_bytes,
    peak_memory_bytes,
    seconds,
    files
FROM legacy_imports
ORDER BY id DESC
LIMIT :max_rows::int;

-- name: list_legacy_rejects(import_id, max_rows)
-- The records of which an import could make no guest, in the order of files and places.
--   import_id: bigint, id of legacy_imports
--   max_rows: int = 50, rows at most
SELECT
    number,
    path,
    pointer,
    reason
FROM legacy_rejects
WHERE import_id = :import_id::bigint
ORDER BY number
LIMIT :max_rows::int;
