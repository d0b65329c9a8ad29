

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

CREATE FUNCTION public.guestsql_add_buckets(buckets bigint[], added bigint[]) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT (COALESCE(pairs.calls, (0)::bigint) + COALESCE(pairs.added_calls, (0)::bigint)) FROM UNNEST(guestsql_add_buckets.buckets, guestsql_add_buckets.added) WITH ORDINALITY pairs(calls, added_calls, place) ORDER BY pairs.place);

CREATE FUNCTION public.guestsql_class_milliseconds(class bigint, share numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN round((((1000)::double precision * ((2)::double precision ^ (((((class - 34))::numeric + CASE WHEN (class >= 49) THEN (0)::numeric ELSE GREATEST(share, (0)::numeric) END))::double precision / (2)::double precision))))::numeric, 3);

CREATE FUNCTION public.guestsql_current_phone(current_phone text, phone_number text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (current_phone IS NOT NULL) THEN NULLIF(current_phone, ''::text) WHEN (ltrim(split_part(phone_number, '#'::text, 1), '0123456789'::text) = ''::text) THEN split_part(phone_number, '#'::text, 1) ELSE NULL::text END;

CREATE FUNCTION public.guestsql_delete_all_ids() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
BEGIN
    DELETE FROM guest_ids;
    RETURN NULL;
END
$$;

CREATE FUNCTION public.guestsql_delete_ids() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
    moved record;
BEGIN
    IF NOT EXISTS (SELECT FROM removed) THEN
        RETURN NULL;
    END IF;

    -- In one order, as everywhere. The next guest under one of these phones may just be created: the statements below see it.
    PERFORM
    FROM guest_ids AS ids
    WHERE
        ids.id IN (
            SELECT own_ids.id
            FROM guest_ids AS own_ids
            INNER JOIN removed ON own_ids.phone_number = removed.phone_number
            UNION
            SELECT spelled.id
            FROM removed
            CROSS JOIN unnest(guestsql_spellings(removed.phone_number)) AS spelled (id)
        )
    ORDER BY ids.id
    FOR UPDATE;

    -- A phone that was another guest's before, whose key it still is. Without a row it would lead back to that guest, so it
    -- is kept for the next guest under this phone.
    FOR moved IN
        SELECT
            ids.id,
            ids.phone_number
        FROM guest_ids AS ids
        INNER JOIN removed ON ids.phone_number = removed.phone_number
        INNER JOIN guest_profiles AS former ON ids.id = former.phone_number
        ORDER BY ids.id
    LOOP
        UPDATE guest_ids AS ids
        SET
            phone_number = guestsql_free_id(moved.id),
            source = 'guest'
        WHERE
            ids.id = ANY(guestsql_spellings(moved.id))
            AND ids.phone_number = moved.phone_number;
    END LOOP;

    DELETE FROM guest_ids AS ids
    USING removed
    WHERE ids.phone_number = removed.phone_number;

    -- Nor is such a phone kept when the former guest goes too.
    DELETE FROM guest_ids AS ids
    USING removed
    WHERE
        ids.id = ANY(guestsql_spellings(removed.phone_number))
        AND NOT EXISTS (
            SELECT FROM guest_profiles AS other
            WHERE other.phone_number = ids.phone_number
        );
    RETURN NULL;
END
$$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.erasure_salt (
    is_only_row boolean DEFAULT true NOT NULL,
    salt bytea NOT NULL,
    CONSTRAINT erasure_salt_is_only_row_check CHECK (is_only_row)
);

CREATE FUNCTION public.guestsql_erased_message(gateway text, message_id text) RETURNS text
    LANGUAGE sql STABLE
    RETURN ('erased:'::text || encode(sha256(((SELECT erasure_salt.salt FROM public.erasure_salt) || convert_to(((gateway || ' '::text) || message_id), 'UTF8'::name))), 'hex'::text));

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

CREATE FUNCTION public.guestsql_free_id(phone text) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    number integer := 1;
    candidate text;
BEGIN
    LOOP
        candidate := split_part(phone, '#', 1) || '#' || number;
        EXIT WHEN NOT EXISTS (
            SELECT FROM guest_ids AS ids
            WHERE
                ids.id = candidate
                OR ids.phone_number = candidate
        )
        AND NOT EXISTS (
            SELECT FROM guest_profiles AS guest
            WHERE guest.phone_number = candidate
        );
        number := number + 1;
    END LOOP;
    RETURN candidate;
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

CREATE FUNCTION public.guestsql_guest_key(given_id text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN coalesce((SELECT ids.phone_number FROM guest_ids AS ids WHERE ids.id = given_id), given_id);
END
$$;

CREATE FUNCTION public.guestsql_is_erased(gateway text, message_id text, user_id text, sent_at timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1
        FROM operations AS hashed
        WHERE
            hashed.source = gateway
            AND hashed.operation_id = guestsql_erased_message(gateway, message_id)
    )
    OR EXISTS (
        SELECT 1
        FROM erased_guests AS erased
        WHERE
            erased.id_hash = sha256((SELECT salt.salt FROM erasure_salt AS salt) || convert_to(user_id, 'UTF8'))
            AND erased.erased_at >= sent_at
            -- A former owner of the number was erased; this guest is not concerned.
            AND NOT EXISTS (
                SELECT 1
                FROM guest_ids AS ids
                INNER JOIN guest_profiles AS guest ON ids.phone_number = guest.phone_number
                WHERE
                    ids.id = user_id
                    AND guest.created_at < erased.erased_at
            )
    );
END
$$;

CREATE FUNCTION public.guestsql_spellings(id text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (ARRAY[id] || CASE WHEN ("left"(id, 2) <> ALL (ARRAY['52'::text, '54'::text, '55'::text])) THEN '{}'::text[] WHEN (id ~ '^52[2-9][0-9]{9}$'::text) THEN ARRAY[('521'::text || substr(id, 3))] WHEN (id ~ '^521[2-9][0-9]{9}$'::text) THEN ARRAY[('52'::text || substr(id, 4))] WHEN (id ~ '^54[1-3][0-9]{9}$'::text) THEN ARRAY[('549'::text || substr(id, 3))] WHEN (id ~ '^549[1-3][0-9]{9}$'::text) THEN ARRAY[('54'::text || substr(id, 4))] WHEN (id ~ '^55[1-9]{2}[689][0-9]{7}$'::text) THEN ARRAY[(("left"(id, 4) || '9'::text) || substr(id, 5))] WHEN (id ~ '^55[1-9]{2}9[689][0-9]{7}$'::text) THEN ARRAY[("left"(id, 4) || substr(id, 6))] ELSE '{}'::text[] END);

CREATE FUNCTION public.guestsql_user_id(spelling text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
DECLARE
    id text := spelling;
    server text;
    name text;
    number text;
    digits text;
BEGIN
    IF id ~ '[^\u0001-\u007F]' THEN
        -- Invisible marks go; spaces, dashes, digits and signs are plain ones.
        id := regexp_replace(id, '[\u00AD\u061C\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]', '', 'g');
        id := regexp_replace(id, '[\u00A0\u2000-\u200A\u202F\u205F\u3000]', ' ', 'g');
        id := regexp_replace(id, '[\u2010-\u2015\u2212\uFE58\uFE63]', '-', 'g');
        id := translate(
            id,
            '٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९０１２３４５６７８９＋－．（）：／＠',
            '0123456789012345678901234567890123456789+-.():/@'
        );
    END IF;
    id := regexp_replace(btrim(id, E' \t\n\r\f\v'), '^whatsapp:', '', 'i');

    IF strpos(id, '@') > 0 THEN
        server := lower(substring(id FROM '@([^@]*)$') COLLATE "C");
        name := substring(id FROM '^(.*)@[^@]*$');
        -- An agent (.0, _1) and a device (:12) may follow the digits.
        name := coalesce(substring(name FROM '^([0-9]+)([._](0|[1-9][0-9]{0,2}))?(:[0-9]{1,4})?$'), name);
        IF server IN ('lid', 'hosted.lid') THEN
            RETURN CASE WHEN name ~ '^[0-9]{1,32}$' THEN name || '@lid' END;
        ELSIF server NOT IN ('s.whatsapp.net', 'c.us', 'hosted') THEN
            RETURN NULL;
        END IF;
    ELSIF id ~ '^([A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$' THEN
        RETURN id;
    ELSE
        name := regexp_replace(id, '^(tel|sms):|^''(?=[+0-9])', '', 'i');
        name := regexp_replace(
            name, '^(?:https?://)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)([^/]*)/?$', '\1', 'i'
        );
    END IF;

    name := btrim(regexp_replace(name, '\((\+?[1-9][0-9]{0,4})\)', ' \1 ', 'g'), ' ');
    number := substring(name FROM '^(?:\+|00)? *([1-9][0-9]*(?:(?: *[-.] *| +)[0-9]+)*)$');
    digits := regexp_replace(number, '[^0-9]', '', 'g');
    RETURN CASE
        WHEN digits !~ '^[1-9][0-9]{6,14}$' THEN NULL
        WHEN number = digits THEN digits
        WHEN name !~ '^(\+|00)' AND length(digits) NOT BETWEEN 9 AND 13 THEN NULL
        -- A whole number with more digits behind it; a single dot, of a decimal number.
        WHEN number ~ '[0-9]{7}[0-9]*[^0-9]|^[^.]*\.[^.]*$' THEN NULL
        -- A zero behind the country code, which is dialled inside the country only.
        WHEN
            number ~ (
                '^(?:[17]|2[07]|3[0-46]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]'
                || '|(?!225|24[12]|37[89])(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[0578]|9[679])[0-9])[^0-9]+0'
            )
            THEN NULL
        -- Digits left over at the end, unless they come in pairs.
        WHEN number ~ '[^0-9][0-9]{1,2}$' AND number !~ '([^0-9]+)[0-9]{2}\1[0-9]{2}$' THEN NULL
        ELSE digits
    END;
END
$_$;

CREATE FUNCTION public.guestsql_is_placeholder(name text, phone_number text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (name !~ '[^\u0001-\u0020\u007F-\u00A0\u00AD\u061C\u1680\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF]'::text) THEN true WHEN (lower(btrim(name, ' 	
'::text)) = ANY (ARRAY['usuario'::text, lower(phone_number)])) THEN true WHEN (name ~ '[0-9٠-٩۰-۹०-९０-９]'::text) THEN COALESCE((public.guestsql_user_id(name) = ANY (public.guestsql_spellings(split_part(phone_number, '#'::text, 1)))), false) WHEN (name IS NOT NULL) THEN false ELSE NULL::boolean END;

CREATE FUNCTION public.guestsql_keep_thread() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
    resumed guest_threads%ROWTYPE;
BEGIN
    IF OLD.thread_id IS NOT NULL THEN
        -- There is a row already if this statement has added tokens to it.
        INSERT INTO guest_threads AS known (phone_number, thread_id, started_at, ended_at, tokens, reason)
        VALUES (
            OLD.phone_number,
            OLD.thread_id,
            OLD.thread_created_at,
            statement_timestamp(),
            OLD.thread_tokens,
            CASE WHEN NEW.thread_id IS NULL THEN 'cleared' ELSE 'replaced' END
        )
        ON CONFLICT (phone_number, thread_id) DO UPDATE
            SET
                started_at = least(known.started_at, excluded.started_at),
                ended_at = excluded.ended_at,
                tokens = known.tokens + excluded.tokens,
                reason = excluded.reason;
    END IF;

    DELETE FROM guest_threads AS known
    WHERE
        known.phone_number = OLD.phone_number
        AND known.thread_id = NEW.thread_id
    RETURNING * INTO resumed;
    IF FOUND THEN
        NEW.thread_tokens := NEW.thread_tokens + resumed.tokens;
        NEW.thread_created_at := least(resumed.started_at, NEW.thread_created_at);
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION public.guestsql_make_message_partitions() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET lock_timeout TO '2s'
    SET search_path TO 'public', 'pg_temp'
    AS $_$
DECLARE
    -- A login may have its rights by SET ROLE only.
    caller name := coalesce(nullif(current_setting('role'), 'none'), session_user);
    owner name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'messages'::regclass);
    this_month timestamp := date_trunc('month', statement_timestamp() AT TIME ZONE 'UTC');
    since timestamp;
    partition text;
    made integer := 0;
BEGIN
    IF NOT has_table_privilege(caller, 'messages', 'INSERT') THEN
        RAISE insufficient_privilege USING MESSAGE = 'only those who may write messages may call this';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('guestsql_message_partitions'));
    FOR since IN
        SELECT months.since
        FROM (
            SELECT generate_series(this_month, this_month + INTERVAL '2 months', INTERVAL '1 month') AS since
            UNION
            SELECT date_trunc('month', misplaced.sent_at AT TIME ZONE 'UTC') AS since
            FROM messages_default AS misplaced
            WHERE misplaced.sent_at >= (this_month - INTERVAL '1 year') AT TIME ZONE 'UTC'
        ) AS months
        ORDER BY months.since
    LOOP
        partition := to_char(since, '"messages_"YYYY_MM');
        CONTINUE WHEN to_regclass(partition) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE messages INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition);
        IF owner <> current_user THEN
            EXECUTE format('ALTER TABLE %I OWNER TO %I', partition, owner);
        END IF;
        -- Else a message that arrives meanwhile would be in both.
        LOCK TABLE messages_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format(
            'WITH moved AS (DELETE FROM messages_default WHERE sent_at >= $1 AND sent_at < $2 RETURNING *) '
            'INSERT INTO %I SELECT * FROM moved',
            partition
        )
        USING since AT TIME ZONE 'UTC', (since + INTERVAL '1 month') AT TIME ZONE 'UTC';
        EXECUTE format(
            'ALTER TABLE messages ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            partition, since AT TIME ZONE 'UTC', (since + INTERVAL '1 month') AT TIME ZONE 'UTC'
        );
        made := made + 1;
    END LOOP;
    RETURN made;
END
$_$;

CREATE FUNCTION public.guestsql_mask(phone_number text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (('***'::text || CASE WHEN (length(split_part(phone_number, '@'::text, 1)) > 4) THEN "right"(split_part(phone_number, '@'::text, 1), 4) ELSE ''::text END) || CASE WHEN (strpos(phone_number, '@'::text) > 0) THEN substr(phone_number, strpos(phone_number, '@'::text)) ELSE ''::text END);

CREATE FUNCTION public.guestsql_mask_numbers(words text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN regexp_replace(words, '[0-9]([^0-9A-Za-z]{0,3}[0-9]){5,}'::text, '…'::text, 'g'::text);

CREATE FUNCTION public.guestsql_notify_outbox() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('guestsql_outbox', '');
    RETURN NULL;
END
$$;

CREATE FUNCTION public.guestsql_percentile(buckets bigint[], share numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT min(public.guestsql_class_milliseconds(ranked_classes.place, ((((guestsql_percentile.share * ranked_classes.all_calls) - ranked_classes.calls_up_to) + (ranked_classes.calls)::numeric) / (ranked_classes.calls)::numeric))) AS min FROM (SELECT classes.place, classes.calls, sum(classes.calls) OVER (ORDER BY classes.place) AS calls_up_to, sum(classes.calls) OVER () AS all_calls FROM unnest(guestsql_percentile.buckets) WITH ORDINALITY classes(calls, place) WHERE (classes.calls > 0)) ranked_classes WHERE (ranked_classes.calls_up_to >= (guestsql_percentile.share * ranked_classes.all_calls)));

CREATE FUNCTION public.guestsql_query_name(statement text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN COALESCE("substring"(statement, '^\s*/\* q=([a-z][a-z0-9_]*) \*/'::text), "substring"(statement, '\n-- q=([a-z][a-z0-9_]*)\s*$'::text), "left"(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(statement, '^(\s|--[^\n]*\n|/\*([^*/]|\*(?!/)|/(?!\*))*\*/)+'::text, ''::text), '\s+'::text, ' '::text, 'g'::text), '"([A-Za-z_][A-Za-z0-9_]*)"'::text, '\1'::text, 'g'::text), '(''|"|\$(?![0-9])|--|/\*).*$'::text, '…'::text), '(?<![$\w])[0-9][\w.]*|[0-9]{5,}'::text, '?'::text, 'g'::text), 80));

CREATE FUNCTION public.guestsql_refuse_cascade(referenced regclass, key text) RETURNS boolean
    LANGUAGE plpgsql
    AS $_$
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
$_$;

CREATE FUNCTION public.guestsql_register_ids() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
    entered bigint;
BEGIN
    -- Nearly every write is an upsert that has inserted nothing.
    IF NOT EXISTS (SELECT FROM created) THEN
        RETURN NULL;
    END IF;

    INSERT INTO guest_ids (id, phone_number, source)
    SELECT
        spelled.id,
        created.phone_number,
        CASE WHEN spelled.id = created.phone_number THEN 'guest' ELSE 'spelling' END
    FROM created
    CROSS JOIN unnest(guestsql_spellings(created.phone_number)) AS spelled (id)
    WHERE
        spelled.id = created.phone_number
        -- Two guests from the time before this table, or from one statement: each keeps its own spelling.
        OR NOT EXISTS (
            SELECT FROM guest_profiles AS other
            WHERE other.phone_number = spelled.id
        )
    ORDER BY spelled.id
    ON CONFLICT (id) DO NOTHING;
    GET DIAGNOSTICS entered = ROW_COUNT;

    IF EXISTS (SELECT FROM created WHERE created.first_id IS NOT NULL)
        OR entered < (SELECT sum(cardinality(guestsql_spellings(created.phone_number))) FROM created)
    THEN
        -- FOR SHARE waits for a merge that is moving one of them.
        PERFORM
        FROM guest_ids AS ids
        WHERE
            ids.id IN (SELECT created.phone_number FROM created)
            OR ids.id IN (SELECT created.first_id FROM created)
        ORDER BY ids.id
        FOR SHARE;
        IF EXISTS (
            SELECT
            FROM created
            LEFT JOIN guest_ids AS own_ids ON created.phone_number = own_ids.id
            LEFT JOIN guest_ids AS first_ids ON created.first_id = first_ids.id
            WHERE
                own_ids.phone_number IS DISTINCT FROM created.phone_number
                OR (created.first_id IS NOT NULL AND first_ids.phone_number IS DISTINCT FROM created.phone_number)
        ) THEN
            RAISE serialization_failure USING
                MESSAGE = 'an id of this guest was moved to another guest, or erased, by a concurrent statement',
                HINT = 'repeat the statement: it then finds the guest who has the id now';
        END IF;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION public.guestsql_replaced_tokens(guest_key text, given_thread_id text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN (
        SELECT known.tokens
        FROM guest_threads AS known
        WHERE
            known.phone_number = guest_key
            AND known.thread_id = given_thread_id
    );
END
$$;

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
    current_phone text,
    first_id text,
    thread_lease uuid,
    thread_lease_until timestamp with time zone,
    CONSTRAINT guest_profiles_chat_id_check CHECK ((chat_id <> ''::text)),
    CONSTRAINT guest_profiles_current_phone_check CHECK ((current_phone ~ '^([1-9][0-9]{6,14})?$'::text)),
    CONSTRAINT guest_profiles_interactions_check CHECK (((total_interactions >= 0) AND (first_interaction <= last_interaction))),
    CONSTRAINT guest_profiles_labels_check CHECK (((labels = '{}'::text[]) OR ((array_ndims(labels) = 1) AND (array_position(labels, NULL::text) IS NULL) AND (array_position(labels, ''::text) IS NULL)))),
    CONSTRAINT guest_profiles_lease_check CHECK (((context_lease IS NULL) = (context_lease_until IS NULL))),
    CONSTRAINT guest_profiles_names_check CHECK (((user_name <> ''::text) AND (contact_name <> ''::text))),
    CONSTRAINT guest_profiles_phone_number_check CHECK ((((ltrim(phone_number, '0123456789'::text) = ''::text) AND ("left"(phone_number, 1) <> '0'::text) AND ((length(phone_number) >= 7) AND (length(phone_number) <= 15))) OR (phone_number ~ '^([0-9]{1,32}@lid|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$'::text))),
    CONSTRAINT guest_profiles_profile_data_check CHECK ((jsonb_typeof(profile_data) = 'object'::text)),
    CONSTRAINT guest_profiles_thread_check CHECK (((thread_id <> ''::text) AND (thread_tokens >= 0) AND ((thread_id IS NOT NULL) OR (thread_tokens = 0)))),
    CONSTRAINT guest_profiles_thread_lease_check CHECK ((((thread_lease IS NULL) = (thread_lease_until IS NULL)) AND ((thread_lease_until >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (thread_lease_until <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))),
    CONSTRAINT guest_profiles_times_check CHECK ((((first_interaction >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (first_interaction <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((last_interaction >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (last_interaction <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((thread_created_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (thread_created_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((last_context_update >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (last_context_update <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((context_lease_until >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (context_lease_until <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((created_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (created_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((updated_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (updated_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone))))
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

CREATE FUNCTION public.guestsql_thin_messages(keep_days integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET lock_timeout TO '2s'
    SET search_path TO 'public', 'pg_temp'
    AS $_$
DECLARE
    caller name := coalesce(nullif(current_setting('role'), 'none'), session_user);
    kept_since timestamptz := statement_timestamp() - make_interval(days => keep_days);
    partition regclass;
    thinned bigint;
    dropped integer := 0;
BEGIN
    IF NOT has_table_privilege(caller, 'messages', 'DELETE') THEN
        RAISE insufficient_privilege USING MESSAGE = 'only those who may delete messages may call this';
    END IF;
    DELETE FROM messages_default WHERE sent_at < kept_since;
    GET DIAGNOSTICS thinned = ROW_COUNT;
    FOR partition IN
        SELECT inherited.inhrelid::regclass
        FROM pg_inherits AS inherited
        INNER JOIN pg_class AS partitions ON inherited.inhrelid = partitions.oid
        WHERE
            inherited.inhparent = 'messages'::regclass
            AND partitions.relname ~ '^messages_[0-9]{4}_[0-9]{2}$'
            AND (to_date(right(partitions.relname, 7), 'YYYY_MM') + INTERVAL '1 month') AT TIME ZONE 'UTC' <= kept_since
        ORDER BY partitions.relname
    LOOP
        EXECUTE format('DROP TABLE %s', partition);
        dropped := dropped + 1;
    END LOOP;
    RETURN thinned + dropped;
END
$_$;

CREATE FUNCTION public.guestsql_thin_minutes(minute_days integer, hour_days integer) RETURNS bigint
    LANGUAGE plpgsql
    AS $_$
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
$_$;

CREATE AGGREGATE public.guestsql_sum_buckets(bigint[]) (
    SFUNC = public.guestsql_add_buckets,
    STYPE = bigint[],
    INITCOND = '{}',
    COMBINEFUNC = public.guestsql_add_buckets,
    PARALLEL = safe
);

CREATE TABLE public.context_minutes (
    minute timestamp with time zone NOT NULL,
    outcome text NOT NULL,
    answers bigint NOT NULL,
    CONSTRAINT context_minutes_outcome_check CHECK ((outcome = ANY (ARRAY['hit'::text, 'stale'::text, 'miss'::text, 'error'::text]))),
    CONSTRAINT context_minutes_times_check CHECK (((minute >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (minute <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))
)
WITH (fillfactor='50');

CREATE TABLE public.erased_guests (
    id_hash bytea NOT NULL,
    erased_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    CONSTRAINT erased_guests_id_hash_check CHECK ((octet_length(id_hash) = 32)),
    CONSTRAINT erased_guests_times_check CHECK (((erased_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (erased_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))
);

CREATE TABLE public.guest_days (
    day date NOT NULL,
    new_guests bigint NOT NULL,
    active_guests bigint NOT NULL,
    recorded_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    CONSTRAINT guest_days_times_check CHECK ((((day >= '0001-01-01'::date) AND (day <= '9999-12-31'::date)) AND ((recorded_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (recorded_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone))))
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

CREATE TABLE public.guest_ids (
    id text NOT NULL,
    phone_number text NOT NULL,
    kind text GENERATED ALWAYS AS (
CASE
    WHEN (ltrim(id, '0123456789'::text) = ''::text) THEN 'phone'::text
    WHEN ("right"(id, 4) = '@lid'::text) THEN 'lid'::text
    WHEN (strpos(id, '#'::text) > 0) THEN 'former_phone'::text
    WHEN (substr(id, 3, 5) = '.ENT.'::text) THEN 'parent_bsuid'::text
    ELSE 'bsuid'::text
END) STORED NOT NULL,
    source text NOT NULL,
    portfolio text DEFAULT ''::text NOT NULL,
    first_seen_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    CONSTRAINT guest_ids_id_check CHECK ((((ltrim(id, '0123456789'::text) = ''::text) AND ("left"(id, 1) <> '0'::text) AND ((length(id) >= 7) AND (length(id) <= 15))) OR (id ~ '^([0-9]{1,32}@lid|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$'::text))),
    CONSTRAINT guest_ids_times_check CHECK ((((first_seen_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (first_seen_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((last_seen_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (last_seen_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone))))
)
WITH (fillfactor='90');

CREATE TABLE public.guest_threads (
    phone_number text NOT NULL,
    thread_id text NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    tokens bigint DEFAULT 0 NOT NULL,
    reason text NOT NULL,
    CONSTRAINT guest_threads_reason_check CHECK ((reason = ANY (ARRAY['replaced'::text, 'cleared'::text, 'merged'::text, 'imported'::text]))),
    CONSTRAINT guest_threads_thread_id_check CHECK ((thread_id <> ''::text)),
    CONSTRAINT guest_threads_times_check CHECK ((((started_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (started_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((ended_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (ended_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))),
    CONSTRAINT guest_threads_tokens_check CHECK ((tokens >= 0))
)
WITH (fillfactor='90');

CREATE TABLE public.guestsql_grants (
    relation_name text NOT NULL,
    bot_privileges text[] DEFAULT '{SELECT,INSERT,UPDATE,DELETE}'::text[] NOT NULL,
    monitor_columns text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT guestsql_grants_bot_privileges_check CHECK ((bot_privileges <@ '{SELECT,INSERT,UPDATE,DELETE}'::text[]))
);

CREATE TABLE public.guestsql_migrations (
    series text DEFAULT 'guestsql'::text NOT NULL,
    version bigint NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    body text NOT NULL,
    applied_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    duration_ms double precision NOT NULL,
    applied_by text DEFAULT SESSION_USER NOT NULL,
    is_baseline boolean DEFAULT false NOT NULL,
    CONSTRAINT guestsql_migrations_version_check CHECK ((version >= 0))
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
    CONSTRAINT historical_clients_phone_number_check CHECK ((((ltrim(phone_number, '0123456789'::text) = ''::text) AND ("left"(phone_number, 1) <> '0'::text) AND ((length(phone_number) >= 7) AND (length(phone_number) <= 15))) OR (phone_number ~ '^([0-9]{1,32}@lid|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$'::text))),
    CONSTRAINT historical_clients_times_check CHECK ((((last_interaction >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (last_interaction <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((created_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (created_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((archived_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (archived_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))),
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
    CONSTRAINT legacy_imports_records_check CHECK ((records = ((guests + merged) + rejected))),
    CONSTRAINT legacy_imports_times_check CHECK ((((started_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (started_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((finished_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (finished_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone))))
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

CREATE TABLE public.messages (
    sent_at timestamp with time zone NOT NULL,
    gateway text NOT NULL,
    message_id text,
    phone_number text NOT NULL,
    chat_id text,
    direction text NOT NULL,
    tokens bigint DEFAULT 0 NOT NULL,
    text text,
    CONSTRAINT messages_direction_check CHECK ((direction = ANY (ARRAY['in'::text, 'out'::text]))),
    CONSTRAINT messages_times_check CHECK (((sent_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (sent_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone))),
    CONSTRAINT messages_tokens_check CHECK ((tokens >= 0))
)
PARTITION BY RANGE (sent_at);

CREATE TABLE public.messages_2026_11 (
    sent_at timestamp with time zone CONSTRAINT messages_sent_at_not_null NOT NULL,
    gateway text CONSTRAINT messages_gateway_not_null NOT NULL,
    message_id text,
    phone_number text CONSTRAINT messages_phone_number_not_null NOT NULL,
    chat_id text,
    direction text CONSTRAINT messages_direction_not_null NOT NULL,
    tokens bigint DEFAULT 0 CONSTRAINT messages_tokens_not_null NOT NULL,
    text text,
    CONSTRAINT messages_direction_check CHECK ((direction = ANY (ARRAY['in'::text, 'out'::text]))),
    CONSTRAINT messages_times_check CHECK (((sent_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (sent_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone))),
    CONSTRAINT messages_tokens_check CHECK ((tokens >= 0))
);

CREATE TABLE public.messages_2026_12 (
    sent_at timestamp with time zone CONSTRAINT messages_sent_at_not_null NOT NULL,
    gateway text CONSTRAINT messages_gateway_not_null NOT NULL,
    message_id text,
    phone_number text CONSTRAINT messages_phone_number_not_null NOT NULL,
    chat_id text,
    direction text CONSTRAINT messages_direction_not_null NOT NULL,
    tokens bigint DEFAULT 0 CONSTRAINT messages_tokens_not_null NOT NULL,
    text text,
    CONSTRAINT messages_direction_check CHECK ((direction = ANY (ARRAY['in'::text, 'out'::text]))),
    CONSTRAINT messages_times_check CHECK (((sent_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (sent_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone))),
    CONSTRAINT messages_tokens_check CHECK ((tokens >= 0))
);

CREATE TABLE public.messages_2027_01 (
    sent_at timestamp with time zone CONSTRAINT messages_sent_at_not_null NOT NULL,
    gateway text CONSTRAINT messages_gateway_not_null NOT NULL,
    message_id text,
    phone_number text CONSTRAINT messages_phone_number_not_null NOT NULL,
    chat_id text,
    direction text CONSTRAINT messages_direction_not_null NOT NULL,
    tokens bigint DEFAULT 0 CONSTRAINT messages_tokens_not_null NOT NULL,
    text text,
    CONSTRAINT messages_direction_check CHECK ((direction = ANY (ARRAY['in'::text, 'out'::text]))),
    CONSTRAINT messages_times_check CHECK (((sent_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (sent_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone))),
    CONSTRAINT messages_tokens_check CHECK ((tokens >= 0))
);

CREATE TABLE public.messages_default (
    sent_at timestamp with time zone CONSTRAINT messages_sent_at_not_null NOT NULL,
    gateway text CONSTRAINT messages_gateway_not_null NOT NULL,
    message_id text,
    phone_number text CONSTRAINT messages_phone_number_not_null NOT NULL,
    chat_id text,
    direction text CONSTRAINT messages_direction_not_null NOT NULL,
    tokens bigint DEFAULT 0 CONSTRAINT messages_tokens_not_null NOT NULL,
    text text,
    CONSTRAINT messages_direction_check CHECK ((direction = ANY (ARRAY['in'::text, 'out'::text]))),
    CONSTRAINT messages_times_check CHECK (((sent_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (sent_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone))),
    CONSTRAINT messages_tokens_check CHECK ((tokens >= 0))
);

CREATE TABLE public.operations (
    source text NOT NULL,
    operation_id text NOT NULL,
    attempts bigint DEFAULT 1 NOT NULL,
    answer jsonb,
    done_at timestamp with time zone DEFAULT statement_timestamp(),
    phone_number text,
    lease uuid,
    lease_until timestamp with time zone,
    claimed_at timestamp with time zone,
    effects jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT operations_claim_times_check CHECK ((((lease_until >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (lease_until <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((claimed_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (claimed_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))),
    CONSTRAINT operations_lease_check CHECK ((((lease IS NULL) = (lease_until IS NULL)) AND ((lease IS NULL) OR (claimed_at IS NOT NULL)))),
    CONSTRAINT operations_times_check CHECK (((done_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (done_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))
);

CREATE TABLE public.outbox (
    reply_id bigint NOT NULL,
    phone_number text NOT NULL,
    gateway text DEFAULT 'whatsapp'::text NOT NULL,
    message_id text,
    payload jsonb,
    state text DEFAULT 'queued'::text NOT NULL,
    due_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    attempts bigint DEFAULT 0 NOT NULL,
    lease uuid,
    is_maybe_sent boolean DEFAULT false NOT NULL,
    last_error text,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    sent_at timestamp with time zone,
    sent_message_id text,
    CONSTRAINT outbox_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT outbox_lease_check CHECK (((lease IS NOT NULL) OR (state = ANY (ARRAY['queued'::text, 'dead'::text])))),
    CONSTRAINT outbox_payload_check CHECK (((payload IS NOT NULL) OR (state = 'sent'::text))),
    CONSTRAINT outbox_sent_check CHECK (((state = 'sent'::text) = (sent_at IS NOT NULL))),
    CONSTRAINT outbox_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'sending'::text, 'sent'::text, 'dead'::text]))),
    CONSTRAINT outbox_times_check CHECK ((((due_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (due_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((created_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (created_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) AND ((sent_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (sent_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone))))
);

ALTER TABLE public.outbox ALTER COLUMN reply_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_reply_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.process_minutes (
    minute timestamp with time zone NOT NULL,
    process text NOT NULL,
    flushes bigint NOT NULL,
    flush_failures bigint NOT NULL,
    resident_bytes bigint,
    CONSTRAINT process_minutes_times_check CHECK (((minute >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (minute <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))
)
WITH (fillfactor='50');

CREATE TABLE public.query_error_minutes (
    minute timestamp with time zone NOT NULL,
    query text NOT NULL,
    kind text NOT NULL,
    errors bigint NOT NULL,
    CONSTRAINT query_error_minutes_kind_check CHECK ((kind = ANY (ARRAY['cancelled'::text, 'conflict'::text, 'constraint'::text, 'outcome_unknown'::text, 'timeout'::text, 'unavailable'::text, 'other'::text]))),
    CONSTRAINT query_error_minutes_times_check CHECK (((minute >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (minute <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))
)
WITH (fillfactor='50');

CREATE TABLE public.query_minutes (
    minute timestamp with time zone NOT NULL,
    query text NOT NULL,
    calls bigint NOT NULL,
    row_count bigint NOT NULL,
    microseconds bigint NOT NULL,
    buckets bigint[] NOT NULL,
    CONSTRAINT query_minutes_buckets_check CHECK (((array_ndims(buckets) = 1) AND (cardinality(buckets) <= 49))),
    CONSTRAINT query_minutes_times_check CHECK (((minute >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (minute <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))
)
WITH (fillfactor='50');

CREATE TABLE public.relation_sizes (
    day date NOT NULL,
    schema_name text NOT NULL,
    relation_name text NOT NULL,
    kind text NOT NULL,
    bytes bigint NOT NULL,
    recorded_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    CONSTRAINT relation_sizes_kind_check CHECK ((kind = ANY (ARRAY['table'::text, 'index'::text]))),
    CONSTRAINT relation_sizes_times_check CHECK ((((day >= '0001-01-01'::date) AND (day <= '9999-12-31'::date)) AND ((recorded_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (recorded_at <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone))))
);

ALTER TABLE ONLY public.messages ATTACH PARTITION public.messages_2026_11 FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00');

ALTER TABLE ONLY public.messages ATTACH PARTITION public.messages_2026_12 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');

ALTER TABLE ONLY public.messages ATTACH PARTITION public.messages_2027_01 FOR VALUES FROM ('2027-01-01 00:00:00+00') TO ('2027-02-01 00:00:00+00');

ALTER TABLE ONLY public.messages ATTACH PARTITION public.messages_default DEFAULT;

INSERT INTO public.erasure_salt VALUES (true, '\x14c0b0bb69fc7d3d942bd9eab95ebc4db555b97743ae5a61c774af35768ac414');

INSERT INTO public.guest_ids VALUES ('123456789012345@lid', '123456789012345@lid', DEFAULT, 'guest', '', '2026-11-30 04:18:45.284289+00', '2026-11-30 04:18:45.284289+00');
INSERT INTO public.guest_ids VALUES ('5215512345678', '5215512345678', DEFAULT, 'guest', '', '2026-11-30 04:18:45.284289+00', '2026-11-30 04:18:45.284289+00');
INSERT INTO public.guest_ids VALUES ('525512345678', '5215512345678', DEFAULT, 'spelling', '', '2026-11-30 04:18:45.284289+00', '2026-11-30 04:18:45.284289+00');
INSERT INTO public.guest_ids VALUES ('573000000001', '573000000001', DEFAULT, 'guest', '', '2026-11-30 04:18:45.284289+00', '2026-11-30 04:18:45.284289+00');

INSERT INTO public.guest_profiles VALUES ('573000000001', '573000000001@s.whatsapp.net', 'Ana', NULL, '{VIP}', '{"legacy": {"threads.json": {"key": {"previousThreads": ["thread_0"]}}}}', true, 'thread_1', 100, NULL, '2025-01-01 12:00:00+00', '2025-06-01 12:00:00+00', 5, DEFAULT, '[Ana]', '2025-06-01 12:00:00+00', 0, NULL, NULL, '2026-11-30 04:18:45.284289+00', '2026-11-30 04:18:45.284289+00', NULL, NULL, NULL, NULL);
INSERT INTO public.guest_profiles VALUES ('5215512345678', NULL, 'Luz', NULL, '{}', '{}', true, NULL, 0, NULL, NULL, NULL, 0, DEFAULT, NULL, NULL, 0, NULL, NULL, '2026-11-30 04:18:45.284289+00', '2026-11-30 04:18:45.284289+00', NULL, NULL, NULL, NULL);
INSERT INTO public.guest_profiles VALUES ('123456789012345@lid', NULL, 'Leo', NULL, '{}', '{}', true, NULL, 0, NULL, '2025-01-01 12:00:00+00', '2025-01-01 12:00:00+00', 1, DEFAULT, NULL, NULL, 0, NULL, NULL, '2026-11-30 04:18:45.284289+00', '2026-11-30 04:18:45.284289+00', NULL, NULL, NULL, NULL);

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
INSERT INTO public.guestsql_grants VALUES ('erasure_salt', '{SELECT}', '{}');
INSERT INTO public.guestsql_grants VALUES ('erased_guests', '{SELECT,INSERT,UPDATE}', '{}');
INSERT INTO public.guestsql_grants VALUES ('operations', '{SELECT,INSERT,UPDATE,DELETE}', '{source,attempts,lease_until,claimed_at,done_at}');
INSERT INTO public.guestsql_grants VALUES ('messages', '{SELECT,INSERT,UPDATE,DELETE}', '{sent_at,gateway,direction,tokens}');
INSERT INTO public.guestsql_grants VALUES ('messages_default', '{}', '{}');
INSERT INTO public.guestsql_grants VALUES ('outbox', '{SELECT,INSERT,UPDATE,DELETE}', '{reply_id,gateway,state,due_at,attempts,is_maybe_sent,created_at,sent_at}');
INSERT INTO public.guestsql_grants VALUES ('guest_ids', '{SELECT,INSERT,UPDATE,DELETE}', '{kind,source}');
INSERT INTO public.guestsql_grants VALUES ('guest_threads', '{SELECT,INSERT,UPDATE,DELETE}', '{started_at,ended_at,tokens,reason}');

INSERT INTO public.guestsql_migrations VALUES ('guestsql', 1, 'guest_profiles', '15e2be3d99116ea7b5b87f492754551d71d217aa87b19c7b4a76050675473c7d', 'CREATE TABLE guest_profiles (phone_number text NOT NULL,
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
', '2026-11-30 04:18:43.557039+00', 13.841, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 2, 'historical_clients', '24f6013c7da525b43fd358e930cca8ac4be592c733592742b15e1e9f23bc952c', 'CREATE TABLE historical_clients (id bigint GENERATED ALWAYS AS IDENTITY,
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
', '2026-11-30 04:18:43.586271+00', 10.899, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 3, 'legacy_imports', '6bdc00afc5051ce61c99e1acfe606b856f9adc6c0966a954ba3a76609d61406c', 'CREATE UNLOGGED TABLE legacy_staging (file_number bigint,
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
', '2026-11-30 04:18:43.623335+00', 11.537, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 4, 'metrics', '3908218f5b54a840c017d588343db6145f47d6a1107c376011bca092896329d9', 'CREATE TABLE query_minutes (minute timestamptz NOT NULL,
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
', '2026-11-30 04:18:43.647136+00', 10.075, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 5, 'roles', 'e36f0ec4085f66d4dc0f1e95d4f409027337357231985c5048b7ca3aab5f4544', 'CREATE FUNCTION guestsql_mask (phone_number text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN ''***'' || CASE WHEN length (split_part (phone_number,
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
', '2026-11-30 04:18:43.706468+00', 42.284, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 6, 'daily_figures', '0d37d6a6e1dad6f77d865ddba723e932620632b799627864ddf6234661ae893d', 'CREATE TABLE relation_sizes (day date NOT NULL,
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
', '2026-11-30 04:18:43.760022+00', 31.445, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 7, 'guest_key_check', '1b26f19d0831a9e9c5f63ab69e24c333be103ab05ae5e1a2d380080032116351', 'ALTER TABLE guest_profiles DROP CONSTRAINT guest_profiles_phone_number_check,
ADD CONSTRAINT guest_profiles_phone_number_check CHECK ((ltrim (phone_number,
''0123456789'') = '''' AND left (phone_number,
1) <> ''0'' AND length (phone_number) BETWEEN 7 AND 15) OR phone_number ~ ''^([0-9]{1,32}@lid|[A-Z]{2}\.[A-Za-z0-9]{1,128})$'') NOT VALID;
', '2026-11-30 04:18:43.794141+00', 7.719, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 8, 'guest_key_check_valid', 'de19db552985c6dbd565408bf0ce86bf0750e394dcfba1b225991799d7edda76', 'ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_phone_number_check;
', '2026-11-30 04:18:43.836003+00', 1.078, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 9, 'legacy_reject_records', '591e7e8a30b73adf540b75afd1ddcfa761265d02e7545cbc015f3cea883f47a5', 'CREATE TABLE legacy_reject_records (sha256 bytea NOT NULL,
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
', '2026-11-30 04:18:43.913902+00', 37.931, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 10, 'legacy_guests', 'c87a9f20b6aafee9c929d9f5111cd73f94de8e807ed702fa74c894e006ae7292', 'CREATE UNLOGGED TABLE legacy_guests (phone_number text,
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
', '2026-11-30 04:18:43.968825+00', 28.635, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 11, 'user_ids', '224faabbc34ecbda2d5d85af037fb4b85cd69a8fd8ea988acccea9f6342fe948', 'CREATE FUNCTION guestsql_user_id (spelling text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN (WITH folded AS (SELECT btrim (translate (regexp_replace (regexp_replace (regexp_replace (spelling,
''[\u00AD\u061C\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]'',
'''',
''g''),
''[\u00A0\u2000-\u200A\u202F\u205F\u3000]'',
'' '',
''g''),
''[\u2010-\u2015\u2212\uFE58\uFE63]'',
''-'',
''g''),
''٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९０１２３４５６７８９＋－．（）：／＠'',
''0123456789012345678901234567890123456789+-.():/@''),
E'' \t\n\r\f\v'') AS id),
parts AS (SELECT id,
lower (substring (id FROM ''@([^@]*)$'') COLLATE "C") AS server,
substring (id FROM ''^(.*)@[^@]*$'') AS name FROM folded),
bare_parts AS (SELECT id,
server,
coalesce (substring (name FROM ''^([0-9]+)([._](0|[1-9][0-9]{0,2}))?(:[0-9]{1,4})?$''),
name) AS name FROM parts),
numbers AS (SELECT id,
server,
name,
btrim (regexp_replace (CASE WHEN server IS NULL THEN regexp_replace (regexp_replace (id,
''^(whatsapp|tel|sms):|^''''(?=[+0-9])'',
'''',
''i''),
''^(?:https?://)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)([^/]*)/?$'',
''\1'',
''i'') WHEN server IN (''s.whatsapp.net'',
''c.us'',
''hosted'') THEN name END,
''\((\+?[1-9][0-9]{0,4})\)'',
'' \1 '',
''g''),
'' '') AS spelled FROM bare_parts),
digits AS (SELECT id,
server,
name,
spelled ~ ''^(\+|00)'' AS is_international,
substring (spelled FROM ''^(?:\+|00)? *([1-9][0-9]*(?:(?: *[-.] *| +)[0-9]+)*)$'') AS number FROM numbers) SELECT CASE WHEN server IN (''lid'',
''hosted.lid'') THEN CASE WHEN name ~ ''^[0-9]{1,32}$'' THEN name || ''@lid'' END WHEN server IS NULL AND id ~ ''^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$'' THEN id WHEN regexp_replace (number,
''[^0-9]'',
'''',
''g'') ~ ''^[1-9][0-9]{6,14}$'' AND (number ~ ''^[0-9]+$'' OR ((is_international OR length (regexp_replace (number,
''[^0-9]'',
'''',
''g'')) BETWEEN 9 AND 13) AND number !~ ''[0-9]{7}[0-9]*[^0-9]|^[^.]*\.[^.]*$'' AND number !~ (''^(?:[17]|2[07]|3[0-46]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]'' || ''|(?!225|24[12]|37[89])(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[0578]|9[679])[0-9])[^0-9]+0'') AND (number !~ ''[^0-9][0-9]{1,2}$'' OR number ~ ''([^0-9]+)[0-9]{2}\1[0-9]{2}$''))) THEN regexp_replace (number,
''[^0-9]'',
'''',
''g'') END FROM digits);
CREATE FUNCTION guestsql_is_placeholder (name text,
phone_number text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN name !~ ''[^\u0001-\u0020\u007F-\u00A0\u00AD\u061C\u1680\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF]'' THEN TRUE WHEN lower (btrim (name,
E'' \t\n\r\f\v'')) IN (''usuario'',
lower (phone_number)) THEN TRUE WHEN name ~ ''[0-9٠-٩۰-۹०-९０-９]'' THEN coalesce (guestsql_user_id (name) = phone_number,
FALSE) WHEN name IS NOT NULL THEN FALSE END;
', '2026-11-30 04:18:43.983663+00', 3.325, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 12, 'parent_ids', 'b936c57e7bce86f8193c50cd865ae6e99af712372d58ac0e775931af51bc9fc6', 'ALTER TABLE guest_profiles DROP CONSTRAINT guest_profiles_phone_number_check,
ADD CONSTRAINT guest_profiles_phone_number_check CHECK ((ltrim (phone_number,
''0123456789'') = '''' AND left (phone_number,
1) <> ''0'' AND length (phone_number) BETWEEN 7 AND 15) OR phone_number ~ ''^([0-9]{1,32}@lid|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128})$'') NOT VALID;
ALTER TABLE historical_clients DROP CONSTRAINT historical_clients_phone_number_check,
ADD CONSTRAINT historical_clients_phone_number_check CHECK ((ltrim (phone_number,
''0123456789'') = '''' AND left (phone_number,
1) <> ''0'' AND length (phone_number) BETWEEN 7 AND 15) OR phone_number ~ ''^([0-9]{1,32}@lid|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128})$'') NOT VALID;
', '2026-11-30 04:18:44.012681+00', 10.895, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 13, 'parent_ids_valid', 'bd3f6d22a3cbc99c108e077786565befbbc39ca94578397ad50f85a4482ae9aa', 'ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_phone_number_check;
ALTER TABLE historical_clients VALIDATE CONSTRAINT historical_clients_phone_number_check;
', '2026-11-30 04:18:44.039273+00', 4.005, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 14, 'times_check', '0e67ffd79dcf554a8d19fec454dd205e44dfb2d18ec7a9e3dde2fef74045f236', 'UPDATE guest_profiles SET first_interaction = CASE WHEN first_interaction > ''9999-12-31 23:59:59.999999+00'' THEN statement_timestamp () WHEN first_interaction >= ''0001-01-01 00:00+00'' THEN first_interaction END,
last_interaction = CASE WHEN last_interaction > ''9999-12-31 23:59:59.999999+00'' THEN greatest (statement_timestamp (),
CASE WHEN first_interaction <= ''9999-12-31 23:59:59.999999+00'' THEN first_interaction END) WHEN last_interaction >= ''0001-01-01 00:00+00'' THEN last_interaction END,
thread_created_at = CASE WHEN thread_created_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' THEN thread_created_at END,
last_context_update = NULL,
context_lease = NULL,
context_lease_until = NULL,
created_at = CASE WHEN created_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' THEN created_at ELSE statement_timestamp () END,
updated_at = statement_timestamp () WHERE least (first_interaction,
last_interaction,
thread_created_at,
last_context_update,
context_lease_until,
created_at,
updated_at) < ''0001-01-01 00:00+00'' OR greatest (first_interaction,
last_interaction,
thread_created_at,
last_context_update,
context_lease_until,
created_at,
updated_at) > ''9999-12-31 23:59:59.999999+00'';
UPDATE historical_clients SET last_interaction = CASE WHEN last_interaction > ''9999-12-31 23:59:59.999999+00'' THEN statement_timestamp () WHEN last_interaction >= ''0001-01-01 00:00+00'' THEN last_interaction END,
created_at = CASE WHEN created_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' THEN created_at ELSE statement_timestamp () END,
archived_at = CASE WHEN archived_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' THEN archived_at ELSE statement_timestamp () END WHERE least (last_interaction,
created_at,
archived_at) < ''0001-01-01 00:00+00'' OR greatest (last_interaction,
created_at,
archived_at) > ''9999-12-31 23:59:59.999999+00'';
DELETE FROM query_minutes WHERE minute NOT BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'';
DELETE FROM query_error_minutes WHERE minute NOT BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'';
DELETE FROM context_minutes WHERE minute NOT BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'';
DELETE FROM process_minutes WHERE minute NOT BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'';
DELETE FROM relation_sizes WHERE day NOT BETWEEN ''0001-01-01'' AND ''9999-12-31'' OR recorded_at NOT BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'';
DELETE FROM guest_days WHERE day NOT BETWEEN ''0001-01-01'' AND ''9999-12-31'' OR recorded_at NOT BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'';
UPDATE legacy_imports SET started_at = statement_timestamp (),
finished_at = statement_timestamp () WHERE started_at NOT BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' OR finished_at NOT BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'';
ALTER TABLE guest_profiles ADD CONSTRAINT guest_profiles_times_check CHECK (first_interaction BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND last_interaction BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND thread_created_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND last_context_update BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND context_lease_until BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND created_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND updated_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'') NOT VALID;
ALTER TABLE historical_clients ADD CONSTRAINT historical_clients_times_check CHECK (last_interaction BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND created_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND archived_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'') NOT VALID;
ALTER TABLE legacy_imports ADD CONSTRAINT legacy_imports_times_check CHECK (started_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND finished_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'') NOT VALID;
ALTER TABLE query_minutes ADD CONSTRAINT query_minutes_times_check CHECK (minute BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'') NOT VALID;
ALTER TABLE query_error_minutes ADD CONSTRAINT query_error_minutes_times_check CHECK (minute BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'') NOT VALID;
ALTER TABLE context_minutes ADD CONSTRAINT context_minutes_times_check CHECK (minute BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'') NOT VALID;
ALTER TABLE process_minutes ADD CONSTRAINT process_minutes_times_check CHECK (minute BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'') NOT VALID;
ALTER TABLE relation_sizes ADD CONSTRAINT relation_sizes_times_check CHECK (day BETWEEN ''0001-01-01'' AND ''9999-12-31'' AND recorded_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'') NOT VALID;
ALTER TABLE guest_days ADD CONSTRAINT guest_days_times_check CHECK (day BETWEEN ''0001-01-01'' AND ''9999-12-31'' AND recorded_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'') NOT VALID;
', '2026-11-30 04:18:44.07678+00', 12.665, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 15, 'times_check_valid', 'f037c65a28a78aab41070b00fc5007be85d8bcecd5fcc3040abe28157dc6da75', 'ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_times_check;
ALTER TABLE historical_clients VALIDATE CONSTRAINT historical_clients_times_check;
ALTER TABLE legacy_imports VALIDATE CONSTRAINT legacy_imports_times_check;
ALTER TABLE query_minutes VALIDATE CONSTRAINT query_minutes_times_check;
ALTER TABLE query_error_minutes VALIDATE CONSTRAINT query_error_minutes_times_check;
ALTER TABLE context_minutes VALIDATE CONSTRAINT context_minutes_times_check;
ALTER TABLE process_minutes VALIDATE CONSTRAINT process_minutes_times_check;
ALTER TABLE relation_sizes VALIDATE CONSTRAINT relation_sizes_times_check;
ALTER TABLE guest_days VALIDATE CONSTRAINT guest_days_times_check;
', '2026-11-30 04:18:44.10179+00', 4.992, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 16, 'operations', '0e6c946b9f5e86b2629872185956a49c4cb413f4683ad063d193cf608a2c4900', 'CREATE TABLE operations (source text NOT NULL,
operation_id text NOT NULL,
attempts bigint NOT NULL DEFAULT 1,
answer jsonb,
done_at timestamptz NOT NULL DEFAULT statement_timestamp (),
CONSTRAINT operations_pkey PRIMARY KEY (source,
operation_id),
CONSTRAINT operations_times_check CHECK (done_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00''));
CREATE INDEX operations_done_at ON operations (done_at);
INSERT INTO guestsql_grants (relation_name,
bot_privileges,
monitor_columns) VALUES (''operations'',
DEFAULT,
''{source, attempts, done_at}'');
SELECT guestsql_grant_roles ();
', '2026-11-30 04:18:44.158498+00', 37.482, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 17, 'erased_guests', 'b3d7cd3e305d121ce8d553e198f7b7d1a15d2d7ba932be0de82903ef6ee7f14b', 'CREATE TABLE erasure_salt (is_only_row boolean NOT NULL DEFAULT TRUE,
salt bytea NOT NULL,
CONSTRAINT erasure_salt_pkey PRIMARY KEY (is_only_row),
CONSTRAINT erasure_salt_is_only_row_check CHECK (is_only_row));
INSERT INTO erasure_salt (salt) VALUES (sha256 (convert_to (gen_random_uuid () :: text || gen_random_uuid () :: text,
''UTF8'')));
CREATE TABLE erased_guests (id_hash bytea NOT NULL,
erased_at timestamptz NOT NULL DEFAULT statement_timestamp (),
CONSTRAINT erased_guests_pkey PRIMARY KEY (id_hash),
CONSTRAINT erased_guests_id_hash_check CHECK (octet_length (id_hash) = 32),
CONSTRAINT erased_guests_times_check CHECK (erased_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00''));
INSERT INTO guestsql_grants (relation_name,
bot_privileges,
monitor_columns) VALUES (''erasure_salt'',
''{SELECT}'',
''{}''),
(''erased_guests'',
''{SELECT,INSERT,UPDATE}'',
''{}'');
SELECT guestsql_grant_roles ();
', '2026-11-30 04:18:44.248586+00', 58.501, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 18, 'minute_functions', 'e994770de95bcc2f072334c1951bf8fda0ecdcdbe812a0525e29a62f07035ee6', 'CREATE FUNCTION guestsql_add_buckets (buckets bigint [],
added bigint []) RETURNS bigint [] LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN array (SELECT coalesce (pairs . calls,
0) + coalesce (pairs . added_calls,
0) FROM unnest (buckets,
added) WITH ORDINALITY AS pairs (calls,
added_calls,
place) ORDER BY pairs . place);
CREATE AGGREGATE guestsql_sum_buckets (bigint []) (SFUNC = guestsql_add_buckets,
STYPE = bigint [],
INITCOND = ''{}'',
COMBINEFUNC = guestsql_add_buckets,
PARALLEL = SAFE);
CREATE FUNCTION guestsql_percentile (buckets bigint [],
share numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (SELECT min (guestsql_class_milliseconds (place,
(share * all_calls - calls_up_to + calls) / calls)) FROM (SELECT classes . place,
classes . calls,
sum (classes . calls) OVER (ORDER BY classes . place) AS calls_up_to,
sum (classes . calls) OVER () AS all_calls FROM unnest (buckets) WITH ORDINALITY AS classes (calls,
place) WHERE classes . calls > 0) AS ranked_classes WHERE calls_up_to >= share * all_calls);
CREATE FUNCTION guestsql_thin_minutes (minute_days integer,
hour_days integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    hours_until timestamptz := statement_timestamp() - make_interval(days => hour_days);
    minutes_until timestamptz := date_trunc(''hour'', statement_timestamp() - make_interval(days => minute_days), ''UTC'');
    since timestamptz;
    thinned bigint := 0;
    found_rows bigint;
    minutes record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext(''guestsql_thin_minutes'')) THEN
        RETURN 0;
    END IF;
    FOR minutes IN
        SELECT *
        FROM (
            VALUES
            (
                ''query_minutes'',
                ''query, calls, row_count, microseconds, buckets'',
                ''query, sum(calls), sum(row_count), sum(microseconds), guestsql_sum_buckets(buckets)'',
                ''query''
            ),
            (''query_error_minutes'', ''query, kind, errors'', ''query, kind, sum(errors)'', ''query, kind''),
            (''context_minutes'', ''outcome, answers'', ''outcome, sum(answers)'', ''outcome''),
            (
                ''process_minutes'',
                ''process, flushes, flush_failures, resident_bytes'',
                ''process, sum(flushes), sum(flush_failures), max(resident_bytes)'',
                ''process''
            )
        ) AS tables (name, columns, sums, keys)
    LOOP
        EXECUTE format(''DELETE FROM %I WHERE minute < $1'', minutes.name)
        USING hours_until;
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        thinned := thinned + found_rows;

        EXECUTE format(
            ''SELECT min(minute) FROM %I WHERE minute < $1 AND minute <> date_trunc(''''hour'''', minute, ''''UTC'''')'',
            minutes.name
        )
        INTO since
        USING minutes_until;
        CONTINUE WHEN since IS NULL;

        since := date_trunc(''hour'', since, ''UTC'');
        EXECUTE format(
            ''WITH gone AS (DELETE FROM %1$I WHERE minute >= $1 AND minute < $2 RETURNING *), ''
            ''kept AS (''
            ''INSERT INTO %1$I (minute, %2$s) ''
            ''SELECT date_trunc(''''hour'''', minute, ''''UTC'''') AS hour, %3$s FROM gone GROUP BY hour, %4$s''
            '') ''
            ''SELECT count(*) FROM gone'',
            minutes.name, minutes.columns, minutes.sums, minutes.keys
        )
        INTO found_rows
        USING since, least(minutes_until, since + INTERVAL ''1 day'');
        thinned := thinned + found_rows;
    END LOOP;
    RETURN thinned;
END
$$;
', '2026-11-30 04:18:44.295556+00', 5.14, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 19, 'refuse_cascade', '6d26bff0bfebdaf6c75804b4701690f24416cb9557408be4b7405392e6bf6eb1', 'CREATE FUNCTION guestsql_refuse_cascade (referenced regclass,
key text) RETURNS boolean LANGUAGE plpgsql AS $$
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
            constraints.contype = ''f''
            AND constraints.confrelid = referenced
            AND constraints.confdeltype IN (''c'', ''n'', ''d'')
            AND constraints.conparentid = 0
        ORDER BY constraints.conname
    LOOP
        EXECUTE format(''SELECT EXISTS (SELECT FROM %s WHERE %I = $1)'', reference.table_name, reference.column_name)
        INTO is_found
        USING key;
        IF is_found THEN
            RAISE foreign_key_violation USING
                MESSAGE = format(''rows of %s refer to the duplicate, and its foreign key cascades'', reference.table_name),
                HINT = ''move them by a query marked -- on: merge_guests'',
                CONSTRAINT = reference.constraint_name;
        END IF;
    END LOOP;
    RETURN TRUE;
END
$$;
', '2026-11-30 04:18:44.317885+00', 0.994, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 20, 'messages', 'c5f1c4701122717939955cd491275e569851534e38c1f76de6fdf3dd0621adbb', 'ALTER TABLE operations ADD COLUMN phone_number text,
ADD COLUMN lease uuid,
ADD COLUMN lease_until timestamptz,
ADD COLUMN claimed_at timestamptz,
ADD COLUMN effects jsonb NOT NULL DEFAULT ''{}'',
ALTER COLUMN done_at DROP NOT NULL,
ADD CONSTRAINT operations_lease_check CHECK ((lease IS NULL) = (lease_until IS NULL) AND (lease IS NULL OR claimed_at IS NOT NULL)) NOT VALID,
ADD CONSTRAINT operations_claim_times_check CHECK (lease_until BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND claimed_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'') NOT VALID;
CREATE INDEX operations_phone_number ON operations (phone_number) WHERE phone_number IS NOT NULL;
CREATE INDEX operations_claimed_at ON operations (claimed_at) WHERE done_at IS NULL;
CREATE TABLE messages (sent_at timestamptz NOT NULL,
gateway text NOT NULL,
message_id text,
phone_number text NOT NULL,
chat_id text,
direction text NOT NULL,
tokens bigint NOT NULL DEFAULT 0,
text text,
CONSTRAINT messages_direction_check CHECK (direction IN (''in'',
''out'')),
CONSTRAINT messages_tokens_check CHECK (tokens >= 0),
CONSTRAINT messages_times_check CHECK (sent_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'')) PARTITION BY RANGE (sent_at);
CREATE TABLE messages_default PARTITION OF messages DEFAULT;
CREATE INDEX messages_phone_number ON messages (phone_number,
sent_at);
CREATE INDEX messages_texts ON messages (sent_at) WHERE text IS NOT NULL;
CREATE FUNCTION guestsql_erased_message (gateway text,
message_id text) RETURNS text LANGUAGE sql STABLE RETURN ''erased:'' || encode (sha256 ((SELECT salt FROM erasure_salt) || convert_to (gateway || '' '' || message_id,
''UTF8'')),
''hex'');
CREATE FUNCTION guestsql_make_message_partitions () RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = ''2s'' AS $$
DECLARE
    -- A login may have its rights by SET ROLE only.
    caller name := coalesce(nullif(current_setting(''role''), ''none''), session_user);
    owner name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = ''messages''::regclass);
    this_month timestamp := date_trunc(''month'', statement_timestamp() AT TIME ZONE ''UTC'');
    since timestamp;
    partition text;
    made integer := 0;
BEGIN
    IF NOT has_table_privilege(caller, ''messages'', ''INSERT'') THEN
        RAISE insufficient_privilege USING MESSAGE = ''only those who may write messages may call this'';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext(''guestsql_message_partitions''));
    FOR since IN
        SELECT months.since
        FROM (
            SELECT generate_series(this_month, this_month + INTERVAL ''2 months'', INTERVAL ''1 month'') AS since
            UNION
            SELECT date_trunc(''month'', misplaced.sent_at AT TIME ZONE ''UTC'') AS since
            FROM messages_default AS misplaced
            WHERE misplaced.sent_at >= (this_month - INTERVAL ''1 year'') AT TIME ZONE ''UTC''
        ) AS months
        ORDER BY months.since
    LOOP
        partition := to_char(since, ''"messages_"YYYY_MM'');
        CONTINUE WHEN to_regclass(partition) IS NOT NULL;
        EXECUTE format(''CREATE TABLE %I (LIKE messages INCLUDING DEFAULTS INCLUDING CONSTRAINTS)'', partition);
        IF owner <> current_user THEN
            EXECUTE format(''ALTER TABLE %I OWNER TO %I'', partition, owner);
        END IF;
        -- Else a message that arrives meanwhile would be in both.
        LOCK TABLE messages_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format(
            ''WITH moved AS (DELETE FROM messages_default WHERE sent_at >= $1 AND sent_at < $2 RETURNING *) ''
            ''INSERT INTO %I SELECT * FROM moved'',
            partition
        )
        USING since AT TIME ZONE ''UTC'', (since + INTERVAL ''1 month'') AT TIME ZONE ''UTC'';
        EXECUTE format(
            ''ALTER TABLE messages ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)'',
            partition, since AT TIME ZONE ''UTC'', (since + INTERVAL ''1 month'') AT TIME ZONE ''UTC''
        );
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
CREATE FUNCTION guestsql_thin_messages (keep_days integer) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = ''2s'' AS $$
DECLARE
    caller name := coalesce(nullif(current_setting(''role''), ''none''), session_user);
    kept_since timestamptz := statement_timestamp() - make_interval(days => keep_days);
    partition regclass;
    thinned bigint;
    dropped integer := 0;
BEGIN
    IF NOT has_table_privilege(caller, ''messages'', ''DELETE'') THEN
        RAISE insufficient_privilege USING MESSAGE = ''only those who may delete messages may call this'';
    END IF;
    DELETE FROM messages_default WHERE sent_at < kept_since;
    GET DIAGNOSTICS thinned = ROW_COUNT;
    FOR partition IN
        SELECT inherited.inhrelid::regclass
        FROM pg_inherits AS inherited
        INNER JOIN pg_class AS partitions ON inherited.inhrelid = partitions.oid
        WHERE
            inherited.inhparent = ''messages''::regclass
            AND partitions.relname ~ ''^messages_[0-9]{4}_[0-9]{2}$''
            AND (to_date(right(partitions.relname, 7), ''YYYY_MM'') + INTERVAL ''1 month'') AT TIME ZONE ''UTC'' <= kept_since
        ORDER BY partitions.relname
    LOOP
        EXECUTE format(''DROP TABLE %s'', partition);
        dropped := dropped + 1;
    END LOOP;
    RETURN thinned + dropped;
END
$$;
DO $$
BEGIN
    EXECUTE format(
        ''ALTER FUNCTION guestsql_make_message_partitions() SET search_path = %I, pg_temp'', current_schema()
    );
    EXECUTE format(''ALTER FUNCTION guestsql_thin_messages(integer) SET search_path = %I, pg_temp'', current_schema());
END
$$;
UPDATE guestsql_grants SET monitor_columns = ''{source, attempts, lease_until, claimed_at, done_at}'' WHERE relation_name = ''operations'';
INSERT INTO guestsql_grants (relation_name,
bot_privileges,
monitor_columns) VALUES (''messages'',
DEFAULT,
''{sent_at, gateway, direction, tokens}''),
(''messages_default'',
''{}'',
''{}'');
SELECT guestsql_grant_roles ();
', '2026-11-30 04:18:44.408318+00', 64.199, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 21, 'messages_valid', '38016f058e71bcb15e4a1c69ce1b1c506dd4a52aa0c4cb0d3e9171760880dda1', 'ALTER TABLE operations VALIDATE CONSTRAINT operations_lease_check;
ALTER TABLE operations VALIDATE CONSTRAINT operations_claim_times_check;
SELECT guestsql_make_message_partitions ();
', '2026-11-30 04:18:44.473571+00', 40.337, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 22, 'outbox', '13c51b6282bdf669eb06449826c4c2f1644b4595d2a1208cfd545c1226525cdd', 'CREATE TABLE outbox (reply_id bigint GENERATED ALWAYS AS IDENTITY,
phone_number text NOT NULL,
gateway text NOT NULL DEFAULT ''whatsapp'',
message_id text,
payload jsonb,
state text NOT NULL DEFAULT ''queued'',
due_at timestamptz NOT NULL DEFAULT statement_timestamp (),
attempts bigint NOT NULL DEFAULT 0,
lease uuid,
is_maybe_sent boolean NOT NULL DEFAULT FALSE,
last_error text,
created_at timestamptz NOT NULL DEFAULT statement_timestamp (),
sent_at timestamptz,
sent_message_id text,
CONSTRAINT outbox_pkey PRIMARY KEY (reply_id,
phone_number),
CONSTRAINT outbox_state_check CHECK (state IN (''queued'',
''sending'',
''sent'',
''dead'')),
CONSTRAINT outbox_payload_check CHECK (payload IS NOT NULL OR state = ''sent''),
CONSTRAINT outbox_lease_check CHECK (lease IS NOT NULL OR state IN (''queued'',
''dead'')),
CONSTRAINT outbox_sent_check CHECK ((state = ''sent'') = (sent_at IS NOT NULL)),
CONSTRAINT outbox_attempts_check CHECK (attempts >= 0),
CONSTRAINT outbox_times_check CHECK (due_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND created_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND sent_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00''));
CREATE INDEX outbox_phone_number ON outbox (phone_number);
CREATE INDEX outbox_unfinished ON outbox (phone_number,
reply_id) WHERE state IN (''queued'',
''sending'');
CREATE INDEX outbox_due_at ON outbox (due_at,
reply_id) WHERE state IN (''queued'',
''sending'');
CREATE INDEX outbox_lease ON outbox (lease) WHERE state = ''sending'';
CREATE INDEX outbox_sent_at ON outbox (sent_at) WHERE state = ''sent'';
CREATE INDEX outbox_dead ON outbox (reply_id) WHERE state = ''dead'';
CREATE FUNCTION guestsql_notify_outbox () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(''guestsql_outbox'', '''');
    RETURN NULL;
END
$$;
CREATE TRIGGER outbox_queued AFTER INSERT OR UPDATE OF state ON outbox FOR EACH ROW WHEN (new . state = ''queued'') EXECUTE FUNCTION guestsql_notify_outbox ();
INSERT INTO guestsql_grants (relation_name,
bot_privileges,
monitor_columns) VALUES (''outbox'',
DEFAULT,
''{
    reply_id, gateway, state, due_at, attempts, is_maybe_sent, created_at, sent_at
}'');
SELECT guestsql_grant_roles ();
', '2026-11-30 04:18:44.533994+00', 37.67, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 23, 'guest_ids', '613600ad508842d8be853b1bbc261bd8948433744cd05e88655cb95b3de320cb', 'CREATE FUNCTION guestsql_spellings (id text) RETURNS text [] LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN ARRAY [id] || CASE WHEN left (id,
2) NOT IN (''52'',
''54'',
''55'') THEN ''{}'' :: text [] WHEN id ~ ''^52[2-9][0-9]{9}$'' THEN ARRAY [''521'' || substr (id,
3)] WHEN id ~ ''^521[2-9][0-9]{9}$'' THEN ARRAY [''52'' || substr (id,
4)] WHEN id ~ ''^54[1-3][0-9]{9}$'' THEN ARRAY [''549'' || substr (id,
3)] WHEN id ~ ''^549[1-3][0-9]{9}$'' THEN ARRAY [''54'' || substr (id,
4)] WHEN id ~ ''^55[1-9]{2}[689][0-9]{7}$'' THEN ARRAY [left (id,
4) || ''9'' || substr (id,
5)] WHEN id ~ ''^55[1-9]{2}9[689][0-9]{7}$'' THEN ARRAY [left (id,
4) || substr (id,
6)] ELSE ''{}'' END;
CREATE TABLE guest_ids (id text NOT NULL,
phone_number text NOT NULL,
kind text NOT NULL GENERATED ALWAYS AS (CASE WHEN ltrim (id,
''0123456789'') = '''' THEN ''phone'' WHEN right (id,
4) = ''@lid'' THEN ''lid'' WHEN strpos (id,
''#'') > 0 THEN ''former_phone'' WHEN substr (id,
3,
5) = ''.ENT.'' THEN ''parent_bsuid'' ELSE ''bsuid'' END) STORED,
source text NOT NULL,
portfolio text NOT NULL DEFAULT '''',
first_seen_at timestamptz NOT NULL DEFAULT statement_timestamp (),
last_seen_at timestamptz NOT NULL DEFAULT statement_timestamp (),
CONSTRAINT guest_ids_pkey PRIMARY KEY (id) INCLUDE (phone_number),
CONSTRAINT guest_ids_id_check CHECK ((ltrim (id,
''0123456789'') = '''' AND left (id,
1) <> ''0'' AND length (id) BETWEEN 7 AND 15) OR id ~ ''^([0-9]{1,32}@lid|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$''),
CONSTRAINT guest_ids_times_check CHECK (first_seen_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND last_seen_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'')) WITH (fillfactor = 90);
CREATE INDEX guest_ids_phone_number ON guest_ids (phone_number);
ALTER TABLE guest_profiles ADD COLUMN current_phone text,
ADD COLUMN first_id text,
ADD CONSTRAINT guest_profiles_current_phone_check CHECK (current_phone ~ ''^([1-9][0-9]{6,14})?$'') NOT VALID,
DROP CONSTRAINT guest_profiles_phone_number_check,
ADD CONSTRAINT guest_profiles_phone_number_check CHECK ((ltrim (phone_number,
''0123456789'') = '''' AND left (phone_number,
1) <> ''0'' AND length (phone_number) BETWEEN 7 AND 15) OR phone_number ~ ''^([0-9]{1,32}@lid|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$'') NOT VALID;
ALTER TABLE historical_clients DROP CONSTRAINT historical_clients_phone_number_check,
ADD CONSTRAINT historical_clients_phone_number_check CHECK ((ltrim (phone_number,
''0123456789'') = '''' AND left (phone_number,
1) <> ''0'' AND length (phone_number) BETWEEN 7 AND 15) OR phone_number ~ ''^([0-9]{1,32}@lid|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$'') NOT VALID;
CREATE FUNCTION guestsql_current_phone (current_phone text,
phone_number text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN current_phone IS NOT NULL THEN nullif (current_phone,
'''') WHEN ltrim (split_part (phone_number,
''#'',
1),
''0123456789'') = '''' THEN split_part (phone_number,
''#'',
1) END;
CREATE FUNCTION guestsql_guest_key (given_id text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((SELECT ids.phone_number FROM guest_ids AS ids WHERE ids.id = given_id), given_id);
END
$$;
CREATE FUNCTION guestsql_free_id (phone text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    number integer := 1;
    candidate text;
BEGIN
    LOOP
        candidate := split_part(phone, ''#'', 1) || ''#'' || number;
        EXIT WHEN NOT EXISTS (
            SELECT FROM guest_ids AS ids
            WHERE
                ids.id = candidate
                OR ids.phone_number = candidate
        )
        AND NOT EXISTS (
            SELECT FROM guest_profiles AS guest
            WHERE guest.phone_number = candidate
        );
        number := number + 1;
    END LOOP;
    RETURN candidate;
END
$$;
CREATE FUNCTION guestsql_register_ids () RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    entered bigint;
BEGIN
    -- Nearly every write is an upsert that has inserted nothing.
    IF NOT EXISTS (SELECT FROM created) THEN
        RETURN NULL;
    END IF;

    INSERT INTO guest_ids (id, phone_number, source)
    SELECT
        spelled.id,
        created.phone_number,
        CASE WHEN spelled.id = created.phone_number THEN ''guest'' ELSE ''spelling'' END
    FROM created
    CROSS JOIN unnest(guestsql_spellings(created.phone_number)) AS spelled (id)
    WHERE
        spelled.id = created.phone_number
        -- Two guests from the time before this table, or from one statement: each keeps its own spelling.
        OR NOT EXISTS (
            SELECT FROM guest_profiles AS other
            WHERE other.phone_number = spelled.id
        )
    ORDER BY spelled.id
    ON CONFLICT (id) DO NOTHING;
    GET DIAGNOSTICS entered = ROW_COUNT;

    IF EXISTS (SELECT FROM created WHERE created.first_id IS NOT NULL)
        OR entered < (SELECT sum(cardinality(guestsql_spellings(created.phone_number))) FROM created)
    THEN
        -- FOR SHARE waits for a merge that is moving one of them.
        PERFORM
        FROM guest_ids AS ids
        WHERE
            ids.id IN (SELECT created.phone_number FROM created)
            OR ids.id IN (SELECT created.first_id FROM created)
        ORDER BY ids.id
        FOR SHARE;
        IF EXISTS (
            SELECT
            FROM created
            LEFT JOIN guest_ids AS own_ids ON created.phone_number = own_ids.id
            LEFT JOIN guest_ids AS first_ids ON created.first_id = first_ids.id
            WHERE
                own_ids.phone_number IS DISTINCT FROM created.phone_number
                OR (created.first_id IS NOT NULL AND first_ids.phone_number IS DISTINCT FROM created.phone_number)
        ) THEN
            RAISE serialization_failure USING
                MESSAGE = ''an id of this guest was moved to another guest, or erased, by a concurrent statement'',
                HINT = ''repeat the statement: it then finds the guest who has the id now'';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION guestsql_delete_ids () RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    moved record;
BEGIN
    IF NOT EXISTS (SELECT FROM removed) THEN
        RETURN NULL;
    END IF;

    -- In one order, as everywhere. The next guest under one of these phones may just be created: the statements below see it.
    PERFORM
    FROM guest_ids AS ids
    WHERE
        ids.id IN (
            SELECT own_ids.id
            FROM guest_ids AS own_ids
            INNER JOIN removed ON own_ids.phone_number = removed.phone_number
            UNION
            SELECT spelled.id
            FROM removed
            CROSS JOIN unnest(guestsql_spellings(removed.phone_number)) AS spelled (id)
        )
    ORDER BY ids.id
    FOR UPDATE;

    -- A phone that was another guest''s before, whose key it still is. Without a row it would lead back to that guest, so it
    -- is kept for the next guest under this phone.
    FOR moved IN
        SELECT
            ids.id,
            ids.phone_number
        FROM guest_ids AS ids
        INNER JOIN removed ON ids.phone_number = removed.phone_number
        INNER JOIN guest_profiles AS former ON ids.id = former.phone_number
        ORDER BY ids.id
    LOOP
        UPDATE guest_ids AS ids
        SET
            phone_number = guestsql_free_id(moved.id),
            source = ''guest''
        WHERE
            ids.id = ANY(guestsql_spellings(moved.id))
            AND ids.phone_number = moved.phone_number;
    END LOOP;

    DELETE FROM guest_ids AS ids
    USING removed
    WHERE ids.phone_number = removed.phone_number;

    -- Nor is such a phone kept when the former guest goes too.
    DELETE FROM guest_ids AS ids
    USING removed
    WHERE
        ids.id = ANY(guestsql_spellings(removed.phone_number))
        AND NOT EXISTS (
            SELECT FROM guest_profiles AS other
            WHERE other.phone_number = ids.phone_number
        );
    RETURN NULL;
END
$$;
CREATE FUNCTION guestsql_delete_all_ids () RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM guest_ids;
    RETURN NULL;
END
$$;
CREATE TRIGGER guest_profiles_register_ids AFTER INSERT ON guest_profiles REFERENCING NEW TABLE AS created FOR EACH STATEMENT EXECUTE FUNCTION guestsql_register_ids ();
CREATE TRIGGER guest_profiles_delete_ids AFTER DELETE ON guest_profiles REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION guestsql_delete_ids ();
CREATE TRIGGER guest_profiles_delete_all_ids AFTER TRUNCATE ON guest_profiles FOR EACH STATEMENT EXECUTE FUNCTION guestsql_delete_all_ids ();
REVOKE ALL ON FUNCTION guestsql_register_ids (),
guestsql_delete_ids (),
guestsql_delete_all_ids () FROM public;
INSERT INTO guestsql_grants (relation_name,
bot_privileges,
monitor_columns) VALUES (''guest_ids'',
DEFAULT,
''{kind, source}'');
SELECT guestsql_grant_roles ();
', '2026-11-30 04:18:44.579292+00', 33.047, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 24, 'guest_ids_backfill', '39ce0d196794fcb5bfa2075b8450df6edf96104c90435b1bbf2d483a6b17fd87', 'INSERT INTO guest_ids (id,
phone_number,
source,
first_seen_at,
last_seen_at) SELECT DISTINCT ON (spelled . id) spelled . id,
guest . phone_number,
CASE WHEN spelled . id = guest . phone_number THEN ''guest'' ELSE ''spelling'' END AS source,
guest . created_at AS first_seen_at,
CASE WHEN spelled . id = guest . phone_number THEN greatest (guest . created_at,
guest . last_interaction) ELSE guest . created_at END AS last_seen_at FROM guest_profiles AS guest CROSS JOIN unnest (guestsql_spellings (guest . phone_number)) AS spelled (id) ORDER BY spelled . id ASC,
spelled . id = guest . phone_number DESC ON CONFLICT (id) DO NOTHING;
ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_phone_number_check;
ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_current_phone_check;
ALTER TABLE historical_clients VALIDATE CONSTRAINT historical_clients_phone_number_check;
', '2026-11-30 04:18:44.601762+00', 5.521, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 25, 'user_ids_again', '2fbabda4feab33b4e762587185b3d6e4074b0516d146b1342df563e40ef3408e', 'CREATE OR REPLACE FUNCTION guestsql_user_id (spelling text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    id text := spelling;
    server text;
    name text;
    number text;
    digits text;
BEGIN
    IF id ~ ''[^\u0001-\u007F]'' THEN
        -- Invisible marks go; spaces, dashes, digits and signs are plain ones.
        id := regexp_replace(id, ''[\u00AD\u061C\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]'', '''', ''g'');
        id := regexp_replace(id, ''[\u00A0\u2000-\u200A\u202F\u205F\u3000]'', '' '', ''g'');
        id := regexp_replace(id, ''[\u2010-\u2015\u2212\uFE58\uFE63]'', ''-'', ''g'');
        id := translate(
            id,
            ''٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९０１２３４５６７８９＋－．（）：／＠'',
            ''0123456789012345678901234567890123456789+-.():/@''
        );
    END IF;
    id := regexp_replace(btrim(id, E'' \t\n\r\f\v''), ''^whatsapp:'', '''', ''i'');

    IF strpos(id, ''@'') > 0 THEN
        server := lower(substring(id FROM ''@([^@]*)$'') COLLATE "C");
        name := substring(id FROM ''^(.*)@[^@]*$'');
        -- An agent (.0, _1) and a device (:12) may follow the digits.
        name := coalesce(substring(name FROM ''^([0-9]+)([._](0|[1-9][0-9]{0,2}))?(:[0-9]{1,4})?$''), name);
        IF server IN (''lid'', ''hosted.lid'') THEN
            RETURN CASE WHEN name ~ ''^[0-9]{1,32}$'' THEN name || ''@lid'' END;
        ELSIF server NOT IN (''s.whatsapp.net'', ''c.us'', ''hosted'') THEN
            RETURN NULL;
        END IF;
    ELSIF id ~ ''^([A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$'' THEN
        RETURN id;
    ELSE
        name := regexp_replace(id, ''^(tel|sms):|^''''(?=[+0-9])'', '''', ''i'');
        name := regexp_replace(
            name, ''^(?:https?://)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)([^/]*)/?$'', ''\1'', ''i''
        );
    END IF;

    name := btrim(regexp_replace(name, ''\((\+?[1-9][0-9]{0,4})\)'', '' \1 '', ''g''), '' '');
    number := substring(name FROM ''^(?:\+|00)? *([1-9][0-9]*(?:(?: *[-.] *| +)[0-9]+)*)$'');
    digits := regexp_replace(number, ''[^0-9]'', '''', ''g'');
    RETURN CASE
        WHEN digits !~ ''^[1-9][0-9]{6,14}$'' THEN NULL
        WHEN number = digits THEN digits
        WHEN name !~ ''^(\+|00)'' AND length(digits) NOT BETWEEN 9 AND 13 THEN NULL
        -- A whole number with more digits behind it; a single dot, of a decimal number.
        WHEN number ~ ''[0-9]{7}[0-9]*[^0-9]|^[^.]*\.[^.]*$'' THEN NULL
        -- A zero behind the country code, which is dialled inside the country only.
        WHEN
            number ~ (
                ''^(?:[17]|2[07]|3[0-46]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]''
                || ''|(?!225|24[12]|37[89])(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[0578]|9[679])[0-9])[^0-9]+0''
            )
            THEN NULL
        -- Digits left over at the end, unless they come in pairs.
        WHEN number ~ ''[^0-9][0-9]{1,2}$'' AND number !~ ''([^0-9]+)[0-9]{2}\1[0-9]{2}$'' THEN NULL
        ELSE digits
    END;
END
$$;
CREATE OR REPLACE FUNCTION guestsql_is_placeholder (name text,
phone_number text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN name !~ ''[^\u0001-\u0020\u007F-\u00A0\u00AD\u061C\u1680\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF]'' THEN TRUE WHEN lower (btrim (name,
E'' \t\n\r\f\v'')) IN (''usuario'',
lower (phone_number)) THEN TRUE WHEN name ~ ''[0-9٠-٩۰-۹०-९０-９]'' THEN coalesce (guestsql_user_id (name) = ANY (guestsql_spellings (split_part (phone_number,
''#'',
1))),
FALSE) WHEN name IS NOT NULL THEN FALSE END;
', '2026-11-30 04:18:44.618824+00', 2.116, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 26, 'guest_threads', '62769bebd1b13a4edc8d3394f63ceb9785865e1edd1e547772ce68cc7c4e130e', 'CREATE TABLE guest_threads (phone_number text NOT NULL,
thread_id text NOT NULL,
started_at timestamptz,
ended_at timestamptz,
tokens bigint NOT NULL DEFAULT 0,
reason text NOT NULL,
CONSTRAINT guest_threads_pkey PRIMARY KEY (phone_number,
thread_id),
CONSTRAINT guest_threads_phone_number_fkey FOREIGN KEY (phone_number) REFERENCES guest_profiles (phone_number) ON UPDATE CASCADE ON DELETE CASCADE,
CONSTRAINT guest_threads_thread_id_check CHECK (thread_id <> ''''),
CONSTRAINT guest_threads_tokens_check CHECK (tokens >= 0),
CONSTRAINT guest_threads_reason_check CHECK (reason IN (''replaced'',
''cleared'',
''merged'',
''imported'')),
CONSTRAINT guest_threads_times_check CHECK (started_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'' AND ended_at BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'')) WITH (fillfactor = 90);
CREATE FUNCTION guestsql_keep_thread () RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    resumed guest_threads%ROWTYPE;
BEGIN
    IF OLD.thread_id IS NOT NULL THEN
        -- There is a row already if this statement has added tokens to it.
        INSERT INTO guest_threads AS known (phone_number, thread_id, started_at, ended_at, tokens, reason)
        VALUES (
            OLD.phone_number,
            OLD.thread_id,
            OLD.thread_created_at,
            statement_timestamp(),
            OLD.thread_tokens,
            CASE WHEN NEW.thread_id IS NULL THEN ''cleared'' ELSE ''replaced'' END
        )
        ON CONFLICT (phone_number, thread_id) DO UPDATE
            SET
                started_at = least(known.started_at, excluded.started_at),
                ended_at = excluded.ended_at,
                tokens = known.tokens + excluded.tokens,
                reason = excluded.reason;
    END IF;

    DELETE FROM guest_threads AS known
    WHERE
        known.phone_number = OLD.phone_number
        AND known.thread_id = NEW.thread_id
    RETURNING * INTO resumed;
    IF FOUND THEN
        NEW.thread_tokens := NEW.thread_tokens + resumed.tokens;
        NEW.thread_created_at := least(resumed.started_at, NEW.thread_created_at);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guest_profiles_keep_thread BEFORE UPDATE OF thread_id ON guest_profiles FOR EACH ROW WHEN (new . thread_id IS DISTINCT FROM old . thread_id) EXECUTE FUNCTION guestsql_keep_thread ();
CREATE FUNCTION guestsql_replaced_tokens (guest_key text,
given_thread_id text) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (
        SELECT known.tokens
        FROM guest_threads AS known
        WHERE
            known.phone_number = guest_key
            AND known.thread_id = given_thread_id
    );
END
$$;
ALTER TABLE guest_profiles ADD COLUMN thread_lease uuid,
ADD COLUMN thread_lease_until timestamptz,
ADD CONSTRAINT guest_profiles_thread_lease_check CHECK ((thread_lease IS NULL) = (thread_lease_until IS NULL) AND thread_lease_until BETWEEN ''0001-01-01 00:00+00'' AND ''9999-12-31 23:59:59.999999+00'') NOT VALID;
INSERT INTO guestsql_grants (relation_name,
bot_privileges,
monitor_columns) VALUES (''guest_threads'',
DEFAULT,
''{started_at, ended_at, tokens, reason}'');
REVOKE ALL ON FUNCTION guestsql_keep_thread () FROM public;
SELECT guestsql_grant_roles ();
', '2026-11-30 04:18:44.698262+00', 56.105, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 27, 'guest_threads_history', 'fa576a08ec89ddcedd7f2aed3e25aba8a00a1ed63f5af0c475443dbfc04976e6', 'ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_thread_lease_check;
DO $$
BEGIN
    PERFORM
    FROM guest_profiles AS guest
    WHERE
        jsonb_typeof(guest.profile_data -> ''merged'') = ''object''
        OR guest.profile_data @? ''$.legacy.*.*.previousThreads''
    ORDER BY guest.phone_number
    FOR KEY SHARE;
END
$$;
WITH merged_guests AS (SELECT guest . phone_number,
guest . thread_id AS current_thread_id,
merged . value AS merged FROM guest_profiles AS guest CROSS JOIN jsonb_each (guest . profile_data -> ''merged'') AS merged WHERE jsonb_typeof (guest . profile_data -> ''merged'') = ''object'' AND jsonb_typeof (merged . value -> ''profile_data'') = ''object''),
lost_threads AS (SELECT merged_guests . phone_number,
merged_guests . current_thread_id,
lost . thread_id,
CASE WHEN lost . tokens ~ ''^[0-9]{1,18}$'' THEN lost . tokens :: bigint ELSE 0 END AS tokens,
lost . reason FROM merged_guests CROSS JOIN LATERAL (VALUES (merged_guests . merged ->> ''thread_id'',
merged_guests . merged ->> ''thread_tokens'',
''merged''),
(merged_guests . merged ->> ''replaced_thread_id'',
merged_guests . merged ->> ''replaced_thread_tokens'',
''replaced'')) AS lost (thread_id,
tokens,
reason)) INSERT INTO guest_threads (phone_number,
thread_id,
tokens,
reason) SELECT phone_number,
thread_id,
max (tokens),
min (reason) FROM lost_threads WHERE thread_id <> '''' AND thread_id IS DISTINCT FROM current_thread_id GROUP BY phone_number,
thread_id ORDER BY phone_number,
thread_id ON CONFLICT (phone_number,
thread_id) DO NOTHING;
INSERT INTO guest_threads (phone_number,
thread_id,
reason) SELECT DISTINCT guest . phone_number,
btrim (previous . value #>> ''{}'',
E'' \t\n\r''),
''imported'' FROM guest_profiles AS guest CROSS JOIN jsonb_path_query (guest . profile_data,
''$.legacy.*.*.previousThreads[*]'') AS previous (value) WHERE guest . profile_data @? ''$.legacy.*.*.previousThreads'' AND jsonb_typeof (previous . value) = ''string'' AND btrim (previous . value #>> ''{}'',
E'' \t\n\r'') NOT IN ('''',
coalesce (guest . thread_id,
'''')) ON CONFLICT (phone_number,
thread_id) DO NOTHING;
', '2026-11-30 04:18:44.7314+00', 10.137, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 28, 'ids_of_erased_guests', '88445ddcf82480ff4f17f155f166f79e8562962525f99792d5b6c062b18a82ef', 'LOCK TABLE guest_profiles IN SHARE MODE;
DELETE FROM guest_ids AS known WHERE strpos (known . phone_number,
''#'') = 0 AND NOT EXISTS (SELECT FROM guest_profiles AS guest WHERE guest . phone_number = known . phone_number);
', '2026-11-30 04:18:44.758743+00', 6.688, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 29, 'function_owners', '477588dfe707e515a30b7d4af554781f654ace08f6b5fa7e694afbfbcafdfdbf', 'DO $$
DECLARE
    tables_owner oid := (SELECT relowner FROM pg_class WHERE oid = ''guest_profiles''::regclass);
    routine regprocedure;
BEGIN
    IF NOT pg_has_role(tables_owner, ''USAGE'') THEN
        RETURN;
    END IF;
    FOREACH routine IN ARRAY array(
        SELECT functions.oid::regprocedure
        FROM pg_proc AS functions
        WHERE
            functions.pronamespace = current_schema()::regnamespace
            AND functions.proname LIKE ''guestsql\_%''
            AND functions.prosecdef
            AND functions.proowner <> tables_owner
            AND pg_has_role(functions.proowner, ''USAGE'')
        ORDER BY functions.oid
    ) LOOP
        EXECUTE format(''ALTER FUNCTION %s OWNER TO %I'', routine, pg_get_userbyid(tables_owner));
    END LOOP;
END
$$;
', '2026-11-30 04:18:44.788026+00', 12.495, 'postgres', false);
INSERT INTO public.guestsql_migrations VALUES ('guestsql', 30, 'erased_deliveries', 'd888980911e8d48707bc380c4a4856ebf3b9469baa89efd5a7bdf21206916356', 'CREATE FUNCTION guestsql_is_erased (gateway text,
message_id text,
user_id text,
sent_at timestamptz) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1
        FROM operations AS hashed
        WHERE
            hashed.source = gateway
            AND hashed.operation_id = guestsql_erased_message(gateway, message_id)
    )
    OR EXISTS (
        SELECT 1
        FROM erased_guests AS erased
        WHERE
            erased.id_hash = sha256((SELECT salt.salt FROM erasure_salt AS salt) || convert_to(user_id, ''UTF8''))
            AND erased.erased_at >= sent_at
            -- A former owner of the number was erased; this guest is not concerned.
            AND NOT EXISTS (
                SELECT 1
                FROM guest_ids AS ids
                INNER JOIN guest_profiles AS guest ON ids.phone_number = guest.phone_number
                WHERE
                    ids.id = user_id
                    AND guest.created_at < erased.erased_at
            )
    );
END
$$;
', '2026-11-30 04:18:44.816527+00', 4.48, 'postgres', false);

INSERT INTO public.historical_clients OVERRIDING SYSTEM VALUE VALUES (1, '573000000002', 'Eva', NULL, '{}', 3, '2024-01-01 12:00:00+00', 'booked', false, NULL, '2026-11-30 04:18:45.2975+00', '2024-06-01 12:00:00+00');

INSERT INTO public.messages_default VALUES ('2025-06-01 12:00:00+00', 'whatsapp', 'message_1', '573000000001', NULL, 'in', 100, NULL);

INSERT INTO public.operations VALUES ('guestsql', 'operation_1', 1, NULL, '2026-11-30 04:18:45.299373+00', NULL, NULL, NULL, NULL, '{}');

SELECT pg_catalog.setval('public.historical_clients_id_seq', 1, true);

SELECT pg_catalog.setval('public.legacy_imports_id_seq', 1, false);

SELECT pg_catalog.setval('public.outbox_reply_id_seq', 1, false);

ALTER TABLE ONLY public.context_minutes
    ADD CONSTRAINT context_minutes_pkey PRIMARY KEY (minute, outcome);

ALTER TABLE ONLY public.erased_guests
    ADD CONSTRAINT erased_guests_pkey PRIMARY KEY (id_hash);

ALTER TABLE ONLY public.erasure_salt
    ADD CONSTRAINT erasure_salt_pkey PRIMARY KEY (is_only_row);

ALTER TABLE ONLY public.guest_days
    ADD CONSTRAINT guest_days_pkey PRIMARY KEY (day);

ALTER TABLE ONLY public.guest_ids
    ADD CONSTRAINT guest_ids_pkey PRIMARY KEY (id) INCLUDE (phone_number);

ALTER TABLE ONLY public.guest_profiles
    ADD CONSTRAINT guest_profiles_pkey PRIMARY KEY (phone_number);

ALTER TABLE ONLY public.guest_threads
    ADD CONSTRAINT guest_threads_pkey PRIMARY KEY (phone_number, thread_id);

ALTER TABLE ONLY public.guestsql_grants
    ADD CONSTRAINT guestsql_grants_pkey PRIMARY KEY (relation_name);

ALTER TABLE ONLY public.guestsql_migrations
    ADD CONSTRAINT guestsql_migrations_number EXCLUDE USING btree (series WITH =, version WITH =) WHERE ((version > 0));

ALTER TABLE ONLY public.guestsql_migrations
    ADD CONSTRAINT guestsql_migrations_pkey PRIMARY KEY (series, version, name);

ALTER TABLE ONLY public.historical_clients
    ADD CONSTRAINT historical_clients_pkey PRIMARY KEY (phone_number);

ALTER TABLE ONLY public.legacy_imports
    ADD CONSTRAINT legacy_imports_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.legacy_reject_records
    ADD CONSTRAINT legacy_reject_records_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.legacy_rejects
    ADD CONSTRAINT legacy_rejects_pkey PRIMARY KEY (import_id, number);

ALTER TABLE ONLY public.operations
    ADD CONSTRAINT operations_pkey PRIMARY KEY (source, operation_id);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (reply_id, phone_number);

ALTER TABLE ONLY public.process_minutes
    ADD CONSTRAINT process_minutes_pkey PRIMARY KEY (minute, process);

ALTER TABLE ONLY public.query_error_minutes
    ADD CONSTRAINT query_error_minutes_pkey PRIMARY KEY (minute, query, kind);

ALTER TABLE ONLY public.query_minutes
    ADD CONSTRAINT query_minutes_pkey PRIMARY KEY (minute, query);

ALTER TABLE ONLY public.relation_sizes
    ADD CONSTRAINT relation_sizes_pkey PRIMARY KEY (day, schema_name, relation_name);

CREATE INDEX guest_ids_phone_number ON public.guest_ids USING btree (phone_number);

CREATE INDEX idx_guest_profiles_labels ON public.guest_profiles USING gin (labels);

CREATE INDEX idx_guest_profiles_last_activity ON public.guest_profiles USING btree (last_active_on DESC NULLS LAST);

CREATE INDEX idx_historical_clients_status ON public.historical_clients USING btree (booking_status);

CREATE INDEX legacy_rejects_sha256 ON public.legacy_rejects USING btree (sha256);

CREATE INDEX messages_phone_number ON ONLY public.messages USING btree (phone_number, sent_at);

CREATE INDEX messages_2026_11_phone_number_sent_at_idx ON public.messages_2026_11 USING btree (phone_number, sent_at);

CREATE INDEX messages_texts ON ONLY public.messages USING btree (sent_at) WHERE (text IS NOT NULL);

CREATE INDEX messages_2026_11_sent_at_idx ON public.messages_2026_11 USING btree (sent_at) WHERE (text IS NOT NULL);

CREATE INDEX messages_2026_12_phone_number_sent_at_idx ON public.messages_2026_12 USING btree (phone_number, sent_at);

CREATE INDEX messages_2026_12_sent_at_idx ON public.messages_2026_12 USING btree (sent_at) WHERE (text IS NOT NULL);

CREATE INDEX messages_2027_01_phone_number_sent_at_idx ON public.messages_2027_01 USING btree (phone_number, sent_at);

CREATE INDEX messages_2027_01_sent_at_idx ON public.messages_2027_01 USING btree (sent_at) WHERE (text IS NOT NULL);

CREATE INDEX messages_default_phone_number_sent_at_idx ON public.messages_default USING btree (phone_number, sent_at);

CREATE INDEX messages_default_sent_at_idx ON public.messages_default USING btree (sent_at) WHERE (text IS NOT NULL);

CREATE INDEX operations_claimed_at ON public.operations USING btree (claimed_at) WHERE (done_at IS NULL);

CREATE INDEX operations_done_at ON public.operations USING btree (done_at);

CREATE INDEX operations_phone_number ON public.operations USING btree (phone_number) WHERE (phone_number IS NOT NULL);

CREATE INDEX outbox_dead ON public.outbox USING btree (reply_id) WHERE (state = 'dead'::text);

CREATE INDEX outbox_due_at ON public.outbox USING btree (due_at, reply_id) WHERE (state = ANY (ARRAY['queued'::text, 'sending'::text]));

CREATE INDEX outbox_lease ON public.outbox USING btree (lease) WHERE (state = 'sending'::text);

CREATE INDEX outbox_phone_number ON public.outbox USING btree (phone_number);

CREATE INDEX outbox_sent_at ON public.outbox USING btree (sent_at) WHERE (state = 'sent'::text);

CREATE INDEX outbox_unfinished ON public.outbox USING btree (phone_number, reply_id) WHERE (state = ANY (ARRAY['queued'::text, 'sending'::text]));

ALTER INDEX public.messages_phone_number ATTACH PARTITION public.messages_2026_11_phone_number_sent_at_idx;

ALTER INDEX public.messages_texts ATTACH PARTITION public.messages_2026_11_sent_at_idx;

ALTER INDEX public.messages_phone_number ATTACH PARTITION public.messages_2026_12_phone_number_sent_at_idx;

ALTER INDEX public.messages_texts ATTACH PARTITION public.messages_2026_12_sent_at_idx;

ALTER INDEX public.messages_phone_number ATTACH PARTITION public.messages_2027_01_phone_number_sent_at_idx;

ALTER INDEX public.messages_texts ATTACH PARTITION public.messages_2027_01_sent_at_idx;

ALTER INDEX public.messages_phone_number ATTACH PARTITION public.messages_default_phone_number_sent_at_idx;

ALTER INDEX public.messages_texts ATTACH PARTITION public.messages_default_sent_at_idx;

CREATE TRIGGER guest_profiles_delete_all_ids AFTER TRUNCATE ON public.guest_profiles FOR EACH STATEMENT EXECUTE FUNCTION public.guestsql_delete_all_ids();

CREATE TRIGGER guest_profiles_delete_ids AFTER DELETE ON public.guest_profiles REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION public.guestsql_delete_ids();

CREATE TRIGGER guest_profiles_expire_context BEFORE UPDATE OF chat_id, user_name, contact_name, labels, profile_data, memory_enabled ON public.guest_profiles FOR EACH ROW WHEN (((new.context_epoch = old.context_epoch) AND ((((((new.chat_id IS DISTINCT FROM old.chat_id) OR (new.user_name IS DISTINCT FROM old.user_name)) OR (new.contact_name IS DISTINCT FROM old.contact_name)) OR (new.labels IS DISTINCT FROM old.labels)) OR (new.profile_data IS DISTINCT FROM old.profile_data)) OR (new.memory_enabled IS DISTINCT FROM old.memory_enabled)))) EXECUTE FUNCTION public.guestsql_expire_context();

CREATE TRIGGER guest_profiles_keep_thread BEFORE UPDATE OF thread_id ON public.guest_profiles FOR EACH ROW WHEN ((new.thread_id IS DISTINCT FROM old.thread_id)) EXECUTE FUNCTION public.guestsql_keep_thread();

CREATE TRIGGER guest_profiles_register_ids AFTER INSERT ON public.guest_profiles REFERENCING NEW TABLE AS created FOR EACH STATEMENT EXECUTE FUNCTION public.guestsql_register_ids();

CREATE TRIGGER outbox_queued AFTER INSERT OR UPDATE OF state ON public.outbox FOR EACH ROW WHEN ((new.state = 'queued'::text)) EXECUTE FUNCTION public.guestsql_notify_outbox();

ALTER TABLE ONLY public.guest_threads
    ADD CONSTRAINT guest_threads_phone_number_fkey FOREIGN KEY (phone_number) REFERENCES public.guest_profiles(phone_number) ON UPDATE CASCADE ON DELETE CASCADE;

ALTER TABLE ONLY public.legacy_rejects
    ADD CONSTRAINT legacy_rejects_import_id_fkey FOREIGN KEY (import_id) REFERENCES public.legacy_imports(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.legacy_rejects
    ADD CONSTRAINT legacy_rejects_sha256_fkey FOREIGN KEY (sha256) REFERENCES public.legacy_reject_records(sha256) NOT VALID;

