-- The rejected records themselves, byte for byte as their files have them: text could not hold a NUL, nor what is no
-- UTF-8 after a damage. Once they are here, nothing that a file said is lost with the file.

-- Each only once, however many files (backups repeat them) and imports hold it. A record that nobody rejects any more
-- goes with delete_legacy_rejects.
CREATE TABLE legacy_reject_records (
    sha256 bytea NOT NULL,
    record bytea NOT NULL,

    CONSTRAINT legacy_reject_records_pkey PRIMARY KEY (sha256),
    CONSTRAINT legacy_reject_records_sha256_check CHECK (sha256 = sha256(record))
);

-- sha256 is NULL where the record was not kept: it was rejected before this migration, or is longer than 16 MiB.
-- The constraint has nothing to be validated for: in all rows that there are the column is NULL.
ALTER TABLE legacy_rejects
ADD COLUMN byte_offset bigint,
ADD COLUMN sha256 bytea,
ADD CONSTRAINT legacy_rejects_sha256_fkey FOREIGN KEY (sha256) REFERENCES legacy_reject_records (sha256) NOT VALID;

-- Nobody but an import writes the table, and it is small: that the import waits is no harm.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX legacy_rejects_sha256 ON legacy_rejects (sha256);

-- Of a rejected record, where it begins in its file and its bytes: NULL when there are more than 16 MiB of them.
ALTER TABLE legacy_staging
ADD COLUMN byte_offset bigint,
ADD COLUMN record bytea;

-- It may hold anything of a guest: nobody's but the owner's.
INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('legacy_reject_records', '{}', '{}');

SELECT guestsql_grant_roles();
