-- Whom forget_guest has erased, so that an import of old files does not bring them back: only a salted hash of the id. A
-- phone has few digits, so with both tables an id could be found by trying. Only the owner reads them, and the bot, which
-- writes here.

CREATE TABLE erasure_salt (
    is_only_row boolean NOT NULL DEFAULT TRUE,
    salt bytea NOT NULL,

    CONSTRAINT erasure_salt_pkey PRIMARY KEY (is_only_row),
    CONSTRAINT erasure_salt_is_only_row_check CHECK (is_only_row)
);

INSERT INTO erasure_salt (salt)
VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

CREATE TABLE erased_guests (
    -- sha256 of the salt and the guest's key.
    id_hash bytea NOT NULL,

    -- The last time that the guest was erased.
    erased_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT erased_guests_pkey PRIMARY KEY (id_hash),
    CONSTRAINT erased_guests_id_hash_check CHECK (octet_length(id_hash) = 32),
    CONSTRAINT erased_guests_times_check CHECK (
        erased_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('erasure_salt', '{SELECT}', '{}'),
('erased_guests', '{SELECT,INSERT,UPDATE}', '{}');

SELECT guestsql_grant_roles();
