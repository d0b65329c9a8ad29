-- How the processes add their figures to the minute tables (migrations/0004_metrics.sql).
-- check: large query_minutes, query_error_minutes, context_minutes, process_minutes

-- name: get_server_time()$
-- The time by the server's clock.
-- Minutes are those of this clock, so that processes whose clocks differ add to the same rows.
SELECT statement_timestamp() AS server_time;

-- name: record_metrics(queries, errors, contexts, processes, operation_id)!
-- Adds figures to the rows of their minutes, once for each operation_id (operations.sql).
-- Returns the rows written to process_minutes, 0 for a repeat. Every process writes the tables, and the rows of a table,
-- in the same order: batches that meet wait for each other. In any other order they deadlock.
--   queries: jsonb, [{"minute", "query", "calls", "row_count", "microseconds", "buckets"}], e.g. '[]'
--   errors: jsonb, [{"minute", "query", "kind", "errors"}], e.g. '[]'
--   contexts: jsonb, [{"minute", "outcome", "answers"}], e.g. '[]'
--   processes: jsonb, [{"minute", "process", "flushes", "flush_failures", "resident_bytes"}], e.g. '[]'
--   operation_id: text, a new id for each batch, not empty
WITH claimed_operations AS (
    INSERT INTO operations AS known (source, operation_id)
    VALUES ('guestsql', :operation_id::text)
    ON CONFLICT (source, operation_id) DO UPDATE
        SET attempts = known.attempts + 1
    RETURNING known.attempts = 1 AS is_new
),

added_queries AS (
    INSERT INTO query_minutes AS known (minute, query, calls, row_count, microseconds, buckets)
    SELECT
        counted.minute,
        counted.query,
        counted.calls,
        counted.row_count,
        counted.microseconds,
        counted.buckets
    FROM
        jsonb_to_recordset(:queries::jsonb) AS counted (
            minute timestamptz, query text, calls bigint, row_count bigint, microseconds bigint, buckets bigint[]
        )
    WHERE (SELECT is_new FROM claimed_operations)
    ORDER BY counted.minute, counted.query
    ON CONFLICT (minute, query) DO UPDATE
        SET
            calls = known.calls + excluded.calls,
            row_count = known.row_count + excluded.row_count,
            microseconds = known.microseconds + excluded.microseconds,
            buckets = guestsql_add_buckets(known.buckets, excluded.buckets)
),

added_errors AS (
    INSERT INTO query_error_minutes AS known (minute, query, kind, errors)
    SELECT
        counted.minute,
        counted.query,
        counted.kind,
        counted.errors
    FROM jsonb_to_recordset(:errors::jsonb) AS counted (minute timestamptz, query text, kind text, errors bigint)
    WHERE (SELECT is_new FROM claimed_operations)
    ORDER BY counted.minute, counted.query, counted.kind
    ON CONFLICT (minute, query, kind) DO UPDATE
        SET errors = known.errors + excluded.errors
),

added_contexts AS (
    INSERT INTO context_minutes AS known (minute, outcome, answers)
    SELECT
        counted.minute,
        counted.outcome,
        counted.answers
    FROM jsonb_to_recordset(:contexts::jsonb) AS counted (minute timestamptz, outcome text, answers bigint)
    WHERE (SELECT is_new FROM claimed_operations)
    ORDER BY counted.minute, counted.outcome
    ON CONFLICT (minute, outcome) DO UPDATE
        SET answers = known.answers + excluded.answers
)

INSERT INTO process_minutes AS known (minute, process, flushes, flush_failures, resident_bytes)
SELECT
    counted.minute,
    counted.process,
    counted.flushes,
    counted.flush_failures,
    counted.resident_bytes
FROM
    jsonb_to_recordset(:processes::jsonb) AS counted (
        minute timestamptz, process text, flushes bigint, flush_failures bigint, resident_bytes bigint
    )
WHERE (SELECT is_new FROM claimed_operations)
ORDER BY counted.minute, counted.process
ON CONFLICT (minute, process) DO UPDATE
    SET
        flushes = known.flushes + excluded.flushes,
        flush_failures = known.flush_failures + excluded.flush_failures,
        resident_bytes = coalesce(excluded.resident_bytes, known.resident_bytes);
