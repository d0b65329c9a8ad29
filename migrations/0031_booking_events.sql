-- A guest's data beyond the profile: booking status with its history, notes, and messages per hour. All by the
-- guest's key, which never changes, so these rows stay where they are when a guest is archived.

-- The key of the guest who has an id; the guest's row is locked until the transaction ends, so that a merge, an erasure or
-- an archiving waits. An unknown guest is created. For writes of tables that hold a guest's key.
--
-- VOLATILE: after it has waited, it sees where the guest is now.
CREATE FUNCTION guestsql_lock_guest(given_id text) RETURNS text
LANGUAGE plpgsql
VOLATILE
AS $$
DECLARE
    guest_key text;
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
        INSERT INTO guest_profiles (phone_number, first_id)
        VALUES (guest_key, nullif(given_id, guest_key))
        ON CONFLICT (phone_number) DO NOTHING;
    END LOOP;
    RETURN guest_key;
END
$$;

-- Refuses a change of any column but those that the trigger names.
CREATE FUNCTION guestsql_append_only() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF to_jsonb(NEW) - TG_ARGV IS DISTINCT FROM to_jsonb(OLD) - TG_ARGV THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('rows of %s cannot be changed', TG_TABLE_NAME),
            HINT = 'insert a new row: the one with the latest occurred_at counts';
    END IF;
    RETURN NEW;
END
$$;

-- One row for each guest of whom a booking, a consent or a contact is known: current values, and the row that every claim,
-- consent and status change locks.
CREATE TABLE guest_marketing (
    -- The guest's key.
    phone_number text NOT NULL,

    -- Derived from booking_events by a trigger, whatever is written here. NULL: no status is known.
    booking_status text,
    booking_status_at timestamptz,
    first_interested_at timestamptz,
    first_booked_at timestamptz,
    last_booked_at timestamptz,

    -- The last event of status interested with a value.
    last_quoted_at timestamptz,

    -- Contacts of the last 40 days, the newest last; written by claims only.
    contacted_at timestamptz[] NOT NULL DEFAULT '{}',
    contacted_channels text[] NOT NULL DEFAULT '{}',
    contacted_accounts text[] NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT guest_marketing_pkey PRIMARY KEY (phone_number),
    CONSTRAINT guest_marketing_booking_status_check CHECK (
        booking_status IN ('interested', 'booked', 'inactive', 'lost')
    ),
    CONSTRAINT guest_marketing_contacts_check CHECK (
        cardinality(contacted_at) = cardinality(contacted_channels)
        AND cardinality(contacted_at) = cardinality(contacted_accounts)
        AND array_position(contacted_at, NULL) IS NULL
        AND array_position(contacted_channels, NULL) IS NULL
        AND array_position(contacted_accounts, NULL) IS NULL
    ),
    CONSTRAINT guest_marketing_times_check CHECK (
        booking_status_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND first_interested_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND first_booked_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND last_booked_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND last_quoted_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND '0001-01-01 00:00+00' <= ALL(contacted_at)
        AND '9999-12-31 23:59:59.999999+00' >= ALL(contacted_at)
        AND updated_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
)
WITH (fillfactor = 90);

-- Every status that a guest had, and when. Append-only: a correction is a new event.
CREATE TABLE booking_events (
    -- Of events with the same time, the later one counts.
    event_id bigint GENERATED ALWAYS AS IDENTITY,

    -- The guest's key. Only a merge changes it.
    phone_number text NOT NULL,
    status text NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    -- Who recorded it: bot, shell, import, the name of a booking system.
    source text NOT NULL,
    note text,

    -- Of the booking, or of the quote; NULL if not known.
    value numeric(14, 2),
    currency text,

    CONSTRAINT booking_events_pkey PRIMARY KEY (phone_number, event_id),
    -- The trigger makes the row; this keeps it from being deleted while there are events. Checked at the end of the transaction.
    CONSTRAINT booking_events_phone_number_fkey FOREIGN KEY (phone_number) REFERENCES guest_marketing (phone_number)
    DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT booking_events_status_check CHECK (status IN ('interested', 'booked', 'inactive', 'lost')),
    CONSTRAINT booking_events_texts_check CHECK (source <> '' AND note <> ''),
    -- numeric has NaN, which is greater than every number.
    CONSTRAINT booking_events_value_check CHECK (
        (value IS NULL) = (currency IS NULL)
        AND value >= 0
        AND value <> 'NaN'
        AND currency ~ '^[A-Z]{3}$'
    ),
    CONSTRAINT booking_events_times_check CHECK (
        occurred_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND recorded_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

-- For the latest event, and for a history.
CREATE INDEX booking_events_occurred_at ON booking_events (phone_number, occurred_at DESC, event_id DESC);

CREATE TRIGGER booking_events_append_only
BEFORE UPDATE ON booking_events
FOR EACH ROW
EXECUTE FUNCTION guestsql_append_only('phone_number');

-- Computes the derived columns. The row is locked when this runs, and each query of a VOLATILE function takes a new
-- snapshot, so it sees the events of every writer who had the lock before.
CREATE FUNCTION guestsql_derive_booking() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    SELECT
        (array_agg(event.status ORDER BY event.occurred_at DESC, event.event_id DESC))[1],
        max(event.occurred_at),
        min(event.occurred_at) FILTER (WHERE event.status = 'interested'),
        min(event.occurred_at) FILTER (WHERE event.status = 'booked'),
        max(event.occurred_at) FILTER (WHERE event.status = 'booked'),
        max(event.occurred_at) FILTER (WHERE event.status = 'interested' AND event.value IS NOT NULL)
    INTO
        NEW.booking_status,
        NEW.booking_status_at,
        NEW.first_interested_at,
        NEW.first_booked_at,
        NEW.last_booked_at,
        NEW.last_quoted_at
    FROM booking_events AS event
    WHERE event.phone_number = NEW.phone_number;
    RETURN NEW;
END
$$;

CREATE TRIGGER guest_marketing_derive_booking
BEFORE INSERT OR UPDATE OF
phone_number, booking_status, booking_status_at, first_interested_at, first_booked_at, last_booked_at, last_quoted_at
ON guest_marketing
FOR EACH ROW
EXECUTE FUNCTION guestsql_derive_booking();

-- Has the derived columns computed of every guest whose events were inserted, moved or deleted, in the order of the keys.
CREATE FUNCTION guestsql_booking_changed() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
    -- Guests who have these events now, and guests who had them.
    current_keys text[] := '{}';
    former_keys text[] := '{}';
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN
            current_keys := array(SELECT DISTINCT inserted.phone_number FROM inserted);
        WHEN 'UPDATE' THEN
            current_keys := array(SELECT DISTINCT moved.phone_number FROM moved);
            former_keys := array(SELECT DISTINCT removed.phone_number FROM removed);
        WHEN 'DELETE' THEN
            former_keys := array(SELECT DISTINCT removed.phone_number FROM removed);
        WHEN 'TRUNCATE' THEN
            former_keys := array(SELECT known.phone_number FROM guest_marketing AS known WHERE known.booking_status <> '');
    END CASE;

    IF former_keys <> '{}' THEN
        PERFORM
        FROM guest_marketing AS known
        WHERE known.phone_number = ANY(current_keys || former_keys)
        ORDER BY known.phone_number
        FOR NO KEY UPDATE;
        UPDATE guest_marketing
        SET
            booking_status = NULL,
            updated_at = statement_timestamp()
        WHERE phone_number = ANY(former_keys);
    END IF;

    INSERT INTO guest_marketing (phone_number)
    SELECT given.phone_number
    FROM unnest(current_keys) AS given (phone_number)
    ORDER BY given.phone_number
    ON CONFLICT (phone_number) DO UPDATE
        SET
            booking_status = NULL,
            updated_at = statement_timestamp();
    RETURN NULL;
END
$$;

-- For each statement, so that many events are entered at once.
CREATE TRIGGER booking_events_inserted
AFTER INSERT ON booking_events
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_booking_changed();

CREATE TRIGGER booking_events_moved
AFTER UPDATE ON booking_events
REFERENCING NEW TABLE AS moved OLD TABLE AS removed
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_booking_changed();

CREATE TRIGGER booking_events_deleted
AFTER DELETE ON booking_events
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_booking_changed();

CREATE TRIGGER booking_events_truncated
AFTER TRUNCATE ON booking_events
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_booking_changed();

-- Notes about guests, by people or programs.
CREATE TABLE guest_notes (
    note_id bigint GENERATED ALWAYS AS IDENTITY,

    -- The guest's key.
    phone_number text NOT NULL,

    -- note, import, or a word of the caller's.
    kind text NOT NULL DEFAULT 'note',

    -- NULL: unknown.
    author text,
    note text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT guest_notes_pkey PRIMARY KEY (phone_number, note_id),
    CONSTRAINT guest_notes_texts_check CHECK (kind <> '' AND author <> '' AND note <> ''),
    CONSTRAINT guest_notes_times_check CHECK (
        created_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

-- How many messages a guest wrote in each hour. Written by the statements that count messages in guest_profiles; hours
-- without a message have no row, and thin_interaction_hours deletes those of long ago.
CREATE TABLE interaction_hours (
    -- The guest's key.
    phone_number text NOT NULL,

    -- When the hour begins, by UTC.
    hour timestamptz NOT NULL,
    messages bigint NOT NULL,

    CONSTRAINT interaction_hours_pkey PRIMARY KEY (phone_number, hour),
    CONSTRAINT interaction_hours_messages_check CHECK (messages > 0),
    CONSTRAINT interaction_hours_hour_check CHECK (
        hour BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND hour = date_bin('1 hour', hour, '0001-01-01 00:00+00')
    )
)
WITH (fillfactor = 90);

-- For analyses of a period, and for thin_interaction_hours.
CREATE INDEX interaction_hours_hour ON interaction_hours (hour);

REVOKE ALL ON FUNCTION guestsql_append_only(), guestsql_derive_booking(), guestsql_booking_changed() FROM public;

-- For the monitor no text that a person wrote, no value of a booking, and nothing that distinguishes one guest from another.
INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('guest_marketing', DEFAULT, '{booking_status, updated_at}'),
('booking_events', DEFAULT, '{status, recorded_at}'),
('guest_notes', DEFAULT, '{kind, created_at}'),
('interaction_hours', DEFAULT, '{hour, messages}');

SELECT guestsql_grant_roles();
