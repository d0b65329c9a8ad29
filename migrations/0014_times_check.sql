-- Keeps times that Python has no value for out of the tables: infinity, years before 1 and after 9999. One of them in a
-- row, left by a script or a typing error, makes every call that reads the row fail. 0015 validates.
--
-- Rows that have one are corrected first: a time too late becomes now, a time too early becomes unknown. Figures of such a
-- minute or day go.
UPDATE guest_profiles
SET
    first_interaction = CASE
        WHEN first_interaction > '9999-12-31 23:59:59.999999+00' THEN statement_timestamp()
        WHEN first_interaction >= '0001-01-01 00:00+00' THEN first_interaction
    END,
    -- Never before the first: that one may lie in the future, and stay.
    last_interaction = CASE
        WHEN last_interaction > '9999-12-31 23:59:59.999999+00'
            THEN greatest(
                statement_timestamp(),
                CASE WHEN first_interaction <= '9999-12-31 23:59:59.999999+00' THEN first_interaction END
            )
        WHEN last_interaction >= '0001-01-01 00:00+00' THEN last_interaction
    END,
    thread_created_at = CASE
        WHEN thread_created_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN thread_created_at
    END,
    last_context_update = NULL,
    context_lease = NULL,
    context_lease_until = NULL,
    created_at = CASE
        WHEN created_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN created_at
        ELSE statement_timestamp()
    END,
    updated_at = statement_timestamp()
WHERE
    least(
        first_interaction,
        last_interaction,
        thread_created_at,
        last_context_update,
        context_lease_until,
        created_at,
        updated_at
    ) < '0001-01-01 00:00+00'
    OR greatest(
        first_interaction,
        last_interaction,
        thread_created_at,
        last_context_update,
        context_lease_until,
        created_at,
        updated_at
    ) > '9999-12-31 23:59:59.999999+00';

UPDATE historical_clients
SET
    last_interaction = CASE
        WHEN last_interaction > '9999-12-31 23:59:59.999999+00' THEN statement_timestamp()
        WHEN last_interaction >= '0001-01-01 00:00+00' THEN last_interaction
    END,
    created_at = CASE
        WHEN created_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN created_at
        ELSE statement_timestamp()
    END,
    archived_at = CASE
        WHEN archived_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN archived_at
        ELSE statement_timestamp()
    END
WHERE
    least(last_interaction, created_at, archived_at) < '0001-01-01 00:00+00'
    OR greatest(last_interaction, created_at, archived_at) > '9999-12-31 23:59:59.999999+00';

DELETE FROM query_minutes
WHERE minute NOT BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00';

DELETE FROM query_error_minutes
WHERE minute NOT BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00';

DELETE FROM context_minutes
WHERE minute NOT BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00';

DELETE FROM process_minutes
WHERE minute NOT BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00';

DELETE FROM relation_sizes
WHERE
    day NOT BETWEEN '0001-01-01' AND '9999-12-31'
    OR recorded_at NOT BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00';

DELETE FROM guest_days
WHERE
    day NOT BETWEEN '0001-01-01' AND '9999-12-31'
    OR recorded_at NOT BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00';

UPDATE legacy_imports
SET
    started_at = statement_timestamp(),
    finished_at = statement_timestamp()
WHERE
    started_at NOT BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    OR finished_at NOT BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00';

ALTER TABLE guest_profiles
ADD CONSTRAINT guest_profiles_times_check CHECK (
    first_interaction BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND last_interaction BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND thread_created_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND last_context_update BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND context_lease_until BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND created_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND updated_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
) NOT VALID;

ALTER TABLE historical_clients
ADD CONSTRAINT historical_clients_times_check CHECK (
    last_interaction BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND created_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND archived_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
) NOT VALID;

ALTER TABLE legacy_imports
ADD CONSTRAINT legacy_imports_times_check CHECK (
    started_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND finished_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
) NOT VALID;

ALTER TABLE query_minutes
ADD CONSTRAINT query_minutes_times_check CHECK (
    minute BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
) NOT VALID;

ALTER TABLE query_error_minutes
ADD CONSTRAINT query_error_minutes_times_check CHECK (
    minute BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
) NOT VALID;

ALTER TABLE context_minutes
ADD CONSTRAINT context_minutes_times_check CHECK (
    minute BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
) NOT VALID;

ALTER TABLE process_minutes
ADD CONSTRAINT process_minutes_times_check CHECK (
    minute BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
) NOT VALID;

ALTER TABLE relation_sizes
ADD CONSTRAINT relation_sizes_times_check CHECK (
    day BETWEEN '0001-01-01' AND '9999-12-31'
    AND recorded_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
) NOT VALID;

ALTER TABLE guest_days
ADD CONSTRAINT guest_days_times_check CHECK (
    day BETWEEN '0001-01-01' AND '9999-12-31'
    AND recorded_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
) NOT VALID;
