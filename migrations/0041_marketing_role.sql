-- The role guestsql_marketing: lists people who consented, claims actions of campaigns and records their results. It reads no
-- profile_data, no context, no message and no thread, and no one who has not consented. It does not plan: the bot's role does.
--
-- Claims and results need rows that this role may not read. Functions that run with their owner's rights read them.

-- The columns that guestsql_marketing may read, insert and update; {*} is all of them, also those to come.
-- marketing_columns NULL: no one has decided yet, and there is no right; a test fails.
ALTER TABLE guestsql_grants
ADD COLUMN marketing_columns text[],
ADD COLUMN marketing_inserts text[] NOT NULL DEFAULT '{}',
ADD COLUMN marketing_updates text[] NOT NULL DEFAULT '{}';

UPDATE guestsql_grants
SET marketing_columns = '{}';

-- The rules that decide on a contact, campaigns and their results, and the ledger for the doctor.
UPDATE guestsql_grants
SET marketing_columns = '{*}'
WHERE
    relation_name IN (
        'action_refusals',
        'action_results',
        'campaign_actions',
        'campaigns',
        'consent_wordings',
        'consented_guests',
        'contact_accounts',
        'contact_caps',
        'contact_hours',
        'contact_profiles',
        'contact_purposes',
        'excluded_days',
        'gateway_channels',
        'guestsql_grants',
        'guestsql_migrations',
        'holiday_years',
        'holidays',
        'message_templates',
        'opt_out_words',
        'reached_people',
        'result_codes'
    );

UPDATE guestsql_grants AS entry
SET
    marketing_columns = changes.columns::text[],
    marketing_inserts = changes.inserts::text[],
    marketing_updates = changes.updates::text[]
FROM (
    VALUES
    ('excluded_numbers', '{channel, source, added_at}', '{}', '{}'),
    -- It pauses a campaign, and a claim locks it.
    ('campaigns', '{*}', '{}', '{state}'),
    (
        'campaign_actions', '{*}', '{}',
        '{due_at, state, lease, lease_until, claimed_at, sent_at, is_opted_out, message_id}'
    ),
    (
        'action_refusals', '{*}', '{action_id, phone_number, rule, detail, retry_at, first_at, last_at}',
        '{detail, retry_at, last_at, times}'
    ),
    ('action_results', '{*}', '{action_id, phone_number, result, code, occurred_at}', '{code}')
) AS changes (relation_name, columns, inserts, updates)
WHERE entry.relation_name = changes.relation_name;

-- Takes back the contact that a claim counted for the guest, before the claim is released. FALSE: the action is not claimed.
CREATE FUNCTION guestsql_uncount_contact(action_id bigint) RETURNS boolean
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    UPDATE guest_marketing AS guest
    SET
        (contacted_at, contacted_channels, contacted_accounts) = (
            SELECT
                coalesce(array_agg(contact.contacted_at ORDER BY contact.place), '{}'),
                coalesce(array_agg(contact.channel ORDER BY contact.place), '{}'),
                coalesce(array_agg(contact.account ORDER BY contact.place), '{}')
            FROM
                unnest(guest.contacted_at, guest.contacted_channels, guest.contacted_accounts)
                WITH ORDINALITY AS contact (contacted_at, channel, account, place)
            -- Only one: a merge may have brought another of the same moment.
            WHERE
                contact.place IS DISTINCT FROM (
                    SELECT min(own.place)
                    FROM
                        unnest(guest.contacted_at, guest.contacted_channels, guest.contacted_accounts)
                        WITH ORDINALITY AS own (contacted_at, channel, account, place)
                    WHERE
                        own.contacted_at = action.claimed_at
                        AND own.channel = action.channel
                        AND own.account = action.account
                )
        ),
        updated_at = statement_timestamp()
    FROM campaign_actions AS action
    WHERE
        action.action_id = guestsql_uncount_contact.action_id
        AND action.state = 'claimed'
        AND action.phone_number = guest.phone_number;
    RETURN FOUND;
END
$$;

-- The phone under which the guest of an action can be reached now; NULL without one.
CREATE OR REPLACE FUNCTION guestsql_contact_phone(guest_key text) RETURNS text
LANGUAGE sql
STABLE
RETURN (
    SELECT guestsql_current_phone(guest.current_phone, guest.phone_number)
    FROM known_guests AS guest
    WHERE
        guest.phone_number = guestsql_contact_phone.guest_key
        AND EXISTS (
            SELECT 1
            FROM campaign_actions AS action
            WHERE action.phone_number = guest.phone_number
        )
);

-- With their owner's rights, and no search_path of the caller's leads them elsewhere. A later migration that replaces one of
-- them states both again.
DO $$
DECLARE
    routine regprocedure;
BEGIN
    FOREACH routine IN ARRAY '{
        guestsql_consent_changed(),
        guestsql_contact_phone(text),
        "guestsql_contact_refusals(text[],text,text,text,text,text,timestamptz)",
        "guestsql_lock_contacts(text,text[])",
        "guestsql_record_contacts(text[],text,text,timestamptz)",
        guestsql_uncount_contact(bigint)
    }'::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', routine, current_schema());
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM public', routine);
    END LOOP;
END
$$;

-- As in 0005_roles.sql, with the role guestsql_marketing. Makes the roles that are missing and gives them their rights; may be
-- called again at any time, by the owner of the tables. A notice reports what is refused, and the rest continues.
-- `SET guestsql.roles = off` leaves all roles alone.
--
-- It belongs to the role that made it, not to guestsql_owner, and trusts no text of guestsql_grants: otherwise the owner of
-- either could have a superuser, who migrates, run any statement.
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

    -- Functions that run with their owner's rights, and are not everybody's.
    FOR wish IN
        SELECT
            wishes.routine,
            wishes.role_name
        FROM (
            VALUES
            ('guestsql_sample_guests(integer)', 'guestsql_bot'),
            ('guestsql_sample_guests(integer)', 'guestsql_monitor'),
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
