-- Everything that is stored about a person: exported, erased, or merged with another guest's.
--
-- export_guest, forget_guest and merge_guests each run, in one transaction, the queries marked with their name. There is
-- no other list of the tables that hold guests, and custom tables join by the same mark: docs/own-tables.md. Custom queries
-- run before those of this package, in the order of their names. A query marked `last` runs after all others: the row of
-- guest_profiles goes last, because foreign keys refer to it.
-- check: large guest_profiles, historical_clients
-- check: allow GS801 for historical_clients on merge_guests, because merge_guests returns archived guests first

-- name: export_guest_profiles(phone_number)
-- A guest's row. to_jsonb includes every column, so a new one is exported too.
-- es: La fila de un huésped.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(guest) AS guest
FROM guest_profiles AS guest
WHERE guest.phone_number = :phone_number::text;

-- name: export_guest_ids(phone_number)
-- Every id of a guest, by id.
-- es: Todos los ids de un huésped.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(known) AS known_id
FROM guest_ids AS known
WHERE known.phone_number = :phone_number::text
ORDER BY known.id;

-- name: export_guest_threads(phone_number)
-- The threads that a guest had before.
-- The current one is in the guest's row.
-- es: Los hilos que un huésped tuvo antes.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(thread) AS thread
FROM guest_threads AS thread
WHERE thread.phone_number = :phone_number::text
ORDER BY
    thread.ended_at,
    thread.thread_id;

-- name: export_historical_clients(phone_number)
-- The row of an archived guest.
-- es: La fila de un huésped archivado.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(client) AS client
FROM historical_clients AS client
WHERE client.phone_number = :phone_number::text;

-- name: forget_guest_ids(phone_number)!
-- Erases the ids of a guest.
-- Not a phone that was another guest's before, whose key it still is, in either spelling: it must not lead back to that
-- guest. The trigger that follows the guest's row, which goes last, keeps it for the next guest under this phone.
-- es: Borra los ids de un huésped. No un teléfono que antes fue la clave de otro huésped y todavía lo es.
-- on: forget_guest, last
--   phone_number: text, the guest's key
DELETE FROM guest_ids AS known
WHERE
    known.phone_number = :phone_number::text
    AND NOT EXISTS (
        SELECT 1
        FROM guest_keys AS former
        WHERE
            former.phone_number = ANY(guestsql_spellings(known.id))
            AND former.phone_number <> :phone_number::text
    );

-- name: forget_guest_profiles(phone_number)!
-- Erases a guest's row.
-- es: Borra la fila de un huésped.
-- on: forget_guest, last
--   phone_number: text, the guest's key
DELETE FROM guest_profiles
WHERE phone_number = :phone_number::text;

-- name: forget_guest_threads(phone_number)!
-- Erases the threads that a guest had before.
-- es: Borra los hilos anteriores de un huésped.
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM guest_threads
WHERE phone_number = :phone_number::text;

-- name: forget_historical_clients(phone_number)!
-- Erases the row of an archived guest.
-- es: Borra la fila de un huésped archivado.
-- on: forget_guest, last
--   phone_number: text, the guest's key
DELETE FROM historical_clients
WHERE phone_number = :phone_number::text;

-- name: merge_guest_profiles(keep, duplicate)!
-- Merges a duplicate's row into the row of the guest to keep, and deletes it.
-- The kept guest's values win; the thread of the one who wrote last stays, and the other one is kept in guest_threads;
-- messages add up; memory stays off if it was off for either. Other values of the duplicate are kept in
-- profile_data.merged. Both rows are locked already. It is an error if the deletion would cascade to other tables.
-- es: Une la fila del duplicado con la del huésped que se conserva, y la borra. Ganan los valores del que se conserva;
-- es: queda el hilo de quien escribió último; los mensajes se suman; la memoria queda desactivada si lo estaba en
-- es: alguno. Los demás valores quedan en profile_data.merged.
-- on: merge_guests, last
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
WITH compared_threads AS MATERIALIZED (
    SELECT
        gone.thread_id,
        gone.thread_tokens,
        gone.thread_created_at,
        CASE
            WHEN
                gone.thread_id IS NOT NULL
                AND (
                    kept.thread_id IS NULL
                    OR coalesce(gone.last_interaction > kept.last_interaction, kept.last_interaction IS NULL)
                )
                THEN gone.thread_id
            ELSE kept.thread_id
        END AS remaining_thread_id
    FROM guest_profiles AS kept
    CROSS JOIN guest_profiles AS gone
    WHERE
        kept.phone_number = :keep::text
        AND gone.phone_number = :duplicate::text
),

-- merge_guest_threads has moved it: the same thread was one of the duplicate's before.
resumed_thread AS (
    DELETE FROM guest_threads AS known
    USING compared_threads
    WHERE
        known.phone_number = :keep::text
        AND known.thread_id = compared_threads.remaining_thread_id
    RETURNING
        known.tokens,
        known.started_at
),

replaced_thread AS (
    INSERT INTO guest_threads AS known (phone_number, thread_id, started_at, ended_at, tokens, reason)
    SELECT
        :keep::text,
        compared_threads.thread_id,
        compared_threads.thread_created_at,
        statement_timestamp(),
        compared_threads.thread_tokens,
        'merged'
    FROM compared_threads
    WHERE compared_threads.thread_id <> compared_threads.remaining_thread_id
    ON CONFLICT (phone_number, thread_id) DO UPDATE
        SET
            started_at = least(known.started_at, excluded.started_at),
            ended_at = excluded.ended_at,
            tokens = known.tokens + excluded.tokens,
            reason = excluded.reason
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
        thread_lease,
        thread_lease_until,
        user_name,
        contact_name,
        labels,
        profile_data,
        first_interaction,
        last_interaction,
        total_interactions,
        memory_enabled,
        created_at,
        current_phone,
        context_epoch
)

UPDATE guest_profiles AS kept
SET
    chat_id = coalesce(kept.chat_id, gone.chat_id),
    current_phone = CASE
        WHEN guestsql_current_phone(kept.current_phone, kept.phone_number) IS NULL
            THEN
                coalesce(guestsql_current_phone(gone.current_phone, gone.phone_number), kept.current_phone)
        ELSE kept.current_phone
    END,
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
                    'contact_name', gone.contact_name
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
    thread_id = compared_threads.remaining_thread_id,
    thread_tokens = CASE WHEN kept.thread_id = compared_threads.remaining_thread_id THEN kept.thread_tokens ELSE 0 END
    + CASE WHEN gone.thread_id = compared_threads.remaining_thread_id THEN gone.thread_tokens ELSE 0 END
    + coalesce((SELECT resumed_thread.tokens FROM resumed_thread), 0),
    thread_created_at = least(
        CASE WHEN kept.thread_id = compared_threads.remaining_thread_id THEN kept.thread_created_at END,
        CASE WHEN gone.thread_id = compared_threads.remaining_thread_id THEN gone.thread_created_at END,
        (SELECT resumed_thread.started_at FROM resumed_thread)
    ),
    -- A caller that is creating a thread for either of them stores it here. Of two leases one may have run out.
    thread_lease = CASE
        WHEN coalesce(gone.thread_lease_until > kept.thread_lease_until, kept.thread_lease IS NULL)
            THEN gone.thread_lease
        ELSE kept.thread_lease
    END,
    thread_lease_until = greatest(kept.thread_lease_until, gone.thread_lease_until),
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
    -- Higher than either: a text built for the duplicate must not be confirmed for the kept guest.
    context_epoch = greatest(kept.context_epoch, gone.context_epoch) + 1,
    last_context_update = NULL,
    context_lease = NULL,
    context_lease_until = NULL,
    updated_at = statement_timestamp()
FROM removed_guest AS gone
CROSS JOIN compared_threads
WHERE kept.phone_number = :keep::text;

-- name: merge_guest_ids(keep, duplicate)!
-- Lets every id of a duplicate lead to the guest to keep.
-- If the duplicate is unknown, so does its key.
-- es: Hace que todos los ids del duplicado lleven al huésped que se conserva. Si el duplicado no se conoce, también su
-- es: clave.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
WITH moved_ids AS MATERIALIZED (
    SELECT known.id
    FROM guest_ids AS known
    WHERE known.phone_number = :duplicate::text
    ORDER BY known.id
    FOR UPDATE
),

added_ids AS (
    INSERT INTO guest_ids (id, phone_number, source)
    SELECT
        spelled.id,
        :keep::text,
        'merge'
    FROM unnest(guestsql_spellings(:duplicate::text)) AS spelled (id)
    ORDER BY spelled.id
    ON CONFLICT (id) DO NOTHING
)

UPDATE guest_ids AS known
SET phone_number = :keep::text
FROM moved_ids
WHERE
    known.id = moved_ids.id
    AND known.phone_number = :duplicate::text;

-- name: merge_guest_threads(keep, duplicate)!
-- Moves the threads that a duplicate had before.
-- merge_guest_profiles compares the current ones. A thread of both has the tokens of both.
-- es: Pasa los hilos anteriores del duplicado. Un hilo de ambos tiene los tokens de ambos.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
WITH moved_threads AS (
    DELETE FROM guest_threads
    WHERE phone_number = :duplicate::text
    RETURNING
        thread_id,
        started_at,
        ended_at,
        tokens,
        reason
)

INSERT INTO guest_threads AS known (phone_number, thread_id, started_at, ended_at, tokens, reason)
SELECT
    :keep::text,
    moved_threads.thread_id,
    moved_threads.started_at,
    moved_threads.ended_at,
    moved_threads.tokens,
    moved_threads.reason
FROM moved_threads
ORDER BY moved_threads.thread_id
ON CONFLICT (phone_number, thread_id) DO UPDATE
    SET
        started_at = least(known.started_at, excluded.started_at),
        ended_at = greatest(known.ended_at, excluded.ended_at),
        tokens = known.tokens + excluded.tokens;
