-- What the methods about a whole person do beside the queries that are marked with their names (queries/people.sql).
-- check: large guest_profiles, historical_clients, operations

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
-- The guests may be active or archived. They are locked in the order of their keys: in another order two merges deadlock.
--   phone_numbers: text[], the guests' keys, e.g. '{573000000001}'
WITH active_guests AS MATERIALIZED (
    SELECT guest.phone_number
    FROM guest_profiles AS guest
    WHERE guest.phone_number = ANY(:phone_numbers::text[])
    ORDER BY guest.phone_number
    FOR UPDATE
),

archived_guests AS MATERIALIZED (
    SELECT client.phone_number
    FROM historical_clients AS client
    WHERE client.phone_number = ANY(:phone_numbers::text[])
    ORDER BY client.phone_number
    FOR UPDATE
)

SELECT phone_number FROM active_guests
UNION ALL
SELECT phone_number FROM archived_guests
ORDER BY phone_number;
