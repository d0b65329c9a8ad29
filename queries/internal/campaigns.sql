-- What the methods for campaigns run: creating, planning, claiming and recording results.

-- name: create_campaign(campaign, segment, parameters, template, purpose, channel, account, max_people, starts_at, ends_at)!
-- Creates a campaign; 0 if there is one of the name.
--   campaign: text, its name
--   segment: text, the segment that lists its people
--   parameters: text, JSON of the segment's parameters
--   template: text, what is sent; NULL: the sender decides
--   purpose: text, what it is for
--   channel: text, through which it contacts people
--   account: text, the account that sends
--   max_people: bigint, the most people to plan; NULL: any number
--   starts_at: timestamptz, from when on actions are handed out; NULL: at once
--   ends_at: timestamptz, until when; NULL: without end
INSERT INTO campaigns (
    campaign, segment, parameters, template, purpose, channel, account, max_people, starts_at, ends_at
)
VALUES (
    :campaign::text,
    :segment::text,
    :parameters::text::jsonb,
    :template::text,
    :purpose::text,
    :channel::text,
    :account::text,
    :max_people::bigint,
    :starts_at::timestamptz,
    :ends_at::timestamptz
)
ON CONFLICT (campaign) DO NOTHING;

-- name: get_campaign(campaign)^
-- A campaign.
--   campaign: text, its name
SELECT
    campaign.campaign,
    campaign.segment,
    campaign.parameters,
    campaign.template,
    campaign.purpose,
    campaign.channel,
    campaign.account,
    campaign.max_people,
    campaign.planned_people,
    campaign.starts_at,
    campaign.ends_at,
    campaign.state,
    campaign.created_at
FROM campaigns AS campaign
WHERE campaign.campaign = :campaign::text;

-- name: set_campaign_state(campaign, state)!
-- Sets the state of a campaign; 0 if there is none. A claim that is under way is waited for.
--   campaign: text, its name
--   state: text, active, paused or ended
UPDATE campaigns
SET state = :state::text
WHERE campaign = :campaign::text;

-- name: preview_campaign(campaign, phone_numbers, timezone, moment)
-- How many people a plan would reach, and how many not, by rule.
-- Each person is counted once. Of several rules a permanent one counts, else the one that lasts longest. People without
-- consent are in no segment: they are counted among all guests.
-- check: allow GS501, because all guests are counted, and a campaign is planned now and then
--   campaign: text, its name
--   phone_numbers: text[], guests' keys without duplicates, in the order in which they are planned
--   timezone: text, the hotel's time zone
--   moment: timestamptz, when they would be claimed; NULL for now
WITH given_guests AS MATERIALIZED (
    SELECT
        given.phone_number,
        given.place
    FROM unnest(:phone_numbers::text[]) WITH ORDINALITY AS given (phone_number, place)
),

refused_guests AS MATERIALIZED (
    SELECT
        refusal.phone_number,
        bool_or(refusal.retry_at IS NULL) AS is_final,
        max(refusal.retry_at) AS retry_at,
        (array_agg(refusal.rule ORDER BY refusal.retry_at DESC NULLS FIRST, refusal.rule ASC))[1] AS rule
    FROM campaigns AS campaign
    CROSS JOIN
        LATERAL guestsql_contact_refusals(
            :phone_numbers::text[],
            campaign.purpose,
            campaign.channel,
            campaign.account,
            campaign.template,
            :timezone::text,
            :moment::timestamptz
        ) AS refusal
    WHERE campaign.campaign = :campaign::text
    GROUP BY refusal.phone_number
),

planned_guests AS MATERIALIZED (
    SELECT DISTINCT action.phone_number
    FROM given_guests
    INNER JOIN campaign_actions AS action ON given_guests.phone_number = action.phone_number
    WHERE action.campaign = :campaign::text
),

judged_guests AS MATERIALIZED (
    SELECT
        given_guests.phone_number,
        planned_guests.phone_number IS NOT NULL AS is_planned,
        coalesce(refused_guests.is_final, FALSE) AS is_final,
        refused_guests.rule,
        refused_guests.retry_at,
        count(*) FILTER (WHERE planned_guests.phone_number IS NULL AND refused_guests.is_final IS NOT TRUE)
            OVER (ORDER BY given_guests.place) AS place
    FROM given_guests
    LEFT JOIN refused_guests ON given_guests.phone_number = refused_guests.phone_number
    LEFT JOIN planned_guests ON given_guests.phone_number = planned_guests.phone_number
),

outcomes AS (
    SELECT
        CASE
            WHEN judged_guests.is_planned THEN 'planned'
            WHEN judged_guests.is_final THEN 'excluded'
            WHEN judged_guests.place > campaign.max_people - campaign.planned_people THEN 'excluded'
            WHEN judged_guests.rule IS NOT NULL THEN 'later'
            ELSE 'reached'
        END AS outcome,
        CASE
            WHEN judged_guests.is_planned THEN NULL
            WHEN judged_guests.is_final THEN judged_guests.rule
            WHEN judged_guests.place > campaign.max_people - campaign.planned_people THEN 'max_people'
            ELSE judged_guests.rule
        END AS rule,
        judged_guests.retry_at,
        1::bigint AS people
    FROM judged_guests
    INNER JOIN campaigns AS campaign ON campaign.campaign = :campaign::text
    UNION ALL
    SELECT
        'excluded' AS outcome,
        'consent' AS rule,
        NULL AS retry_at,
        greatest(
            0,
            (SELECT count(*) FROM guest_profiles) + (SELECT count(*) FROM historical_clients) - (
                SELECT count(*)
                FROM consented_guests AS guest
                WHERE
                    guest.purpose = campaign.purpose
                    AND guest.channel = campaign.channel
            )
        ) AS people
    FROM campaigns AS campaign
    WHERE campaign.campaign = :campaign::text
)

SELECT
    outcomes.outcome,
    outcomes.rule,
    sum(outcomes.people)::bigint AS people,
    CASE WHEN outcomes.outcome = 'later' THEN min(outcomes.retry_at) END AS first_at
FROM outcomes
GROUP BY
    outcomes.outcome,
    outcomes.rule
HAVING sum(outcomes.people) > 0
ORDER BY
    array_position('{reached,later,planned,excluded}'::text[], outcomes.outcome) ASC,
    people DESC,
    outcomes.rule ASC;

-- name: plan_actions(campaign, phone_numbers, timezone)$
-- Plans actions for guests whom no rule excludes for good; returns how many. May be repeated: none is planned twice.
--   campaign: text, its name
--   phone_numbers: text[], guests' keys without duplicates
--   timezone: text, the hotel's time zone
WITH locked_campaigns AS MATERIALIZED (
    SELECT
        campaign.campaign,
        campaign.template,
        campaign.purpose,
        campaign.channel,
        campaign.account,
        campaign.starts_at,
        CASE
            WHEN campaign.max_people IS NOT NULL THEN greatest(campaign.max_people - campaign.planned_people, 0)
        END AS free_places
    FROM campaigns AS campaign
    WHERE
        campaign.campaign = :campaign::text
        AND campaign.state <> 'ended'
        AND campaign.segment IS NOT NULL
    FOR NO KEY UPDATE
),

planned_guests AS MATERIALIZED (
    SELECT known.phone_number
    FROM unnest(:phone_numbers::text[]) AS given (phone_number)
    INNER JOIN campaign_actions AS known ON given.phone_number = known.phone_number
    WHERE known.campaign = :campaign::text
),

-- An erasure waits for this, or it has deleted the row: then the guest is not planned.
locked_guests AS MATERIALIZED (
    SELECT
        guest.phone_number,
        given.place
    FROM unnest(:phone_numbers::text[]) WITH ORDINALITY AS given (phone_number, place)
    INNER JOIN guest_marketing AS guest ON given.phone_number = guest.phone_number
    WHERE
        (SELECT count(*) FROM locked_campaigns) > 0
        AND given.phone_number NOT IN (SELECT planned_guests.phone_number FROM planned_guests)
    ORDER BY guest.phone_number
    FOR KEY SHARE OF guest
),

batches AS MATERIALIZED (
    SELECT
        locked_campaigns.purpose,
        locked_campaigns.channel,
        locked_campaigns.account,
        locked_campaigns.template,
        array(SELECT locked_guests.phone_number FROM locked_guests) AS guest_keys
    FROM locked_campaigns
),

excluded_guests AS MATERIALIZED (
    SELECT DISTINCT refusal.phone_number
    FROM batches
    CROSS JOIN
        LATERAL guestsql_contact_refusals(
            batches.guest_keys,
            batches.purpose,
            batches.channel,
            batches.account,
            batches.template,
            :timezone::text,
            NULL
        ) AS refusal
    WHERE refusal.retry_at IS NULL
),

new_guests AS MATERIALIZED (
    SELECT
        locked_guests.phone_number,
        locked_guests.place
    FROM locked_guests
    WHERE locked_guests.phone_number NOT IN (SELECT excluded_guests.phone_number FROM excluded_guests)
    ORDER BY locked_guests.place
    LIMIT (SELECT locked_campaigns.free_places FROM locked_campaigns)
),

planned_actions AS (
    INSERT INTO campaign_actions (phone_number, campaign, template, purpose, channel, account, due_at)
    SELECT
        new_guests.phone_number,
        locked_campaigns.campaign,
        locked_campaigns.template,
        locked_campaigns.purpose,
        locked_campaigns.channel,
        locked_campaigns.account,
        coalesce(locked_campaigns.starts_at, statement_timestamp())
    FROM new_guests
    CROSS JOIN locked_campaigns
    ORDER BY new_guests.place
    ON CONFLICT DO NOTHING
    RETURNING action_id
),

counted_campaigns AS (
    UPDATE campaigns AS campaign
    SET planned_people = campaign.planned_people + (SELECT count(*) FROM planned_actions)
    FROM locked_campaigns
    WHERE
        campaign.campaign = locked_campaigns.campaign
        AND (SELECT count(*) FROM planned_actions) > 0
)

SELECT count(*) AS planned_people
FROM planned_actions;

-- name: claim_actions(campaign, account, max_actions, max_considered, lease, lease_seconds, timezone, moment)
-- Claims actions that are due, and refuses those that a contact rule forbids.
-- The actions are of one kind: that of the first one that is due. The account is locked, then each action, then the guests. Then
-- the rules are evaluated: by functions, whose snapshot is newer than the locks. A repeat with the same lease returns what the
-- first attempt claimed. No row: nothing is due, or others have locked it.
-- check: allow GS306, because found_actions has each action once
--   campaign: text = NULL, only actions of this campaign; NULL for all of the account
--   account: text, the account that sends, e.g. 'whatsapp'
--   max_actions: int = 10, actions to claim at most
--   max_considered: int = 100, actions to evaluate at most
--   lease: uuid, made by the caller for this claim
--   lease_seconds: float8 = 300, within which the sender reports
--   timezone: text = 'America/Bogota', the hotel's time zone
--   moment: timestamptz = NULL, for tests; NULL for the server's clock
WITH held_actions AS MATERIALIZED (
    SELECT
        held.action_id,
        held.phone_number,
        held.lease,
        held.lease_until,
        held.claimed_at
    FROM guestsql_held_actions(:account::text, :lease::uuid) AS held
),

-- Who pauses a campaign waits for the claims that are under way, and later ones see it.
open_campaigns AS MATERIALIZED (
    SELECT
        campaign.campaign,
        campaign.ends_at
    FROM campaigns AS campaign
    WHERE
        NOT EXISTS (SELECT 1 FROM held_actions)
        AND (:campaign::text IS NULL OR campaign.campaign = :campaign::text)
        AND (campaign.account = :account::text OR campaign.account IS NULL)
        AND campaign.state = 'active'
        AND coalesce(campaign.starts_at <= coalesce(:moment::timestamptz, statement_timestamp()), TRUE)
        AND coalesce(campaign.ends_at > coalesce(:moment::timestamptz, statement_timestamp()), TRUE)
    ORDER BY campaign.campaign
    FOR SHARE
),

first_actions AS MATERIALIZED (
    SELECT
        action.account,
        action.purpose,
        action.channel,
        action.template
    FROM campaign_actions AS action
    WHERE
        action.state = 'planned'
        AND action.account = :account::text
        AND action.campaign = ANY(array(SELECT open_campaigns.campaign FROM open_campaigns))
        AND action.due_at <= coalesce(:moment::timestamptz, statement_timestamp())
    ORDER BY
        action.due_at,
        action.action_id
    LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED
),

-- Subselects, not joins: so the planner reads the index in the order of due_at, and stops at the limit.
due_actions AS MATERIALIZED (
    SELECT
        action.action_id,
        action.phone_number,
        action.campaign,
        action.due_at
    FROM campaign_actions AS action
    WHERE
        action.state = 'planned'
        AND action.account = :account::text
        AND action.campaign = ANY(array(SELECT open_campaigns.campaign FROM open_campaigns))
        AND action.due_at <= coalesce(:moment::timestamptz, statement_timestamp())
        AND action.purpose = (SELECT first_actions.purpose FROM first_actions)
        AND action.channel = (SELECT first_actions.channel FROM first_actions)
        AND action.template IS NOT DISTINCT FROM (SELECT first_actions.template FROM first_actions)
    ORDER BY
        action.due_at,
        action.action_id
    LIMIT :max_considered::int
    FOR NO KEY UPDATE SKIP LOCKED
),

-- One for each guest: two messages at once are never meant.
considered_actions AS MATERIALIZED (
    SELECT DISTINCT ON (due_actions.phone_number)
        due_actions.phone_number,
        due_actions.action_id,
        due_actions.campaign,
        due_actions.due_at
    FROM due_actions
    ORDER BY
        due_actions.phone_number,
        due_actions.due_at,
        due_actions.action_id
),

batches AS MATERIALIZED (
    SELECT
        array_agg(
            considered_actions.phone_number
            ORDER BY considered_actions.due_at, considered_actions.action_id
        ) AS guest_keys
    FROM considered_actions
    HAVING count(*) > 0
),

locked_batches AS MATERIALIZED (
    SELECT
        batches.guest_keys,
        guestsql_lock_contacts(:account::text, batches.guest_keys)::text IS NOT NULL AS is_locked
    FROM batches
),

decisions AS MATERIALIZED (
    SELECT
        locked_batches.guest_keys,
        coalesce(:moment::timestamptz, clock_timestamp()) AS decided_at
    FROM locked_batches
    WHERE locked_batches.is_locked
),

found_refusals AS MATERIALIZED (
    SELECT
        refusal.phone_number,
        refusal.rule,
        refusal.detail,
        refusal.retry_at,
        decisions.decided_at
    FROM decisions
    CROSS JOIN first_actions
    CROSS JOIN
        LATERAL guestsql_contact_refusals(
            decisions.guest_keys,
            first_actions.purpose,
            first_actions.channel,
            first_actions.account,
            first_actions.template,
            :timezone::text,
            decisions.decided_at
        ) AS refusal
),

allowed_actions AS MATERIALIZED (
    SELECT
        considered_actions.action_id,
        considered_actions.phone_number,
        decisions.decided_at
    FROM considered_actions
    INNER JOIN open_campaigns ON considered_actions.campaign = open_campaigns.campaign
    CROSS JOIN decisions
    WHERE
        considered_actions.phone_number NOT IN (SELECT found_refusals.phone_number FROM found_refusals)
        -- It may have ended while the guests were waited for.
        AND coalesce(open_campaigns.ends_at > decisions.decided_at, TRUE)
    ORDER BY
        considered_actions.due_at,
        considered_actions.action_id
    LIMIT :max_actions::int
),

-- Who is beyond the limit of the account is refused when it is reached, not when others are only considered.
refusals AS MATERIALIZED (
    SELECT
        found_refusals.phone_number,
        found_refusals.rule,
        found_refusals.detail,
        found_refusals.retry_at,
        found_refusals.decided_at
    FROM found_refusals
    WHERE
        found_refusals.rule <> 'account_limit'
        OR (
            SELECT count(*)
            FROM considered_actions
            WHERE considered_actions.phone_number NOT IN (SELECT every.phone_number FROM found_refusals AS every)
        ) <= :max_actions::int
),

allowed_batches AS MATERIALIZED (
    SELECT array_agg(allowed_actions.phone_number) AS guest_keys
    FROM allowed_actions
    HAVING count(*) > 0
),

recorded_contacts AS MATERIALIZED (
    SELECT
        guestsql_record_contacts(
            allowed_batches.guest_keys, first_actions.channel, first_actions.account, decisions.decided_at
        ) AS people
    FROM first_actions
    CROSS JOIN decisions
    CROSS JOIN allowed_batches
),

-- By the number alone, here and below: a merge may have moved the action since the statement began.
claimed_actions AS (
    UPDATE campaign_actions AS action
    SET
        state = 'claimed',
        lease = :lease::uuid,
        lease_until = allowed_actions.decided_at + make_interval(secs => :lease_seconds::float8),
        claimed_at = allowed_actions.decided_at
    FROM allowed_actions
    WHERE
        action.action_id = allowed_actions.action_id
        AND (SELECT sum(recorded_contacts.people) FROM recorded_contacts) > 0
    RETURNING
        action.action_id,
        action.phone_number,
        action.lease,
        action.lease_until,
        action.claimed_at
),

refused_actions AS (
    UPDATE campaign_actions AS action
    SET
        state = CASE
            WHEN refused.is_final THEN 'refused'
            ELSE 'planned'
        END,
        due_at = CASE
            WHEN refused.is_final THEN action.due_at
            ELSE refused.retry_at
        END
    FROM (
        SELECT
            considered_actions.action_id,
            bool_or(refusals.retry_at IS NULL) AS is_final,
            max(refusals.retry_at) AS retry_at
        FROM refusals
        INNER JOIN considered_actions ON refusals.phone_number = considered_actions.phone_number
        GROUP BY considered_actions.action_id
    ) AS refused
    WHERE action.action_id = refused.action_id
    RETURNING
        action.action_id,
        action.phone_number
),

noted_refusals AS (
    INSERT INTO action_refusals AS known (action_id, phone_number, rule, detail, retry_at, first_at, last_at)
    SELECT
        considered_actions.action_id,
        refusals.phone_number,
        refusals.rule,
        refusals.detail,
        refusals.retry_at,
        refusals.decided_at,
        refusals.decided_at AS last_decided_at
    FROM refusals
    INNER JOIN considered_actions ON refusals.phone_number = considered_actions.phone_number
    ON CONFLICT (action_id, rule, phone_number) DO UPDATE
        SET
            detail = excluded.detail,
            retry_at = excluded.retry_at,
            last_at = excluded.last_at,
            times = known.times + 1
),

found_actions AS (
    SELECT
        claimed_actions.action_id,
        claimed_actions.phone_number,
        claimed_actions.lease,
        claimed_actions.lease_until,
        claimed_actions.claimed_at
    FROM claimed_actions
    UNION ALL
    SELECT
        refused_actions.action_id,
        refused_actions.phone_number,
        NULL AS lease,
        NULL AS lease_until,
        NULL AS claimed_at
    FROM refused_actions
    UNION ALL
    SELECT
        held_actions.action_id,
        held_actions.phone_number,
        held_actions.lease,
        held_actions.lease_until,
        held_actions.claimed_at
    FROM held_actions
)

SELECT
    action.action_id,
    found_actions.phone_number,
    guestsql_contact_phone(found_actions.phone_number) AS current_phone,
    (
        SELECT coalesce(guest.contact_name, guest.user_name)
        FROM consented_guests AS guest
        WHERE
            guest.phone_number = found_actions.phone_number
            AND guest.purpose = action.purpose
            AND guest.channel = action.channel
        ORDER BY guest.consented_at
        LIMIT 1
    ) AS name,
    action.campaign,
    action.template,
    action.purpose,
    action.channel,
    action.account,
    action.note,
    action.due_at,
    found_actions.lease,
    found_actions.lease_until,
    found_actions.claimed_at
FROM found_actions
INNER JOIN campaign_actions AS action ON found_actions.action_id = action.action_id
ORDER BY
    action.due_at,
    action.action_id
LIMIT :max_considered::int;

-- name: release_action(action_id, lease, due_at)$
-- Plans a claimed action again that was certainly not sent.
-- 0 if the caller has not claimed it, or has reported a result.
-- The contact no longer counts for the guest; for the account it does, until 24 hours have passed. A guest has one next action
-- that is planned: if there is a newer one, this one is cancelled.
--   action_id: bigint, its number
--   lease: uuid, with which it was claimed
--   due_at: timestamptz, when it may be claimed again; NULL for at once
WITH locked_actions AS MATERIALIZED (
    SELECT action.action_id
    FROM campaign_actions AS action
    WHERE
        action.action_id = :action_id::bigint
        AND action.lease = :lease::uuid
        AND action.state = 'claimed'
    FOR NO KEY UPDATE
),

uncounted_contacts AS MATERIALIZED (
    SELECT
        locked_actions.action_id,
        guestsql_uncount_contact(locked_actions.action_id) AS is_uncounted
    FROM locked_actions
)

SELECT count(guestsql_plan_again(uncounted_contacts.action_id, :due_at::timestamptz)::text) AS released_actions
FROM uncounted_contacts
WHERE uncounted_contacts.is_uncounted;

-- name: record_result(action_id, sent_message_id, result, code, occurred_at)!
-- Records what became of an action; 0 if it is unknown. In any order, and may be repeated.
-- A result is stored once. The state only moves on: sent, failed, delivered. If the person refuses such messages, every consent
-- to messages through this channel is withdrawn, once.
--   action_id: bigint, its number; NULL: the message's id names it
--   sent_message_id: text, the id that the gateway gave to the message; NULL if unknown
--   result: text, sent, delivered, read, replied, opted_out or failed
--   code: text, of a failure; NULL without one
--   occurred_at: timestamptz, when; NULL for now
WITH locked_actions AS MATERIALIZED (
    SELECT
        action.action_id,
        action.phone_number,
        action.channel,
        NOT action.is_opted_out
        AND (
            :result::text = 'opted_out'
            OR EXISTS (
                SELECT 1
                FROM result_codes AS known
                WHERE
                    known.channel = action.channel
                    AND known.code = :code::text
                    AND known.is_opt_out
            )
        ) AS opts_out,
        CASE
            WHEN :result::text IN ('sent', 'failed') THEN :result::text
            ELSE 'delivered'
        END AS state,
        least(coalesce(:occurred_at::timestamptz, statement_timestamp()), statement_timestamp()) AS occurred_at
    FROM campaign_actions AS action
    WHERE
        action.action_id = coalesce(
            :action_id::bigint,
            (
                SELECT max(sent.action_id)
                FROM campaign_actions AS sent
                WHERE sent.message_id = :sent_message_id::text
            )
        )
    FOR NO KEY UPDATE
),

stored_results AS (
    INSERT INTO action_results AS known (action_id, phone_number, result, code, occurred_at)
    SELECT
        locked_actions.action_id,
        locked_actions.phone_number,
        :result::text,
        :code::text,
        locked_actions.occurred_at
    FROM locked_actions
    ON CONFLICT (action_id, result, phone_number) DO UPDATE
        SET code = coalesce(known.code, excluded.code)
),

-- Recorded by a function, which waits for the guest and then takes the time.
withdrawn_consents AS MATERIALIZED (
    SELECT guestsql_record_opt_out(locked_actions.action_id, :occurred_at::timestamptz) AS event_id
    FROM locked_actions
    WHERE locked_actions.opts_out
)

UPDATE campaign_actions AS action
SET
    state = CASE
        WHEN action.state = 'cancelled' THEN action.state
        WHEN
            array_position('{sent,failed,delivered}'::text[], action.state)
            >= array_position('{sent,failed,delivered}'::text[], locked_actions.state)
            THEN action.state
        ELSE locked_actions.state
    END,
    sent_at = CASE
        WHEN :result::text = 'failed' THEN action.sent_at
        ELSE least(action.sent_at, locked_actions.occurred_at)
    END,
    message_id = coalesce(action.message_id, :sent_message_id::text),
    is_opted_out = action.is_opted_out OR (SELECT count(*) FROM withdrawn_consents) > 0
FROM locked_actions
WHERE action.action_id = locked_actions.action_id;

-- name: set_next_action(phone_number, due_at, template, purpose, channel, account, note, operation_id)^
-- Plans a guest's next action, or changes the one that is planned. An unknown guest is created.
-- Repeated with the same operation_id it does nothing, and returns no row: the action may be claimed by then.
--   phone_number: text, any id of the guest
--   due_at: timestamptz, when it is to be done
--   template: text, what is sent; NULL: the sender decides
--   purpose: text, what it is for
--   channel: text, through which the guest is contacted
--   account: text, the account that sends
--   note: text, what it is about; NULL without one
--   operation_id: text, a new id for each call, not empty
WITH claimed_operations AS (
    INSERT INTO operations AS known (source, operation_id)
    VALUES ('guestsql', :operation_id::text)
    ON CONFLICT (source, operation_id) DO UPDATE
        SET attempts = known.attempts + 1
    RETURNING known.attempts = 1 AS is_new
),

locked_guests AS MATERIALIZED (
    SELECT guestsql_lock_guest(:phone_number::text) AS phone_number
    FROM claimed_operations
    WHERE claimed_operations.is_new
),

known_guests AS (
    INSERT INTO guest_marketing (phone_number)
    SELECT locked_guests.phone_number
    FROM locked_guests
    ON CONFLICT (phone_number) DO NOTHING
)

INSERT INTO campaign_actions AS known (
    phone_number, campaign, template, purpose, channel, account, due_at, note
)
SELECT
    locked_guests.phone_number,
    'next_action',
    :template::text,
    :purpose::text,
    :channel::text,
    :account::text,
    :due_at::timestamptz,
    :note::text
FROM locked_guests
ON CONFLICT (phone_number) WHERE campaign = 'next_action' AND state = 'planned'
DO UPDATE
    SET
        template = excluded.template,
        purpose = excluded.purpose,
        channel = excluded.channel,
        account = excluded.account,
        due_at = excluded.due_at,
        note = excluded.note
RETURNING
    known.action_id,
    known.phone_number,
    known.due_at,
    known.template,
    known.purpose,
    known.channel,
    known.account,
    known.note;

-- name: get_latest_next_action(phone_number)^
-- The latest next action of a guest, also one that is claimed or done.
--   phone_number: text, any id of the guest
SELECT
    action.action_id,
    action.phone_number,
    action.due_at,
    action.template,
    action.purpose,
    action.channel,
    action.account,
    action.note
FROM campaign_actions AS action
WHERE
    action.phone_number = (
        SELECT ids.phone_number
        FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
    AND action.campaign = 'next_action'
ORDER BY action.action_id DESC
LIMIT 1;

-- name: get_next_action(phone_number)^
-- The next action that is planned for a guest.
--   phone_number: text, any id of the guest
SELECT
    action.action_id,
    action.phone_number,
    action.due_at,
    action.template,
    action.purpose,
    action.channel,
    action.account,
    action.note
FROM campaign_actions AS action
WHERE
    action.phone_number = (
        SELECT ids.phone_number
        FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
    AND action.campaign = 'next_action'
    AND action.state = 'planned';

-- name: cancel_next_action(phone_number)!
-- Cancels the next action that is planned for a guest; 0 if there is none.
--   phone_number: text, any id of the guest
UPDATE campaign_actions
SET state = 'cancelled'
WHERE
    phone_number = guestsql_guest_key(:phone_number::text)
    AND campaign = 'next_action'
    AND state = 'planned';
