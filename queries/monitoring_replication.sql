-- Monitoring of replication. Ask the primary for its standbys and slots; a replica lists those that it feeds itself.
--
-- check: read-only

-- name: list_standbys(max_rows)
-- The standbys of this server and how far behind they are, furthest behind first.
-- unsent_bytes and lag_bytes: the log not yet sent, and not yet replayed. lag_seconds: from a commit here until it is
-- visible there; NULL when nothing was written for a while.
-- es: Las réplicas de este servidor y su retraso, la más atrasada primero.
-- chart: bar x=application_name y=lag_bytes,unsent_bytes
-- metrics: standby
--   max_rows: int = 50, rows at most
WITH present_position AS (
    SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS lsn
)

SELECT
    standbys.pid,
    guestsql_mask_numbers(standbys.application_name) AS application_name,
    standbys.client_addr::text AS address,
    standbys.state,
    standbys.sync_state,
    pg_wal_lsn_diff(present_position.lsn, standbys.sent_lsn)::bigint AS unsent_bytes,
    pg_wal_lsn_diff(present_position.lsn, standbys.replay_lsn)::bigint AS lag_bytes,
    round(extract(EPOCH FROM standbys.replay_lag), 3) AS lag_seconds
FROM pg_stat_replication AS standbys
CROSS JOIN present_position
ORDER BY lag_bytes DESC NULLS LAST, standbys.pid ASC
LIMIT :max_rows::int;

-- name: get_standby_lag()^
-- Whether this server is a standby, and how far it is behind what it has received.
-- lag_seconds: since the last replayed commit; 0 when everything received is replayed. A standby does not know what the
-- primary has not sent: while is_receiving is false, it may be behind by more.
-- es: Si este servidor es una réplica, y cuánto va atrás de lo que recibió.
-- chart: number
-- metrics: standby_self
SELECT
    pg_is_in_recovery() AS is_standby,
    (
        SELECT count(receivers.pid)
        FROM pg_stat_wal_receiver AS receivers
    ) > 0 AS is_receiving,
    pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint AS lag_bytes,
    CASE
        WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE round(extract(EPOCH FROM statement_timestamp() - pg_last_xact_replay_timestamp()), 3)
    END AS lag_seconds;

-- name: list_replication_slots(max_rows)
-- Replication slots and the bytes of log that each retains, largest first.
-- An inactive slot retains the log until the disk is full: drop it unless its reader will return.
-- es: Las ranuras de replicación y los bytes de registro que retiene cada una, la mayor primero. Una inactiva lo
--     retiene hasta llenar el disco.
-- chart: bar x=slot_name y=retained_bytes
-- metrics: replication_slot
--   max_rows: int = 50, rows at most
SELECT
    slots.slot_name::text AS slot_name,
    slots.slot_type,
    slots.active AS is_active,
    slots.wal_status,
    pg_wal_lsn_diff(
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, slots.restart_lsn
    )::bigint AS retained_bytes,
    slots.safe_wal_size AS safe_bytes
FROM pg_replication_slots AS slots
ORDER BY retained_bytes DESC NULLS LAST, slot_name ASC
LIMIT :max_rows::int;
