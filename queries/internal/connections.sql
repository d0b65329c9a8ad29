-- What a connection pool runs on its own. No table is needed.

-- name: get_server_pid()$
-- The process that runs this statement. A pooler reports another one to its client.
SELECT pg_backend_pid() AS server_pid;

-- name: confirm_writes()$
-- Makes sure that everything committed so far is durable, also on a synchronous standby.
-- For a repeated write without an operation_id, such as setting a name: it finds nothing to change, writes nothing, and
-- so would not wait for a standby that does not have the first attempt yet.
SELECT pg_logical_emit_message(TRUE, 'guestsql', '')::text AS position;
