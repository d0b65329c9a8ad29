-- Guests: profiles and labels.
--
-- Every write is one upsert. Its INSERT selects nothing when the row is already as wanted: then nothing is written, not
-- even a row lock, and the caller reads the row. New values are computed from the row under its lock, never from what was
-- read before: otherwise one of two writers would be lost.
-- check: large guest_profiles, guest_ids, historical_clients

-- name: get_profile(phone_number)^
-- A guest's profile. No row: the guest is unknown.
-- archived_at is NULL for an active guest.
-- es: El perfil de un huésped. Sin fila: el huésped es desconocido. archived_at es NULL si está activo.
-- check: hot
-- check: routed guest
-- check: allow GS302, because a guest is active or archived, never both
--   phone_number: text, any id of the guest, e.g. '573000000001'
SELECT
    phone_number,
    chat_id,
    thread_id,
    user_name,
    contact_name,
    labels,
    profile_data,
    first_interaction,
    last_interaction,
    total_interactions,
    memory_enabled,
    created_at,
    updated_at,
    guestsql_current_phone(current_phone, phone_number) AS current_phone,
    archived_at
FROM known_guests
WHERE phone_number = (
    SELECT ids.phone_number
    FROM guest_ids AS ids
    WHERE ids.id = :phone_number::text
);

-- name: list_guests(label, after, max_rows)
-- Guests, active and archived, by key, page by page.
-- es: Los huéspedes, activos y archivados, por clave, página por página.
--   label: text = NULL, only guests with this label; NULL for all, e.g. 'VIP'
--     es: solo huéspedes con esta etiqueta; NULL para todos
--   after: text = '', the last key of the page before; '' begins with the first
--     es: la última clave de la página anterior; '' empieza por la primera
--   max_rows: int = 20, rows at most
SELECT
    phone_number,
    user_name,
    contact_name,
    labels,
    last_interaction,
    memory_enabled,
    archived_at IS NOT NULL AS archived
FROM known_guests
WHERE
    phone_number > :after::text
    AND (:label::text IS NULL OR labels @> ARRAY[:label::text])
ORDER BY phone_number
LIMIT :max_rows::int;

-- name: search_guests(search, after, max_rows)
-- Guests with a text in any of their ids, names or labels, by key, page by page.
-- Active and archived ones.
-- Upper and lower case are equal; accents are significant. If the text is part of a phone number, only its digits count.
-- All guests are read: an index of these texts would slow down every change of a name or a label.
-- es: Huéspedes con un texto en alguno de sus ids, nombres o etiquetas, por clave, página por página. Mayúsculas y
--     minúsculas son iguales; las tildes cuentan. De un número de teléfono solo cuentan las cifras.
-- check: allow GS501, because a text may be anywhere in an id
--   search: text, what to look for, e.g. 'ana'
--     es: qué buscar, p. ej. ana
--   after: text = '', the last key of the page before; '' begins with the first
--   max_rows: int = 20, rows at most
WITH wanted AS MATERIALIZED (
    SELECT
        -- % and _ are no wildcards here.
        '%' || regexp_replace(:search::text, '([\\%_])', '\\\1', 'g') || '%' AS pattern,
        CASE
            WHEN :search::text ~ '^[0-9 ()+./-]*[0-9]{2}[0-9 ()+./-]*$'
                THEN '%' || regexp_replace(:search::text, '[^0-9]', '', 'g') || '%'
        END AS digits
),

found_ids AS MATERIALIZED (
    SELECT ids.phone_number
    FROM guest_ids AS ids
    CROSS JOIN wanted
    WHERE
        ids.id ILIKE wanted.pattern
        OR ids.id LIKE wanted.digits
)

SELECT
    guest.phone_number,
    guest.user_name,
    guest.contact_name,
    guest.labels,
    guest.last_interaction,
    guest.memory_enabled,
    guest.archived_at IS NOT NULL AS archived
FROM known_guests AS guest
CROSS JOIN wanted
WHERE
    guest.phone_number > :after::text
    AND (
        guest.phone_number ILIKE wanted.pattern
        OR guest.phone_number LIKE wanted.digits
        OR guest.phone_number IN (
            SELECT found_ids.phone_number
            FROM found_ids
        )
        OR guest.user_name ILIKE wanted.pattern
        OR guest.contact_name ILIKE wanted.pattern
        -- One text of all labels: a line feed between them, which no search holds.
        OR array_to_string(guest.labels, E'\n') ILIKE wanted.pattern
    )
ORDER BY guest.phone_number
LIMIT :max_rows::int;

-- name: list_guests_with_two_spellings(max_rows)
-- Pairs of guests who are two national spellings of one number, and how to merge each pair.
-- They were stored before the table guest_ids existed, or inserted by hand in one statement. When they are merged, the next
-- ones are listed.
-- es: Pares de huéspedes que son dos formas nacionales de un mismo número, y cómo unir cada par. Cuando se unen, aparecen
-- es: los siguientes.
-- check: allow GS501, because every id of three countries is compared
--   max_rows: int = 100, rows at most
WITH spelled_ids AS MATERIALIZED (
    SELECT
        ids.id,
        ids.phone_number
    FROM guest_ids AS ids
    WHERE left(ids.id, 2) IN ('52', '54', '55')
)

SELECT
    guest.phone_number,
    duplicate.phone_number AS duplicate,
    format('guestsql guest merge %s %s', ids.id, other_ids.id) AS command
FROM spelled_ids AS ids
INNER JOIN known_guests AS guest ON ids.phone_number = guest.phone_number
CROSS JOIN unnest(guestsql_spellings(ids.id)) AS spelled (id)
INNER JOIN guest_ids AS other_ids ON spelled.id = other_ids.id
INNER JOIN known_guests AS duplicate ON other_ids.phone_number = duplicate.phone_number
WHERE (guest.created_at, guest.phone_number) < (duplicate.created_at, duplicate.phone_number)
ORDER BY
    guest.phone_number,
    ids.id,
    other_ids.id
LIMIT :max_rows::int;

-- name: list_labels(max_rows)
-- Labels with the number of guests, active and archived, who have them, most frequent first.
-- es: Las etiquetas con el número de huéspedes, activos y archivados, que las tienen, las más frecuentes primero.
-- chart: bar x=label y=guests
-- cache: 5m
-- check: allow GS501, because every guest counts
--   max_rows: int = 100, rows at most
SELECT
    label.label,
    count(*) AS guests
FROM known_guests AS guest
CROSS JOIN unnest(guest.labels) AS label (label)
GROUP BY label.label
ORDER BY guests DESC, label.label ASC
LIMIT :max_rows::int;

-- name: add_labels(phone_number, labels)^
-- Adds labels to a guest and returns the profile. No row: the guest had them all.
-- They are appended in the order given.
-- es: Agrega etiquetas a un huésped y devuelve su perfil. Sin fila: ya las tenía todas.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   labels: text[], to be added, without duplicates, e.g. '{VIP}'
--     es: las que se añaden, sin repetir
INSERT INTO guest_profiles AS known (phone_number, first_id, labels)
SELECT
    resolved.phone_number,
    nullif(:phone_number::text, resolved.phone_number),
    :labels::text[]
FROM guestsql_guest_key(:phone_number::text) AS resolved (phone_number)
WHERE
    -- By the key: the planner cannot choose the index of labels.
    (
        SELECT same.labels
        FROM guest_profiles AS same
        WHERE same.phone_number = resolved.phone_number
    ) @> :labels::text[] IS NOT TRUE
ON CONFLICT (phone_number) DO UPDATE
    SET
        labels = known.labels || array(
            SELECT added.label
            FROM unnest(excluded.labels) WITH ORDINALITY AS added (label, place)
            WHERE added.label <> ALL(known.labels)
            ORDER BY added.place
        ),
        context_epoch = known.context_epoch + 1,
        last_context_update = NULL,
        context_lease = NULL,
        context_lease_until = NULL,
        updated_at = statement_timestamp()
RETURNING
    known.phone_number,
    known.chat_id,
    known.thread_id,
    known.user_name,
    known.contact_name,
    known.labels,
    known.profile_data,
    known.first_interaction,
    known.last_interaction,
    known.total_interactions,
    known.memory_enabled,
    known.created_at,
    known.updated_at,
    guestsql_current_phone(known.current_phone, known.phone_number) AS current_phone;

-- name: remove_labels(phone_number, labels)^
-- Removes labels from a guest and returns the profile. No row: it had none of them.
-- An unknown guest is created, as by every write of a profile.
-- es: Quita etiquetas a un huésped y devuelve su perfil. Sin fila: no tenía ninguna.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   labels: text[], to be removed
--     es: las que se quitan
INSERT INTO guest_profiles AS known (phone_number, first_id)
SELECT
    resolved.phone_number,
    nullif(:phone_number::text, resolved.phone_number)
FROM guestsql_guest_key(:phone_number::text) AS resolved (phone_number)
WHERE
    NOT EXISTS (
        SELECT 1
        FROM guest_profiles AS same
        WHERE
            same.phone_number = resolved.phone_number
            AND NOT same.labels && :labels::text[]
    )
ON CONFLICT (phone_number) DO UPDATE
    SET
        labels = array(
            SELECT kept.label
            FROM unnest(known.labels) WITH ORDINALITY AS kept (label, place)
            WHERE kept.label <> ALL(:labels::text[])
            ORDER BY kept.place
        ),
        context_epoch = known.context_epoch + 1,
        last_context_update = NULL,
        context_lease = NULL,
        context_lease_until = NULL,
        updated_at = statement_timestamp()
RETURNING
    known.phone_number,
    known.chat_id,
    known.thread_id,
    known.user_name,
    known.contact_name,
    known.labels,
    known.profile_data,
    known.first_interaction,
    known.last_interaction,
    known.total_interactions,
    known.memory_enabled,
    known.created_at,
    known.updated_at,
    guestsql_current_phone(known.current_phone, known.phone_number) AS current_phone;

-- name: limit_future_times(max_rows)!
-- Sets guests' times that are in the future to now; returns the number of guests.
-- Repeat it until it returns 0. What the old bot's files said stays in profile_data. Rows are locked in the order of
-- their keys, as everywhere: in another order it would deadlock with a batch of interactions.
-- es: Pone en el momento actual las fechas futuras de los huéspedes y devuelve cuántos cambiaron. Repítala hasta que
-- es: devuelva 0.
--   max_rows: int = 1000, guests at most
--     es: huéspedes como máximo
WITH future_guests AS MATERIALIZED (
    SELECT phone_number
    FROM guest_profiles
    WHERE
        greatest(first_interaction, last_interaction, thread_created_at, created_at, updated_at)
        > statement_timestamp()
    ORDER BY phone_number
    LIMIT :max_rows::int
    FOR UPDATE
)

UPDATE guest_profiles AS known
SET
    first_interaction = CASE
        WHEN known.first_interaction IS NOT NULL THEN least(known.first_interaction, statement_timestamp())
    END,
    last_interaction = CASE
        WHEN known.last_interaction IS NOT NULL THEN least(known.last_interaction, statement_timestamp())
    END,
    thread_created_at = CASE
        WHEN known.thread_created_at IS NOT NULL THEN least(known.thread_created_at, statement_timestamp())
    END,
    created_at = least(known.created_at, statement_timestamp()),
    updated_at = statement_timestamp()
FROM future_guests
WHERE known.phone_number = future_guests.phone_number;
