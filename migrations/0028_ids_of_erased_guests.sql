-- replaces: 88445ddcf82480ff4f17f155f166f79e8562962525f99792d5b6c062b18a82ef
-- A guest who was erased while 0024 entered the ids of all guests still has a row there: the trigger that deletes the ids could
-- not see a row that was not committed yet.
--
-- A key with a # may have no guest yet: it is kept for the next one under a phone.
DO $$
DECLARE
    lost_ids text[];
BEGIN
    -- Waits for the transactions that began before, and does not keep the lock: the exception gives it back.
    BEGIN
        LOCK TABLE guest_profiles IN SHARE MODE;
        RAISE no_data_found;
    EXCEPTION
        WHEN no_data_found THEN
            NULL;
    END;

    -- Read while others write.
    lost_ids := array(
        SELECT known.id
        FROM guest_ids AS known
        WHERE
            strpos(known.phone_number, '#') = 0
            AND NOT EXISTS (
                SELECT FROM guest_profiles AS guest
                WHERE guest.phone_number = known.phone_number
            )
    );

    -- The lock keeps a new guest from getting one of these ids while they are deleted.
    IF lost_ids <> '{}' THEN
        LOCK TABLE guest_profiles IN SHARE MODE;
        DELETE FROM guest_ids AS known
        WHERE
            known.id = ANY(lost_ids)
            AND strpos(known.phone_number, '#') = 0
            AND NOT EXISTS (
                SELECT FROM guest_profiles AS guest
                WHERE guest.phone_number = known.phone_number
            );
    END IF;
END
$$;
