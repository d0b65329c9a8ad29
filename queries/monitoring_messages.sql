-- Monitoring of messages, each processed once, and of the replies in the outbox. No guest is named.
--
-- check: read-only
-- check: large operations, outbox, messages

-- name: get_message_figures(minutes)^
-- Messages that were processed in the last minutes, and those that are not done yet.
-- redeliveries: deliveries beyond the first; many of them mean that the bot answers the gateway too late.
-- abandoned_messages: their process ended before the message was done; the next delivery is processed. failed_messages: the
-- bot raised an error, and the message has not been delivered again.
-- es: Mensajes procesados en los últimos minutos, y los que aún no están listos.
-- chart: number
-- dashboard: operations
-- metrics: messages minutes=5
--   minutes: int = 60, how far to look back
WITH processed_messages AS (
    SELECT
        count(*) AS processed,
        coalesce(sum(attempts - 1), 0)::bigint AS redeliveries
    FROM operations
    WHERE
        done_at >= statement_timestamp() - make_interval(mins => :minutes::int)
        AND source <> 'guestsql'
),

open_messages AS (
    SELECT
        count(*) FILTER (WHERE lease_until > statement_timestamp()) AS in_progress,
        count(*) FILTER (WHERE lease_until <= statement_timestamp()) AS abandoned,
        count(*) FILTER (WHERE lease_until IS NULL) AS failed,
        min(claimed_at) AS oldest_since
    FROM operations
    WHERE done_at IS NULL
)

SELECT
    processed_messages.processed AS processed_messages,
    processed_messages.redeliveries,
    open_messages.in_progress AS messages_in_progress,
    open_messages.abandoned AS abandoned_messages,
    open_messages.failed AS failed_messages,
    extract(EPOCH FROM statement_timestamp() - open_messages.oldest_since)::float8 AS oldest_open_seconds
FROM processed_messages
CROSS JOIN open_messages;

-- name: list_open_messages(max_rows)
-- Messages that are claimed and not done, the oldest first.
-- in progress: a process works on it. abandoned: its process ended. failed: the bot raised an error.
-- es: Mensajes tomados y sin terminar, los más antiguos primero. in progress: un proceso trabaja en él. abandoned: su
--     proceso terminó. failed: el bot dio un error.
-- check: allow GS306, because the ids of messages may contain phone numbers, which guestsql_monitor may not read
--   max_rows: int = 20, rows at most
SELECT
    source AS gateway,
    CASE
        WHEN lease_until IS NULL THEN 'failed'
        WHEN lease_until <= statement_timestamp() THEN 'abandoned'
        ELSE 'in progress'
    END AS state,
    attempts AS deliveries,
    claimed_at,
    extract(EPOCH FROM statement_timestamp() - claimed_at)::float8 AS open_seconds
FROM operations
WHERE done_at IS NULL
ORDER BY
    claimed_at ASC,
    source ASC,
    attempts ASC
LIMIT :max_rows::int;

-- name: get_outbox_figures()^
-- Replies that are not sent: by state, and the age of the oldest.
-- due_replies: ready to be sent; many of them mean that no sender runs, or that it is too slow. retried_replies: queued
-- again after a failure. maybe_sent_replies: their sender was killed, and the next one decides. dead_letters: given up; see
-- guestsql outbox.
-- es: Respuestas sin enviar: por estado, y la antigüedad de la más vieja. dead_letters: se dejaron de intentar; véase
--     guestsql outbox.
-- chart: number
-- dashboard: operations
-- metrics: outbox
WITH unsent_replies AS (
    SELECT
        count(*) AS unsent,
        count(*) FILTER (WHERE state = 'queued' AND due_at <= statement_timestamp()) AS due,
        count(*) FILTER (WHERE state = 'queued' AND attempts > 0) AS retried,
        count(*) FILTER (WHERE state = 'sending' AND due_at > statement_timestamp()) AS sending,
        count(*) FILTER (WHERE state = 'sending' AND due_at <= statement_timestamp()) AS maybe_sent,
        min(created_at) AS oldest_since
    FROM outbox
    WHERE state IN ('queued', 'sending')
)

SELECT
    unsent AS unsent_replies,
    due AS due_replies,
    retried AS retried_replies,
    sending AS sending_replies,
    maybe_sent AS maybe_sent_replies,
    extract(EPOCH FROM statement_timestamp() - oldest_since)::float8 AS oldest_unsent_seconds,
    (
        SELECT count(*)
        FROM outbox
        WHERE state = 'dead'
    ) AS dead_letters
FROM unsent_replies;

-- name: list_unsent_replies(max_rows)
-- Replies that are neither sent nor dead, the oldest first.
-- list_replies shows whose they are.
-- es: Respuestas que no están enviadas ni descartadas, las más antiguas primero.
-- check: allow GS306, because reply_id is unique by itself
--   max_rows: int = 20, rows at most
SELECT
    reply_id,
    gateway,
    CASE
        WHEN state = 'sending' AND due_at <= statement_timestamp() THEN 'maybe sent'
        ELSE state
    END AS state,
    attempts,
    extract(EPOCH FROM statement_timestamp() - created_at)::float8 AS age_seconds,
    due_at
FROM outbox
WHERE state IN ('queued', 'sending')
ORDER BY reply_id
LIMIT :max_rows::int;
