-- The ids of existing guests; those created since 0023 have theirs. In a separate transaction: the tables are read while
-- others write.
--
-- Two guests who are two spellings of one number stay two, each under its own spelling: list_guests_with_two_spellings
-- shows them, and merge_guests makes them one.
--
-- One statement, in the order of the ids, as the trigger enters those of a new guest: in another order the two deadlock.
INSERT INTO guest_ids (id, phone_number, source, first_seen_at, last_seen_at)
SELECT DISTINCT ON (spelled.id)
    spelled.id,
    guest.phone_number,
    CASE WHEN spelled.id = guest.phone_number THEN 'guest' ELSE 'spelling' END AS source,
    guest.created_at AS first_seen_at,
    CASE
        WHEN spelled.id = guest.phone_number THEN greatest(guest.created_at, guest.last_interaction)
        ELSE guest.created_at
    END AS last_seen_at
FROM guest_profiles AS guest
CROSS JOIN unnest(guestsql_spellings(guest.phone_number)) AS spelled (id)
ORDER BY
    spelled.id ASC,
    spelled.id = guest.phone_number DESC
ON CONFLICT (id) DO NOTHING;

ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_phone_number_check;
ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_current_phone_check;
ALTER TABLE historical_clients VALIDATE CONSTRAINT historical_clients_phone_number_check;
