-- The ids of existing guests; those created since 0023 have theirs. In a separate transaction: the tables are read while
-- others write.
--
-- Two guests who are two spellings of one number stay two, each under its own spelling: list_guests_with_two_spellings
-- shows them, and merge_guests makes them one.
INSERT INTO guest_ids (id, phone_number, source, first_seen_at, last_seen_at)
SELECT
    guest.phone_number AS id,
    guest.phone_number,
    'guest' AS source,
    guest.created_at AS first_seen_at,
    greatest(guest.created_at, guest.last_interaction) AS last_seen_at
FROM guest_profiles AS guest
ORDER BY guest.phone_number
ON CONFLICT (id) DO NOTHING;

INSERT INTO guest_ids (id, phone_number, source, first_seen_at, last_seen_at)
SELECT
    spelled.id,
    guest.phone_number,
    'spelling' AS source,
    guest.created_at AS first_seen_at,
    guest.created_at AS last_seen_at
FROM guest_profiles AS guest
CROSS JOIN unnest(guestsql_spellings(guest.phone_number)) AS spelled (id)
WHERE spelled.id <> guest.phone_number
ORDER BY spelled.id
ON CONFLICT (id) DO NOTHING;

ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_phone_number_check;
ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_current_phone_check;
ALTER TABLE historical_clients VALIDATE CONSTRAINT historical_clients_phone_number_check;
