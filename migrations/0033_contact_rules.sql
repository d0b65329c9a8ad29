-- When, how often and whom a campaign may contact. The rules are rows, so that a lawyer's correction needs no release:
-- docs/contact-rules.md. Every row has its source; is_confirmed is FALSE until counsel has confirmed it.
--
-- '*' in a column called channel means every channel.

-- A set of rules. The accounts name the profile that they follow.
CREATE TABLE contact_profiles (
    profile text NOT NULL,

    -- ISO 3166-1, two letters: whose holidays. NULL: none.
    country text,
    description text NOT NULL,

    -- TRUE: people are contacted within contact_hours only. A weekday without a row there is closed.
    restricts_hours boolean NOT NULL DEFAULT FALSE,
    excludes_holidays boolean NOT NULL DEFAULT FALSE,
    source text NOT NULL,
    is_confirmed boolean NOT NULL DEFAULT FALSE,

    CONSTRAINT contact_profiles_pkey PRIMARY KEY (profile),
    CONSTRAINT contact_profiles_profile_check CHECK (profile <> ''),
    CONSTRAINT contact_profiles_country_check CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT contact_profiles_holidays_check CHECK (country IS NOT NULL OR NOT excludes_holidays)
);

-- The hours of a weekday by the hotel's clock, several rows for several parts of the day. closes_at is the first moment
-- that is too late; 24:00 is the end of the day. Hours over midnight are two rows.
CREATE TABLE contact_hours (
    profile text NOT NULL,

    -- ISO 8601: 1 is Monday, 7 is Sunday.
    weekday bigint NOT NULL,
    opens_at time NOT NULL,
    closes_at time NOT NULL,
    source text NOT NULL,
    is_confirmed boolean NOT NULL DEFAULT FALSE,

    CONSTRAINT contact_hours_pkey PRIMARY KEY (profile, weekday, opens_at),
    CONSTRAINT contact_hours_profile_fkey FOREIGN KEY (profile) REFERENCES contact_profiles (profile),
    CONSTRAINT contact_hours_weekday_check CHECK (weekday BETWEEN 1 AND 7),
    CONSTRAINT contact_hours_times_check CHECK (opens_at < closes_at)
);

-- How often one person may be contacted in a calendar day, ISO week or month of the hotel's clock, through all accounts.
CREATE TABLE contact_caps (
    profile text NOT NULL,

    -- Only contacts through this channel are counted; '*': all.
    channel text NOT NULL DEFAULT '*',
    period text NOT NULL,

    -- NULL: any number.
    max_contacts bigint,
    max_channels bigint,
    source text NOT NULL,
    is_confirmed boolean NOT NULL DEFAULT FALSE,

    CONSTRAINT contact_caps_pkey PRIMARY KEY (profile, channel, period),
    CONSTRAINT contact_caps_profile_fkey FOREIGN KEY (profile) REFERENCES contact_profiles (profile),
    CONSTRAINT contact_caps_channel_check CHECK (channel <> ''),
    CONSTRAINT contact_caps_period_check CHECK (period IN ('day', 'week', 'month')),
    CONSTRAINT contact_caps_numbers_check CHECK (
        max_contacts >= 1 AND max_channels >= 1
        AND (max_contacts IS NOT NULL OR max_channels IS NOT NULL)
        AND (max_channels IS NULL OR channel = '*')
    )
);

-- `guestsql campaign holidays` fills both tables from the package `holidays`.
CREATE TABLE holidays (
    country text NOT NULL,
    day date NOT NULL,
    name text NOT NULL,
    source text NOT NULL,
    is_confirmed boolean NOT NULL DEFAULT FALSE,

    CONSTRAINT holidays_pkey PRIMARY KEY (country, day),
    CONSTRAINT holidays_country_check CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT holidays_times_check CHECK (day BETWEEN '0001-01-01' AND '9999-12-31')
);

-- The years whose holidays are known. In any other year a profile that excludes holidays refuses every contact.
CREATE TABLE holiday_years (
    country text NOT NULL,
    year bigint NOT NULL,
    source text NOT NULL,
    is_confirmed boolean NOT NULL DEFAULT FALSE,

    CONSTRAINT holiday_years_pkey PRIMARY KEY (country, year),
    CONSTRAINT holiday_years_country_check CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT holiday_years_year_check CHECK (year BETWEEN 1900 AND 9999)
);

-- Days on which no one is contacted, beside the holidays.
CREATE TABLE excluded_days (
    profile text NOT NULL,
    day date NOT NULL,
    reason text NOT NULL,
    source text NOT NULL,
    is_confirmed boolean NOT NULL DEFAULT FALSE,

    CONSTRAINT excluded_days_pkey PRIMARY KEY (profile, day),
    CONSTRAINT excluded_days_profile_fkey FOREIGN KEY (profile) REFERENCES contact_profiles (profile),
    CONSTRAINT excluded_days_times_check CHECK (day BETWEEN '0001-01-01' AND '9999-12-31')
);

-- Numbers that must not be contacted, such as those of an official register. Most belong to people who
-- are not guests, so only the sha256 of the salt (erasure_salt) and the number is kept. `guestsql campaign exclude`
-- enters every national spelling of a number.
CREATE TABLE excluded_numbers (
    id_hash bytea NOT NULL,
    channel text NOT NULL DEFAULT '*',
    source text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT excluded_numbers_pkey PRIMARY KEY (id_hash, channel, source),
    CONSTRAINT excluded_numbers_id_hash_check CHECK (octet_length(id_hash) = 32),
    CONSTRAINT excluded_numbers_channel_check CHECK (channel <> ''),
    CONSTRAINT excluded_numbers_times_check CHECK (
        added_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

-- The templates that the channel's provider has approved or not.
CREATE TABLE message_templates (
    template text NOT NULL,
    channel text NOT NULL,
    language text NOT NULL,

    -- As the provider calls it, in lower case. Only 'approved' counts.
    status text NOT NULL,
    category text,
    updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),

    CONSTRAINT message_templates_pkey PRIMARY KEY (template, channel, language),
    CONSTRAINT message_templates_names_check CHECK (template <> '' AND channel <> '' AND language <> ''),
    CONSTRAINT message_templates_status_check CHECK (
        status IN ('draft', 'pending', 'approved', 'rejected', 'paused', 'disabled')
    ),
    CONSTRAINT message_templates_times_check CHECK (
        updated_at BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
);

-- What is sent from: a WhatsApp number, a sender of SMS, a mailbox.
CREATE TABLE contact_accounts (
    account text NOT NULL,
    channel text NOT NULL,
    profile text NOT NULL,

    -- NULL: the hotel's, GUESTSQL_TIMEZONE.
    time_zone text,

    -- How many different people the provider lets this account reach in any 24 hours. NULL: any number.
    daily_people bigint,

    -- For so many hours after a guest's last message no approved template is needed. NULL: it is never needed.
    reply_window_hours bigint,
    source text NOT NULL,
    is_confirmed boolean NOT NULL DEFAULT FALSE,

    CONSTRAINT contact_accounts_pkey PRIMARY KEY (account),
    -- For the foreign keys of campaigns and their actions: one of another channel would make every claim of the account fail.
    CONSTRAINT contact_accounts_account_channel_key UNIQUE (account, channel),
    CONSTRAINT contact_accounts_profile_fkey FOREIGN KEY (profile) REFERENCES contact_profiles (profile),
    CONSTRAINT contact_accounts_names_check CHECK (account <> '' AND channel NOT IN ('', '*')),
    -- Fails for an unknown time zone.
    CONSTRAINT contact_accounts_time_zone_check CHECK (
        time_zone IS NULL OR timestamptz '2000-01-01 00:00+00' AT TIME ZONE time_zone IS NOT NULL
    ),
    CONSTRAINT contact_accounts_numbers_check CHECK (daily_people >= 0 AND reply_window_hours >= 0)
);

-- How many people an account has reached, by the five minutes of their latest contact: who is contacted again moves. So
-- the sum over 24 hours is the number of different people. An erased guest stays counted until the day has passed.
CREATE TABLE reached_people (
    account text NOT NULL,
    since timestamptz NOT NULL,
    people bigint NOT NULL,

    CONSTRAINT reached_people_pkey PRIMARY KEY (account, since),
    CONSTRAINT reached_people_account_fkey FOREIGN KEY (account) REFERENCES contact_accounts (account)
    ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT reached_people_people_check CHECK (people >= 0),
    CONSTRAINT reached_people_times_check CHECK (
        since BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 23:59:59.999999+00'
    )
)
WITH (fillfactor = 70);

-- What people are contacted for.
CREATE TABLE contact_purposes (
    purpose text NOT NULL,

    -- TRUE: only those who gave their consent to it are contacted. FALSE: all but those who withdrew it.
    needs_consent boolean NOT NULL DEFAULT TRUE,
    description text NOT NULL,
    source text NOT NULL,
    is_confirmed boolean NOT NULL DEFAULT FALSE,

    CONSTRAINT contact_purposes_pkey PRIMARY KEY (purpose),
    CONSTRAINT contact_purposes_purpose_check CHECK (purpose NOT IN ('', '*'))
);

INSERT INTO contact_profiles (profile, country, description, restricts_hours, excludes_holidays, source) VALUES
('none', NULL, 'No restrictions of hours, days or frequency', FALSE, FALSE, 'guestsql'),
(
    'CO', 'CO', 'Colombia: commercial messages to consumers', TRUE, TRUE,
    'Colombia, Ley 2300 de 2023, art. 3 and 5 (art. 3 also applies to advertising); to be confirmed by counsel'
);

INSERT INTO contact_hours (profile, weekday, opens_at, closes_at, source)
SELECT
    'CO',
    weekdays.weekday,
    '07:00',
    '19:00',
    'Colombia, Ley 2300 de 2023, art. 3: Monday to Friday 7:00 to 19:00; to be confirmed by counsel'
FROM generate_series(1, 5) AS weekdays (weekday);

INSERT INTO contact_hours (profile, weekday, opens_at, closes_at, source) VALUES
(
    'CO', 6, '08:00', '15:00',
    'Colombia, Ley 2300 de 2023, art. 3: Saturday 8:00 to 15:00, not on Sundays; to be confirmed by counsel'
);

INSERT INTO contact_caps (profile, channel, period, max_contacts, max_channels, source) VALUES
(
    'CO', '*', 'day', 1, NULL,
    'Colombia, Ley 2300 de 2023, art. 3: not more than once on the same day; to be confirmed by counsel'
),
(
    'CO', '*', 'week', NULL, 1,
    'Colombia, Ley 2300 de 2023, art. 3: not through several channels in the same week; to be confirmed by counsel'
);

INSERT INTO contact_accounts (account, channel, profile, daily_people, reply_window_hours, source) VALUES
(
    'whatsapp', 'whatsapp', 'CO', 250, 24,
    'WhatsApp Business Platform: limit of a new account, customer service window; to be confirmed for your account'
);

INSERT INTO contact_purposes (purpose, needs_consent, description, source) VALUES
(
    'marketing', TRUE, 'Offers and other advertising',
    'Colombia, Ley 1581 de 2012, art. 9, and Decreto 1377 de 2013, art. 7 and 8; to be confirmed by counsel'
),
(
    'service', FALSE, 'What concerns a stay that the guest has asked for or booked',
    'Colombia, Ley 2300 de 2023, art. 5, par. 2: matters strictly related to the service; to be confirmed by counsel'
);

-- How many different people an account has reached in the 24 hours before a moment. It counts whole spans of five
-- minutes, so it is never too low.
CREATE FUNCTION guestsql_count_reached(account text, at timestamptz) RETURNS bigint
LANGUAGE sql
STABLE
RETURN (
    SELECT coalesce(sum(reached.people), 0)::bigint
    FROM reached_people AS reached
    WHERE
        reached.account = guestsql_count_reached.account
        AND reached.since > guestsql_count_reached.at - interval '24 hours 5 minutes'
);

-- The first moment from `since` on at which a profile's hours and days let people be contacted; NULL if there is none
-- within a year. Where the clock is changed while the hours begin, it may be up to the change too late, never too early.
CREATE FUNCTION guestsql_next_contact_time(profile text, time_zone text, since timestamptz) RETURNS timestamptz
LANGUAGE sql
STABLE
RETURN (
    SELECT greatest((days.day + coalesce(hours.opens_at, '00:00')) AT TIME ZONE time_zone, since)
    FROM contact_profiles AS rules
    CROSS JOIN
        generate_series(
            date_trunc('day', since AT TIME ZONE time_zone),
            date_trunc('day', since AT TIME ZONE time_zone) + interval '366 days',
            interval '1 day'
        ) AS days (day)
    LEFT JOIN contact_hours AS hours
        ON
            rules.profile = hours.profile
            AND rules.restricts_hours
            AND hours.weekday = extract(ISODOW FROM days.day)
    WHERE
        rules.profile = guestsql_next_contact_time.profile
        AND (hours.profile IS NOT NULL OR NOT rules.restricts_hours)
        AND (days.day + coalesce(hours.closes_at, '24:00')) AT TIME ZONE time_zone > since
        AND NOT EXISTS (
            SELECT 1
            FROM excluded_days AS excluded
            WHERE
                excluded.profile = rules.profile
                AND excluded.day = days.day::date
        )
        AND NOT EXISTS (
            SELECT 1
            FROM holidays
            WHERE
                rules.excludes_holidays
                AND holidays.country = rules.country
                AND holidays.day = days.day::date
        )
    ORDER BY
        days.day,
        hours.opens_at
    LIMIT 1
);

-- The three functions below run with their owner's rights. Who may not read guests, such as guestsql_marketing, calls them for
-- guests who have an action only: otherwise they would tell whether a number is a guest's, and what that guest refused.
CREATE FUNCTION guestsql_require_actions(guest_keys text[]) RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF NOT has_table_privilege(session_user, 'guest_profiles', 'SELECT')
        AND EXISTS (
            SELECT FROM unnest(guest_keys) AS given (guest_key)
            WHERE
                NOT EXISTS (
                    SELECT FROM campaign_actions AS action
                    WHERE action.phone_number = given.guest_key
                )
        )
    THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s may ask about guests who have an action only', session_user);
    END IF;
END
$$;

-- Locks what a claim decides by: the account's row, then the guests' rows of guest_marketing, in the order of their keys.
-- Call it once, with all guests of the claim, before guestsql_contact_refusals. Who has an action has such a row.
CREATE FUNCTION guestsql_lock_contacts(account text, guest_keys text[]) RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    PERFORM guestsql_require_actions(guest_keys);
    PERFORM
    FROM contact_accounts AS accounts
    WHERE accounts.account = guestsql_lock_contacts.account
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('unknown account: %L', guestsql_lock_contacts.account),
            HINT = 'the accounts are the rows of contact_accounts; set_contact_account adds one';
    END IF;

    PERFORM
    FROM guest_marketing AS marketing
    WHERE marketing.phone_number = ANY(guest_keys)
    ORDER BY marketing.phone_number
    FOR NO KEY UPDATE;
END
$$;

-- Records that people are contacted, and returns how many. Call it in the transaction that has locked them
-- (guestsql_lock_contacts), for those whom guestsql_contact_refusals does not name. The statement that calls it must not
-- write guest_marketing itself.
CREATE FUNCTION guestsql_record_contacts(guest_keys text[], channel text, account text, at timestamptz) RETURNS bigint
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := coalesce(guestsql_record_contacts.at, clock_timestamp());
    recorded bigint;
BEGIN
    PERFORM guestsql_require_actions(guest_keys);
    DELETE FROM reached_people AS reached
    WHERE
        reached.account = guestsql_record_contacts.account
        AND reached.since < moment - INTERVAL '25 hours';

    -- Who was reached before leaves the five minutes of that contact, if these are still counted.
    WITH earlier_contacts AS (
        SELECT max(contact.contacted_at) AS contacted_at
        FROM guest_marketing AS marketing
        CROSS JOIN unnest(marketing.contacted_at, marketing.contacted_accounts) AS contact (contacted_at, account)
        WHERE
            marketing.phone_number = ANY(guest_keys)
            AND contact.account = guestsql_record_contacts.account
        GROUP BY marketing.phone_number
    ),

    leaving AS (
        SELECT
            date_bin('5 minutes', earlier_contacts.contacted_at, '2000-01-01 00:00+00') AS since,
            count(*) AS people
        FROM earlier_contacts
        GROUP BY since
    )

    UPDATE reached_people AS reached
    SET people = greatest(reached.people - leaving.people, 0)
    FROM leaving
    WHERE
        reached.account = guestsql_record_contacts.account
        AND reached.since = leaving.since;

    UPDATE guest_marketing AS marketing
    SET
        (contacted_at, contacted_channels, contacted_accounts) = (
            SELECT
                array_agg(contact.contacted_at ORDER BY contact.contacted_at, contact.place),
                array_agg(contact.channel ORDER BY contact.contacted_at, contact.place),
                array_agg(contact.account ORDER BY contact.contacted_at, contact.place)
            FROM unnest(
                marketing.contacted_at || moment,
                marketing.contacted_channels || guestsql_record_contacts.channel,
                marketing.contacted_accounts || guestsql_record_contacts.account
            ) WITH ORDINALITY AS contact (contacted_at, channel, account, place)
            WHERE contact.contacted_at > moment - INTERVAL '40 days'
        ),
        updated_at = statement_timestamp()
    WHERE marketing.phone_number = ANY(guest_keys);
    GET DIAGNOSTICS recorded = ROW_COUNT;
    IF recorded < (SELECT count(DISTINCT given.guest_key) FROM unnest(guest_keys) AS given (guest_key)) THEN
        RAISE serialization_failure USING
            MESSAGE = 'a guest to be contacted is not locked',
            HINT = 'call guestsql_lock_contacts first; if it was called, repeat the statement: the guest was moved or erased';
    END IF;

    INSERT INTO reached_people AS known (account, since, people)
    SELECT
        guestsql_record_contacts.account,
        date_bin('5 minutes', latest_contacts.contacted_at, '2000-01-01 00:00+00') AS since,
        count(*) AS people
    FROM (
        SELECT max(contact.contacted_at) AS contacted_at
        FROM guest_marketing AS marketing
        CROSS JOIN unnest(marketing.contacted_at, marketing.contacted_accounts) AS contact (contacted_at, account)
        WHERE
            marketing.phone_number = ANY(guest_keys)
            AND contact.account = guestsql_record_contacts.account
        GROUP BY marketing.phone_number
    ) AS latest_contacts
    GROUP BY since
    ON CONFLICT (account, since) DO UPDATE
        SET people = known.people + excluded.people;
    RETURN recorded;
END
$$;

-- Why people must not be contacted now: a row for each guest and rule that forbids it, none for a guest who may be
-- contacted. retry_at: when to ask again; NULL: the refusal is permanent. `at` NULL: now, by the clock.
--
-- VOLATILE, so that it sees what was committed when it is called: call it when the guests are locked
-- (guestsql_lock_contacts), and every rule is as fresh as the locked rows. It reads and writes nothing else, so a plan
-- calls it without locks. The account's limit is for those whom no other rule refuses, in the order of guest_keys.
CREATE FUNCTION guestsql_contact_refusals(
    guest_keys text[], purpose text, channel text, account text, template text, time_zone text, at timestamptz
) RETURNS TABLE (phone_number text, rule text, detail text, retry_at timestamptz)
LANGUAGE plpgsql
VOLATILE
-- Each plan is for the number of guests that are given: one, or a million.
SET plan_cache_mode = force_custom_plan
-- A batch is found by the indexes: as a disk is assumed to be, the server would read whole tables for each 2,000 guests.
SET random_page_cost = 1.1
AS $$
#variable_conflict use_column
DECLARE
    given_purpose text := purpose;
    given_channel text := channel;
    given_account text := account;
    given_template text := template;
    moment timestamptz := coalesce(at, clock_timestamp());
    sender contact_accounts%ROWTYPE;
    rules contact_profiles%ROWTYPE;
    must_consent boolean;
    zone text;
    today date;
    this_time time;
    next_day timestamptz;
    counted_since timestamptz;
    distinct_keys text[];
BEGIN
    PERFORM guestsql_require_actions(guest_keys);
    SELECT accounts.* INTO sender FROM contact_accounts AS accounts WHERE accounts.account = given_account;
    IF sender.channel IS DISTINCT FROM given_channel THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('there is no account %L for the channel %L', given_account, given_channel),
            HINT = 'the accounts are the rows of contact_accounts; set_contact_account adds one';
    END IF;
    SELECT profiles.* INTO rules FROM contact_profiles AS profiles WHERE profiles.profile = sender.profile;

    must_consent := (SELECT purposes.needs_consent FROM contact_purposes AS purposes WHERE purposes.purpose = given_purpose);
    IF must_consent IS NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('unknown purpose: %L', given_purpose),
            HINT = 'the purposes are the rows of contact_purposes; set_contact_purpose adds one';
    END IF;

    zone := coalesce(sender.time_zone, time_zone);
    IF zone IS NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('the account %L has no time zone, and none is given', given_account);
    END IF;
    today := (moment AT TIME ZONE zone)::date;
    this_time := (moment AT TIME ZONE zone)::time;
    next_day := (today + 1)::timestamp AT TIME ZONE zone;

    -- Comparing times is faster than converting each to a day, so a day too many is read first.
    counted_since := (
        SELECT
            least(
                moment - INTERVAL '24 hours',
                (min(date_trunc(caps.period, today::timestamp)) - INTERVAL '1 day') AT TIME ZONE zone
            )
        FROM contact_caps AS caps
        WHERE
            caps.profile = sender.profile
            AND caps.channel IN (given_channel, '*')
    );

    -- In a statement of its own: the planner knows the length of an array, but not how many different keys are in it.
    distinct_keys := array(
        SELECT given.guest_key
        FROM unnest(guest_keys) WITH ORDINALITY AS given (guest_key, place)
        WHERE given.guest_key IS NOT NULL
        GROUP BY given.guest_key
        ORDER BY min(given.place)
    );

    RETURN QUERY
    WITH candidates AS MATERIALIZED (
        SELECT
            given.guest_key AS phone_number,
            given.place
        FROM unnest(distinct_keys) WITH ORDINALITY AS given (guest_key, place)
    ),

    -- Active or archived. Who has not written for long is sent an approved template, and only after an opt-in.
    guests AS MATERIALIZED (
        SELECT
            candidates.phone_number,
            active.phone_number IS NOT NULL OR archived.phone_number IS NOT NULL AS is_known,
            sender.reply_window_hours IS NOT NULL
            AND coalesce(
                greatest(active.last_interaction, archived.last_interaction)
                <= moment - sender.reply_window_hours * INTERVAL '1 hour',
                TRUE
            ) AS needs_template
        FROM candidates
        LEFT JOIN guest_profiles AS active ON candidates.phone_number = active.phone_number
        LEFT JOIN historical_clients AS archived ON candidates.phone_number = archived.phone_number
    ),

    -- The latest consent to this purpose and channel, and the latest withdrawal of it or of all.
    consents AS MATERIALIZED (
        SELECT
            candidates.phone_number,
            max(known.changed_at) FILTER (
                WHERE known.is_given AND known.purpose = given_purpose AND known.channel = given_channel
            ) AS given_at,
            max(known.changed_at) FILTER (WHERE NOT known.is_given) AS withdrawn_at
        FROM candidates
        INNER JOIN guest_consents AS known ON candidates.phone_number = known.phone_number
        WHERE
            known.purpose IN (given_purpose, '*')
            AND known.channel IN (given_channel, '*')
        GROUP BY candidates.phone_number
    ),

    caps AS MATERIALIZED (
        SELECT
            known.period,
            known.channel,
            known.max_contacts,
            known.max_channels,
            known.period || CASE WHEN known.channel = '*' THEN '' ELSE '_' || known.channel END AS name,
            spans.first_day,
            spans.end_day,
            guestsql_next_contact_time(
                sender.profile, zone, spans.end_day::timestamp AT TIME ZONE zone
            ) AS retry_at
        FROM contact_caps AS known
        CROSS JOIN LATERAL (
            SELECT
                date_trunc(known.period, today::timestamp)::date AS first_day,
                (date_trunc(known.period, today::timestamp) + ('1 ' || known.period)::interval)::date AS end_day
        ) AS spans
        WHERE
            known.profile = sender.profile
            AND known.channel IN (given_channel, '*')
    ),

    -- Contacts of the periods of the caps, and of the last 24 hours.
    contacts AS MATERIALIZED (
        SELECT
            candidates.phone_number,
            contact.contacted_at,
            contact.channel,
            contact.account
        FROM candidates
        INNER JOIN guest_marketing AS marketing ON candidates.phone_number = marketing.phone_number
        CROSS JOIN unnest(
            marketing.contacted_at, marketing.contacted_channels, marketing.contacted_accounts
        ) AS contact (contacted_at, channel, account)
        WHERE
            counted_since < ANY(marketing.contacted_at)
            AND counted_since < contact.contacted_at
    ),

    counted_contacts AS MATERIALIZED (
        SELECT
            contacts.phone_number,
            caps.name,
            caps.max_contacts,
            caps.max_channels,
            caps.retry_at,
            count(*) FILTER (WHERE caps.channel IN (contacts.channel, '*')) AS contacts,
            count(DISTINCT contacts.channel) FILTER (WHERE contacts.channel <> given_channel) AS other_channels
        FROM contacts
        INNER JOIN caps
            ON
                (contacts.contacted_at AT TIME ZONE zone)::date >= caps.first_day
                AND (contacts.contacted_at AT TIME ZONE zone)::date < caps.end_day
        GROUP BY
            contacts.phone_number,
            caps.name,
            caps.max_contacts,
            caps.max_channels,
            caps.retry_at
    ),

    refusals AS MATERIALIZED (
        SELECT
            guests.phone_number,
            'unknown_guest' AS rule,
            'no guest has this key' AS detail,
            NULL::timestamptz AS retry_at
        FROM guests
        WHERE NOT guests.is_known

        UNION ALL

        SELECT
            consents.phone_number,
            'opted_out',
            'the consent was withdrawn at ' || consents.withdrawn_at,
            NULL
        FROM consents
        WHERE consents.withdrawn_at >= coalesce(consents.given_at, '-infinity')

        UNION ALL

        SELECT
            candidates.phone_number,
            'consent',
            format('no consent to %s by %s', given_purpose, given_channel),
            NULL
        FROM candidates
        LEFT JOIN consents ON candidates.phone_number = consents.phone_number
        WHERE
            must_consent
            AND consents.given_at IS NULL
            AND consents.withdrawn_at IS NULL

        UNION ALL

        SELECT DISTINCT
            candidates.phone_number,
            'excluded_number',
            'a number of the guest is in excluded_numbers',
            NULL::timestamptz
        FROM candidates
        INNER JOIN guest_ids AS ids ON candidates.phone_number = ids.phone_number
        INNER JOIN excluded_numbers AS excluded
            ON
                excluded.id_hash = sha256((SELECT salt.salt FROM erasure_salt AS salt) || convert_to(ids.id, 'UTF8'))
                AND excluded.channel IN (given_channel, '*')
        WHERE
            ids.kind = 'phone'
            AND EXISTS (SELECT 1 FROM excluded_numbers)

        UNION ALL

        SELECT
            candidates.phone_number,
            'hours',
            to_char(moment AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI') || ' is outside the hours of ' || sender.profile,
            (SELECT coalesce(guestsql_next_contact_time(sender.profile, zone, moment), next_day))
        FROM candidates
        WHERE
            rules.restricts_hours
            AND NOT EXISTS (
                SELECT 1
                FROM contact_hours AS hours
                WHERE
                    hours.profile = sender.profile
                    AND hours.weekday = extract(ISODOW FROM today)
                    AND this_time >= hours.opens_at
                    AND this_time < hours.closes_at
            )

        UNION ALL

        SELECT
            candidates.phone_number,
            'excluded_day',
            excluded.day || ': ' || excluded.reason,
            (SELECT coalesce(guestsql_next_contact_time(sender.profile, zone, next_day), next_day))
        FROM candidates
        CROSS JOIN excluded_days AS excluded
        WHERE
            excluded.profile = sender.profile
            AND excluded.day = today

        UNION ALL

        SELECT
            candidates.phone_number,
            'holiday',
            holidays.day || ': ' || holidays.name,
            (SELECT coalesce(guestsql_next_contact_time(sender.profile, zone, next_day), next_day))
        FROM candidates
        CROSS JOIN holidays
        WHERE
            rules.excludes_holidays
            AND holidays.country = rules.country
            AND holidays.day = today

        UNION ALL

        SELECT
            candidates.phone_number,
            'holidays_unknown',
            format('run guestsql campaign holidays %s %s', rules.country, extract(YEAR FROM today)),
            (SELECT coalesce(guestsql_next_contact_time(sender.profile, zone, next_day), next_day))
        FROM candidates
        WHERE
            rules.excludes_holidays
            AND NOT EXISTS (
                SELECT 1
                FROM holiday_years AS years
                WHERE
                    years.country = rules.country
                    AND years.year = extract(YEAR FROM today)
            )

        UNION ALL

        SELECT
            counted_contacts.phone_number,
            'cap_' || counted_contacts.name,
            format('%s of %s contacts', counted_contacts.contacts, counted_contacts.max_contacts),
            coalesce(counted_contacts.retry_at, next_day)
        FROM counted_contacts
        WHERE counted_contacts.contacts >= counted_contacts.max_contacts

        UNION ALL

        SELECT
            counted_contacts.phone_number,
            'channels_' || counted_contacts.name,
            format('%s other channels, %s allowed in all', counted_contacts.other_channels, counted_contacts.max_channels),
            coalesce(counted_contacts.retry_at, next_day)
        FROM counted_contacts
        WHERE counted_contacts.other_channels >= counted_contacts.max_channels

        UNION ALL

        SELECT
            guests.phone_number,
            'template',
            format(
                'no message in %s hours, and no approved template%s', sender.reply_window_hours, ' ' || given_template
            ),
            (SELECT coalesce(guestsql_next_contact_time(sender.profile, zone, next_day), next_day))
        FROM guests
        WHERE
            guests.needs_template
            AND NOT EXISTS (
                SELECT 1
                FROM message_templates AS known
                WHERE
                    known.template = given_template
                    AND known.channel = given_channel
                    AND known.status = 'approved'
            )

        UNION ALL

        SELECT
            guests.phone_number,
            'opt_in',
            format('no message in %s hours, and no consent to anything by %s', sender.reply_window_hours, given_channel),
            (SELECT coalesce(guestsql_next_contact_time(sender.profile, zone, next_day), next_day))
        FROM guests
        WHERE
            guests.needs_template
            AND NOT must_consent
            AND NOT EXISTS (
                SELECT 1
                FROM guest_consents AS known
                WHERE
                    known.phone_number = guests.phone_number
                    AND known.channel = given_channel
                    AND known.is_given
            )
    ),

    -- Those who need a new place among the people of these 24 hours. Who has one is contacted again without another.
    new_people AS (
        SELECT
            candidates.phone_number,
            row_number() OVER (ORDER BY candidates.place) AS place
        FROM candidates
        WHERE
            sender.daily_people IS NOT NULL
            AND NOT EXISTS (
                SELECT 1
                FROM refusals
                WHERE refusals.phone_number = candidates.phone_number
            )
            AND NOT EXISTS (
                SELECT 1
                FROM contacts
                WHERE
                    contacts.phone_number = candidates.phone_number
                    AND contacts.account = given_account
                    AND contacts.contacted_at > moment - INTERVAL '24 hours'
            )
    )

    SELECT
        refusals.phone_number,
        refusals.rule,
        refusals.detail,
        refusals.retry_at
    FROM refusals

    UNION ALL

    SELECT
        new_people.phone_number,
        'account_limit',
        format('the limit of %s: %s people in 24 hours', given_account, sender.daily_people),
        (
            SELECT coalesce(guestsql_next_contact_time(sender.profile, zone, reached.until), next_day)
            FROM (
                SELECT min(spans.since) + INTERVAL '24 hours 5 minutes' AS until
                FROM reached_people AS spans
                WHERE
                    spans.account = given_account
                    AND spans.since > moment - INTERVAL '24 hours 5 minutes'
                    AND spans.people > 0
            ) AS reached
        )
    FROM new_people
    WHERE new_people.place > sender.daily_people - (SELECT guestsql_count_reached(given_account, moment));
END
$$;

-- No figure of these tables is a guest's.
INSERT INTO guestsql_grants (relation_name, bot_privileges, monitor_columns) VALUES
('contact_profiles', DEFAULT, '{*}'),
('contact_hours', DEFAULT, '{*}'),
('contact_caps', DEFAULT, '{*}'),
('holidays', DEFAULT, '{*}'),
('holiday_years', DEFAULT, '{*}'),
('excluded_days', DEFAULT, '{*}'),
('excluded_numbers', DEFAULT, '{channel, source, added_at}'),
('message_templates', DEFAULT, '{*}'),
('contact_accounts', DEFAULT, '{*}'),
('reached_people', DEFAULT, '{*}'),
('contact_purposes', DEFAULT, '{*}');

SELECT guestsql_grant_roles();
