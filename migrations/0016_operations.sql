-- Writes that must be done once. Each carries an id made by its caller, and inserts that id here in the same statement.
-- After a lost answer the caller repeats the write with the same id: if the row is there, nothing is done twice.
--
-- A repeat writes too: it raises attempts. With synchronous replication its commit then waits for the standby, even where
-- the wait of the first commit was cut short. Only to find the row would acknowledge a write that no standby has.
--
-- Not partitioned, and unique across all guests: an id that comes twice must meet its own row, whatever else differs. So
-- this is the one table that cannot be distributed by phone_number. It holds nothing about a guest.
CREATE TABLE operations (
    -- Who made the id: 'guestsql' is this package. Other sources, such as a gateway for its messages, have their own ids.
    source text NOT NULL,
    operation_id text NOT NULL,

    -- 1 until the first repeat.
    attempts bigint NOT NULL DEFAULT 1,

    -- What the first attempt returned, where a repeat must return it again: counts only, no personal data.
    answer jsonb,
    done_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT operations_pkey PRIMARY KEY (source, operation_id),
    CONSTRAINT operations_times_check CHECK (
        done_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

-- For thin_operations.
CREATE INDEX operations_done_at ON operations (done_at);

-- Neither ids nor answers for the monitor: the id of a message may contain a phone number.
INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('operations', DEFAULT, '{source, attempts, done_at}');

SELECT guestsql_grant_roles();
