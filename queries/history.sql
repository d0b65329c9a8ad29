-- The archive: guests who have been silent for a long time are rows of historical_clients, with everything that their
-- row of guest_profiles held. A write of such a guest is refused with SQLSTATE GS001; the methods then return the guest
-- and repeat the write. docs/archive.md.
-- check: large guest_profiles, historical_clients

-- name: archive_guests(silent_days, max_guests, phone_numbers)$
-- Archives guests who have been silent for a long time; returns how many.
-- Repeat it until it returns 0. Those who are silent longest come first, then those who never wrote. A row that another
-- session has locked is left for the next time, as is a guest who is busy (the view idle_guests). It does not run the queries
-- marked archive_guest: the method archive_guests and `guestsql history archive` do.
-- es: Archiva a los huéspedes que llevan mucho tiempo en silencio; devuelve cuántos.
--   silent_days: int = 30, days since the guest's last message
--   max_guests: int = 500, guests at most
--     es: huéspedes como máximo
--   phone_numbers: text[] = NULL, only these keys, whose rows are locked already; NULL for all guests
--     es: solo estas claves, cuyas filas ya están bloqueadas; NULL para todos los huéspedes
WITH silent_guests AS MATERIALIZED (
    SELECT idle.phone_number
    FROM idle_guests AS idle
    WHERE
        :phone_numbers::text[] IS NULL
        AND idle.last_active_on
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
        :phone_numbers::text[] IS NULL
        AND idle.last_active_on IS NULL
        AND idle.silent_since < statement_timestamp() - make_interval(days => :silent_days::int)
    ORDER BY idle.last_active_on ASC NULLS FIRST
    LIMIT :max_guests::int - (SELECT count(*) FROM silent_guests)
    FOR UPDATE SKIP LOCKED
),

removed_guests AS (
    DELETE FROM guest_profiles AS gone
    WHERE
        gone.phone_number = ANY(
            coalesce(
                :phone_numbers::text[],
                array(
                    SELECT silent_guests.phone_number
                    FROM silent_guests
                    UNION ALL
                    SELECT unheard_guests.phone_number
                    FROM unheard_guests
                )
            )
        )
        AND guestsql_refuse_cascade('guest_profiles', gone.phone_number)
    RETURNING
        gone.phone_number,
        gone.chat_id,
        gone.user_name,
        gone.contact_name,
        gone.labels,
        gone.profile_data,
        gone.memory_enabled,
        gone.thread_id,
        gone.thread_tokens,
        gone.thread_created_at,
        gone.first_interaction,
        gone.last_interaction,
        gone.total_interactions,
        gone.current_phone,
        gone.context_epoch,
        gone.created_at,
        gone.updated_at
),

archived_guests AS (
    INSERT INTO historical_clients (
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
        updated_at,
        archived_at
    )
    SELECT
        removed_guests.phone_number,
        removed_guests.chat_id,
        removed_guests.user_name,
        removed_guests.contact_name,
        removed_guests.labels,
        removed_guests.profile_data,
        removed_guests.memory_enabled,
        removed_guests.thread_id,
        removed_guests.thread_tokens,
        removed_guests.thread_created_at,
        removed_guests.first_interaction,
        removed_guests.last_interaction,
        removed_guests.total_interactions,
        removed_guests.current_phone,
        removed_guests.context_epoch,
        removed_guests.created_at,
        removed_guests.updated_at,
        statement_timestamp()
    FROM removed_guests
    ORDER BY removed_guests.phone_number
    RETURNING 1 AS one
)

SELECT count(*) AS archived
FROM archived_guests;

-- name: count_silent_guests(silent_days)$
-- How many guests archive_guests would archive now.
-- es: A cuántos huéspedes archivaría archive_guests ahora.
-- chart: number
-- check: allow GS501, because every silent guest counts
--   silent_days: int = 30, days since the guest's last message
--     es: días desde el último mensaje del huésped
SELECT count(*) AS guests
FROM idle_guests
WHERE silent_since < statement_timestamp() - make_interval(days => :silent_days::int);
