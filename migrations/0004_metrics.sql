-- What the processes of the bot counted, by minute. A process counts in memory and adds what it has to these rows from
-- time to time, so several processes share a row and their figures add up.
--
-- minute is the beginning of a minute of this server's clock, whatever the clocks of the processes say. Rows older than
-- some days are thinned by queries/metrics.sql: then one row, at the hour's first minute, stands for its whole hour. A
-- sum over minute is right before and after that.
--
-- Nothing here tells of a guest: a name of a query, a word, a number.
--
-- fillfactor 50: all rows of the current minute are updated together, several times, and then never again. With room for
-- a second version of each on its page these updates stay heap-only (HOT).

-- One row a query and minute in which it was called.
CREATE TABLE query_minutes (
    minute timestamptz NOT NULL,
    query text NOT NULL,

    -- Statements sent, and calls for which there was no connection; the failed ones too.
    calls bigint NOT NULL,

    -- Rows returned or written. (ROWS is a key word.)
    row_count bigint NOT NULL,

    -- Time of all the calls together, an integer so that sums are exact.
    microseconds bigint NOT NULL,

    -- Calls by duration. Element i, from 1, counts those that took more than the limit of element i - 1 and at most
    -- 2 ^ ((i - 33) / 2) seconds: 15.3 us, 21.6 us, …, the 33rd 1 s, …, the 48th 181 s. The 49th has no limit. Zeros at
    -- the end are left out. The elements together are calls.
    buckets bigint[] NOT NULL,

    CONSTRAINT query_minutes_pkey PRIMARY KEY (minute, query),
    CONSTRAINT query_minutes_buckets_check CHECK (array_ndims(buckets) = 1 AND cardinality(buckets) <= 49)
)
WITH (fillfactor = 50);

-- One row a query, kind of error and minute in which it failed so. Of the calls in query_minutes these failed.
CREATE TABLE query_error_minutes (
    minute timestamptz NOT NULL,
    query text NOT NULL,

    -- cancelled: the caller gave up. conflict: a deadlock or serialization failure. constraint: the schema forbids the row.
    -- outcome_unknown: it may or may not have been done. timeout: a deadline passed. unavailable: no connection, or it
    -- was lost. other: the server refused it.
    kind text NOT NULL,
    errors bigint NOT NULL,

    CONSTRAINT query_error_minutes_pkey PRIMARY KEY (minute, query, kind),
    CONSTRAINT query_error_minutes_kind_check CHECK (
        kind IN ('cancelled', 'conflict', 'constraint', 'outcome_unknown', 'timeout', 'unavailable', 'other')
    )
)
WITH (fillfactor = 50);

-- Context answers by outcome: one for each guest asked for.
CREATE TABLE context_minutes (
    minute timestamptz NOT NULL,

    -- hit: a fresh text from the cache, or none because the guest's memory is off. stale: an old text, while another
    -- caller builds the new one. miss: the caller built the text or waited for it. error: no text, or the default in
    -- place of one.
    outcome text NOT NULL,
    answers bigint NOT NULL,

    CONSTRAINT context_minutes_pkey PRIMARY KEY (minute, outcome),
    CONSTRAINT context_minutes_outcome_check CHECK (outcome IN ('hit', 'stale', 'miss', 'error'))
)
WITH (fillfactor = 50);

-- One row a process and minute in which it wrote its figures; a process with nothing to write writes nothing.
CREATE TABLE process_minutes (
    minute timestamptz NOT NULL,

    -- 'host:pid'
    process text NOT NULL,

    -- Flushes of these figures that were written, and attempts that failed; what those held was written later.
    flushes bigint NOT NULL,
    flush_failures bigint NOT NULL,

    -- Resident memory at the last flush; NULL where the system does not tell.
    resident_bytes bigint,

    CONSTRAINT process_minutes_pkey PRIMARY KEY (minute, process)
)
WITH (fillfactor = 50);
