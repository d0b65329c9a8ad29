-- PostgreSQL below 16 reads \v in a string as the letter v: ids and names lost a v at either end. The two functions of 0025
-- with \x0b in its place, otherwise as they were.

-- The key of a guest for a spelling of the id, or NULL when it is not certain whose id that is. Step by step, as in Python:
-- one statement of many parts takes ten times as long.
CREATE OR REPLACE FUNCTION guestsql_user_id(spelling text) RETURNS text
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
AS $$
DECLARE
    id text := spelling;
    server text;
    name text;
    number text;
    digits text;
BEGIN
    IF id ~ '[^\u0001-\u007F]' THEN
        -- Invisible marks go; spaces, dashes, digits and signs are plain ones.
        id := regexp_replace(id, '[\u00AD\u061C\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]', '', 'g');
        id := regexp_replace(id, '[\u00A0\u2000-\u200A\u202F\u205F\u3000]', ' ', 'g');
        id := regexp_replace(id, '[\u2010-\u2015\u2212\uFE58\uFE63]', '-', 'g');
        id := translate(
            id,
            '٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९０１２３４５６７８９＋－．（）：／＠',
            '0123456789012345678901234567890123456789+-.():/@'
        );
    END IF;
    id := regexp_replace(btrim(id, E' \t\n\r\f\x0b'), '^whatsapp:', '', 'i');

    IF strpos(id, '@') > 0 THEN
        server := lower(substring(id FROM '@([^@]*)$') COLLATE "C");
        name := substring(id FROM '^(.*)@[^@]*$');
        -- An agent (.0, _1) and a device (:12) may follow the digits.
        name := coalesce(substring(name FROM '^([0-9]+)([._](0|[1-9][0-9]{0,2}))?(:[0-9]{1,4})?$'), name);
        IF server IN ('lid', 'hosted.lid') THEN
            RETURN CASE WHEN name ~ '^[0-9]{1,32}$' THEN name || '@lid' END;
        ELSIF server NOT IN ('s.whatsapp.net', 'c.us', 'hosted') THEN
            RETURN NULL;
        END IF;
    ELSIF id ~ '^([A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$' THEN
        RETURN id;
    ELSE
        name := regexp_replace(id, '^(tel|sms):|^''(?=[+0-9])', '', 'i');
        name := regexp_replace(
            name, '^(?:https?://)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)([^/]*)/?$', '\1', 'i'
        );
    END IF;

    name := btrim(regexp_replace(name, '\((\+?[1-9][0-9]{0,4})\)', ' \1 ', 'g'), ' ');
    number := substring(name FROM '^(?:\+|00)? *([1-9][0-9]*(?:(?: *[-.] *| +)[0-9]+)*)$');
    digits := regexp_replace(number, '[^0-9]', '', 'g');
    RETURN CASE
        WHEN digits !~ '^[1-9][0-9]{6,14}$' THEN NULL
        WHEN number = digits THEN digits
        WHEN name !~ '^(\+|00)' AND length(digits) NOT BETWEEN 9 AND 13 THEN NULL
        -- A whole number with more digits behind it; a single dot, of a decimal number.
        WHEN number ~ '[0-9]{7}[0-9]*[^0-9]|^[^.]*\.[^.]*$' THEN NULL
        -- A zero behind the country code, which is dialled inside the country only.
        WHEN
            number ~ (
                '^(?:[17]|2[07]|3[0-46]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]'
                || '|(?!225|24[12]|37[89])(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[0578]|9[679])[0-9])[^0-9]+0'
            )
            THEN NULL
        -- Digits left over at the end, unless they come in pairs.
        WHEN number ~ '[^0-9][0-9]{1,2}$' AND number !~ '([^0-9]+)[0-9]{2}\1[0-9]{2}$' THEN NULL
        ELSE digits
    END;
END
$$;

-- Whether a name says nothing about the guest: blank, `Usuario`, or the guest's own id in any spelling. NULL for no name.
-- Most names hold no digit, and are not read as an id at all.
CREATE OR REPLACE FUNCTION guestsql_is_placeholder(name text, phone_number text) RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN
        name !~ '[^\u0001-\u0020\u007F-\u00A0\u00AD\u061C\u1680\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF]'
        THEN TRUE
    WHEN lower(btrim(name, E' \t\n\r\f\x0b')) IN ('usuario', lower(phone_number)) THEN TRUE
    WHEN name ~ '[0-9٠-٩۰-۹०-९０-９]'
        THEN coalesce(guestsql_user_id(name) = ANY(guestsql_spellings(split_part(phone_number, '#', 1))), FALSE)
    WHEN name IS NOT NULL THEN FALSE
END;
