-- Was it committed? When the connection breaks at COMMIT nobody has said so. What must not be done twice (counting
-- tokens and messages) asks for its transaction's number first and, on another connection, for its fate afterwards.
-- internal: the library asks after a lost connection

-- name: get_transaction_id()^
-- The number of the current transaction, as text, and the server's time.
SELECT
    pg_current_xact_id()::text AS transaction_id,
    statement_timestamp() AS server_time;

-- name: get_transaction_status(transaction_id)$
-- What became of a transaction: 'committed', 'aborted' or 'in progress'; NULL when it is too long ago to be known.
--   transaction_id: text, a number from get_transaction_id, e.g. '3'
SELECT pg_xact_status(:transaction_id::text::xid8) AS transaction_status;
