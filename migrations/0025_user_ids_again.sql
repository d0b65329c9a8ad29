-- The spellings of a guest's id once more: guestsql_user_id reads 573000000001#2, and a name that is another national spelling
-- of the guest's own phone says nothing of the guest.

-- The key of a guest for a spelling of the id, or NULL when it is not certain whose id that is.
CREATE OR REPLACE FUNCTION guestsql_user_id(spelling text) RETURNS text
LANGUAGE sql
IMMUTABLE
STRICT
PARALLEL SAFE
RETURN (
    WITH folded AS (
        SELECT
            btrim(
                translate(
                    -- Invisible marks go; spaces and dashes are plain ones.
                    regexp_replace(
                        regexp_replace(
                            regexp_replace(
                                spelling,
                                '[\u00AD\u061C\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]', '', 'g'
                            ),
                            '[\u00A0\u2000-\u200A\u202F\u205F\u3000]', ' ', 'g'
                        ),
                        '[\u2010-\u2015\u2212\uFE58\uFE63]', '-', 'g'
                    ),
                    '٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९０１２３４５６７８９＋－．（）：／＠',
                    '0123456789012345678901234567890123456789+-.():/@'
                ),
                E' \t\n\r\f\v'
            ) AS id
    ),

    parts AS (
        SELECT
            id,
            lower(substring(id FROM '@([^@]*)$') COLLATE "C") AS server,
            substring(id FROM '^(.*)@[^@]*$') AS name
        FROM folded
    ),

    -- An agent (.0, _1) and a device (:12) may follow the digits of a chat id.
    bare_parts AS (
        SELECT
            id,
            server,
            coalesce(substring(name FROM '^([0-9]+)([._](0|[1-9][0-9]{0,2}))?(:[0-9]{1,4})?$'), name) AS name
        FROM parts
    ),

    numbers AS (
        SELECT
            id,
            server,
            name,
            btrim(
                regexp_replace(
                    CASE
                        WHEN server IS NULL
                            THEN
                                regexp_replace(
                                    regexp_replace(id, '^(whatsapp|tel|sms):|^''(?=[+0-9])', '', 'i'),
                                    '^(?:https?://)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)([^/]*)/?$', '\1', 'i'
                                )
                        WHEN server IN ('s.whatsapp.net', 'c.us', 'hosted') THEN name
                    END,
                    '\((\+?[1-9][0-9]{0,4})\)', ' \1 ', 'g'
                ),
                ' '
            ) AS spelled
        FROM bare_parts
    ),

    digits AS (
        SELECT
            id,
            server,
            name,
            spelled ~ '^(\+|00)' AS is_international,
            substring(spelled FROM '^(?:\+|00)? *([1-9][0-9]*(?:(?: *[-.] *| +)[0-9]+)*)$') AS number
        FROM numbers
    )

    SELECT
        CASE
            WHEN server IN ('lid', 'hosted.lid') THEN CASE WHEN name ~ '^[0-9]{1,32}$' THEN name || '@lid' END
            WHEN
                server IS NULL
                AND id ~ '^([A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[1-9][0-9]{6,14}#[1-9][0-9]{0,8})$'
                THEN id
            WHEN
                regexp_replace(number, '[^0-9]', '', 'g') ~ '^[1-9][0-9]{6,14}$'
                AND (
                    number ~ '^[0-9]+$'
                    OR (
                        (is_international OR length(regexp_replace(number, '[^0-9]', '', 'g')) BETWEEN 9 AND 13)
                        -- A whole number with more digits behind it; a single dot, of a decimal number.
                        AND number !~ '[0-9]{7}[0-9]*[^0-9]|^[^.]*\.[^.]*$'
                        -- A zero behind the country code, which is dialled inside the country only.
                        AND number !~ (
                            '^(?:[17]|2[07]|3[0-46]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]'
                            || '|(?!225|24[12]|37[89])(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[0578]|9[679])[0-9])[^0-9]+0'
                        )
                        -- Digits left over at the end, unless they come in pairs.
                        AND (number !~ '[^0-9][0-9]{1,2}$' OR number ~ '([^0-9]+)[0-9]{2}\1[0-9]{2}$')
                    )
                )
                THEN regexp_replace(number, '[^0-9]', '', 'g')
        END
    FROM digits
);

-- Whether a name says nothing of the guest: blank, `Usuario`, or the guest's own id in any spelling. NULL for no name.
-- Most names hold no digit, and are not read as an id at all.
CREATE OR REPLACE FUNCTION guestsql_is_placeholder(name text, phone_number text) RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN
        name !~ '[^\u0001-\u0020\u007F-\u00A0\u00AD\u061C\u1680\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF]'
        THEN TRUE
    WHEN lower(btrim(name, E' \t\n\r\f\v')) IN ('usuario', lower(phone_number)) THEN TRUE
    WHEN name ~ '[0-9٠-٩۰-۹०-९０-９]'
        THEN coalesce(guestsql_user_id(name) = ANY(guestsql_spellings(split_part(phone_number, '#', 1))), FALSE)
    WHEN name IS NOT NULL THEN FALSE
END;
