-- How get_context builds and stores a context: see the head of queries/context.sql.
--
-- Claim, publish and release do not wait for the disk (commit: async). A crash may lose them, latest first, and then the
-- text is built once more. Whatever raises the epoch is durable, so no older text comes back as fresh.

-- name: claim_context(phone_number, lease, ttl_seconds, lease_seconds)^
-- Claims the build of a context: profile and epoch for one caller, no row for the others.
-- A caller that had to wait for the row checks the conditions again, so that two cannot both succeed. The lease is
-- compared, too, so that a claim repeated after a lost connection finds its own.
-- commit: async
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   lease: uuid, made by the caller: distributed tables refuse a volatile function in a write
--   ttl_seconds: float8 = 300, seconds for which a context is fresh; nothing is claimed while it is
--   lease_seconds: float8 = 8, seconds for which no one else may build
UPDATE guest_profiles
SET
    context_lease = :lease::uuid,
    context_lease_until = statement_timestamp() + make_interval(secs => :lease_seconds::float8)
WHERE
    phone_number = (
        SELECT ids.phone_number
        FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
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
    guestsql_current_phone(current_phone, phone_number) AS current_phone,
    context_epoch;

-- name: claim_new_context(phone_number, lease, lease_seconds)^
-- Creates an unknown guest and claims its context.
-- No row: another caller was faster, or the guest is archived.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   lease: uuid, made by the caller
--   lease_seconds: float8 = 8, seconds for which no one else may build
INSERT INTO guest_profiles (phone_number, first_id, context_lease, context_lease_until)
SELECT
    resolved.phone_number,
    nullif(:phone_number::text, resolved.phone_number),
    :lease::uuid,
    statement_timestamp() + make_interval(secs => :lease_seconds::float8)
FROM guestsql_guest_key(:phone_number::text) AS resolved (phone_number)
WHERE
    NOT EXISTS (
        SELECT 1
        FROM historical_clients AS client
        WHERE client.phone_number = resolved.phone_number
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
    guestsql_current_phone(current_phone, phone_number) AS current_phone,
    context_epoch;

-- name: publish_context(phone_number, lease, epoch, context_text)$
-- Stores a text built under a lease and returns the server's time; no value when refused.
-- It is refused when the lease is now another caller's or the epoch was raised. Only columns without an index are set,
-- so that the update stays heap-only.
-- commit: async
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   lease: uuid, the caller's
--   epoch: bigint, the one the claim returned
--   context_text: text, the built context; may be empty
UPDATE guest_profiles
SET
    context_cache = :context_text::text,
    last_context_update = statement_timestamp(),
    context_lease = NULL,
    context_lease_until = NULL
WHERE
    phone_number = (
        SELECT ids.phone_number
        FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
    AND context_lease = :lease::uuid
    AND context_epoch = :epoch::bigint
RETURNING date_part('epoch', statement_timestamp()) AS answered_at;

-- name: confirm_context(phone_number, epoch, created_at)$
-- After a refused publish: the server's time if only the lease was lost, else no value.
-- The text is right as long as the profile is the one of the claim. created_at distinguishes a guest who was forgotten
-- and created again, whose epoch may be the same.
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   epoch: bigint, the one the claim returned
--   created_at: timestamptz, the one the claim returned
SELECT date_part('epoch', statement_timestamp()) AS answered_at
FROM guest_profiles
WHERE
    phone_number = (
        SELECT ids.phone_number
        FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
    AND context_epoch = :epoch::bigint
    AND created_at = :created_at::timestamptz;

-- name: release_context(phone_number, lease)!
-- Gives up a lease after a failed build; 0 when the lease was another caller's by then.
-- commit: async
-- check: hot
-- check: routed guest
--   phone_number: text, any id of the guest
--   lease: uuid, the caller's
UPDATE guest_profiles
SET
    context_lease = NULL,
    context_lease_until = NULL
WHERE
    phone_number = (
        SELECT ids.phone_number
        FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
    AND context_lease = :lease::uuid;
