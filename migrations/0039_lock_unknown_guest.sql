-- As before; an unknown guest is created under a lock that an erasure and a merge of this id take, too. An erasure deletes
-- the rows of one table after the other: it could otherwise keep some rows of a guest who is created meanwhile.
CREATE OR REPLACE FUNCTION guestsql_lock_guest(given_id text) RETURNS text
LANGUAGE plpgsql
VOLATILE
AS $$
DECLARE
    guest_key text;
    locked_key text;
BEGIN
    LOOP
        guest_key := guestsql_guest_key(given_id);
        PERFORM
        FROM guest_profiles AS guest
        WHERE guest.phone_number = guest_key
        FOR KEY SHARE;
        EXIT WHEN FOUND;
        PERFORM
        FROM historical_clients AS client
        WHERE client.phone_number = guest_key
        FOR KEY SHARE;
        EXIT WHEN FOUND;
        IF locked_key IS DISTINCT FROM guest_key THEN
            -- As lock_ids does. Then once more: the id may lead to a guest by now.
            PERFORM pg_advisory_xact_lock_shared(hashtextextended('guestsql guest ' || guest_key, 0));
            locked_key := guest_key;
        ELSE
            INSERT INTO guest_profiles (phone_number, first_id)
            VALUES (guest_key, nullif(given_id, guest_key))
            ON CONFLICT (phone_number) DO NOTHING;
        END IF;
    END LOOP;
    RETURN guest_key;
END
$$;
