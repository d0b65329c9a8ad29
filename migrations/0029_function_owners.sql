-- Functions that run with their owner's rights have no more than the tables' owner has: otherwise a trigger of that owner,
-- on a table that they write, would run with the rights of who migrates, perhaps a superuser.
DO $$
DECLARE
    tables_owner oid := (SELECT relowner FROM pg_class WHERE oid = 'guest_profiles'::regclass);
    routine regprocedure;
BEGIN
    IF NOT pg_has_role(tables_owner, 'USAGE') THEN
        RETURN;
    END IF;
    FOREACH routine IN ARRAY array(
        SELECT functions.oid::regprocedure
        FROM pg_proc AS functions
        WHERE
            functions.pronamespace = current_schema()::regnamespace
            AND functions.proname LIKE 'guestsql\_%'
            AND functions.prosecdef
            AND functions.proowner <> tables_owner
            AND pg_has_role(functions.proowner, 'USAGE')
        ORDER BY functions.oid
    ) LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO %I', routine, pg_get_userbyid(tables_owner));
    END LOOP;
END
$$;
