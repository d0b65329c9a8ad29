-- Ids of guests: everything that leads to a guest. How they are registered: docs/many-ids.md.
-- check: large guest_profiles, guest_ids

-- name: list_guest_ids(phone_number)
-- Every id of a guest, by id.
-- No row: the guest is unknown.
-- es: Todos los ids de un huésped. Sin fila: el huésped es desconocido.
-- check: allow GS307, because a guest has few ids
--   phone_number: text, any id of the guest, e.g. '573000000001'
SELECT
    id,
    kind,
    source,
    portfolio,
    first_seen_at,
    last_seen_at
FROM guest_ids
WHERE
    phone_number = (
        SELECT ids.phone_number
        FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
ORDER BY id;
