-- Operations: writes that must be done only once, such as counting tokens and messages. When an answer is lost, it is
-- unknown whether the write was committed. A transaction's number does not help: after a crash it is used again. Each of
-- these queries therefore takes a new operation_id and inserts it into the table operations in the same statement; an
-- operation of several statements claims its id first, in the same transaction. It is then always safe to repeat either
-- with the same id:
--
-- - The first attempt was committed: the repeat finds the row and changes nothing but attempts.
-- - It was not: the repeat performs it.
-- - It still runs: the repeat waits for it at the unique index or at the guest's row.
--
-- check: large operations

-- name: thin_operations(keep_days, keep_message_days, max_rows)$
-- Deletes the ids of old operations and messages; 0 when nothing is left.
-- An id must be kept for as long as its write may be repeated: a process that cannot reach the server repeats its last
-- batch once it can reach it again, and WhatsApp delivers a message again for 7 days.
-- es: Borra los ids de operaciones y mensajes antiguos; 0 cuando no queda nada.
--   keep_days: int = 7, days for which every id is kept
--     es: días que se conservan todos los ids
--   keep_message_days: int = NULL, days for which those of messages are kept, not below keep_days; NULL for those of
--     retention_rules
--     es: días que se conservan los de mensajes, no menos que keep_days; NULL para los de retention_rules
--   max_rows: int = 20000, rows at most
WITH old_operations AS (
    SELECT
        aged.source,
        aged.operation_id
    FROM operations AS aged
    WHERE
        aged.done_at < statement_timestamp() - make_interval(days => :keep_days::int)
        AND (
            aged.source = 'guestsql'
            OR aged.done_at < statement_timestamp() - make_interval(
                days => guestsql_keep_days('message_ids', :keep_message_days::int)
            )
        )
    ORDER BY aged.done_at
    LIMIT :max_rows::int
    FOR UPDATE SKIP LOCKED
),

-- Their processing failed, and they were not delivered again.
abandoned_messages AS (
    SELECT
        aged.source,
        aged.operation_id
    FROM operations AS aged
    WHERE
        aged.done_at IS NULL
        AND aged.claimed_at < statement_timestamp() - make_interval(
            days => guestsql_keep_days('message_ids', :keep_message_days::int)
        )
    ORDER BY aged.claimed_at
    LIMIT :max_rows::int
    FOR UPDATE SKIP LOCKED
),

removed_operations AS (
    DELETE FROM operations AS gone
    USING
        (
            SELECT
                old_operations.source,
                old_operations.operation_id
            FROM old_operations
            UNION ALL
            SELECT
                abandoned_messages.source,
                abandoned_messages.operation_id
            FROM abandoned_messages
        ) AS thinned
    WHERE
        gone.source = thinned.source
        AND gone.operation_id = thinned.operation_id
    RETURNING 1 AS one
)

SELECT count(*) AS thinned_rows
FROM removed_operations;
