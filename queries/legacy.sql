-- The import of the old bot's JSON files. Both statements take the same batch of guests, each a JSON object: the columns,
-- the time of the record that told each (<column>_at), recorded_at, the newest time of all, and legacy, the records as they
-- were, by kind of file and key. A row that holds those records under profile_data.legacy has been imported already, and
-- is neither written nor locked, whatever the bot has made of it since.
--
-- updated_at of an imported row is the newest record's time, not the import's: so a later import of newer files is not
-- taken for older than the row, and what the bot writes itself always is newer.

-- name: insert_legacy_guests(guests)!
-- Makes the rows of guests not known yet, in the order of their keys; how many.
-- Who is known is left out before the insert: a conflict would wait for whoever writes that row just now.
--   guests: jsonb, an array of guests, none twice
INSERT INTO guest_profiles (
    phone_number,
    chat_id,
    user_name,
    contact_name,
    labels,
    profile_data,
    thread_id,
    thread_created_at,
    first_interaction,
    last_interaction,
    total_interactions,
    created_at,
    updated_at
)
SELECT
    staged.phone_number,
    staged.chat_id,
    staged.user_name,
    staged.contact_name,
    coalesce(staged.labels, '{}'),
    jsonb_build_object('legacy', staged.legacy),
    staged.thread_id,
    staged.thread_created_at,
    staged.first_interaction,
    staged.last_interaction,
    staged.total_interactions,
    coalesce(staged.created_at, staged.recorded_at, statement_timestamp()),
    coalesce(staged.recorded_at, statement_timestamp())
FROM
    jsonb_to_recordset(:guests::jsonb) AS staged (
        phone_number text,
        chat_id text,
        user_name text,
        contact_name text,
        labels text[],
        legacy jsonb,
        thread_id text,
        thread_created_at timestamptz,
        first_interaction timestamptz,
        last_interaction timestamptz,
        total_interactions bigint,
        created_at timestamptz,
        recorded_at timestamptz
    )
WHERE
    NOT EXISTS (
        SELECT 1
        FROM guest_profiles AS known
        WHERE known.phone_number = staged.phone_number
    )
ORDER BY staged.phone_number
ON CONFLICT (phone_number) DO NOTHING;

-- name: update_legacy_guests(guests)!
-- Merges guests into the rows that do not hold their records yet; how many.
-- Per column the later wins, the row's last change or the record; what the row lacks is filled in any case, a placeholder
-- for a name counting as lacking. A record kept already under a key stays, and another one under the same key goes beside
-- it, its checksum behind the key. Rows are locked in the order of their keys: unsorted batches of several writers
-- deadlock.
--   guests: jsonb, an array of guests, none twice
WITH staged_guests AS MATERIALIZED (
    SELECT
        staged.phone_number,
        staged.chat_id,
        staged.chat_id_at,
        staged.user_name,
        staged.user_name_at,
        staged.contact_name,
        staged.contact_name_at,
        staged.labels,
        staged.labels_at,
        staged.legacy,
        staged.thread_id,
        staged.thread_id_at,
        staged.thread_created_at,
        staged.first_interaction,
        staged.last_interaction,
        staged.total_interactions,
        staged.created_at,
        staged.recorded_at
    FROM
        jsonb_to_recordset(:guests::jsonb) AS staged (
            phone_number text,
            chat_id text,
            chat_id_at timestamptz,
            user_name text,
            user_name_at timestamptz,
            contact_name text,
            contact_name_at timestamptz,
            labels text[],
            labels_at timestamptz,
            legacy jsonb,
            thread_id text,
            thread_id_at timestamptz,
            thread_created_at timestamptz,
            first_interaction timestamptz,
            last_interaction timestamptz,
            total_interactions bigint,
            created_at timestamptz,
            recorded_at timestamptz
        )
),

locked_guests AS MATERIALIZED (
    SELECT guest.phone_number
    FROM guest_profiles AS guest
    INNER JOIN staged_guests ON guest.phone_number = staged_guests.phone_number
    WHERE
        EXISTS (
            SELECT 1
            FROM jsonb_each(staged_guests.legacy) AS source
            CROSS JOIN jsonb_each(source.value) AS record
            WHERE
                guest.profile_data #> ARRAY['legacy', source.key, record.key] IS DISTINCT FROM record.value
                AND guest.profile_data #> ARRAY['legacy', source.key, record.key || '#' || md5(record.value::text)]
                IS DISTINCT FROM record.value
        )
    ORDER BY guest.phone_number
    FOR UPDATE OF guest
)

UPDATE guest_profiles AS known
SET
    chat_id = coalesce(
        CASE
            WHEN staged.chat_id_at >= greatest(known.updated_at, known.last_interaction)
                THEN staged.chat_id
        END,
        known.chat_id,
        staged.chat_id
    ),
    user_name = coalesce(
        CASE
            WHEN staged.user_name_at >= greatest(known.updated_at, known.last_interaction)
                THEN staged.user_name
        END,
        CASE WHEN known.user_name NOT IN ('Usuario', known.phone_number) THEN known.user_name END,
        staged.user_name,
        known.user_name
    ),
    contact_name = coalesce(
        CASE
            WHEN staged.contact_name_at >= greatest(known.updated_at, known.last_interaction)
                THEN staged.contact_name
        END,
        CASE WHEN known.contact_name NOT IN ('Usuario', known.phone_number) THEN known.contact_name END,
        staged.contact_name,
        known.contact_name
    ),
    labels = coalesce(
        CASE
            WHEN staged.labels_at >= greatest(known.updated_at, known.last_interaction)
                THEN staged.labels
        END,
        nullif(known.labels, '{}'),
        staged.labels,
        '{}'
    ),
    thread_id = coalesce(
        CASE
            WHEN staged.thread_id_at >= greatest(known.updated_at, known.last_interaction)
                THEN staged.thread_id
        END,
        known.thread_id,
        staged.thread_id
    ),
    -- The record's thread comes in when the row has none or is older; its tokens are not known.
    thread_tokens = CASE
        WHEN
            staged.thread_id <> known.thread_id
            AND staged.thread_id_at >= greatest(known.updated_at, known.last_interaction)
            THEN 0
        ELSE known.thread_tokens
    END,
    thread_created_at = CASE
        WHEN staged.thread_id = known.thread_id THEN least(known.thread_created_at, staged.thread_created_at)
        WHEN
            known.thread_id IS NULL
            OR staged.thread_id_at >= greatest(known.updated_at, known.last_interaction)
            THEN staged.thread_created_at
        ELSE known.thread_created_at
    END,
    profile_data = known.profile_data || jsonb_build_object(
        'legacy',
        CASE
            WHEN jsonb_typeof(known.profile_data -> 'legacy') = 'object' THEN known.profile_data -> 'legacy'
            WHEN known.profile_data ? 'legacy' THEN jsonb_build_object('replaced', known.profile_data -> 'legacy')
            ELSE '{}'
        END
        || (
            SELECT
                jsonb_object_agg(
                    source.key,
                    CASE
                        WHEN jsonb_typeof(known.profile_data #> ARRAY['legacy', source.key]) = 'object'
                            THEN known.profile_data #> ARRAY['legacy', source.key]
                        ELSE '{}'
                    END
                    || (
                        SELECT
                            jsonb_object_agg(
                                CASE
                                    WHEN
                                        known.profile_data #> ARRAY['legacy', source.key, record.key] <> record.value
                                        THEN record.key || '#' || md5(record.value::text)
                                    ELSE record.key
                                END,
                                record.value
                            )
                        FROM jsonb_each(source.value) AS record
                    )
                )
            FROM jsonb_each(staged.legacy) AS source
        )
    ),
    first_interaction = CASE
        WHEN coalesce(known.first_interaction, staged.first_interaction) IS NOT NULL
            THEN
                least(
                    known.first_interaction,
                    staged.first_interaction,
                    greatest(known.last_interaction, staged.last_interaction)
                )
    END,
    last_interaction = greatest(known.last_interaction, staged.last_interaction),
    total_interactions = greatest(known.total_interactions, staged.total_interactions),
    created_at = least(known.created_at, staged.created_at),
    updated_at = greatest(known.updated_at, staged.recorded_at),
    context_epoch = known.context_epoch + 1,
    last_context_update = NULL,
    context_lease = NULL,
    context_lease_until = NULL
FROM locked_guests
INNER JOIN staged_guests AS staged ON locked_guests.phone_number = staged.phone_number
WHERE known.phone_number = locked_guests.phone_number;
