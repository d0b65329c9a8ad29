-- The context cache. The server's clock alone decides what is fresh, and every query uses statement_timestamp(): now()
-- does not move within a transaction, and with a volatile clock an index could not be used.
--
-- How a text is built: lookup finds no fresh one. claim takes a lease, so that only one caller builds. The text is
-- built without holding a connection. publish stores it unless the epoch was raised or the lease taken in the meantime.
-- When the profile changes, last_context_update becomes NULL: the text is then wrong, not old, and is no longer returned.

-- name: lookup_context(phone_number)^
-- A guest's cached context, when it was stored, and the server's time.
-- No row: the guest is unknown. One read by primary key and no write, so it works on a standby. guest_ids_other has only
-- the ids that are not a key: with the index of all ids, a hit would take a twentieth longer. Whether the text is fresh
-- follows from the two times, both of the server. They are seconds since 1970: an interval, a time to live and a
-- clock in the hotel's zone would take a tenth of the time of a hit. infinity is a number here, and never fresh.
-- es: El contexto guardado de un huésped, cuándo se guardó, y la hora del servidor. Sin fila: el huésped es desconocido.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
SELECT
    context_cache,
    memory_enabled,
    date_part('epoch', last_context_update) AS stored_at,
    date_part('epoch', statement_timestamp()) AS answered_at
FROM guest_profiles
WHERE phone_number = coalesce((
    SELECT ids.phone_number
    FROM guest_ids AS ids
    WHERE
        ids.id = :phone_number::text
        AND ids.id <> ids.phone_number
), :phone_number::text);

-- name: lookup_contexts(phone_numbers)
-- The cached contexts of many guests, by id, in one statement.
-- An unknown guest has no row; one with several of the ids has a row for each. Most ids are a guest's key, which is read
-- without its row in guest_ids. The others are found in guest_ids_other: to look for all of them in the index of all ids
-- would take a sixth longer. A key may be another guest's id today: a phone that was given to someone else.
-- es: Los contextos guardados de muchos huéspedes, por id, en una sola consulta. Un huésped desconocido no tiene fila.
-- check: hot
-- check: routed guest
-- check: allow GS306, because callers take the rows by id, and sorting takes a tenth of the time
--   phone_numbers: text[], ids of guests, without duplicates
--     es: ids de huéspedes, sin repetir
WITH other_ids AS MATERIALIZED (
    SELECT
        ids.id,
        ids.phone_number
    FROM guest_ids AS ids
    WHERE
        ids.id = ANY(:phone_numbers::text[])
        AND ids.id <> ids.phone_number
)

SELECT
    guest.phone_number AS id,
    guest.context_cache,
    guest.memory_enabled,
    date_part('epoch', guest.last_context_update) AS stored_at,
    date_part('epoch', statement_timestamp()) AS answered_at
FROM guest_profiles AS guest
WHERE
    guest.phone_number = ANY(:phone_numbers::text[])
    AND guest.phone_number <> ALL(array(SELECT other_ids.id FROM other_ids))
UNION ALL
SELECT
    other_ids.id,
    guest.context_cache,
    guest.memory_enabled,
    date_part('epoch', guest.last_context_update) AS stored_at,
    date_part('epoch', statement_timestamp()) AS answered_at
FROM other_ids
INNER JOIN guest_profiles AS guest ON other_ids.phone_number = guest.phone_number;

-- name: build_context(phone_number)$
-- The default context: [name | clock | label, label] and an empty line. Edit its form here.
-- {HH:MM} is replaced by the hotel's time when the text is read: a time cached with the text would be minutes old. The
-- replacements keep names and labels on one line, trimmed, and without a {HH:MM} of their own. A name that is blank,
-- `Usuario` or the guest's own id is left out.
-- es: El contexto por omisión: [nombre | hora | etiqueta, etiqueta] y una línea vacía. Su forma se cambia aquí.
-- check: hot
-- check: routed guest
-- check: allow GS302, because a guest is active or archived, never both
--   phone_number: text, any id of the guest
WITH trimmed_guests AS (
    SELECT
        phone_number,
        btrim(regexp_replace(contact_name, '\s+', ' ', 'g')) AS contact_name,
        btrim(regexp_replace(user_name, '\s+', ' ', 'g')) AS user_name,
        regexp_replace(array_to_string(labels[1:2], ', '), '\s+', ' ', 'g') AS first_labels
    FROM known_guests
    WHERE
        phone_number = (
            SELECT ids.phone_number
            FROM guest_ids AS ids
            WHERE ids.id = :phone_number::text
        )
),

named_guests AS (
    SELECT
        first_labels,
        coalesce(
            CASE WHEN NOT guestsql_is_placeholder(contact_name, phone_number) THEN contact_name END,
            CASE WHEN NOT guestsql_is_placeholder(user_name, phone_number) THEN user_name END,
            'Cliente'
        ) AS guest_name
    FROM trimmed_guests
)

SELECT
    '['
    || concat_ws(
        ' | ',
        replace(guest_name, '{HH:MM}', '(HH:MM)'),
        '{HH:MM}',
        replace(nullif(first_labels, ''), '{HH:MM}', '(HH:MM)')
    )
    || E']\n\n' AS context_text
FROM named_guests;

-- name: invalidate_context(phone_number)!
-- Makes a guest's context stale, and discards the one being built; 0 if unknown.
-- The text stays, dated 1970: unlike after a change of the profile it is old, not wrong, and may be given to a caller
-- while another one builds. The lease is removed so that the next caller builds at once.
-- es: Vence el contexto de un huésped y descarta el que se está creando; 0 si no se conoce al huésped.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
UPDATE guest_profiles
SET
    context_epoch = context_epoch + 1,
    last_context_update = CASE WHEN last_context_update IS NOT NULL THEN to_timestamp(0) END,
    context_lease = NULL,
    context_lease_until = NULL
WHERE phone_number = (
    SELECT ids.phone_number
    FROM guest_ids AS ids
    WHERE ids.id = :phone_number::text
);
