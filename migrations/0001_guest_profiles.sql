-- The guests: one row each, with profile, thread and cached context.
--
-- Keys. phone_number is the digits of the phone, or, for a guest whom WhatsApp shows without one, the id itself
-- ('81234567890123@lid', 'CO.1a2B3c'). Those hold a character that no phone has, so the two kinds cannot collide.
-- It is the whole primary key: with it in every unique constraint the table can later be spread by phone number.
--
-- Times are timestamptz: a timestamp without zone, written in Bogotá and read in UTC, is five hours off.
--
-- fillfactor 75 leaves room on each page for the new version of a row, so that touches and context updates stay
-- heap-only (HOT) and write no index.
CREATE TABLE guest_profiles (
    phone_number text NOT NULL,

    -- Where the guest was last met. Not derived from the phone: it may be a group, and what nobody said is NULL.
    chat_id text,
    user_name text,
    contact_name text,

    -- An array, not jsonb: a label is a text, and arrays have the operators for it. Never NULL: no labels is {}.
    labels text[] NOT NULL DEFAULT '{}',
    profile_data jsonb NOT NULL DEFAULT '{}',

    -- False: this guest's context is not to be used.
    memory_enabled boolean NOT NULL DEFAULT TRUE,

    -- The conversation's thread, the tokens spent in it, and since when it is the guest's.
    thread_id text,
    thread_tokens bigint NOT NULL DEFAULT 0,
    thread_created_at timestamptz,

    -- Moved by the guest's own messages only, and only forward.
    first_interaction timestamptz,
    last_interaction timestamptz,
    total_interactions bigint NOT NULL DEFAULT 0,

    -- The day of last_interaction, to be indexed in its place: an index on last_interaction itself would make every
    -- message a non-HOT update (810 bytes of WAL against 172); the day changes once a day. UTC, because a
    -- generated column must not depend on the session.
    last_active_on date GENERATED ALWAYS AS ((last_interaction AT TIME ZONE 'UTC')::date) STORED,

    -- The cache. NULL in last_context_update: the text, if any, tells of a profile that has changed since.
    context_cache text,
    last_context_update timestamptz,

    -- Raised by whatever changes what the context shows; a text built before that can no longer be published.
    context_epoch bigint NOT NULL DEFAULT 0,

    -- Who builds the context just now, and until when nobody else may.
    context_lease uuid,
    context_lease_until timestamptz,

    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT guest_profiles_pkey PRIMARY KEY (phone_number),
    CONSTRAINT guest_profiles_phone_number_check CHECK (
        phone_number ~ '^([1-9][0-9]{6,14}|[0-9]{1,32}@lid|[A-Z]{2}\.[A-Za-z0-9]{1,128})$'
    ),
    -- A name that is blank is no name; it would stand in the context as one.
    CONSTRAINT guest_profiles_names_check CHECK (user_name <> '' AND contact_name <> ''),
    CONSTRAINT guest_profiles_chat_id_check CHECK (chat_id <> ''),
    CONSTRAINT guest_profiles_labels_check CHECK (
        labels = '{}'
        OR (array_ndims(labels) = 1 AND array_position(labels, NULL) IS NULL AND array_position(labels, '') IS NULL)
    ),
    CONSTRAINT guest_profiles_profile_data_check CHECK (jsonb_typeof(profile_data) = 'object'),
    CONSTRAINT guest_profiles_thread_check CHECK (
        thread_id <> '' AND thread_tokens >= 0 AND (thread_id IS NOT NULL OR thread_tokens = 0)
    ),
    CONSTRAINT guest_profiles_interactions_check CHECK (
        total_interactions >= 0 AND first_interaction <= last_interaction
    ),
    CONSTRAINT guest_profiles_lease_check CHECK ((context_lease IS NULL) = (context_lease_until IS NULL))
)
WITH (fillfactor = 75);

-- Serves the most recent first with the silent-for-ever last, and, read backwards, the longest silent first.
CREATE INDEX idx_guest_profiles_last_activity ON guest_profiles (last_active_on DESC NULLS LAST);

-- Serves labels @> ARRAY['…'].
CREATE INDEX idx_guest_profiles_labels ON guest_profiles USING gin (labels);

-- The queries raise the epoch themselves, in the same statement, where a reader can see it. This trigger does it for
-- everybody else: a row corrected by hand in psql must not leave the old name in the context. When the statement has
-- raised the epoch, or nothing that is shown has changed, it does not fire.
CREATE FUNCTION guestsql_expire_context() RETURNS trigger
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

CREATE TRIGGER guest_profiles_expire_context
BEFORE UPDATE OF chat_id, user_name, contact_name, labels, profile_data, memory_enabled ON guest_profiles
FOR EACH ROW
WHEN (
    new.context_epoch = old.context_epoch
    AND (new.chat_id, new.user_name, new.contact_name, new.labels, new.profile_data, new.memory_enabled)
    IS DISTINCT FROM
    (old.chat_id, old.user_name, old.contact_name, old.labels, old.profile_data, old.memory_enabled)
)
EXECUTE FUNCTION guestsql_expire_context();
