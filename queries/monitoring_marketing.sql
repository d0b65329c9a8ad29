-- Monitoring of marketing: how many guests book, consent, and reply to campaigns. No guest is named.
--
-- check: read-only

-- name: get_conversion_funnel()^
-- How many guests have written, were interested and booked, at any time.
-- Guests without times, such as some of an import, count only for the steps whose time is known.
-- es: Cuántos huéspedes han escrito, se interesaron y reservaron, en cualquier momento. Sin fecha, un paso no cuenta.
-- chart: funnel y=guests,interested_guests,booked_guests
-- dashboard: marketing
-- cache: 5m
-- check: allow GS501, because every guest counts
SELECT
    coalesce(sum(guests) FILTER (WHERE step = 'wrote'), 0)::bigint AS guests,
    coalesce(sum(guests) FILTER (WHERE step = 'interested'), 0)::bigint AS interested_guests,
    coalesce(sum(guests) FILTER (WHERE step = 'booked'), 0)::bigint AS booked_guests
FROM conversion_hours;

-- name: list_consent_figures(max_rows)
-- How many guests consent to each purpose on each channel, and how many have withdrawn.
-- '*' as purpose or channel is a withdrawal of all of them.
-- es: Cuántos huéspedes aceptan cada propósito por cada canal, y cuántos lo retiraron. '*' es el retiro de todos.
-- chart: bar x=purpose y=consenting_guests series=channel
-- dashboard: marketing
-- check: allow GS501, because every consent counts
--   max_rows: int = 50, rows at most
SELECT
    purpose,
    channel,
    count(*) FILTER (WHERE is_given) AS consenting_guests,
    count(*) FILTER (WHERE NOT is_given) AS withdrawn_guests
FROM guest_consents
GROUP BY
    purpose,
    channel
ORDER BY
    consenting_guests DESC,
    purpose ASC,
    channel ASC
LIMIT :max_rows::int;

-- name: list_consent_months(timezone, max_rows)
-- Consents given and withdrawn by month, the current one first.
-- A month without either has no row.
-- es: Consentimientos dados y retirados por mes, el actual primero. Un mes sin ninguno no tiene fila.
-- chart: bar x=month y=consents,withdrawals
-- dashboard: marketing
-- check: allow GS501, because events have no index by time
--   timezone: text = 'America/Bogota', the hotel's
--   max_rows: int = 24, months at most
--     es: meses como máximo
SELECT
    date_trunc('month', recorded_at AT TIME ZONE :timezone::text)::date AS month,
    count(*) FILTER (WHERE action = 'given') AS consents,
    count(*) FILTER (WHERE action = 'withdrawn') AS withdrawals
FROM consent_events
GROUP BY month
ORDER BY month DESC
LIMIT :max_rows::int;

-- name: list_campaign_totals(max_rows)
-- Campaigns with actions planned and sent, replies and opt-outs, the newest first.
-- es: Campañas con acciones planeadas y enviadas, respuestas y bajas, la más reciente primero.
-- chart: bar x=campaign y=planned_actions,sent_actions,replies,opt_outs
-- dashboard: marketing
-- check: allow GS501, because every action counts
--   max_rows: int = 20, rows at most
WITH found_results AS (
    SELECT
        action_id,
        count(*) FILTER (WHERE result = 'replied') AS replies,
        count(*) FILTER (WHERE result = 'opted_out') AS opt_outs
    FROM action_results
    GROUP BY action_id
)

SELECT
    campaign.campaign,
    campaign.state,
    count(action.action_id) AS planned_actions,
    count(action.sent_at) AS sent_actions,
    coalesce(sum(found.replies), 0)::bigint AS replies,
    coalesce(sum(found.opt_outs), 0)::bigint AS opt_outs
FROM campaigns AS campaign
LEFT JOIN campaign_actions AS action ON campaign.campaign = action.campaign
LEFT JOIN found_results AS found ON action.action_id = found.action_id
GROUP BY campaign.campaign
ORDER BY
    campaign.created_at DESC,
    campaign.campaign ASC
LIMIT :max_rows::int;
