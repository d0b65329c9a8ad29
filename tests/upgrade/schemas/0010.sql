

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE FUNCTION public.guestsql_class_milliseconds(class bigint, share numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN round((((1000)::double precision * ((2)::double precision ^ (((((class - 34))::numeric + CASE WHEN (class >= 49) THEN (0)::numeric ELSE GREATEST(share, (0)::numeric) END))::double precision / (2)::double precision))))::numeric, 3);

CREATE FUNCTION public.guestsql_expire_context() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.context_epoch := OLD.context_epoch + 1;
    NEW.last_context_update := NULL;
    NEW.context_lease := NULL;
    NEW.context_lease_until := NULL;
    NEW.updated_at := statement_timestamp();
    RETURN NEW;
END
$$;

CREATE FUNCTION public.guestsql_grant_roles() RETURNS void
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

CREATE FUNCTION public.guestsql_mask(phone_number text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (('***'::text || CASE WHEN (length(split_part(phone_number, '@'::text, 1)) > 4) THEN "right"(split_part(phone_number, '@'::text, 1), 4) ELSE ''::text END) || CASE WHEN (strpos(phone_number, '@'::text) > 0) THEN substr(phone_number, strpos(phone_number, '@'::text)) ELSE ''::text END);

CREATE FUNCTION public.guestsql_mask_numbers(words text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN regexp_replace(words, '[0-9]([^0-9A-Za-z]{0,3}[0-9]){5,}'::text, '…'::text, 'g'::text);

CREATE FUNCTION public.guestsql_query_name(statement text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN COALESCE("substring"(statement, '^\s*/\* q=([a-z][a-z0-9_]*) \*/'::text), "substring"(statement, '\n-- q=([a-z][a-z0-9_]*)\s*$'::text), "left"(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(statement, '^(\s|--[^\n]*\n|/\*([^*/]|\*(?!/)|/(?!\*))*\*/)+'::text, ''::text), '\s+'::text, ' '::text, 'g'::text), '"([A-Za-z_][A-Za-z0-9_]*)"'::text, '\1'::text, 'g'::text), '(''|"|\$(?![0-9])|--|/\*).*$'::text, '…'::text), '(?<![$\w])[0-9][\w.]*|[0-9]{5,}'::text, '?'::text, 'g'::text), 80));

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.guest_profiles (
    phone_number text NOT NULL,
    chat_id text,
    user_name text,
    contact_name text,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    profile_data jsonb DEFAULT '{}'::jsonb NOT NULL,
    memory_enabled boolean DEFAULT true NOT NULL,
    thread_id text,
    thread_tokens bigint DEFAULT 0 NOT NULL,
    thread_created_at timestamp with time zone,
    first_interaction timestamp with time zone,
    last_interaction timestamp with time zone,
    total_interactions bigint DEFAULT 0 NOT NULL,
    last_active_on date GENERATED ALWAYS AS (((last_interaction AT TIME ZONE 'UTC'::text))::date) STORED,
    context_cache text,
    last_context_update timestamp with time zone,
    context_epoch bigint DEFAULT 0 NOT NULL,
    context_lease uuid,
    context_lease_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    CONSTRAINT guest_profiles_chat_id_check CHECK ((chat_id <> ''::text)),
    CONSTRAINT guest_profiles_interactions_check CHECK (((total_interactions >= 0) AND (first_interaction <= last_interaction))),
    CONSTRAINT guest_profiles_labels_check CHECK (((labels = '{}'::text[]) OR ((array_ndims(labels) = 1) AND (array_position(labels, NULL::text) IS NULL) AND (array_position(labels, ''::text) IS NULL)))),
    CONSTRAINT guest_profiles_lease_check CHECK (((context_lease IS NULL) = (context_lease_until IS NULL))),
    CONSTRAINT guest_profiles_names_check CHECK (((user_name <> ''::text) AND (contact_name <> ''::text))),
    CONSTRAINT guest_profiles_phone_number_check CHECK ((((ltrim(phone_number, '0123456789'::text) = ''::text) AND ("left"(phone_number, 1) <> '0'::text) AND ((length(phone_number) >= 7) AND (length(phone_number) <= 15))) OR (phone_number ~ '^([0-9]{1,32}@lid|[A-Z]{2}\.[A-Za-z0-9]{1,128})$'::text))),
    CONSTRAINT guest_profiles_profile_data_check CHECK ((jsonb_typeof(profile_data) = 'object'::text)),
    CONSTRAINT guest_profiles_thread_check CHECK (((thread_id <> ''::text) AND (thread_tokens >= 0) AND ((thread_id IS NOT NULL) OR (thread_tokens = 0))))
)
WITH (fillfactor='75');

CREATE FUNCTION public.guestsql_sample_guests(sample_pages integer) RETURNS bigint[]
    LANGUAGE sql STABLE STRICT SECURITY DEFINER
    RETURN (SELECT ARRAY[count(*), count(guest_profiles.thread_id), count(*) FILTER (WHERE (guest_profiles.labels <> '{}'::text[])), count(*) FILTER (WHERE (guest_profiles.last_context_update IS NOT NULL)), count(*) FILTER (WHERE (NOT guest_profiles.memory_enabled))] AS "array" FROM public.guest_profiles TABLESAMPLE system (GREATEST((0)::numeric, LEAST((100)::numeric, (((100.0 * (guestsql_sample_guests.sample_pages)::numeric) * (8192)::numeric) / (GREATEST(pg_relation_size('public.guest_profiles'::regclass), (1)::bigint))::numeric)))) REPEATABLE (1));

CREATE FUNCTION public.guestsql_statement_figures() RETURNS TABLE(statement text, calls bigint, total_milliseconds double precision, max_milliseconds double precision, row_count bigint, blocks_hit bigint, blocks_read bigint, temporary_blocks bigint, wal_bytes numeric)
    LANGUAGE plpgsql STABLE
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

CREATE TABLE public.context_minutes (
    minute timestamp with time zone NOT NULL,
    outcome text NOT NULL,
    answers bigint NOT NULL,
    CONSTRAINT context_minutes_outcome_check CHECK ((outcome = ANY (ARRAY['hit'::text, 'stale'::text, 'miss'::text, 'error'::text])))
)
WITH (fillfactor='50');

CREATE TABLE public.guest_days (
    day date NOT NULL,
    new_guests bigint NOT NULL,
    active_guests bigint NOT NULL,
    recorded_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL
);

CREATE VIEW public.guest_figures AS
 SELECT public.guestsql_mask(phone_number) AS guest,
    memory_enabled,
    cardinality(labels) AS label_count,
    (thread_id IS NOT NULL) AS has_thread,
    thread_tokens,
    thread_created_at,
    first_interaction,
    last_interaction,
    last_active_on,
    total_interactions,
    (context_cache IS NOT NULL) AS has_context,
    last_context_update,
    created_at,
    updated_at
   FROM public.guest_profiles;

CREATE TABLE public.guestsql_grants (
    relation_name text NOT NULL,
    bot_privileges text[] DEFAULT '{SELECT,INSERT,UPDATE,DELETE}'::text[] NOT NULL,
    monitor_columns text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT guestsql_grants_bot_privileges_check CHECK ((bot_privileges <@ '{SELECT,INSERT,UPDATE,DELETE}'::text[]))
);

CREATE TABLE public.guestsql_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    body text NOT NULL,
    applied_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    duration_ms double precision NOT NULL,
    applied_by text DEFAULT SESSION_USER NOT NULL,
    is_baseline boolean DEFAULT false NOT NULL,
    CONSTRAINT guestsql_migrations_version_check CHECK ((version > 0))
);

CREATE TABLE public.historical_clients (
    id bigint NOT NULL,
    phone_number text NOT NULL,
    user_name text,
    contact_name text,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    total_interactions bigint DEFAULT 0 NOT NULL,
    last_interaction timestamp with time zone,
    booking_status text,
    marketing_consent boolean DEFAULT false NOT NULL,
    notes text,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    archived_at timestamp with time zone,
    CONSTRAINT historical_clients_booking_status_check CHECK ((booking_status = ANY (ARRAY['interested'::text, 'booked'::text, 'inactive'::text, 'lost'::text]))),
    CONSTRAINT historical_clients_labels_check CHECK (((labels = '{}'::text[]) OR ((array_ndims(labels) = 1) AND (array_position(labels, NULL::text) IS NULL) AND (array_position(labels, ''::text) IS NULL)))),
    CONSTRAINT historical_clients_names_check CHECK (((user_name <> ''::text) AND (contact_name <> ''::text))),
    CONSTRAINT historical_clients_phone_number_check CHECK ((phone_number ~ '^([1-9][0-9]{6,14}|[0-9]{1,32}@lid|[A-Z]{2}\.[A-Za-z0-9]{1,128})$'::text)),
    CONSTRAINT historical_clients_total_interactions_check CHECK ((total_interactions >= 0))
)
WITH (fillfactor='90');

ALTER TABLE public.historical_clients ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.historical_clients_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE UNLOGGED TABLE public.legacy_guests (
    phone_number text,
    recorded_at timestamp with time zone,
    chat_id text,
    chat_id_at timestamp with time zone,
    user_name text,
    user_name_at timestamp with time zone,
    contact_name text,
    contact_name_at timestamp with time zone,
    labels text[],
    labels_at timestamp with time zone,
    thread_id text,
    thread_id_at timestamp with time zone,
    thread_created_at timestamp with time zone,
    first_interaction timestamp with time zone,
    last_interaction timestamp with time zone,
    created_at timestamp with time zone,
    total_interactions bigint,
    profile_data jsonb
);

CREATE TABLE public.legacy_imports (
    id bigint NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    files jsonb NOT NULL,
    records bigint NOT NULL,
    guests bigint NOT NULL,
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    unchanged bigint NOT NULL,
    rejected bigint NOT NULL,
    merged bigint NOT NULL,
    file_bytes bigint NOT NULL,
    table_bytes bigint NOT NULL,
    peak_memory_bytes bigint,
    seconds double precision NOT NULL,
    CONSTRAINT legacy_imports_files_check CHECK ((jsonb_typeof(files) = 'array'::text)),
    CONSTRAINT legacy_imports_guests_check CHECK ((guests = ((inserted + updated) + unchanged))),
    CONSTRAINT legacy_imports_records_check CHECK ((records = ((guests + merged) + rejected)))
);

ALTER TABLE public.legacy_imports ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.legacy_imports_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.legacy_reject_records (
    sha256 bytea NOT NULL,
    record bytea NOT NULL,
    CONSTRAINT legacy_reject_records_sha256_check CHECK ((sha256 = sha256(record)))
);

CREATE TABLE public.legacy_rejects (
    import_id bigint NOT NULL,
    number bigint NOT NULL,
    path text NOT NULL,
    pointer text NOT NULL,
    reason text NOT NULL,
    byte_offset bigint,
    sha256 bytea
);

CREATE UNLOGGED TABLE public.legacy_staging (
    file_number bigint,
    place bigint,
    phone_number text,
    recorded_at timestamp with time zone,
    chat_id text,
    chat_id_at timestamp with time zone,
    user_name text,
    user_name_at timestamp with time zone,
    contact_name text,
    contact_name_at timestamp with time zone,
    labels text[],
    labels_at timestamp with time zone,
    thread_id text,
    thread_id_at timestamp with time zone,
    thread_created_at timestamp with time zone,
    first_interaction timestamp with time zone,
    last_interaction timestamp with time zone,
    created_at timestamp with time zone,
    total_interactions bigint,
    profile_data jsonb,
    pointer text,
    reason text,
    byte_offset bigint,
    record bytea
);

CREATE TABLE public.process_minutes (
    minute timestamp with time zone NOT NULL,
    process text NOT NULL,
    flushes bigint NOT NULL,
    flush_failures bigint NOT NULL,
    resident_bytes bigint
)
WITH (fillfactor='50');

CREATE TABLE public.query_error_minutes (
    minute timestamp with time zone NOT NULL,
    query text NOT NULL,
    kind text NOT NULL,
    errors bigint NOT NULL,
    CONSTRAINT query_error_minutes_kind_check CHECK ((kind = ANY (ARRAY['cancelled'::text, 'conflict'::text, 'constraint'::text, 'outcome_unknown'::text, 'timeout'::text, 'unavailable'::text, 'other'::text])))
)
WITH (fillfactor='50');

CREATE TABLE public.query_minutes (
    minute timestamp with time zone NOT NULL,
    query text NOT NULL,
    calls bigint NOT NULL,
    row_count bigint NOT NULL,
    microseconds bigint NOT NULL,
    buckets bigint[] NOT NULL,
    CONSTRAINT query_minutes_buckets_check CHECK (((array_ndims(buckets) = 1) AND (cardinality(buckets) <= 49)))
)
WITH (fillfactor='50');

CREATE TABLE public.relation_sizes (
    day date NOT NULL,
    schema_name text NOT NULL,
    relation_name text NOT NULL,
    kind text NOT NULL,
    bytes bigint NOT NULL,
    recorded_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    CONSTRAINT relation_sizes_kind_check CHECK ((kind = ANY (ARRAY['table'::text, 'index'::text])))
);

INSERT INTO public.guest_profiles VALUES ('573000000001', '573000000001@s.whatsapp.net', 'Ana', NULL, '{VIP}', '{"legacy": {"threads.json": {"key": {"previousThreads": ["thread_0"]}}}}', true, 'thread_1', 100, NULL, '2025-01-01 12:00:00+00', '2025-06-01 12:00:00+00', 5, DEFAULT, '[Ana]', '2025-06-01 12:00:00+00', 0, NULL, NULL, '2026-11-30 04:18:31.632944+00', '2026-11-30 04:18:31.632944+00');
INSERT INTO public.guest_profiles VALUES ('5215512345678', NULL, 'Luz', NULL, '{}', '{}', true, NULL, 0, NULL, NULL, NULL, 0, DEFAULT, NULL, NULL, 0, NULL, NULL, '2026-11-30 04:18:31.632944+00', '2026-11-30 04:18:31.632944+00');
INSERT INTO public.guest_profiles VALUES ('123456789012345@lid', NULL, 'Leo', NULL, '{}', '{}', true, NULL, 0, NULL, '2025-01-01 12:00:00+00', '2025-01-01 12:00:00+00', 1, DEFAULT, NULL, NULL, 0, NULL, NULL, '2026-11-30 04:18:31.632944+00', '2026-11-30 04:18:31.632944+00');

INSERT INTO public.guestsql_grants VALUES ('guest_profiles', '{SELECT,INSERT,UPDATE,DELETE}', '{memory_enabled,thread_tokens,thread_created_at,first_interaction,last_interaction,last_active_on,total_interactions,last_context_update,context_epoch,context_lease_until,created_at,updated_at}');
INSERT INTO public.guestsql_grants VALUES ('historical_clients', '{SELECT,INSERT,UPDATE,DELETE}', '{total_interactions,last_interaction,booking_status,marketing_consent,created_at,archived_at}');
INSERT INTO public.guestsql_grants VALUES ('legacy_imports', '{}', '{id,started_at,finished_at,records,guests,inserted,updated,unchanged,rejected,merged,file_bytes,table_bytes,peak_memory_bytes,seconds}');
INSERT INTO public.guestsql_grants VALUES ('legacy_rejects', '{}', '{}');
INSERT INTO public.guestsql_grants VALUES ('legacy_staging', '{}', '{}');
INSERT INTO public.guestsql_grants VALUES ('query_minutes', '{SELECT,INSERT,UPDATE,DELETE}', '{*}');
INSERT INTO public.guestsql_grants VALUES ('query_error_minutes', '{SELECT,INSERT,UPDATE,DELETE}', '{*}');
INSERT INTO public.guestsql_grants VALUES ('context_minutes', '{SELECT,INSERT,UPDATE,DELETE}', '{*}');
INSERT INTO public.guestsql_grants VALUES ('process_minutes', '{SELECT,INSERT,UPDATE,DELETE}', '{*}');
INSERT INTO public.guestsql_grants VALUES ('relation_sizes', '{SELECT,INSERT,UPDATE,DELETE}', '{*}');
INSERT INTO public.guestsql_grants VALUES ('guest_days', '{SELECT,INSERT,UPDATE,DELETE}', '{*}');
INSERT INTO public.guestsql_grants VALUES ('guest_figures', '{SELECT}', '{*}');
INSERT INTO public.guestsql_grants VALUES ('guestsql_grants', '{SELECT}', '{*}');
INSERT INTO public.guestsql_grants VALUES ('guestsql_migrations', '{SELECT}', '{*}');
INSERT INTO public.guestsql_grants VALUES ('legacy_reject_records', '{}', '{}');
INSERT INTO public.guestsql_grants VALUES ('legacy_guests', '{}', '{}');

INSERT INTO public.guestsql_migrations VALUES (1, 'guest_profiles', '15e2be3d99116ea7b5b87f492754551d71d217aa87b19c7b4a76050675473c7d', 'CREATE TABLE guest_profiles (phone_number text NOT NULL,
chat_id text,
user_name text,
contact_name text,
labels text [] NOT NULL DEFAULT ''{}'',
profile_data jsonb NOT NULL DEFAULT ''{}'',
memory_enabled boolean NOT NULL DEFAULT TRUE,
thread_id text,
thread_tokens bigint NOT NULL DEFAULT 0,
thread_created_at timestamptz,
first_interaction timestamptz,
last_interaction timestamptz,
total_interactions bigint NOT NULL DEFAULT 0,
last_active_on date GENERATED ALWAYS AS ((last_interaction AT TIME ZONE ''UTC'') :: date) STORED,
context_cache text,
last_context_update timestamptz,
context_epoch bigint NOT NULL DEFAULT 0,
context_lease uuid,
context_lease_until timestamptz,
created_at timestamptz NOT NULL DEFAULT statement_timestamp (),
updated_at timestamptz NOT NULL DEFAULT statement_timestamp (),
CONSTRAINT guest_profiles_pkey PRIMARY KEY (phone_number),
CONSTRAINT guest_profiles_phone_number_check CHECK (phone_number ~ ''^([1-9][0-9]{6,14}|[0-9]{1,32}@lid|[A-Z]{2}\.[A-Za-z0-9]{1,128})$''),
CONSTRAINT guest_profiles_names_check CHECK (user_name <> '''' AND contact_name <> ''''),
CONSTRAINT guest_profiles_chat_id_check CHECK (chat_id <> ''''),
CONSTRAINT guest_profiles_labels_check CHECK (labels = ''{}'' OR (array_ndims (labels) = 1 AND array_position (labels,
NULL) IS NULL AND array_position (labels,
'''') IS NULL)),
CONSTRAINT guest_profiles_profile_data_check CHECK (jsonb_typeof (profile_data) = ''object''),
CONSTRAINT guest_profiles_thread_check CHECK (thread_id <> '''' AND thread_tokens >= 0 AND (thread_id IS NOT NULL OR thread_tokens = 0)),
CONSTRAINT guest_profiles_interactions_check CHECK (total_interactions >= 0 AND first_interaction <= last_interaction),
CONSTRAINT guest_profiles_lease_check CHECK ((context_lease IS NULL) = (context_lease_until IS NULL))) WITH (fillfactor = 75);
CREATE INDEX idx_guest_profiles_last_activity ON guest_profiles (last_active_on DESC NULLS LAST);
CREATE INDEX idx_guest_profiles_labels ON guest_profiles USING gin (labels);
CREATE FUNCTION guestsql_expire_context () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.context_epoch := OLD.context_epoch + 1;
    NEW.last_context_update := NULL;
    NEW.context_lease := NULL;
    NEW.context_lease_until := NULL;
    NEW.updated_at := statement_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER guest_profiles_expire_context BEFORE UPDATE OF chat_id,
user_name,
contact_name,
labels,
profile_data,
memory_enabled ON guest_profiles FOR EACH ROW WHEN (new . context_epoch = old . context_epoch AND (new . chat_id,
new . user_name,
new . contact_name,
new . labels,
new . profile_data,
new . memory_enabled) IS DISTINCT FROM (old . chat_id,
old . user_name,
old . contact_name,
old . labels,
old . profile_data,
old . memory_enabled)) EXECUTE FUNCTION guestsql_expire_context ();
', '2026-11-30 04:18:30.961702+00', 25.977, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES (2, 'historical_clients', '24f6013c7da525b43fd358e930cca8ac4be592c733592742b15e1e9f23bc952c', 'CREATE TABLE historical_clients (id bigint GENERATED ALWAYS AS IDENTITY,
phone_number text NOT NULL,
user_name text,
contact_name text,
labels text [] NOT NULL DEFAULT ''{}'',
total_interactions bigint NOT NULL DEFAULT 0,
last_interaction timestamptz,
booking_status text,
marketing_consent boolean NOT NULL DEFAULT FALSE,
notes text,
created_at timestamptz NOT NULL DEFAULT statement_timestamp (),
archived_at timestamptz,
CONSTRAINT historical_clients_pkey PRIMARY KEY (phone_number),
CONSTRAINT historical_clients_phone_number_check CHECK (phone_number ~ ''^([1-9][0-9]{6,14}|[0-9]{1,32}@lid|[A-Z]{2}\.[A-Za-z0-9]{1,128})$''),
CONSTRAINT historical_clients_names_check CHECK (user_name <> '''' AND contact_name <> ''''),
CONSTRAINT historical_clients_labels_check CHECK (labels = ''{}'' OR (array_ndims (labels) = 1 AND array_position (labels,
NULL) IS NULL AND array_position (labels,
'''') IS NULL)),
CONSTRAINT historical_clients_total_interactions_check CHECK (total_interactions >= 0),
CONSTRAINT historical_clients_booking_status_check CHECK (booking_status IN (''interested'',
''booked'',
''inactive'',
''lost''))) WITH (fillfactor = 90);
CREATE INDEX idx_historical_clients_status ON historical_clients (booking_status);
', '2026-11-30 04:18:30.964477+00', 1.92, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES (3, 'legacy_imports', '6bdc00afc5051ce61c99e1acfe606b856f9adc6c0966a954ba3a76609d61406c', 'CREATE UNLOGGED TABLE legacy_staging (file_number bigint,
place bigint,
phone_number text,
recorded_at timestamptz,
chat_id text,
chat_id_at timestamptz,
user_name text,
user_name_at timestamptz,
contact_name text,
contact_name_at timestamptz,
labels text [],
labels_at timestamptz,
thread_id text,
thread_id_at timestamptz,
thread_created_at timestamptz,
first_interaction timestamptz,
last_interaction timestamptz,
created_at timestamptz,
total_interactions bigint,
profile_data jsonb,
pointer text,
reason text);
CREATE TABLE legacy_imports (id bigint GENERATED ALWAYS AS IDENTITY,
started_at timestamptz NOT NULL,
finished_at timestamptz NOT NULL DEFAULT statement_timestamp (),
files jsonb NOT NULL,
records bigint NOT NULL,
guests bigint NOT NULL,
inserted bigint NOT NULL,
updated bigint NOT NULL,
unchanged bigint NOT NULL,
rejected bigint NOT NULL,
merged bigint NOT NULL,
file_bytes bigint NOT NULL,
table_bytes bigint NOT NULL,
peak_memory_bytes bigint,
seconds float8 NOT NULL,
CONSTRAINT legacy_imports_pkey PRIMARY KEY (id),
CONSTRAINT legacy_imports_files_check CHECK (jsonb_typeof (files) = ''array''),
CONSTRAINT legacy_imports_records_check CHECK (records = guests + merged + rejected),
CONSTRAINT legacy_imports_guests_check CHECK (guests = inserted + updated + unchanged));
CREATE TABLE legacy_rejects (import_id bigint NOT NULL,
number bigint NOT NULL,
path text NOT NULL,
pointer text NOT NULL,
reason text NOT NULL,
CONSTRAINT legacy_rejects_pkey PRIMARY KEY (import_id,
number),
CONSTRAINT legacy_rejects_import_id_fkey FOREIGN KEY (import_id) REFERENCES legacy_imports (id) ON DELETE CASCADE);
', '2026-11-30 04:18:30.986017+00', 20.999, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES (4, 'metrics', '3908218f5b54a840c017d588343db6145f47d6a1107c376011bca092896329d9', 'CREATE TABLE query_minutes (minute timestamptz NOT NULL,
query text NOT NULL,
calls bigint NOT NULL,
row_count bigint NOT NULL,
microseconds bigint NOT NULL,
buckets bigint [] NOT NULL,
CONSTRAINT query_minutes_pkey PRIMARY KEY (minute,
query),
CONSTRAINT query_minutes_buckets_check CHECK (array_ndims (buckets) = 1 AND cardinality (buckets) <= 49)) WITH (fillfactor = 50);
CREATE TABLE query_error_minutes (minute timestamptz NOT NULL,
query text NOT NULL,
kind text NOT NULL,
errors bigint NOT NULL,
CONSTRAINT query_error_minutes_pkey PRIMARY KEY (minute,
query,
kind),
CONSTRAINT query_error_minutes_kind_check CHECK (kind IN (''cancelled'',
''conflict'',
''constraint'',
''outcome_unknown'',
''timeout'',
''unavailable'',
''other''))) WITH (fillfactor = 50);
CREATE TABLE context_minutes (minute timestamptz NOT NULL,
outcome text NOT NULL,
answers bigint NOT NULL,
CONSTRAINT context_minutes_pkey PRIMARY KEY (minute,
outcome),
CONSTRAINT context_minutes_outcome_check CHECK (outcome IN (''hit'',
''stale'',
''miss'',
''error''))) WITH (fillfactor = 50);
CREATE TABLE process_minutes (minute timestamptz NOT NULL,
process text NOT NULL,
flushes bigint NOT NULL,
flush_failures bigint NOT NULL,
resident_bytes bigint,
CONSTRAINT process_minutes_pkey PRIMARY KEY (minute,
process)) WITH (fillfactor = 50);
', '2026-11-30 04:18:31.014361+00', 23.209, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES (5, 'roles', 'e36f0ec4085f66d4dc0f1e95d4f409027337357231985c5048b7ca3aab5f4544', 'CREATE FUNCTION guestsql_mask (phone_number text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN ''***'' || CASE WHEN length (split_part (phone_number,
''@'',
1)) > 4 THEN right (split_part (phone_number,
''@'',
1),
4) ELSE '''' END || CASE WHEN strpos (phone_number,
''@'') > 0 THEN substr (phone_number,
strpos (phone_number,
''@'')) ELSE '''' END;
CREATE VIEW guest_figures AS SELECT guestsql_mask (phone_number) AS guest,
memory_enabled,
cardinality (labels) AS label_count,
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
updated_at FROM guest_profiles;
CREATE FUNCTION guestsql_sample_guests (sample_pages integer) RETURNS bigint [] LANGUAGE sql STABLE STRICT SECURITY DEFINER RETURN (SELECT ARRAY [count (*),
count (thread_id),
count (*) FILTER (WHERE labels <> ''{}''),
count (*) FILTER (WHERE last_context_update IS NOT NULL),
count (*) FILTER (WHERE NOT memory_enabled)] FROM guest_profiles TABLESAMPLE SYSTEM (greatest (0,
least (100,
100.0 * sample_pages * 8192 / greatest (pg_relation_size (''guest_profiles'' :: regclass),
1)))) REPEATABLE (1));
CREATE TABLE guestsql_grants (relation_name text NOT NULL,
bot_privileges text [] NOT NULL DEFAULT ''{SELECT,INSERT,UPDATE,DELETE}'',
monitor_columns text [] NOT NULL DEFAULT ''{}'',
CONSTRAINT guestsql_grants_pkey PRIMARY KEY (relation_name),
CONSTRAINT guestsql_grants_bot_privileges_check CHECK (bot_privileges <@ ''{SELECT,INSERT,UPDATE,DELETE}''));
INSERT INTO guestsql_grants (relation_name,
bot_privileges,
monitor_columns) VALUES (''guest_profiles'',
DEFAULT,
''{
    memory_enabled, thread_tokens, thread_created_at, first_interaction, last_interaction,
    last_active_on, total_interactions, last_context_update, context_epoch, context_lease_until, created_at, updated_at
}''),
(''historical_clients'',
DEFAULT,
''{
    total_interactions, last_interaction, booking_status, marketing_consent, created_at, archived_at
}''),
(''legacy_imports'',
''{}'',
''{
    id, started_at, finished_at, records, guests, inserted, updated, unchanged, rejected, merged, file_bytes, table_bytes,
    peak_memory_bytes, seconds
}''),
(''legacy_rejects'',
''{}'',
''{}''),
(''legacy_staging'',
''{}'',
''{}''),
(''query_minutes'',
DEFAULT,
''{*}''),
(''query_error_minutes'',
DEFAULT,
''{*}''),
(''context_minutes'',
DEFAULT,
''{*}''),
(''process_minutes'',
DEFAULT,
''{*}''),
(''relation_sizes'',
DEFAULT,
''{*}''),
(''guest_days'',
DEFAULT,
''{*}''),
(''guest_figures'',
''{SELECT}'',
''{*}''),
(''guestsql_grants'',
''{SELECT}'',
''{*}''),
(''guestsql_migrations'',
''{SELECT}'',
''{*}'');
CREATE FUNCTION guestsql_grant_roles () RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    home regnamespace := (SELECT relnamespace FROM pg_class WHERE oid = ''guestsql_grants''::regclass);
    missing text[] := ''{}'';
    refused text[] := ''{}'';
    wanted text;
    entry record;
    target regclass;
    readable text;
    is_super boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);
BEGIN
    IF lower(current_setting(''guestsql.roles'', TRUE)) IN (''off'', ''false'', ''no'', ''0'') THEN
        RAISE NOTICE ''guestsql.roles is off: no role was made or given rights'';
        RETURN;
    END IF;

    FOREACH wanted IN ARRAY ARRAY[''guestsql_bot'', ''guestsql_monitor'', ''guestsql_owner''] LOOP
        IF to_regrole(wanted) IS NULL THEN
            BEGIN
                EXECUTE format(''CREATE ROLE %I NOLOGIN'', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database made it meanwhile
                WHEN insufficient_privilege OR feature_not_supported THEN
                    missing := missing || wanted;
            END;
        END IF;
    END LOOP;
    IF missing <> ''{}'' THEN
        RAISE NOTICE ''roles could not be made: % (% may not create roles); everything else goes on without them'',
            array_to_string(missing, '', ''), current_user
            USING HINT = ''to have them, let a role with CREATEROLE make them, then run guestsql migrate grant'';
    END IF;

    -- So that it sees the sessions, statements and settings of others.
    IF to_regrole(''guestsql_monitor'') IS NOT NULL AND NOT pg_has_role(''guestsql_monitor'', ''pg_monitor'', ''MEMBER'') THEN
        BEGIN
            GRANT pg_monitor TO guestsql_monitor;
        EXCEPTION
            WHEN unique_violation THEN
                NULL; -- another database granted it meanwhile
            WHEN insufficient_privilege THEN
                RAISE NOTICE ''guestsql_monitor sees the statements of its own sessions only''
                    USING HINT = ''as a superuser: GRANT pg_monitor TO guestsql_monitor'';
        END;
    END IF;

    -- The owner. Only what belongs to who calls this goes over to it, and only if who calls this keeps the right to it.
    IF to_regrole(''guestsql_owner'') IS NOT NULL THEN
        BEGIN
            -- From PostgreSQL 16 who makes a role may grant it, and is not yet one who has it.
            IF NOT is_super AND NOT pg_has_role(''guestsql_owner'', ''USAGE'') THEN
                EXECUTE format(''GRANT guestsql_owner TO %I'', current_user);
            END IF;
            IF NOT has_schema_privilege(''guestsql_owner'', home, ''CREATE'')
                OR NOT has_schema_privilege(''guestsql_owner'', home, ''USAGE'')
            THEN
                EXECUTE format(''GRANT USAGE, CREATE ON SCHEMA %s TO guestsql_owner'', home);
            END IF;
            IF NOT has_function_privilege(''guestsql_owner'', ''guestsql_grant_roles()'', ''EXECUTE'') THEN
                GRANT EXECUTE ON FUNCTION guestsql_grant_roles() TO guestsql_owner;
            END IF;
            IF is_super OR pg_has_role(''guestsql_owner'', ''USAGE'') THEN
                -- An array: a table that a loop is reading cannot be altered.
                FOREACH target IN ARRAY array(
                    SELECT relations.oid::regclass
                    FROM guestsql_grants AS entries
                    INNER JOIN pg_class AS relations ON entries.relation_name = relations.relname
                    WHERE
                        relations.relnamespace = home
                        AND relations.relkind IN (''r'', ''p'', ''v'', ''m'')
                        AND relations.relowner = current_user::regrole
                    ORDER BY relations.relname
                ) LOOP
                    EXECUTE format(''ALTER TABLE %s OWNER TO guestsql_owner'', target);
                END LOOP;
                -- With its own rights, and with no more than the tables'' owner has.
                IF EXISTS (
                    SELECT 1
                    FROM pg_proc AS functions
                    WHERE
                        functions.oid = ''guestsql_sample_guests(integer)''::regprocedure
                        AND functions.proowner = current_user::regrole
                        AND functions.proowner <> ''guestsql_owner''::regrole
                ) THEN
                    ALTER FUNCTION guestsql_sample_guests(integer) OWNER TO guestsql_owner;
                END IF;
            END IF;
        EXCEPTION
            WHEN insufficient_privilege OR unique_violation THEN
                RAISE NOTICE ''the tables stay with their owner: they could not be given to guestsql_owner (%)'', sqlerrm
                    USING HINT = ''as a superuser, GRANT guestsql_owner TO this role, then run guestsql migrate grant'';
        END;
    END IF;

    IF has_schema_privilege(''public'', home, ''CREATE'') THEN
        RAISE NOTICE ''anyone may create tables in the schema %, so guestsql_bot may too'', home
            USING HINT = format(''if nobody else needs it: REVOKE CREATE ON SCHEMA %s FROM PUBLIC'', home);
    END IF;

    -- The others. What they had is taken first, so that a right that is taken out of the table above is gone.
    FOREACH wanted IN ARRAY ARRAY[''guestsql_bot'', ''guestsql_monitor''] LOOP
        CONTINUE WHEN to_regrole(wanted) IS NULL;
        BEGIN
            IF NOT has_schema_privilege(wanted, home, ''USAGE'') THEN
                EXECUTE format(''GRANT USAGE ON SCHEMA %s TO %I'', home, wanted);
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN
                refused := refused || format(''schema %s for %s'', home, wanted);
        END;
    END LOOP;

    FOR entry IN
        SELECT
            relations.oid::regclass AS relation,
            entries.monitor_columns,
            array_to_string(
                array(
                    SELECT allowed.privilege
                    FROM unnest(ARRAY[''SELECT'', ''INSERT'', ''UPDATE'', ''DELETE'']) AS allowed (privilege)
                    WHERE allowed.privilege = ANY(entries.bot_privileges)
                ),
                '', ''
            ) AS bot_privileges
        FROM guestsql_grants AS entries
        INNER JOIN pg_class AS relations ON entries.relation_name = relations.relname
        WHERE
            relations.relnamespace = home
            AND relations.relkind IN (''r'', ''p'', ''v'', ''m'')
        ORDER BY relations.relname
    LOOP
        BEGIN
            IF to_regrole(''guestsql_bot'') IS NOT NULL THEN
                EXECUTE format(''REVOKE ALL ON TABLE %s FROM guestsql_bot'', entry.relation);
                IF entry.bot_privileges <> '''' THEN
                    EXECUTE format(''GRANT %s ON TABLE %s TO guestsql_bot'', entry.bot_privileges, entry.relation);
                END IF;
            END IF;
            IF to_regrole(''guestsql_monitor'') IS NOT NULL THEN
                -- It takes the rights upon columns too.
                EXECUTE format(''REVOKE ALL ON TABLE %s FROM guestsql_monitor'', entry.relation);
                IF ''*'' = ANY(entry.monitor_columns) THEN
                    EXECUTE format(''GRANT SELECT ON TABLE %s TO guestsql_monitor'', entry.relation);
                ELSE
                    readable := (
                        SELECT string_agg(format(''%I'', attributes.attname), '', '')
                        FROM pg_attribute AS attributes
                        WHERE
                            attributes.attrelid = entry.relation
                            AND attributes.attname = ANY(entry.monitor_columns)
                            AND attributes.attnum > 0
                            AND NOT attributes.attisdropped
                    );
                    IF readable IS NOT NULL THEN
                        EXECUTE format(''GRANT SELECT (%s) ON TABLE %s TO guestsql_monitor'', readable, entry.relation);
                    END IF;
                END IF;
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN
                refused := refused || entry.relation::text;
        END;
    END LOOP;

    -- A sequence tells the last number that it gave out, which list_sequences_near_end needs, and nothing else.
    IF to_regrole(''guestsql_monitor'') IS NOT NULL THEN
        FOREACH target IN ARRAY array(
            SELECT relations.oid::regclass
            FROM pg_class AS relations
            WHERE
                relations.relnamespace = home
                AND relations.relkind = ''S''
            ORDER BY relations.relname
        ) LOOP
            CONTINUE WHEN has_sequence_privilege(''guestsql_monitor'', target, ''SELECT'');
            BEGIN
                EXECUTE format(''GRANT SELECT ON SEQUENCE %s TO guestsql_monitor'', target);
            EXCEPTION
                WHEN insufficient_privilege THEN
                    refused := refused || target::text;
            END;
        END LOOP;
    END IF;

    FOREACH wanted IN ARRAY ARRAY[''guestsql_bot'', ''guestsql_monitor''] LOOP
        CONTINUE WHEN to_regrole(wanted) IS NULL;
        BEGIN
            IF NOT has_function_privilege(wanted, ''guestsql_sample_guests(integer)'', ''EXECUTE'') THEN
                EXECUTE format(''GRANT EXECUTE ON FUNCTION guestsql_sample_guests(integer) TO %I'', wanted);
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN
                refused := refused || format(''guestsql_sample_guests for %s'', wanted);
        END;
    END LOOP;
    IF refused <> ''{}'' THEN
        RAISE NOTICE ''rights that % could not give: %'', current_user, array_to_string(refused, '', '')
            USING HINT = ''run guestsql migrate grant as the owner of the tables'';
    END IF;

    -- A table that nobody enters must not stop the bot. The monitor has none of these: closed until it is opened. Of a
    -- later sequence it reads the last number, as of those that there are.
    IF to_regrole(''guestsql_bot'') IS NOT NULL THEN
        EXECUTE format(
            ''ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO guestsql_bot'', home
        );
        EXECUTE format(''ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT USAGE, SELECT ON SEQUENCES TO guestsql_bot'', home);
    END IF;
    IF to_regrole(''guestsql_monitor'') IS NOT NULL THEN
        EXECUTE format(''ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT SELECT ON SEQUENCES TO guestsql_monitor'', home);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION guestsql_expire_context (),
guestsql_grant_roles (),
guestsql_sample_guests (integer) FROM public;
SELECT guestsql_grant_roles ();
', '2026-11-30 04:18:31.07543+00', 57.131, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES (6, 'daily_figures', '0d37d6a6e1dad6f77d865ddba723e932620632b799627864ddf6234661ae893d', 'CREATE TABLE relation_sizes (day date NOT NULL,
schema_name text NOT NULL,
relation_name text NOT NULL,
kind text NOT NULL,
bytes bigint NOT NULL,
recorded_at timestamptz NOT NULL DEFAULT statement_timestamp (),
CONSTRAINT relation_sizes_pkey PRIMARY KEY (day,
schema_name,
relation_name),
CONSTRAINT relation_sizes_kind_check CHECK (kind IN (''table'',
''index'')));
CREATE TABLE guest_days (day date NOT NULL,
new_guests bigint NOT NULL,
active_guests bigint NOT NULL,
recorded_at timestamptz NOT NULL DEFAULT statement_timestamp (),
CONSTRAINT guest_days_pkey PRIMARY KEY (day));
CREATE FUNCTION guestsql_query_name (statement text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN coalesce (substring (statement FROM ''^\s*/\* q=([a-z][a-z0-9_]*) \*/''),
substring (statement FROM ''\n-- q=([a-z][a-z0-9_]*)\s*$''),
left (regexp_replace (regexp_replace (regexp_replace (regexp_replace (regexp_replace (statement,
''^(\s|--[^\n]*\n|/\*([^*/]|\*(?!/)|/(?!\*))*\*/)+'',
''''),
''\s+'',
'' '',
''g''),
''"([A-Za-z_][A-Za-z0-9_]*)"'',
''\1'',
''g''),
''(''''|"|\$(?![0-9])|--|/\*).*$'',
''…''),
''(?<![$\w])[0-9][\w.]*|[0-9]{5,}'',
''?'',
''g''),
80));
CREATE FUNCTION guestsql_mask_numbers (words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN regexp_replace (words,
''[0-9]([^0-9A-Za-z]{0,3}[0-9]){5,}'',
''…'',
''g'');
CREATE FUNCTION guestsql_class_milliseconds (class bigint,
share numeric) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN round ((1000 * 2 ^ ((class - 34 + CASE WHEN class >= 49 THEN 0 ELSE greatest (share,
0) END) :: float8 / 2)) :: numeric,
3);
CREATE FUNCTION guestsql_statement_figures () RETURNS TABLE (statement text,
calls bigint,
total_milliseconds float8,
max_milliseconds float8,
row_count bigint,
blocks_hit bigint,
blocks_read bigint,
temporary_blocks bigint,
wal_bytes numeric) LANGUAGE plpgsql STABLE ROWS 1000 AS $$
DECLARE
    home text := (
        SELECT namespaces.nspname
        FROM pg_extension AS extensions
        INNER JOIN pg_namespace AS namespaces ON extensions.extnamespace = namespaces.oid
        WHERE extensions.extname = ''pg_stat_statements''
    );
BEGIN
    -- The setting is there when the library was loaded at the server''s start; else the view raises an error.
    IF home IS NULL OR current_setting(''pg_stat_statements.max'', TRUE) IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        ''SELECT query, calls, total_exec_time, max_exec_time, rows, shared_blks_hit, shared_blks_read, ''
        ''temp_blks_read + temp_blks_written, wal_bytes ''
        ''FROM %I.pg_stat_statements ''
        ''WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())'',
        home
    );
END
$$;
SELECT guestsql_grant_roles ();
', '2026-11-30 04:18:31.10593+00', 26.522, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES (7, 'guest_key_check', '1b26f19d0831a9e9c5f63ab69e24c333be103ab05ae5e1a2d380080032116351', 'ALTER TABLE guest_profiles DROP CONSTRAINT guest_profiles_phone_number_check,
ADD CONSTRAINT guest_profiles_phone_number_check CHECK ((ltrim (phone_number,
''0123456789'') = '''' AND left (phone_number,
1) <> ''0'' AND length (phone_number) BETWEEN 7 AND 15) OR phone_number ~ ''^([0-9]{1,32}@lid|[A-Z]{2}\.[A-Za-z0-9]{1,128})$'') NOT VALID;
', '2026-11-30 04:18:31.11604+00', 8.073, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES (8, 'guest_key_check_valid', 'de19db552985c6dbd565408bf0ce86bf0750e394dcfba1b225991799d7edda76', 'ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_phone_number_check;
', '2026-11-30 04:18:31.124525+00', 7.538, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES (9, 'legacy_reject_records', '591e7e8a30b73adf540b75afd1ddcfa761265d02e7545cbc015f3cea883f47a5', 'CREATE TABLE legacy_reject_records (sha256 bytea NOT NULL,
record bytea NOT NULL,
CONSTRAINT legacy_reject_records_pkey PRIMARY KEY (sha256),
CONSTRAINT legacy_reject_records_sha256_check CHECK (sha256 = sha256 (record)));
ALTER TABLE legacy_rejects ADD COLUMN byte_offset bigint,
ADD COLUMN sha256 bytea,
ADD CONSTRAINT legacy_rejects_sha256_fkey FOREIGN KEY (sha256) REFERENCES legacy_reject_records (sha256) NOT VALID;
CREATE INDEX legacy_rejects_sha256 ON legacy_rejects (sha256);
ALTER TABLE legacy_staging ADD COLUMN byte_offset bigint,
ADD COLUMN record bytea;
INSERT INTO guestsql_grants (relation_name,
bot_privileges,
monitor_columns) VALUES (''legacy_reject_records'',
''{}'',
''{}'');
SELECT guestsql_grant_roles ();
', '2026-11-30 04:18:31.153786+00', 24.983, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES (10, 'legacy_guests', 'c87a9f20b6aafee9c929d9f5111cd73f94de8e807ed702fa74c894e006ae7292', 'CREATE UNLOGGED TABLE legacy_guests (phone_number text,
recorded_at timestamptz,
chat_id text,
chat_id_at timestamptz,
user_name text,
user_name_at timestamptz,
contact_name text,
contact_name_at timestamptz,
labels text [],
labels_at timestamptz,
thread_id text,
thread_id_at timestamptz,
thread_created_at timestamptz,
first_interaction timestamptz,
last_interaction timestamptz,
created_at timestamptz,
total_interactions bigint,
profile_data jsonb);
INSERT INTO guestsql_grants (relation_name,
bot_privileges,
monitor_columns) VALUES (''legacy_guests'',
''{}'',
''{}'');
SELECT guestsql_grant_roles ();
', '2026-11-30 04:18:31.176037+00', 19.728, 'postgres', false);

INSERT INTO public.historical_clients OVERRIDING SYSTEM VALUE VALUES (1, '573000000002', 'Eva', NULL, '{}', 3, '2024-01-01 12:00:00+00', 'booked', false, NULL, '2026-11-30 04:18:31.641624+00', '2024-06-01 12:00:00+00');

SELECT pg_catalog.setval('public.historical_clients_id_seq', 1, true);

SELECT pg_catalog.setval('public.legacy_imports_id_seq', 1, false);

ALTER TABLE ONLY public.context_minutes
    ADD CONSTRAINT context_minutes_pkey PRIMARY KEY (minute, outcome);

ALTER TABLE ONLY public.guest_days
    ADD CONSTRAINT guest_days_pkey PRIMARY KEY (day);

ALTER TABLE ONLY public.guest_profiles
    ADD CONSTRAINT guest_profiles_pkey PRIMARY KEY (phone_number);

ALTER TABLE ONLY public.guestsql_grants
    ADD CONSTRAINT guestsql_grants_pkey PRIMARY KEY (relation_name);

ALTER TABLE ONLY public.guestsql_migrations
    ADD CONSTRAINT guestsql_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.historical_clients
    ADD CONSTRAINT historical_clients_pkey PRIMARY KEY (phone_number);

ALTER TABLE ONLY public.legacy_imports
    ADD CONSTRAINT legacy_imports_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.legacy_reject_records
    ADD CONSTRAINT legacy_reject_records_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.legacy_rejects
    ADD CONSTRAINT legacy_rejects_pkey PRIMARY KEY (import_id, number);

ALTER TABLE ONLY public.process_minutes
    ADD CONSTRAINT process_minutes_pkey PRIMARY KEY (minute, process);

ALTER TABLE ONLY public.query_error_minutes
    ADD CONSTRAINT query_error_minutes_pkey PRIMARY KEY (minute, query, kind);

ALTER TABLE ONLY public.query_minutes
    ADD CONSTRAINT query_minutes_pkey PRIMARY KEY (minute, query);

ALTER TABLE ONLY public.relation_sizes
    ADD CONSTRAINT relation_sizes_pkey PRIMARY KEY (day, schema_name, relation_name);

CREATE INDEX idx_guest_profiles_labels ON public.guest_profiles USING gin (labels);

CREATE INDEX idx_guest_profiles_last_activity ON public.guest_profiles USING btree (last_active_on DESC NULLS LAST);

CREATE INDEX idx_historical_clients_status ON public.historical_clients USING btree (booking_status);

CREATE INDEX legacy_rejects_sha256 ON public.legacy_rejects USING btree (sha256);

CREATE TRIGGER guest_profiles_expire_context BEFORE UPDATE OF chat_id, user_name, contact_name, labels, profile_data, memory_enabled ON public.guest_profiles FOR EACH ROW WHEN (((new.context_epoch = old.context_epoch) AND ((((((new.chat_id IS DISTINCT FROM old.chat_id) OR (new.user_name IS DISTINCT FROM old.user_name)) OR (new.contact_name IS DISTINCT FROM old.contact_name)) OR (new.labels IS DISTINCT FROM old.labels)) OR (new.profile_data IS DISTINCT FROM old.profile_data)) OR (new.memory_enabled IS DISTINCT FROM old.memory_enabled)))) EXECUTE FUNCTION public.guestsql_expire_context();

ALTER TABLE ONLY public.legacy_rejects
    ADD CONSTRAINT legacy_rejects_import_id_fkey FOREIGN KEY (import_id) REFERENCES public.legacy_imports(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.legacy_rejects
    ADD CONSTRAINT legacy_rejects_sha256_fkey FOREIGN KEY (sha256) REFERENCES public.legacy_reject_records(sha256) NOT VALID;

