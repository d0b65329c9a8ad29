-- Threads: a guest's conversation with the model and the tokens it has cost. No row means no guest; a thread_id of NULL
-- means a guest without a thread.
--
-- The current thread is in guest_profiles, and the threads before it are in guest_threads. A trigger moves a thread there
-- when another one takes its place, and back, with its tokens, when it becomes the guest's again (guestsql_keep_thread).
-- check: large guest_profiles, guest_threads

-- name: get_thread(phone_number)^
-- A guest's thread. No row: the guest is unknown.
-- es: El hilo de un huésped. Sin fila: el huésped es desconocido.
-- check: hot
-- check: routed guest
-- check: allow GS302, because a guest is active or archived, never both
--   phone_number: text, any id of the guest
SELECT
    phone_number,
    thread_id,
    thread_tokens AS token_count,
    thread_created_at AS created_at
FROM known_guests
WHERE phone_number = (
    SELECT ids.phone_number
    FROM guest_ids AS ids
    WHERE ids.id = :phone_number::text
);

-- name: get_threads(phone_number)
-- Every thread that a guest has had, newest first.
-- The current one comes first, then the others by their end. The current thread has no reason. Threads from the old bot's
-- files have no times and come last.
-- es: Todos los hilos que ha tenido un huésped, el más reciente primero. El actual va primero y no tiene motivo; los
--     demás siguen por su final.
-- check: allow GS307, because one guest has few threads
--   phone_number: text, any id of the guest
SELECT
    threads.phone_number,
    threads.thread_id,
    threads.token_count,
    threads.created_at,
    threads.ended_at,
    threads.reason
FROM (
    SELECT
        guest.phone_number,
        guest.thread_id,
        guest.thread_tokens AS token_count,
        guest.thread_created_at AS created_at,
        NULL::timestamptz AS ended_at,
        NULL::text AS reason
    FROM known_guests AS guest
    WHERE guest.thread_id IS NOT NULL
    UNION ALL
    SELECT
        replaced.phone_number,
        replaced.thread_id,
        replaced.tokens AS token_count,
        replaced.started_at AS created_at,
        replaced.ended_at,
        replaced.reason
    FROM guest_threads AS replaced
) AS threads
WHERE
    threads.phone_number = (
        SELECT ids.phone_number
        FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
ORDER BY
    threads.reason IS NOT NULL ASC,
    threads.ended_at DESC NULLS LAST,
    threads.thread_id ASC;

-- name: set_thread(phone_number, thread_id)^
-- Sets a guest's thread and returns it. No row: the guest had that thread already.
-- A new thread starts from 0 tokens; one that the guest had before continues. Only columns without an index are set, so
-- that the update stays heap-only.
-- es: Fija el hilo de un huésped y lo devuelve. Sin fila: el huésped ya tenía ese hilo.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   thread_id: text, the thread; NULL leaves the guest without one
--     es: el hilo; NULL deja al huésped sin ninguno
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
-- An unknown thread becomes the guest's. One that the guest had before keeps its own count and does not become the
-- guest's again. The sum is computed from the row under the guest's lock, so that the additions of many writers add up.
-- Repeated with the same operation_id (operations.sql) it adds nothing and returns the count of the first time, or that of
-- the thread if it is higher.
-- es: Suma tokens a un hilo y devuelve su nueva cuenta.
-- check: hot
-- check: routed guest
-- check: allow GS504, because its function must see what was committed while it waited for a lock
--   phone_number: text, any id of the guest
--   thread_id: text, the thread that was used
--     es: el hilo que se usó
--   tokens: bigint, tokens spent, 0 or more
--     es: los tokens gastados, 0 o más
--   operation_id: text, a new id for each addition, not empty
--     es: un id nuevo para cada suma, no vacío
WITH locked_guests AS MATERIALIZED (
    SELECT
        phone_number,
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

-- NULL in replaced_tokens: the thread is the guest's, or unknown.
known_threads AS MATERIALIZED (
    SELECT
        locked_guests.phone_number,
        CASE WHEN locked_guests.thread_id = :thread_id::text THEN locked_guests.thread_tokens END AS current_tokens,
        CASE
            WHEN locked_guests.thread_id = :thread_id::text THEN NULL
            ELSE guestsql_replaced_tokens(locked_guests.phone_number, :thread_id::text)
        END AS replaced_tokens
    FROM locked_guests
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
                    SELECT coalesce(known_threads.current_tokens, known_threads.replaced_tokens)
                    FROM known_threads
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

counted_threads AS (
    INSERT INTO guest_threads AS known (phone_number, thread_id, tokens, reason)
    SELECT
        known_threads.phone_number,
        :thread_id::text,
        :tokens::bigint,
        'replaced'
    FROM claimed_operations
    CROSS JOIN known_threads
    WHERE
        claimed_operations.is_new
        AND known_threads.replaced_tokens IS NOT NULL
    ON CONFLICT (phone_number, thread_id) DO UPDATE
        SET tokens = known.tokens + excluded.tokens
    RETURNING known.tokens
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
    WHERE
        claimed_operations.is_new
        AND NOT EXISTS (
            SELECT 1
            FROM known_threads
            WHERE known_threads.replaced_tokens IS NOT NULL
        )
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
        (SELECT counted_threads.tokens FROM counted_threads),
        greatest(
            token_count,
            (
                SELECT coalesce(known_threads.current_tokens, known_threads.replaced_tokens)
                FROM known_threads
            )
        )
    ) AS token_count
FROM claimed_operations;
