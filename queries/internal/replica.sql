-- How far a server is, for reads on a replica that must show what their process has written.

-- name: get_wal_position()^
-- A server's cluster, timeline and position in the log; on a standby, what is replayed.
-- A standby may be on a later timeline than is shown, never on an earlier one. What it receives is shown to members of
-- pg_read_all_stats only; to others a new timeline is shown from its first checkpoint or write of a changed page on. The
-- position has no value unless each statement has a snapshot of its own: that of a following one could be older.
SELECT
    (SELECT control.system_identifier FROM pg_control_system() AS control) AS system,
    CASE
        WHEN pg_is_in_recovery()
            THEN greatest(
                (SELECT receiver.received_tli FROM pg_stat_wal_receiver AS receiver),
                (SELECT recovery.min_recovery_end_timeline FROM pg_control_recovery() AS recovery),
                (SELECT checkpoint.timeline_id FROM pg_control_checkpoint() AS checkpoint)
            )
        ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int
    END AS timeline,
    CASE
        WHEN current_setting('transaction_isolation') <> 'read committed' THEN NULL
        WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::int8
        ELSE (pg_current_wal_insert_lsn() - '0/0')::int8
    END AS position;
