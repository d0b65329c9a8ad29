-- What the connection pool asks on every new connection.
-- check: read-only

-- name: get_server_pid()$
-- The process that runs this statement. A pooler reports another one to its client.
SELECT pg_backend_pid() AS server_pid;
