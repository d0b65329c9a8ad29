-- As before. The normalised text is computed once: the server reads the few words one after the other, and would otherwise
-- compute it for each of them.
CREATE OR REPLACE FUNCTION guestsql_is_opt_out(message_text text) RETURNS boolean
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
AS $$
DECLARE
    normalised text;
BEGIN
    IF message_text IS NULL OR length(message_text) > 100 THEN
        RETURN FALSE;
    END IF;
    normalised := guestsql_normalised_text(message_text);
    RETURN EXISTS (
        SELECT
        FROM opt_out_words AS known
        WHERE known.word = normalised
    );
END
$$;
