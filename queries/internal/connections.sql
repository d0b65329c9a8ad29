-- What a connection pool runs on its own. No table is needed.

-- name: get_server_pid()$
-- The process that runs this statement. A pooler reports another one to its client.
SELECT pg_backend_pid() AS server_pid;

-- name: confirm_writes()$
-- Makes sure that everything committed so far is durable, also on a synchronous standby.
-- For a repeated write without an operation_id, such as setting a name: it finds nothing to change, writes nothing, and
-- so would not wait for a standby that does not have the first attempt yet.
SELECT pg_logical_emit_message(TRUE, 'guestsql', '')::text AS position;

-- name: end_lost_session(pid, session_seconds)$
-- Ends a session of this role that its client has lost, before the write is repeated.
-- What a lost session has received and not done yet would otherwise be done after the repeat, perhaps after later writes
-- of the same client, and undo them. One that waits for a synchronous standby has done it, and holds its locks.
--   pid: int, its process
--   session_seconds: float8, how long ago it was seen; one that started later, or long before, is another session
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) AS ended
FROM pg_stat_activity
WHERE
    pid = :pid::int
    AND datname = current_database()
    AND pg_has_role(usesysid, 'USAGE')
    AND backend_start <= statement_timestamp() - make_interval(secs => :session_seconds::float8)
    AND backend_start >= statement_timestamp() - make_interval(secs => :session_seconds::float8 + 30)
    AND wait_event IS DISTINCT FROM 'SyncRep';

-- name: commit_without_waiting()$
-- Lets the transaction commit without waiting.
-- Neither for the disk nor for a standby: a crash may lose it, as a whole. It is sent together with the statement of the
-- transaction.
SELECT set_config('synchronous_commit', 'off', TRUE) AS synchronous_commit;

-- name: bound_statement(milliseconds)$
-- Lets the server end the statement that is sent with it after so long.
-- For a write behind a transaction pooler, where no session can have a limit. COMMIT has none.
--   milliseconds: int, until shortly before its caller gives up
SELECT set_config('statement_timeout', :milliseconds::int::text, TRUE) AS statement_timeout;

-- name: may_set_role(role_name)$
-- Whether this session may SET ROLE to a role. False without such a role.
-- Before version 16 every member may.
--   role_name: text, e.g. 'guestsql_monitor'
SELECT count(*) > 0 AS may_set_role
FROM pg_roles
WHERE
    rolname = :role_name::text
    AND pg_has_role(
        oid,
        CASE
            WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET'
            ELSE 'MEMBER'
        END
    );
