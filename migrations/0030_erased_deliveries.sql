-- Whether a message must not be processed any more: its guest was erased after it was processed, or after it was sent.
--
-- VOLATILE, so that it sees what was committed when it is called: a statement that has waited for an erasure began before
-- that, and would bring the guest back. Call it when the guest's row is locked.
CREATE FUNCTION guestsql_is_erased(gateway text, message_id text, user_id text, sent_at timestamptz) RETURNS boolean
LANGUAGE plpgsql
VOLATILE
AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1
        FROM operations AS hashed
        WHERE
            hashed.source = gateway
            AND hashed.operation_id = guestsql_erased_message(gateway, message_id)
    )
    OR EXISTS (
        SELECT 1
        FROM erased_guests AS erased
        WHERE
            erased.id_hash = sha256((SELECT salt.salt FROM erasure_salt AS salt) || convert_to(user_id, 'UTF8'))
            AND erased.erased_at >= sent_at
            -- A former owner of the number was erased; this guest is not concerned.
            AND NOT EXISTS (
                SELECT 1
                FROM guest_ids AS ids
                INNER JOIN guest_profiles AS guest ON ids.phone_number = guest.phone_number
                WHERE
                    ids.id = user_id
                    AND guest.created_at < erased.erased_at
            )
    );
END
$$;
