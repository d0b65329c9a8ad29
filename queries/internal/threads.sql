-- How create_thread creates a guest's thread: one caller claims it and calls its factory, without a connection, and stores
-- the thread; the others read the guest's thread until there is one.
-- check: large guest_profiles

-- name: claim_thread(phone_number, lease, lease_seconds)^
-- Claims the creation of a guest's thread.
-- No row: there is a thread, or another caller is creating it. An unknown guest is created. The lease is compared too, so
-- that a claim repeated after a lost connection finds its own.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   lease: uuid, made by the caller
--   lease_seconds: float8 = 8, seconds for which no one else may create the thread
INSERT INTO guest_profiles AS known (phone_number, first_id, thread_lease, thread_lease_until)
SELECT
    resolved.phone_number,
    nullif(:phone_number::text, resolved.phone_number),
    :lease::uuid,
    statement_timestamp() + make_interval(secs => :lease_seconds::float8)
FROM guestsql_guest_key(:phone_number::text) AS resolved (phone_number)
WHERE
    NOT EXISTS (
        SELECT 1
        FROM guest_profiles AS busy
        WHERE
            busy.phone_number = resolved.phone_number
            AND (
                busy.thread_id IS NOT NULL
                OR (busy.thread_lease_until > statement_timestamp() AND busy.thread_lease <> :lease::uuid)
            )
    )
ON CONFLICT (phone_number) DO UPDATE
    SET
        thread_lease = excluded.thread_lease,
        thread_lease_until = excluded.thread_lease_until
    WHERE
    known.thread_id IS NULL
    AND (
        known.thread_lease IS NULL
        OR known.thread_lease_until <= statement_timestamp()
        OR known.thread_lease = excluded.thread_lease
    )
RETURNING
    known.phone_number,
    known.created_at;

-- name: publish_thread(phone_number, thread_id, lease, created_at)^
-- Stores a created thread and returns it.
-- No row: the guest now has a thread, or is another guest. The lease may have expired: the thread that is ready first is
-- stored. created_at then distinguishes a guest who was erased and created again.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   thread_id: text, the created thread, not empty
--   lease: uuid, the caller's
--   created_at: timestamptz, the one the claim returned
UPDATE guest_profiles
SET
    thread_id = :thread_id::text,
    thread_tokens = 0,
    thread_created_at = statement_timestamp(),
    thread_lease = NULL,
    thread_lease_until = NULL,
    updated_at = statement_timestamp()
WHERE
    phone_number = (
        SELECT ids.phone_number
        FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
    AND thread_id IS NULL
    AND (
        thread_lease = :lease::uuid
        OR created_at = :created_at::timestamptz
    )
RETURNING
    phone_number,
    thread_id,
    thread_tokens AS token_count,
    thread_created_at AS created_at;

-- name: release_thread(phone_number, lease)!
-- Releases a lease after a failed creation; 0 if another caller has it by then.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   lease: uuid, the caller's
UPDATE guest_profiles
SET
    thread_lease = NULL,
    thread_lease_until = NULL
WHERE
    phone_number = (
        SELECT ids.phone_number
        FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
    AND thread_lease = :lease::uuid;
