-- The rules of contact: list them, and change them. A correction by a lawyer is a row: docs/contact-rules.md.
-- '*' as a channel means every channel. State in source who asked for the change, or name the law.

-- name: list_contact_rules(profile)
-- The rules of a profile in words, one row each, by kind.
-- Holidays are listed by list_holidays.
-- es: Las reglas de un perfil en palabras, una fila cada una, por tipo. Los festivos están en list_holidays.
-- check: allow GS307, because a profile has few rules
--   profile: text, e.g. 'CO'
--     es: el perfil, p. ej. CO
--     choices: list_profile_names
SELECT
    'profile' AS kind,
    profiles.description
    || CASE WHEN profiles.restricts_hours THEN '; within hours only' ELSE '' END
    || CASE WHEN profiles.excludes_holidays THEN '; not on holidays of ' || profiles.country ELSE '' END AS rule,
    profiles.source,
    profiles.is_confirmed
FROM contact_profiles AS profiles
WHERE profiles.profile = :profile::text
UNION ALL
SELECT
    'hours',
    format('weekday %s: %s to %s', hours.weekday, hours.opens_at, hours.closes_at),
    hours.source,
    hours.is_confirmed
FROM contact_hours AS hours
WHERE hours.profile = :profile::text
UNION ALL
SELECT
    'cap',
    concat_ws(
        ', ',
        caps.period || CASE WHEN caps.channel = '*' THEN '' ELSE ' by ' || caps.channel END,
        caps.max_contacts || ' contacts at most',
        caps.max_channels || ' channels at most'
    ),
    caps.source,
    caps.is_confirmed
FROM contact_caps AS caps
WHERE caps.profile = :profile::text
UNION ALL
SELECT
    'excluded day',
    excluded.day || ': ' || excluded.reason,
    excluded.source,
    excluded.is_confirmed
FROM excluded_days AS excluded
WHERE excluded.profile = :profile::text
ORDER BY
    kind,
    rule,
    source,
    is_confirmed;

-- name: set_contact_profile(profile, description, country, restricts_hours, excludes_holidays, source, is_confirmed)!
-- Adds or changes a profile.
-- es: Añade o cambia un perfil de reglas.
--   profile: text, e.g. 'PE'
--   description: text, e.g. 'Peru'
--   country: text, two letters: whose holidays; NULL for none; e.g. 'CO'
--     es: dos letras: de qué país son los festivos; NULL si de ninguno
--   restricts_hours: bool = false, people are contacted within the hours of set_contact_hours only
--     es: solo se contacta dentro de los horarios de set_contact_hours
--   excludes_holidays: bool = false, people are not contacted on the country's holidays
--     es: no se contacta en los festivos del país
--   source: text, e.g. 'our lawyer, 2026-01-15'
--   is_confirmed: bool = false, counsel has confirmed it
INSERT INTO contact_profiles AS known (
    profile, description, country, restricts_hours, excludes_holidays, source, is_confirmed
)
VALUES (
    :profile::text,
    :description::text,
    :country::text,
    :restricts_hours::bool,
    :excludes_holidays::bool,
    :source::text,
    :is_confirmed::bool
)
ON CONFLICT (profile) DO UPDATE
    SET
        description = excluded.description,
        country = excluded.country,
        restricts_hours = excluded.restricts_hours,
        excludes_holidays = excluded.excludes_holidays,
        source = excluded.source,
        is_confirmed = excluded.is_confirmed;

-- name: set_contact_hours(profile, weekday, opens_at, closes_at, source, is_confirmed)!
-- Sets the hours of a weekday that begin at opens_at. Hours that begin at another time stay: remove_contact_hours.
-- es: Fija el horario de un día de la semana que empieza en opens_at. Los que empiezan a otra hora quedan:
-- es: remove_contact_hours.
--   profile: text, e.g. 'CO'
--   weekday: int, 1 is Monday, 7 is Sunday, e.g. 6
--     es: 1 es lunes, 7 es domingo
--   opens_at: text, by the hotel's clock, e.g. '08:00'
--     es: según el reloj del hotel
--   closes_at: text, the first moment that is too late, '24:00' at most, e.g. '14:00'
--     es: el primer momento en que ya es tarde, '24:00' como máximo
--   source: text, e.g. 'our lawyer, 2026-01-15'
--   is_confirmed: bool = false, counsel has confirmed it
INSERT INTO contact_hours AS known (profile, weekday, opens_at, closes_at, source, is_confirmed)
VALUES (
    :profile::text,
    :weekday::int,
    (:opens_at::text)::time,
    (:closes_at::text)::time,
    :source::text,
    :is_confirmed::bool
)
ON CONFLICT (profile, weekday, opens_at) DO UPDATE
    SET
        closes_at = excluded.closes_at,
        source = excluded.source,
        is_confirmed = excluded.is_confirmed;

-- name: remove_contact_hours(profile, weekday, opens_at)!
-- Removes hours of a weekday. A weekday without hours is closed.
-- es: Quita horarios de un día de la semana. Un día sin horario está cerrado.
--   profile: text, e.g. 'CO'
--   weekday: int, 1 is Monday, 7 is Sunday, e.g. 6
--   opens_at: text = NULL, e.g. '08:00'; NULL for all hours of the weekday
--     es: NULL para todos los horarios del día
DELETE FROM contact_hours
WHERE
    profile = :profile::text
    AND weekday = :weekday::int
    AND opens_at = coalesce((:opens_at::text)::time, opens_at);

-- name: set_contact_cap(profile, channel, period, max_contacts, max_channels, source, is_confirmed)!
-- Sets how often a person may be contacted in a day, week or month.
-- es: Fija cuántas veces se puede contactar a una persona al día, a la semana o al mes.
--   profile: text, e.g. 'CO'
--   channel: text = '*', only contacts through this channel count
--     es: solo cuentan los contactos por este canal
--   period: text, day, week or month, by the hotel's clock, e.g. 'month'
--     es: day, week o month, según el reloj del hotel
--   max_contacts: int, 1 or more, e.g. 4; NULL for any number
--     es: 1 o más; NULL si no hay límite
--   max_channels: int = NULL, 1 or more, for the channel '*' only; NULL for any number
--     es: 1 o más, solo para el canal '*'; NULL si no hay límite
--   source: text, e.g. 'our lawyer, 2026-01-15'
--   is_confirmed: bool = false, counsel has confirmed it
INSERT INTO contact_caps AS known (profile, channel, period, max_contacts, max_channels, source, is_confirmed)
VALUES (
    :profile::text,
    :channel::text,
    :period::text,
    :max_contacts::int,
    :max_channels::int,
    :source::text,
    :is_confirmed::bool
)
ON CONFLICT (profile, channel, period) DO UPDATE
    SET
        max_contacts = excluded.max_contacts,
        max_channels = excluded.max_channels,
        source = excluded.source,
        is_confirmed = excluded.is_confirmed;

-- name: remove_contact_cap(profile, channel, period)!
-- Removes a cap.
-- es: Quita un límite.
--   profile: text, e.g. 'CO'
--   channel: text = '*'
--   period: text, day, week or month, e.g. 'day'
--     es: day, week o month
DELETE FROM contact_caps
WHERE
    profile = :profile::text
    AND channel = :channel::text
    AND period = :period::text;

-- name: set_excluded_day(profile, day, reason, source, is_confirmed)!
-- Excludes a day on which no one is to be contacted.
-- es: Excluye un día en el que no se contacta a nadie.
--   profile: text, e.g. 'CO'
--   day: date, by the hotel's clock, e.g. '2026-12-24'
--     es: según el reloj del hotel
--   reason: text, e.g. 'Christmas Eve'
--   source: text, e.g. 'the manager'
--   is_confirmed: bool = false, counsel has confirmed it
INSERT INTO excluded_days AS known (profile, day, reason, source, is_confirmed)
VALUES (:profile::text, :day::date, :reason::text, :source::text, :is_confirmed::bool)
ON CONFLICT (profile, day) DO UPDATE
    SET
        reason = excluded.reason,
        source = excluded.source,
        is_confirmed = excluded.is_confirmed;

-- name: remove_excluded_day(profile, day)!
-- Removes an excluded day.
-- es: Quita un día excluido.
--   profile: text, e.g. 'CO'
--   day: date, e.g. '2026-12-24'
DELETE FROM excluded_days
WHERE
    profile = :profile::text
    AND day = :day::date;

-- name: list_holidays(country, year)
-- The holidays of a country in a year.
-- No row: no one has entered them, so profiles that exclude holidays refuse every contact in that year.
-- es: Los festivos de un país en un año. Sin fila: nadie los registró, y los perfiles que excluyen festivos rechazan
--     todo contacto en ese año.
-- check: allow GS307, because a year has few holidays
--   country: text, two letters, e.g. 'CO'
--     es: dos letras, p. ej. CO
--   year: int, e.g. 2026
--     es: p. ej. 2026
SELECT
    day,
    name,
    source,
    is_confirmed
FROM holidays
WHERE
    country = :country::text
    AND day >= make_date(:year::int, 1, 1)
    AND day <= make_date(:year::int, 12, 31)
ORDER BY day;

-- name: replace_holidays(country, year, holiday_dates, holiday_names, source)!
-- Enters the holidays of a year; how many rows changed.
-- Days from another source stay: its first word is compared. A year that is confirmed (confirm_holidays) is not changed at all.
-- es: Escribe los festivos de un año y devuelve cuántas filas cambiaron. Los días de otra fuente quedan: se compara su
-- es: primera palabra. Un año confirmado (confirm_holidays) no se cambia.
--   country: text, two letters, e.g. 'CO'
--     es: dos letras
--   year: int, e.g. 2026
--   holiday_dates: date[], e.g. '{2026-12-25}'
--   holiday_names: text[], in the order of the dates, e.g. '{Navidad}'
--     es: en el orden de las fechas
--   source: text, where they come from, e.g. 'holidays 0.109'
--     es: de dónde vienen
WITH changeable_year AS (
    INSERT INTO holiday_years AS known (country, year, source)
    VALUES (:country::text, :year::int, :source::text)
    ON CONFLICT (country, year) DO UPDATE
        SET source = excluded.source
        WHERE NOT known.is_confirmed
    RETURNING known.country
),

removed_days AS (
    DELETE FROM holidays AS known
    USING changeable_year
    WHERE
        known.country = changeable_year.country
        AND known.day >= make_date(:year::int, 1, 1)
        AND known.day <= make_date(:year::int, 12, 31)
        AND known.day <> ALL(:holiday_dates::date[])
        AND starts_with(known.source, split_part(:source::text, ' ', 1))
        AND NOT known.is_confirmed
)

INSERT INTO holidays AS known (country, day, name, source)
SELECT
    changeable_year.country,
    given.day,
    given.name,
    :source::text
FROM unnest(:holiday_dates::date[], :holiday_names::text[]) AS given (day, name)
CROSS JOIN changeable_year
ON CONFLICT (country, day) DO UPDATE
    SET
        name = excluded.name,
        source = excluded.source
    WHERE NOT known.is_confirmed AND starts_with(known.source, split_part(:source::text, ' ', 1));

-- name: set_holiday(country, day, name, source, is_confirmed)!
-- Adds or changes a holiday.
-- es: Añade o cambia un festivo.
--   country: text, two letters, e.g. 'CO'
--   day: date, e.g. '2026-06-01'
--   name: text, e.g. 'Día cívico'
--   source: text, e.g. 'our lawyer, 2026-01-15'
--   is_confirmed: bool = false, counsel has confirmed it
INSERT INTO holidays AS known (country, day, name, source, is_confirmed)
VALUES (:country::text, :day::date, :name::text, :source::text, :is_confirmed::bool)
ON CONFLICT (country, day) DO UPDATE
    SET
        name = excluded.name,
        source = excluded.source,
        is_confirmed = excluded.is_confirmed;

-- name: remove_holiday(country, day)!
-- Removes a holiday. `guestsql campaign holidays` would add it again, unless the year is confirmed.
-- es: Quita un festivo. `guestsql campaign holidays` lo añadiría de nuevo, salvo que el año esté confirmado.
--   country: text, two letters, e.g. 'CO'
--   day: date, e.g. '2026-06-01'
DELETE FROM holidays
WHERE
    country = :country::text
    AND day = :day::date;

-- name: confirm_holidays(country, year, source)!
-- States that the holidays of a year are complete and right.
-- `guestsql campaign holidays` no longer changes them.
-- 0 rows: no one has entered the year.
-- es: Declara que los festivos de un año están completos y son correctos. `guestsql campaign holidays` ya no los
-- es: cambia. 0 filas: nadie ha escrito ese año.
--   country: text, two letters, e.g. 'CO'
--   year: int, e.g. 2026
--   source: text, e.g. 'our lawyer, 2026-01-15'
UPDATE holiday_years
SET
    source = :source::text,
    is_confirmed = TRUE
WHERE
    country = :country::text
    AND year = :year::int;

-- name: list_excluded_registers()
-- How many numbers are excluded, by source and channel. A number with two spellings counts twice.
-- es: Cuántos números están excluidos, por fuente y canal. Un número con dos formas cuenta dos veces.
-- chart: bar x=source y=numbers series=channel
-- check: allow GS307, because there are few registers
SELECT
    source,
    channel,
    count(*) AS numbers,
    max(added_at) AS last_added_at
FROM excluded_numbers
GROUP BY
    source,
    channel
ORDER BY
    source,
    channel;

-- name: add_excluded_numbers(numbers, channel, source, added_at)!
-- Excludes numbers from every contact; how many rows were written.
-- Every national spelling of a number has a row.
-- es: Excluye números de todo contacto y devuelve cuántas filas se escribieron. Cada forma nacional de un número tiene
-- es: una fila.
--   numbers: text[], as canonical_user_id returns them, e.g. '{573000000001}'
--     es: como los devuelve canonical_user_id
--   channel: text = '*', for which channel
--     es: para qué canal
--   source: text, which register, e.g. 'RNE'
--     es: qué registro
--   added_at: timestamptz = NULL, one time for all numbers of a register; NULL for now
--     es: un mismo momento para todos los números de un registro; NULL para ahora
INSERT INTO excluded_numbers AS known (id_hash, channel, source, added_at)
SELECT DISTINCT
    sha256(erasure_salt.salt || convert_to(spelled.id, 'UTF8')) AS id_hash,
    :channel::text,
    :source::text,
    coalesce(:added_at::timestamptz, statement_timestamp())
FROM unnest(:numbers::text[]) AS given (number)
CROSS JOIN unnest(guestsql_spellings(given.number)) AS spelled (id)
CROSS JOIN erasure_salt
ORDER BY id_hash
ON CONFLICT (id_hash, channel, source) DO UPDATE
    SET added_at = excluded.added_at;

-- name: remove_excluded_number(number, source)!
-- Removes a number from a register, for every channel.
-- es: Quita un número de un registro, para todos los canales.
--   number: text, as canonical_user_id returns it, e.g. '573000000001'
--     es: como lo devuelve canonical_user_id
--   source: text, which register, e.g. 'RNE'
DELETE FROM excluded_numbers
USING erasure_salt
WHERE
    excluded_numbers.id_hash IN (
        SELECT sha256(erasure_salt.salt || convert_to(spelled.id, 'UTF8'))
        FROM unnest(guestsql_spellings(:number::text)) AS spelled (id)
    )
    AND excluded_numbers.source = :source::text;

-- name: remove_old_excluded_numbers(source, channel, added_at)!
-- Removes the numbers of a register that were not in its newest edition.
-- es: Quita los números de un registro que ya no están en su edición más reciente.
--   source: text, which register, e.g. 'RNE'
--   channel: text = '*'
--   added_at: timestamptz, the time with which the newest edition was entered, e.g. '2026-01-01 00:00+00'
--     es: el momento con el que se escribió la edición más reciente
DELETE FROM excluded_numbers
WHERE
    source = :source::text
    AND channel = :channel::text
    AND added_at <> :added_at::timestamptz;
