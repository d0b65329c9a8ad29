-- The import of the old bot's JSON files, in one transaction:
-- 1. open_legacy_staging, index_legacy_staging, open_legacy_guests, COPY of all records into legacy_staging, and
--    analyze_legacy_staging, resolve_legacy_ids;
-- 2. for each range of keys get_next_legacy_range, empty_legacy_guests, fold_legacy_records, merge_legacy_records,
--    limit_legacy_times if a time is in the future, list_archived_legacy_guests, then insert_legacy_guests,
--    update_legacy_guests and insert_legacy_threads, or preview_legacy_guests for a dry run;
-- 3. insert_legacy_ids, list_legacy_id_conflicts, record_legacy_import.
-- The tables are in migrations/0003_legacy_imports.sql and 0010_legacy_guests.sql.
--
-- A row that has its records under profile_data.legacy was imported before. It is neither written nor locked, whatever
-- the bot has changed in it since.
--
-- updated_at of an imported row is the newest record's time, not the import's: a later import of newer files must not
-- count as older than the row, and everything that the bot writes must count as newer.

-- name: open_legacy_staging()!
-- Creates this transaction's own staging table, which hides its permanent pattern.
CREATE TEMPORARY TABLE legacy_staging (LIKE legacy_staging) ON COMMIT DROP;

-- name: open_legacy_guests()!
-- Creates this transaction's own table for the guests of a range, in the same way.
CREATE TEMPORARY TABLE legacy_guests (LIKE legacy_guests) ON COMMIT DROP;

-- name: get_import_time()$
-- The server's time at which an import begins. No time of a guest may be later.
SELECT statement_timestamp() AS imported_at;

-- name: index_legacy_staging()!
-- Indexes the staged records by key; a rejected record has none. COPY fills the index while the client still reads the
-- files, and freezes the rows, so that a query of keys alone reads only the index.
CREATE INDEX legacy_staging_phone_number ON legacy_staging (phone_number);

-- name: analyze_legacy_staging()!
-- Collects statistics of the staged records: autovacuum does not see a temporary table.
ANALYZE legacy_staging (phone_number);

-- name: resolve_legacy_ids()!
-- Replaces the ids of staged records by their guests' keys; how many records.
-- The guest is known under another id; or the files have a new number in two national spellings, of which the first in
-- alphabetical order becomes the key. The import never merges two known guests. If a number has since gone to another
-- person, what the files have under it belongs to the guest who had it first.
-- check: allow GS501, because a file may have the records of every guest
WITH former_phones AS (
    SELECT
        spelled.id,
        former.phone_number
    FROM guest_ids AS former
    CROSS JOIN unnest(guestsql_spellings(split_part(former.id, '#', 1))) AS spelled (id)
    WHERE
        former.kind = 'former_phone'
        AND right(former.id, 2) = '#1'
),

resolved_ids AS (
    SELECT
        id,
        phone_number
    FROM former_phones
    UNION ALL
    SELECT
        ids.id,
        ids.phone_number
    FROM guest_ids AS ids
    WHERE
        ids.id <> ids.phone_number
        AND ids.id NOT IN (
            SELECT former_phones.id
            FROM former_phones
        )
    UNION ALL
    SELECT DISTINCT
        new_records.phone_number AS id,
        (guestsql_spellings(new_records.phone_number))[2] AS phone_number
    FROM legacy_staging AS new_records
    WHERE
        left(new_records.phone_number, 2) IN ('52', '54', '55')
        AND (guestsql_spellings(new_records.phone_number))[2] < new_records.phone_number
        AND (guestsql_spellings(new_records.phone_number))[2] IN (
            SELECT other_records.phone_number
            FROM legacy_staging AS other_records
        )
        AND NOT EXISTS (
            SELECT 1
            FROM guest_ids AS ids
            WHERE ids.id = new_records.phone_number
        )
)

UPDATE legacy_staging AS staged
SET phone_number = resolved_ids.phone_number
FROM resolved_ids
WHERE
    staged.phone_number = resolved_ids.id
    AND staged.phone_number <> resolved_ids.phone_number;

-- name: get_next_legacy_range(after_number, range_size)$
-- The last key of the range after a key, NULL at the end. All records of a guest are in one range.
--   after_number: text, the key before the range, '' for none
--   range_size: bigint, records of the range; further records of its last guest are added
SELECT max(next_records.phone_number) AS last_number
FROM (
    SELECT phone_number
    FROM legacy_staging
    WHERE phone_number > :after_number::text
    ORDER BY phone_number
    LIMIT :range_size::bigint
) AS next_records;

-- name: empty_legacy_guests()!
-- Removes the guests of the previous range. The table was created in this transaction, so TRUNCATE reuses its file.
TRUNCATE legacy_guests;

-- name: fold_legacy_records(after_number, last_number, thread_files)!
-- Merges the staged records of the range into one row for each guest; the number of guests.
-- Each column comes from the newest record that has it; of records with equal times the file with precedence wins, then
-- the later place. Labels are the newest of threads.json and its backups, then the newest of the other files, as the
-- old bot showed them. Every record is kept. Usually each one comes from another kind of file, and they are kept side
-- by side unchanged; for any other guest profile_data has no key legacy until merge_legacy_records.
-- check: allow GS301, because the columns are those of the part before it
--   after_number: text, the key before the range, '' for none
--   last_number: text, the last key of the range
--   thread_files: bigint[], the numbers of threads.json and its backups
WITH folded_guests AS (
    -- array_agg sees the newest record first, so the first value of each column is the one to keep.
    SELECT
        phone_number,
        max(recorded_at) AS recorded_at,
        (array_agg(chat_id) FILTER (WHERE chat_id IS NOT NULL))[1] AS chat_id,
        max(recorded_at) FILTER (WHERE chat_id IS NOT NULL) AS chat_id_at,
        (array_agg(user_name) FILTER (WHERE user_name IS NOT NULL))[1] AS user_name,
        max(recorded_at) FILTER (WHERE user_name IS NOT NULL) AS user_name_at,
        (array_agg(contact_name) FILTER (WHERE contact_name IS NOT NULL))[1] AS contact_name,
        max(recorded_at) FILTER (WHERE contact_name IS NOT NULL) AS contact_name_at,
        -- As text, because the arrays in an array must have equal lengths.
        (array_agg(labels::text) FILTER (WHERE labels IS NOT NULL AND is_thread))[1]::text[] AS thread_labels,
        (array_agg(labels::text) FILTER (WHERE labels IS NOT NULL AND NOT is_thread))[1]::text[] AS profile_labels,
        max(recorded_at) FILTER (WHERE labels IS NOT NULL) AS labels_at,
        (array_agg(thread_id) FILTER (WHERE thread_id IS NOT NULL))[1] AS thread_id,
        max(recorded_at) FILTER (WHERE thread_id IS NOT NULL) AS thread_id_at,
        (array_agg(coalesce(created_at, recorded_at)) FILTER (WHERE thread_id IS NOT NULL))[1] AS thread_created_at,
        -- The bot created the record at the guest's first message.
        min(least(first_interaction, created_at)) AS first_interaction,
        max(last_interaction) AS last_interaction,
        min(least(created_at, first_interaction, last_interaction)) AS created_at,
        max(total_interactions) AS total_interactions,
        count(*) AS records,
        array_agg(profile_data) AS kept
    FROM (
        SELECT
            phone_number,
            recorded_at,
            chat_id,
            user_name,
            contact_name,
            labels,
            thread_id,
            first_interaction,
            last_interaction,
            created_at,
            total_interactions,
            profile_data,
            file_number = ANY(:thread_files::bigint[]) AS is_thread
        FROM legacy_staging
        WHERE
            phone_number > :after_number::text
            AND phone_number <= :last_number::text
        ORDER BY
            phone_number ASC,
            recorded_at DESC NULLS LAST,
            file_number ASC,
            place DESC
    ) AS ordered_records
    GROUP BY phone_number
),

joined_guests AS (
    SELECT
        guest.*,
        CASE
            WHEN guest.records > 1
                THEN
                    (guest.kept[1] -> 'legacy')
                    || (guest.kept[2] -> 'legacy')
                    || coalesce(guest.kept[3] -> 'legacy', '{}')
        END AS legacy
    FROM folded_guests AS guest
    ORDER BY guest.phone_number
    -- Makes the planner evaluate legacy once for each guest.
    OFFSET 0
)

INSERT INTO legacy_guests (
    phone_number,
    recorded_at,
    chat_id,
    chat_id_at,
    user_name,
    user_name_at,
    contact_name,
    contact_name_at,
    labels,
    labels_at,
    thread_id,
    thread_id_at,
    thread_created_at,
    first_interaction,
    last_interaction,
    created_at,
    total_interactions,
    profile_data
)
SELECT
    guest.phone_number,
    guest.recorded_at,
    guest.chat_id,
    coalesce(guest.chat_id_at, '-infinity'),
    guest.user_name,
    coalesce(guest.user_name_at, '-infinity'),
    guest.contact_name,
    coalesce(guest.contact_name_at, '-infinity'),
    CASE
        WHEN guest.thread_labels @> guest.profile_labels OR guest.profile_labels IS NULL THEN guest.thread_labels
        ELSE guest.thread_labels || array(
            SELECT added.label
            FROM unnest(guest.profile_labels) WITH ORDINALITY AS added (label, place)
            WHERE guest.thread_labels IS NULL OR added.label <> ALL(guest.thread_labels)
            ORDER BY added.place
        )
    END,
    coalesce(guest.labels_at, '-infinity'),
    guest.thread_id,
    coalesce(guest.thread_id_at, '-infinity'),
    guest.thread_created_at,
    guest.first_interaction,
    guest.last_interaction,
    guest.created_at,
    guest.total_interactions,
    CASE
        WHEN guest.records = 1
            THEN guest.kept[1]
        WHEN
            guest.records
            = (guest.legacy ? 'threads')::integer
            + (guest.legacy ? 'guest_profiles')::integer
            + (guest.legacy ? 'guests')::integer
            THEN jsonb_build_object('legacy', guest.legacy)
        ELSE guest.legacy
    END
FROM joined_guests AS guest
ORDER BY guest.phone_number;

-- name: merge_legacy_records(after_number, last_number)!
-- Keeps all records of the guests whom fold_legacy_records left unfinished; how many guests.
-- These have a record in a backup, or two records in one kind of file.
-- A second record under one key gets #2 after it. A backup keeps only the members that neither another file's record
-- nor a newer backup of the guest has.
--   after_number: text, the key before the range, '' for none
--   last_number: text, the last key of the range
WITH tangled_guests AS MATERIALIZED (
    SELECT
        phone_number,
        profile_data
    FROM legacy_guests
    WHERE NOT profile_data ? 'legacy'
),

legacy_records AS MATERIALIZED (
    SELECT
        staged.phone_number,
        staged.recorded_at,
        staged.file_number,
        staged.place,
        source.key AS source,
        record.key AS legacy_key,
        record.value AS record
    FROM tangled_guests
    INNER JOIN legacy_staging AS staged ON tangled_guests.phone_number = staged.phone_number
    CROSS JOIN jsonb_each(staged.profile_data -> 'legacy') AS source
    CROSS JOIN jsonb_each(source.value) AS record
    WHERE
        staged.phone_number > :after_number::text
        AND staged.phone_number <= :last_number::text
),

ranked_values AS (
    SELECT
        entry.phone_number,
        entry.recorded_at,
        entry.file_number,
        entry.place,
        entry.source,
        entry.legacy_key,
        member.key AS member_key,
        member.value AS member_value,
        row_number() OVER (
            PARTITION BY entry.phone_number, member.key, member.value::text
            ORDER BY
                entry.source = 'backups' ASC,
                entry.recorded_at DESC NULLS LAST,
                entry.file_number ASC,
                entry.place DESC
        ) AS rank
    FROM legacy_records AS entry
    CROSS JOIN jsonb_each(entry.record) AS member
    WHERE
        EXISTS (
            SELECT 1
            FROM legacy_records AS backup
            WHERE backup.phone_number = entry.phone_number AND backup.source = 'backups'
        )
),

kept_records AS (
    SELECT
        phone_number,
        NULL AS recorded_at,
        -file_number AS weight,
        place,
        source,
        legacy_key,
        record
    FROM legacy_records
    WHERE source <> 'backups'
    UNION ALL
    SELECT
        phone_number,
        recorded_at,
        file_number AS weight,
        -place AS place,
        source,
        legacy_key,
        jsonb_object_agg(member_key, member_value) AS record
    FROM ranked_values
    WHERE rank = 1 AND source = 'backups'
    GROUP BY
        phone_number,
        recorded_at,
        file_number,
        place,
        source,
        legacy_key
),

numbered_records AS (
    SELECT
        phone_number,
        source,
        legacy_key,
        record,
        row_number() OVER (
            PARTITION BY phone_number, source, legacy_key
            ORDER BY
                recorded_at DESC NULLS LAST,
                weight ASC,
                place ASC
        ) AS number
    FROM kept_records
),

merged_sources AS (
    SELECT
        phone_number,
        source,
        jsonb_object_agg(CASE number WHEN 1 THEN legacy_key ELSE legacy_key || '#' || number END, record) AS records
    FROM numbered_records
    GROUP BY
        phone_number,
        source
),

merged_legacy AS (
    SELECT
        phone_number,
        jsonb_object_agg(source, records) AS legacy
    FROM merged_sources
    GROUP BY phone_number
)

UPDATE legacy_guests AS guest
SET profile_data = jsonb_build_object('legacy', coalesce(merged_legacy.legacy, tangled_guests.profile_data))
FROM tangled_guests
LEFT JOIN merged_legacy ON tangled_guests.phone_number = merged_legacy.phone_number
WHERE guest.phone_number = tangled_guests.phone_number;

-- name: limit_legacy_times(imported_at)!
-- Replaces times in the future by the time of the import; the number of guests.
-- record_interactions does the same. The order of the records depends on the times as written.
--   imported_at: timestamptz, when the import began
UPDATE legacy_guests
SET
    recorded_at = CASE WHEN recorded_at IS NOT NULL THEN least(recorded_at, limits.latest) END,
    chat_id_at = least(chat_id_at, limits.latest),
    user_name_at = least(user_name_at, limits.latest),
    contact_name_at = least(contact_name_at, limits.latest),
    labels_at = least(labels_at, limits.latest),
    thread_id_at = least(thread_id_at, limits.latest),
    thread_created_at = CASE WHEN thread_created_at IS NOT NULL THEN least(thread_created_at, limits.latest) END,
    first_interaction = CASE WHEN first_interaction IS NOT NULL THEN least(first_interaction, limits.latest) END,
    last_interaction = CASE WHEN last_interaction IS NOT NULL THEN least(last_interaction, limits.latest) END,
    created_at = CASE WHEN created_at IS NOT NULL THEN least(created_at, limits.latest) END
FROM (SELECT :imported_at::timestamptz AS latest) AS limits
WHERE
    greatest(recorded_at, thread_created_at, first_interaction, last_interaction, created_at) > limits.latest;

-- name: list_archived_legacy_guests(after_number, last_number)
-- The archived guests of legacy_guests whose rows lack their records, by key.
-- They return before they are updated; others stay archived. Asked again behind update_legacy_guests, which leaves out a guest
-- who is archived meanwhile.
--   after_number: text, the key before the range, '' for none
--   last_number: text, the last key of the range
SELECT client.phone_number
FROM legacy_guests AS staged
INNER JOIN historical_clients AS client ON staged.phone_number = client.phone_number
WHERE
    client.phone_number > :after_number::text
    AND client.phone_number <= :last_number::text
    AND client.profile_data <> staged.profile_data
    AND EXISTS (
        SELECT 1
        FROM jsonb_each(staged.profile_data -> 'legacy') AS source
        CROSS JOIN jsonb_each(source.value) AS record
        WHERE
            client.profile_data #> ARRAY['legacy', source.key, record.key] IS DISTINCT FROM record.value
            AND client.profile_data #> ARRAY['legacy', source.key, record.key || '#' || md5(record.value::text)]
            IS DISTINCT FROM record.value
    )
ORDER BY client.phone_number;

-- name: insert_legacy_guests(after_number, last_number)!
-- Inserts the guests of legacy_guests who have no row yet; the number inserted.
-- Fails if another transaction inserts one of them at the same time: the row exists then, and the caller tries again.
-- ON CONFLICT would avoid that, but takes a sixth longer, for a rare case.
-- The range is that of legacy_guests; it only limits the part of the table that is read.
--   after_number: text, the key before the range, '' for none
--   last_number: text, the last key of the range
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
    staged.profile_data,
    staged.thread_id,
    staged.thread_created_at,
    -- The last message cannot be earlier than the first.
    CASE
        WHEN staged.first_interaction IS NOT NULL
            THEN least(staged.first_interaction, staged.last_interaction)
    END,
    staged.last_interaction,
    coalesce(staged.total_interactions, 0),
    coalesce(staged.created_at, staged.recorded_at, statement_timestamp()),
    coalesce(staged.recorded_at, statement_timestamp())
FROM legacy_guests AS staged
WHERE
    NOT EXISTS (
        SELECT 1
        FROM guest_keys AS known
        WHERE
            known.phone_number = staged.phone_number
            AND known.phone_number > :after_number::text
            AND known.phone_number <= :last_number::text
    )
ORDER BY staged.phone_number;

-- name: update_legacy_guests(after_number, last_number)!
-- Merges guests of legacy_guests into rows that lack their records; the number updated.
-- In each column the later of the row's last change and the record wins; an empty column is always filled, and a
-- placeholder for a name counts as empty. A record that is kept under a key stays, and another one under the same key
-- is added with its checksum after the key. Rows are locked in the order of their keys, because unsorted batches of
-- several writers deadlock. The range is that of legacy_guests; it only limits the part of the table that is read.
--   after_number: text, the key before the range, '' for none
--   last_number: text, the last key of the range
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
        staged.profile_data -> 'legacy' AS legacy,
        staged.thread_id,
        staged.thread_id_at,
        staged.thread_created_at,
        staged.first_interaction,
        staged.last_interaction,
        coalesce(staged.total_interactions, 0) AS total_interactions,
        staged.created_at,
        staged.recorded_at
    FROM legacy_guests AS staged
    INNER JOIN guest_profiles AS guest ON staged.phone_number = guest.phone_number
    WHERE
        guest.phone_number > :after_number::text
        AND guest.phone_number <= :last_number::text
        AND guest.profile_data <> staged.profile_data
        AND EXISTS (
            SELECT 1
            FROM jsonb_each(staged.profile_data -> 'legacy') AS source
            CROSS JOIN jsonb_each(source.value) AS record
            WHERE
                guest.profile_data #> ARRAY['legacy', source.key, record.key] IS DISTINCT FROM record.value
                AND guest.profile_data #> ARRAY['legacy', source.key, record.key || '#' || md5(record.value::text)]
                IS DISTINCT FROM record.value
        )
),

locked_guests AS MATERIALIZED (
    SELECT guest.phone_number
    FROM guest_profiles AS guest
    INNER JOIN staged_guests ON guest.phone_number = staged_guests.phone_number
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
        CASE WHEN NOT guestsql_is_placeholder(known.user_name, known.phone_number) THEN known.user_name END,
        staged.user_name,
        known.user_name
    ),
    contact_name = coalesce(
        CASE
            WHEN staged.contact_name_at >= greatest(known.updated_at, known.last_interaction)
                THEN staged.contact_name
        END,
        CASE WHEN NOT guestsql_is_placeholder(known.contact_name, known.phone_number) THEN known.contact_name END,
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
    -- The record's thread is taken when the row has none or is older; its tokens are unknown.
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

-- name: insert_legacy_threads()!
-- Inserts the previous threads of the guests of legacy_guests; the number inserted. The records have neither their times
-- nor their tokens.
WITH previous_threads AS MATERIALIZED (
    SELECT DISTINCT
        staged.phone_number,
        btrim(previous.value #>> '{}', E' \t\n\r') AS thread_id
    FROM legacy_guests AS staged
    CROSS JOIN jsonb_path_query(staged.profile_data, '$.legacy.*.*.previousThreads[*]') AS previous (value)
    WHERE jsonb_typeof(previous.value) = 'string'
),

-- A guest who is erased meanwhile is waited for, and is then left out.
locked_guests AS MATERIALIZED (
    SELECT
        guest.phone_number,
        guest.thread_id
    FROM guest_profiles AS guest
    WHERE guest.phone_number IN (SELECT previous_threads.phone_number FROM previous_threads)
    ORDER BY guest.phone_number
    FOR KEY SHARE
),

locked_clients AS MATERIALIZED (
    SELECT
        client.phone_number,
        client.thread_id
    FROM historical_clients AS client
    WHERE client.phone_number IN (SELECT previous_threads.phone_number FROM previous_threads)
    ORDER BY client.phone_number
    FOR KEY SHARE
),

current_threads AS (
    SELECT
        locked_guests.phone_number,
        locked_guests.thread_id
    FROM locked_guests
    UNION ALL
    SELECT
        locked_clients.phone_number,
        locked_clients.thread_id
    FROM locked_clients
)

INSERT INTO guest_threads (phone_number, thread_id, reason)
SELECT
    previous_threads.phone_number,
    previous_threads.thread_id,
    'imported'
FROM previous_threads
INNER JOIN current_threads ON previous_threads.phone_number = current_threads.phone_number
WHERE previous_threads.thread_id NOT IN ('', coalesce(current_threads.thread_id, ''))
ORDER BY
    previous_threads.phone_number,
    previous_threads.thread_id
ON CONFLICT (phone_number, thread_id) DO NOTHING;

-- name: insert_legacy_ids(own_numbers)!
-- Registers the chat ids of people in the records; how many ids.
-- Known ids stay as they are.
--   own_numbers: text[], the bot's own numbers in every spelling
INSERT INTO guest_ids (id, phone_number, source)
SELECT DISTINCT ON (spelled.id)
    spelled.id,
    found_ids.phone_number,
    'import'
FROM (
    SELECT
        staged.phone_number,
        guestsql_user_id(staged.chat_id) AS id
    FROM legacy_staging AS staged
    WHERE
        staged.chat_id <> staged.phone_number || '@s.whatsapp.net'
        AND staged.chat_id <> staged.phone_number || '@c.us'
        AND right(staged.chat_id, 5) <> '@g.us'
) AS found_ids
INNER JOIN guest_keys AS guest ON found_ids.phone_number = guest.phone_number
CROSS JOIN unnest(guestsql_spellings(found_ids.id)) AS spelled (id)
WHERE
    found_ids.id IS NOT NULL
    AND found_ids.id <> ALL(:own_numbers::text[])
ORDER BY
    spelled.id,
    found_ids.phone_number
ON CONFLICT (id) DO NOTHING;

-- name: list_legacy_id_conflicts(own_numbers)
-- The chat ids in records of one guest that are another guest's ids.
-- The import does not merge these guests: merge_guests does.
--   own_numbers: text[], the bot's own numbers in every spelling
SELECT DISTINCT
    found_ids.phone_number,
    ids.id,
    ids.phone_number AS other_phone_number
FROM (
    SELECT
        staged.phone_number,
        guestsql_user_id(staged.chat_id) AS id
    FROM legacy_staging AS staged
    WHERE
        staged.chat_id <> staged.phone_number || '@s.whatsapp.net'
        AND staged.chat_id <> staged.phone_number || '@c.us'
        AND right(staged.chat_id, 5) <> '@g.us'
) AS found_ids
INNER JOIN guest_ids AS ids ON found_ids.id = ids.id
WHERE
    ids.phone_number <> found_ids.phone_number
    AND found_ids.id <> ALL(:own_numbers::text[])
ORDER BY
    found_ids.phone_number,
    ids.id;

-- name: preview_legacy_guests(after_number, last_number)^
-- The numbers of rows that insert_legacy_guests and update_legacy_guests would write. The range is that of
-- legacy_guests.
--   after_number: text, the key before the range, '' for none
--   last_number: text, the last key of the range
SELECT
    count(*) FILTER (WHERE guest.phone_number IS NULL) AS inserted,
    count(*) FILTER (
        WHERE
        guest.profile_data <> staged.profile_data
        AND EXISTS (
            SELECT 1
            FROM jsonb_each(staged.profile_data -> 'legacy') AS source
            CROSS JOIN jsonb_each(source.value) AS record
            WHERE
                guest.profile_data #> ARRAY['legacy', source.key, record.key] IS DISTINCT FROM record.value
                AND guest.profile_data #> ARRAY['legacy', source.key, record.key || '#' || md5(record.value::text)]
                IS DISTINCT FROM record.value
        )
    ) AS updated
FROM legacy_guests AS staged
LEFT JOIN known_guests AS guest
    ON
        staged.phone_number = guest.phone_number
        AND guest.phone_number > :after_number::text
        AND guest.phone_number <= :last_number::text;

-- name: list_staged_rejects(paths)
-- The rejected records of the running import, in the order of files and places.
--   paths: text[], the files by their number
SELECT
    (:paths::text[])[staged.file_number] AS path,
    staged.pointer,
    staged.reason
FROM legacy_staging AS staged
WHERE staged.phone_number IS NULL
ORDER BY
    staged.file_number,
    staged.place;

-- name: lock_erased_guests()!
-- Waits for running erasures, and blocks new ones until the transaction ends.
LOCK TABLE erased_guests IN SHARE MODE;

-- name: list_imported_keys(after, max_rows)
-- Keys of guests whom an import has created or changed, in their order.
-- A guest who wrote again and was then merged with an imported one is left out: the new data must stay.
--   after: text, the key after which they begin, '' for the first
--   max_rows: int, keys at most
SELECT guest.phone_number
FROM guest_profiles AS guest
WHERE
    guest.phone_number > :after::text
    AND guest.profile_data ? 'legacy'
    AND NOT guest.profile_data ? 'merged'
ORDER BY guest.phone_number
LIMIT :max_rows::int;

-- name: delete_imported_guests(phone_numbers)!
-- Deletes guests whom an import restored although they had been erased.
-- That happens when a guest is erased while an import runs, and if an earlier import ended before this check.
--   phone_numbers: text[], the guests' keys, e.g. '{573000000001}'
DELETE FROM guest_profiles
WHERE phone_number = ANY(:phone_numbers::text[]);

-- name: record_legacy_import(report)$
-- Adds an import and its staged rejected records to the history; its id. A record that is kept already, from
-- another file or import, is not stored again.
--   report: jsonb, an object of the columns of legacy_imports, e.g. '{"started_at": "2026-01-01", "files": [], "records": 0,
--     "guests": 0, "inserted": 0, "updated": 0, "unchanged": 0, "rejected": 0, "merged": 0, "file_bytes": 0,
--     "table_bytes": 0, "peak_memory_bytes": 0, "seconds": 0}'
WITH recorded_import AS (
    INSERT INTO legacy_imports (
        started_at,
        files,
        records,
        guests,
        inserted,
        updated,
        unchanged,
        rejected,
        merged,
        file_bytes,
        table_bytes,
        peak_memory_bytes,
        seconds
    )
    SELECT
        report.started_at,
        report.files,
        report.records,
        report.guests,
        report.inserted,
        report.updated,
        report.unchanged,
        report.rejected,
        report.merged,
        report.file_bytes,
        report.table_bytes,
        report.peak_memory_bytes,
        report.seconds
    FROM
        jsonb_to_record(:report::jsonb) AS report (
            started_at timestamptz,
            files jsonb,
            records bigint,
            guests bigint,
            inserted bigint,
            updated bigint,
            unchanged bigint,
            rejected bigint,
            merged bigint,
            file_bytes bigint,
            table_bytes bigint,
            peak_memory_bytes bigint,
            seconds float8
        )
    RETURNING
        id,
        files
),

recorded_rejects AS (
    INSERT INTO legacy_rejects (import_id, number, path, pointer, reason, byte_offset, sha256)
    SELECT
        recorded_import.id,
        row_number() OVER (
            ORDER BY
                staged.file_number,
                staged.place
        ),
        recorded_import.files -> (staged.file_number - 1)::integer ->> 'path',
        staged.pointer,
        staged.reason,
        staged.byte_offset,
        sha256(staged.record)
    FROM legacy_staging AS staged
    CROSS JOIN recorded_import
    WHERE staged.phone_number IS NULL
),

recorded_records AS (
    INSERT INTO legacy_reject_records (sha256, record)
    SELECT
        sha256(staged.record),
        staged.record
    FROM legacy_staging AS staged
    WHERE
        staged.phone_number IS NULL
        AND staged.record IS NOT NULL
    ON CONFLICT (sha256) DO NOTHING
)

SELECT id
FROM recorded_import;
