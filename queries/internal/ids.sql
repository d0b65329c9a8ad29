-- How link_ids and change_phone register the ids of a guest. Locks are taken in one order everywhere: the keys
-- (lock_ids), the rows of guest_profiles by key, the rows of guest_ids by id.
-- check: large guest_profiles, historical_clients, guest_ids

-- name: get_linked_guest(ids, has_phone, portfolio, chat_id)^
-- The guest of all these ids, if there is nothing to link; else no row.
--   ids: text[], ids without duplicates, e.g. '{573000000001}'
--   has_phone: boolean, whether one of them is a phone: then the guest must have a current one
--   portfolio: text, of the business-scoped ids; '' for none
--   chat_id: text, the profile's chat_id must be this one; NULL for any
SELECT
    guest.phone_number,
    guest.chat_id,
    guest.thread_id,
    guest.user_name,
    guest.contact_name,
    guest.labels,
    guest.profile_data,
    guest.first_interaction,
    guest.last_interaction,
    guest.total_interactions,
    guest.memory_enabled,
    guest.created_at,
    guest.updated_at,
    guestsql_current_phone(guest.current_phone, guest.phone_number) AS current_phone
FROM guest_profiles AS guest
WHERE
    guest.phone_number = (
        SELECT min(known.phone_number)
        FROM guest_ids AS known
        WHERE known.id = ANY(:ids::text[])
        HAVING
            count(*) = cardinality(:ids::text[])
            AND min(known.phone_number) = max(known.phone_number)
            AND NOT bool_or(
                known.kind IN ('bsuid', 'parent_bsuid')
                AND known.portfolio = ''
                AND :portfolio::text <> ''
            )
    )
    AND (NOT :has_phone::boolean OR guestsql_current_phone(guest.current_phone, guest.phone_number) IS NOT NULL)
    AND (:chat_id::text IS NULL OR guest.chat_id = :chat_id::text);

-- name: list_known_ids(ids)
-- The ids that are known, each with the key to which it leads.
-- guest_since is NULL for a key that no guest has yet; archived_at, too, for an active guest.
--   ids: text[], ids without duplicates, e.g. '{573000000001}'
SELECT
    known.id,
    known.phone_number,
    known.kind,
    known.portfolio,
    guest.created_at AS guest_since,
    guest.archived_at
FROM guest_ids AS known
LEFT JOIN known_guests AS guest
    ON known.phone_number = guest.phone_number
WHERE known.id = ANY(:ids::text[])
ORDER BY known.id;

-- name: list_scoped_ids(phone_numbers)
-- The business-scoped ids of some guests, by id.
-- check: allow GS307, because a guest has few ids
--   phone_numbers: text[], the guests' keys
SELECT
    id,
    phone_number,
    kind,
    portfolio
FROM guest_ids
WHERE
    phone_number = ANY(:phone_numbers::text[])
    AND kind IN ('bsuid', 'parent_bsuid')
ORDER BY id;

-- name: move_ids(ids, former, phone_number)!
-- Lets ids lead to another guest, with the other spellings of a phone among them.
-- An id whose key no guest has yet is moved in the same way. It is new there: replay_erasures asks since when an id leads
-- to a guest.
--   ids: text[], the ids
--   former: text, the key to which they lead now
--   phone_number: text, the key to which they will lead
WITH moved_ids AS MATERIALIZED (
    SELECT known.id
    FROM guest_ids AS known
    WHERE
        known.phone_number = :former::text
        AND known.id IN (
            SELECT unnest(guestsql_spellings(given.id))
            FROM unnest(:ids::text[]) AS given (id)
        )
    ORDER BY known.id
    FOR UPDATE
)

UPDATE guest_ids AS known
SET
    phone_number = :phone_number::text,
    first_seen_at = statement_timestamp(),
    last_seen_at = statement_timestamp()
FROM moved_ids
WHERE
    known.id = moved_ids.id
    AND known.phone_number = :former::text;

-- name: leave_phone(phone_number, phone)!
-- Prepares a guest for the loss of a phone, which is another guest's from now on.
-- The guest gets the id <phone>#<number>, because its key may be the phone. current_phone is emptied if it was this phone,
-- in any spelling. An archived guest stays archived.
--   phone_number: text, the key of the guest who had the phone
--   phone: text, the phone, e.g. '573000000001'
WITH former_ids AS (
    INSERT INTO guest_ids (id, phone_number, source)
    SELECT
        guestsql_free_id(:phone::text),
        :phone_number::text,
        'link'
    WHERE
        NOT EXISTS (
            SELECT 1
            FROM guest_ids AS known
            WHERE
                known.phone_number = :phone_number::text
                AND starts_with(known.id, :phone::text || '#')
        )
),

archived_guests AS (
    UPDATE historical_clients
    SET
        current_phone = '',
        updated_at = statement_timestamp()
    WHERE
        phone_number = :phone_number::text
        AND guestsql_current_phone(current_phone, phone_number) = ANY(guestsql_spellings(:phone::text))
)

UPDATE guest_profiles
SET
    current_phone = '',
    context_epoch = context_epoch + 1,
    last_context_update = NULL,
    context_lease = NULL,
    context_lease_until = NULL,
    updated_at = statement_timestamp()
WHERE
    phone_number = :phone_number::text
    AND guestsql_current_phone(current_phone, phone_number) = ANY(guestsql_spellings(:phone::text));

-- name: register_ids(ids, phone_number, source)!
-- Registers unknown ids of a guest, with the other spellings of phones; returns how many.
-- A known id stays as it is, also one that another session has just registered.
--   ids: text[], the ids
--   phone_number: text, the guest's key
--   source: text = 'link', where they come from
INSERT INTO guest_ids (id, phone_number, source)
SELECT
    spelled.id,
    :phone_number::text,
    CASE WHEN spelled.id = ANY(:ids::text[]) THEN :source::text ELSE 'spelling' END
FROM unnest(:ids::text[]) AS given (id)
CROSS JOIN unnest(guestsql_spellings(given.id)) AS spelled (id)
ORDER BY spelled.id
ON CONFLICT (id) DO NOTHING;

-- name: set_portfolio(ids, portfolio)!
-- Sets the portfolio of business-scoped ids that were seen without one.
--   ids: text[], the ids
--   portfolio: text, not empty
UPDATE guest_ids
SET portfolio = :portfolio::text
WHERE
    id = ANY(:ids::text[])
    AND kind IN ('bsuid', 'parent_bsuid')
    AND portfolio = '';

-- name: set_current_phone(phone_number, phone, only_if_none)!
-- Sets a guest's current phone; 0 when it is that already.
--   phone_number: text, the guest's key
--   phone: text, the phone
--   only_if_none: boolean = FALSE, whether a guest who has one keeps it
UPDATE guest_profiles
SET
    current_phone = nullif(:phone::text, phone_number),
    context_epoch = context_epoch + 1,
    last_context_update = NULL,
    context_lease = NULL,
    context_lease_until = NULL,
    updated_at = statement_timestamp()
WHERE
    phone_number = :phone_number::text
    AND guestsql_current_phone(current_phone, phone_number) IS DISTINCT FROM :phone::text
    AND (NOT :only_if_none::boolean OR guestsql_current_phone(current_phone, phone_number) IS NULL);

-- name: set_chat(phone_number, chat_id)!
-- Sets a guest's chat; 0 when it is that already.
--   phone_number: text, the guest's key
--   chat_id: text, the chat
UPDATE guest_profiles
SET
    chat_id = :chat_id::text,
    context_epoch = context_epoch + 1,
    last_context_update = NULL,
    context_lease = NULL,
    context_lease_until = NULL,
    updated_at = statement_timestamp()
WHERE
    phone_number = :phone_number::text
    AND chat_id IS DISTINCT FROM :chat_id::text;
