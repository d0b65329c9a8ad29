-- The totals are counted exactly since queries/monitoring_guests.sql, so the function that sampled them goes, and with it
-- the two places of guestsql_grant_roles() that named it. Nothing else in that function has changed.

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
    readable text;
    is_super boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);
BEGIN
    IF lower(current_setting('guestsql.roles', TRUE)) IN ('off', 'false', 'no', '0') THEN
        RAISE NOTICE 'guestsql.roles is off: no role was made or given rights';
        RETURN;
    END IF;

    FOREACH wanted IN ARRAY ARRAY['guestsql_bot', 'guestsql_monitor', 'guestsql_owner'] LOOP
        IF to_regrole(wanted) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database made it in the meantime
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

    -- pg_monitor shows the sessions, statements and settings of others.
    IF to_regrole('guestsql_monitor') IS NOT NULL AND NOT pg_has_role('guestsql_monitor', 'pg_monitor', 'MEMBER') THEN
        BEGIN
            GRANT pg_monitor TO guestsql_monitor;
        EXCEPTION
            WHEN unique_violation THEN
                NULL; -- another database granted it in the meantime
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'guestsql_monitor sees the statements of its own sessions only'
                    USING HINT = 'as a superuser: GRANT pg_monitor TO guestsql_monitor';
        END;
    END IF;

    -- The caller hands over only what the caller owns, and only while remaining a member of the new owner.
    IF to_regrole('guestsql_owner') IS NOT NULL THEN
        BEGIN
            -- Since PostgreSQL 16 the creator of a role may grant it but is not a member of it.
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
                -- An array, because a table that a loop reads cannot be altered.
                FOREACH target IN ARRAY array(
                    SELECT relations.oid::regclass
                    FROM guestsql_grants AS entries
                    INNER JOIN pg_class AS relations ON entries.relation_name = relations.relname
                    WHERE
                        relations.relnamespace = home
                        AND relations.relkind IN ('r', 'p', 'v', 'm')
                        AND relations.relowner = current_user::regrole
                    ORDER BY relations.relname
                ) LOOP
                    EXECUTE format('ALTER TABLE %s OWNER TO guestsql_owner', target);
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
            USING HINT = format('if nobody else needs it: REVOKE CREATE ON SCHEMA %s FROM PUBLIC', home);
    END IF;

    -- All rights are revoked first, so that a right that was removed from guestsql_grants is gone.
    FOREACH wanted IN ARRAY ARRAY['guestsql_bot', 'guestsql_monitor'] LOOP
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
            array_to_string(
                array(
                    SELECT allowed.privilege
                    FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS allowed (privilege)
                    WHERE allowed.privilege = ANY(entries.bot_privileges)
                ),
                ', '
            ) AS bot_privileges
        FROM guestsql_grants AS entries
        INNER JOIN pg_class AS relations ON entries.relation_name = relations.relname
        WHERE
            relations.relnamespace = home
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
            IF to_regrole('guestsql_monitor') IS NOT NULL THEN
                -- This revokes rights on columns, too.
                EXECUTE format('REVOKE ALL ON TABLE %s FROM guestsql_monitor', entry.relation);
                IF '*' = ANY(entry.monitor_columns) THEN
                    EXECUTE format('GRANT SELECT ON TABLE %s TO guestsql_monitor', entry.relation);
                ELSE
                    readable := (
                        SELECT string_agg(format('%I', attributes.attname), ', ')
                        FROM pg_attribute AS attributes
                        WHERE
                            attributes.attrelid = entry.relation
                            AND attributes.attname = ANY(entry.monitor_columns)
                            AND attributes.attnum > 0
                            AND NOT attributes.attisdropped
                    );
                    IF readable IS NOT NULL THEN
                        EXECUTE format('GRANT SELECT (%s) ON TABLE %s TO guestsql_monitor', readable, entry.relation);
                    END IF;
                END IF;
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN
                refused := refused || entry.relation::text;
        END;
    END LOOP;

    -- list_sequences_near_end needs the last number of each sequence, which is all that SELECT gives.
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

    IF refused <> '{}' THEN
        RAISE NOTICE 'rights that % could not give: %', current_user, array_to_string(refused, ', ')
            USING HINT = 'run guestsql migrate grant as the owner of the tables';
    END IF;

    -- A table that is missing from guestsql_grants must not stop the bot. It stays closed to the monitor, except that the
    -- monitor reads the last number of every sequence.
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

-- Only get_profile_totals called it.
-- squawk-ignore ban-drop-function
DROP FUNCTION guestsql_sample_guests(integer);
