-- Moves what historical_clients knows into the new tables: the booking status as the first event, notes as notes. A
-- marketing_consent without proof is no consent, so it becomes a note. The columns are removed later.
--
-- A client who is erased meanwhile is waited for, and is then left out.
DO $$
BEGIN
    PERFORM
    FROM historical_clients AS client
    ORDER BY client.phone_number
    FOR KEY SHARE;
END
$$;

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
