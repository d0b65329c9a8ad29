-- Threads: a guest's conversation with the model and the tokens it has cost. No row means no guest; a thread_id of NULL
-- means a guest without a thread.

-- name: get_thread(phone_number)^
-- A guest's thread. No row: the guest is unknown.
--   phone_number: text, any id of the guest
SELECT
    phone_number,
    thread_id,
    thread_tokens AS token_count,
    thread_created_at AS created_at
FROM guest_profiles
WHERE phone_number = (
    SELECT ids.phone_number
    FROM guest_ids AS ids
    WHERE ids.id = :phone_number::text
);

-- name: set_thread(phone_number, thread_id)^
-- Sets a guest's thread and returns it. No row: the guest had that thread already.
-- Its tokens are then kept. Only columns without an index are set, so that the update stays heap-only.
--   phone_number: text, any id of the guest
--   thread_id: text, the thread; NULL leaves the guest without one
INSERT INTO guest_profiles AS known (phone_number, first_id, thread_id, thread_created_at)
SELECT
    resolved.phone_number,
    nullif(:phone_number::text, resolved.phone_number),
    :thread_id::text,
    CASE WHEN :thread_id::text IS NOT NULL THEN statement_timestamp() END
FROM guestsql_guest_key(:phone_number::text) AS resolved (phone_number)
WHERE
    NOT EXISTS (
        SELECT 1
        FROM guest_profiles AS same
        WHERE
            same.phone_number = resolved.phone_number
            AND same.thread_id IS NOT DISTINCT FROM :thread_id::text
    )
ON CONFLICT (phone_number) DO UPDATE
    SET
        thread_id = excluded.thread_id,
        thread_tokens = CASE
            WHEN known.thread_id = excluded.thread_id THEN known.thread_tokens
            ELSE 0
        END,
        thread_created_at = CASE
            WHEN known.thread_id = excluded.thread_id THEN known.thread_created_at
            ELSE excluded.thread_created_at
        END,
        updated_at = statement_timestamp()
RETURNING
    known.phone_number,
    known.thread_id,
    known.thread_tokens AS token_count,
    known.thread_created_at AS created_at;

-- name: add_thread_tokens(phone_number, thread_id, tokens, operation_id)$
-- Adds tokens to a thread and returns its new count.
-- If the thread is not the guest's, it becomes so and starts from these tokens. The sum is computed from the row under
-- its lock, so that the additions of many writers add up. Repeated with the same operation_id (operations.sql) it adds
-- nothing and returns the count of the first time, or the row's if that is higher.
--   phone_number: text, any id of the guest
--   thread_id: text, the thread that was used
--   tokens: bigint, tokens spent, 0 or more
--   operation_id: text, a new id for each addition, not empty
WITH locked_guests AS MATERIALIZED (
    SELECT
        thread_id,
        thread_tokens
    FROM guest_profiles
    WHERE
        phone_number = (
            SELECT ids.phone_number
            FROM guest_ids AS ids
            WHERE ids.id = :phone_number::text
        )
    FOR NO KEY UPDATE
),

claimed_operations AS (
    INSERT INTO operations AS known (source, operation_id, answer)
    SELECT
        'guestsql',
        :operation_id::text,
        to_jsonb(
            :tokens::bigint
            + coalesce(
                (
                    SELECT locked_guests.thread_tokens
                    FROM locked_guests
                    WHERE locked_guests.thread_id = :thread_id::text
                ),
                0
            )
        )
    ON CONFLICT (source, operation_id) DO UPDATE
        SET attempts = known.attempts + 1
    RETURNING
        known.answer::bigint AS token_count,
        known.attempts = 1 AS is_new
),

counted_guests AS (
    INSERT INTO guest_profiles AS known (
        phone_number,
        first_id,
        thread_id,
        thread_tokens,
        thread_created_at
    )
    SELECT
        resolved.phone_number,
        nullif(:phone_number::text, resolved.phone_number),
        :thread_id::text,
        :tokens::bigint,
        statement_timestamp()
    FROM claimed_operations
    CROSS JOIN guestsql_guest_key(:phone_number::text) AS resolved (phone_number)
    WHERE claimed_operations.is_new
    ON CONFLICT (phone_number) DO UPDATE
        SET
            thread_id = excluded.thread_id,
            thread_tokens = excluded.thread_tokens + CASE
                WHEN known.thread_id = excluded.thread_id THEN known.thread_tokens
                ELSE 0
            END,
            thread_created_at = CASE
                WHEN known.thread_id = excluded.thread_id THEN known.thread_created_at
                ELSE excluded.thread_created_at
            END,
            updated_at = statement_timestamp()
    RETURNING known.thread_tokens
)

-- Two callers may create the guest at once, and then only one of their answers has both sums: the row's own count comes
-- first, and for a repeat the higher one.
SELECT
    coalesce(
        (SELECT counted_guests.thread_tokens FROM counted_guests),
        greatest(
            token_count,
            (
                SELECT locked_guests.thread_tokens
                FROM locked_guests
                WHERE locked_guests.thread_id = :thread_id::text
            )
        )
    ) AS token_count
FROM claimed_operations;
