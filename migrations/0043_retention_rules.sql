-- How long each kind of data is kept: rows, which a lawyer can read and a DBA can change.

CREATE TABLE retention_rules (
    kind text NOT NULL,

    -- NULL: kept for as long as the guest is not erased.
    -- squawk-ignore prefer-bigint-over-int
    keep_days integer,

    -- Where the data are, and the column that says how old a row is.
    relation_name text NOT NULL,
    time_column text NOT NULL,

    -- Only rows in which this column is not NULL are of this kind.
    filled_column text,

    -- The query that removes them, with this row's days; NULL: thin_by_rules deletes the rows.
    query text,
    source text NOT NULL,

    -- Set it when counsel has confirmed the days.
    is_confirmed boolean NOT NULL DEFAULT FALSE,

    CONSTRAINT retention_rules_pkey PRIMARY KEY (kind),
    CONSTRAINT retention_rules_keep_days_check CHECK (keep_days BETWEEN 0 AND 36500),
    CONSTRAINT retention_rules_names_check CHECK (kind <> '' AND relation_name <> '' AND time_column <> '')
);

INSERT INTO retention_rules (kind, keep_days, relation_name, time_column, filled_column, query, source) VALUES
(
    'message_texts', NULL, 'messages', 'sent_at', 'text', 'thin_message_texts',
    'GUESTSQL_KEEP_TEXT decides; fewer days here count'
),
('messages', 400, 'messages', 'sent_at', NULL, 'thin_messages', 'for questions of guests and of accounting'),
('message_ids', 30, 'operations', 'done_at', NULL, 'thin_operations', 'WhatsApp delivers again for 7 days'),
('replies', 30, 'outbox', 'sent_at', NULL, 'thin_replies', 'for questions of guests'),
('interaction_hours', 366, 'interaction_hours', 'hour', NULL, 'thin_interaction_hours', 'a year of seasons'),
('metrics', 400, 'query_minutes', 'minute', NULL, 'thin_minutes', 'nothing personal; a year to compare with'),
('notes', NULL, 'guest_notes', 'created_at', NULL, NULL, 'the staff decides'),
('booking_events', NULL, 'booking_events', 'occurred_at', NULL, NULL, 'accounting law may require ten years'),
('action_refusals', 400, 'action_refusals', 'last_at', NULL, NULL, 'to answer complaints'),
('action_results', 400, 'action_results', 'recorded_at', NULL, NULL, 'to answer complaints'),
(
    'consent_proofs', 3650, 'consent_events', 'recorded_at', 'subject_hashes', NULL,
    'of erased guests: Ley 1581 of 2012 requires a proof of consent; to be confirmed by counsel'
),
('erased_ids', 3650, 'erased_guests', 'erased_at', NULL, NULL, 'old files and dumps must not bring erased guests back'),
('erasures', 3650, 'erasures', 'recorded_at', NULL, NULL, 'the proof that a request was fulfilled'),
(
    'archived_guests', NULL, 'historical_clients', 'archived_at', NULL, 'list_expired_guests',
    'off; with days here, forget_guest erases archived guests'
);

-- The days of a rule, unless others are given.
CREATE FUNCTION guestsql_keep_days(rule_kind text, given_days integer) RETURNS integer
LANGUAGE sql
STABLE
RETURN coalesce(
    given_days,
    (
        SELECT keep_days
        FROM retention_rules
        WHERE kind = rule_kind
    )
);

-- Deletes at most max_rows rows that are older than their rule allows, and returns how many; or, in a dry run, returns how
-- many there are. Of given_days and those of the rule the fewer count. With the caller's rights: the names in the rules are those of tables and columns, never a condition.
CREATE FUNCTION guestsql_apply_rule(
    rule_kind text, given_days integer, max_rows integer, dry_run boolean
) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    rule retention_rules%ROWTYPE;
    kept_days integer;
    condition text;
    found_rows bigint;
BEGIN
    SELECT * INTO rule FROM retention_rules AS known WHERE known.kind = rule_kind;
    kept_days := least(rule.keep_days, given_days);
    IF kept_days IS NULL THEN
        RETURN 0;
    END IF;
    condition := format('aged.%I < statement_timestamp() - make_interval(days => $1)', rule.time_column);
    IF rule.filled_column IS NOT NULL THEN
        condition := format('%s AND aged.%I IS NOT NULL', condition, rule.filled_column);
    END IF;
    IF dry_run THEN
        EXECUTE format('SELECT count(*) FROM %I AS aged WHERE %s', rule.relation_name, condition)
        INTO found_rows
        USING kept_days;
        RETURN found_rows;
    END IF;
    EXECUTE format(
        'DELETE FROM %1$I AS gone USING ('
        'SELECT aged.tableoid AS table_id, aged.ctid AS row_id FROM %1$I AS aged WHERE %2$s LIMIT $2 FOR UPDATE SKIP LOCKED'
        ') AS expired WHERE gone.tableoid = expired.table_id AND gone.ctid = expired.row_id',
        rule.relation_name, condition
    )
    USING kept_days, max_rows;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    RETURN found_rows;
END
$$;

INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns, marketing_columns) VALUES
('retention_rules', '{SELECT}', '{*}', '{}');

UPDATE guestsql_grants
SET monitor_columns = '{erased_at, reason, recorded_at}'
WHERE relation_name = 'erasures';

SELECT guestsql_grant_roles();
