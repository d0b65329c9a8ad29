-- Messages per guest and hour: the truth about when guests write. The statements that count a message in guest_profiles
-- write it: record_interactions and complete_message.
-- check: large interaction_hours

-- name: thin_interaction_hours(keep_days, max_rows)$
-- Deletes old hours; returns how many, 0 when nothing is left.
-- es: Borra horas antiguas; devuelve cuántas, 0 cuando no queda nada.
--   keep_days: int = NULL, days for which they are kept; NULL for those of retention_rules
--     es: días que se conservan; NULL para los de retention_rules
--   max_rows: int = 20000, rows at most
WITH old_hours AS (
    SELECT
        aged.phone_number,
        aged.hour
    FROM interaction_hours AS aged
    WHERE
        aged.hour < statement_timestamp() - make_interval(
            days => guestsql_keep_days('interaction_hours', :keep_days::int)
        )
    ORDER BY aged.hour
    LIMIT :max_rows::int
    FOR UPDATE SKIP LOCKED
),

removed_hours AS (
    DELETE FROM interaction_hours AS gone
    USING old_hours
    WHERE
        gone.phone_number = old_hours.phone_number
        AND gone.hour = old_hours.hour
    RETURNING gone.hour
)

SELECT count(*) AS thinned_rows
FROM removed_hours;

-- name: export_interaction_hours(phone_number)
-- How many messages a guest wrote in each hour.
-- es: Cuántos mensajes escribió un huésped en cada hora.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(known) AS interaction_hour
FROM interaction_hours AS known
WHERE known.phone_number = :phone_number::text
ORDER BY known.hour;

-- name: forget_interaction_hours(phone_number)!
-- Erases how many messages a guest wrote in each hour.
-- After the guest's row: a message of an unknown guest may be counted meanwhile.
-- es: Borra cuántos mensajes escribió un huésped en cada hora.
-- on: forget_guest, last
--   phone_number: text, the guest's key
DELETE FROM interaction_hours
WHERE phone_number = :phone_number::text;

-- name: merge_interaction_hours(keep, duplicate)!
-- Adds up the messages of both guests per hour.
-- es: Suma los mensajes por hora de ambos huéspedes.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
WITH removed_hours AS (
    DELETE FROM interaction_hours
    WHERE phone_number = :duplicate::text
    RETURNING
        hour,
        messages
)

INSERT INTO interaction_hours AS known (phone_number, hour, messages)
SELECT
    :keep::text,
    removed_hours.hour,
    removed_hours.messages
FROM removed_hours
ORDER BY removed_hours.hour
ON CONFLICT (phone_number, hour) DO UPDATE
    SET messages = known.messages + excluded.messages;
