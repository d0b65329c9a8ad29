-- Messages, each processed once: the method `message` of a guest database.
--
-- A gateway delivers a message again when the answer is slow, perhaps to another process or with another id of the guest.
-- The first delivery claims the message: it inserts the gateway and the message's id into operations (operations.sql), with
-- a lease, and commits. Then the bot does its work; no transaction is open meanwhile, and the lease is renewed. One
-- statement stores the results, if the caller still has the lease. If the caller's process ends before that, the lease
-- expires and the next delivery is processed.
--
-- Each message that was processed or sent is also a row of messages, in partitions by month. The row has the guest's text
-- only if GUESTSQL_KEEP_TEXT is set. No query looks there for a message's id.
-- check: large operations, messages

-- name: list_guest_messages(phone_number, max_rows)
-- The last messages from and to a guest, the newest first.
-- es: Los últimos mensajes de un huésped y para él, los más recientes primero.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   max_rows: int = 50, rows at most
SELECT
    sent_at,
    direction,
    gateway,
    message_id,
    chat_id,
    tokens,
    text
FROM messages
WHERE
    phone_number = (
        SELECT ids.phone_number FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
ORDER BY sent_at DESC
LIMIT :max_rows::int;

-- name: make_message_partitions()$
-- Makes the missing partitions of this month and the next two; returns how many.
-- The migrations make the first ones, and a running bot does it every hour. Until a month has its partition, its messages
-- are in the default partition, from which they are then moved.
-- es: Crea las particiones que faltan de este mes y los dos siguientes; devuelve cuántas.
SELECT guestsql_make_message_partitions() AS made_partitions;

-- name: thin_messages(keep_days)$
-- Drops the partitions whose messages are all older than so many days.
-- Returns how many partitions, and rows of the default partition, it removed. Keep messages for longer than thin_operations
-- keeps their ids: an erasure finds the ids of done messages by these rows.
-- es: Elimina las particiones cuyos mensajes son todos más antiguos que esos días.
--   keep_days: int = NULL, days for which messages are kept; NULL for those of retention_rules
--     es: días que se conservan los mensajes; NULL para los de retention_rules
SELECT guestsql_thin_messages(guestsql_keep_days('messages', :keep_days::int)) AS thinned_rows;

-- name: thin_message_texts(keep_days, max_rows)$
-- Removes the texts of older messages; returns how many, 0 when nothing is left.
-- If a rule of retention_rules has fewer days, these count.
-- es: Quita los textos de mensajes antiguos; devuelve cuántos, 0 cuando no queda nada.
--   keep_days: int, days for which texts are kept, as in GUESTSQL_KEEP_TEXT; 0 removes all, e.g. 30
--     es: días que se conservan los textos, como en GUESTSQL_KEEP_TEXT; 0 los quita todos
--   max_rows: int = 20000, rows at most
WITH old_texts AS (
    SELECT
        aged.tableoid AS table_id,
        aged.ctid AS row_id
    FROM messages AS aged
    WHERE
        aged.text IS NOT NULL
        AND aged.sent_at < statement_timestamp() - make_interval(
            days => least(:keep_days::int, guestsql_keep_days('message_texts', NULL))
        )
    ORDER BY aged.sent_at
    LIMIT :max_rows::int
    FOR NO KEY UPDATE SKIP LOCKED
),

thinned_messages AS (
    UPDATE messages AS thinned
    SET text = NULL
    FROM old_texts
    WHERE
        thinned.tableoid = old_texts.table_id
        AND thinned.ctid = old_texts.row_id
    RETURNING 1 AS one
)

SELECT count(*) AS thinned_rows
FROM thinned_messages;

-- name: export_messages(phone_number)
-- A guest's messages.
-- es: Los mensajes de un huésped.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(message) AS message
FROM messages AS message
WHERE message.phone_number = :phone_number::text
ORDER BY message.sent_at;

-- name: export_operations(phone_number)
-- A guest's messages that are not done yet.
-- One that was claimed before its guest was known has an id in place of the key. A phone that is another guest's key is not
-- such an id: what is stored under it is that guest's.
-- es: Los mensajes de un huésped que aún no están listos. No los de quien tuvo antes su teléfono.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(operation) AS operation
FROM operations AS operation
WHERE
    operation.phone_number = ANY(
        :phone_number::text || array(
            SELECT ids.id FROM guest_ids AS ids
            WHERE
                ids.phone_number = :phone_number::text
                AND NOT EXISTS (
                    SELECT 1
                    FROM guest_keys AS former
                    WHERE
                        former.phone_number = ids.id
                        AND former.phone_number <> :phone_number::text
                )
        )
    )
ORDER BY
    operation.source,
    operation.operation_id;

-- name: forget_operations(phone_number)!
-- Keeps the ids of a guest's messages as salted hashes, and stops those in progress.
-- A message that is delivered again then does not bring the guest back. This waits for a message that is being completed
-- just now; forget_messages comes after it, and sees its row. By id as in export_operations.
-- es: Conserva los ids de los mensajes de un huésped como hashes con sal y detiene los que están en curso. Así, un
-- es: mensaje que se entrega de nuevo no trae de vuelta al huésped.
-- on: forget_guest
--   phone_number: text, the guest's key
WITH known_ids AS MATERIALIZED (
    SELECT
        done.gateway AS source,
        done.message_id AS operation_id
    FROM messages AS done
    WHERE
        done.phone_number = :phone_number::text
        AND done.direction = 'in'
    UNION
    SELECT
        open_operations.source,
        open_operations.operation_id
    FROM operations AS open_operations
    WHERE
        open_operations.phone_number = ANY(
            :phone_number::text || array(
                SELECT ids.id FROM guest_ids AS ids
                WHERE
                    ids.phone_number = :phone_number::text
                    AND NOT EXISTS (
                        SELECT 1
                        FROM guest_keys AS former
                        WHERE
                            former.phone_number = ids.id
                            AND former.phone_number <> :phone_number::text
                    )
            )
        )
),

locked_operations AS MATERIALIZED (
    SELECT
        locked.source,
        locked.operation_id,
        guestsql_erased_message(locked.source, locked.operation_id) AS erased_id
    FROM operations AS locked
    INNER JOIN known_ids ON locked.source = known_ids.source AND locked.operation_id = known_ids.operation_id
    ORDER BY
        locked.source,
        locked.operation_id
    FOR UPDATE OF locked
),

-- It was counted again while an earlier erasure was under way.
known_operations AS (
    DELETE FROM operations AS gone
    USING locked_operations
    WHERE
        gone.source = locked_operations.source
        AND gone.operation_id = locked_operations.operation_id
        AND EXISTS (
            SELECT 1
            FROM operations AS hashed
            WHERE
                hashed.source = locked_operations.source
                AND hashed.operation_id = locked_operations.erased_id
        )
)

UPDATE operations AS hashed
SET
    operation_id = locked_operations.erased_id,
    phone_number = NULL,
    lease = NULL,
    lease_until = NULL,
    effects = '{}',
    done_at = coalesce(hashed.done_at, statement_timestamp())
FROM locked_operations
WHERE
    hashed.source = locked_operations.source
    AND hashed.operation_id = locked_operations.operation_id
    AND NOT EXISTS (
        SELECT 1
        FROM operations AS known
        WHERE
            known.source = locked_operations.source
            AND known.operation_id = locked_operations.erased_id
    );

-- name: forget_messages(phone_number)!
-- Erases a guest's messages.
-- es: Borra los mensajes de un huésped.
-- on: forget_guest, last
--   phone_number: text, the guest's key
DELETE FROM messages
WHERE phone_number = :phone_number::text;

-- name: merge_messages(keep, duplicate)!
-- Moves a duplicate's messages to the guest who is kept, those in progress too.
-- es: Pasa los mensajes del duplicado al huésped que se conserva, también los que están en curso.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
WITH locked_operations AS MATERIALIZED (
    SELECT
        locked.source,
        locked.operation_id
    FROM operations AS locked
    WHERE locked.phone_number = :duplicate::text
    ORDER BY
        locked.source,
        locked.operation_id
    FOR NO KEY UPDATE
),

moved_operations AS (
    UPDATE operations AS moved
    SET phone_number = :keep::text
    FROM locked_operations
    WHERE
        moved.source = locked_operations.source
        AND moved.operation_id = locked_operations.operation_id
)

UPDATE messages
SET phone_number = :keep::text
WHERE phone_number = :duplicate::text;
