-- What is told of an import of the old bot's JSON files, and kept: see migrations/0003_legacy_imports.sql.

-- name: get_guest_table_bytes()$
-- The size of guest_profiles with its indexes and what is stored out of line, in bytes.
SELECT pg_total_relation_size('guest_profiles') AS table_bytes;

-- name: get_erased_ids()^
-- The salted hashes of the guests whom forget_guest has erased, and the salt. An import skips their records.
SELECT
    salt,
    array(SELECT erased.id_hash FROM erased_guests AS erased) AS id_hashes
FROM erasure_salt
WHERE is_only_row = TRUE;

-- name: lock_erased_guests()!
-- Lets no guest be erased until the transaction ends, and waits for those who are being erased.
-- internal: the import asks for erased guests once more, just before its end
LOCK TABLE erased_guests IN SHARE MODE;

-- name: erase_imported_guests()!
-- Erases guests whom an import brought back although they had been erased; how many. That happens when they are erased
-- while it runs, also in an earlier import that ended before it could look once more. A guest who wrote again and was then
-- merged with an imported one stays.
-- internal: the import calls it at its end
-- check: allow GS501, because a hash cannot be turned into a key
DELETE FROM guest_profiles AS guest
USING erasure_salt
WHERE
    guest.profile_data ? 'legacy'
    AND NOT guest.profile_data ? 'merged'
    AND sha256(erasure_salt.salt || convert_to(guest.phone_number, 'UTF8')) IN (
        SELECT erased.id_hash
        FROM erased_guests AS erased
    );

-- name: record_legacy_import(report)$
-- Enters an import into the history, with the rejected records that are staged; its id. A record that is kept already,
-- from another file or import, is not stored once more.
-- internal: the import records itself
--   report: jsonb, an object of the columns of legacy_imports, e.g. '{"started_at": "2026-01-01", "files": [], "records": 0,
--     "guests": 0, "inserted": 0, "updated": 0, "unchanged": 0, "rejected": 0, "merged": 0, "file_bytes": 0,
--     "table_bytes": 0, "peak_memory_bytes": 0, "seconds": 0}'
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
        report.started_at,
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
            started_at timestamptz,
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
    INSERT INTO legacy_rejects (import_id, number, path, pointer, reason, byte_offset, sha256)
    SELECT
        recorded_import.id,
        row_number() OVER (
            ORDER BY
                staged.file_number,
                staged.place
        ),
        recorded_import.files -> (staged.file_number - 1)::integer ->> 'path',
        staged.pointer,
        staged.reason,
        staged.byte_offset,
        sha256(staged.record)
    FROM legacy_staging AS staged
    CROSS JOIN recorded_import
    WHERE staged.reason IS NOT NULL
),

recorded_records AS (
    INSERT INTO legacy_reject_records (sha256, record)
    SELECT
        sha256(staged.record),
        staged.record
    FROM legacy_staging AS staged
    WHERE staged.record IS NOT NULL
    ON CONFLICT (sha256) DO NOTHING
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
-- The records of which an import could make no guest, in the order of files and places. record is what the file says,
-- byte for byte: NULL when it was not kept.
--   import_id: bigint, id of legacy_imports
--   max_rows: int = 50, rows at most
SELECT
    rejects.number,
    rejects.path,
    rejects.pointer,
    rejects.reason,
    rejects.byte_offset,
    records.record
FROM legacy_rejects AS rejects
LEFT JOIN legacy_reject_records AS records ON rejects.sha256 = records.sha256
WHERE rejects.import_id = :import_id::bigint
ORDER BY rejects.number
LIMIT :max_rows::int;

-- name: find_legacy_rejects(text, max_rows)
-- The rejected records whose bytes or whose pointer contain a text, such as the digits of a phone: the latest import
-- first.
--   text: text, what to look for, to the letter
--   max_rows: int = 50, rows at most
SELECT
    rejects.import_id,
    rejects.number,
    rejects.path,
    rejects.pointer,
    rejects.reason,
    records.record
FROM legacy_rejects AS rejects
LEFT JOIN legacy_reject_records AS records ON rejects.sha256 = records.sha256
WHERE
    position(convert_to(:text::text, 'UTF8') IN records.record) > 0
    OR strpos(rejects.pointer, :text::text) > 0
ORDER BY
    rejects.import_id DESC,
    rejects.number ASC
LIMIT :max_rows::int;

-- name: delete_legacy_rejects(import_id)!
-- Deletes the rejected records of an import, with the bytes that no other import's have; how many.
--   import_id: bigint, id of legacy_imports
WITH orphaned_records AS (
    DELETE FROM legacy_reject_records AS records
    WHERE
        NOT EXISTS (
            SELECT 1
            FROM legacy_rejects AS others
            WHERE
                others.sha256 = records.sha256
                AND others.import_id <> :import_id::bigint
        )
)

DELETE FROM legacy_rejects
WHERE import_id = :import_id::bigint;

-- name: forget_legacy_rejects(text)!
-- Deletes the rejected records whose bytes or whose pointer contain a text, such as the digits of a phone, with the
-- bytes; how many.
--   text: text, what to look for, to the letter
WITH doomed_records AS MATERIALIZED (
    SELECT records.sha256
    FROM legacy_reject_records AS records
    WHERE
        position(convert_to(:text::text, 'UTF8') IN records.record) > 0
        OR EXISTS (
            SELECT 1
            FROM legacy_rejects AS named
            WHERE
                named.sha256 = records.sha256
                AND strpos(named.pointer, :text::text) > 0
        )
),

deleted_records AS (
    DELETE FROM legacy_reject_records AS records
    USING doomed_records
    WHERE records.sha256 = doomed_records.sha256
)

DELETE FROM legacy_rejects AS rejects
WHERE
    rejects.sha256 IN (SELECT doomed_records.sha256 FROM doomed_records)
    OR strpos(rejects.pointer, :text::text) > 0;

-- name: count_legacy_rejects()$
-- How many records the latest import rejected and kept.
SELECT count(*) AS rejects
FROM legacy_rejects
WHERE
    import_id = (SELECT max(imports.id) FROM legacy_imports AS imports)
    AND sha256 IS NOT NULL;
