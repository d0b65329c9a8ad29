-- Everything that is stored about a person: exported, erased, or merged with another guest's.
--
-- export_guest, forget_guest and merge_guests each run, in one transaction, the queries marked with their name. There is
-- no other list of the tables that hold guests, and custom tables join by the same mark: docs/own-tables.md. Custom queries
-- run before those of this package, in the order of their names. A query marked `last` runs after all others: the row of
-- guest_profiles goes last, because foreign keys refer to it.
-- check: large guest_profiles, historical_clients

-- name: export_guest_profiles(phone_number)
-- A guest's row. to_jsonb includes every column, so a new one is exported too.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(guest) AS guest
FROM guest_profiles AS guest
WHERE guest.phone_number = :phone_number::text;

-- name: export_historical_clients(phone_number)
-- A former guest's row.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(client) AS client
FROM historical_clients AS client
WHERE client.phone_number = :phone_number::text;

-- name: forget_guest_profiles(phone_number)!
-- Erases a guest's row.
-- on: forget_guest, last
--   phone_number: text, the guest's key
DELETE FROM guest_profiles
WHERE phone_number = :phone_number::text;

-- name: forget_historical_clients(phone_number)!
-- Erases a former guest's row.
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM historical_clients
WHERE phone_number = :phone_number::text;

-- name: merge_guest_profiles(keep, duplicate)!
-- Merges a duplicate's row into the row of the guest to keep, and deletes it.
-- The kept guest's values win; the thread of the one who wrote last stays; messages add up; memory stays off if it was off
-- for either. Other values of the duplicate are kept in profile_data.merged. Both rows are locked already. It is an error
-- if the deletion would cascade to other tables.
-- on: merge_guests, last
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
WITH compared_threads AS (
    SELECT
        gone.thread_id IS NOT NULL
        AND (
            kept.thread_id IS NULL
            OR coalesce(gone.last_interaction > kept.last_interaction, kept.last_interaction IS NULL)
        ) AS goes_over
    FROM guest_profiles AS kept
    CROSS JOIN guest_profiles AS gone
    WHERE
        kept.phone_number = :keep::text
        AND gone.phone_number = :duplicate::text
),

removed_guest AS (
    DELETE FROM guest_profiles
    WHERE
        phone_number = :duplicate::text
        AND (SELECT count(*) FROM compared_threads) = 1
        AND guestsql_refuse_cascade('guest_profiles', :duplicate::text)
    RETURNING
        phone_number,
        chat_id,
        thread_id,
        thread_tokens,
        thread_created_at,
        user_name,
        contact_name,
        labels,
        profile_data,
        first_interaction,
        last_interaction,
        total_interactions,
        memory_enabled,
        created_at
)

UPDATE guest_profiles AS kept
SET
    chat_id = coalesce(kept.chat_id, gone.chat_id),
    user_name = coalesce(kept.user_name, gone.user_name),
    contact_name = coalesce(kept.contact_name, gone.contact_name),
    labels = kept.labels || array(
        SELECT added.label
        FROM unnest(gone.labels) WITH ORDINALITY AS added (label, place)
        WHERE added.label <> ALL(kept.labels)
        ORDER BY added.place
    ),
    profile_data = gone.profile_data || kept.profile_data || jsonb_build_object(
        'merged',
        -- A script may have put something else there: it is kept with the data of the guest who had it.
        CASE
            WHEN jsonb_typeof(gone.profile_data -> 'merged') = 'object' THEN gone.profile_data -> 'merged'
            ELSE '{}'
        END
        || CASE
            WHEN jsonb_typeof(kept.profile_data -> 'merged') = 'object' THEN kept.profile_data -> 'merged'
            WHEN kept.profile_data ? 'merged'
                THEN
                    jsonb_build_object(
                        kept.phone_number,
                        jsonb_build_object(
                            'profile_data', jsonb_build_object('merged', kept.profile_data -> 'merged')
                        )
                    )
            ELSE '{}'
        END
        || jsonb_build_object(
            gone.phone_number,
            jsonb_strip_nulls(
                jsonb_build_object(
                    'chat_id', gone.chat_id,
                    'user_name', gone.user_name,
                    'contact_name', gone.contact_name,
                    'thread_id', gone.thread_id,
                    'thread_tokens', nullif(gone.thread_tokens, 0),
                    'replaced_thread_id', CASE WHEN compared_threads.goes_over THEN kept.thread_id END,
                    'replaced_thread_tokens',
                    CASE WHEN compared_threads.goes_over THEN nullif(kept.thread_tokens, 0) END
                )
            ) || jsonb_build_object(
                'profile_data',
                CASE
                    WHEN jsonb_typeof(gone.profile_data -> 'merged') = 'object' THEN gone.profile_data - 'merged'
                    ELSE gone.profile_data
                END
            )
        )
    ),
    thread_id = CASE WHEN compared_threads.goes_over THEN gone.thread_id ELSE kept.thread_id END,
    thread_tokens = CASE WHEN compared_threads.goes_over THEN gone.thread_tokens ELSE kept.thread_tokens END,
    thread_created_at = CASE
        WHEN compared_threads.goes_over THEN gone.thread_created_at
        ELSE kept.thread_created_at
    END,
    -- In the old bot's files the last message of one may be earlier than the first of the other.
    first_interaction = CASE
        WHEN coalesce(kept.first_interaction, gone.first_interaction) IS NOT NULL
            THEN
                least(
                    kept.first_interaction,
                    gone.first_interaction,
                    greatest(kept.last_interaction, gone.last_interaction)
                )
    END,
    last_interaction = greatest(kept.last_interaction, gone.last_interaction),
    total_interactions = kept.total_interactions + gone.total_interactions,
    memory_enabled = kept.memory_enabled AND gone.memory_enabled,
    created_at = least(kept.created_at, gone.created_at),
    context_epoch = kept.context_epoch + 1,
    last_context_update = NULL,
    context_lease = NULL,
    context_lease_until = NULL,
    updated_at = statement_timestamp()
FROM removed_guest AS gone
CROSS JOIN compared_threads
WHERE kept.phone_number = :keep::text;

-- name: merge_historical_clients(keep, duplicate)!
-- Merges a duplicate's row into the row of the guest to keep.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
WITH removed_client AS (
    DELETE FROM historical_clients
    WHERE phone_number = :duplicate::text
    RETURNING
        user_name,
        contact_name,
        labels,
        total_interactions,
        last_interaction,
        booking_status,
        marketing_consent,
        notes,
        created_at,
        archived_at
)

INSERT INTO historical_clients AS known (
    phone_number,
    user_name,
    contact_name,
    labels,
    total_interactions,
    last_interaction,
    booking_status,
    marketing_consent,
    notes,
    created_at,
    archived_at
)
SELECT
    :keep::text,
    removed_client.user_name,
    removed_client.contact_name,
    removed_client.labels,
    removed_client.total_interactions,
    removed_client.last_interaction,
    removed_client.booking_status,
    removed_client.marketing_consent,
    removed_client.notes,
    removed_client.created_at,
    removed_client.archived_at
FROM removed_client
ON CONFLICT (phone_number) DO UPDATE
    SET
        user_name = coalesce(known.user_name, excluded.user_name),
        contact_name = coalesce(known.contact_name, excluded.contact_name),
        labels = known.labels || array(
            SELECT added.label
            FROM unnest(excluded.labels) WITH ORDINALITY AS added (label, place)
            WHERE added.label <> ALL(known.labels)
            ORDER BY added.place
        ),
        total_interactions = known.total_interactions + excluded.total_interactions,
        last_interaction = greatest(known.last_interaction, excluded.last_interaction),
        booking_status = coalesce(known.booking_status, excluded.booking_status),
        -- Both records must have the consent.
        marketing_consent = known.marketing_consent AND excluded.marketing_consent,
        notes = nullif(concat_ws(E'\n', known.notes, excluded.notes), ''),
        created_at = least(known.created_at, excluded.created_at),
        archived_at = greatest(known.archived_at, excluded.archived_at);
