-- Segments: lists of people for campaigns. Each returns only guests, active and archived, who gave their consent to the purpose
-- on the channel. They are ordered by key and read page by page: docs/campaigns.md.
-- check: read-only

-- name: list_silent_segment(purpose, channel, silent_days, after, max_rows)
-- Guests who have been silent for a long time.
-- A consent is a sign of life, so a guest who never wrote is silent since then.
-- es: Huéspedes que llevan mucho tiempo en silencio. Un consentimiento es señal de vida: quien nunca escribió está en
--     silencio desde entonces.
-- segment: silent
--   purpose: text, what the campaign is for
--     es: para qué es la campaña
--     choices: list_purpose_names
--   channel: text, through which it contacts people
--     es: por dónde contacta a las personas
--     choices: list_channel_names
--   silent_days: int = 90, days since the guest's last message
--   after: text = '', only guests after this key
--     es: solo huéspedes después de esta clave
--   max_rows: int = 5000, rows at most
SELECT
    guest.phone_number,
    guest.last_interaction
FROM consented_guests AS guest
WHERE
    guest.purpose = :purpose::text
    AND guest.channel = :channel::text
    AND coalesce(guest.last_interaction, guest.consented_at)
    < statement_timestamp() - make_interval(days => :silent_days::int)
    AND guest.phone_number > :after::text
ORDER BY guest.phone_number
LIMIT :max_rows::int;

-- name: list_quoted_segment(purpose, channel, within_days, after, max_rows)
-- Guests who got a quote lately and have not decided yet.
-- es: Huéspedes que recibieron una cotización hace poco y aún no han decidido.
-- segment: quoted
--   purpose: text, what the campaign is for
--     choices: list_purpose_names
--   channel: text, through which it contacts people
--     choices: list_channel_names
--   within_days: int = 30, days since the quote, at most
--     es: días desde la cotización, como máximo
--   after: text = '', only guests after this key
--   max_rows: int = 5000, rows at most
SELECT
    guest.phone_number,
    guest.last_quoted_at
FROM consented_guests AS guest
WHERE
    guest.purpose = :purpose::text
    AND guest.channel = :channel::text
    AND guest.booking_status = 'interested'
    AND guest.last_quoted_at >= statement_timestamp() - make_interval(days => :within_days::int)
    AND guest.phone_number > :after::text
ORDER BY guest.phone_number
LIMIT :max_rows::int;

-- name: list_booked_segment(purpose, channel, min_months, after, max_rows)
-- Guests whose last booking is long ago.
-- es: Huéspedes cuya última reserva fue hace mucho.
-- segment: booked_before
--   purpose: text, what the campaign is for
--     choices: list_purpose_names
--   channel: text, through which it contacts people
--     choices: list_channel_names
--   min_months: int = 6, months since the booking, at least
--     es: meses desde la reserva, como mínimo
--   after: text = '', only guests after this key
--   max_rows: int = 5000, rows at most
SELECT
    guest.phone_number,
    guest.last_booked_at
FROM consented_guests AS guest
WHERE
    guest.purpose = :purpose::text
    AND guest.channel = :channel::text
    AND guest.last_booked_at < statement_timestamp() - make_interval(months => :min_months::int)
    AND guest.phone_number > :after::text
ORDER BY guest.phone_number
LIMIT :max_rows::int;

-- name: list_tier_segment(purpose, channel, tier, after, max_rows)
-- Guests by how long they have been silent, for messages in different rhythms.
-- monthly: 30 to 89 days. quarterly: 90 to 364 days. yearly: 365 days and more. Every silent guest is in one tier.
-- es: Huéspedes según el tiempo que llevan en silencio, para mensajes a distinto ritmo. monthly: de 30 a 89 días; quarterly:
--     de 90 a 364; yearly: 365 o más.
-- segment: tier
--   purpose: text, what the campaign is for
--     choices: list_purpose_names
--   channel: text, through which it contacts people
--     choices: list_channel_names
--   tier: text, monthly, quarterly or yearly; e.g. 'quarterly'
--     es: el ritmo
--     choices: list_silence_tiers
--   after: text = '', only guests after this key
--   max_rows: int = 5000, rows at most
SELECT
    guest.phone_number,
    guest.last_interaction
FROM consented_guests AS guest
INNER JOIN (
    VALUES
    ('monthly', 30, 90),
    ('quarterly', 90, 365),
    ('yearly', 365, NULL)
) AS tiers (tier, from_days, to_days)
    ON
        tiers.tier = :tier::text
        AND coalesce(guest.last_interaction, guest.consented_at)
        <= statement_timestamp() - make_interval(days => tiers.from_days)
        AND (
            tiers.to_days IS NULL
            OR coalesce(guest.last_interaction, guest.consented_at)
            > statement_timestamp() - make_interval(days => tiers.to_days)
        )
WHERE
    guest.purpose = :purpose::text
    AND guest.channel = :channel::text
    AND guest.phone_number > :after::text
ORDER BY guest.phone_number
LIMIT :max_rows::int;

-- name: list_labelled_segment(purpose, channel, label, after, max_rows)
-- Guests with a label. Case and accents are ignored: Cotización is cotizacion.
-- es: Huéspedes con una etiqueta. Mayúsculas y tildes no cuentan: Cotización es cotizacion.
-- segment: labelled
--   purpose: text, what the campaign is for
--     choices: list_purpose_names
--   channel: text, through which it contacts people
--     choices: list_channel_names
--   label: text, the label; e.g. 'cotización'
--     es: la etiqueta, p. ej. cotización
--   after: text = '', only guests after this key
--   max_rows: int = 5000, rows at most
SELECT
    guest.phone_number,
    guest.labels
FROM consented_guests AS guest
WHERE
    guest.purpose = :purpose::text
    AND guest.channel = :channel::text
    AND EXISTS (
        SELECT 1
        FROM unnest(guest.labels) AS given (label)
        WHERE guestsql_folded(given.label) = guestsql_folded(:label::text)
    )
    AND guest.phone_number > :after::text
ORDER BY guest.phone_number
LIMIT :max_rows::int;

-- name: list_active_segment(purpose, channel, min_messages, within_days, after, max_rows)
-- Guests who have written much, and lately.
-- es: Huéspedes que han escrito mucho, y hace poco.
-- segment: active
--   purpose: text, what the campaign is for
--     choices: list_purpose_names
--   channel: text, through which it contacts people
--     choices: list_channel_names
--   min_messages: int = 10, messages in all, at least
--     es: mensajes en total, como mínimo
--   within_days: int = 90, days since the last message, at most
--     es: días desde el último mensaje, como máximo
--   after: text = '', only guests after this key
--   max_rows: int = 5000, rows at most
SELECT
    guest.phone_number,
    guest.total_interactions
FROM consented_guests AS guest
WHERE
    guest.purpose = :purpose::text
    AND guest.channel = :channel::text
    AND guest.total_interactions >= :min_messages::int
    AND guest.last_interaction >= statement_timestamp() - make_interval(days => :within_days::int)
    AND guest.phone_number > :after::text
ORDER BY guest.phone_number
LIMIT :max_rows::int;
