-- Guests who have been silent for long move from guest_profiles to historical_clients, with everything that their row holds,
-- and return with their next message or write. A guest's key never changes, so the rows of all other tables stay as they are:
-- docs/archive.md.
--
-- A guest is in one of the two tables. Triggers refuse a row whose key is in the other one, for every writer. The cache, the
-- leases and first_id are not kept.
--
-- What was in booking_status, marketing_consent and notes is in booking_events and guest_notes since 0032: they are empty.
--
-- The defaults are for rows that a person inserts. last_active_on reads the table anew: it was written by hand only.
ALTER TABLE historical_clients
ADD COLUMN chat_id text,
ADD COLUMN profile_data jsonb NOT NULL DEFAULT '{}',
ADD COLUMN memory_enabled boolean NOT NULL DEFAULT TRUE,
ADD COLUMN thread_id text,
ADD COLUMN thread_tokens bigint NOT NULL DEFAULT 0,
ADD COLUMN thread_created_at timestamptz,
ADD COLUMN first_interaction timestamptz,
ADD COLUMN current_phone text,
ADD COLUMN context_epoch bigint NOT NULL DEFAULT 0,
ADD COLUMN updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
-- squawk-ignore adding-field-with-default
ADD COLUMN last_active_on date GENERATED ALWAYS AS ((last_interaction AT TIME ZONE 'UTC')::date) STORED,
ALTER COLUMN archived_at SET DEFAULT statement_timestamp(),
ADD CONSTRAINT historical_clients_archived_at_check CHECK (archived_at IS NOT NULL) NOT VALID,
ADD CONSTRAINT historical_clients_chat_id_check CHECK (chat_id <> '') NOT VALID,
ADD CONSTRAINT historical_clients_profile_data_check CHECK (jsonb_typeof(profile_data) = 'object') NOT VALID,
ADD CONSTRAINT historical_clients_thread_check CHECK (
    thread_id <> '' AND thread_tokens >= 0 AND (thread_id IS NOT NULL OR thread_tokens = 0)
) NOT VALID,
ADD CONSTRAINT historical_clients_interactions_check CHECK (first_interaction <= last_interaction) NOT VALID,
ADD CONSTRAINT historical_clients_current_phone_check CHECK (current_phone ~ '^([1-9][0-9]{6,14})?$') NOT VALID,
ADD CONSTRAINT historical_clients_moved_times_check CHECK (
    first_interaction BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND thread_created_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND updated_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
) NOT VALID;

-- Their rows stay when a guest is archived. Triggers delete them with the guest.
ALTER TABLE guest_threads
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT guest_threads_phone_number_fkey;

-- Every key that is a guest's. For the question whether a key is another guest's.
CREATE VIEW guest_keys AS
SELECT
    phone_number,
    FALSE AS archived
FROM guest_profiles
UNION ALL
SELECT
    phone_number,
    TRUE AS archived
FROM historical_clients;

-- Every guest, active or archived: archived_at is NULL for an active one.
CREATE VIEW known_guests AS
SELECT
    phone_number,
    chat_id,
    user_name,
    contact_name,
    labels,
    profile_data,
    memory_enabled,
    thread_id,
    thread_tokens,
    thread_created_at,
    first_interaction,
    last_interaction,
    total_interactions,
    last_active_on,
    current_phone,
    context_epoch,
    created_at,
    updated_at,
    NULL::timestamptz AS archived_at
FROM guest_profiles
UNION ALL
SELECT
    phone_number,
    chat_id,
    user_name,
    contact_name,
    labels,
    profile_data,
    memory_enabled,
    thread_id,
    thread_tokens,
    thread_created_at,
    first_interaction,
    last_interaction,
    total_interactions,
    last_active_on,
    current_phone,
    context_epoch,
    created_at,
    updated_at,
    archived_at
FROM historical_clients;

-- The active guests whom archive_guests may move, and since when each is silent: a guest who never wrote, since created_at.
-- Guests who have a message in progress or an unsent reply are left out, as are those for whom a context or a thread is being
-- made.
CREATE VIEW idle_guests AS
SELECT
    guest.phone_number,
    guest.last_active_on,
    coalesce(guest.last_interaction, guest.created_at) AS silent_since
FROM guest_profiles AS guest
WHERE
    (guest.context_lease_until IS NULL OR guest.context_lease_until <= statement_timestamp())
    AND (guest.thread_lease_until IS NULL OR guest.thread_lease_until <= statement_timestamp())
    AND NOT EXISTS (
        SELECT 1
        FROM operations AS opened
        WHERE
            opened.phone_number = guest.phone_number
            AND opened.done_at IS NULL
            AND opened.lease_until > statement_timestamp()
    )
    AND NOT EXISTS (
        SELECT 1
        FROM outbox AS reply
        WHERE
            reply.phone_number = guest.phone_number
            AND reply.state IN ('queued', 'sending')
    );

-- As before, for guests in both tables.
CREATE OR REPLACE FUNCTION guestsql_free_id(phone text) RETURNS text
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
            SELECT FROM guest_keys AS guest
            WHERE guest.phone_number = candidate
        );
        number := number + 1;
    END LOOP;
    RETURN candidate;
END
$$;

-- As before, for guests in both tables.
CREATE OR REPLACE FUNCTION guestsql_is_erased(
    gateway text, message_id text, user_id text, sent_at timestamptz
) RETURNS boolean
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
                INNER JOIN known_guests AS guest ON ids.phone_number = guest.phone_number
                WHERE
                    ids.id = user_id
                    AND guest.created_at < erased.erased_at
            )
    );
END
$$;

-- As before, with words for an archive, too.
CREATE OR REPLACE FUNCTION guestsql_refuse_cascade(referenced regclass, key text) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    reference record;
    is_found boolean;
BEGIN
    FOR reference IN
        SELECT
            constraints.conrelid::regclass AS table_name,
            constraints.conname AS constraint_name,
            attributes.attname AS column_name
        FROM pg_constraint AS constraints
        INNER JOIN pg_attribute AS attributes
            ON
                constraints.conrelid = attributes.attrelid
                AND constraints.conkey[1] = attributes.attnum
        WHERE
            constraints.contype = 'f'
            AND constraints.confrelid = referenced
            AND constraints.confdeltype IN ('c', 'n', 'd')
            AND constraints.conparentid = 0
        ORDER BY constraints.conname
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I = $1)', reference.table_name, reference.column_name)
        INTO is_found
        USING key;
        IF is_found THEN
            RAISE foreign_key_violation USING
                MESSAGE = format('rows of %s refer to a guest whose row goes, and its foreign key cascades', reference.table_name),
                HINT = 'move them by a query marked -- on: merge_guests, or -- on: archive_guest and -- on: return_guest',
                CONSTRAINT = reference.constraint_name;
        END IF;
    END LOOP;
    RETURN TRUE;
END
$$;

-- Enters the ids of new guests, as before; and refuses the row of an archived guest with SQLSTATE GS001. The detail has the
-- archive's numbers, not the phones: the server's log shows it. guestsql returns these guests and repeats the statement.
--
-- A guest whose key is a phone that is another guest's now has another id. So such a row is a guest's who returns; without
-- that id it is a mistake, as before.
CREATE OR REPLACE FUNCTION guestsql_register_ids() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
    entered bigint;
    client_numbers text;
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
            SELECT FROM guest_keys AS other
            WHERE other.phone_number = spelled.id
        )
    ORDER BY spelled.id
    ON CONFLICT (id) DO NOTHING;
    GET DIAGNOSTICS entered = ROW_COUNT;

    -- The key of an archived guest is among the known ids.
    IF EXISTS (SELECT FROM created WHERE created.first_id IS NOT NULL)
        OR entered < (SELECT sum(cardinality(guestsql_spellings(created.phone_number))) FROM created)
    THEN
        -- FOR SHARE waits for a merge that is moving one of them, and for a guest who is just being archived.
        PERFORM
        FROM guest_ids AS ids
        WHERE
            -- An array, for which the index is used.
            ids.id = ANY(
                array(
                    SELECT created.phone_number FROM created
                    UNION
                    SELECT created.first_id FROM created
                )
            )
        ORDER BY ids.id
        FOR SHARE;

        SELECT string_agg(client.id::text, ',' ORDER BY client.id)
        INTO client_numbers
        FROM historical_clients AS client
        INNER JOIN created ON client.phone_number = created.phone_number;
        IF client_numbers IS NOT NULL THEN
            RAISE SQLSTATE 'GS001' USING
                MESSAGE = 'an archived guest cannot be written, only returned',
                DETAIL = client_numbers,
                HINT = 'return the guest first: guestsql history return USER_ID',
                TABLE = 'historical_clients',
                SCHEMA = TG_TABLE_SCHEMA;
        END IF;

        IF EXISTS (
            SELECT
            FROM created
            LEFT JOIN guest_ids AS own_ids ON created.phone_number = own_ids.id
            LEFT JOIN guest_ids AS first_ids ON created.first_id = first_ids.id
            WHERE
                (
                    own_ids.phone_number IS DISTINCT FROM created.phone_number
                    AND NOT EXISTS (
                        SELECT FROM guest_ids AS other_ids
                        WHERE other_ids.phone_number = created.phone_number
                    )
                )
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

-- Deletes the ids and the threads of guests who are in neither table any more, also after a DELETE by hand.
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
            source = 'guest'
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
            WHERE other.phone_number = ids.phone_number
        );

    DELETE FROM guest_threads AS threads
    WHERE threads.phone_number = ANY(gone);
    RETURN NULL;
END
$$;

-- Not TRUNCATE, which the statement itself may be doing to these tables.
CREATE OR REPLACE FUNCTION guestsql_delete_all_ids() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    DELETE FROM guest_ids AS ids
    WHERE
        NOT EXISTS (
            SELECT FROM guest_keys AS guest
            WHERE guest.phone_number = ids.phone_number
        );
    DELETE FROM guest_threads AS threads
    WHERE
        NOT EXISTS (
            SELECT FROM guest_keys AS guest
            WHERE guest.phone_number = threads.phone_number
        );
    RETURN NULL;
END
$$;

-- Locks the guests who have some ids, so that none of them is archived meanwhile; returns the keys of those who are archived.
-- The active ones first, as lock_guests does: in another order two of them deadlock.
--
-- VOLATILE: after it has waited for a guest who is being archived or returned, it sees where the guest is now.
CREATE FUNCTION guestsql_hold_guests(ids text[]) RETURNS SETOF text
LANGUAGE plpgsql
VOLATILE
AS $$
DECLARE
    guest_key text;
    other_keys text[] := '{}';
BEGIN
    FOR guest_key IN
        SELECT DISTINCT guestsql_guest_key(given.id) AS phone_number
        FROM unnest(ids) AS given (id)
        ORDER BY phone_number
    LOOP
        PERFORM
        FROM guest_profiles AS guest
        WHERE guest.phone_number = guest_key
        FOR KEY SHARE;
        IF NOT FOUND THEN
            other_keys := other_keys || guest_key;
        END IF;
    END LOOP;

    FOREACH guest_key IN ARRAY other_keys LOOP
        -- Again while the guest moves; an unknown one is in neither table.
        WHILE EXISTS (SELECT FROM guest_keys WHERE guest_keys.phone_number = guest_key) LOOP
            PERFORM
            FROM historical_clients AS client
            WHERE client.phone_number = guest_key
            FOR UPDATE;
            IF FOUND THEN
                RETURN NEXT guest_key;
                EXIT;
            END IF;
            PERFORM
            FROM guest_profiles AS guest
            WHERE guest.phone_number = guest_key
            FOR KEY SHARE;
            EXIT WHEN FOUND;
        END LOOP;
    END LOOP;
END
$$;

-- Enters the ids of archived guests who were inserted by hand, and refuses a key that is an active guest's.
CREATE FUNCTION guestsql_register_archived() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM created) THEN
        RETURN NULL;
    END IF;

    -- A known id is written, too: a transaction that began before, at a higher isolation level, cannot see the archived
    -- guest. guestsql_register_ids locks the id, and that fails then.
    INSERT INTO guest_ids AS known (id, phone_number, source)
    SELECT
        created.phone_number,
        created.phone_number,
        'guest'
    FROM created
    ORDER BY created.phone_number
    ON CONFLICT (id) DO UPDATE
        SET last_seen_at = known.last_seen_at;

    INSERT INTO guest_ids (id, phone_number, source)
    SELECT
        spelled.id,
        created.phone_number,
        'spelling'
    FROM created
    CROSS JOIN unnest(guestsql_spellings(created.phone_number)) AS spelled (id)
    WHERE
        NOT EXISTS (
            SELECT FROM guest_keys AS other
            WHERE other.phone_number = spelled.id
        )
    ORDER BY spelled.id
    ON CONFLICT (id) DO NOTHING;

    IF EXISTS (
        SELECT
        FROM created
        INNER JOIN guest_profiles AS guest ON created.phone_number = guest.phone_number
    ) THEN
        RAISE unique_violation USING
            MESSAGE = 'an active guest cannot be archived by an INSERT alone',
            HINT = 'call archive_guests, or delete the row of guest_profiles in the same statement',
            CONSTRAINT = 'guest_keys';
    END IF;
    IF EXISTS (
        SELECT
        FROM created
        WHERE
            NOT EXISTS (
                SELECT FROM guest_ids AS ids
                WHERE ids.phone_number = created.phone_number
            )
    ) THEN
        RAISE unique_violation USING
            MESSAGE = 'the key of an archived guest is an id of another guest',
            HINT = 'guest_ids shows whose it is',
            CONSTRAINT = 'guest_keys';
    END IF;
    RETURN NULL;
END
$$;

-- A row in both tables, from the time before: the archive's goes into the guest's profile_data. It is the guest's also if the
-- guest has another key now.
CREATE TEMPORARY TABLE folded_clients ON COMMIT DROP AS
SELECT
    guest.phone_number,
    client.phone_number AS client_number,
    to_jsonb(client)
    - '{id, profile_data, memory_enabled, thread_tokens, context_epoch, updated_at, last_active_on}'::text[]
    - 'marketing_consent' AS record
FROM historical_clients AS client
LEFT JOIN guest_ids AS ids ON client.phone_number = ids.id
INNER JOIN guest_profiles AS guest
    ON
        guest.phone_number = coalesce(
            (
                SELECT same.phone_number
                FROM guest_profiles AS same
                WHERE same.phone_number = client.phone_number
            ),
            ids.phone_number
        );

-- In the order of the keys, as everywhere.
DO $$
BEGIN
    PERFORM
    FROM guest_profiles AS guest
    WHERE guest.phone_number IN (SELECT folded.phone_number FROM folded_clients AS folded)
    ORDER BY guest.phone_number
    FOR UPDATE;
END
$$;

-- A value of the bot's own under the same name is kept with it.
UPDATE guest_profiles AS guest
SET
    profile_data = guest.profile_data || jsonb_build_object(
        'historical',
        CASE
            WHEN guest.profile_data ? 'historical'
                THEN jsonb_build_object('profile_data', guest.profile_data -> 'historical')
            ELSE '{}'
        END || folded.records
    )
FROM (
    SELECT
        folded_clients.phone_number,
        jsonb_object_agg(folded_clients.client_number, jsonb_strip_nulls(folded_clients.record)) AS records
    FROM folded_clients
    GROUP BY folded_clients.phone_number
) AS folded
WHERE guest.phone_number = folded.phone_number;

DELETE FROM historical_clients AS client
USING folded_clients
WHERE client.phone_number = folded_clients.client_number;

UPDATE historical_clients
SET
    archived_at = coalesce(archived_at, created_at),
    updated_at = coalesce(archived_at, created_at);

-- Their ids. A phone that is kept for the next guest under it leads there; the former one gets another id.
INSERT INTO guest_ids (id, phone_number, source, first_seen_at, last_seen_at)
SELECT DISTINCT ON (spelled.id)
    spelled.id,
    client.phone_number,
    CASE WHEN spelled.id = client.phone_number THEN 'guest' ELSE 'spelling' END AS source,
    client.created_at AS first_seen_at,
    client.created_at AS last_seen_at
FROM historical_clients AS client
CROSS JOIN unnest(guestsql_spellings(client.phone_number)) AS spelled (id)
ORDER BY
    spelled.id ASC,
    spelled.id = client.phone_number DESC
ON CONFLICT (id) DO NOTHING;

INSERT INTO guest_ids (id, phone_number, source)
SELECT
    guestsql_free_id(client.phone_number),
    client.phone_number,
    'link'
FROM historical_clients AS client
WHERE
    NOT EXISTS (
        SELECT FROM guest_ids AS ids
        WHERE ids.phone_number = client.phone_number
    );

-- squawk-ignore require-concurrent-index-deletion
DROP INDEX idx_historical_clients_status;

-- The numbers in the detail of GS001; and lists by the last message. Few rows: the table was written by hand only.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX historical_clients_id ON historical_clients (id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX historical_clients_last_active_on ON historical_clients (last_active_on DESC NULLS LAST);

CREATE TRIGGER historical_clients_register_ids
AFTER INSERT ON historical_clients
REFERENCING NEW TABLE AS created
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_register_archived();

CREATE TRIGGER historical_clients_delete_ids
AFTER DELETE ON historical_clients
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_delete_ids();

CREATE TRIGGER historical_clients_delete_all_ids
AFTER TRUNCATE ON historical_clients
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_delete_all_ids();

REVOKE ALL ON FUNCTION guestsql_register_archived() FROM public;

UPDATE guestsql_grants
SET
    monitor_columns = '{
        memory_enabled, thread_tokens, thread_created_at, first_interaction, last_interaction, last_active_on,
        total_interactions, created_at, updated_at, archived_at
    }'
WHERE relation_name = 'historical_clients';

INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('guest_keys', '{SELECT}', '{}'),
('known_guests', '{SELECT}', '{}'),
-- UPDATE is for FOR UPDATE.
('idle_guests', '{SELECT,UPDATE}', '{}');

SELECT guestsql_grant_roles();
