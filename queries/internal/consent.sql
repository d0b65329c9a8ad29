-- Writes of give_consent and withdraw_consent, and the proof: see the head of queries/consent.sql.
-- check: large operations, consent_events

-- name: change_consent(phone_number, action, purpose, channel, source, said_at, wording, wording_version, language, actor, keyed_hashes, operation_id)
-- Records a consent or a withdrawal once, and returns the guest's consents.
-- No row: the guest was erased after said_at, and nothing was recorded.
--   phone_number: text, any id of the guest
--   action: text, given or withdrawn
--   purpose: text, or '*' to withdraw from all
--   channel: text, or '*' to withdraw on all
--   source: text, where it was recorded
--   said_at: timestamptz, when the guest said so; NULL for now
--   wording: text, what the guest agreed to; NULL for a withdrawal
--   wording_version: text, as the caller counts them; NULL for a withdrawal
--   language: text, of the wording; NULL if unknown
--   actor: text, who recorded it; NULL if unknown
--   keyed_hashes: bytea[], hashes of the guest's id with each GUESTSQL_ERASURE_KEY
--   operation_id: text, a new id for each call, not empty
WITH claimed_operations AS (
    INSERT INTO operations AS known (source, operation_id)
    VALUES ('guestsql', :operation_id::text)
    ON CONFLICT (source, operation_id) DO UPDATE
        SET attempts = known.attempts + 1
    RETURNING known.attempts > 1 AS is_repeat
)

SELECT
    consent.purpose,
    consent.channel,
    consent.is_given,
    consent.changed_at
FROM claimed_operations
CROSS JOIN
    guestsql_change_consent(
        claimed_operations.is_repeat,
        :phone_number::text,
        :action::text,
        :purpose::text,
        :channel::text,
        :source::text,
        :said_at::timestamptz,
        :wording::text,
        :wording_version::text,
        :language::text,
        :actor::text,
        :keyed_hashes::bytea[]
    ) AS consent
ORDER BY
    consent.purpose,
    consent.channel;

-- name: list_consent_proof(phone_number, id_hashes)
-- Every consent and withdrawal of a guest, in their order, with the texts.
-- Also those from before an erasure, found by the hashes.
-- check: allow GS307, because a guest has few events
--   phone_number: text, any id of the guest
--   id_hashes: bytea[], hashes of it, as an erasure leaves them
SELECT
    event.event_id,
    event.action,
    event.purpose,
    event.channel,
    event.source,
    wording.wording,
    event.wording_version AS version,
    wording.language,
    event.wording_digest AS digest,
    event.actor,
    event.occurred_at,
    event.recorded_at,
    event.phone_number IS NULL AS is_erased
FROM consent_events AS event
LEFT JOIN consent_wordings AS wording ON event.wording_digest = wording.digest
WHERE
    event.phone_number = (
        SELECT ids.phone_number FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
    OR (event.phone_number IS NULL AND event.subject_hashes && :id_hashes::bytea[])
ORDER BY
    event.occurred_at,
    event.event_id;
