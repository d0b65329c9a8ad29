-- A guest's message is processed once: its gateway may deliver it again, to another process, with another time, or under
-- another id of the guest. Duplicates are found in the table operations: source is the gateway, and operation_id the
-- message's id. The table is not partitioned, so that a delivery with another time meets the same row.
--
-- lease     done_at
-- set       NULL       in progress while lease_until is in the future; later another caller may claim it
-- set       set        done, by the caller who has that lease: a repeat of its last statement changes nothing
-- NULL      NULL       was in progress, and failed: it can be claimed again
-- NULL      set        an operation of this package; or a message of which only single effects were counted
ALTER TABLE operations
-- The guest's id while the row is not done, and with effects that were counted by themselves: an erasure or a merge finds
-- the row by it.
ADD COLUMN phone_number text,
ADD COLUMN lease uuid,
ADD COLUMN lease_until timestamptz,
ADD COLUMN claimed_at timestamptz,

-- What was counted of a message, so that nothing is counted again in another way: {"interaction": true, "tokens": {"t1": 12}}.
ADD COLUMN effects jsonb NOT NULL DEFAULT '{}',
-- Only rows of a kind that older versions do not read are without it.
-- squawk-ignore ban-drop-not-null
ALTER COLUMN done_at DROP NOT NULL,
ADD CONSTRAINT operations_lease_check CHECK (
    (lease IS NULL) = (lease_until IS NULL)
    AND (lease IS NULL OR claimed_at IS NOT NULL)
) NOT VALID,
ADD CONSTRAINT operations_claim_times_check CHECK (
    lease_until BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND claimed_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
) NOT VALID;

-- Both hold few rows, and are built while the table is read once.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX operations_phone_number ON operations (phone_number) WHERE phone_number IS NOT NULL;

-- For those in progress, and for thin_operations.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX operations_claimed_at ON operations (claimed_at) WHERE done_at IS NULL;

-- Every message that was processed or sent: written once, and not changed but for its text, which is kept for
-- GUESTSQL_KEEP_TEXT days. One partition a month, by guestsql_make_message_partitions. The default partition takes what has
-- no other.
CREATE TABLE messages (
    -- The message's own time, never in the future.
    sent_at timestamptz NOT NULL,
    gateway text NOT NULL,

    -- NULL: the gateway gave no id to a message that was sent.
    message_id text,
    phone_number text NOT NULL,
    chat_id text,
    direction text NOT NULL,
    tokens bigint NOT NULL DEFAULT 0,
    text text,

    CONSTRAINT messages_direction_check CHECK (direction IN ('in', 'out')),
    CONSTRAINT messages_tokens_check CHECK (tokens >= 0),
    CONSTRAINT messages_times_check CHECK (
        sent_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
) PARTITION BY RANGE (sent_at);

CREATE TABLE messages_default PARTITION OF messages DEFAULT;

CREATE INDEX messages_phone_number ON messages (phone_number, sent_at);

-- For thin_message_texts.
CREATE INDEX messages_texts ON messages (sent_at) WHERE text IS NOT NULL;

-- The form in which the id of an erased guest's message is kept in operations: the id may contain a phone number.
CREATE FUNCTION guestsql_erased_message(gateway text, message_id text) RETURNS text
LANGUAGE sql
STABLE
RETURN 'erased:'
|| encode(sha256((SELECT salt FROM erasure_salt) || convert_to(gateway || ' ' || message_id, 'UTF8')), 'hex');

-- Makes the partitions of this month and the next two, and of those months of the last year whose messages are in the
-- default partition; these are moved. Returns the number of partitions. With the owner's rights, because only the owner may
-- create tables here; for callers who may write messages.
CREATE FUNCTION guestsql_make_message_partitions() RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET lock_timeout = '2s'
AS $$
DECLARE
    -- A login may have its rights by SET ROLE only.
    caller name := coalesce(nullif(current_setting('role'), 'none'), session_user);
    owner name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'messages'::regclass);
    this_month timestamp := date_trunc('month', statement_timestamp() AT TIME ZONE 'UTC');
    since timestamp;
    partition text;
    made integer := 0;
BEGIN
    IF NOT has_table_privilege(caller, 'messages', 'INSERT') THEN
        RAISE insufficient_privilege USING MESSAGE = 'only those who may write messages may call this';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('guestsql_message_partitions'));
    FOR since IN
        SELECT months.since
        FROM (
            SELECT generate_series(this_month, this_month + INTERVAL '2 months', INTERVAL '1 month') AS since
            UNION
            SELECT date_trunc('month', misplaced.sent_at AT TIME ZONE 'UTC') AS since
            FROM messages_default AS misplaced
            WHERE misplaced.sent_at >= (this_month - INTERVAL '1 year') AT TIME ZONE 'UTC'
        ) AS months
        ORDER BY months.since
    LOOP
        partition := to_char(since, '"messages_"YYYY_MM');
        CONTINUE WHEN to_regclass(partition) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE messages INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition);
        IF owner <> current_user THEN
            EXECUTE format('ALTER TABLE %I OWNER TO %I', partition, owner);
        END IF;
        -- Else a message that arrives meanwhile would be in both.
        LOCK TABLE messages_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format(
            'WITH moved AS (DELETE FROM messages_default WHERE sent_at >= $1 AND sent_at < $2 RETURNING *) '
            'INSERT INTO %I SELECT * FROM moved',
            partition
        )
        USING since AT TIME ZONE 'UTC', (since + INTERVAL '1 month') AT TIME ZONE 'UTC';
        EXECUTE format(
            'ALTER TABLE messages ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            partition, since AT TIME ZONE 'UTC', (since + INTERVAL '1 month') AT TIME ZONE 'UTC'
        );
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

-- Drops the partitions whose last message is older than so many days, and deletes such messages from the default partition.
-- Returns the number of both. Likewise with the owner's rights, for callers who may delete messages.
CREATE FUNCTION guestsql_thin_messages(keep_days integer) RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET lock_timeout = '2s'
AS $$
DECLARE
    caller name := coalesce(nullif(current_setting('role'), 'none'), session_user);
    kept_since timestamptz := statement_timestamp() - make_interval(days => keep_days);
    partition regclass;
    thinned bigint;
    dropped integer := 0;
BEGIN
    IF NOT has_table_privilege(caller, 'messages', 'DELETE') THEN
        RAISE insufficient_privilege USING MESSAGE = 'only those who may delete messages may call this';
    END IF;
    DELETE FROM messages_default WHERE sent_at < kept_since;
    GET DIAGNOSTICS thinned = ROW_COUNT;
    FOR partition IN
        SELECT inherited.inhrelid::regclass
        FROM pg_inherits AS inherited
        INNER JOIN pg_class AS partitions ON inherited.inhrelid = partitions.oid
        WHERE
            inherited.inhparent = 'messages'::regclass
            AND partitions.relname ~ '^messages_[0-9]{4}_[0-9]{2}$'
            AND (to_date(right(partitions.relname, 7), 'YYYY_MM') + INTERVAL '1 month') AT TIME ZONE 'UTC' <= kept_since
        ORDER BY partitions.relname
    LOOP
        EXECUTE format('DROP TABLE %s', partition);
        dropped := dropped + 1;
    END LOOP;
    RETURN thinned + dropped;
END
$$;

-- Their own schema first, and no one else's: they run with the owner's rights.
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION guestsql_make_message_partitions() SET search_path = %I, pg_temp', current_schema()
    );
    EXECUTE format('ALTER FUNCTION guestsql_thin_messages(integer) SET search_path = %I, pg_temp', current_schema());
END
$$;

-- Neither guest, chat nor text for the monitor, nor a message's id, which may contain a phone number.
UPDATE guestsql_grants
SET monitor_columns = '{source, attempts, lease_until, claimed_at, done_at}'
WHERE relation_name = 'operations';

INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('messages', DEFAULT, '{sent_at, gateway, direction, tokens}'),
('messages_default', '{}', '{}');

SELECT guestsql_grant_roles();
