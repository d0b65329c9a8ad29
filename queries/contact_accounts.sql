-- Accounts, templates, purposes, and why a guest must not be contacted: docs/contact-rules.md.

-- name: list_message_templates()
-- Templates of messages and their state at the provider.
-- es: Las plantillas de mensajes y su estado ante el proveedor.
-- check: allow GS307, because there are few templates
SELECT
    template,
    channel,
    language,
    status,
    category,
    updated_at
FROM message_templates
ORDER BY
    template,
    channel,
    language;

-- name: set_message_template(template, channel, language, status, category)!
-- Adds a template, or changes its state.
-- es: Añade una plantilla o cambia su estado.
--   template: text, its name at the provider, e.g. 'welcome_back'
--     es: su nombre ante el proveedor
--   channel: text = 'whatsapp'
--   language: text = 'es'
--   status: text, draft, pending, approved, rejected, paused or disabled, e.g. 'approved'
--     es: draft, pending, approved, rejected, paused o disabled
--   category: text = NULL, as the provider calls it, such as MARKETING
--     es: como la llama el proveedor, por ejemplo MARKETING
INSERT INTO message_templates AS known (template, channel, language, status, category)
VALUES (:template::text, :channel::text, :language::text, :status::text, :category::text)
ON CONFLICT (template, channel, language) DO UPDATE
    SET
        status = excluded.status,
        category = excluded.category,
        updated_at = statement_timestamp();

-- name: list_contact_accounts()
-- Accounts, their rules, and how many more people each may reach now.
-- es: Las cuentas, sus reglas, y a cuántas personas más puede escribir cada una ahora.
-- chart: bar x=account y=reached_people,daily_people
-- check: allow GS307, because there are few accounts
SELECT
    accounts.account,
    accounts.channel,
    accounts.profile,
    accounts.time_zone,
    accounts.daily_people,
    guestsql_count_reached(accounts.account, statement_timestamp()) AS reached_people,
    greatest(
        accounts.daily_people - guestsql_count_reached(accounts.account, statement_timestamp()), 0
    ) AS free_places,
    accounts.reply_window_hours,
    accounts.source,
    accounts.is_confirmed
FROM contact_accounts AS accounts
ORDER BY accounts.account;

-- name: set_contact_account(account, channel, profile, time_zone, daily_people, reply_window_hours, source, is_confirmed)!
-- Adds or changes an account. Check its limit with the provider: it changes.
-- es: Añade o cambia una cuenta. Revise el límite con el proveedor, porque cambia.
--   account: text, what messages are sent from, e.g. 'whatsapp'
--     es: desde dónde se envían los mensajes
--   channel: text = 'whatsapp'
--   profile: text = 'CO', the rules that it follows
--     es: las reglas que sigue
--   time_zone: text = NULL, e.g. 'Europe/Madrid'; NULL for the hotel's
--     es: NULL para la del hotel
--   daily_people: int = NULL, different people in any 24 hours; NULL for any number
--     es: personas distintas en 24 horas; NULL si no hay límite
--   reply_window_hours: int = NULL, so long after a guest's message no template is needed; NULL if never
--     es: durante cuántas horas tras un mensaje del huésped no hace falta plantilla; NULL si nunca
--   source: text, e.g. 'the account page of the provider, 2026-01-15'
--   is_confirmed: bool = false, it was compared with the provider's page
--     es: se comparó con la página del proveedor
INSERT INTO contact_accounts AS known (
    account, channel, profile, time_zone, daily_people, reply_window_hours, source, is_confirmed
)
VALUES (
    :account::text,
    :channel::text,
    :profile::text,
    :time_zone::text,
    :daily_people::int,
    :reply_window_hours::int,
    :source::text,
    :is_confirmed::bool
)
ON CONFLICT (account) DO UPDATE
    SET
        channel = excluded.channel,
        profile = excluded.profile,
        time_zone = excluded.time_zone,
        daily_people = excluded.daily_people,
        reply_window_hours = excluded.reply_window_hours,
        source = excluded.source,
        is_confirmed = excluded.is_confirmed;

-- name: list_contact_purposes()
-- What people are contacted for, and whether it needs their consent.
-- es: Para qué se contacta a las personas, y si hace falta su consentimiento.
-- check: allow GS307, because there are few purposes
SELECT
    purpose,
    needs_consent,
    description,
    source,
    is_confirmed
FROM contact_purposes
ORDER BY purpose;

-- name: set_contact_purpose(purpose, needs_consent, description, source, is_confirmed)!
-- Adds or changes a purpose.
-- es: Añade o cambia un propósito.
--   purpose: text, e.g. 'survey'
--   needs_consent: bool = true
--   description: text, e.g. 'Questions after a stay'
--   source: text, e.g. 'our lawyer, 2026-01-15'
--   is_confirmed: bool = false, counsel has confirmed it
--     es: un abogado lo confirmó
INSERT INTO contact_purposes AS known (purpose, needs_consent, description, source, is_confirmed)
VALUES (:purpose::text, :needs_consent::bool, :description::text, :source::text, :is_confirmed::bool)
ON CONFLICT (purpose) DO UPDATE
    SET
        needs_consent = excluded.needs_consent,
        description = excluded.description,
        source = excluded.source,
        is_confirmed = excluded.is_confirmed;

-- name: list_contact_refusals(phone_number, purpose, channel, account, template, timezone, at)
-- Why a guest must not be contacted, one row for each rule.
-- No row: the guest may be contacted. It only asks: a claim decides again.
-- es: Por qué no se debe contactar a un huésped, una fila por regla. Sin fila: se le puede contactar. Solo pregunta: al
--     tomar la acción se decide otra vez.
--   phone_number: text, any id of the guest, e.g. '573000000001'
--   purpose: text = 'marketing'
--     es: el propósito
--     choices: list_purpose_names
--   channel: text = 'whatsapp'
--     es: el canal
--     choices: list_channel_names
--   account: text = 'whatsapp'
--     es: la cuenta
--     choices: list_account_names
--   template: text = NULL, e.g. 'welcome_back'; NULL for a message without template
--     es: la plantilla; NULL para un mensaje sin plantilla
--   timezone: text = 'America/Bogota', the hotel's
--   at: timestamptz = NULL, when; NULL for now
--     es: cuándo; NULL es ahora
SELECT
    refusals.rule,
    refusals.detail,
    refusals.retry_at
FROM
    guestsql_contact_refusals(
        ARRAY[guestsql_guest_key(:phone_number::text)],
        :purpose::text,
        :channel::text,
        :account::text,
        :template::text,
        :timezone::text,
        :at::timestamptz
    ) AS refusals
ORDER BY refusals.rule;
