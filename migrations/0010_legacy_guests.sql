-- The import folds what it has staged range by range: the guests of one range, on their way from legacy_staging to
-- guest_profiles, each once. Like legacy_staging this table is only a pattern and always empty.
-- A row of legacy_staging is one record now; its columns …_at stay for those who still run the version before.
CREATE UNLOGGED TABLE legacy_guests (
    phone_number text,
    recorded_at timestamptz,

    -- Of each column the time of the record that it was taken from, -infinity when that has none.
    chat_id text,
    chat_id_at timestamptz,
    user_name text,
    user_name_at timestamptz,
    contact_name text,
    contact_name_at timestamptz,
    labels text[],
    labels_at timestamptz,
    thread_id text,
    thread_id_at timestamptz,
    thread_created_at timestamptz,
    first_interaction timestamptz,
    last_interaction timestamptz,
    created_at timestamptz,
    total_interactions bigint,
    profile_data jsonb
);

INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('legacy_guests', '{}', '{}');

SELECT guestsql_grant_roles();
