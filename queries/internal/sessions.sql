-- Sessions that the pool has abandoned: their call was cancelled, or its deadline passed, while the server was busy.

-- name: list_abandoned_sessions(pids, age_seconds)
-- The given sessions that still run, and what they wait for; idle ones are terminated.
-- An idle session has finished its work and only its client is gone. No other session is terminated: to end a wait for
-- a synchronous standby (SyncRep) would leave a row that the standby does not have.
--   pids: int[], process numbers
--   age_seconds: float8[], how long ago each was seen; a process that started later is another session
WITH found_sessions AS MATERIALIZED (
    SELECT
        activity.pid,
        activity.state,
        activity.wait_event
    FROM unnest(:pids::int[], :age_seconds::float8[]) AS abandoned (pid, age_seconds)
    INNER JOIN pg_stat_activity AS activity ON abandoned.pid = activity.pid
    WHERE activity.backend_start <= statement_timestamp() - make_interval(secs => abandoned.age_seconds)
)

SELECT
    pid,
    wait_event,
    CASE WHEN state LIKE 'idle%' THEN pg_terminate_backend(pid) ELSE FALSE END AS is_ending
FROM found_sessions
ORDER BY pid;
