-- Hashes of erased ids with a key that is not in the database (GUESTSQL_ERASURE_KEY), and what each erasure erased.

-- What distinguishes the key with which an id was hashed, without showing it; NULL: hashed with erasure_salt.
ALTER TABLE erased_guests ADD COLUMN key_id text;

-- One row for each call of forget_guest: the proof that it was done. No personal data.
CREATE TABLE erasures (
    erasure_id uuid NOT NULL,
    erased_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    -- request: someone called forget_guest. replay: repeated after a restore. retention: a rule of retention_rules.
    reason text NOT NULL DEFAULT 'request',

    -- Of every id that led to the guest, and of the keys merged into it.
    id_hashes bytea[] NOT NULL,
    key_id text,

    -- Rows erased, by table.
    erased_rows jsonb NOT NULL,

    -- When this row was written: after the restore of an older dump, later than erased_at.
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT erasures_pkey PRIMARY KEY (erasure_id),
    CONSTRAINT erasures_reason_check CHECK (reason IN ('request', 'replay', 'retention')),
    CONSTRAINT erasures_times_check CHECK (
        erased_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND recorded_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

-- For certificates and proofs of consent.
CREATE INDEX erasures_id_hashes ON erasures USING gin (id_hashes);

-- Whether a message must not be processed any more: its guest was erased after it was processed, or after it was sent.
--
-- keyed_hashes are those of the id with each key; empty without a key. VOLATILE, so that it sees what was committed when it
-- is called: a statement that has waited for an erasure began before that, and would bring the guest back. Call it when the
-- guest's row is locked.
CREATE FUNCTION guestsql_is_erased(
    gateway text, message_id text, user_id text, sent_at timestamptz, keyed_hashes bytea[]
) RETURNS boolean
LANGUAGE plpgsql
VOLATILE
AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1
        FROM operations AS hashed
        WHERE
            hashed.source = gateway
            AND hashed.operation_id = guestsql_erased_message(gateway, message_id)
    )
    OR EXISTS (
        SELECT 1
        FROM erased_guests AS erased
        WHERE
            erased.id_hash = ANY(
                keyed_hashes || sha256((SELECT salt.salt FROM erasure_salt AS salt) || convert_to(user_id, 'UTF8'))
            )
            AND erased.erased_at >= sent_at
            -- A former owner of the number was erased; this guest is not concerned.
            AND NOT EXISTS (
                SELECT 1
                FROM guest_ids AS ids
                INNER JOIN known_guests AS guest ON ids.phone_number = guest.phone_number
                WHERE
                    ids.id = user_id
                    AND guest.created_at < erased.erased_at
            )
    );
END
$$;

-- For a release that does not pass hashes, while two releases run.
CREATE OR REPLACE FUNCTION guestsql_is_erased(
    gateway text, message_id text, user_id text, sent_at timestamptz
) RETURNS boolean
LANGUAGE plpgsql
VOLATILE
AS $$
BEGIN
    RETURN guestsql_is_erased(gateway, message_id, user_id, sent_at, '{}');
END
$$;

-- The monitor sees how many erasures there were, not whose.
INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('erasures', '{SELECT,INSERT,DELETE}', '{erased_at, reason}');

UPDATE guestsql_grants
SET bot_privileges = '{SELECT,INSERT,UPDATE,DELETE}'
WHERE relation_name = 'erased_guests';

SELECT guestsql_grant_roles();
