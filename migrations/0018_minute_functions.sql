-- What the queries on the minute tables share (queries/metrics.sql, queries/monitoring_calls.sql): sums of buckets,
-- percentiles, and the thinning of old minutes.

-- Adds two arrays of query_minutes.buckets, element by element. The shorter one counts as filled up with zeros.
CREATE FUNCTION guestsql_add_buckets(buckets bigint[], added bigint[]) RETURNS bigint[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN array(
    SELECT coalesce(pairs.calls, 0) + coalesce(pairs.added_calls, 0)
    FROM unnest(buckets, added) WITH ORDINALITY AS pairs (calls, added_calls, place)
    ORDER BY pairs.place
);

-- The linter does not know this statement, hence its mark.
CREATE AGGREGATE guestsql_sum_buckets(bigint[]) ( -- noqa: PRS
    SFUNC = guestsql_add_buckets,
    STYPE = bigint[],
    INITCOND = '{}',
    COMBINEFUNC = guestsql_add_buckets,
    PARALLEL = SAFE
);

-- The duration in milliseconds that a share of the calls did not exceed; NULL without calls. It is in the right class, so
-- it is off by a factor of sqrt(2) at most (-29 % to +41 %). Within its class it is interpolated as if the durations were
-- spread evenly on a logarithmic scale.
CREATE FUNCTION guestsql_percentile(buckets bigint[], share numeric) RETURNS numeric
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN (
    SELECT min(guestsql_class_milliseconds(place, (share * all_calls - calls_up_to + calls) / calls))
    FROM (
        SELECT
            classes.place,
            classes.calls,
            sum(classes.calls) OVER (ORDER BY classes.place) AS calls_up_to,
            sum(classes.calls) OVER () AS all_calls
        FROM unnest(buckets) WITH ORDINALITY AS classes (calls, place)
        WHERE classes.calls > 0
    ) AS ranked_classes
    WHERE calls_up_to >= share * all_calls
);

-- Adds up old minutes to hours and deletes old hours, in all four tables; the number of rows that it read, 0 when
-- nothing is left to do. Of each table it takes one day at a time, so that no call runs for long after a pause of weeks.
-- It replaces the rows of the day by their sums: done again, nothing is counted twice.
--
-- One caller works at a time, another returns 0 at once: two would delete the same rows and insert the same hours.
CREATE FUNCTION guestsql_thin_minutes(minute_days integer, hour_days integer) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    hours_until timestamptz := statement_timestamp() - make_interval(days => hour_days);
    minutes_until timestamptz := date_trunc('hour', statement_timestamp() - make_interval(days => minute_days), 'UTC');
    since timestamptz;
    thinned bigint := 0;
    found_rows bigint;
    minutes record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('guestsql_thin_minutes')) THEN
        RETURN 0;
    END IF;
    FOR minutes IN
        SELECT *
        FROM (
            VALUES
            (
                'query_minutes',
                'query, calls, row_count, microseconds, buckets',
                'query, sum(calls), sum(row_count), sum(microseconds), guestsql_sum_buckets(buckets)',
                'query'
            ),
            ('query_error_minutes', 'query, kind, errors', 'query, kind, sum(errors)', 'query, kind'),
            ('context_minutes', 'outcome, answers', 'outcome, sum(answers)', 'outcome'),
            (
                'process_minutes',
                'process, flushes, flush_failures, resident_bytes',
                'process, sum(flushes), sum(flush_failures), max(resident_bytes)',
                'process'
            )
        ) AS tables (name, columns, sums, keys)
    LOOP
        EXECUTE format('DELETE FROM %I WHERE minute < $1', minutes.name)
        USING hours_until;
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        thinned := thinned + found_rows;

        EXECUTE format(
            'SELECT min(minute) FROM %I WHERE minute < $1 AND minute <> date_trunc(''hour'', minute, ''UTC'')',
            minutes.name
        )
        INTO since
        USING minutes_until;
        CONTINUE WHEN since IS NULL;

        since := date_trunc('hour', since, 'UTC');
        EXECUTE format(
            'WITH gone AS (DELETE FROM %1$I WHERE minute >= $1 AND minute < $2 RETURNING *), '
            'kept AS ('
            'INSERT INTO %1$I (minute, %2$s) '
            'SELECT date_trunc(''hour'', minute, ''UTC'') AS hour, %3$s FROM gone GROUP BY hour, %4$s'
            ') '
            'SELECT count(*) FROM gone',
            minutes.name, minutes.columns, minutes.sums, minutes.keys
        )
        INTO found_rows
        USING since, least(minutes_until, since + INTERVAL '1 day');
        thinned := thinned + found_rows;
    END LOOP;
    RETURN thinned;
END
$$;
