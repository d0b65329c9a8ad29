-- What the import of the old bot's JSON files needs, and what it leaves behind.

-- The records of one import, on their way to guest_profiles. This table is only a pattern and always empty: an import
-- makes a temporary table of its own after it, under the same name, which stands before this one for as long as the
-- import's transaction lasts. So nothing is left when an importer is killed, two imports do not meet here, and the
-- queries that use the table can be checked without one.
--
-- One row is one record of a file. A rejected one has no phone_number, but pointer and reason. When several records
-- tell of a guest, one row without file_number takes their place, with the times of the winners in the columns …_at;
-- in any other row recorded_at stands for all of those.
CREATE UNLOGGED TABLE legacy_staging (
    -- The files in the order of their weight, the weightiest is 1; within one, a later place weighs more.
    file_number bigint,
    place bigint,
    phone_number text,
    recorded_at timestamptz,
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
    -- {"legacy": {kind of file: {key as written: record}}}, as the guest's profile_data will hold it.
    profile_data jsonb,
    pointer text,
    reason text
);

-- One row an import that was committed.
CREATE TABLE legacy_imports (
    id bigint GENERATED ALWAYS AS IDENTITY,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    -- [{"path", "sha256", "records", "bytes"}], in the order they were read.
    files jsonb NOT NULL,
    records bigint NOT NULL,
    guests bigint NOT NULL,
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    unchanged bigint NOT NULL,
    rejected bigint NOT NULL,

    -- Records that told of a guest of whom another record told too.
    merged bigint NOT NULL,
    file_bytes bigint NOT NULL,
    table_bytes bigint NOT NULL,
    peak_memory_bytes bigint,
    seconds float8 NOT NULL,

    CONSTRAINT legacy_imports_pkey PRIMARY KEY (id),
    CONSTRAINT legacy_imports_files_check CHECK (jsonb_typeof(files) = 'array'),
    CONSTRAINT legacy_imports_records_check CHECK (records = guests + merged + rejected),
    CONSTRAINT legacy_imports_guests_check CHECK (guests = inserted + updated + unchanged)
);

-- The records of which no guest could be made; number is the rank in the report. 0009 keeps the records themselves.
CREATE TABLE legacy_rejects (
    import_id bigint NOT NULL,
    number bigint NOT NULL,
    path text NOT NULL,
    pointer text NOT NULL,
    reason text NOT NULL,

    CONSTRAINT legacy_rejects_pkey PRIMARY KEY (import_id, number),
    CONSTRAINT legacy_rejects_import_id_fkey FOREIGN KEY (import_id) REFERENCES legacy_imports (id) ON DELETE CASCADE
);
