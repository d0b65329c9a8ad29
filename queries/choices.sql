-- Values that a parameter may have, for the forms of pages: a query names one of these by `-- choices: QUERY`.
-- The first column is the value, the second one what a form shows.
-- check: read-only
-- check: large query_minutes

-- name: list_minute_units()
-- Units of time for figures by the minute.
-- es: Unidades de tiempo para cifras por minuto.
SELECT units.unit
FROM (VALUES (1, 'minute'), (2, 'hour'), (3, 'day')) AS units (place, unit)
ORDER BY units.place
LIMIT 3;

-- name: list_day_units()
-- Units of time for figures by the day.
-- es: Unidades de tiempo para cifras por día.
SELECT units.unit
FROM (VALUES (1, 'day'), (2, 'week'), (3, 'month')) AS units (place, unit)
ORDER BY units.place
LIMIT 3;

-- name: list_silence_tiers()
-- How long guests have been silent, in the tiers of campaigns.
-- es: Cuánto llevan en silencio los huéspedes, en los ritmos de las campañas.
SELECT
    tiers.tier,
    tiers.days
FROM (VALUES (1, 'monthly', '30–89'), (2, 'quarterly', '90–364'), (3, 'yearly', '365+')) AS tiers (place, tier, days)
ORDER BY tiers.place
LIMIT 3;

-- name: list_action_states()
-- The states of a campaign's actions.
-- es: Los estados de las acciones de una campaña.
SELECT states.state
FROM
    (
        VALUES
        (1, 'planned'), (2, 'claimed'), (3, 'maybe sent'), (4, 'sent'), (5, 'delivered'),
        (6, 'failed'), (7, 'refused'), (8, 'cancelled')
    ) AS states (place, state)
ORDER BY states.place
LIMIT 8;

-- name: list_reply_states()
-- The states of a reply.
-- es: Los estados de una respuesta.
SELECT states.state
FROM
    (VALUES (1, 'queued'), (2, 'sending'), (3, 'maybe sent'), (4, 'sent'), (5, 'dead')) AS states (place, state)
ORDER BY states.place
LIMIT 5;

-- name: list_query_names(max_rows)
-- The named queries that were called in the last two days.
-- es: Las consultas que se llamaron en los últimos dos días.
--   max_rows: int = 500, rows at most
SELECT query
FROM query_minutes
WHERE minute >= date_trunc('minute', statement_timestamp()) - make_interval(days => 2)
GROUP BY query
ORDER BY query
LIMIT :max_rows::int;

-- name: list_campaign_names(max_rows)
-- The campaigns, the newest first.
-- es: Las campañas, la más reciente primero.
--   max_rows: int = 200, rows at most
SELECT
    campaign,
    concat_ws(' · ', campaign, state) AS title
FROM campaigns
ORDER BY
    created_at DESC,
    campaign ASC
LIMIT :max_rows::int;

-- name: list_account_names()
-- The accounts from which messages are sent.
-- es: Las cuentas desde las que se envían mensajes.
-- check: allow GS307, because there are few accounts
SELECT
    account,
    concat_ws(' · ', account, channel) AS title
FROM contact_accounts
ORDER BY account;

-- name: list_channel_names()
-- The channels of the accounts.
-- es: Los canales de las cuentas.
-- check: allow GS307, because there are few channels
SELECT DISTINCT channel
FROM contact_accounts
ORDER BY channel;

-- name: list_purpose_names()
-- What people are contacted for.
-- es: Para qué se contacta a las personas.
-- check: allow GS307, because there are few purposes
SELECT
    purpose,
    concat_ws(' · ', purpose, description) AS title
FROM contact_purposes
ORDER BY purpose;

-- name: list_profile_names()
-- The profiles of contact rules.
-- es: Los perfiles de reglas de contacto.
-- check: allow GS307, because there are few profiles
SELECT
    profile,
    concat_ws(' · ', profile, description) AS title
FROM contact_profiles
ORDER BY profile;
