-- Three repairs.

-- Deletes the ids and the threads of guests who are in neither table any more, as in 0035_archive.sql. An id that is kept for
-- the next guest under a phone is new there. It stays when a guest with another spelling of the phone goes: it would lead to
-- the first owner of the phone again.
CREATE OR REPLACE FUNCTION guestsql_delete_ids() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
    moved record;
    gone text[] := array(
        SELECT removed.phone_number
        FROM removed
        WHERE
            NOT EXISTS (
                SELECT FROM guest_keys AS guest
                WHERE guest.phone_number = removed.phone_number
            )
    );
BEGIN
    IF gone = '{}' THEN
        RETURN NULL;
    END IF;

    -- In one order, as everywhere. The next guest under one of these phones may just be created: the statements below see it.
    PERFORM
    FROM guest_ids AS ids
    WHERE
        ids.id IN (
            SELECT own_ids.id
            FROM guest_ids AS own_ids
            WHERE own_ids.phone_number = ANY(gone)
            UNION
            SELECT spelled.id
            FROM unnest(gone) AS removed_keys (phone_number)
            CROSS JOIN unnest(guestsql_spellings(removed_keys.phone_number)) AS spelled (id)
        )
    ORDER BY ids.id
    FOR UPDATE;

    -- A phone that was another guest's before, whose key it still is. Without a row it would lead back to that guest, so it
    -- is kept for the next guest under this phone.
    FOR moved IN
        SELECT
            ids.id,
            ids.phone_number
        FROM guest_ids AS ids
        INNER JOIN guest_keys AS former ON ids.id = former.phone_number
        WHERE ids.phone_number = ANY(gone)
        ORDER BY ids.id
    LOOP
        UPDATE guest_ids AS ids
        SET
            phone_number = guestsql_free_id(moved.id),
            source = 'guest',
            first_seen_at = statement_timestamp(),
            last_seen_at = statement_timestamp()
        WHERE
            ids.id = ANY(guestsql_spellings(moved.id))
            AND ids.phone_number = moved.phone_number;
    END LOOP;

    DELETE FROM guest_ids AS ids
    WHERE ids.phone_number = ANY(gone);

    -- Nor is such a phone kept when the former guest goes too.
    DELETE FROM guest_ids AS ids
    USING unnest(gone) AS removed_keys (phone_number)
    WHERE
        ids.id = ANY(guestsql_spellings(removed_keys.phone_number))
        AND NOT EXISTS (
            SELECT FROM guest_keys AS other
            WHERE
                other.phone_number = ids.phone_number
                OR other.phone_number = ANY(guestsql_spellings(ids.id))
        );

    DELETE FROM guest_threads AS threads
    WHERE threads.phone_number = ANY(gone);
    RETURN NULL;
END
$$;

-- Plans a claimed action again. A guest has one next action that is planned: if a newer one was planned meanwhile, or is just
-- being planned, this one is cancelled.
CREATE FUNCTION guestsql_plan_again(action_id bigint, due_at timestamptz) RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    UPDATE campaign_actions AS action
    SET
        state = 'planned',
        lease = NULL,
        lease_until = NULL,
        claimed_at = NULL,
        due_at = coalesce(guestsql_plan_again.due_at, statement_timestamp())
    WHERE action.action_id = guestsql_plan_again.action_id;
EXCEPTION
    WHEN unique_violation THEN
        UPDATE campaign_actions AS action
        SET
            state = 'cancelled',
            lease = NULL,
            lease_until = NULL,
            claimed_at = NULL
        WHERE action.action_id = guestsql_plan_again.action_id;
END
$$;

-- Fails when a guest has actions that a merge has not moved: they were planned meanwhile, and the deletion of the guest's row
-- of guest_marketing would delete them. Call it when that row is locked; the merge is then repeated.
CREATE FUNCTION guestsql_refuse_late_actions(guest_key text) RETURNS boolean
LANGUAGE plpgsql
AS $$
BEGIN
    IF EXISTS (SELECT FROM campaign_actions AS action WHERE action.phone_number = guest_key) THEN
        RAISE serialization_failure USING
            MESSAGE = 'an action was planned by a concurrent statement',
            HINT = 'repeat the transaction';
    END IF;
    RETURN TRUE;
END
$$;
