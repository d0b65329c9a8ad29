-- What the methods about a whole person do beside the queries that are marked with their names (queries/people.sql).
-- check: large guest_profiles, operations

-- name: claim_operation(operation_id)^
-- Claims an operation for the transaction that begins with it: whether it is new, and else what was returned by the
-- attempt that did it. An attempt that still runs is waited for.
--   operation_id: text, a new id for each operation, not empty
INSERT INTO operations AS known (source, operation_id)
VALUES ('guestsql', :operation_id::text)
ON CONFLICT (source, operation_id) DO UPDATE
    SET attempts = known.attempts + 1
RETURNING
    known.attempts = 1 AS is_new,
    known.answer;

-- name: answer_operation(operation_id, answer)!
-- Keeps what a claimed operation returns, for its repeat.
--   operation_id: text, the id that was claimed
--   answer: jsonb, counts only, nothing personal
UPDATE operations
SET answer = :answer::jsonb
WHERE
    source = 'guestsql'
    AND operation_id = :operation_id::text;

-- name: lock_guests(phone_numbers)
-- Locks guests' rows for the rest of the transaction and returns their keys. In the order of the keys, so that two merges
-- cannot deadlock.
--   phone_numbers: text[], the guests' keys, e.g. '{573000000001}'
SELECT phone_number
FROM guest_profiles
WHERE phone_number = ANY(:phone_numbers::text[])
ORDER BY phone_number
FOR UPDATE;

-- name: remember_erasure(phone_number)!
-- Keeps salted hashes of a guest's key and of the keys of guests who were merged into this one: an import of old files
-- does not bring any of them back. Runs while the guest's row is still there.
--   phone_number: text, the guest's key
WITH erased_keys AS (
    SELECT :phone_number::text AS phone_number
    UNION
    SELECT jsonb_object_keys(guest.profile_data -> 'merged')
    FROM guest_profiles AS guest
    WHERE
        guest.phone_number = :phone_number::text
        AND jsonb_typeof(guest.profile_data -> 'merged') = 'object'
)

INSERT INTO erased_guests AS known (id_hash)
SELECT sha256(erasure_salt.salt || convert_to(erased_keys.phone_number, 'UTF8')) AS id_hash
FROM erased_keys
CROSS JOIN erasure_salt
ORDER BY id_hash
ON CONFLICT (id_hash) DO UPDATE
    SET erased_at = greatest(known.erased_at, excluded.erased_at);
