-- The view with the columns of archived guests; and the functions by which consent is recorded.

-- A security barrier: the view has a condition, and those who may read only it could otherwise see the rows behind the
-- condition, by a function of their own in WHERE, which the server might call first.
CREATE OR REPLACE VIEW consented_guests WITH (security_barrier = TRUE) AS
SELECT
    consent.phone_number,
    consent.purpose,
    consent.channel,
    guestsql_current_phone(known.current_phone, known.phone_number) AS current_phone,
    known.user_name,
    known.contact_name,
    known.labels,
    known.first_interaction,
    known.last_interaction,
    known.last_active_on,
    known.total_interactions,
    marketing.booking_status,
    marketing.booking_status_at,
    marketing.first_booked_at,
    marketing.last_booked_at,
    marketing.last_quoted_at,
    known.archived_at,
    consent.changed_at AS consented_at
FROM guest_consents AS consent
INNER JOIN known_guests AS known ON consent.phone_number = known.phone_number
LEFT JOIN guest_marketing AS marketing ON consent.phone_number = marketing.phone_number
WHERE consent.is_given;

-- Records a consent or a withdrawal of a guest whose row is locked already (guestsql_lock_guest); returns the event's number.
--
-- Without a time, a withdrawal is of now, when it has the lock, and a consent of the beginning of the statement: of two that
-- are recorded at once the withdrawal counts. A time in the future becomes now.
CREATE FUNCTION guestsql_record_consent(
    guest_key text,
    action text,
    purpose text,
    channel text,
    source text,
    said_at timestamptz,
    wording_digest text DEFAULT NULL,
    wording_version text DEFAULT NULL,
    actor text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql
VOLATILE
AS $$
DECLARE
    locked_at timestamptz;
    recorded_event bigint;
BEGIN
    INSERT INTO guest_marketing AS known (phone_number)
    VALUES (guest_key)
    ON CONFLICT (phone_number) DO UPDATE
        SET updated_at = statement_timestamp();
    locked_at := clock_timestamp();

    INSERT INTO consent_events (
        phone_number, action, purpose, channel, source, wording_digest, wording_version, actor, occurred_at, recorded_at
    )
    VALUES (
        guest_key,
        action,
        purpose,
        channel,
        source,
        wording_digest,
        wording_version,
        actor,
        least(
            coalesce(said_at, CASE WHEN action = 'given' THEN statement_timestamp() ELSE locked_at END),
            locked_at
        ),
        locked_at
    )
    RETURNING event_id INTO recorded_event;
    RETURN recorded_event;
END
$$;

-- Records a consent or a withdrawal unless it is a repeat, and returns the guest's consents. An unknown guest is created.
-- Nothing is recorded, and no row returned, if the guest was erased after said_at; keyed_hashes as in guestsql_is_erased.
CREATE FUNCTION guestsql_change_consent(
    is_repeat boolean,
    user_id text,
    action text,
    purpose text,
    channel text,
    source text,
    said_at timestamptz,
    given_wording text,
    wording_version text,
    given_language text,
    actor text,
    keyed_hashes bytea[]
) RETURNS SETOF guest_consents
LANGUAGE plpgsql
VOLATILE
AS $$
DECLARE
    guest_key text;
    wording_digest text := encode(sha256(convert_to(given_wording, 'UTF8')), 'hex');
BEGIN
    IF guestsql_is_erased('', '', user_id, said_at, keyed_hashes) THEN
        RETURN;
    END IF;
    guest_key := guestsql_lock_guest(user_id);
    -- It was erased while this waited.
    IF guestsql_is_erased('', '', user_id, said_at, keyed_hashes) THEN
        RAISE serialization_failure USING
            MESSAGE = 'the guest was erased by a concurrent statement',
            HINT = 'repeat the statement';
    END IF;

    IF NOT is_repeat THEN
        IF given_wording IS NOT NULL THEN
            INSERT INTO consent_wordings (digest, wording, language)
            VALUES (wording_digest, given_wording, given_language)
            ON CONFLICT (digest) DO NOTHING;
        END IF;
        PERFORM guestsql_record_consent(
            guest_key, action, purpose, channel, source, said_at, wording_digest, wording_version, actor
        );
    END IF;
    RETURN QUERY
    SELECT consent.*
    FROM guest_consents AS consent
    WHERE consent.phone_number = guest_key
    ORDER BY
        consent.purpose,
        consent.channel;
END
$$;

-- Locks the guest of a message that is an opt-out word: before the message, because every statement that locks both locks the
-- guest first. It fails, to be repeated, if the guest has been erased since the statement has asked.
CREATE FUNCTION guestsql_lock_opt_out(
    gateway text, message_id text, user_id text, sent_at timestamptz, keyed_hashes bytea[]
) RETURNS text
LANGUAGE plpgsql
VOLATILE
AS $$
DECLARE
    guest_key text := guestsql_lock_guest(user_id);
BEGIN
    IF guestsql_is_erased(gateway, message_id, user_id, sent_at, keyed_hashes) THEN
        RAISE serialization_failure USING
            MESSAGE = 'the guest was erased by a concurrent statement',
            HINT = 'repeat the statement';
    END IF;
    RETURN guest_key;
END
$$;

-- Withdraws every consent to the channel of an action, because of its result; returns the event's number. With its owner's
-- rights: guestsql_marketing withdraws the consents of those whom it contacts, and of no one else.
CREATE FUNCTION guestsql_record_opt_out(action_id bigint, said_at timestamptz) RETURNS bigint
LANGUAGE sql
VOLATILE
AS $$
SELECT guestsql_record_consent(action.phone_number, 'withdrawn', '*', action.channel, 'campaign', said_at)
FROM campaign_actions AS action
WHERE action.action_id = guestsql_record_opt_out.action_id
$$;

-- As in 0041_marketing_role.sql.
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION guestsql_record_opt_out(bigint, timestamptz) SECURITY DEFINER SET search_path = %I, pg_temp',
        current_schema()
    );
END
$$;
REVOKE ALL ON FUNCTION guestsql_record_opt_out(bigint, timestamptz) FROM public;

SELECT guestsql_grant_roles();
