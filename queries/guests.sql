-- Guests: profiles, labels, interactions, export and erasure.
--
-- Every write is one upsert. Its INSERT selects nothing when the row is already as wanted: then nothing is written, not
-- even a row lock, and the caller reads the row. New values are computed from the row under its lock, never from what was
-- read before: otherwise one of two writers would be lost.
-- check: large guest_profiles, historical_clients

-- name: get_profile(phone_number)^
-- A guest's profile. No row: the guest is unknown.
--   phone_number: text, the guest's key, e.g. '573000000001'
SELECT
    phone_number,
    chat_id,
    thread_id,
    user_name,
    contact_name,
    labels,
    profile_data,
    first_interaction,
    last_interaction,
    total_interactions,
    memory_enabled,
    created_at,
    updated_at
FROM guest_profiles
WHERE phone_number = :phone_number::text;

-- name: list_guests(label, after, max_rows)
-- Guests by key, page by page.
--   label: text = NULL, only guests with this label; NULL for all, e.g. 'VIP'
--   after: text = '', the last key of the page before; '' begins with the first
--   max_rows: int = 20, rows at most
SELECT
    phone_number,
    user_name,
    contact_name,
    labels,
    last_interaction,
    memory_enabled
FROM guest_profiles
WHERE
    phone_number > :after::text
    AND (:label::text IS NULL OR labels @> ARRAY[:label::text])
ORDER BY phone_number
LIMIT :max_rows::int;

-- name: search_guests(search, after, max_rows)
-- Guests whose id, name, contact name or label contains a text, by key, page by page.
-- Case does not matter, accents do. If the text is part of a phone number, only its digits count. All guests are read: an
-- index of these texts would slow down every change of a name or a label.
--   search: text, what to look for, e.g. 'ana'
--   after: text = '', the last key of the page before; '' begins with the first
--   max_rows: int = 20, rows at most
WITH wanted AS MATERIALIZED (
    SELECT
        -- % and _ are no wildcards here.
        '%' || regexp_replace(:search::text, '([\\%_])', '\\\1', 'g') || '%' AS pattern,
        CASE
            WHEN :search::text ~ '^[0-9 ()+./-]*[0-9]{2}[0-9 ()+./-]*$'
                THEN '%' || regexp_replace(:search::text, '[^0-9]', '', 'g') || '%'
        END AS digits
)

SELECT
    guest.phone_number,
    guest.user_name,
    guest.contact_name,
    guest.labels,
    guest.last_interaction,
    guest.memory_enabled
FROM guest_profiles AS guest
CROSS JOIN wanted
WHERE
    guest.phone_number > :after::text
    AND (
        guest.phone_number ILIKE wanted.pattern
        OR guest.phone_number LIKE wanted.digits
        OR guest.user_name ILIKE wanted.pattern
        OR guest.contact_name ILIKE wanted.pattern
        -- One text of all labels: a line feed between them, which no search holds.
        OR array_to_string(guest.labels, E'\n') ILIKE wanted.pattern
    )
ORDER BY guest.phone_number
LIMIT :max_rows::int;

-- name: list_labels(max_rows)
-- Labels with the number of guests who have them, the most frequent first.
-- check: allow GS501, because every guest counts
--   max_rows: int = 100, rows at most
SELECT
    label.label,
    count(*) AS guests
FROM guest_profiles AS guest
CROSS JOIN unnest(guest.labels) AS label (label)
GROUP BY label.label
ORDER BY guests DESC, label.label ASC
LIMIT :max_rows::int;

-- name: add_labels(phone_number, labels)^
-- Adds labels to a guest and returns the profile. No row: the guest had them all.
-- They are appended in the order given.
--   phone_number: text, the guest's key
--   labels: text[], to be added, none twice, e.g. '{VIP}'
INSERT INTO guest_profiles AS known (phone_number, labels)
SELECT
    :phone_number::text,
    :labels::text[]
WHERE
    NOT EXISTS (
        SELECT 1
        FROM guest_profiles AS same
        WHERE
            same.phone_number = :phone_number::text
            AND same.labels @> :labels::text[]
    )
ON CONFLICT (phone_number) DO UPDATE
    SET
        labels = known.labels || array(
            SELECT added.label
            FROM unnest(excluded.labels) WITH ORDINALITY AS added (label, place)
            WHERE added.label <> ALL(known.labels)
            ORDER BY added.place
        ),
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
    known.updated_at;

-- name: remove_labels(phone_number, labels)^
-- Removes labels from a guest and returns the profile. No row: it had none of them.
-- An unknown guest is created, as by every write of a profile.
--   phone_number: text, the guest's key
--   labels: text[], to be removed
INSERT INTO guest_profiles AS known (phone_number)
SELECT :phone_number::text
WHERE
    NOT EXISTS (
        SELECT 1
        FROM guest_profiles AS same
        WHERE
            same.phone_number = :phone_number::text
            AND NOT same.labels && :labels::text[]
    )
ON CONFLICT (phone_number) DO UPDATE
    SET
        labels = array(
            SELECT kept.label
            FROM unnest(known.labels) WITH ORDINALITY AS kept (label, place)
            WHERE kept.label <> ALL(:labels::text[])
            ORDER BY kept.place
        ),
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
    known.updated_at;

-- name: limit_future_times(max_rows)!
-- Sets guests' times that are in the future to now; the number of guests.
-- Repeat it until it returns 0. What the old bot's files said stays in profile_data. Rows are locked in the order of
-- their keys, as everywhere: in another order it would deadlock with a batch of interactions.
--   max_rows: int = 1000, guests at most
WITH future_guests AS MATERIALIZED (
    SELECT phone_number
    FROM guest_profiles
    WHERE
        greatest(first_interaction, last_interaction, thread_created_at, created_at, updated_at)
        > statement_timestamp()
    ORDER BY phone_number
    LIMIT :max_rows::int
    FOR UPDATE
)

UPDATE guest_profiles AS known
SET
    first_interaction = CASE
        WHEN known.first_interaction IS NOT NULL THEN least(known.first_interaction, statement_timestamp())
    END,
    last_interaction = CASE
        WHEN known.last_interaction IS NOT NULL THEN least(known.last_interaction, statement_timestamp())
    END,
    thread_created_at = CASE
        WHEN known.thread_created_at IS NOT NULL THEN least(known.thread_created_at, statement_timestamp())
    END,
    created_at = least(known.created_at, statement_timestamp()),
    updated_at = statement_timestamp()
FROM future_guests
WHERE known.phone_number = future_guests.phone_number;

-- name: merge_guests(keep, duplicate, operation_id)^
-- Merges a duplicate into a guest, deletes it and returns the profile.
-- No row: there is no duplicate, or it was merged before with the same operation_id (operations.sql). The kept guest's
-- values win; the thread of the one who wrote last stays; messages add up; memory stays off if it was off for either.
-- Other values of the duplicate are kept in profile_data.merged. Both rows are locked first, in the order of their
-- keys: in another order two merges deadlock. Nothing is deleted unless the kept guest exists, which bool_or finds out
-- because it reads all rows of the pair: EXISTS would stop at the first row, and a row that was deleted before it was
-- locked is not found any more.
--   keep: text, the key of the guest who stays, e.g. '573000000001'
--   duplicate: text, the key of the guest who goes, e.g. '573000000002'
--   operation_id: text, a new id for each merge, not empty
WITH pair AS MATERIALIZED (
    SELECT
        phone_number,
        thread_id,
        last_interaction
    FROM guest_profiles
    WHERE phone_number IN (:keep::text, :duplicate::text)
    ORDER BY phone_number
    FOR UPDATE
),

claimed_operations AS (
    INSERT INTO operations AS known (source, operation_id)
    VALUES ('guestsql', :operation_id::text)
    ON CONFLICT (source, operation_id) DO UPDATE
        SET attempts = known.attempts + 1
    RETURNING known.attempts = 1 AS is_new
),

compared_threads AS (
    SELECT
        gone.thread_id IS NOT NULL
        AND (
            kept.thread_id IS NULL
            OR coalesce(gone.last_interaction > kept.last_interaction, kept.last_interaction IS NULL)
        ) AS goes_over
    FROM pair AS kept
    CROSS JOIN pair AS gone
    WHERE
        kept.phone_number = :keep::text
        AND gone.phone_number = :duplicate::text
),

removed_guest AS (
    DELETE FROM guest_profiles
    WHERE
        phone_number = :duplicate::text
        AND (SELECT bool_or(pair.phone_number = :keep::text) FROM pair)
        AND (SELECT is_new FROM claimed_operations)
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
),

removed_client AS (
    DELETE FROM historical_clients
    WHERE
        phone_number = :duplicate::text
        AND (SELECT bool_or(pair.phone_number = :keep::text) FROM pair)
        AND (SELECT is_new FROM claimed_operations)
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
),

kept_client AS (
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
            archived_at = greatest(known.archived_at, excluded.archived_at)
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
WHERE kept.phone_number = :keep::text
RETURNING
    kept.phone_number,
    kept.chat_id,
    kept.thread_id,
    kept.user_name,
    kept.contact_name,
    kept.labels,
    kept.profile_data,
    kept.first_interaction,
    kept.last_interaction,
    kept.total_interactions,
    kept.memory_enabled,
    kept.created_at,
    kept.updated_at;

-- name: export_guest(phone_number)$
-- Everything stored about a person as one JSON object: table to list of rows.
-- to_jsonb takes whole rows, so that a new column cannot be forgotten.
--   phone_number: text, the guest's key
SELECT
    jsonb_build_object(
        'guest_profiles',
        (
            SELECT coalesce(jsonb_agg(to_jsonb(guest)), '[]')
            FROM guest_profiles AS guest
            WHERE guest.phone_number = :phone_number::text
        ),
        'historical_clients',
        (
            SELECT coalesce(jsonb_agg(to_jsonb(client)), '[]')
            FROM historical_clients AS client
            WHERE client.phone_number = :phone_number::text
        )
    ) AS stored;

-- name: forget_guest(phone_number, operation_id)
-- Erases a person from every table; the number of rows erased from each.
-- Repeated with the same operation_id (operations.sql) it returns what was erased the first time. Salted hashes of the
-- key, and of the keys merged into it, are kept so that an import of old files does not bring the person back. Rows are
-- locked before they are counted, so that the answer is what was erased.
--   phone_number: text, the guest's key
--   operation_id: text, a new id for each erasure, not empty
WITH locked_guests AS MATERIALIZED (
    SELECT
        phone_number,
        profile_data
    FROM guest_profiles
    WHERE phone_number = :phone_number::text
    FOR UPDATE
),

locked_clients AS MATERIALIZED (
    SELECT phone_number
    FROM historical_clients
    WHERE phone_number = :phone_number::text
    FOR UPDATE
),

claimed_operations AS (
    INSERT INTO operations AS known (source, operation_id, answer)
    SELECT
        'guestsql',
        :operation_id::text,
        jsonb_build_object(
            'guest_profiles', (SELECT count(*) FROM locked_guests),
            'historical_clients', (SELECT count(*) FROM locked_clients)
        )
    ON CONFLICT (source, operation_id) DO UPDATE
        SET attempts = known.attempts + 1
    RETURNING
        known.answer,
        known.attempts = 1 AS is_new
),

removed_guests AS (
    DELETE FROM guest_profiles
    WHERE
        phone_number = :phone_number::text
        AND (SELECT is_new FROM claimed_operations)
),

removed_clients AS (
    DELETE FROM historical_clients
    WHERE
        phone_number = :phone_number::text
        AND (SELECT is_new FROM claimed_operations)
),

erased_keys AS (
    SELECT :phone_number::text AS phone_number
    UNION
    -- From the row under its lock: a merge may have written it since this statement began.
    SELECT jsonb_object_keys(locked_guests.profile_data -> 'merged')
    FROM locked_guests
    WHERE jsonb_typeof(locked_guests.profile_data -> 'merged') = 'object'
),

remembered_erasure AS (
    INSERT INTO erased_guests AS known (id_hash)
    SELECT sha256(erasure_salt.salt || convert_to(erased_keys.phone_number, 'UTF8')) AS id_hash
    FROM erased_keys
    CROSS JOIN erasure_salt
    ORDER BY id_hash
    ON CONFLICT (id_hash) DO UPDATE
        SET erased_at = greatest(known.erased_at, excluded.erased_at)
)

SELECT
    'guest_profiles' AS table_name,
    coalesce((answer ->> 'guest_profiles')::bigint, 0) AS erased_rows
FROM claimed_operations
UNION ALL
SELECT
    'historical_clients' AS table_name,
    coalesce((answer ->> 'historical_clients')::bigint, 0) AS erased_rows
FROM claimed_operations
ORDER BY table_name;
