-- guestsql_grant_roles restores everything that pg_restore --no-owner --no-privileges leaves out: it takes functions from
-- PUBLIC again, and gives partitions and sequences what their tables have. Otherwise it is that of
-- 0047_message_functions.sql.
CREATE OR REPLACE FUNCTION guestsql_grant_roles() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    home regnamespace := (SELECT relnamespace FROM pg_class WHERE oid = 'guestsql_grants'::regclass);
    missing text[] := '{}';
    refused text[] := '{}';
    wanted text;
    entry record;
    target regclass;
    routine regprocedure;
    wish record;
    known_columns text;
    is_super boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);
BEGIN
    IF lower(current_setting('guestsql.roles', TRUE)) IN ('off', 'false', 'no', '0') THEN
        RAISE NOTICE 'guestsql.roles is off: no role was made or given rights';
        RETURN;
    END IF;

    FOREACH wanted IN ARRAY ARRAY['guestsql_bot', 'guestsql_monitor', 'guestsql_marketing', 'guestsql_owner'] LOOP
        IF to_regrole(wanted) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database made it meanwhile
                WHEN insufficient_privilege OR feature_not_supported THEN
                    missing := missing || wanted;
            END;
        END IF;
    END LOOP;
    IF missing <> '{}' THEN
        RAISE NOTICE 'roles could not be made: % (% may not create roles); everything else goes on without them',
            array_to_string(missing, ', '), current_user
            USING HINT = 'to have them, let a role with CREATEROLE make them, then run guestsql migrate grant';
    END IF;

    -- So that it sees the sessions, statements and settings of others.
    IF to_regrole('guestsql_monitor') IS NOT NULL AND NOT pg_has_role('guestsql_monitor', 'pg_monitor', 'MEMBER') THEN
        BEGIN
            GRANT pg_monitor TO guestsql_monitor;
        EXCEPTION
            WHEN unique_violation THEN
                NULL; -- another database granted it meanwhile
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'guestsql_monitor sees the statements of its own sessions only'
                    USING HINT = 'as a superuser: GRANT pg_monitor TO guestsql_monitor';
        END;
    END IF;

    -- PUBLIC may call no trigger function, nor one that runs with its owner's rights.
    FOREACH routine IN ARRAY array(
        SELECT functions.oid::regprocedure
        FROM pg_proc AS functions
        WHERE
            functions.pronamespace = home
            AND functions.proname LIKE 'guestsql\_%'
            AND (
                functions.prosecdef
                OR functions.prorettype = 'trigger'::regtype
                OR functions.proname = 'guestsql_grant_roles'
            )
            AND has_function_privilege('public', functions.oid, 'EXECUTE')
        ORDER BY functions.oid
    ) LOOP
        BEGIN
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM public', routine);
        EXCEPTION
            WHEN insufficient_privilege THEN
                NULL;
        END;
        -- Another role than the owner gets only a warning.
        IF has_function_privilege('public', routine, 'EXECUTE') THEN
            refused := refused || routine::text;
        END IF;
    END LOOP;

    -- The owner. Only what belongs to who calls this goes over to it, and only if who calls this keeps the right to it.
    IF to_regrole('guestsql_owner') IS NOT NULL THEN
        BEGIN
            -- From PostgreSQL 16 who makes a role may grant it, and is not yet one who has it.
            IF NOT is_super AND NOT pg_has_role('guestsql_owner', 'USAGE') THEN
                EXECUTE format('GRANT guestsql_owner TO %I', current_user);
            END IF;
            IF NOT has_schema_privilege('guestsql_owner', home, 'CREATE')
                OR NOT has_schema_privilege('guestsql_owner', home, 'USAGE')
            THEN
                EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %s TO guestsql_owner', home);
            END IF;
            IF NOT has_function_privilege('guestsql_owner', 'guestsql_grant_roles()', 'EXECUTE') THEN
                GRANT EXECUTE ON FUNCTION guestsql_grant_roles() TO guestsql_owner;
            END IF;
            IF is_super OR pg_has_role('guestsql_owner', 'USAGE') THEN
                -- An array: a table that a loop is reading cannot be altered.
                FOREACH target IN ARRAY array(
                    SELECT relations.oid::regclass
                    FROM pg_class AS relations
                    INNER JOIN pg_class AS roots
                        ON coalesce(pg_partition_root(relations.oid), relations.oid) = roots.oid
                    INNER JOIN guestsql_grants AS entries ON roots.relname = entries.relation_name
                    WHERE
                        roots.relnamespace = home
                        AND relations.relkind IN ('r', 'p', 'v', 'm')
                        AND relations.relowner = current_user::regrole
                    ORDER BY relations.relname
                ) LOOP
                    EXECUTE format('ALTER TABLE %s OWNER TO guestsql_owner', target);
                END LOOP;
                -- What runs with its owner's rights has no more than the tables' owner has.
                FOREACH routine IN ARRAY array(
                    SELECT functions.oid::regprocedure
                    FROM pg_proc AS functions
                    WHERE
                        functions.pronamespace = home
                        AND functions.proname LIKE 'guestsql\_%'
                        AND functions.prosecdef
                        AND functions.proowner = current_user::regrole
                        AND functions.proowner <> 'guestsql_owner'::regrole
                    ORDER BY functions.oid
                ) LOOP
                    EXECUTE format('ALTER FUNCTION %s OWNER TO guestsql_owner', routine);
                END LOOP;
            END IF;
        EXCEPTION
            WHEN insufficient_privilege OR unique_violation THEN
                RAISE NOTICE 'the tables stay with their owner: they could not be given to guestsql_owner (%)', sqlerrm
                    USING HINT = 'as a superuser, GRANT guestsql_owner TO this role, then run guestsql migrate grant';
        END;
    END IF;

    IF has_schema_privilege('public', home, 'CREATE') THEN
        RAISE NOTICE 'anyone may create tables in the schema %, so guestsql_bot may too', home
            USING HINT = format('if no one else needs it: REVOKE CREATE ON SCHEMA %s FROM PUBLIC', home);
    END IF;

    -- The others. What they had is taken first, so that a right that is taken out of the table above is gone.
    FOREACH wanted IN ARRAY ARRAY['guestsql_bot', 'guestsql_monitor', 'guestsql_marketing'] LOOP
        CONTINUE WHEN to_regrole(wanted) IS NULL;
        BEGIN
            IF NOT has_schema_privilege(wanted, home, 'USAGE') THEN
                EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', home, wanted);
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN
                refused := refused || format('schema %s for %s', home, wanted);
        END;
    END LOOP;

    FOR entry IN
        SELECT
            relations.oid::regclass AS relation,
            entries.monitor_columns,
            entries.marketing_columns,
            entries.marketing_inserts,
            entries.marketing_updates,
            array_to_string(
                array(
                    SELECT allowed.privilege
                    FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS allowed (privilege)
                    WHERE allowed.privilege = ANY(entries.bot_privileges)
                ),
                ', '
            ) AS bot_privileges
        FROM pg_class AS relations
        INNER JOIN pg_class AS roots
            ON coalesce(pg_partition_root(relations.oid), relations.oid) = roots.oid
        INNER JOIN guestsql_grants AS entries ON roots.relname = entries.relation_name
        WHERE
            roots.relnamespace = home
            AND relations.relkind IN ('r', 'p', 'v', 'm')
        ORDER BY relations.relname
    LOOP
        BEGIN
            IF to_regrole('guestsql_bot') IS NOT NULL THEN
                EXECUTE format('REVOKE ALL ON TABLE %s FROM guestsql_bot', entry.relation);
                IF entry.bot_privileges <> '' THEN
                    EXECUTE format('GRANT %s ON TABLE %s TO guestsql_bot', entry.bot_privileges, entry.relation);
                END IF;
            END IF;
            FOREACH wanted IN ARRAY ARRAY['guestsql_monitor', 'guestsql_marketing'] LOOP
                IF to_regrole(wanted) IS NOT NULL THEN
                    -- This also takes the rights to columns.
                    EXECUTE format('REVOKE ALL ON TABLE %s FROM %I', entry.relation, wanted);
                END IF;
            END LOOP;
            FOR wish IN
                SELECT
                    wishes.role_name,
                    wishes.privilege,
                    wishes.column_names
                FROM (
                    VALUES
                    ('guestsql_monitor', 'SELECT', entry.monitor_columns),
                    ('guestsql_marketing', 'SELECT', entry.marketing_columns),
                    ('guestsql_marketing', 'INSERT', entry.marketing_inserts),
                    ('guestsql_marketing', 'UPDATE', entry.marketing_updates)
                ) AS wishes (role_name, privilege, column_names)
                WHERE to_regrole(wishes.role_name) IS NOT NULL
            LOOP
                IF '*' = ANY(wish.column_names) THEN
                    EXECUTE format('GRANT %s ON TABLE %s TO %I', wish.privilege, entry.relation, wish.role_name);
                ELSE
                    known_columns := (
                        SELECT string_agg(format('%I', attributes.attname), ', ')
                        FROM pg_attribute AS attributes
                        WHERE
                            attributes.attrelid = entry.relation
                            AND attributes.attname = ANY(wish.column_names)
                            AND attributes.attnum > 0
                            AND NOT attributes.attisdropped
                    );
                    IF known_columns IS NOT NULL THEN
                        EXECUTE format(
                            'GRANT %s (%s) ON TABLE %s TO %I',
                            wish.privilege, known_columns, entry.relation, wish.role_name
                        );
                    END IF;
                END IF;
            END LOOP;
        EXCEPTION
            WHEN insufficient_privilege THEN
                refused := refused || entry.relation::text;
        END;
    END LOOP;

    -- A sequence shows the last number that it gave out, which list_sequences_near_end needs, and nothing else.
    IF to_regrole('guestsql_monitor') IS NOT NULL THEN
        FOREACH target IN ARRAY array(
            SELECT relations.oid::regclass
            FROM pg_class AS relations
            WHERE
                relations.relnamespace = home
                AND relations.relkind = 'S'
            ORDER BY relations.relname
        ) LOOP
            CONTINUE WHEN has_sequence_privilege('guestsql_monitor', target, 'SELECT');
            BEGIN
                EXECUTE format('GRANT SELECT ON SEQUENCE %s TO guestsql_monitor', target);
            EXCEPTION
                WHEN insufficient_privilege THEN
                    refused := refused || target::text;
            END;
        END LOOP;
    END IF;

    -- The bot takes numbers for the tables into which it writes.
    IF to_regrole('guestsql_bot') IS NOT NULL THEN
        FOREACH target IN ARRAY array(
            SELECT sequences.oid::regclass
            FROM pg_class AS sequences
            INNER JOIN pg_depend AS depends
                ON
                    sequences.oid = depends.objid
                    AND depends.classid = 'pg_class'::regclass
                    AND depends.refclassid = 'pg_class'::regclass
                    AND depends.deptype IN ('a', 'i')
            WHERE
                sequences.relnamespace = home
                AND sequences.relkind = 'S'
                AND has_table_privilege('guestsql_bot', depends.refobjid, 'INSERT')
                AND NOT (
                    has_sequence_privilege('guestsql_bot', sequences.oid, 'USAGE')
                    AND has_sequence_privilege('guestsql_bot', sequences.oid, 'SELECT')
                )
            ORDER BY sequences.relname
        ) LOOP
            BEGIN
                EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO guestsql_bot', target);
            EXCEPTION
                WHEN insufficient_privilege THEN
                    refused := refused || target::text;
            END;
        END LOOP;
    END IF;

    -- Functions that run with their owner's rights.
    FOR wish IN
        SELECT
            wishes.routine,
            wishes.role_name
        FROM (
            VALUES
            ('guestsql_sample_guests(integer)', 'guestsql_bot'),
            ('guestsql_sample_guests(integer)', 'guestsql_monitor'),
            ('guestsql_make_message_partitions()', 'guestsql_bot'),
            ('guestsql_thin_messages(integer)', 'guestsql_bot'),
            ('guestsql_contact_phone(text)', 'guestsql_bot'),
            ('guestsql_contact_phone(text)', 'guestsql_marketing'),
            ('guestsql_contact_refusals(text[],text,text,text,text,text,timestamptz)', 'guestsql_bot'),
            ('guestsql_contact_refusals(text[],text,text,text,text,text,timestamptz)', 'guestsql_marketing'),
            ('guestsql_lock_contacts(text,text[])', 'guestsql_bot'),
            ('guestsql_lock_contacts(text,text[])', 'guestsql_marketing'),
            ('guestsql_record_contacts(text[],text,text,timestamptz)', 'guestsql_bot'),
            ('guestsql_record_contacts(text[],text,text,timestamptz)', 'guestsql_marketing'),
            ('guestsql_record_opt_out(bigint,timestamptz)', 'guestsql_bot'),
            ('guestsql_record_opt_out(bigint,timestamptz)', 'guestsql_marketing'),
            ('guestsql_uncount_contact(bigint)', 'guestsql_bot'),
            ('guestsql_uncount_contact(bigint)', 'guestsql_marketing')
        ) AS wishes (routine, role_name)
        WHERE
            to_regrole(wishes.role_name) IS NOT NULL
            AND to_regprocedure(wishes.routine) IS NOT NULL
    LOOP
        BEGIN
            IF NOT has_function_privilege(wish.role_name, wish.routine, 'EXECUTE') THEN
                EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', wish.routine::regprocedure, wish.role_name);
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN
                refused := refused || format('%s for %s', wish.routine, wish.role_name);
        END;
    END LOOP;
    IF refused <> '{}' THEN
        RAISE NOTICE 'rights that % could not give: %', current_user, array_to_string(refused, ', ')
            USING HINT = 'run guestsql migrate grant as the owner of the tables';
    END IF;

    -- A table without an entry must not stop the bot. The monitor and marketing have no right to it until it is entered.
    -- The monitor reads the last number of later sequences, too.
    IF to_regrole('guestsql_bot') IS NOT NULL THEN
        EXECUTE format(
            'ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO guestsql_bot', home
        );
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT USAGE, SELECT ON SEQUENCES TO guestsql_bot', home);
    END IF;
    IF to_regrole('guestsql_monitor') IS NOT NULL THEN
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT SELECT ON SEQUENCES TO guestsql_monitor', home);
    END IF;
END
$$;

SELECT guestsql_grant_roles();
