-- What the analyses read (queries/analytics_*.sql).

-- Every guest, active or archived, with the times at which interest and a booking were first recorded: booking_events keeps
-- them when the status changes. It identifies no one. interested_at: who booked was interested, whether recorded or not.
CREATE VIEW guest_conversions AS
SELECT
    guest.labels,
    guest.first_interaction,
    guest.last_interaction,
    guest.total_interactions,
    guest.archived_at,
    marketing.booking_status,
    least(marketing.first_interested_at, marketing.first_booked_at) AS interested_at,
    marketing.first_booked_at AS booked_at
FROM known_guests AS guest
LEFT JOIN guest_marketing AS marketing ON guest.phone_number = marketing.phone_number;

-- The priority score of a guest is the sum of these points (list_guest_priorities). The hotel edits them as it sees fit.
CREATE TABLE priority_weights (
    -- status: the booking status; none if unknown. label: a label. recency, quote: since the last message, the last quote.
    -- messages: how many.
    factor text NOT NULL,

    -- The status or the label; '' for the other factors.
    value text NOT NULL DEFAULT '',
    points double precision NOT NULL,

    -- recency, quote: after so many days no points are left; they fall evenly. messages: from so many on all points.
    scale double precision,

    CONSTRAINT priority_weights_pkey PRIMARY KEY (factor, value),
    CONSTRAINT priority_weights_factor_check CHECK (factor IN ('status', 'label', 'recency', 'quote', 'messages')),
    CONSTRAINT priority_weights_value_check CHECK ((factor IN ('status', 'label')) = (value <> '')),
    CONSTRAINT priority_weights_status_check CHECK (
        factor <> 'status' OR value IN ('interested', 'booked', 'inactive', 'lost', 'none')
    ),
    CONSTRAINT priority_weights_scale_check CHECK (
        (factor IN ('recency', 'quote', 'messages')) = (scale IS NOT NULL)
        AND scale > 0
    ),
    -- Neither NaN nor infinity, which no other points would outweigh.
    CONSTRAINT priority_weights_numbers_check CHECK (abs(points) <= 1000000 AND scale <= 1000000)
);

-- How fresh a moment is: 1 now, evenly falling to 0 after so many days; 0 for NULL, 1 in the future.
CREATE FUNCTION guestsql_freshness(moment timestamptz, days double precision) RETURNS double precision
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN least(1, greatest(0, 1 - extract(EPOCH FROM statement_timestamp() - moment)::double precision / 86400 / days));

INSERT INTO priority_weights (factor, value, points, scale) VALUES
('status', 'interested', 40, NULL),
('status', 'booked', 10, NULL),
('status', 'none', 5, NULL),
('status', 'inactive', 0, NULL),
('status', 'lost', -20, NULL),
('label', 'VIP', 20, NULL),
('label', 'cotización', 15, NULL),
('label', 'reserva', 10, NULL),
('recency', '', 30, 30),
('quote', '', 20, 14),
('messages', '', 10, 20);

INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('guest_conversions', '{SELECT}', '{first_interaction, last_interaction, total_interactions, archived_at}'),
('priority_weights', '{SELECT}', '{*}');

SELECT guestsql_grant_roles();
