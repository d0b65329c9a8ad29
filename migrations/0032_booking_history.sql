-- Moves what historical_clients knows into the new tables: the booking status as the first event, notes as notes. A
-- marketing_consent without proof is no consent, so it becomes a note.
--
-- The columns stay, empty: an older release that still runs names them in merge_guests and link_ids. A later migration drops
-- them. The constraint keeps them empty. Its lock waits for a client who is being erased.
ALTER TABLE historical_clients ADD CONSTRAINT historical_clients_moved_check CHECK (
    booking_status IS NULL AND NOT marketing_consent AND notes IS NULL
) NOT VALID;

-- The row of a client may be under another id of the guest.
WITH clients AS MATERIALIZED (
    SELECT
        CASE
            WHEN guest.phone_number IS NOT NULL THEN client.phone_number
            ELSE guestsql_guest_key(client.phone_number)
        END AS phone_number,
        client.booking_status,
        coalesce(client.archived_at, client.created_at) AS known_at
    FROM historical_clients AS client
    LEFT JOIN guest_profiles AS guest ON client.phone_number = guest.phone_number
    WHERE client.booking_status IS NOT NULL
)

INSERT INTO booking_events (phone_number, status, occurred_at, source, note)
SELECT
    clients.phone_number,
    clients.booking_status,
    clients.known_at,
    'import',
    'The status of the archive; the time is that of the archived row.'
FROM clients
ORDER BY
    clients.phone_number,
    clients.known_at;

WITH clients AS MATERIALIZED (
    SELECT
        CASE
            WHEN guest.phone_number IS NOT NULL THEN client.phone_number
            ELSE guestsql_guest_key(client.phone_number)
        END AS phone_number,
        client.notes,
        client.marketing_consent,
        coalesce(client.archived_at, client.created_at) AS known_at
    FROM historical_clients AS client
    LEFT JOIN guest_profiles AS guest ON client.phone_number = guest.phone_number
),

found_notes AS (
    SELECT
        clients.phone_number,
        clients.notes AS note,
        clients.known_at
    FROM clients
    WHERE clients.notes <> ''
    UNION ALL
    SELECT
        clients.phone_number,
        'marketing_consent was true in historical_clients. There is no proof of it, so it is not a consent.',
        clients.known_at
    FROM clients
    WHERE clients.marketing_consent
)

INSERT INTO guest_notes (phone_number, kind, note, created_at)
SELECT
    found_notes.phone_number,
    'import',
    found_notes.note,
    found_notes.known_at
FROM found_notes
ORDER BY
    found_notes.phone_number,
    found_notes.known_at;

UPDATE historical_clients
SET
    booking_status = NULL,
    marketing_consent = FALSE,
    notes = NULL
WHERE
    booking_status IS NOT NULL
    OR marketing_consent
    OR notes IS NOT NULL;
