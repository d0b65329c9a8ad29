-- Every id under which a guest has been seen, and the guest it leads to. A guest writes as a phone, as an id without a
-- phone (…@lid), and as a business-scoped id, which changes with the number. Every query finds the guest by this table.
--
-- Each guest has a row for the key itself, so one exact lookup is enough. Two triggers of guest_profiles keep that true,
-- also for rows that are written by hand: docs/identity.md.

-- The national spellings of a phone, the given one first; an id that has no other spelling is alone. WhatsApp and the
-- people who type numbers use both. Only numbers that cannot belong to two people are listed. The same rules are in
-- guestsql/guests/spellings.py; a test compares them. No subselect, so that the planner can inline the function.
CREATE FUNCTION guestsql_spellings(id text) RETURNS text[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN ARRAY[id] || CASE
    WHEN left(id, 2) NOT IN ('52', '54', '55') THEN '{}'::text[]

    -- Mexico, 52 1 … and 52 …: the 1 before a mobile number has not been dialled since 2019-08-03. Plan Técnico Fundamental
    -- de Numeración, Instituto Federal de Telecomunicaciones, Diario Oficial de la Federación of 2018-05-11.
    WHEN id ~ '^52[2-9][0-9]{9}$' THEN ARRAY['521' || substr(id, 3)]
    WHEN id ~ '^521[2-9][0-9]{9}$' THEN ARRAY['52' || substr(id, 4)]

    -- Argentina, 54 9 … and 54 …: the 9 marks a call to a mobile from abroad; it is not part of the number, which is 10
    -- digits long with the area code. Plan Fundamental de Numeración Nacional, Secretaría de Comunicaciones, Res. 46/97.
    WHEN id ~ '^54[1-3][0-9]{9}$' THEN ARRAY['549' || substr(id, 3)]
    WHEN id ~ '^549[1-3][0-9]{9}$' THEN ARRAY['54' || substr(id, 4)]

    -- Brazil, with and without the 9 before a mobile number of 8 digits: added by area from 2012 to 2016. Anatel, Resolução
    -- 553/2010. Numbers with a 7 are left out: trunked radio kept 8 digits, so both may exist. Below 6 are landlines.
    WHEN id ~ '^55[1-9]{2}[689][0-9]{7}$' THEN ARRAY[left(id, 4) || '9' || substr(id, 5)]
    WHEN id ~ '^55[1-9]{2}9[689][0-9]{7}$' THEN ARRAY[left(id, 4) || substr(id, 6)]
    ELSE '{}'
END;

CREATE TABLE guest_ids (
    -- As guestsql.identity.canonical_user_id returns it.
    id text NOT NULL,

    -- The guest's key: guest_profiles.phone_number. Without a foreign key, which would slow the import down.
    phone_number text NOT NULL,

    -- former_phone: 573000000001#2, a guest's id after the phone has moved to another guest.
    kind text NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN ltrim(id, '0123456789') = '' THEN 'phone'
            WHEN right(id, 4) = '@lid' THEN 'lid'
            WHEN strpos(id, '#') > 0 THEN 'former_phone'
            WHEN substr(id, 3, 5) = '.ENT.' THEN 'parent_bsuid'
            ELSE 'bsuid'
        END
    ) STORED,

    -- Where the id was found. guest: it is the guest's key. spelling: another spelling of a phone, perhaps never seen.
    source text NOT NULL,

    -- For a business-scoped id: the portfolio of the business in which it is valid; '' if there is only one.
    portfolio text NOT NULL DEFAULT '',
    first_seen_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    -- Moved by messages, once a day at most.
    last_seen_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    -- With the key in the index, most reads need no row of this table.
    CONSTRAINT guest_ids_pkey PRIMARY KEY (id) INCLUDE (phone_number),
    CONSTRAINT guest_ids_id_check CHECK (
        (ltrim(id, '0123456789') = '' AND left(id, 1) <> '0' AND length(id) BETWEEN 7 AND 15)
        OR id ~ '^([0-9]{1,32}@lid|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$'
    ),
    CONSTRAINT guest_ids_times_check CHECK (
        first_seen_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND last_seen_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
)
WITH (fillfactor = 90);

-- Serves the list of a guest's ids.
CREATE INDEX guest_ids_phone_number ON guest_ids (phone_number);

-- A guest's key may also be a phone with a number: the phone itself is then a column.
-- NOT VALID, so that no one waits while the tables are read; every row has passed a narrower check. 0024 validates.
ALTER TABLE guest_profiles
-- NULL: the phone in the key, if any. '': none, because the number now belongs to another person.
ADD COLUMN current_phone text,

-- The id by which the row was created, when it is not the key. guestsql_register_ids checks that it still leads there.
ADD COLUMN first_id text,
ADD CONSTRAINT guest_profiles_current_phone_check CHECK (current_phone ~ '^([1-9][0-9]{6,14})?$') NOT VALID,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT guest_profiles_phone_number_check,
ADD CONSTRAINT guest_profiles_phone_number_check CHECK (
    (
        ltrim(phone_number, '0123456789') = ''
        AND left(phone_number, 1) <> '0'
        AND length(phone_number) BETWEEN 7 AND 15
    )
    OR phone_number
    ~ '^([0-9]{1,32}@lid|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$'
) NOT VALID;

ALTER TABLE historical_clients
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT historical_clients_phone_number_check,
ADD CONSTRAINT historical_clients_phone_number_check CHECK (
    (
        ltrim(phone_number, '0123456789') = ''
        AND left(phone_number, 1) <> '0'
        AND length(phone_number) BETWEEN 7 AND 15
    )
    OR phone_number
    ~ '^([0-9]{1,32}@lid|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$'
) NOT VALID;

-- The phone under which a guest can be reached, from the two columns of guest_profiles; NULL without one.
CREATE FUNCTION guestsql_current_phone(current_phone text, phone_number text) RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN current_phone IS NOT NULL THEN nullif(current_phone, '')
    WHEN ltrim(split_part(phone_number, '#', 1), '0123456789') = '' THEN split_part(phone_number, '#', 1)
END;

-- The key of the guest who has an id; for an unknown id the id itself, which is the key that a new guest gets.
-- For writes. A read does without the call: WHERE phone_number = (SELECT phone_number FROM guest_ids WHERE id = …).
CREATE FUNCTION guestsql_guest_key(given_id text) RETURNS text
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
AS $$
BEGIN
    RETURN coalesce((SELECT ids.phone_number FROM guest_ids AS ids WHERE ids.id = given_id), given_id);
END
$$;

-- An id or a key with a number that is not in use: 573000000001#1, then 573000000001#2.
CREATE FUNCTION guestsql_free_id(phone text) RETURNS text
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    number integer := 1;
    candidate text;
BEGIN
    LOOP
        candidate := split_part(phone, '#', 1) || '#' || number;
        EXIT WHEN NOT EXISTS (
            SELECT FROM guest_ids AS ids
            WHERE
                ids.id = candidate
                OR ids.phone_number = candidate
        )
        AND NOT EXISTS (
            SELECT FROM guest_profiles AS guest
            WHERE guest.phone_number = candidate
        );
        number := number + 1;
    END LOOP;
    RETURN candidate;
END
$$;

-- Enters the ids of new guests: the key and its other spellings, in the order of the ids, so that two writers do not
-- deadlock.
--
-- A writer may have waited for a row that a merge or an erasure deleted, or two writers may have met the same new number
-- in two spellings. The id then leads to another guest, or no longer to this one, and the row must not stay. The error is
-- a serialization failure: repeated, the statement finds the right guest.
CREATE FUNCTION guestsql_register_ids() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
    entered bigint;
BEGIN
    -- Nearly every write is an upsert that has inserted nothing.
    IF NOT EXISTS (SELECT FROM created) THEN
        RETURN NULL;
    END IF;

    INSERT INTO guest_ids (id, phone_number, source)
    SELECT
        spelled.id,
        created.phone_number,
        CASE WHEN spelled.id = created.phone_number THEN 'guest' ELSE 'spelling' END
    FROM created
    CROSS JOIN unnest(guestsql_spellings(created.phone_number)) AS spelled (id)
    WHERE
        spelled.id = created.phone_number
        -- Two guests from the time before this table, or from one statement: each keeps its own spelling.
        OR NOT EXISTS (
            SELECT FROM guest_profiles AS other
            WHERE other.phone_number = spelled.id
        )
    ORDER BY spelled.id
    ON CONFLICT (id) DO NOTHING;
    GET DIAGNOSTICS entered = ROW_COUNT;

    IF EXISTS (SELECT FROM created WHERE created.first_id IS NOT NULL)
        OR entered < (SELECT sum(cardinality(guestsql_spellings(created.phone_number))) FROM created)
    THEN
        -- FOR SHARE waits for a merge that is moving one of them.
        PERFORM
        FROM guest_ids AS ids
        WHERE
            ids.id IN (SELECT created.phone_number FROM created)
            OR ids.id IN (SELECT created.first_id FROM created)
        ORDER BY ids.id
        FOR SHARE;
        IF EXISTS (
            SELECT
            FROM created
            LEFT JOIN guest_ids AS own_ids ON created.phone_number = own_ids.id
            LEFT JOIN guest_ids AS first_ids ON created.first_id = first_ids.id
            WHERE
                own_ids.phone_number IS DISTINCT FROM created.phone_number
                OR (created.first_id IS NOT NULL AND first_ids.phone_number IS DISTINCT FROM created.phone_number)
        ) THEN
            RAISE serialization_failure USING
                MESSAGE = 'an id of this guest was moved to another guest, or erased, by a concurrent statement',
                HINT = 'repeat the statement: it then finds the guest who has the id now';
        END IF;
    END IF;
    RETURN NULL;
END
$$;

-- Deletes the ids of deleted guests, also after a DELETE by hand.
CREATE FUNCTION guestsql_delete_ids() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
    moved record;
BEGIN
    IF NOT EXISTS (SELECT FROM removed) THEN
        RETURN NULL;
    END IF;

    -- In one order, as everywhere. The next guest under one of these phones may just be created: the statements below see it.
    PERFORM
    FROM guest_ids AS ids
    WHERE
        ids.id IN (
            SELECT own_ids.id
            FROM guest_ids AS own_ids
            INNER JOIN removed ON own_ids.phone_number = removed.phone_number
            UNION
            SELECT spelled.id
            FROM removed
            CROSS JOIN unnest(guestsql_spellings(removed.phone_number)) AS spelled (id)
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
        INNER JOIN removed ON ids.phone_number = removed.phone_number
        INNER JOIN guest_profiles AS former ON ids.id = former.phone_number
        ORDER BY ids.id
    LOOP
        UPDATE guest_ids AS ids
        SET
            phone_number = guestsql_free_id(moved.id),
            source = 'guest'
        WHERE
            ids.id = ANY(guestsql_spellings(moved.id))
            AND ids.phone_number = moved.phone_number;
    END LOOP;

    DELETE FROM guest_ids AS ids
    USING removed
    WHERE ids.phone_number = removed.phone_number;

    -- Nor is such a phone kept when the former guest goes too.
    DELETE FROM guest_ids AS ids
    USING removed
    WHERE
        ids.id = ANY(guestsql_spellings(removed.phone_number))
        AND NOT EXISTS (
            SELECT FROM guest_profiles AS other
            WHERE other.phone_number = ids.phone_number
        );
    RETURN NULL;
END
$$;

-- Not TRUNCATE, which the statement itself may be doing to this table.
CREATE FUNCTION guestsql_delete_all_ids() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    DELETE FROM guest_ids;
    RETURN NULL;
END
$$;

-- For each statement: an import inserts hundreds of thousands of rows at once.
CREATE TRIGGER guest_profiles_register_ids
AFTER INSERT ON guest_profiles
REFERENCING NEW TABLE AS created
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_register_ids();

CREATE TRIGGER guest_profiles_delete_ids
AFTER DELETE ON guest_profiles
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_delete_ids();

CREATE TRIGGER guest_profiles_delete_all_ids
AFTER TRUNCATE ON guest_profiles
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_delete_all_ids();

REVOKE ALL ON FUNCTION guestsql_register_ids(), guestsql_delete_ids(), guestsql_delete_all_ids() FROM public;

-- For the monitor nothing that distinguishes one guest from another.
INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('guest_ids', DEFAULT, '{kind, source}');

SELECT guestsql_grant_roles();
