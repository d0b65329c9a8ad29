-- Sessions that the pool has given up: a call was cancelled, or its deadline passed, while the server worked for it.

-- name: list_abandoned_sessions(pids, age_seconds)
-- Which of these sessions have not ended, by process, and what each waits for. One that is idle has done what it was
-- asked for and only misses its client: it is terminated, which the next call sees. No other one is: ending a wait for a
-- synchronous standby (SyncRep) would leave a row that the standby does not have.
--   pids: int[], process numbers
--   age_seconds: float8[], for each how long ago it was there already; a younger process is another session
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
