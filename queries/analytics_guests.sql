-- Lists of guests for the hotel's own staff, and a guest's summary for the model.
--
-- They are not lists for marketing: they ignore consent. To contact people for a campaign, use its queries, which list
-- only guests who gave their consent. Phone numbers are masked unless show_numbers is true.
--
-- For guestsql_bot and guestsql_owner: they show names.
-- check: read-only
-- check: large interaction_hours, booking_events

-- name: list_most_active_guests(days, show_numbers, max_rows)
-- The guests who wrote most in the last days, for the hotel's staff.
-- es: Los huéspedes que más escribieron en los últimos días, para el personal del hotel.
--   days: int = 30, from now back
--     es: desde ahora hacia atrás
--   show_numbers: bool = false, whole phone numbers
--     es: números de teléfono completos
--   max_rows: int = 20, rows at most
WITH most_active AS (
    SELECT
        phone_number,
        sum(messages)::bigint AS messages,
        count(*) AS active_hours
    FROM interaction_hours
    WHERE hour > (SELECT statement_timestamp() - make_interval(days => :days::int))
    GROUP BY phone_number
    ORDER BY
        messages DESC,
        phone_number ASC
    LIMIT :max_rows::int
)

SELECT
    CASE WHEN :show_numbers::bool THEN guest.phone_number ELSE guestsql_mask(guest.phone_number) END AS guest,
    guest.user_name,
    guest.contact_name,
    guest.labels,
    active.messages,
    active.active_hours,
    guest.last_interaction,
    guest.total_interactions
FROM most_active AS active
INNER JOIN known_guests AS guest ON active.phone_number = guest.phone_number
ORDER BY
    active.messages DESC,
    guest.phone_number ASC
LIMIT :max_rows::int;

-- name: list_hot_leads(days, show_numbers, max_rows)
-- Guests whose status is interested and who wrote in the last days, for the hotel's staff.
-- The latest quotes come first, then the latest messages. A guest without a status is no lead: list_guest_priorities has those.
-- es: Huéspedes interesados que escribieron en los últimos días, para el personal del hotel. Primero las cotizaciones
--     más recientes, después los mensajes. Sin estado no hay interés conocido: véase list_guest_priorities.
-- check: allow GS501, because many guests may have written in the last days
--   days: int = 7, from now back
--   show_numbers: bool = false, whole phone numbers
--   max_rows: int = 20, rows at most
SELECT
    CASE WHEN :show_numbers::bool THEN guest.phone_number ELSE guestsql_mask(guest.phone_number) END AS guest,
    guest.user_name,
    guest.contact_name,
    guest.labels,
    marketing.booking_status_at AS interested_at,
    marketing.last_quoted_at,
    quote.value AS quoted_value,
    quote.currency,
    guest.last_interaction,
    guest.total_interactions
FROM known_guests AS guest
INNER JOIN guest_marketing AS marketing ON guest.phone_number = marketing.phone_number
LEFT JOIN LATERAL (
    SELECT
        event.value,
        event.currency
    FROM booking_events AS event
    WHERE
        event.phone_number = guest.phone_number
        AND event.status = 'interested'
        AND event.value IS NOT NULL
    ORDER BY event.occurred_at DESC, event.event_id DESC
    LIMIT 1
) AS quote ON TRUE
WHERE
    marketing.booking_status = 'interested'
    -- The day has an index; the time decides.
    AND guest.last_active_on >= (SELECT (statement_timestamp() AT TIME ZONE 'UTC')::date - :days::int)
    AND guest.last_interaction > (SELECT statement_timestamp() - make_interval(days => :days::int))
ORDER BY marketing.last_quoted_at DESC NULLS LAST, guest.last_interaction DESC, guest.phone_number ASC
LIMIT :max_rows::int;

-- name: list_guest_priorities(days, show_numbers, max_rows)
-- The guests to answer first, by the points of priority_weights, for the hotel's staff.
-- Only guests who wrote in the last days. A status that is not known counts as none.
-- es: A qué huéspedes responder primero, según los puntos de priority_weights, para el personal del hotel. Solo quienes
--     escribieron en los últimos días. Un estado desconocido cuenta como ninguno.
--   days: int = 30, from now back
--   show_numbers: bool = false, whole phone numbers
--   max_rows: int = 20, rows at most
SELECT
    CASE WHEN :show_numbers::bool THEN guest.phone_number ELSE guestsql_mask(guest.phone_number) END AS guest,
    guest.user_name,
    guest.contact_name,
    guest.labels,
    marketing.booking_status,
    scored.score,
    guest.last_interaction
FROM known_guests AS guest
LEFT JOIN guest_marketing AS marketing ON guest.phone_number = marketing.phone_number
INNER JOIN LATERAL (
    SELECT
        round(coalesce(sum(weight.points * CASE weight.factor
            WHEN 'status' THEN (weight.value = coalesce(marketing.booking_status, 'none'))::int
            WHEN 'label' THEN (weight.value = ANY(guest.labels))::int
            WHEN 'messages' THEN least(1, guest.total_interactions / weight.scale)
            WHEN 'recency' THEN guestsql_freshness(guest.last_interaction, weight.scale)
            WHEN 'quote' THEN guestsql_freshness(marketing.last_quoted_at, weight.scale)
        END), 0)::numeric, 1) AS score
    FROM priority_weights AS weight
) AS scored ON TRUE
WHERE
    guest.last_active_on >= (SELECT (statement_timestamp() AT TIME ZONE 'UTC')::date - :days::int)
    AND guest.last_interaction > (SELECT statement_timestamp() - make_interval(days => :days::int))
ORDER BY scored.score DESC, guest.last_interaction DESC, guest.phone_number ASC
LIMIT :max_rows::int;

-- name: get_guest_summary(user_id, timezone, note_kinds)$
-- What the model should know about a guest, one fact a line. NULL: unknown guest. Empty: memory is off.
-- Line breaks in names, labels and notes become spaces, so that no name can add a fact.
-- es: Lo que el modelo debe saber de un huésped, un dato por línea. NULL: huésped desconocido. Vacío: la memoria está
--     desactivada.
--   user_id: text, any id of the guest, e.g. '573000000001'
--     es: cualquier id del huésped
--   timezone: text = 'America/Bogota', the hotel's
--   note_kinds: text[] = '{}', kinds of notes to show, the last five; none by default, because they are the staff's
--     es: tipos de notas que se muestran, las últimas cinco; por omisión ninguna, porque son del personal
WITH latest_notes AS (
    SELECT
        notes.note_id,
        notes.note
    FROM guest_ids AS ids
    INNER JOIN guest_notes AS notes ON ids.phone_number = notes.phone_number
    WHERE
        ids.id = :user_id::text
        AND notes.kind = ANY(:note_kinds::text[])
    ORDER BY notes.note_id DESC
    LIMIT 5
)

SELECT
    CASE WHEN guest.memory_enabled THEN concat_ws(
        E'\n',
        'Name: ' || regexp_replace(coalesce(guest.contact_name, guest.user_name, 'unknown'), '\s+', ' ', 'g'),
        'Labels: ' || regexp_replace(nullif(array_to_string(guest.labels, ', '), ''), '\s+', ' ', 'g'),
        'First message: ' || to_char(guest.first_interaction AT TIME ZONE :timezone::text, 'YYYY-MM-DD'),
        'Last message: ' || to_char(guest.last_interaction AT TIME ZONE :timezone::text, 'YYYY-MM-DD'),
        'Messages: ' || guest.total_interactions,
        'Booking status: ' || marketing.booking_status,
        'Last booking: ' || to_char(marketing.last_booked_at AT TIME ZONE :timezone::text, 'YYYY-MM-DD'),
        'Last quote: ' || to_char(marketing.last_quoted_at AT TIME ZONE :timezone::text, 'YYYY-MM-DD'),
        (SELECT string_agg('Note: ' || regexp_replace(note, '\s+', ' ', 'g'), E'\n' ORDER BY note_id) FROM latest_notes)
    ) ELSE '' END AS summary
FROM guest_ids AS ids
INNER JOIN known_guests AS guest ON ids.phone_number = guest.phone_number
LEFT JOIN guest_marketing AS marketing ON guest.phone_number = marketing.phone_number
WHERE ids.id = :user_id::text
ORDER BY guest.phone_number
LIMIT 1;
