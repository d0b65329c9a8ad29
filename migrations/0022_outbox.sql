-- Replies to guests: queued together with the message that they answer, and kept until the sender that claims them has
-- marked them.
--
-- States: queued -> sending -> sent, or back to queued after a failure, or dead after the last one. A reply whose sender
-- was killed stays in sending; past due_at it may be claimed again, and may have been sent.
CREATE TABLE outbox (
    -- In the order of queueing: an id is taken while the guest's row is locked.
    reply_id bigint GENERATED ALWAYS AS IDENTITY,

    -- The guest's key.
    phone_number text NOT NULL,

    -- The messaging service that delivers it, and there the id of the message that it answers; NULL if it answers none.
    gateway text NOT NULL DEFAULT 'whatsapp',
    message_id text,

    -- What the sender needs, in its own form. NULL once it is sent: the text of a conversation is not kept.
    payload jsonb,

    state text NOT NULL DEFAULT 'queued',

    -- When it may be claimed: a queued reply from then on, one being sent when its lease ends.
    due_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    -- Claims, and who has the last one. It stays when the reply is marked, so that a repeated mark is recognised.
    attempts bigint NOT NULL DEFAULT 0,
    lease uuid,

    -- True from the first claim that found it in sending until a sender or an operator decides: it may have been sent.
    is_maybe_sent boolean NOT NULL DEFAULT FALSE,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    sent_at timestamptz,
    sent_message_id text,

    -- A claim and a mark find a reply by its id alone, also after a merge has moved it to another guest.
    CONSTRAINT outbox_pkey PRIMARY KEY (reply_id, phone_number),
    CONSTRAINT outbox_state_check CHECK (state IN ('queued', 'sending', 'sent', 'dead')),
    CONSTRAINT outbox_payload_check CHECK (payload IS NOT NULL OR state = 'sent'),
    CONSTRAINT outbox_lease_check CHECK (lease IS NOT NULL OR state IN ('queued', 'dead')),
    CONSTRAINT outbox_sent_check CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
    CONSTRAINT outbox_attempts_check CHECK (attempts >= 0),
    CONSTRAINT outbox_times_check CHECK (
        due_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND created_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND sent_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

-- For exports, merges and erasures.
CREATE INDEX outbox_phone_number ON outbox (phone_number);

-- For the order: a guest's first unfinished reply. Few rows: a finished reply is in neither of these.
CREATE INDEX outbox_unfinished ON outbox (phone_number, reply_id) WHERE state IN ('queued', 'sending');

-- For claims.
CREATE INDEX outbox_due_at ON outbox (due_at, reply_id) WHERE state IN ('queued', 'sending');

-- For a claim that is repeated because its answer was lost.
CREATE INDEX outbox_lease ON outbox (lease) WHERE state = 'sending';

-- For thin_replies, and for the dead letters.
CREATE INDEX outbox_sent_at ON outbox (sent_at) WHERE state = 'sent';
CREATE INDEX outbox_dead ON outbox (reply_id) WHERE state = 'dead';

-- Wakes the senders that wait, however a reply was queued. A transaction that queues many notifies once.
CREATE FUNCTION guestsql_notify_outbox() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('guestsql_outbox', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER outbox_queued
AFTER INSERT OR UPDATE OF state ON outbox
FOR EACH ROW WHEN (new.state = 'queued')
EXECUTE FUNCTION guestsql_notify_outbox();

-- No payload, no id of a message, no error for the monitor: each may contain a phone number.
INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('outbox', DEFAULT, '{
    reply_id, gateway, state, due_at, attempts, is_maybe_sent, created_at, sent_at
}');

SELECT guestsql_grant_roles();
