-- What queries/monitoring.sql cannot know from the present alone, recorded day by day by queries/daily.sql; and
-- functions that its queries share.

-- One row a day, table or index. The last record of a day stays.
CREATE TABLE relation_sizes (
    -- By UTC.
    day date NOT NULL,
    schema_name text NOT NULL,
    relation_name text NOT NULL,

    -- A table's bytes are its rows, with what is stored out of line, without its indexes: they have rows of their own.
    kind text NOT NULL,
    bytes bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT relation_sizes_pkey PRIMARY KEY (day, schema_name, relation_name),
    CONSTRAINT relation_sizes_kind_check CHECK (kind IN ('table', 'index'))
);

-- One row a day of the hotel. guest_profiles keeps a guest's first and last message only: how many wrote on a day can
-- be counted on that day, and no more when some of them have written again.
CREATE TABLE guest_days (
    day date NOT NULL,
    new_guests bigint NOT NULL,
    active_guests bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT guest_days_pkey PRIMARY KEY (day)
);

-- What a statement is called: the name in its tag, which stands at the beginning and at the end because the statistics
-- views cut off one or the other; without a tag, its own first words: up to the first string or comment, which may hold a
-- name, and with every number in them as a question mark. To replace each string instead would take a parser, because the
-- views cut statements off in the midst of one.
CREATE FUNCTION guestsql_query_name(statement text) RETURNS text
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
RETURN coalesce(
    substring(statement FROM '^\s*/\* q=([a-z][a-z0-9_]*) \*/'),
    substring(statement FROM '\n-- q=([a-z][a-z0-9_]*)\s*$'),
    left(
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    regexp_replace(
                        -- Comments before it; one within another is none.
                        regexp_replace(
                            statement, '^(\s|--[^\n]*\n|/\*([^*/]|\*(?!/)|/(?!\*))*\*/)+', ''
                        ),
                        '\s+', ' ', 'g'
                    ),
                    '"([A-Za-z_][A-Za-z0-9_]*)"', '\1', 'g'
                ),
                -- $1 is a parameter; any other dollar sign may open a string.
                '(''|"|\$(?![0-9])|--|/\*).*$', '…'
            ),
            '(?<![$\w])[0-9][\w.]*|[0-9]{5,}', '?', 'g'
        ),
        80
    )
);

-- A text of somebody's own, as an application's name, in which a number that may be a phone is masked.
CREATE FUNCTION guestsql_mask_numbers(words text) RETURNS text
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
RETURN regexp_replace(words, '[0-9]([^0-9A-Za-z]{0,3}[0-9]){5,}', '…', 'g');

-- The duration at a place within a class of query_minutes.buckets: share 0 is the class's lower limit, 1 its upper,
-- between them on a logarithmic scale. The first class is taken to be as wide as the others, and the last to have no
-- width.
CREATE FUNCTION guestsql_class_milliseconds(class bigint, share numeric) RETURNS numeric
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
RETURN round(
    (1000 * 2 ^ ((class - 34 + CASE WHEN class >= 49 THEN 0 ELSE greatest(share, 0) END)::float8 / 2))::numeric, 3
);

-- The figures of pg_stat_statements for this database, by statement; no row where it is not installed or not loaded. A
-- query that names the view itself could not even be prepared on such a server. Only columns that all of PostgreSQL
-- 14 to 18 have: 17 has renamed those of the time spent in reading and writing.
--
-- EXECUTE, because the extension may live in any schema, and may come and go.
CREATE FUNCTION guestsql_statement_figures()
RETURNS TABLE (
    statement text,
    calls bigint,
    total_milliseconds float8,
    max_milliseconds float8,
    row_count bigint,
    blocks_hit bigint,
    blocks_read bigint,
    temporary_blocks bigint,
    wal_bytes numeric
)
LANGUAGE plpgsql
STABLE
ROWS 1000
AS $$
DECLARE
    home text := (
        SELECT namespaces.nspname
        FROM pg_extension AS extensions
        INNER JOIN pg_namespace AS namespaces ON extensions.extnamespace = namespaces.oid
        WHERE extensions.extname = 'pg_stat_statements'
    );
BEGIN
    -- The setting is there when the library was loaded at the server's start; else the view raises an error.
    IF home IS NULL OR current_setting('pg_stat_statements.max', TRUE) IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT query, calls, total_exec_time, max_exec_time, rows, shared_blks_hit, shared_blks_read, '
        'temp_blks_read + temp_blks_written, wal_bytes '
        'FROM %I.pg_stat_statements '
        'WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())',
        home
    );
END
$$;

-- The rights upon the two tables stand in guestsql_grants already.
SELECT guestsql_grant_roles();
