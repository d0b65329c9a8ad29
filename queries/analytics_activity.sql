-- When guests write, and when they wrote first, by the hotel's clock.
--
-- Activity comes from interaction_hours, which has every message that was counted, also of archived guests. It is kept for
-- a year (thin_interaction_hours). The import of the old bot's files has no times of messages.
--
-- guestsql_monitor may run these, too.
-- check: read-only

-- name: list_hourly_activity(weeks, timezone, max_rows)
-- Messages by weekday and hour of the hotel's clock, in the weeks up to yesterday.
-- weekday: 1 is Monday. Every hour of the week has a row. Where a zone is half an hour off, messages count for the hour in
-- which their UTC hour began.
-- es: Mensajes por día de la semana y hora del hotel, en las semanas hasta ayer. weekday: 1 es lunes. Cada hora de la
--     semana tiene una fila.
-- chart: heatmap x=hour y=weekday value=messages
-- dashboard: guests
-- cache: 10m
--   weeks: int = 12, how many
--     es: cuántas
--   timezone: text = 'America/Bogota', the hotel's
--     es: la del hotel
--   max_rows: int = 168, rows at most
--     es: filas como máximo
WITH today AS (
    SELECT (statement_timestamp() AT TIME ZONE :timezone::text)::date AS day
),

written_hours AS (
    SELECT
        hour AT TIME ZONE :timezone::text AS local_hour,
        sum(messages) AS messages
    FROM interaction_hours
    WHERE
        hour >= (SELECT (today.day - 7 * :weeks::int)::timestamp AT TIME ZONE :timezone::text FROM today)
        AND hour < (SELECT today.day::timestamp AT TIME ZONE :timezone::text FROM today)
    GROUP BY hour
)

SELECT
    weekdays.weekday,
    hours.hour,
    coalesce(sum(written.messages), 0)::bigint AS messages,
    round(coalesce(sum(written.messages), 0) / :weeks::int, 2) AS messages_per_week
FROM generate_series(1, 7) AS weekdays (weekday)
CROSS JOIN generate_series(0, 23) AS hours (hour)
LEFT JOIN written_hours AS written
    ON
        weekdays.weekday = extract(ISODOW FROM written.local_hour)
        AND hours.hour = extract(HOUR FROM written.local_hour)
GROUP BY
    weekdays.weekday,
    hours.hour
ORDER BY
    weekdays.weekday,
    hours.hour
LIMIT :max_rows::int;

-- name: list_new_guests(unit, timezone, max_rows)
-- New guests by the day, week or month of their first message.
-- By the hotel's clock, the current period first. Guests without times, such as some of an import, are new on no day. list_guest_days has active and silent guests, too.
-- es: Huéspedes nuevos por día, semana o mes de su primer mensaje. Según el reloj del hotel, el período actual primero.
--     Los huéspedes sin fechas no cuentan en ningún día.
-- chart: bar x=since_day y=new_guests
-- dashboard: guests
-- cache: 10m
-- check: allow GS501, because the first message of every guest is read
--   unit: text = 'month', day, week or month
--     es: día, semana o mes
--     choices: list_day_units
--   timezone: text = 'America/Bogota', the hotel's
--   max_rows: int = 25, days, weeks or months
--     es: días, semanas o meses
WITH present AS (
    SELECT date_trunc(:unit::text, statement_timestamp() AT TIME ZONE :timezone::text) AS since
),

counted_periods AS (
    SELECT
        date_trunc(:unit::text, first_interaction AT TIME ZONE :timezone::text) AS since,
        count(*) AS guests
    FROM guest_conversions
    WHERE
        first_interaction >= (
            SELECT (present.since - :max_rows::int * ('1 ' || :unit::text)::interval) AT TIME ZONE :timezone::text
            FROM present
        )
    GROUP BY since
)

SELECT
    (present.since - past.periods * ('1 ' || :unit::text)::interval)::date AS since_day,
    coalesce(counted.guests, 0) AS new_guests
FROM present
CROSS JOIN generate_series(0, :max_rows::int - 1) AS past (periods)
LEFT JOIN counted_periods AS counted ON present.since - past.periods * ('1 ' || :unit::text)::interval = counted.since
ORDER BY since_day DESC
LIMIT :max_rows::int;
