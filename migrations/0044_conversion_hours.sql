-- What the report compares (queries/report.sql): how many guests wrote first, were first interested and first booked, by hour.
-- guestsql_monitor reads these sums instead of the times of each guest, by which guest_conversions could be joined with guest_figures.
CREATE VIEW conversion_hours AS
SELECT
    hour,
    step,
    count(*) AS guests
FROM (
    SELECT
        date_trunc('hour', first_interaction, 'UTC') AS hour,
        'wrote' AS step
    FROM known_guests
    UNION ALL
    SELECT
        date_trunc('hour', least(first_interested_at, first_booked_at), 'UTC') AS hour,
        'interested' AS step
    FROM guest_marketing
    UNION ALL
    SELECT
        date_trunc('hour', first_booked_at, 'UTC') AS hour,
        'booked' AS step
    FROM guest_marketing
) AS moments
WHERE hour IS NOT NULL
GROUP BY
    hour,
    step;

INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns, marketing_columns) VALUES
('conversion_hours', '{SELECT}', '{*}', '{}');

SELECT guestsql_grant_roles();
