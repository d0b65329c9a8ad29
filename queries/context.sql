-- The context cache. Fresh or not is judged by the server's clock alone, and by statement_timestamp() in every query:
-- now() stands still inside a transaction, and a volatile clock would keep an index from being used.
--
-- The life of a text: lookup finds none that is fresh; claim takes a lease, so that one caller builds and the others
-- do not; the text is built without any connection held; publish stores it if nobody has raised the epoch or taken the
-- lease meanwhile. last_context_update is NULL when the text tells of a profile that has changed since: such a text is
-- wrong, not old, and is given to nobody.

-- name: lookup_context(phone_number, ttl_seconds, timezone)^
-- A guest's cached context, how old it is, whether it is fresh, and the hotel's clock; no row for a guest not known.
-- One read by primary key, no write: it works on a standby. A time in the future is not fresh. infinity has no age; before
-- PostgreSQL 17 it cannot even be subtracted.
-- check: hot
--   phone_number: text, the guest's key
--   ttl_seconds: float8 = 300, seconds for which a context is fresh; 0 makes none fresh
--   timezone: text = 'America/Bogota', the hotel's time zone, for clock_time
SELECT
    context_cache,
    memory_enabled,
    coalesce(
        context_cache IS NOT NULL
        AND last_context_update <= statement_timestamp()
        AND last_context_update > statement_timestamp() - make_interval(secs => :ttl_seconds::float8),
        FALSE
    ) AS is_fresh,
    CASE
        WHEN isfinite(last_context_update) THEN extract(EPOCH FROM statement_timestamp() - last_context_update)::float8
    END AS age_seconds,
    to_char(statement_timestamp() AT TIME ZONE :timezone::text, 'HH24:MI') AS clock_time
FROM guest_profiles
WHERE phone_number = :phone_number::text;

-- name: lookup_contexts(phone_numbers, ttl_seconds, timezone)
-- The cached contexts of many guests, by phone number; guests not known have no row. One statement for all.
-- check: hot
--   phone_numbers: text[], the guests' keys, none twice
--   ttl_seconds: float8 = 300, seconds for which a context is fresh; 0 makes none fresh
--   timezone: text = 'America/Bogota', the hotel's time zone, for clock_time
SELECT
    phone_number,
    context_cache,
    memory_enabled,
    coalesce(
        context_cache IS NOT NULL
        AND last_context_update <= statement_timestamp()
        AND last_context_update > statement_timestamp() - make_interval(secs => :ttl_seconds::float8),
        FALSE
    ) AS is_fresh,
    CASE
        WHEN isfinite(last_context_update) THEN extract(EPOCH FROM statement_timestamp() - last_context_update)::float8
    END AS age_seconds,
    to_char(statement_timestamp() AT TIME ZONE :timezone::text, 'HH24:MI') AS clock_time
FROM guest_profiles
WHERE phone_number = ANY(:phone_numbers::text[])
ORDER BY phone_number;

-- name: claim_context(phone_number, lease, ttl_seconds, lease_seconds)^
-- The profile and the epoch to build from, for the one caller who gets the lease; no row for all others.
-- The conditions are judged again by whoever had to wait for the row: two callers cannot both succeed. The lease is
-- compared too, so that a claim repeated after a lost connection finds its own.
-- internal: get_context takes the lease
--   phone_number: text, the guest's key
--   lease: uuid, made by the caller: a volatile function in a write is refused where tables are spread
--   ttl_seconds: float8 = 300, seconds for which a context is fresh; nothing is claimed while it is
--   lease_seconds: float8 = 8, seconds for which nobody else may build
UPDATE guest_profiles
SET
    context_lease = :lease::uuid,
    context_lease_until = statement_timestamp() + make_interval(secs => :lease_seconds::float8)
WHERE
    phone_number = :phone_number::text
    AND (
        context_cache IS NULL
        OR last_context_update IS NULL
        OR last_context_update > statement_timestamp()
        OR last_context_update <= statement_timestamp() - make_interval(secs => :ttl_seconds::float8)
    )
    AND (
        context_lease IS NULL
        OR context_lease_until <= statement_timestamp()
        OR context_lease = :lease::uuid
    )
RETURNING
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
    context_epoch;

-- name: claim_new_context(phone_number, lease, lease_seconds)^
-- The same for a guest not known yet, who is created; no row when somebody was faster.
-- internal: get_context takes the lease
--   phone_number: text, the guest's key
--   lease: uuid, made by the caller
--   lease_seconds: float8 = 8, seconds for which nobody else may build
INSERT INTO guest_profiles (phone_number, context_lease, context_lease_until)
VALUES (
    :phone_number::text,
    :lease::uuid,
    statement_timestamp() + make_interval(secs => :lease_seconds::float8)
)
ON CONFLICT (phone_number) DO NOTHING
RETURNING
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
    context_epoch;

-- name: build_context(phone_number)$
-- The default context: [name | clock | label, label] and an empty line. Change its form here.
-- {HH:MM} stands for the clock time, which is put in when the text is read, in the hotel's zone: cached with the text it
-- would be up to five minutes late. Names and labels stand on one line, without blanks around them, and cannot bring a
-- clock of their own; a name that is blank, `Usuario` or the guest's own id is none.
--   phone_number: text, the guest's key
WITH trimmed_guests AS (
    SELECT
        phone_number,
        btrim(regexp_replace(contact_name, '\s+', ' ', 'g')) AS contact_name,
        btrim(regexp_replace(user_name, '\s+', ' ', 'g')) AS user_name,
        regexp_replace(array_to_string(labels[1:2], ', '), '\s+', ' ', 'g') AS first_labels
    FROM guest_profiles
    WHERE phone_number = :phone_number::text
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

-- name: publish_context(phone_number, lease, epoch, context_text, timezone)$
-- Stores a text that was built under a lease: the hotel's clock, to read the text with; no value when it was refused,
-- because the lease is another's by now or the epoch was raised.
-- No index holds any column that is set: the update stays heap-only.
-- internal: get_context stores what was built
--   phone_number: text, the guest's key
--   lease: uuid, the caller's
--   epoch: bigint, the one the claim returned
--   context_text: text, the built context; may be empty
--   timezone: text = 'America/Bogota', the hotel's time zone
UPDATE guest_profiles
SET
    context_cache = :context_text::text,
    last_context_update = statement_timestamp(),
    context_lease = NULL,
    context_lease_until = NULL
WHERE
    phone_number = :phone_number::text
    AND context_lease = :lease::uuid
    AND context_epoch = :epoch::bigint
RETURNING to_char(statement_timestamp() AT TIME ZONE :timezone::text, 'HH24:MI') AS clock_time;

-- name: confirm_context(phone_number, epoch, created_at, timezone)$
-- Asked after a refused publish: the hotel's clock if the guest is still as when the text was claimed, so that only the
-- lease was lost; no value when the profile has changed or the guest is gone. created_at tells a guest who was forgotten
-- and created anew, whose epoch may be the same.
-- internal: get_context asks after a refusal
--   phone_number: text, the guest's key
--   epoch: bigint, the one the claim returned
--   created_at: timestamptz, likewise
--   timezone: text = 'America/Bogota', the hotel's time zone
SELECT to_char(statement_timestamp() AT TIME ZONE :timezone::text, 'HH24:MI') AS clock_time
FROM guest_profiles
WHERE
    phone_number = :phone_number::text
    AND context_epoch = :epoch::bigint
    AND created_at = :created_at::timestamptz;

-- name: release_context(phone_number, lease)!
-- Gives a lease back unused, after a builder that failed: 1 row, or 0 when it was another's by now.
-- internal: get_context gives the lease back
--   phone_number: text, the guest's key
--   lease: uuid, the caller's
UPDATE guest_profiles
SET
    context_lease = NULL,
    context_lease_until = NULL
WHERE
    phone_number = :phone_number::text
    AND context_lease = :lease::uuid;

-- name: invalidate_context(phone_number)!
-- Makes a guest's context stale and whatever is being built for it unpublishable: 1 row, or 0 for a guest not known.
-- The text stays as a stale one, of the year 1970: unlike after a change of the profile it is old, not wrong. Without a
-- lease the next caller builds at once.
--   phone_number: text, the guest's key
UPDATE guest_profiles
SET
    context_epoch = context_epoch + 1,
    last_context_update = CASE WHEN last_context_update IS NOT NULL THEN to_timestamp(0) END,
    context_lease = NULL,
    context_lease_until = NULL
WHERE phone_number = :phone_number::text;
