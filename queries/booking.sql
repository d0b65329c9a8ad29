-- Booking status and notes: what the hotel knows of a guest beyond the profile, for active and archived guests alike.
-- check: large booking_events, guest_marketing, guest_notes

-- name: export_booking_events(phone_number)
-- Every booking status that a guest had.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(event) AS event
FROM booking_events AS event
WHERE event.phone_number = :phone_number::text
ORDER BY event.event_id;

-- name: export_guest_marketing(phone_number)
-- A guest's current booking status, and when the guest was contacted.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(known) AS marketing
FROM guest_marketing AS known
WHERE known.phone_number = :phone_number::text;

-- name: export_guest_notes(phone_number)
-- The notes about a guest.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(known) AS note
FROM guest_notes AS known
WHERE known.phone_number = :phone_number::text
ORDER BY known.note_id;

-- name: forget_booking_events(phone_number)!
-- Erases the history of a guest's booking status.
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM booking_events
WHERE phone_number = :phone_number::text;

-- name: forget_guest_marketing(phone_number)!
-- Erases a guest's current booking status, and when the guest was contacted.
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM guest_marketing
WHERE phone_number = :phone_number::text;

-- name: forget_guest_notes(phone_number)!
-- Erases the notes about a guest.
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM guest_notes
WHERE phone_number = :phone_number::text;

-- name: merge_booking_events(keep, duplicate)!
-- Moves a duplicate's booking events.
-- A trigger computes the status of both guests again.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
UPDATE booking_events
SET phone_number = :keep::text
WHERE phone_number = :duplicate::text;

-- name: merge_guest_marketing(keep, duplicate)!
-- Adds a duplicate's contacts to those of the guest to keep.
-- The booking status follows from the events.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
WITH removed_rows AS (
    DELETE FROM guest_marketing
    WHERE phone_number = :duplicate::text
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
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
UPDATE guest_notes
SET phone_number = :keep::text
WHERE phone_number = :duplicate::text;
