-- How long each kind of data is kept: one row of retention_rules for each kind. A bot applies the rules once an hour, and
-- `guestsql privacy retention` does so at once. To change one: UPDATE retention_rules SET keep_days = 90 WHERE kind = 'notes'.
-- A custom table takes part by its own row.
-- check: large guest_notes, booking_events, historical_clients

-- name: list_retention_rules()
-- The rules of retention, by kind of data.
-- NULL days: it is kept until the guest is erased.
-- es: Las reglas de conservación, por tipo de dato. Días NULL: se conserva hasta que se borre al huésped.
-- check: allow GS307, because there are few rules
SELECT
    kind,
    keep_days,
    relation_name,
    time_column,
    filled_column,
    query,
    source,
    is_confirmed
FROM retention_rules
ORDER BY kind;

-- name: list_expired_data(text_days)
-- How many rows of each kind are older than the rule allows.
-- es: Cuántas filas de cada tipo son más antiguas de lo que permite la regla.
-- chart: bar x=kind y=expired_rows
-- check: allow GS307, because there are few rules
--   text_days: int = NULL, days for which the texts of messages are kept, as in GUESTSQL_KEEP_TEXT
--     es: días que se conservan los textos de los mensajes, como en GUESTSQL_KEEP_TEXT
WITH limits AS (
    SELECT
        rule.kind,
        least(rule.keep_days, CASE WHEN rule.kind = 'message_texts' THEN :text_days::int END) AS keep_days
    FROM retention_rules AS rule
)

SELECT
    limits.kind,
    limits.keep_days,
    guestsql_apply_rule(limits.kind, limits.keep_days, 0, TRUE) AS expired_rows
FROM limits
ORDER BY limits.kind;

-- name: thin_by_rules(kind, max_rows)$
-- Deletes rows that are older than their rule allows.
-- Returns how many, 0 when nothing is left. It leaves out the kinds for which the rule names another query.
-- es: Borra filas más antiguas de lo que permite su regla.
--   kind: text = NULL, only this kind; NULL for all
--     es: solo este tipo; NULL para todos
--   max_rows: int = 20000, rows of each kind at most
--     es: filas de cada tipo como máximo
SELECT coalesce(sum(guestsql_apply_rule(rule.kind, NULL, :max_rows::int, FALSE)), 0)::bigint AS thinned_rows
FROM retention_rules AS rule
WHERE
    rule.query IS NULL
    AND coalesce(rule.kind = :kind::text, TRUE);

-- name: list_expired_guests(max_rows)
-- Archived guests who are older than their rule allows.
-- The oldest come first.
-- es: Huéspedes archivados más antiguos de lo que permite su regla, los más antiguos primero.
-- check: allow GS501, because the rule is off unless someone sets it
--   max_rows: int = 500, guests at most
--     es: huéspedes como máximo
SELECT
    client.phone_number,
    -- The key itself may lead to another guest, whose number it is now.
    (
        SELECT min(ids.id)
        FROM guest_ids AS ids
        WHERE ids.phone_number = client.phone_number
    ) AS id
FROM historical_clients AS client
WHERE
    client.archived_at < statement_timestamp() - make_interval(days => guestsql_keep_days('archived_guests', NULL))
ORDER BY
    client.archived_at,
    client.phone_number
LIMIT :max_rows::int;
