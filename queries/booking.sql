-- Booking status and notes: what the hotel knows about a guest beyond the profile, for active and archived guests alike.
--
-- booking_events is the history: append-only, a correction is a new event. The current status is that of the latest event,
-- by time and then by number. It is in guest_marketing, where a trigger keeps it; NULL means that no status is known, which
-- `booking_status <> 'booked'` would leave out: use IS DISTINCT FROM.
-- check: large booking_events, guest_marketing, guest_notes, guest_ids

-- name: get_booking_status(phone_number)^
-- A guest's current booking status. No row: the guest is unknown.
-- es: El estado de reserva actual de un huésped. Sin fila: el huésped es desconocido.
--   phone_number: text, any id of the guest, e.g. '573000000001'
--     es: cualquier id del huésped, p. ej. 573000000001
SELECT
    ids.phone_number,
    known.booking_status AS status,
    known.booking_status_at AS since,
    known.first_interested_at,
    known.first_booked_at,
    known.last_booked_at,
    known.last_quoted_at
FROM guest_ids AS ids
LEFT JOIN guest_marketing AS known ON ids.phone_number = known.phone_number
WHERE ids.id = :phone_number::text;

-- name: list_booking_events(phone_number)
-- Every booking status that a guest had, the newest first.
-- es: Todos los estados de reserva que tuvo un huésped, el más reciente primero.
-- check: allow GS307, because a guest has few of them
--   phone_number: text, any id of the guest
--     es: cualquier id del huésped
SELECT
    event_id,
    status,
    occurred_at,
    recorded_at,
    source,
    note,
    value,
    currency
FROM booking_events
WHERE
    phone_number = (
        SELECT ids.phone_number
        FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
ORDER BY
    occurred_at DESC,
    event_id DESC;

-- name: list_guest_notes(phone_number)
-- The notes about a guest, the newest first.
-- es: Las notas sobre un huésped, la más reciente primero.
-- check: allow GS307, because a guest has few of them
--   phone_number: text, any id of the guest
SELECT
    note_id,
    kind,
    author,
    note,
    created_at
FROM guest_notes
WHERE
    phone_number = (
        SELECT ids.phone_number
        FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
ORDER BY
    created_at DESC,
    note_id DESC;

-- name: export_booking_events(phone_number)
-- Every booking status that a guest had.
-- es: Todos los estados de reserva que tuvo un huésped.
-- on: export_guest
--   phone_number: text, the guest's key
--     es: la clave del huésped
SELECT to_jsonb(event) AS event
FROM booking_events AS event
WHERE event.phone_number = :phone_number::text
ORDER BY event.event_id;

-- name: export_guest_marketing(phone_number)
-- A guest's current booking status, and when the guest was contacted.
-- es: El estado de reserva actual de un huésped, y cuándo se le contactó.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(known) AS marketing
FROM guest_marketing AS known
WHERE known.phone_number = :phone_number::text;

-- name: export_guest_notes(phone_number)
-- The notes about a guest.
-- es: Las notas sobre un huésped.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(known) AS note
FROM guest_notes AS known
WHERE known.phone_number = :phone_number::text
ORDER BY known.note_id;

-- name: forget_booking_events(phone_number)!
-- Erases the history of a guest's booking status.
-- es: Borra el historial del estado de reserva de un huésped.
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM booking_events
WHERE phone_number = :phone_number::text;

-- name: forget_guest_marketing(phone_number)!
-- Erases a guest's current booking status, and when the guest was contacted.
-- es: Borra el estado de reserva actual de un huésped y cuándo se le contactó.
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM guest_marketing
WHERE phone_number = :phone_number::text;

-- name: forget_guest_notes(phone_number)!
-- Erases the notes about a guest.
-- es: Borra las notas sobre un huésped.
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM guest_notes
WHERE phone_number = :phone_number::text;

-- name: merge_booking_events(keep, duplicate)!
-- Moves a duplicate's booking events.
-- A trigger computes the status of both guests again.
-- es: Pasa los eventos de reserva del duplicado. Un disparador calcula de nuevo el estado de ambos huéspedes.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--     es: la clave del huésped que se conserva
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
--     es: la clave del huésped que se elimina
UPDATE booking_events
SET phone_number = :keep::text
WHERE phone_number = :duplicate::text;

-- name: merge_guest_marketing(keep, duplicate)!
-- Adds a duplicate's contacts to those of the guest to keep.
-- The booking status follows from the events.
-- es: Suma los contactos del duplicado a los del huésped que se conserva. El estado de reserva sale de los eventos.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
WITH locked_rows AS MATERIALIZED ( -- in the order of the keys, as in every claim
    SELECT known.phone_number
    FROM guest_marketing AS known
    WHERE known.phone_number IN (:keep::text, :duplicate::text)
    ORDER BY known.phone_number
    FOR UPDATE
),

removed_rows AS (
    DELETE FROM guest_marketing
    WHERE
        phone_number = :duplicate::text
        AND (SELECT count(*) FROM locked_rows) > 0
        -- merge_actions comes first, because a claim locks actions first.
        AND guestsql_refuse_late_actions(:duplicate::text)
    RETURNING
        contacted_at,
        contacted_channels,
        contacted_accounts
)

INSERT INTO guest_marketing AS known (phone_number, contacted_at, contacted_channels, contacted_accounts)
SELECT
    :keep::text,
    removed_rows.contacted_at,
    removed_rows.contacted_channels,
    removed_rows.contacted_accounts
FROM removed_rows
ON CONFLICT (phone_number) DO UPDATE
    SET
        (contacted_at, contacted_channels, contacted_accounts) = (
            SELECT
                coalesce(array_agg(contact.contacted_at ORDER BY contact.contacted_at, contact.place), '{}'),
                coalesce(array_agg(contact.channel ORDER BY contact.contacted_at, contact.place), '{}'),
                coalesce(array_agg(contact.account ORDER BY contact.contacted_at, contact.place), '{}')
            FROM
                unnest(
                    known.contacted_at || excluded.contacted_at,
                    known.contacted_channels || excluded.contacted_channels,
                    known.contacted_accounts || excluded.contacted_accounts
                ) WITH ORDINALITY AS contact (contacted_at, channel, account, place)
        ),
        updated_at = statement_timestamp();

-- name: merge_guest_notes(keep, duplicate)!
-- Moves the notes about a duplicate.
-- es: Pasa las notas sobre el duplicado.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
UPDATE guest_notes
SET phone_number = :keep::text
WHERE phone_number = :duplicate::text;
