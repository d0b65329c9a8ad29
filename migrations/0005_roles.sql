-- Three roles without login, to be granted to those who log in: GRANT guestsql_bot TO my_bot;
--
-- guestsql_bot      reads and writes the guests' tables, and reads the ledger of migrations; no DDL
-- guestsql_monitor  reads figures; no name, no profile_data, no context, and phone numbers only masked
-- guestsql_owner    owns the tables and may alter them: who migrates
--
-- Roles belong to the whole server: those that another database has made are used, and a login that has one of them has
-- it in every database that lets it in. Where a role may not be made, a notice says so and everything else goes on as it
-- was: the one user that there is owns its tables and needs no role.

-- How a phone number is shown to those who may not see it: its last four characters, and the kind of an id without a phone.
CREATE FUNCTION guestsql_mask(phone_number text) RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN '***'
|| CASE WHEN length(split_part(phone_number, '@', 1)) > 4 THEN right(split_part(phone_number, '@', 1), 4) ELSE '' END
|| CASE WHEN strpos(phone_number, '@') > 0 THEN substr(phone_number, strpos(phone_number, '@')) ELSE '' END;

-- The figures of each guest, for guestsql_monitor: a view reads with the rights of its owner. It has no condition, so it
-- needs no security barrier, which would keep the planner from the indexes: no condition of the reader's can touch a
-- column that is not shown.
CREATE VIEW guest_figures AS
SELECT
    guestsql_mask(phone_number) AS guest,
    memory_enabled,
    cardinality(labels) AS label_count,
    thread_id IS NOT NULL AS has_thread,
    thread_tokens,
    thread_created_at,
    first_interaction,
    last_interaction,
    last_active_on,
    total_interactions,
    context_cache IS NOT NULL AS has_context,
    last_context_update,
    created_at,
    updated_at
FROM guest_profiles;

-- What get_profile_totals counts in so many pages of guest_profiles, always the same ones: guests, those with a thread,
-- with labels, with a cached context, and with memory off. For guestsql_monitor, which reads neither threads nor labels:
-- it runs with the rights of its owner, and a view cannot be sampled. Its names were looked up when it was made, so no
-- search_path of the caller's can lead it elsewhere.
CREATE FUNCTION guestsql_sample_guests(sample_pages integer) RETURNS bigint[]
LANGUAGE sql
STABLE
STRICT
SECURITY DEFINER
RETURN (
    SELECT
        ARRAY[
            count(*),
            count(thread_id),
            count(*) FILTER (WHERE labels <> '{}'),
            count(*) FILTER (WHERE last_context_update IS NOT NULL),
            count(*) FILTER (WHERE NOT memory_enabled)
        ]
    FROM guest_profiles
    -- The linter does not know this word, hence its mark.
    TABLESAMPLE SYSTEM ( -- noqa: PRS
        greatest(0, least(100, 100.0 * sample_pages * 8192 / greatest(pg_relation_size('guest_profiles'::regclass), 1)))
    ) REPEATABLE (1)
);

-- What the roles may do, one row a table or view; a name that does not exist yet is heeded when it does. A migration that
-- makes a table enters it here and calls guestsql_grant_roles(); `guestsql migrate up` calls it after whatever it applied.
-- What is not entered: the bot has it by the default privileges, the monitor has nothing.
CREATE TABLE guestsql_grants (
    relation_name text NOT NULL,
    bot_privileges text[] NOT NULL DEFAULT '{SELECT,INSERT,UPDATE,DELETE}',

    -- The columns that guestsql_monitor may read. {*} is all of them, also those to come.
    monitor_columns text[] NOT NULL DEFAULT '{}',

    CONSTRAINT guestsql_grants_pkey PRIMARY KEY (relation_name),
    CONSTRAINT guestsql_grants_bot_privileges_check CHECK (bot_privileges <@ '{SELECT,INSERT,UPDATE,DELETE}')
);

-- Of the guests neither labels nor thread ids: by created_at they could be joined with guest_figures, which says whether
-- there is a thread and how many labels. Of the imports no file's name, and of the rejects nothing: a path or a pointer may hold a phone number. The import is the
-- owner's work.
INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns)
VALUES
('guest_profiles', DEFAULT, '{
    memory_enabled, thread_tokens, thread_created_at, first_interaction, last_interaction,
    last_active_on, total_interactions, last_context_update, context_epoch, context_lease_until, created_at, updated_at
}'),
('historical_clients', DEFAULT, '{
    total_interactions, last_interaction, booking_status, marketing_consent, created_at, archived_at
}'),
('legacy_imports', '{}', '{
    id, started_at, finished_at, records, guests, inserted, updated, unchanged, rejected, merged, file_bytes, table_bytes,
    peak_memory_bytes, seconds
}'),
('legacy_rejects', '{}', '{}'),
('legacy_staging', '{}', '{}'),
('query_minutes', DEFAULT, '{*}'),
('query_error_minutes', DEFAULT, '{*}'),
('context_minutes', DEFAULT, '{*}'),
('process_minutes', DEFAULT, '{*}'),
('relation_sizes', DEFAULT, '{*}'),
('guest_days', DEFAULT, '{*}'),
('guest_figures', '{SELECT}', '{*}'),
('guestsql_grants', '{SELECT}', '{*}'),
('guestsql_migrations', '{SELECT}', '{*}');

-- Makes the roles that are missing and gives them their rights; may be called again at any time, by whoever owns the tables.
-- What is refused is told by a notice, and the rest goes on. `SET guestsql.roles = off` leaves all roles alone.
--
-- It belongs to whoever made it, not to guestsql_owner, and trusts no text of the table above: else who may edit either
-- could have a superuser, who migrates, run a statement of theirs.
CREATE FUNCTION guestsql_grant_roles() RETURNS void
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
                -- With its own rights, and with no more than the tables' owner has.
                IF EXISTS (
                    SELECT 1
                    FROM pg_proc AS functions
                    WHERE
                        functions.oid = 'guestsql_sample_guests(integer)'::regprocedure
                        AND functions.proowner = current_user::regrole
                        AND functions.proowner <> 'guestsql_owner'::regrole
                ) THEN
                    ALTER FUNCTION guestsql_sample_guests(integer) OWNER TO guestsql_owner;
                END IF;
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

    -- The others. What they had is taken first, so that a right that is taken out of the table above is gone.
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
                -- It takes the rights upon columns too.
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

    -- A sequence tells the last number that it gave out, which list_sequences_near_end needs, and nothing else.
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

    FOREACH wanted IN ARRAY ARRAY['guestsql_bot', 'guestsql_monitor'] LOOP
        CONTINUE WHEN to_regrole(wanted) IS NULL;
        BEGIN
            IF NOT has_function_privilege(wanted, 'guestsql_sample_guests(integer)', 'EXECUTE') THEN
                EXECUTE format('GRANT EXECUTE ON FUNCTION guestsql_sample_guests(integer) TO %I', wanted);
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN
                refused := refused || format('guestsql_sample_guests for %s', wanted);
        END;
    END LOOP;
    IF refused <> '{}' THEN
        RAISE NOTICE 'rights that % could not give: %', current_user, array_to_string(refused, ', ')
            USING HINT = 'run guestsql migrate grant as the owner of the tables';
    END IF;

    -- A table that nobody enters must not stop the bot. The monitor has none of these: closed until it is opened. Of a
    -- later sequence it reads the last number, as of those that there are.
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

-- A function is everybody's unless one says otherwise.
REVOKE ALL ON FUNCTION guestsql_expire_context(), guestsql_grant_roles(), guestsql_sample_guests(integer) FROM public;

SELECT guestsql_grant_roles();
