-- Campaigns and next actions: lists, and their part in export, erasure and merging. Those that plan, claim and record are in
-- internal/campaigns.sql.
-- check: large campaign_actions, action_refusals, action_results
-- check: allow GS801 for action_refusals on forget_guest, because they go with the actions, by the foreign key
-- check: allow GS801 for action_refusals on merge_guests, because they go with the actions, by the foreign key
-- check: allow GS801 for action_results on forget_guest, because they go with the actions, by the foreign key
-- check: allow GS801 for action_results on merge_guests, because they go with the actions, by the foreign key

-- name: export_actions(phone_number)
-- What was planned for a guest and sent, with the refusals and the results of each.
-- es: Lo que se planeó y se envió a un huésped, con los rechazos y resultados de cada acción.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT
    to_jsonb(action) - 'lease' || jsonb_build_object(
        'refusals',
        (
            SELECT coalesce(jsonb_agg(to_jsonb(refusal) - 'phone_number' - 'action_id' ORDER BY refusal.rule), '[]')
            FROM action_refusals AS refusal
            WHERE refusal.action_id = action.action_id
        ),
        'results',
        (
            SELECT coalesce(jsonb_agg(to_jsonb(found) - 'phone_number' - 'action_id' ORDER BY found.result), '[]')
            FROM action_results AS found
            WHERE found.action_id = action.action_id
        )
    ) AS action
FROM campaign_actions AS action
WHERE action.phone_number = :phone_number::text
ORDER BY action.action_id;

-- name: forget_actions(phone_number)!
-- Erases what was planned for a guest and sent.
-- By its name it runs before the queries that lock guest_marketing: a claim locks actions first.
-- es: Borra lo que se planeó y se envió a un huésped. Por su nombre se ejecuta antes que las consultas que bloquean
-- es: guest_marketing.
-- on: forget_guest
--   phone_number: text, the guest's key
DELETE FROM campaign_actions
WHERE phone_number = :phone_number::text;

-- name: merge_actions(keep, duplicate)!
-- Moves the actions of a duplicate. Of two in one campaign the one that is further on stays; the other is cancelled.
-- By its name it runs before the queries that lock guest_marketing: a claim locks actions first.
-- es: Pasa las acciones del duplicado. De dos en una misma campaña queda la más avanzada; la otra se cancela.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
WITH locked_actions AS MATERIALIZED (
    SELECT
        action.action_id,
        action.phone_number,
        action.campaign,
        action.state
    FROM campaign_actions AS action
    WHERE
        action.phone_number IN (:keep::text, :duplicate::text)
        AND action.state <> 'cancelled'
        AND (action.campaign <> 'next_action' OR action.state = 'planned')
    ORDER BY action.action_id
    FOR UPDATE
),

ranked_actions AS (
    SELECT
        locked_actions.action_id,
        row_number() OVER (
            PARTITION BY locked_actions.campaign
            ORDER BY
                array_position(
                    '{delivered,sent,claimed,failed,refused,planned}'::text[], locked_actions.state
                ),
                locked_actions.phone_number = :keep::text DESC,
                locked_actions.action_id
        ) AS place
    FROM locked_actions
),

-- Before the others are moved: a guest has one action of a campaign that is not cancelled.
cancelled_actions AS (
    UPDATE campaign_actions AS action
    SET
        phone_number = :keep::text,
        state = 'cancelled',
        note = concat_ws('; ', action.note, 'merged, was ' || action.state)
    FROM ranked_actions
    WHERE
        action.action_id = ranked_actions.action_id
        AND ranked_actions.place > 1
    RETURNING action.action_id
)

UPDATE campaign_actions AS action
SET phone_number = :keep::text
WHERE
    action.phone_number = :duplicate::text
    AND action.action_id <> ALL(array(SELECT cancelled_actions.action_id FROM cancelled_actions));

-- name: list_campaigns(max_rows)
-- Campaigns, the newest first.
-- es: Las campañas, la más reciente primero.
-- chart: bar x=campaign y=planned_people
--   max_rows: int = 100, rows at most
SELECT
    campaign.campaign,
    campaign.state,
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
    campaign.created_at
FROM campaigns AS campaign
ORDER BY
    campaign.created_at DESC,
    campaign.campaign ASC
LIMIT :max_rows::int;

-- name: list_campaign_figures(campaign, max_rows)
-- A campaign in figures: its actions by state, its refusals by rule, its results.
-- maybe sent: claimed, and past the lease. An action may have been refused by several rules, and has several results.
-- es: Una campaña en cifras: sus acciones por estado, sus rechazos por regla, sus resultados. maybe sent: tomada, y
--     vencido el plazo. Una acción puede tener varios rechazos y resultados.
-- chart: bar x=name y=actions series=kind
--   campaign: text, its name, e.g. 'next_action'
--     es: su nombre
--     choices: list_campaign_names
--   max_rows: int = 100, rows at most
WITH own_actions AS MATERIALIZED (
    SELECT
        action.action_id,
        CASE
            WHEN action.state = 'claimed' AND action.lease_until <= statement_timestamp() THEN 'maybe sent'
            ELSE action.state
        END AS state
    FROM campaign_actions AS action
    WHERE action.campaign = :campaign::text
)

SELECT
    'state' AS kind,
    own_actions.state AS name,
    count(*) AS actions
FROM own_actions
GROUP BY own_actions.state
UNION ALL
SELECT
    'refusal' AS kind,
    refusal.rule AS name,
    count(*) AS actions
FROM own_actions
INNER JOIN action_refusals AS refusal ON own_actions.action_id = refusal.action_id
GROUP BY refusal.rule
UNION ALL
SELECT
    'result' AS kind,
    concat_ws(':', found.result, found.code) AS name,
    count(*) AS actions
FROM own_actions
INNER JOIN action_results AS found ON own_actions.action_id = found.action_id
GROUP BY concat_ws(':', found.result, found.code)
ORDER BY
    kind DESC,
    actions DESC,
    name ASC
LIMIT :max_rows::int;

-- name: list_actions(campaign, state, after_id, max_rows)
-- Actions in the order in which they were planned, with the last rule that refused each.
-- es: Las acciones en el orden en que se planearon, con la última regla que rechazó cada una.
--   campaign: text = NULL, its name; NULL for all
--     es: su nombre; NULL para todas
--     choices: list_campaign_names
--   state: text = NULL, planned, claimed, maybe sent, sent, delivered, failed, refused or cancelled; NULL for all
--     es: su estado; NULL para todos
--     choices: list_action_states
--   after_id: bigint = 0, only actions after this one
--     es: solo acciones posteriores a esta
--   max_rows: int = 100, rows at most
SELECT
    action.action_id,
    action.campaign,
    action.phone_number,
    CASE
        WHEN action.state = 'claimed' AND action.lease_until <= statement_timestamp() THEN 'maybe sent'
        ELSE action.state
    END AS state,
    action.due_at,
    action.claimed_at,
    action.sent_at,
    (
        SELECT refusal.rule
        FROM action_refusals AS refusal
        WHERE refusal.action_id = action.action_id
        ORDER BY
            refusal.last_at DESC,
            refusal.rule ASC
        LIMIT 1
    ) AS refused_by,
    action.note
FROM campaign_actions AS action
WHERE
    action.action_id > :after_id::bigint
    AND (:campaign::text IS NULL OR action.campaign = :campaign::text)
    AND (
        :state::text IS NULL
        OR (
            action.state = CASE WHEN :state::text = 'maybe sent' THEN 'claimed' ELSE :state::text END
            AND (
                action.state <> 'claimed'
                OR (:state::text = 'maybe sent') = (action.lease_until <= statement_timestamp())
            )
        )
    )
ORDER BY
    action.action_id,
    action.phone_number
LIMIT :max_rows::int;
