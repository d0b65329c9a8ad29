-- The threads that guests had before: when, how many tokens, and why they ended. The current thread is in guest_profiles,
-- so that counting its tokens stays a heap-only update of one row.

CREATE TABLE guest_threads (
    phone_number text NOT NULL,
    thread_id text NOT NULL,

    -- NULL: unknown, for a thread from the old bot's files.
    started_at timestamptz,
    ended_at timestamptz,

    -- All tokens spent in it, those that arrive late too.
    tokens bigint NOT NULL DEFAULT 0,

    -- replaced: another thread took its place. cleared: the guest was left without one. merged: it was the thread of a
    -- duplicate whom merge_guests removed. imported: the old bot's files list it as a previous thread.
    reason text NOT NULL,

    CONSTRAINT guest_threads_pkey PRIMARY KEY (phone_number, thread_id),
    CONSTRAINT guest_threads_phone_number_fkey FOREIGN KEY (phone_number) REFERENCES guest_profiles (phone_number)
    ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT guest_threads_thread_id_check CHECK (thread_id <> ''),
    CONSTRAINT guest_threads_tokens_check CHECK (tokens >= 0),
    CONSTRAINT guest_threads_reason_check CHECK (reason IN ('replaced', 'cleared', 'merged', 'imported')),
    CONSTRAINT guest_threads_times_check CHECK (
        started_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND ended_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
)
WITH (fillfactor = 90);

-- Keeps the thread that an update of guest_profiles removes. A thread that becomes the guest's again leaves this table,
-- and its tokens and its beginning return with it. A trigger, so that it holds for every writer: a query, an import, a
-- merge, an UPDATE by hand. The guest's row is locked, so no other writer changes the same guest's threads meanwhile.
CREATE FUNCTION guestsql_keep_thread() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
    resumed guest_threads%ROWTYPE;
BEGIN
    IF OLD.thread_id IS NOT NULL THEN
        -- There is a row already if this statement has added tokens to it.
        INSERT INTO guest_threads AS known (phone_number, thread_id, started_at, ended_at, tokens, reason)
        VALUES (
            OLD.phone_number,
            OLD.thread_id,
            OLD.thread_created_at,
            statement_timestamp(),
            OLD.thread_tokens,
            CASE WHEN NEW.thread_id IS NULL THEN 'cleared' ELSE 'replaced' END
        )
        ON CONFLICT (phone_number, thread_id) DO UPDATE
            SET
                started_at = least(known.started_at, excluded.started_at),
                ended_at = excluded.ended_at,
                tokens = known.tokens + excluded.tokens,
                reason = excluded.reason;
    END IF;

    DELETE FROM guest_threads AS known
    WHERE
        known.phone_number = OLD.phone_number
        AND known.thread_id = NEW.thread_id
    RETURNING * INTO resumed;
    IF FOUND THEN
        NEW.thread_tokens := NEW.thread_tokens + resumed.tokens;
        NEW.thread_created_at := least(resumed.started_at, NEW.thread_created_at);
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER guest_profiles_keep_thread
BEFORE UPDATE OF thread_id ON guest_profiles
FOR EACH ROW
WHEN (new.thread_id IS DISTINCT FROM old.thread_id)
EXECUTE FUNCTION guestsql_keep_thread();

-- The tokens of a thread that the guest had before; NULL if there is no such thread. Call it when the guest's row is
-- locked. It is volatile, so it sees what others committed while this statement waited for the lock; the statement itself
-- still sees the threads as they were when it began.
CREATE FUNCTION guestsql_replaced_tokens(guest_key text, given_thread_id text) RETURNS bigint
LANGUAGE plpgsql
VOLATILE
AS $$
BEGIN
    RETURN (
        SELECT known.tokens
        FROM guest_threads AS known
        WHERE
            known.phone_number = guest_key
            AND known.thread_id = given_thread_id
    );
END
$$;

-- The caller that creates the guest's first thread (create_thread), and until when no other caller may.
-- NOT VALID, so that no one waits while the table is read; the columns are new and empty. 0027 validates.
ALTER TABLE guest_profiles
ADD COLUMN thread_lease uuid,
ADD COLUMN thread_lease_until timestamptz,
ADD CONSTRAINT guest_profiles_thread_lease_check CHECK (
    (thread_lease IS NULL) = (thread_lease_until IS NULL)
    AND thread_lease_until BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
) NOT VALID;

-- Not the ids of threads: by their times they could be joined with guest_figures.
INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('guest_threads', DEFAULT, '{started_at, ended_at, tokens, reason}');

REVOKE ALL ON FUNCTION guestsql_keep_thread() FROM public;

SELECT guestsql_grant_roles();
