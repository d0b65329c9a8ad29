-- How many guests book: by label, pair of labels, segment, engagement and cohort.
--
-- Of all guests, active and archived, with and without labels or a status. They count as interested or booked if booking_events
-- says so at any time: a later status does not undo it, and a guest who booked was interested. Every figure is exact.
--
-- For guestsql_bot and guestsql_owner: labels are not shown to guestsql_monitor.
-- check: read-only

-- name: list_label_conversions(since, timezone, max_rows)
-- How many guests with each label were interested and booked.
-- label is NULL for guests without a label. A guest with several labels is in several rows. The order of a guest's labels does not matter.
-- es: Cuántos huéspedes con cada etiqueta se interesaron y reservaron. label es NULL para los huéspedes sin etiqueta;
--     uno con varias está en varias filas.
-- chart: bar x=label y=guests,interested_guests,booked_guests
-- cache: 10m
-- check: allow GS501, because every guest counts
--   since: date = NULL, only guests who wrote first on this day of the hotel or later; NULL for all, also those without times
--     es: solo quienes escribieron por primera vez ese día del hotel o después; NULL para todos, también sin fechas
--   timezone: text = 'America/Bogota', the hotel's
--   max_rows: int = 50, rows at most
WITH label_lists AS ( -- far fewer than guests
    SELECT
        labels,
        count(*) AS guests,
        count(interested_at) AS interested_guests,
        count(booked_at) AS booked_guests
    FROM guest_conversions
    WHERE
        :since::date IS NULL
        OR first_interaction >= (SELECT :since::date::timestamp AT TIME ZONE :timezone::text)
    GROUP BY labels
)

SELECT
    labelled.label,
    sum(lists.guests)::bigint AS guests,
    sum(lists.interested_guests)::bigint AS interested_guests,
    sum(lists.booked_guests)::bigint AS booked_guests,
    round(100 * sum(lists.booked_guests) / sum(lists.guests), 1) AS conversion_percent
FROM label_lists AS lists
LEFT JOIN LATERAL ( -- a label that is in the list twice counts once
    SELECT DISTINCT given.label
    FROM unnest(lists.labels) AS given (label)
) AS labelled ON TRUE
GROUP BY labelled.label
ORDER BY
    guests DESC,
    labelled.label ASC
LIMIT :max_rows::int;

-- name: list_label_pairs(max_rows)
-- Labels that occur together, with the part of each label's guests, and the conversion.
-- es: Etiquetas que aparecen juntas, con la parte de los huéspedes de cada una y la conversión.
-- chart: heatmap x=first_label y=second_label value=guests
-- cache: 10m
-- check: allow GS501, because every guest counts
--   max_rows: int = 50, rows at most
WITH label_lists AS ( -- far fewer than guests
    SELECT
        labels,
        count(*) AS guests,
        count(booked_at) AS booked_guests
    FROM guest_conversions
    GROUP BY labels
),

label_pairs AS ( -- a label with itself: all guests who have it
    SELECT
        firsts.label AS first_label,
        seconds.label AS second_label,
        sum(lists.guests)::bigint AS guests,
        sum(lists.booked_guests)::bigint AS booked_guests
    FROM label_lists AS lists
    CROSS JOIN LATERAL (SELECT DISTINCT given.label FROM unnest(lists.labels) AS given (label)) AS firsts
    CROSS JOIN LATERAL (SELECT DISTINCT given.label FROM unnest(lists.labels) AS given (label)) AS seconds
    GROUP BY firsts.label, seconds.label
)

SELECT
    pair.first_label,
    pair.second_label,
    pair.guests,
    round(100.0 * pair.guests / firsts.guests, 1) AS first_percent,
    round(100.0 * pair.guests / seconds.guests, 1) AS second_percent,
    pair.booked_guests,
    round(100.0 * pair.booked_guests / pair.guests, 1) AS conversion_percent
FROM label_pairs AS pair
INNER JOIN label_pairs AS firsts ON pair.first_label = firsts.first_label AND pair.first_label = firsts.second_label
INNER JOIN label_pairs AS seconds
    ON pair.second_label = seconds.first_label AND pair.second_label = seconds.second_label
WHERE pair.first_label < pair.second_label
ORDER BY pair.guests DESC, pair.first_label ASC, pair.second_label ASC
LIMIT :max_rows::int;

-- name: list_segment_conversions(max_rows)
-- How many guests of each segment were interested and booked, by days of silence.
-- active: less than 30 days. monthly: 30 to 89. quarterly: 90 to 364. yearly: longer. unknown: no message with a time.
-- They are the tiers of campaigns, but of all guests, with and without consent.
-- es: Cuántos huéspedes de cada segmento se interesaron y reservaron, según los días de silencio. active: menos de 30
--     días. monthly: de 30 a 89. quarterly: de 90 a 364. yearly: más. unknown: ningún mensaje con fecha.
-- chart: bar x=segment y=guests,interested_guests,booked_guests
-- cache: 10m
-- check: allow GS501, because every guest counts
--   max_rows: int = 5, rows at most
SELECT
    CASE -- as subqueries the limits are computed once
        WHEN last_interaction > (SELECT statement_timestamp() - make_interval(days => 30)) THEN 'active'
        WHEN last_interaction > (SELECT statement_timestamp() - make_interval(days => 90)) THEN 'monthly'
        WHEN last_interaction > (SELECT statement_timestamp() - make_interval(days => 365)) THEN 'quarterly'
        WHEN last_interaction IS NOT NULL THEN 'yearly'
        ELSE 'unknown'
    END AS segment,
    count(*) AS guests,
    count(archived_at) AS archived_guests,
    count(interested_at) AS interested_guests,
    count(booked_at) AS booked_guests,
    round(100.0 * count(booked_at) / count(*), 1) AS conversion_percent
FROM guest_conversions
GROUP BY segment
ORDER BY max(last_interaction) DESC NULLS LAST
LIMIT :max_rows::int;

-- name: list_engagement_conversions(since, timezone, max_rows)
-- How many guests were interested and booked, by how many messages they wrote.
-- most_messages is NULL in the last row: any number.
-- es: Cuántos huéspedes se interesaron y reservaron, según cuántos mensajes escribieron. most_messages es NULL en la
--     última fila: cualquier número.
-- chart: bar x=least_messages y=conversion_percent
-- cache: 10m
-- check: allow GS501, because every guest counts
--   since: date = NULL, only guests who wrote first on this day of the hotel or later; NULL for all, also those without times
--   timezone: text = 'America/Bogota', the hotel's
--   max_rows: int = 6, rows at most
SELECT
    bounds.least_messages,
    bounds.most_messages,
    count(*) AS guests,
    count(guest.interested_at) AS interested_guests,
    count(guest.booked_at) AS booked_guests,
    round(100.0 * count(guest.booked_at) / count(*), 1) AS conversion_percent
FROM guest_conversions AS guest
INNER JOIN (VALUES (0, 0), (1, 1), (2, 5), (6, 20), (21, 50), (51, NULL)) AS bounds (least_messages, most_messages)
    ON
        guest.total_interactions >= bounds.least_messages
        AND (guest.total_interactions <= bounds.most_messages OR bounds.most_messages IS NULL)
WHERE
    :since::date IS NULL
    OR guest.first_interaction >= (SELECT :since::date::timestamp AT TIME ZONE :timezone::text)
GROUP BY
    bounds.least_messages,
    bounds.most_messages
ORDER BY bounds.least_messages
LIMIT :max_rows::int;

-- name: list_cohort_conversions(timezone, max_rows)
-- How many guests were interested and booked, by the month of their first message.
-- Newest first, by the hotel's clock; NULL for guests without times. booked_in_30_days makes months comparable: only the
-- guests of the last 30 days can still be added.
-- es: Cuántos huéspedes se interesaron y reservaron, por el mes de su primer mensaje. Los más recientes primero; NULL
--     para los huéspedes sin fechas. booked_in_30_days hace comparables los meses.
-- chart: line x=month y=guests,interested_guests,booked_guests
-- cache: 10m
-- check: allow GS501, because every guest counts
--   timezone: text = 'America/Bogota', the hotel's
--   max_rows: int = 25, rows at most
SELECT
    date_trunc('month', first_interaction AT TIME ZONE :timezone::text)::date AS month,
    count(*) AS guests,
    count(interested_at) AS interested_guests,
    count(booked_at) AS booked_guests,
    count(*) FILTER (WHERE booked_at < first_interaction + make_interval(hours => 720)) AS booked_in_30_days,
    round(100.0 * count(booked_at) / count(*), 1) AS conversion_percent
FROM guest_conversions
GROUP BY month
ORDER BY month DESC NULLS LAST
LIMIT :max_rows::int;

-- name: list_booking_statuses(max_rows)
-- How many guests have each booking status now.
-- booking_status is NULL where none is known.
-- es: Cuántos huéspedes tienen ahora cada estado de reserva. booking_status es NULL donde no se conoce ninguno.
-- chart: bar x=booking_status y=guests
-- cache: 10m
-- check: allow GS501, because every guest counts
--   max_rows: int = 5, rows at most
SELECT
    booking_status,
    count(*) AS guests,
    count(archived_at) AS archived_guests,
    count(booked_at) AS ever_booked_guests
FROM guest_conversions
GROUP BY booking_status
ORDER BY
    guests DESC,
    booking_status ASC
LIMIT :max_rows::int;
