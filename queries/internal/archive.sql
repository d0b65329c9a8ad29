-- How guests leave the archive, and the archive's part that only the methods run: see the head of queries/history.sql.
-- check: large guest_profiles, historical_clients

-- name: lock_silent_guests(silent_days, max_guests)
-- Locks the guests whom archive_guests would archive, and returns their keys.
-- Only if there are queries marked archive_guest, which need the keys first.
--   silent_days: int, days since the guest's last message
--   max_guests: int, guests at most
WITH silent_guests AS MATERIALIZED (
    SELECT idle.phone_number
    FROM idle_guests AS idle
    WHERE
        idle.last_active_on
        <= ((statement_timestamp() - make_interval(days => :silent_days::int)) AT TIME ZONE 'UTC')::date
        AND idle.silent_since < statement_timestamp() - make_interval(days => :silent_days::int)
    -- The order of the index, read from its end: no sort.
    ORDER BY idle.last_active_on ASC NULLS FIRST
    LIMIT :max_guests::int
    FOR UPDATE SKIP LOCKED
),

unheard_guests AS MATERIALIZED (
    SELECT idle.phone_number
    FROM idle_guests AS idle
    WHERE
        idle.last_active_on IS NULL
        AND idle.silent_since < statement_timestamp() - make_interval(days => :silent_days::int)
    ORDER BY idle.last_active_on ASC NULLS FIRST
    LIMIT :max_guests::int - (SELECT count(*) FROM silent_guests)
    FOR UPDATE SKIP LOCKED
)

SELECT phone_number FROM silent_guests
UNION ALL
SELECT phone_number FROM unheard_guests
ORDER BY phone_number;

-- name: lock_archived_guests(client_numbers)
-- Locks archived guests and returns their keys.
-- Those who have returned, or were erased meanwhile, are left out.
-- check: allow GS307, because there is one row for each number
--   client_numbers: bigint[], the archive's numbers, as the detail of GS001 has them
SELECT client.phone_number
FROM historical_clients AS client
WHERE client.id = ANY(:client_numbers::bigint[])
ORDER BY client.phone_number
FOR UPDATE;

-- name: find_archived_guests(ids)
-- Keeps guests from being archived; returns the keys of those who are archived.
-- For a transaction, which an error would abort. A guest who is just being archived is waited for.
--   ids: text[], ids without duplicates, e.g. '{573000000001}'
SELECT held.phone_number
FROM guestsql_hold_guests(:ids::text[]) AS held (phone_number)
ORDER BY held.phone_number;

-- name: return_guests(phone_numbers)!
-- Returns archived guests, whose rows are locked already; how many.
-- Their contexts are built again.
--   phone_numbers: text[], the guests' keys, e.g. '{573000000001}'
WITH returned_clients AS (
    DELETE FROM historical_clients
    WHERE phone_number = ANY(:phone_numbers::text[])
    RETURNING
        phone_number,
        chat_id,
        user_name,
        contact_name,
        labels,
        profile_data,
        memory_enabled,
        thread_id,
        thread_tokens,
        thread_created_at,
        first_interaction,
        last_interaction,
        total_interactions,
        current_phone,
        context_epoch,
        created_at,
        updated_at
)

INSERT INTO guest_profiles (
    phone_number,
    chat_id,
    user_name,
    contact_name,
    labels,
    profile_data,
    memory_enabled,
    thread_id,
    thread_tokens,
    thread_created_at,
    first_interaction,
    last_interaction,
    total_interactions,
    current_phone,
    context_epoch,
    created_at,
    updated_at
)
SELECT
    returned_clients.phone_number,
    returned_clients.chat_id,
    returned_clients.user_name,
    returned_clients.contact_name,
    returned_clients.labels,
    returned_clients.profile_data,
    returned_clients.memory_enabled,
    returned_clients.thread_id,
    returned_clients.thread_tokens,
    returned_clients.thread_created_at,
    returned_clients.first_interaction,
    returned_clients.last_interaction,
    returned_clients.total_interactions,
    returned_clients.current_phone,
    returned_clients.context_epoch + 1,
    returned_clients.created_at,
    returned_clients.updated_at
FROM returned_clients
ORDER BY returned_clients.phone_number;

-- name: get_archived_guest(phone_number)^
-- The profile of an archived guest, with the server's time. No row: the guest is active, or unknown.
--   phone_number: text, any id of the guest
SELECT
    client.phone_number,
    client.chat_id,
    client.thread_id,
    client.user_name,
    client.contact_name,
    client.labels,
    client.profile_data,
    client.first_interaction,
    client.last_interaction,
    client.total_interactions,
    client.memory_enabled,
    client.created_at,
    client.updated_at,
    guestsql_current_phone(client.current_phone, client.phone_number) AS current_phone,
    client.archived_at,
    date_part('epoch', statement_timestamp()) AS answered_at
FROM historical_clients AS client
WHERE client.phone_number = (
    SELECT ids.phone_number
    FROM guest_ids AS ids
    WHERE ids.id = :phone_number::text
);
