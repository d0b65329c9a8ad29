-- The export to the old bot's JSON files, and the comparison with them. Both read pages by primary key, so that neither
-- the server nor the client keeps the table in memory.

-- name: list_guests_to_verify(phone_numbers)
-- The rows of some guests, in the order of their keys. legacy has their kept records as text, so that no number loses a
-- digit.
--   phone_numbers: text[], the guests' keys
SELECT
    phone_number,
    chat_id,
    thread_id,
    thread_created_at,
    user_name,
    contact_name,
    labels,
    first_interaction,
    last_interaction,
    total_interactions,
    created_at,
    updated_at,
    context_epoch,
    (profile_data -> 'legacy')::text AS legacy,
    statement_timestamp() AS read_at
FROM known_guests
WHERE phone_number = ANY(:phone_numbers::text[])
ORDER BY phone_number;

-- name: list_ids_of_other_keys(ids)
-- The given ids that are not their guest's key, each with the key.
-- A phone that is now another guest's leads to its first owner, who had it when the files were written.
--   ids: text[], ids without duplicates
WITH read_ids AS (
    SELECT
        ids.id,
        coalesce(
            (
                SELECT former.phone_number
                FROM guest_ids AS former
                WHERE
                    former.id IN (
                        SELECT spelled.id || '#1'
                        FROM unnest(guestsql_spellings(ids.id)) AS spelled (id)
                    )
                ORDER BY starts_with(former.id, ids.id) DESC
                LIMIT 1
            ),
            ids.phone_number
        ) AS phone_number
    FROM guest_ids AS ids
    WHERE ids.id = ANY(:ids::text[])
)

SELECT
    id,
    phone_number
FROM read_ids
WHERE id <> phone_number
ORDER BY id;

-- name: get_import_times(paths, checksums)^
-- The times at which imports began, and at which these files were first imported.
-- A file counts with exactly these bytes; NULL when they were never imported. An import stores its own time in place of a
-- later one.
--   paths: text[], the files
--   checksums: text[], their SHA-256, in hex
SELECT
    array(
        SELECT imports.started_at
        FROM legacy_imports AS imports
        ORDER BY imports.id
    ) AS all_times,
    array(
        SELECT
            (
                SELECT min(imports.started_at)
                FROM legacy_imports AS imports
                WHERE
                    imports.files @> jsonb_build_array(
                        jsonb_build_object('path', files.path, 'sha256', files.sha256)
                    )
            )
        FROM unnest(:paths::text[], :checksums::text[]) WITH ORDINALITY AS files (path, sha256, place)
        ORDER BY files.place
    ) AS first_times;

-- name: list_kept_rejects(path, sha256, after_offset, max_rows)
-- One page of the rejected places of a file, in their order.
-- The number of bytes and their checksum are computed from the kept bytes; there is more than one of each when states of
-- the file differ. If exactly these bytes of the file were imported, only what those imports kept counts: the end of an
-- older, torn state may be the beginning of a guest in this one. If they never were, everything that imports kept of any
-- state of the file counts.
--   path: text, the file
--   sha256: text, checksum of the file as it is now, in hex
--   after_offset: bigint = -1, the last place of the page before
--   max_rows: int = 10000, rows at most
WITH same_imports AS MATERIALIZED (
    SELECT imports.id
    FROM legacy_imports AS imports
    WHERE
        imports.files @> jsonb_build_array(
            jsonb_build_object('path', :path::text, 'sha256', :sha256::text)
        )
)

SELECT
    rejects.byte_offset,
    array_agg(DISTINCT octet_length(records.record)) AS byte_counts,
    array_agg(DISTINCT sha256(records.record)) AS checksums
FROM legacy_rejects AS rejects
INNER JOIN legacy_reject_records AS records ON rejects.sha256 = records.sha256
WHERE
    rejects.path = :path::text
    AND rejects.byte_offset > :after_offset::bigint
    AND (
        rejects.import_id IN (SELECT same_imports.id FROM same_imports)
        OR NOT EXISTS (SELECT 1 FROM same_imports)
    )
GROUP BY rejects.byte_offset
ORDER BY rejects.byte_offset
LIMIT :max_rows::int;

-- name: list_guests_to_export(after, max_rows)
-- One page of all guests, in the order of their keys; legacy as above. The flags show values that have no place in the
-- old files. phone_number is what the files call the guest: the key, unless that is now another guest's phone, because the
-- old bot would confuse the two. Then it is the current phone, or any other id.
--   after: text = '', the last key of the page before
--   max_rows: int = 500, rows at most
SELECT
    guest.phone_number AS guest_key,
    CASE
        WHEN own_ids.phone_number <> guest.phone_number
            THEN
                (
                    SELECT other_ids.id
                    FROM guest_ids AS other_ids
                    WHERE other_ids.phone_number = guest.phone_number
                    ORDER BY
                        other_ids.id IS NOT DISTINCT FROM guest.current_phone DESC,
                        other_ids.kind = 'former_phone' ASC,
                        other_ids.id ASC
                    LIMIT 1
                )
        ELSE guest.phone_number
    END AS phone_number,
    guest.chat_id,
    guest.thread_id,
    guest.user_name,
    guest.contact_name,
    guest.labels,
    guest.first_interaction,
    guest.last_interaction,
    guest.total_interactions,
    guest.created_at,
    guest.updated_at,
    guest.context_epoch,
    (guest.profile_data -> 'legacy')::text AS legacy,
    guest.thread_tokens > 0 AS has_tokens,
    NOT guest.memory_enabled AS has_memory_off,
    guest.profile_data - 'legacy' <> '{}' AS has_profile_data
FROM known_guests AS guest
LEFT JOIN guest_ids AS own_ids ON guest.phone_number = own_ids.id
WHERE guest.phone_number > :after::text
ORDER BY guest.phone_number
LIMIT :max_rows::int;
