-- How many guests have a label, and how many of them book (list_label_figures). guestsql_monitor may not read the labels of a
-- guest; a label that fewer than five guests have could name one of them, so it is left out.
CREATE VIEW label_figures AS
SELECT
    labelled.label,
    count(*) AS guests,
    count(guest.interested_at) AS interested_guests,
    count(guest.booked_at) AS booked_guests
FROM guest_conversions AS guest
CROSS JOIN LATERAL (SELECT DISTINCT given.label FROM unnest(guest.labels) AS given (label)) AS labelled
GROUP BY labelled.label
HAVING count(*) >= 5;

INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns, marketing_columns) VALUES
('label_figures', '{SELECT}', '{*}', '{}');

SELECT guestsql_grant_roles();
