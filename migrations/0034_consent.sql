-- Consent to being contacted: what a guest agreed to, when, where and in which words, and every withdrawal. Append-only, so
-- that it can be proven later. Without a row there is no consent.

-- Each text that a guest agreed to, once. The digest proves that it is unchanged.
CREATE TABLE consent_wordings (
    -- sha256 of the text in UTF-8, in hexadecimal digits.
    digest text NOT NULL,
    wording text NOT NULL,

    -- Such as es; NULL: not stated.
    language text,
    first_used_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT consent_wordings_pkey PRIMARY KEY (digest),
    CONSTRAINT consent_wordings_digest_check CHECK (digest = encode(sha256(convert_to(wording, 'UTF8')), 'hex')),
    CONSTRAINT consent_wordings_wording_check CHECK (wording <> ''),
    CONSTRAINT consent_wordings_language_check CHECK (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
    CONSTRAINT consent_wordings_times_check CHECK (
        first_used_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

-- Every consent and every withdrawal. A row is never deleted while the guest is known: an erasure replaces the key by hashes,
-- and a merge moves the row to the guest who is kept.
CREATE TABLE consent_events (
    event_id bigint GENERATED ALWAYS AS IDENTITY,

    -- The guest's key; NULL after an erasure.
    phone_number text,

    -- Instead of the key after an erasure: the hash of every id that the guest had.
    subject_hashes bytea[],
    action text NOT NULL,

    -- What for, such as marketing. A withdrawal of '*' is one of every purpose.
    purpose text NOT NULL,

    -- By which way, such as whatsapp. A withdrawal of '*' is one of every channel.
    channel text NOT NULL,

    -- Where it was recorded, such as web, reception or gateway. It stays after an erasure, so it cannot name a person.
    source text NOT NULL,

    -- What the guest agreed to, and the version of it as the caller counts them. A withdrawal needs none.
    wording_digest text,
    wording_version text,

    -- Who recorded it; NULL: not stated.
    actor text,

    -- When the guest said so, never in the future.
    occurred_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT consent_events_pkey PRIMARY KEY (event_id),
    CONSTRAINT consent_events_wording_digest_fkey FOREIGN KEY (wording_digest) REFERENCES consent_wordings (digest),
    CONSTRAINT consent_events_action_check CHECK (action IN ('given', 'withdrawn')),
    CONSTRAINT consent_events_subject_check CHECK (
        (phone_number IS NULL) = (subject_hashes IS NOT NULL)
        AND (phone_number IS NOT NULL OR actor IS NULL)
    ),
    CONSTRAINT consent_events_given_check CHECK (
        action = 'withdrawn'
        OR (purpose <> '*' AND channel <> '*' AND wording_digest IS NOT NULL AND wording_version IS NOT NULL)
    ),
    -- Exact words: consent to whatsapp and a withdrawal of WhatsApp would not meet.
    CONSTRAINT consent_events_names_check CHECK (
        purpose ~ '^([a-z][a-z0-9_-]{0,49}|[*])$'
        AND channel ~ '^([a-z][a-z0-9_-]{0,49}|[*])$'
        AND source ~ '^[a-z][a-z0-9_-]{0,49}$'
        AND source !~ '[0-9]{5}'
    ),
    CONSTRAINT consent_events_texts_check CHECK (wording_version <> '' AND actor <> ''),
    CONSTRAINT consent_events_times_check CHECK (
        occurred_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND recorded_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
        AND occurred_at <= recorded_at
    )
);

CREATE INDEX consent_events_phone_number ON consent_events (phone_number, event_id) WHERE phone_number IS NOT NULL;

-- For the proof of an erased guest's consent.
CREATE INDEX consent_events_subject_hashes ON consent_events USING gin (subject_hashes) WHERE phone_number IS NULL;

-- The consent of each guest now, derived from consent_events. A row with the purpose or the channel '*' is a withdrawal of all;
-- it is newer than the rows that it concerns, or those are given again.
CREATE TABLE guest_consents (
    -- The guest's key.
    phone_number text NOT NULL,
    purpose text NOT NULL,
    channel text NOT NULL,
    is_given boolean NOT NULL,

    -- The event that decided, and its time.
    changed_at timestamptz NOT NULL,
    event_id bigint NOT NULL,

    CONSTRAINT guest_consents_pkey PRIMARY KEY (phone_number, purpose, channel),
    -- A claim locks that row, and so meets a withdrawal. Checked at the end of the transaction.
    CONSTRAINT guest_consents_phone_number_fkey FOREIGN KEY (phone_number) REFERENCES guest_marketing (phone_number)
    DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT guest_consents_all_check CHECK (NOT is_given OR (purpose <> '*' AND channel <> '*')),
    CONSTRAINT guest_consents_times_check CHECK (
        changed_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

-- For the lists.
CREATE INDEX guest_consents_given ON guest_consents (purpose, channel) WHERE is_given;

-- Refuses to delete or to change what was recorded, except for an erasure, a merge, and the deletion of an erased guest's rows.
CREATE FUNCTION guestsql_keep_consent() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.phone_number IS NULL THEN
        RETURN OLD;
    ELSIF TG_OP = 'UPDATE'
        AND OLD.phone_number IS NOT NULL
        AND to_jsonb(NEW) - '{phone_number,subject_hashes,actor}'::text[]
        = to_jsonb(OLD) - '{phone_number,subject_hashes,actor}'::text[]
        AND (NEW.phone_number IS NULL OR NEW.actor IS NOT DISTINCT FROM OLD.actor)
    THEN
        RETURN NEW;
    ELSIF TG_OP = 'TRUNCATE' AND NOT EXISTS (SELECT FROM consent_events) THEN
        RETURN NULL;
    END IF;
    RAISE object_not_in_prerequisite_state USING
        MESSAGE = 'rows of consent_events cannot be changed or deleted: they are the proof',
        HINT = 'insert a new row; guestsql guest forget removes what identifies the person';
END
$$;

CREATE TRIGGER consent_events_keep
BEFORE UPDATE OR DELETE ON consent_events
FOR EACH ROW
EXECUTE FUNCTION guestsql_keep_consent();

CREATE TRIGGER consent_events_keep_all
BEFORE TRUNCATE ON consent_events
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_keep_consent();

-- Refuses to write guest_consents directly: that would be a consent without a proof.
CREATE FUNCTION guestsql_derive_consent_only() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF pg_trigger_depth() < 2 AND (TG_OP <> 'TRUNCATE' OR EXISTS (SELECT FROM consent_events)) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'guest_consents follows consent_events and cannot be written directly',
            HINT = 'insert a row into consent_events';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER guest_consents_derived
BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON guest_consents
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_derive_consent_only();

-- Computes the consents of guests whose events were inserted or moved. First it locks their rows of guest_marketing, in the
-- order of the keys. Each query of a VOLATILE function takes a new snapshot, so it sees the events of every writer who had
-- the locks before.
--
-- The latest event counts. Of a consent and a withdrawal at the same time the withdrawal counts, and so it does in doubt:
-- gateways state times in whole seconds, so a withdrawal may be up to a second later than stated, but not later than it was
-- recorded.
CREATE FUNCTION guestsql_consent_changed() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
    -- Guests who have these events now, and guests who had them.
    current_keys text[];
    former_keys text[] := '{}';
BEGIN
    current_keys := array(SELECT DISTINCT written.phone_number FROM written WHERE written.phone_number IS NOT NULL);
    IF TG_OP = 'UPDATE' THEN
        former_keys := array(SELECT DISTINCT removed.phone_number FROM removed WHERE removed.phone_number IS NOT NULL);
        PERFORM
        FROM guest_marketing AS known
        WHERE known.phone_number = ANY(current_keys || former_keys)
        ORDER BY known.phone_number
        FOR NO KEY UPDATE;
    END IF;

    INSERT INTO guest_marketing (phone_number)
    SELECT given.phone_number
    FROM unnest(current_keys) AS given (phone_number)
    ORDER BY given.phone_number
    ON CONFLICT (phone_number) DO UPDATE
        SET updated_at = statement_timestamp();

    DELETE FROM guest_consents
    WHERE phone_number = ANY(current_keys || former_keys);

    INSERT INTO guest_consents (phone_number, purpose, channel, is_given, changed_at, event_id)
    SELECT DISTINCT ON (subject.phone_number, subject.purpose, subject.channel)
        subject.phone_number,
        subject.purpose,
        subject.channel,
        decisive.action = 'given',
        decisive.occurred_at,
        decisive.event_id
    FROM (
        SELECT DISTINCT
            event.phone_number,
            event.purpose,
            event.channel
        FROM consent_events AS event
        WHERE event.phone_number = ANY(current_keys || former_keys)
    ) AS subject
    INNER JOIN consent_events AS decisive
        ON
            subject.phone_number = decisive.phone_number
            AND decisive.purpose IN (subject.purpose, '*')
            AND decisive.channel IN (subject.channel, '*')
    ORDER BY
        subject.phone_number,
        subject.purpose,
        subject.channel,
        CASE
            WHEN decisive.action = 'given' THEN decisive.occurred_at
            ELSE least(decisive.occurred_at + INTERVAL '0.999999 seconds', decisive.recorded_at)
        END DESC,
        decisive.action = 'withdrawn' DESC,
        decisive.event_id DESC;
    RETURN NULL;
END
$$;

-- For each statement, so that many events are entered at once.
CREATE TRIGGER consent_events_inserted
AFTER INSERT ON consent_events
REFERENCING NEW TABLE AS written
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_consent_changed();

CREATE TRIGGER consent_events_moved
AFTER UPDATE ON consent_events
REFERENCING NEW TABLE AS written OLD TABLE AS removed
FOR EACH STATEMENT
EXECUTE FUNCTION guestsql_consent_changed();

-- The people who may be listed for marketing, one row for each purpose and channel: guests, active or archived, who have given
-- their consent. Every list for a campaign is made from this view.
CREATE VIEW consented_guests AS
WITH known_guests AS (
    SELECT
        guest.phone_number,
        guestsql_current_phone(guest.current_phone, guest.phone_number) AS current_phone,
        guest.user_name,
        guest.contact_name,
        guest.labels,
        guest.first_interaction,
        guest.last_interaction,
        guest.last_active_on,
        guest.total_interactions,
        NULL::timestamptz AS archived_at
    FROM guest_profiles AS guest
    UNION ALL
    SELECT
        client.phone_number,
        guestsql_current_phone(NULL, client.phone_number) AS current_phone,
        client.user_name,
        client.contact_name,
        client.labels,
        NULL::timestamptz AS first_interaction,
        client.last_interaction,
        (client.last_interaction AT TIME ZONE 'UTC')::date AS last_active_on,
        client.total_interactions,
        client.archived_at
    FROM historical_clients AS client
    -- A row of both tables, of earlier versions, is the active guest's.
    WHERE
        NOT EXISTS (
            SELECT 1
            FROM guest_profiles AS active
            WHERE active.phone_number = client.phone_number
        )
)

SELECT
    consent.phone_number,
    consent.purpose,
    consent.channel,
    known.current_phone,
    known.user_name,
    known.contact_name,
    known.labels,
    known.first_interaction,
    known.last_interaction,
    known.last_active_on,
    known.total_interactions,
    marketing.booking_status,
    marketing.booking_status_at,
    marketing.first_booked_at,
    marketing.last_booked_at,
    marketing.last_quoted_at,
    known.archived_at,
    consent.changed_at AS consented_at
FROM guest_consents AS consent
INNER JOIN known_guests AS known ON consent.phone_number = known.phone_number
LEFT JOIN guest_marketing AS marketing ON consent.phone_number = marketing.phone_number
WHERE consent.is_given;

-- The channel by which each gateway reaches a guest. An opt-out word from a gateway that is not here withdraws every channel.
CREATE TABLE gateway_channels (
    gateway text NOT NULL,
    channel text NOT NULL,

    CONSTRAINT gateway_channels_pkey PRIMARY KEY (gateway),
    CONSTRAINT gateway_channels_channel_check CHECK (channel ~ '^[a-z][a-z0-9_-]{0,49}$')
);

INSERT INTO gateway_channels (gateway, channel) VALUES
('whatsapp', 'whatsapp');

-- A text in lower case, without accents, signs and doubled spaces: '¡No más!' becomes 'no mas'. Letters of other scripts stay.
CREATE FUNCTION guestsql_normalised_text(given_text text) RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN btrim(
    regexp_replace(
        lower(
            -- Accents and invisible marks.
            regexp_replace(
                normalize(given_text, nfkd), '[\u0300-\u036F\u00AD\u200B-\u200F\u2060\uFE00-\uFE0F\uFEFF]', '', 'g'
            )
        ),
        -- Spaces, punctuation, symbols and emoji.
        '[\u0001-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u00BF\u1680\u2000-\u2BFF\u2E00-\u303F\uFE10-\uFE6F'
        || '\U0001F000-\U0001FAFF]+',
        ' ',
        'g'
    )
);

-- Words by which a guest refuses messages. A message is a withdrawal if nothing else is in it.
CREATE TABLE opt_out_words (
    -- As guestsql_normalised_text returns it.
    word text NOT NULL,
    language text NOT NULL,

    -- Why it is here.
    source text NOT NULL,

    CONSTRAINT opt_out_words_pkey PRIMARY KEY (word),
    CONSTRAINT opt_out_words_word_check CHECK (
        word <> '' AND word = guestsql_normalised_text(word) AND length(word) <= 60
    )
);

INSERT INTO opt_out_words (word, language, source) VALUES
('stop', 'en', 'usual keyword, CTIA Messaging Principles'),
('stopall', 'en', 'usual keyword, CTIA Messaging Principles'),
('stop all', 'en', 'a spelling of stopall'),
('unsubscribe', 'en', 'usual keyword, CTIA Messaging Principles'),
('opt out', 'en', 'usual keyword, CTIA Messaging Principles'),
('optout', 'en', 'a spelling of opt out'),
('no more messages', 'en', 'plain words'),
('baja', 'es', 'usual keyword in Spanish'),
('dar de baja', 'es', 'a form of baja'),
('darme de baja', 'es', 'a form of baja'),
('darse de baja', 'es', 'a form of baja'),
('deme de baja', 'es', 'a form of baja'),
('no mas', 'es', 'usual keyword in Spanish'),
('no mas mensajes', 'es', 'plain words'),
('no mas publicidad', 'es', 'plain words'),
('no mas promociones', 'es', 'plain words'),
('no enviar mas', 'es', 'plain words'),
('no me escriban mas', 'es', 'plain words'),
('no quiero mas mensajes', 'es', 'plain words'),
('no quiero recibir mas mensajes', 'es', 'plain words'),
('parar', 'pt', 'usual keyword in Portuguese'),
('sair', 'pt', 'usual keyword in Portuguese'),
('descadastrar', 'pt', 'usual keyword in Portuguese'),
('arret', 'fr', 'usual keyword in French'),
('desabonner', 'fr', 'plain words'),
('abmelden', 'de', 'usual keyword in German'),
('abbestellen', 'de', 'plain words');

-- Whether a message is a withdrawal. Longer texts are not looked at.
CREATE FUNCTION guestsql_is_opt_out(message_text text) RETURNS boolean
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
    -- Once: the server reads the few words one after the other, and would otherwise compute it for each of them.
    normalised := guestsql_normalised_text(message_text);
    RETURN EXISTS (
        SELECT
        FROM opt_out_words AS known
        WHERE known.word = normalised
    );
END
$$;

REVOKE ALL ON FUNCTION guestsql_keep_consent(), guestsql_derive_consent_only(), guestsql_consent_changed() FROM public;

-- For the monitor nothing that distinguishes one guest from another.
INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('consent_wordings', '{SELECT,INSERT}', '{*}'),
('consent_events', DEFAULT, '{action, purpose, channel, source, wording_digest, wording_version, recorded_at}'),
('guest_consents', DEFAULT, '{purpose, channel, is_given}'),
('consented_guests', '{SELECT}', '{}'),
('gateway_channels', '{SELECT}', '{*}'),
('opt_out_words', '{SELECT}', '{*}');

SELECT guestsql_grant_roles();
