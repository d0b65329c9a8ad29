-- Campaigns: whom a segment lists, what is to be sent to each of them, and what became of it. Nothing here sends a message.
-- A guest's next action is an action, too, of the campaign next_action.

CREATE TABLE campaigns (
    campaign text NOT NULL,

    -- The query marked `-- segment: NAME` that lists its people, and its parameters. NULL: of next_action.
    segment text,
    parameters jsonb NOT NULL DEFAULT '{}',

    -- What is sent; NULL: the sender decides.
    template text,

    -- As consent and the contact rules know them. NULL: each action has its own.
    purpose text,
    channel text,
    account text,

    -- How many people it may be planned for in all. NULL: any number.
    max_people bigint,

    -- So many have been planned. In the row that plan_actions locks: a count would be out of date after a wait.
    planned_people bigint NOT NULL DEFAULT 0,

    -- Actions are handed out from starts_at on, before ends_at.
    starts_at timestamptz,
    ends_at timestamptz,
    state text NOT NULL DEFAULT 'active',
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT campaigns_pkey PRIMARY KEY (campaign),
    CONSTRAINT campaigns_account_fkey FOREIGN KEY (account, channel)
    REFERENCES contact_accounts (account, channel),
    CONSTRAINT campaigns_purpose_fkey FOREIGN KEY (purpose) REFERENCES contact_purposes (purpose),
    CONSTRAINT campaigns_campaign_check CHECK (campaign ~ '^[a-z0-9][a-z0-9_.-]{0,99}$'),
    CONSTRAINT campaigns_own_action_check CHECK (
        num_nulls(segment, purpose, channel, account) = CASE WHEN campaign = 'next_action' THEN 4 ELSE 0 END
    ),
    CONSTRAINT campaigns_parameters_check CHECK (jsonb_typeof(parameters) = 'object'),
    CONSTRAINT campaigns_state_check CHECK (state IN ('active', 'paused', 'ended')),
    CONSTRAINT campaigns_people_check CHECK (max_people >= 0 AND planned_people >= 0),
    CONSTRAINT campaigns_times_check CHECK (
        starts_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND ends_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND starts_at < ends_at
        AND created_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

INSERT INTO campaigns (campaign) VALUES ('next_action');

-- One message to one guest, to be handed out once.
--
-- States: planned -> claimed -> sent -> failed -> delivered, some of them left out; or planned -> refused, when a contact rule
-- forbids it for good, or planned -> cancelled. A claim that was released is planned again. A claim past its lease may have
-- been sent.
--
-- Who locks actions and guest_marketing locks the actions first.
CREATE TABLE campaign_actions (
    action_id bigint GENERATED ALWAYS AS IDENTITY,

    -- The guest's key. Only a merge changes it.
    phone_number text NOT NULL,
    campaign text NOT NULL,

    -- Those of the campaign when it was planned; of a next action, its own.
    template text,
    purpose text NOT NULL,
    channel text NOT NULL,
    account text NOT NULL,

    -- From when on it may be claimed; moved when a contact rule forbids it until then.
    due_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'planned',

    -- Who has claimed it, and until when the sender should have reported.
    lease uuid,
    lease_until timestamptz,
    claimed_at timestamptz,
    sent_at timestamptz,

    -- A result has withdrawn the guest's consent.
    is_opted_out boolean NOT NULL DEFAULT FALSE,

    -- The id that the gateway gave to the message: its events name it.
    message_id text,
    note text,
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT campaign_actions_pkey PRIMARY KEY (action_id, phone_number),
    CONSTRAINT campaign_actions_campaign_fkey FOREIGN KEY (campaign) REFERENCES campaigns (campaign),
    CONSTRAINT campaign_actions_account_fkey FOREIGN KEY (account, channel)
    REFERENCES contact_accounts (account, channel),
    CONSTRAINT campaign_actions_purpose_fkey FOREIGN KEY (purpose) REFERENCES contact_purposes (purpose),
    -- A claim locks that row. An erasure that has not seen a new action deletes it with that row.
    CONSTRAINT campaign_actions_phone_number_fkey FOREIGN KEY (phone_number) REFERENCES guest_marketing (phone_number)
    ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT campaign_actions_state_check CHECK (
        state IN ('planned', 'claimed', 'sent', 'failed', 'delivered', 'refused', 'cancelled')
    ),
    CONSTRAINT campaign_actions_claim_check CHECK (
        num_nulls(lease, lease_until, claimed_at) IN (0, 3)
        AND (lease IS NOT NULL OR state <> 'claimed')
        AND (lease IS NULL OR state NOT IN ('planned', 'refused'))
    ),
    CONSTRAINT campaign_actions_texts_check CHECK (note <> '' AND message_id <> ''),
    CONSTRAINT campaign_actions_times_check CHECK (
        due_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND lease_until BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND claimed_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND sent_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND created_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

-- A campaign has one action for each guest; next_action has one that is open.
CREATE UNIQUE INDEX campaign_actions_guest ON campaign_actions (campaign, phone_number)
WHERE campaign <> 'next_action' AND state <> 'cancelled';
CREATE UNIQUE INDEX campaign_actions_next ON campaign_actions (phone_number)
WHERE campaign = 'next_action' AND state = 'planned';

-- For claims.
CREATE INDEX campaign_actions_due_at ON campaign_actions (account, due_at, action_id) WHERE state = 'planned';
CREATE INDEX campaign_actions_campaign_due_at ON campaign_actions (campaign, due_at, action_id) WHERE state = 'planned';

-- For a claim that is repeated because its answer was lost, and for claims past their lease.
CREATE INDEX campaign_actions_lease ON campaign_actions (lease) WHERE state = 'claimed';
CREATE INDEX campaign_actions_lease_until ON campaign_actions (lease_until) WHERE state = 'claimed';

-- For the plan and the figures of a campaign.
CREATE INDEX campaign_actions_campaign ON campaign_actions (campaign, phone_number);

-- For exports, merges and erasures; and for the events of the gateway.
CREATE INDEX campaign_actions_phone_number ON campaign_actions (phone_number);
CREATE INDEX campaign_actions_message_id ON campaign_actions (message_id) WHERE message_id IS NOT NULL;

-- Each rule by which an action was refused, and how often.
CREATE TABLE action_refusals (
    action_id bigint NOT NULL,
    phone_number text NOT NULL,
    rule text NOT NULL,
    detail text,

    -- When the rule will no longer forbid it; NULL: never.
    retry_at timestamptz,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    times bigint NOT NULL DEFAULT 1,

    CONSTRAINT action_refusals_pkey PRIMARY KEY (action_id, rule, phone_number),
    CONSTRAINT action_refusals_action_fkey FOREIGN KEY (action_id, phone_number)
    REFERENCES campaign_actions (action_id, phone_number) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT action_refusals_times_check CHECK (
        times > 0
        AND retry_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND first_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND last_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

-- What became of an action that was handed out: each result once, in any order.
CREATE TABLE action_results (
    action_id bigint NOT NULL,
    phone_number text NOT NULL,
    result text NOT NULL,

    -- Of a failure, as the gateway reports it; see result_codes.
    code text,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT action_results_pkey PRIMARY KEY (action_id, result, phone_number),
    CONSTRAINT action_results_action_fkey FOREIGN KEY (action_id, phone_number)
    REFERENCES campaign_actions (action_id, phone_number) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT action_results_result_check CHECK (
        result IN ('sent', 'delivered', 'read', 'replied', 'opted_out', 'failed')
    ),
    CONSTRAINT action_results_code_check CHECK (code <> ''),
    CONSTRAINT action_results_times_check CHECK (
        occurred_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND recorded_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

-- What the gateways' codes mean. A code that says that the person refuses such messages withdraws the consent.
CREATE TABLE result_codes (
    channel text NOT NULL,
    code text NOT NULL,
    meaning text NOT NULL,
    is_opt_out boolean NOT NULL DEFAULT FALSE,
    source text NOT NULL,

    CONSTRAINT result_codes_pkey PRIMARY KEY (channel, code),
    CONSTRAINT result_codes_texts_check CHECK (channel <> '' AND code <> '' AND meaning <> '' AND source <> '')
);

INSERT INTO result_codes (channel, code, meaning, is_opt_out, source) VALUES
(
    'whatsapp', '131050', 'the person has turned off marketing messages of this business',
    TRUE, 'WhatsApp Cloud API, error codes'
),
(
    'whatsapp', '131049', 'not delivered, so that the person does not get too many',
    FALSE, 'WhatsApp Cloud API, error codes'
),
(
    'whatsapp', '131026', 'the message cannot be delivered to this number',
    FALSE, 'WhatsApp Cloud API, error codes'
),
(
    'whatsapp', '131047', 'more than 24 hours since the last message: a template is needed',
    FALSE, 'WhatsApp Cloud API, error codes'
),
(
    'whatsapp', '131048', 'too many messages were reported as spam',
    FALSE, 'WhatsApp Cloud API, error codes'
),
(
    'whatsapp', '131056', 'too many messages to this number in a short time',
    FALSE, 'WhatsApp Cloud API, error codes'
),
(
    'whatsapp', '130429', 'too many messages at once',
    FALSE, 'WhatsApp Cloud API, error codes'
),
(
    'whatsapp', '130472', 'the number is part of an experiment',
    FALSE, 'WhatsApp Cloud API, error codes'
),
(
    'whatsapp', '131031', 'the account of the business is locked',
    FALSE, 'WhatsApp Cloud API, error codes'
),
(
    'whatsapp', '132001', 'there is no such template in this language',
    FALSE, 'WhatsApp Cloud API, error codes'
),
(
    'whatsapp', '132015', 'the template is paused because of its quality',
    FALSE, 'WhatsApp Cloud API, error codes'
);

-- Waits for the other senders of an account, and returns what is claimed with this lease: if a claim is repeated while the
-- first attempt is still under way, the repeat sees what that has claimed. Without turns, a sender would find that nothing is
-- due because another considers it. An unknown account is an error.
CREATE FUNCTION guestsql_held_actions(account text, lease uuid) RETURNS SETOF campaign_actions
LANGUAGE plpgsql
VOLATILE
AS $$
BEGIN
    PERFORM guestsql_lock_contacts(guestsql_held_actions.account, '{}');
    RETURN QUERY
    SELECT held.*
    FROM campaign_actions AS held
    WHERE
        held.state = 'claimed'
        AND held.lease = guestsql_held_actions.lease;
END
$$;

-- The phone under which a guest, active or archived, can be reached now; NULL without one.
CREATE FUNCTION guestsql_contact_phone(guest_key text) RETURNS text
LANGUAGE sql
STABLE
RETURN (
    SELECT guestsql_current_phone(guest.current_phone, guest.phone_number)
    FROM known_guests AS guest
    WHERE guest.phone_number = guestsql_contact_phone.guest_key
);

-- A text in lower case without accents, for labels: 'Cotización' becomes 'cotizacion'.
CREATE FUNCTION guestsql_folded(given_text text) RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN lower(regexp_replace(normalize(given_text, nfkd), '[\u0300-\u036F]', '', 'g'));

-- For the monitor no text that a person wrote, and nothing that distinguishes one guest from another.
INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('campaigns', DEFAULT, '{*}'),
('campaign_actions', DEFAULT, '{
    action_id, campaign, template, purpose, channel, account, due_at, state, lease_until, claimed_at, sent_at, created_at
}'),
('action_refusals', DEFAULT, '{action_id, rule, retry_at, first_at, last_at, times}'),
('action_results', DEFAULT, '{action_id, result, code, occurred_at, recorded_at}'),
('result_codes', DEFAULT, '{*}');

SELECT guestsql_grant_roles();
