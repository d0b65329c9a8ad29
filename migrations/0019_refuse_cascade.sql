-- A merge removes the duplicate's row. A foreign key of a custom table that cascades would delete or empty that table's rows
-- without a word, so merge_guest_profiles asks here first, when all other queries of the merge have run.

-- True when no cascading foreign key refers to a row; else an error that names the table.
CREATE FUNCTION guestsql_refuse_cascade(referenced regclass, key text) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    reference record;
    is_found boolean;
BEGIN
    FOR reference IN
        SELECT
            constraints.conrelid::regclass AS table_name,
            constraints.conname AS constraint_name,
            attributes.attname AS column_name
        FROM pg_constraint AS constraints
        INNER JOIN pg_attribute AS attributes
            ON
                constraints.conrelid = attributes.attrelid
                AND constraints.conkey[1] = attributes.attnum
        WHERE
            constraints.contype = 'f'
            AND constraints.confrelid = referenced
            AND constraints.confdeltype IN ('c', 'n', 'd')
            AND constraints.conparentid = 0
        ORDER BY constraints.conname
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I = $1)', reference.table_name, reference.column_name)
        INTO is_found
        USING key;
        IF is_found THEN
            RAISE foreign_key_violation USING
                MESSAGE = format('rows of %s refer to the duplicate, and its foreign key cascades', reference.table_name),
                HINT = 'move them by a query marked -- on: merge_guests',
                CONSTRAINT = reference.constraint_name;
        END IF;
    END LOOP;
    RETURN TRUE;
END
$$;
