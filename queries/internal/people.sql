-- What the methods about a whole person do beside the queries that are marked with their names (queries/people.sql).
-- check: large guest_profiles, operations

-- name: claim_operation(operation_id)^
-- Claims an operation; a repeat gets what the first attempt returned.
-- is_new tells them apart. While the first attempt is still running, a repeat waits for it.
--   operation_id: text, a new id for each operation, not empty
INSERT INTO operations AS known (source, operation_id)
VALUES ('guestsql', :operation_id::text)
ON CONFLICT (source, operation_id) DO UPDATE
    SET attempts = known.attempts + 1
RETURNING
    known.attempts = 1 AS is_new,
    known.answer;

-- name: answer_operation(operation_id, answer)!
-- Stores what a claimed operation returns, for its repeat.
--   operation_id: text, the id that was claimed
--   answer: jsonb, counts only, nothing personal
UPDATE operations
SET answer = :answer::jsonb
WHERE
    source = 'guestsql'
    AND operation_id = :operation_id::text;

-- name: get_erasure_salt()$
-- The salt of the hashes of erased ids, for ErasureKey.
SELECT salt
FROM erasure_salt
WHERE is_only_row = TRUE;

-- name: lock_ids(ids)
-- Locks ids, and the keys to which they lead; returns what it has locked.
-- No link, merge or erasure can change them then. The locks last until the transaction ends. lock_guests alone is not
-- enough: a merge may be about to give a row to a guest who has none. A separate statement, so that the next one sees what
-- that merge has stored: an id may lead elsewhere by then. In one order, so that two merges do not deadlock.
--   ids: text[], ids without duplicates, e.g. '{573000000001}'
SELECT locked.phone_number
FROM (
    SELECT
        ordered.phone_number,
        pg_advisory_xact_lock(hashtextextended('guestsql guest ' || ordered.phone_number, 0))::text AS result
    FROM (
        SELECT keys.phone_number
        FROM (
            SELECT given.id AS phone_number
            FROM unnest(:ids::text[]) AS given (id)
            UNION
            SELECT known.phone_number
            FROM guest_ids AS known
            WHERE known.id = ANY(:ids::text[])
        ) AS keys
        ORDER BY keys.phone_number
    ) AS ordered
) AS locked
WHERE locked.result IS NOT NULL
ORDER BY locked.phone_number;

-- name: lock_guests(phone_numbers)
-- Locks guests' rows until the transaction ends, and returns their keys.
-- They are locked in the order of their keys: in another order two merges deadlock.
--   phone_numbers: text[], the guests' keys, e.g. '{573000000001}'
SELECT phone_number
FROM guest_profiles
WHERE phone_number = ANY(:phone_numbers::text[])
ORDER BY phone_number
FOR UPDATE;

-- name: remember_erasure(phone_number)
-- Stores salted hashes of a guest's ids, and of the keys merged into it; returns the ids.
-- With the hashes, an import of old files does not bring any of these guests back. The guest's row must still exist.
-- check: allow GS307, because a guest has few ids
--   phone_number: text, the guest's key
WITH erased_keys AS (
    SELECT spelled.id AS phone_number
    FROM unnest(guestsql_spellings(:phone_number::text)) AS spelled (id)
    UNION
    -- A phone that went to another person: the old files may have this guest under it.
    SELECT spelled.id
    FROM guest_ids AS former
    CROSS JOIN unnest(guestsql_spellings(split_part(former.id, '#', 1))) AS spelled (id)
    WHERE
        former.phone_number = :phone_number::text
        AND former.kind = 'former_phone'
    UNION
    SELECT known.id
    FROM guest_ids AS known
    WHERE
        known.phone_number = :phone_number::text
        -- A phone that was another guest's before: what the old files have under it is that guest's.
        AND NOT EXISTS (
            SELECT 1
            FROM guest_ids AS former
            WHERE
                former.id = ANY(ARRAY[known.id || '#1', (guestsql_spellings(known.id))[2] || '#1'])
                AND former.phone_number <> :phone_number::text
        )
    UNION
    SELECT jsonb_object_keys(guest.profile_data -> 'merged')
    FROM known_guests AS guest
    WHERE
        guest.phone_number = :phone_number::text
        AND jsonb_typeof(guest.profile_data -> 'merged') = 'object'
),

remembered_keys AS (
    INSERT INTO erased_guests AS known (id_hash)
    SELECT sha256(erasure_salt.salt || convert_to(erased_keys.phone_number, 'UTF8')) AS id_hash
    FROM erased_keys
    CROSS JOIN erasure_salt
    ORDER BY id_hash
    ON CONFLICT (id_hash) DO UPDATE
        SET erased_at = greatest(known.erased_at, excluded.erased_at)
)

SELECT id
FROM guest_ids
WHERE phone_number = :phone_number::text
ORDER BY id;
