-- The queries of a sender of replies: docs/outbox.md. All times are the server's.
-- check: large outbox, guest_profiles, operations, messages

-- name: queue_reply(phone_number, gateway, payload, operation_id)!
-- Queues a reply that answers no message; creates an unknown guest.
-- Repeated with the same operation_id it does nothing.
-- The guest's row is locked before the id is taken, so that a guest's replies have their ids in the order of queueing.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   gateway: text = 'whatsapp', which service delivers it
--   payload: jsonb, what the sender needs, not null
--   operation_id: text, a new id for each reply, not empty
WITH resolved_guests AS MATERIALIZED (
    SELECT guestsql_guest_key(:phone_number::text) AS phone_number
),

locked_guests AS MATERIALIZED (
    SELECT guest.phone_number
    FROM guest_profiles AS guest
    WHERE guest.phone_number = (SELECT resolved_guests.phone_number FROM resolved_guests)
    FOR NO KEY UPDATE
),

claimed_operations AS (
    INSERT INTO operations AS known (source, operation_id)
    SELECT
        'guestsql',
        :operation_id::text
    -- Not before the guest's row.
    WHERE (SELECT count(*) FROM locked_guests) >= 0
    ON CONFLICT (source, operation_id) DO UPDATE
        SET attempts = known.attempts + 1
    RETURNING known.attempts = 1 AS is_new
),

created_guests AS (
    INSERT INTO guest_profiles AS known (phone_number, first_id)
    SELECT
        resolved_guests.phone_number,
        nullif(:phone_number::text, resolved_guests.phone_number)
    FROM resolved_guests
    CROSS JOIN claimed_operations
    WHERE
        claimed_operations.is_new
        AND NOT EXISTS (SELECT 1 FROM locked_guests)
    -- Another caller creates the guest at the same time.
    ON CONFLICT (phone_number) DO UPDATE
        SET updated_at = known.updated_at
    RETURNING known.phone_number
)

INSERT INTO outbox (phone_number, gateway, payload)
SELECT
    addressed_guests.phone_number,
    :gateway::text,
    :payload::jsonb
FROM (
    SELECT locked_guests.phone_number
    FROM locked_guests
    UNION ALL
    SELECT created_guests.phone_number
    FROM created_guests
) AS addressed_guests
CROSS JOIN claimed_operations
WHERE claimed_operations.is_new;

-- name: claim_replies(gateway, lease, lease_seconds, max_rows)
-- Claims replies that are due.
-- Of each guest and gateway only the first unfinished one, so that the order is kept. A dead letter is finished. If a claim
-- has expired unmarked, the reply may have been sent: is_maybe_sent. A repeat with the same lease also returns what the
-- first attempt claimed.
--   gateway: text = NULL, the service; NULL for all
--   lease: uuid, made by the caller for this claim
--   lease_seconds: float8 = 60, seconds for which no other sender may claim them
--   max_rows: int = 10, rows at most
WITH held_replies AS MATERIALIZED (
    SELECT reply.reply_id
    FROM outbox AS reply
    WHERE
        reply.state = 'sending'
        AND reply.lease = :lease::uuid
    FOR UPDATE
),

due_replies AS MATERIALIZED (
    SELECT reply.reply_id
    FROM outbox AS reply
    WHERE
        reply.state IN ('queued', 'sending')
        AND reply.due_at <= statement_timestamp()
        AND reply.lease IS DISTINCT FROM :lease::uuid
        AND (:gateway::text IS NULL OR reply.gateway = :gateway::text)
        -- One index probe for each reply, however many a guest has.
        AND reply.reply_id = (
            SELECT min(unfinished.reply_id)
            FROM outbox AS unfinished
            WHERE
                unfinished.phone_number = reply.phone_number
                AND unfinished.gateway = reply.gateway
                AND unfinished.state IN ('queued', 'sending')
        )
        -- A dead letter was queued again while a later reply is being sent.
        AND NOT EXISTS (
            SELECT 1
            FROM outbox AS later
            WHERE
                later.phone_number = reply.phone_number
                AND later.gateway = reply.gateway
                AND later.reply_id > reply.reply_id
                AND later.state = 'sending'
                AND later.due_at > statement_timestamp()
        )
    ORDER BY
        reply.due_at,
        reply.reply_id,
        reply.phone_number
    LIMIT greatest(0, :max_rows::int - (SELECT count(*) FROM held_replies))
    FOR UPDATE OF reply SKIP LOCKED
),

claimed_replies AS (
    UPDATE outbox AS reply
    SET
        state = 'sending',
        lease = :lease::uuid,
        due_at = statement_timestamp() + make_interval(secs => :lease_seconds::float8),
        attempts = reply.attempts + (reply.lease IS DISTINCT FROM :lease::uuid)::int,
        is_maybe_sent = reply.is_maybe_sent OR (reply.state = 'sending' AND reply.lease <> :lease::uuid)
    WHERE
        -- An array: the planner expects a few rows then, and reads them by the index.
        reply.reply_id = ANY(
            array(
                SELECT held_replies.reply_id
                FROM held_replies
                UNION ALL
                SELECT due_replies.reply_id
                FROM due_replies
            )
        )
    RETURNING
        reply.reply_id,
        reply.phone_number,
        reply.gateway,
        reply.message_id,
        reply.payload,
        reply.attempts,
        reply.is_maybe_sent,
        reply.last_error,
        reply.created_at,
        reply.due_at AS lease_until,
        reply.lease
)

SELECT
    reply_id,
    phone_number,
    gateway,
    message_id,
    payload,
    attempts,
    is_maybe_sent,
    last_error,
    created_at,
    lease_until,
    lease
FROM claimed_replies
ORDER BY
    reply_id,
    phone_number
LIMIT :max_rows::int;

-- name: get_reply_delay(gateway)$
-- Seconds until a reply may be claimed, 0 or less if one may be now; NULL if there is none.
-- A reply that waits for an earlier one of its guest is not counted: the earlier one is.
--   gateway: text = NULL, the service; NULL for all
SELECT extract(EPOCH FROM reply.due_at - statement_timestamp())::float8 AS seconds
FROM outbox AS reply
WHERE
    reply.state IN ('queued', 'sending')
    AND (:gateway::text IS NULL OR reply.gateway = :gateway::text)
    AND reply.reply_id = (
        SELECT min(unfinished.reply_id)
        FROM outbox AS unfinished
        WHERE
            unfinished.phone_number = reply.phone_number
            AND unfinished.gateway = reply.gateway
            AND unfinished.state IN ('queued', 'sending')
    )
    AND NOT EXISTS (
        SELECT 1
        FROM outbox AS later
        WHERE
            later.phone_number = reply.phone_number
            AND later.gateway = reply.gateway
            AND later.reply_id > reply.reply_id
            AND later.state = 'sending'
            AND later.due_at > statement_timestamp()
    )
ORDER BY reply.due_at
LIMIT 1;

-- name: mark_reply_sent(reply_id, lease, sent_message_id, keeps_text)$
-- Marks a reply as sent, and stores it as a message; returns how many were marked.
-- Its payload is deleted. 0: the reply has another lease, or is gone. A repeat with the same lease stores nothing twice. The
-- guest's row is locked first, so that a concurrent erasure either sees the stored message or ends first.
--   reply_id: bigint, the reply
--   lease: uuid, with which it was claimed
--   sent_message_id: text, the id that the gateway gave it; NULL if unknown
--   keeps_text: boolean, whether the message keeps the payload as its text
WITH locked_guests AS MATERIALIZED (
    SELECT guest.phone_number
    FROM guest_profiles AS guest
    WHERE
        guest.phone_number = (
            SELECT reply.phone_number
            FROM outbox AS reply
            WHERE reply.reply_id = :reply_id::bigint
        )
    FOR KEY SHARE
),

-- Archived while the reply was a dead letter.
locked_clients AS MATERIALIZED (
    SELECT client.phone_number
    FROM historical_clients AS client
    WHERE
        client.phone_number = (
            SELECT reply.phone_number
            FROM outbox AS reply
            WHERE reply.reply_id = :reply_id::bigint
        )
        AND NOT EXISTS (SELECT 1 FROM locked_guests)
    FOR KEY SHARE
),

-- With the state that it has once it is locked.
locked_replies AS MATERIALIZED (
    SELECT
        reply.reply_id,
        reply.state,
        reply.payload
    FROM outbox AS reply
    WHERE
        reply.reply_id = :reply_id::bigint
        AND reply.lease = :lease::uuid
        AND reply.state IN ('sending', 'sent')
        AND (SELECT count(*) FROM locked_guests) + (SELECT count(*) FROM locked_clients) >= 0
    FOR UPDATE
),

marked_replies AS (
    UPDATE outbox AS reply
    SET
        state = 'sent',
        sent_at = coalesce(reply.sent_at, statement_timestamp()),
        sent_message_id = :sent_message_id::text,
        payload = NULL,
        is_maybe_sent = FALSE
    FROM locked_replies
    WHERE reply.reply_id = locked_replies.reply_id
    RETURNING
        reply.phone_number,
        reply.gateway,
        reply.sent_at,
        locked_replies.state AS old_state,
        locked_replies.payload AS old_payload
),

stored_messages AS (
    INSERT INTO messages (sent_at, gateway, message_id, phone_number, direction, text)
    SELECT
        marked_replies.sent_at,
        marked_replies.gateway,
        :sent_message_id::text,
        marked_replies.phone_number,
        'out',
        CASE WHEN :keeps_text::boolean THEN marked_replies.old_payload::text END
    FROM marked_replies
    WHERE marked_replies.old_state = 'sending'
)

SELECT count(*) AS marked_replies
FROM marked_replies;

-- name: mark_reply_failed(reply_id, lease, last_error, retry_seconds, max_attempts)^
-- Marks a reply as not sent: queued again, or dead after its last attempt.
-- No row: the reply has another lease, or is gone. A repeat with the same lease changes nothing.
--   reply_id: bigint, the reply
--   lease: uuid, with which it was claimed
--   last_error: text, why it failed
--   retry_seconds: float8 = NULL, seconds until it is due again; NULL for 5, and twice as many after each claim, up to an hour
--   max_attempts: bigint = 10, claims after which it is dead
WITH locked_replies AS MATERIALIZED (
    SELECT
        reply.reply_id,
        reply.state = 'sending' AS is_sending
    FROM outbox AS reply
    WHERE
        reply.reply_id = :reply_id::bigint
        AND reply.lease = :lease::uuid
        AND reply.state <> 'sent'
    FOR UPDATE
),

marked_replies AS (
    UPDATE outbox AS reply
    SET
        state = CASE
            WHEN NOT locked_replies.is_sending THEN reply.state
            WHEN reply.attempts >= :max_attempts::bigint THEN 'dead'
            ELSE 'queued'
        END,
        due_at = CASE
            WHEN NOT locked_replies.is_sending THEN reply.due_at
            ELSE
                statement_timestamp()
                + make_interval(
                    secs => coalesce(:retry_seconds::float8, least(3600, 5 * 2 ^ least(reply.attempts - 1, 20)))
                )
        END,
        last_error = :last_error::text
    FROM locked_replies
    WHERE reply.reply_id = locked_replies.reply_id
    RETURNING
        reply.reply_id,
        reply.state,
        reply.due_at
)

SELECT
    state,
    due_at
FROM marked_replies
ORDER BY reply_id
LIMIT 1;
