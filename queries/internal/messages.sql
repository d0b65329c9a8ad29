-- A message of a guest, processed once: see the head of queries/messages.sql. Every statement that writes a guest's row and
-- one of operations locks the guest's row first; otherwise two of them deadlock.
-- check: large guest_profiles, operations, erased_guests, interaction_hours

-- name: claim_message(gateway, message_id, phone_number, sent_at, text, lease, lease_seconds, keyed_hashes)^
-- Claims a message, unless it is done or another caller's, and returns its state.
-- The states are new, done, in progress and erased. Erased: it was processed before its guest was erased, or it was sent
-- before that. The guest is not created here. A repeat with the same lease gets the same answer.
--
-- A message that is an opt-out word withdraws the guest's consent to every purpose on its channel, once, in whatever state
-- the message is. The guest is created then.
-- check: hot
-- check: routed guest
-- check: allow GS504, because its functions must see what was committed while it waited for a lock
--   gateway: text, the gateway that delivered it
--   message_id: text, its id there
--   phone_number: text, any id of the guest
--   sent_at: timestamptz, its time; NULL for now
--   text: text, what the guest wrote; NULL if that is longer than an opt-out word
--   lease: uuid, a new one for each caller
--   lease_seconds: float8, after which another caller may claim it
--   keyed_hashes: bytea[] = '{}', hashes of the guest's id with each GUESTSQL_ERASURE_KEY
WITH erasures AS MATERIALIZED (
    SELECT
        guestsql_is_erased(
            :gateway::text,
            :message_id::text,
            :phone_number::text,
            :sent_at::timestamptz,
            :keyed_hashes::bytea[]
        ) AS is_erased
),

-- Before the message's row of operations.
opt_outs AS MATERIALIZED (
    SELECT
        guestsql_lock_opt_out(
            :gateway::text,
            :message_id::text,
            :phone_number::text,
            :sent_at::timestamptz,
            :keyed_hashes::bytea[]
        ) AS phone_number
    FROM erasures
    WHERE
        NOT erasures.is_erased
        AND guestsql_is_opt_out(:text::text)
),

claimed_messages AS (
    INSERT INTO operations AS known (
        source, operation_id, phone_number, lease, lease_until, claimed_at, done_at, effects
    )
    SELECT
        :gateway::text,
        :message_id::text,
        guestsql_guest_key(:phone_number::text),
        :lease::uuid,
        statement_timestamp() + make_interval(secs => :lease_seconds::float8),
        statement_timestamp(),
        NULL,
        CASE WHEN EXISTS (SELECT 1 FROM opt_outs) THEN '{"opt_out": 1}'::jsonb ELSE '{}' END
    FROM erasures
    WHERE NOT erasures.is_erased
    ON CONFLICT (source, operation_id) DO UPDATE
        SET
            attempts = known.attempts + 1,
            -- The attempt that has withdrawn the consent.
            effects = CASE
                WHEN excluded.effects ? 'opt_out'
                    THEN jsonb_build_object('opt_out', known.attempts + 1) || known.effects
                ELSE known.effects
            END,
            (phone_number, lease, lease_until, claimed_at, done_at) = (
                SELECT
                    choices.phone_number,
                    choices.lease,
                    choices.lease_until,
                    choices.claimed_at,
                    choices.done_at
                FROM (
                    VALUES
                    (TRUE, excluded.phone_number, excluded.lease, excluded.lease_until, excluded.claimed_at, NULL),
                    (FALSE, known.phone_number, known.lease, known.lease_until, known.claimed_at, known.done_at)
                ) AS choices (is_claimed, phone_number, lease, lease_until, claimed_at, done_at)
                WHERE
                    choices.is_claimed = (
                        known.lease IS NULL
                        OR (known.done_at IS NULL AND known.lease_until < statement_timestamp())
                    )
            )
    RETURNING
        known.lease,
        known.claimed_at,
        known.done_at,
        (known.effects ->> 'opt_out')::bigint = known.attempts AS is_opted_out
),

withdrawals AS MATERIALIZED (
    SELECT
        guestsql_record_consent(
            opt_outs.phone_number,
            'withdrawn',
            '*',
            coalesce(
                (
                    SELECT known.channel FROM gateway_channels AS known
                    WHERE known.gateway = :gateway::text
                ),
                '*'
            ),
            'message',
            :sent_at::timestamptz
        ) AS event_id
    FROM claimed_messages
    CROSS JOIN opt_outs
    WHERE claimed_messages.is_opted_out
)

SELECT
    CASE
        WHEN erasures.is_erased THEN 'erased'
        WHEN claimed_messages.done_at IS NOT NULL THEN 'done'
        WHEN claimed_messages.lease = :lease::uuid THEN 'new'
        ELSE 'in progress'
    END AS state,
    coalesce(claimed_messages.done_at, claimed_messages.claimed_at) AS since,
    (SELECT count(*) FROM withdrawals) > 0 AS is_withdrawal,
    (SELECT count(*) FROM opt_outs) > 0 AS is_opt_out
FROM erasures
LEFT JOIN claimed_messages ON NOT erasures.is_erased;

-- name: complete_message(gateway, message_id, lease, phone_number, sent_at, chat_id, text, thread_ids, thread_tokens, replies, keyed_hashes)^
-- Stores the effects of a message, if the caller still has its lease.
-- These are the interaction, also per hour, tokens, replies, and a row of messages. No row: another caller has claimed it, or the guest was
-- erased. A repeat changes only attempts. What record_interactions or add_thread_tokens have counted for the message is not
-- counted again.
-- check: hot
-- check: routed guest
-- check: allow GS504, because its functions must see what was committed while it waited for a lock
--   gateway: text, the gateway that delivered it
--   message_id: text, its id there
--   lease: uuid, with which it was claimed
--   phone_number: text, any id of the guest
--   sent_at: timestamptz, its time; NULL for the time of the claim
--   chat_id: text, where the guest wrote; NULL keeps the stored one
--   text: text, what the guest wrote; NULL stores none
--   thread_ids: text[], the threads in which tokens were spent, without duplicates, in the order of their use
--   thread_tokens: bigint[], the tokens of each
--   replies: text[], JSON of the replies to queue, in their order
--   keyed_hashes: bytea[] = '{}', as in claim_message
WITH resolved_guests AS MATERIALIZED (
    SELECT guestsql_guest_key(:phone_number::text) AS phone_number
),

locked_guests AS MATERIALIZED (
    SELECT guest.thread_id
    FROM guest_profiles AS guest
    WHERE guest.phone_number = (SELECT resolved_guests.phone_number FROM resolved_guests)
    FOR NO KEY UPDATE
),

locked_messages AS MATERIALIZED (
    SELECT
        claimed.effects,
        claimed.done_at IS NULL AS is_first,
        least(coalesce(:sent_at::timestamptz, claimed.claimed_at), statement_timestamp()) AS sent_at
    FROM operations AS claimed
    WHERE
        claimed.source = :gateway::text
        AND claimed.operation_id = :message_id::text
        AND claimed.lease = :lease::uuid
        -- Not before the guest's row.
        AND (SELECT count(*) FROM locked_guests) >= 0
        -- Again: the claim may have waited for the erasure, and the erasure did not see it.
        AND NOT guestsql_is_erased(
            :gateway::text,
            :message_id::text,
            :phone_number::text,
            :sent_at::timestamptz,
            :keyed_hashes::bytea[]
        )
    FOR NO KEY UPDATE
),

spent_tokens AS MATERIALIZED (
    SELECT
        spent.thread_id,
        spent.tokens,
        spent.place,
        CASE
            WHEN spent.thread_id = locked_guests.thread_id THEN 'current'
            WHEN guestsql_replaced_tokens(resolved_guests.phone_number, spent.thread_id) IS NOT NULL THEN 'replaced'
            ELSE 'new'
        END AS kind
    FROM locked_messages
    CROSS JOIN resolved_guests
    CROSS JOIN
        unnest(:thread_ids::text[], :thread_tokens::bigint[]) WITH ORDINALITY AS spent (thread_id, tokens, place)
    LEFT JOIN locked_guests ON TRUE
    WHERE
        locked_messages.is_first
        AND (locked_messages.effects -> 'tokens' -> spent.thread_id) IS NULL
),

-- The guest's thread from now on, if tokens were spent in it: the last new one, else the current one.
latest_threads AS MATERIALIZED (
    SELECT
        spent_tokens.thread_id,
        spent_tokens.tokens
    FROM spent_tokens
    WHERE spent_tokens.kind <> 'replaced'
    ORDER BY
        spent_tokens.kind = 'new' DESC,
        spent_tokens.place DESC
    LIMIT 1
),

-- The other ones. If the guest's thread is among them, it is replaced below, and the row is complete then.
counted_threads AS (
    INSERT INTO guest_threads AS known (phone_number, thread_id, started_at, ended_at, tokens, reason)
    SELECT
        resolved_guests.phone_number,
        spent_tokens.thread_id,
        CASE WHEN spent_tokens.kind = 'new' THEN statement_timestamp() END AS started_at,
        CASE WHEN spent_tokens.kind = 'new' THEN statement_timestamp() END AS ended_at,
        spent_tokens.tokens,
        'replaced'
    FROM spent_tokens
    CROSS JOIN resolved_guests
    WHERE
        NOT EXISTS (
            SELECT 1 FROM latest_threads
            WHERE latest_threads.thread_id = spent_tokens.thread_id
        )
    ON CONFLICT (phone_number, thread_id) DO UPDATE
        SET tokens = known.tokens + excluded.tokens
    RETURNING known.thread_id
),

done_messages AS (
    UPDATE operations AS done
    SET
        attempts = done.attempts + CASE
            WHEN locked_messages.is_first THEN 0
            ELSE 1
        END,
        phone_number = NULL,
        effects = done.effects || jsonb_build_object(
            'interaction', TRUE,
            'tokens',
            coalesce(done.effects -> 'tokens', '{}')
            || (SELECT coalesce(jsonb_object_agg(spent_tokens.thread_id, done.attempts), '{}') FROM spent_tokens)
        ),
        done_at = coalesce(done.done_at, statement_timestamp())
    FROM locked_messages
    WHERE
        done.source = :gateway::text
        AND done.operation_id = :message_id::text
        AND done.lease = :lease::uuid
    RETURNING locked_messages.is_first
),

counted_guests AS (
    INSERT INTO guest_profiles AS known (
        phone_number,
        first_id,
        chat_id,
        thread_id,
        thread_tokens,
        thread_created_at,
        total_interactions,
        first_interaction,
        last_interaction
    )
    SELECT
        resolved_guests.phone_number,
        nullif(:phone_number::text, resolved_guests.phone_number),
        :chat_id::text,
        latest_threads.thread_id,
        coalesce(latest_threads.tokens, 0),
        CASE WHEN latest_threads.thread_id IS NOT NULL THEN statement_timestamp() END,
        CASE
            WHEN locked_messages.effects ? 'interaction' THEN 0
            ELSE 1
        END,
        locked_messages.sent_at,
        locked_messages.sent_at AS last_sent_at
    FROM locked_messages
    CROSS JOIN resolved_guests
    LEFT JOIN latest_threads ON TRUE
    WHERE
        locked_messages.is_first
        AND (SELECT count(*) FROM counted_threads) >= 0
    ON CONFLICT (phone_number) DO UPDATE
        SET
            chat_id = coalesce(excluded.chat_id, known.chat_id),
            thread_id = coalesce(excluded.thread_id, known.thread_id),
            thread_tokens = excluded.thread_tokens + CASE
                WHEN coalesce(excluded.thread_id, known.thread_id) = known.thread_id THEN known.thread_tokens
                ELSE 0
            END,
            thread_created_at = CASE
                WHEN coalesce(excluded.thread_id, known.thread_id) = known.thread_id THEN known.thread_created_at
                ELSE excluded.thread_created_at
            END,
            total_interactions = known.total_interactions + excluded.total_interactions,
            first_interaction = least(known.first_interaction, excluded.first_interaction),
            last_interaction = greatest(known.last_interaction, excluded.last_interaction),
            updated_at = statement_timestamp()
    RETURNING known.phone_number
),

counted_hours AS (
    INSERT INTO interaction_hours AS known (phone_number, hour, messages)
    SELECT
        counted_guests.phone_number,
        date_bin('1 hour', locked_messages.sent_at, '0001-01-01 00:00+00') AS hour,
        1 AS messages
    FROM locked_messages
    CROSS JOIN counted_guests
    WHERE NOT locked_messages.effects ? 'interaction'
    ON CONFLICT (phone_number, hour) DO UPDATE
        SET messages = known.messages + excluded.messages
),

-- As in record_interactions.
old_ids AS (
    SELECT known_ids.id
    FROM guest_ids AS known_ids
    WHERE
        known_ids.id = :phone_number::text
        AND known_ids.last_seen_at < statement_timestamp() - make_interval(days => 1)
    FOR NO KEY UPDATE SKIP LOCKED
),

seen_ids AS (
    UPDATE guest_ids AS seen
    SET last_seen_at = statement_timestamp()
    FROM old_ids
    WHERE seen.id = old_ids.id
),

stored_messages AS (
    INSERT INTO messages (sent_at, gateway, message_id, phone_number, chat_id, direction, tokens, text)
    SELECT
        locked_messages.sent_at,
        :gateway::text,
        :message_id::text,
        counted_guests.phone_number,
        :chat_id::text,
        'in',
        (SELECT coalesce(sum(given.tokens), 0) FROM unnest(:thread_tokens::bigint[]) AS given (tokens)),
        :text::text
    FROM locked_messages
    CROSS JOIN counted_guests
),

-- From counted_guests: an id is taken when the guest's row is locked, so the order is that of the commits.
queued_replies AS (
    INSERT INTO outbox (phone_number, gateway, message_id, payload)
    SELECT
        counted_guests.phone_number,
        :gateway::text,
        :message_id::text,
        given.payload::jsonb
    FROM counted_guests
    CROSS JOIN unnest(:replies::text[]) WITH ORDINALITY AS given (payload, place)
    ORDER BY given.place
)

SELECT done_messages.is_first
FROM done_messages;

-- name: add_message_tokens(phone_number, thread_id, tokens, gateway, message_id)$
-- Adds the tokens spent for a message to a thread, once, and returns the thread's count.
-- As add_thread_tokens (threads.sql), but the message is the operation: of several calls for one message and thread, in any
-- process, and of tokens stored by complete_message, only the first counts. NULL: the guest was erased.
-- check: hot
-- check: routed guest
-- check: allow GS504, because its functions must see what was committed while it waited for a lock
--   phone_number: text, any id of the guest
--   thread_id: text, the thread that was used
--   tokens: bigint, tokens spent, 0 or more
--   gateway: text, the gateway that delivered the message
--   message_id: text, its id there
WITH resolved_guests AS MATERIALIZED (
    SELECT guestsql_guest_key(:phone_number::text) AS phone_number
),

locked_guests AS MATERIALIZED (
    SELECT
        guest.phone_number,
        guest.thread_id,
        guest.thread_tokens
    FROM guest_profiles AS guest
    WHERE guest.phone_number = (SELECT resolved_guests.phone_number FROM resolved_guests)
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

-- A thread's value is the attempt that has counted its tokens.
claimed_messages AS (
    INSERT INTO operations AS known (source, operation_id, phone_number, effects)
    SELECT
        :gateway::text,
        :message_id::text,
        resolved_guests.phone_number,
        jsonb_build_object('tokens', jsonb_build_object(:thread_id::text, 1))
    FROM resolved_guests
    WHERE
        (SELECT count(*) FROM known_threads) >= 0
        AND NOT guestsql_is_erased(:gateway::text, :message_id::text, :phone_number::text, NULL, '{}')
    ON CONFLICT (source, operation_id) DO UPDATE
        SET
            attempts = known.attempts + 1,
            effects = known.effects || jsonb_build_object(
                'tokens',
                jsonb_build_object(:thread_id::text, known.attempts + 1) || coalesce(known.effects -> 'tokens', '{}')
            )
    RETURNING (known.effects -> 'tokens' ->> :thread_id::text)::bigint = known.attempts AS is_new
),

counted_threads AS (
    INSERT INTO guest_threads AS known (phone_number, thread_id, tokens, reason)
    SELECT
        known_threads.phone_number,
        :thread_id::text,
        :tokens::bigint,
        'replaced'
    FROM claimed_messages
    CROSS JOIN known_threads
    WHERE
        claimed_messages.is_new
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
        resolved_guests.phone_number,
        nullif(:phone_number::text, resolved_guests.phone_number),
        :thread_id::text,
        :tokens::bigint,
        statement_timestamp()
    FROM claimed_messages
    CROSS JOIN resolved_guests
    WHERE
        claimed_messages.is_new
        AND NOT EXISTS (
            SELECT 1 FROM known_threads
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

SELECT
    coalesce(
        (SELECT counted_guests.thread_tokens FROM counted_guests),
        (SELECT counted_threads.tokens FROM counted_threads),
        (SELECT coalesce(known_threads.current_tokens, known_threads.replaced_tokens) FROM known_threads),
        0
    ) AS token_count
FROM claimed_messages;

-- name: release_message(gateway, message_id, lease)!
-- Lets another caller claim a message whose processing failed.
-- 0 if the caller has no lease, or the message is done.
-- check: hot
-- check: routed guest
--   gateway: text, the gateway that delivered it
--   message_id: text, its id there
--   lease: uuid, with which it was claimed
UPDATE operations
SET
    lease = NULL,
    lease_until = NULL
WHERE
    source = :gateway::text
    AND operation_id = :message_id::text
    AND lease = :lease::uuid
    AND done_at IS NULL;

-- name: renew_messages(gateways, message_ids, leases, lease_seconds)
-- Extends the leases of messages in progress; returns the leases that are lost.
-- It does not wait for a row that is locked, perhaps by the statement that completes it: the other leases would expire.
--   gateways: text[], the gateway of each
--   message_ids: text[], their ids
--   leases: uuid[], with which they were claimed
--   lease_seconds: float8, from now
WITH held AS MATERIALIZED (
    SELECT
        asked.gateway,
        asked.message_id,
        asked.lease
    FROM unnest(:gateways::text[], :message_ids::text[], :leases::uuid[]) AS asked (gateway, message_id, lease)
),

locked_messages AS MATERIALIZED (
    SELECT
        running.source,
        running.operation_id
    FROM operations AS running
    INNER JOIN held ON running.source = held.gateway AND running.operation_id = held.message_id
    WHERE
        running.lease = held.lease
        AND running.done_at IS NULL
    FOR NO KEY UPDATE OF running SKIP LOCKED
),

renewed_messages AS (
    UPDATE operations AS renewed
    SET lease_until = statement_timestamp() + make_interval(secs => :lease_seconds::float8)
    FROM locked_messages
    WHERE
        renewed.source = locked_messages.source
        AND renewed.operation_id = locked_messages.operation_id
)

SELECT held.lease
FROM held
WHERE
    NOT EXISTS (
        SELECT 1
        FROM operations AS kept
        WHERE
            kept.source = held.gateway
            AND kept.operation_id = held.message_id
            AND kept.lease = held.lease
    )
ORDER BY held.lease;
