-- A commit of its own, behind writes that were repeated: see the head of queries/operations.sql.
-- check: large operations

-- name: confirm_writes(operation_id)!
-- Makes sure that all that was committed until now stays, by a commit that waits as theirs did. For a write that has no
-- operation_id because nothing is done twice by it, such as setting a name: its repeat finds that nothing is to change,
-- writes nothing, and would not wait for a synchronous standby that does not have the first attempt yet.
--   operation_id: text, a new id
INSERT INTO operations (source, operation_id)
VALUES ('guestsql', :operation_id::text);
