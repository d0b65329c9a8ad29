-- What stays of an erased guest: hashes of the ids, and how many rows were erased. See migrations/0037_keyed_erasures.sql.
-- check: large guest_profiles, guest_ids

-- name: get_erasure_salt()$
-- The salt of the hashes of erased ids, for ErasureKey.
SELECT salt
FROM erasure_salt
WHERE is_only_row = TRUE;

-- name: list_erased_ids(phone_number)
-- The ids by which an erased guest must be recognised, each once.
-- An import of old files skips all of them. is_key and is_id say by which of them the guest is found again in an older dump
-- of the database: as a guest's key, if that guest was created before key_until, or as one of a guest's ids. is_current: the
-- id leads to the guest now. The guest's row must still exist.
-- check: allow GS307, because a guest has few ids
--   phone_number: text, the guest's key
WITH known_ids AS MATERIALIZED (
    SELECT
        known.id,
        known.kind,
        -- A phone that was another guest's before: what old files have under it is that guest's.
        (
            SELECT count(*) > 0
            FROM guest_ids AS former
            WHERE
                former.id = ANY(ARRAY[known.id || '#1', (guestsql_spellings(known.id))[2] || '#1'])
                AND former.phone_number <> :phone_number::text
        ) AS is_recycled
    FROM guest_ids AS known
    WHERE known.phone_number = :phone_number::text
),

hashed_ids AS (
    SELECT
        spelled.id,
        TRUE AS is_key
    FROM unnest(guestsql_spellings(:phone_number::text)) AS spelled (id)
    UNION ALL
    SELECT
        merged.id,
        TRUE AS is_key
    FROM known_guests AS guest
    CROSS JOIN jsonb_object_keys(guest.profile_data -> 'merged') AS merged (id)
    WHERE
        guest.phone_number = :phone_number::text
        AND jsonb_typeof(guest.profile_data -> 'merged') = 'object'
    UNION ALL
    -- A phone that went to another person: the old files may have this guest under it. Not the guest of a later owner, who
    -- has another number behind the #, or whose phone is still the first owner's key.
    SELECT
        spelled.id,
        FALSE AS is_key
    FROM known_ids
    CROSS JOIN unnest(guestsql_spellings(split_part(known_ids.id, '#', 1))) AS spelled (id)
    WHERE
        known_ids.kind = 'former_phone'
        AND split_part(known_ids.id, '#', 2) = '1'
        -- Not NOT EXISTS: PostgreSQL 15 would read all guests for it.
        AND (
            SELECT count(*) = 0
            FROM guest_keys AS first_owner
            WHERE
                first_owner.phone_number = ANY(guestsql_spellings(split_part(known_ids.id, '#', 1)))
                AND first_owner.phone_number <> :phone_number::text
        )
    UNION ALL
    SELECT
        known_ids.id,
        FALSE AS is_key
    FROM known_ids
    WHERE NOT known_ids.is_recycled
)

SELECT
    hashed_ids.id,
    TRUE AS is_hashed,
    bool_or(hashed_ids.is_key) AS is_key,
    -- An unknown id, too: it may have been this guest's.
    coalesce(min(owned.phone_number) = :phone_number::text, TRUE) AS is_id,
    count(owned.phone_number) FILTER (WHERE owned.phone_number = :phone_number::text) > 0 AS is_current,
    min(other.created_at) AS key_until
FROM hashed_ids
LEFT JOIN guest_ids AS owned ON hashed_ids.id = owned.id
-- A later guest under the same key.
LEFT JOIN known_guests AS other
    ON
        hashed_ids.id = other.phone_number
        AND other.phone_number <> :phone_number::text
GROUP BY hashed_ids.id
UNION ALL
SELECT
    known_ids.id,
    FALSE AS is_hashed,
    FALSE AS is_key,
    FALSE AS is_id,
    TRUE AS is_current,
    NULL AS key_until
FROM known_ids
WHERE
    known_ids.is_recycled
    AND known_ids.id <> ALL(guestsql_spellings(:phone_number::text))
ORDER BY id;

-- name: remember_erasure(id_hashes, key_id, erased_at)$
-- Stores the hashes of an erased guest's ids; returns the time of the erasure.
--   id_hashes: bytea[], the hashes (ErasureKey.hash), e.g. '{}'
--   key_id: text, what distinguishes their key; NULL for the salt
--   erased_at: timestamptz = NULL, when the guest was erased; NULL for now
WITH remembered_ids AS (
    INSERT INTO erased_guests AS known (id_hash, key_id, erased_at)
    SELECT
        hashed.id_hash,
        :key_id::text,
        coalesce(:erased_at::timestamptz, statement_timestamp())
    FROM unnest(:id_hashes::bytea[]) AS hashed (id_hash)
    ORDER BY hashed.id_hash
    ON CONFLICT (id_hash) DO UPDATE
        SET erased_at = greatest(known.erased_at, excluded.erased_at)
)

SELECT coalesce(:erased_at::timestamptz, statement_timestamp()) AS erased_at;

-- name: record_erasure(erasure_id, erased_at, reason, id_hashes, key_id, erased_rows)!
-- Records that a guest was erased.
--   erasure_id: uuid, a new one for each call
--   erased_at: timestamptz, when
--   reason: text, request, replay or retention, e.g. 'request'
--   id_hashes: bytea[], of the ids that led to the guest, e.g. '{}'
--   key_id: text, what distinguishes their key; NULL for the salt
--   erased_rows: jsonb, rows erased by table, e.g. '{}'
INSERT INTO erasures (erasure_id, erased_at, recorded_at, reason, id_hashes, key_id, erased_rows)
VALUES (
    :erasure_id::uuid,
    :erased_at::timestamptz,
    CASE
        WHEN :reason::text = 'request' THEN :erased_at::timestamptz
        ELSE statement_timestamp()
    END,
    :reason::text,
    :id_hashes::bytea[],
    :key_id::text,
    :erased_rows::jsonb
)
ON CONFLICT (erasure_id) DO NOTHING;

-- name: list_erasures(id_hashes)
-- The erasures of one guest, the oldest first.
-- check: allow GS307, because a guest is seldom erased
--   id_hashes: bytea[], every hash that the guest's ids may have (ErasureKey.candidates), e.g. '{}'
SELECT
    erasure_id,
    erased_at,
    recorded_at,
    reason,
    key_id,
    cardinality(id_hashes) AS ids,
    erased_rows
FROM erasures
WHERE id_hashes && :id_hashes::bytea[]
ORDER BY
    erased_at,
    recorded_at,
    erasure_id;

-- name: list_keys_of_ids(after, max_rows)
-- Every id with its guest's key, page by page, in the order of the ids.
-- first_seen_at: since when the id leads to this guest. An id that is moved to another guest is new there (move_ids).
--   after: text, the id after which a page begins, '' for the first
--   max_rows: int, rows at most
SELECT
    id,
    phone_number,
    first_seen_at
FROM guest_ids
WHERE id > :after::text
ORDER BY id
LIMIT :max_rows::int;

-- name: list_known_since(phone_numbers)
-- When some guests, active or archived, became known under their keys.
-- A guest into whom another one was merged has the earlier created_at of both: since when the key is known says more. Of a
-- key without a guest, when its first id became known: other tables may have rows under it.
--   phone_numbers: text[], the guests' keys, e.g. '{573000000001}'
SELECT
    given.phone_number,
    coalesce(
        CASE
            WHEN bool_or(guest.profile_data ? 'merged')
                THEN min(ids.first_seen_at) FILTER (WHERE ids.id = given.phone_number)
        END,
        guest.created_at,
        min(ids.first_seen_at)
    ) AS created_at
FROM unnest(:phone_numbers::text[]) AS given (phone_number)
INNER JOIN guest_ids AS ids ON given.phone_number = ids.phone_number
LEFT JOIN known_guests AS guest ON given.phone_number = guest.phone_number
GROUP BY
    given.phone_number,
    guest.created_at
ORDER BY given.phone_number;

-- name: is_expired_guest(phone_number)$
-- Whether a guest is archived, and for longer than the rule archived_guests allows.
-- Asked again under the guest's lock: the guest may have returned since list_expired_guests.
--   phone_number: text, the guest's key
SELECT count(*) > 0 AS is_expired
FROM historical_clients
WHERE
    phone_number = :phone_number::text
    AND archived_at < statement_timestamp() - make_interval(days => guestsql_keep_days('archived_guests', NULL));

-- name: list_unknown_erasures(erasure_ids)
-- Which erasures of a log the database does not know.
--   erasure_ids: uuid[], their ids, e.g. '{}'
SELECT given.erasure_id
FROM unnest(:erasure_ids::uuid[]) AS given (erasure_id)
WHERE
    NOT EXISTS (
        SELECT 1
        FROM erasures AS known
        WHERE known.erasure_id = given.erasure_id
    )
ORDER BY given.erasure_id;
