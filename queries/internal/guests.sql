-- Writes of update_profile, record_interaction and get_context: see the head of queries/guests.sql.
-- check: large guest_profiles, historical_clients, interaction_hours

-- name: upsert_profile(phone_number, cleared, chat_id, user_name, contact_name, labels, profile_data, memory_enabled)^
-- Updates parts of a profile and returns it. No row: nothing was to be changed.
-- NULL means "not given": a message without a name must not erase a known one. Columns to empty are named in cleared.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   cleared: text[], the columns to empty: chat_id, user_name, contact_name, profile_data
--   chat_id: text, where the guest was met; NULL leaves it
--   user_name: text, the guest's own name; NULL leaves it
--   contact_name: text, the hotel's name for the guest; NULL leaves it
--   labels: text[], replace the labels; {} clears them; NULL leaves them
--   profile_data: jsonb, an object whose keys are set; NULL leaves all
--   memory_enabled: boolean, whether get_context returns a context; NULL leaves it
INSERT INTO guest_profiles AS known (
    phone_number,
    first_id,
    chat_id,
    user_name,
    contact_name,
    labels,
    profile_data,
    memory_enabled
)
SELECT
    resolved.phone_number,
    nullif(:phone_number::text, resolved.phone_number),
    :chat_id::text,
    :user_name::text,
    :contact_name::text,
    coalesce(:labels::text[], '{}'),
    coalesce(:profile_data::jsonb, '{}'),
    coalesce(:memory_enabled::boolean, TRUE)
FROM guestsql_guest_key(:phone_number::text) AS resolved (phone_number)
WHERE
    NOT EXISTS (
        SELECT 1
        FROM guest_profiles AS same
        WHERE
            same.phone_number = resolved.phone_number
            AND same.chat_id IS NOT DISTINCT FROM CASE
                WHEN 'chat_id' <> ALL(:cleared::text[]) THEN coalesce(:chat_id::text, same.chat_id)
            END
            AND same.user_name IS NOT DISTINCT FROM CASE
                WHEN 'user_name' <> ALL(:cleared::text[]) THEN coalesce(:user_name::text, same.user_name)
            END
            AND same.contact_name IS NOT DISTINCT FROM CASE
                WHEN 'contact_name' <> ALL(:cleared::text[]) THEN coalesce(:contact_name::text, same.contact_name)
            END
            AND same.labels = coalesce(:labels::text[], same.labels)
            AND same.profile_data = CASE
                WHEN 'profile_data' = ANY(:cleared::text[])
                    THEN (
                        SELECT coalesce(jsonb_object_agg(kept.key, kept.value), '{}')
                        FROM jsonb_each(same.profile_data) AS kept
                        WHERE kept.key IN ('legacy', 'merged', 'historical')
                    )
                ELSE same.profile_data || coalesce(:profile_data::jsonb, '{}')
            END
            AND same.memory_enabled = coalesce(:memory_enabled::boolean, same.memory_enabled)
    )
ON CONFLICT (phone_number) DO UPDATE
    SET
        chat_id = CASE
            WHEN 'chat_id' <> ALL(:cleared::text[]) THEN coalesce(excluded.chat_id, known.chat_id)
        END,
        user_name = CASE
            WHEN 'user_name' <> ALL(:cleared::text[]) THEN coalesce(excluded.user_name, known.user_name)
        END,
        contact_name = CASE
            WHEN 'contact_name' <> ALL(:cleared::text[]) THEN coalesce(excluded.contact_name, known.contact_name)
        END,
        labels = coalesce(:labels::text[], known.labels),
        profile_data = CASE
            WHEN 'profile_data' = ANY(:cleared::text[])
                THEN (
                    SELECT coalesce(jsonb_object_agg(kept.key, kept.value), '{}')
                    FROM jsonb_each(known.profile_data) AS kept
                    WHERE kept.key IN ('legacy', 'merged', 'historical')
                )
            ELSE known.profile_data || excluded.profile_data
        END,
        memory_enabled = coalesce(:memory_enabled::boolean, known.memory_enabled),
        context_epoch = known.context_epoch + 1,
        last_context_update = NULL,
        context_lease = NULL,
        context_lease_until = NULL,
        updated_at = statement_timestamp()
RETURNING
    known.phone_number,
    known.chat_id,
    known.thread_id,
    known.user_name,
    known.contact_name,
    known.labels,
    known.profile_data,
    known.first_interaction,
    known.last_interaction,
    known.total_interactions,
    known.memory_enabled,
    known.created_at,
    known.updated_at,
    guestsql_current_phone(known.current_phone, known.phone_number) AS current_phone;

-- name: record_interactions(phone_numbers, counts, first_times, last_times, first_ages, last_ages, operation_id, messages)!
-- Adds messages of many guests and moves their last interaction, never backwards.
-- Each message is counted in its hour, too. Returns the number of guests, or 0 for a repeat with the same operation_id
-- (operations.sql). A message has a time, or an age from which this server's clock computes a time. A time in the future
-- becomes now: otherwise a writer whose clock is fast would hold the guest's last interaction there. Several ids may be one
-- guest's, also two spellings of a number that is new. Rows are taken in the order of their keys, because unsorted batches of
-- several writers deadlock. The only indexed column of guest_profiles that changes is last_active_on, once a day: all other
-- updates stay heap-only.
-- check: hot
-- check: routed guest
-- check: allow GS504, because its function must see what was committed while it waited for a lock
--   phone_numbers: text[], ids of guests, one for each hour in which a guest wrote, e.g. '{573000000001}'
--   counts: bigint[], messages of each in that hour
--   first_times: timestamptz[], the earliest of their times; NULL if they have none
--   last_times: timestamptz[], the latest of them
--   first_ages: float8[], seconds since the earliest of them, if they have no time
--   last_ages: float8[], seconds since the latest of them
--   operation_id: text, a new id for each batch, not empty
--   messages: jsonb = '[]', messages with an id, each counted once (messages.sql): gateway, message_id, guest, sent_at, age,
--     and keyed_hashes, as in claim_message
WITH claimed_operations AS (
    INSERT INTO operations AS known (source, operation_id)
    VALUES ('guestsql', :operation_id::text)
    ON CONFLICT (source, operation_id) DO UPDATE
        SET attempts = known.attempts + 1
    RETURNING known.attempts = 1 AS is_new
),

given_messages AS MATERIALIZED (
    SELECT
        given.gateway,
        given.message_id,
        given.guest,
        given.sent_at,
        given.age,
        given.keyed_hashes
    FROM
        jsonb_to_recordset(:messages::jsonb) AS given (
            gateway text, message_id text, guest text, sent_at timestamptz, age float8, keyed_hashes bytea[]
        )
),

-- Before the messages' rows of operations, as in every statement that locks both.
locked_guests AS MATERIALIZED (
    SELECT guest.phone_number
    FROM guest_profiles AS guest
    WHERE
        EXISTS (SELECT 1 FROM given_messages)
        AND guest.phone_number IN (
            SELECT guestsql_guest_key(plain.id)
            FROM unnest(:phone_numbers::text[]) AS plain (id)
            UNION ALL
            SELECT guestsql_guest_key(given_messages.guest)
            FROM given_messages
        )
    ORDER BY guest.phone_number
    FOR NO KEY UPDATE
),

counted_messages AS (
    INSERT INTO operations AS known (source, operation_id, phone_number, effects)
    SELECT
        given_messages.gateway,
        given_messages.message_id,
        guestsql_guest_key(given_messages.guest),
        '{"interaction": true}'
    FROM claimed_operations
    CROSS JOIN given_messages
    WHERE
        claimed_operations.is_new
        AND (SELECT count(*) FROM locked_guests) >= 0
        AND NOT guestsql_is_erased(
            given_messages.gateway,
            given_messages.message_id,
            given_messages.guest,
            given_messages.sent_at,
            given_messages.keyed_hashes
        )
    ORDER BY
        given_messages.gateway,
        given_messages.message_id
    ON CONFLICT (source, operation_id) DO UPDATE
        SET effects = known.effects || excluded.effects
        WHERE NOT known.effects ? 'interaction'
    RETURNING
        known.source,
        known.operation_id
),

written AS (
    SELECT
        given.id,
        given.messages,
        given.first_time,
        given.last_time,
        given.first_age,
        given.last_age
    FROM
        unnest(
            :phone_numbers::text[],
            :counts::bigint[],
            :first_times::timestamptz[],
            :last_times::timestamptz[],
            :first_ages::float8[],
            :last_ages::float8[]
        ) AS given (id, messages, first_time, last_time, first_age, last_age)
    UNION ALL
    SELECT
        given_messages.guest AS id,
        1 AS messages,
        given_messages.sent_at AS first_time,
        given_messages.sent_at AS last_time,
        given_messages.age AS first_age,
        given_messages.age AS last_age
    FROM given_messages
    INNER JOIN counted_messages
        ON
            given_messages.gateway = counted_messages.source
            AND given_messages.message_id = counted_messages.operation_id
),

resolved_messages AS (
    SELECT
        written.id,
        coalesce(
            known_ids.phone_number,
            min(CASE WHEN known_ids.id IS NULL THEN written.id END) OVER spelled
        ) AS phone_number,
        written.messages,
        -- These functions ignore NULL.
        least(
            written.first_time,
            statement_timestamp() - make_interval(secs => written.first_age),
            statement_timestamp()
        ) AS first_at,
        least(
            greatest(written.last_time, statement_timestamp() - make_interval(secs => written.last_age)),
            statement_timestamp()
        ) AS last_at
    FROM written
    LEFT JOIN guest_ids AS known_ids ON written.id = known_ids.id
    WINDOW spelled AS (PARTITION BY least(written.id, (guestsql_spellings(written.id))[2]))
),

-- This only records when an id was last used, so a row that another writer has locked can wait for the next message.
old_ids AS (
    SELECT known_ids.id
    FROM guest_ids AS known_ids
    WHERE
        known_ids.id = ANY(:phone_numbers::text[] || array(SELECT given_messages.guest FROM given_messages))
        AND known_ids.last_seen_at < statement_timestamp() - make_interval(days => 1)
    FOR NO KEY UPDATE SKIP LOCKED
),

seen_ids AS (
    UPDATE guest_ids AS seen
    SET last_seen_at = statement_timestamp()
    FROM old_ids
    WHERE seen.id = old_ids.id
),

-- The first and the last message are each in their own hour. Between two hours the rest is with the one that is farther from
-- the full hour: only a client whose clock is wrong counts across it (guestsql/guests/pending.py).
hourly_messages AS (
    SELECT
        placed.phone_number,
        hours.hour,
        sum(hours.messages) AS messages
    FROM (
        SELECT
            resolved_messages.phone_number,
            resolved_messages.messages,
            resolved_messages.first_at,
            resolved_messages.last_at,
            date_bin('1 hour', resolved_messages.first_at, '0001-01-01 00:00+00') AS first_hour,
            date_bin('1 hour', resolved_messages.last_at, '0001-01-01 00:00+00') AS last_hour
        FROM resolved_messages
    ) AS placed
    CROSS JOIN
        unnest(
            ARRAY[placed.first_hour, placed.last_hour],
            CASE
                WHEN placed.first_hour = placed.last_hour THEN ARRAY[placed.messages, 0]
                WHEN placed.last_hour - placed.first_at > placed.last_at - placed.last_hour
                    THEN ARRAY[placed.messages - 1, 1]
                ELSE ARRAY[1, placed.messages - 1]
            END
        ) AS hours (hour, messages)
    WHERE hours.messages > 0
    GROUP BY
        placed.phone_number,
        hours.hour
),

counted_hours AS (
    INSERT INTO interaction_hours AS known (phone_number, hour, messages)
    SELECT
        hourly_messages.phone_number,
        hourly_messages.hour,
        hourly_messages.messages
    FROM claimed_operations
    CROSS JOIN hourly_messages
    WHERE claimed_operations.is_new
    ORDER BY
        hourly_messages.phone_number,
        hourly_messages.hour
    ON CONFLICT (phone_number, hour) DO UPDATE
        SET messages = known.messages + excluded.messages
)

INSERT INTO guest_profiles AS known (
    phone_number,
    first_id,
    total_interactions,
    first_interaction,
    last_interaction
)
SELECT
    resolved_messages.phone_number,
    min(nullif(resolved_messages.id, resolved_messages.phone_number)),
    sum(resolved_messages.messages),
    min(resolved_messages.first_at),
    max(resolved_messages.last_at)
FROM claimed_operations
CROSS JOIN resolved_messages
WHERE claimed_operations.is_new
GROUP BY resolved_messages.phone_number
ORDER BY resolved_messages.phone_number
ON CONFLICT (phone_number) DO UPDATE
    SET
        total_interactions = known.total_interactions + excluded.total_interactions,
        first_interaction = least(known.first_interaction, excluded.first_interaction),
        last_interaction = greatest(known.last_interaction, excluded.last_interaction),
        updated_at = statement_timestamp();

-- name: create_guest(phone_number)!
-- Creates a guest's row if there is none; 0 when there was one.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
INSERT INTO guest_profiles (phone_number, first_id)
SELECT
    resolved.phone_number,
    nullif(:phone_number::text, resolved.phone_number)
FROM guestsql_guest_key(:phone_number::text) AS resolved (phone_number)
ON CONFLICT (phone_number) DO NOTHING;
