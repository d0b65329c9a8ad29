-- The history of imports of the old bot's JSON files, and what they rejected: see migrations/0003_legacy_imports.sql.

-- name: get_guest_table_bytes()$
-- The size of guest_profiles with its indexes and TOAST, in bytes.
-- es: El tamaño de guest_profiles con sus índices y TOAST, en bytes.
SELECT pg_total_relation_size('guest_profiles') AS table_bytes;

-- name: get_erased_ids()^
-- The salt and the salted hashes of erased guests, whose records an import skips.
-- es: La sal y los hashes de los huéspedes borrados, cuyos registros omite una importación.
SELECT
    salt,
    array(SELECT erased.id_hash FROM erased_guests AS erased) AS id_hashes
FROM erasure_salt
WHERE is_only_row = TRUE;

-- name: list_legacy_imports(max_rows)
-- The committed imports, the latest first.
-- es: Las importaciones confirmadas, la más reciente primero.
-- chart: bar x=finished_at y=inserted,updated,rejected
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
-- The rejected records of an import, in the order of files and places.
-- record is what the file has, byte for byte; NULL when it was not kept.
-- es: Los registros rechazados de una importación, en el orden de archivos y lugares. record es lo que dice el archivo,
--     byte por byte; NULL si no se guardó.
--   import_id: bigint, id of legacy_imports
--     es: id de legacy_imports
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
-- The rejected records whose bytes or pointer contain a text, the latest import first.
-- For example, the digits of a phone number.
-- es: Los registros rechazados cuyos bytes o lugar contienen un texto, la importación más reciente primero.
--   text: text, the exact text to look for
--     es: el texto exacto que se busca
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
-- Deletes the rejected records of an import; returns their number.
-- Their bytes are deleted, too, unless another import rejected the same.
-- es: Borra los registros rechazados de una importación y devuelve cuántos eran. También se borran sus bytes, salvo
-- es: que otra importación haya rechazado los mismos.
--   import_id: bigint, id of legacy_imports
--     es: el id en legacy_imports
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
-- Deletes the rejected records whose bytes or pointer contain a text; returns their number.
-- For example, the digits of a phone number. Their bytes are deleted, too.
-- es: Borra los registros rechazados cuyos bytes o puntero contienen un texto, como las cifras de un teléfono, y
-- es: devuelve cuántos eran. También se borran sus bytes.
--   text: text, the exact text to look for
--     es: el texto exacto que se busca
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
-- es: Cuántos registros rechazó y guardó la última importación.
SELECT count(*) AS rejects
FROM legacy_rejects
WHERE
    import_id = (SELECT max(imports.id) FROM legacy_imports AS imports)
    AND sha256 IS NOT NULL;
