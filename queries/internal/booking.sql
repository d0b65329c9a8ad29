-- Writes of set_booking_status and add_note: docs/booking.md. Both are for active and archived guests alike, and neither
-- moves a guest. An unknown guest is created. Repeated with the same operation_id they do nothing (operations.sql).
-- check: large booking_events, guest_notes, operations

-- name: add_booking_event(phone_number, status, occurred_at, source, note, value, currency, operation_id)!
-- Adds an event to the history of a guest's booking status.
-- A trigger computes the guest's current status, in guest_marketing. A time in the future becomes now.
--   phone_number: text, any id of the guest
--   status: text, interested, booked, inactive or lost, e.g. 'booked'
--   occurred_at: timestamptz, when it became so; NULL for now
--   source: text, who says so, e.g. 'bot'
--   note: text, NULL for none
--   value: numeric, of the booking or the quote; NULL if unknown
--   currency: text, its currency, e.g. 'COP'; NULL without a value
--   operation_id: text, a new id for each event, not empty
WITH claimed_operations AS (
    INSERT INTO operations AS known (source, operation_id)
    VALUES ('guestsql', :operation_id::text)
    ON CONFLICT (source, operation_id) DO UPDATE
        SET attempts = known.attempts + 1
    RETURNING known.attempts = 1 AS is_new
)

INSERT INTO booking_events (phone_number, status, occurred_at, source, note, value, currency)
SELECT
    guestsql_lock_guest(:phone_number::text),
    :status::text,
    -- NULL is ignored.
    least(:occurred_at::timestamptz, statement_timestamp()),
    :source::text,
    :note::text,
    :value::numeric,
    :currency::text
FROM claimed_operations
WHERE claimed_operations.is_new;

-- name: add_guest_note(phone_number, note, kind, author, operation_id)!
-- Adds a note about a guest.
--   phone_number: text, any id of the guest
--   note: text, not empty
--   kind: text, what it is, e.g. 'note'
--   author: text, who wrote it; NULL if unknown
--   operation_id: text, a new id for each note, not empty
WITH claimed_operations AS (
    INSERT INTO operations AS known (source, operation_id)
    VALUES ('guestsql', :operation_id::text)
    ON CONFLICT (source, operation_id) DO UPDATE
        SET attempts = known.attempts + 1
    RETURNING known.attempts = 1 AS is_new
)

INSERT INTO guest_notes (phone_number, kind, author, note)
SELECT
    guestsql_lock_guest(:phone_number::text),
    :kind::text,
    :author::text,
    :note::text
FROM claimed_operations
WHERE claimed_operations.is_new;
