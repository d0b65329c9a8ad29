-- Consent to being contacted. Events are appended to consent_events, each with its proof, and triggers derive from them the
-- consents of each guest now (guest_consents). A list of people for marketing is made from the view consented_guests and from
-- nothing else: it has only guests, active or archived, who have given their consent to that purpose on that channel.
-- check: large consent_events, guest_consents, guest_profiles
-- check: allow GS801 for guest_consents on forget_guest, because a trigger of consent_events derives its rows
-- check: allow GS801 for guest_consents on merge_guests, because a trigger of consent_events derives its rows

-- name: list_guest_consents(phone_number)
-- A guest's consents now: to what, on which channel, and since when.
-- No row: nothing was ever given or withdrawn. The purpose or the channel '*' is a withdrawal of all of them; a row without
-- it counts more, because it is as new or newer.
-- es: Los consentimientos actuales de un huésped: para qué, por qué canal y desde cuándo. Sin fila: nunca dio ni retiró
--     nada. '*' es el retiro de todos los propósitos o canales.
-- check: allow GS307, because a guest has few consents
--   phone_number: text, any id of the guest, e.g. '573000000001'
SELECT
    purpose,
    channel,
    is_given,
    changed_at
FROM guest_consents
WHERE
    phone_number = (
        SELECT ids.phone_number FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
ORDER BY
    purpose,
    channel;

-- name: has_consent(phone_number, purpose, channel)$
-- Whether a guest agrees to a purpose on a channel now.
-- False for an unknown guest, and for one who never said anything.
-- es: Si un huésped acepta ahora un propósito por un canal. Falso para un huésped desconocido, y para quien nunca dijo
--     nada.
--   phone_number: text, any id of the guest, e.g. '573000000001'
--   purpose: text, e.g. 'marketing'
--     es: el propósito, p. ej. marketing
--     choices: list_purpose_names
--   channel: text, e.g. 'whatsapp'
--     es: el canal, p. ej. whatsapp
--     choices: list_channel_names
SELECT count(*) > 0 AS has_consent
FROM guest_consents
WHERE
    phone_number = (
        SELECT ids.phone_number FROM guest_ids AS ids
        WHERE ids.id = :phone_number::text
    )
    AND purpose = :purpose::text
    AND channel = :channel::text
    AND is_given;

-- name: list_consent_wordings()
-- The texts to which guests have agreed, and how often.
-- es: Los textos que aceptaron los huéspedes, y cuántas veces.
-- cache: 10m
-- check: allow GS501, because every event counts
-- check: allow GS307, because a hotel has few texts
SELECT
    wording.digest,
    wording.wording,
    wording.language,
    wording.first_used_at,
    count(event.event_id) AS events
FROM consent_wordings AS wording
LEFT JOIN consent_events AS event ON wording.digest = event.wording_digest
GROUP BY wording.digest
ORDER BY
    wording.first_used_at,
    wording.digest;

-- name: list_opt_out_words()
-- The words by which a guest refuses messages.
-- es: Las palabras con las que un huésped rechaza mensajes.
-- check: allow GS307, because there are few words
SELECT
    word,
    language,
    source
FROM opt_out_words
ORDER BY
    language,
    word;

-- name: export_consent_events(phone_number)
-- What a guest agreed to and withdrew, with the texts.
-- es: Lo que un huésped aceptó y retiró, con los textos.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(event) || jsonb_build_object('wording', wording.wording) AS event
FROM consent_events AS event
LEFT JOIN consent_wordings AS wording ON event.wording_digest = wording.digest
WHERE event.phone_number = :phone_number::text
ORDER BY event.event_id;

-- name: export_guest_consents(phone_number)
-- A guest's consents now.
-- es: Los consentimientos actuales de un huésped.
-- on: export_guest
--   phone_number: text, the guest's key
SELECT to_jsonb(consent) AS consent
FROM guest_consents AS consent
WHERE consent.phone_number = :phone_number::text
ORDER BY
    consent.purpose,
    consent.channel;

-- name: forget_consent_events(phone_number, id_hashes)!
-- Replaces the guest's key in the proof by the hashes of the guest's ids.
-- es: Reemplaza en la prueba la clave del huésped por los hashes de sus ids.
-- on: forget_guest
--   phone_number: text, the guest's key
--   id_hashes: bytea[], the hash of every id of the guest
--     es: el hash de cada id del huésped
UPDATE consent_events
SET
    phone_number = NULL,
    subject_hashes = :id_hashes::bytea[],
    actor = NULL
WHERE phone_number = :phone_number::text;

-- name: merge_consent_events(keep, duplicate)!
-- Moves a duplicate's events.
-- A trigger computes the consents of both guests again.
-- es: Pasa los eventos del duplicado. Un disparador calcula de nuevo los consentimientos de ambos huéspedes.
-- on: merge_guests
--   keep: text, the key of the guest to keep, e.g. '573000000001'
--   duplicate: text, the key of the guest to remove, e.g. '573000000002'
UPDATE consent_events
SET phone_number = :keep::text
WHERE phone_number = :duplicate::text;
