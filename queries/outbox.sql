-- Replies to guests. The queries of the sender are in internal/outbox.sql.
-- check: large outbox

-- name: export_outbox(phone_number)
-- A guest's replies.
-- es: Las respuestas para un huésped.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(reply) - 'lease' AS reply
FROM outbox AS reply
WHERE reply.phone_number = :phone_number::text
ORDER BY reply.reply_id;

-- name: forget_outbox(phone_number)!
-- Erases a guest's replies, sent or not.
-- A sender that has claimed one gets an error when it marks it.
-- es: Borra las respuestas a un huésped, enviadas o no. Quien tenga una tomada recibe un error al marcarla.
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM outbox
WHERE phone_number = :phone_number::text;

-- name: merge_outbox(keep, duplicate)!
-- Moves a duplicate's replies to the guest to keep. Claimed ones stay claimed; the order stays that of their queueing.
-- es: Pasa las respuestas del duplicado al huésped que se conserva. Las tomadas siguen tomadas, y el orden es el de la
-- es: cola.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
UPDATE outbox
SET phone_number = :keep::text
WHERE phone_number = :duplicate::text;

-- name: list_replies(state, after_id, max_rows)
-- Replies that are not sent, the earliest first; or those of one state.
-- maybe sent: its sender has not marked it within the lease; the next sender decides.
-- es: Respuestas sin enviar, la más antigua primero; o las de un estado. maybe sent: quien la enviaba no la marcó a
--     tiempo; el siguiente decide.
--   state: text = NULL, queued, sending, maybe sent, sent or dead; NULL for all that are not sent
--     es: su estado; NULL para todas las que no están enviadas
--     choices: list_reply_states
--   after_id: bigint = 0, only replies after this one
--     es: solo respuestas posteriores a esta
--   max_rows: int = 100, rows at most
SELECT
    reply.reply_id,
    reply.phone_number,
    reply.gateway,
    CASE
        WHEN reply.state = 'sending' AND reply.due_at <= statement_timestamp() THEN 'maybe sent'
        ELSE reply.state
    END AS state,
    reply.attempts,
    reply.created_at,
    reply.due_at,
    reply.is_maybe_sent,
    reply.last_error
FROM outbox AS reply
WHERE
    reply.reply_id > :after_id::bigint
    AND reply.state = CASE WHEN :state::text = 'maybe sent' THEN 'sending' ELSE coalesce(:state::text, reply.state) END
    AND (:state::text = 'sent' OR reply.state <> 'sent')
    AND (
        :state::text IS NULL
        OR reply.state <> 'sending'
        OR (:state::text = 'maybe sent') = (reply.due_at <= statement_timestamp())
    )
ORDER BY
    reply.reply_id,
    reply.phone_number
LIMIT :max_rows::int;

-- name: retry_replies(reply_ids)
-- Queues replies again, to be sent at once, and returns them.
-- These may be dead letters, replies that may have been sent, and replies that wait after a failure. One that is being sent
-- now, or was sent, is not touched.
-- es: Pone respuestas otra vez en la cola, para enviarlas enseguida, y las devuelve.
--   reply_ids: bigint[] = NULL, e.g. '{12}'; NULL for all dead letters
--     es: NULL para todas las que no se pudieron entregar
UPDATE outbox AS reply
SET
    state = 'queued',
    due_at = statement_timestamp(),
    attempts = 0,
    lease = NULL,
    is_maybe_sent = FALSE
WHERE
    (reply.reply_id = ANY(:reply_ids::bigint[]) OR :reply_ids::bigint[] IS NULL)
    AND (
        reply.state = 'dead'
        OR (
            :reply_ids::bigint[] IS NOT NULL
            AND (
                reply.state = 'queued'
                OR (reply.state = 'sending' AND reply.due_at <= statement_timestamp())
            )
        )
    )
RETURNING
    reply.reply_id,
    reply.phone_number,
    reply.last_error;

-- name: drop_replies(reply_ids)
-- Deletes replies that are not to be sent, and returns them.
-- A reply that is being sent now, or was sent, is not touched.
-- es: Borra respuestas que no se deben enviar, y las devuelve.
--   reply_ids: bigint[] = NULL, e.g. '{12}'; NULL for all dead letters
DELETE FROM outbox AS reply
WHERE
    (reply.reply_id = ANY(:reply_ids::bigint[]) OR :reply_ids::bigint[] IS NULL)
    AND (
        reply.state = 'dead'
        OR (
            :reply_ids::bigint[] IS NOT NULL
            AND (
                reply.state = 'queued'
                OR (reply.state = 'sending' AND reply.due_at <= statement_timestamp())
            )
        )
    )
RETURNING
    reply.reply_id,
    reply.phone_number,
    reply.last_error;

-- name: thin_replies(keep_days, max_rows)$
-- Deletes replies that were sent long ago; returns how many, 0 when nothing is left.
-- es: Borra respuestas enviadas hace mucho; devuelve cuántas, 0 cuando no queda nada.
--   keep_days: int = NULL, days for which they are kept; NULL for those of retention_rules
--     es: días que se conservan; NULL para los de retention_rules
--   max_rows: int = 20000, rows at most
WITH old_replies AS (
    SELECT aged.reply_id
    FROM outbox AS aged
    WHERE
        aged.state = 'sent'
        AND aged.sent_at < statement_timestamp() - make_interval(days => guestsql_keep_days('replies', :keep_days::int))
    ORDER BY aged.sent_at
    LIMIT :max_rows::int
    FOR UPDATE SKIP LOCKED
),

removed_replies AS (
    DELETE FROM outbox AS gone
    USING old_replies
    WHERE gone.reply_id = old_replies.reply_id
    RETURNING gone.sent_at
)

SELECT count(*) AS thinned_rows
FROM removed_replies;
