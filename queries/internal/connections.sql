-- What a connection pool runs by itself. None of it needs a table.

-- name: get_server_pid()$
-- The process that runs this statement. A pooler reports another one to its client.
SELECT pg_backend_pid() AS server_pid;

-- name: confirm_writes()$
-- Makes sure that everything committed until now stays, by a commit that waits as the earlier ones did. For a write
-- without an operation_id, because nothing is done twice by it, such as setting a name: its repeat finds nothing to
-- change, writes nothing, and would not wait for a synchronous standby that does not have the first attempt yet.
SELECT pg_logical_emit_message(TRUE, 'guestsql', '')::text AS position;
