-- The threads that older versions kept in profile_data move to guest_threads. In a separate transaction: the table is
-- read under locks that let others read and write.
ALTER TABLE guest_profiles VALIDATE CONSTRAINT guest_profiles_thread_lease_check;

-- The guests concerned are locked in the order of their keys, as everywhere, before their threads are read: the foreign key
-- would lock them anyway, in the order of the threads. A guest who is erased meanwhile is waited for, and is then left out.
DO $$
BEGIN
    PERFORM
    FROM guest_profiles AS guest
    WHERE
        jsonb_typeof(guest.profile_data -> 'merged') = 'object'
        OR guest.profile_data @? '$.legacy.*.*.previousThreads'
    ORDER BY guest.phone_number
    FOR KEY SHARE;
END
$$;

-- merge_guests stored the thread that lost under merged.<duplicate's key>. When it began and ended is unknown.
WITH merged_guests AS (
    SELECT
        guest.phone_number,
        guest.thread_id AS current_thread_id,
        merged.value AS merged
    FROM guest_profiles AS guest
    CROSS JOIN jsonb_each(guest.profile_data -> 'merged') AS merged
    WHERE
        jsonb_typeof(guest.profile_data -> 'merged') = 'object'
        AND jsonb_typeof(merged.value -> 'profile_data') = 'object'
),

lost_threads AS (
    SELECT
        merged_guests.phone_number,
        merged_guests.current_thread_id,
        lost.thread_id,
        CASE WHEN lost.tokens ~ '^[0-9]{1,18}$' THEN lost.tokens::bigint ELSE 0 END AS tokens,
        lost.reason
    FROM merged_guests
    CROSS JOIN LATERAL (
        VALUES
        (merged_guests.merged ->> 'thread_id', merged_guests.merged ->> 'thread_tokens', 'merged'),
        (merged_guests.merged ->> 'replaced_thread_id', merged_guests.merged ->> 'replaced_thread_tokens', 'replaced')
    ) AS lost (thread_id, tokens, reason)
)

INSERT INTO guest_threads (phone_number, thread_id, tokens, reason)
SELECT
    phone_number,
    thread_id,
    max(tokens),
    min(reason)
FROM lost_threads
WHERE
    thread_id <> ''
    AND thread_id IS DISTINCT FROM current_thread_id
GROUP BY
    phone_number,
    thread_id
ORDER BY
    phone_number,
    thread_id
ON CONFLICT (phone_number, thread_id) DO NOTHING;

-- The import kept the members previousThreads of the old files as they were. From now on it writes guest_threads, too.
INSERT INTO guest_threads (phone_number, thread_id, reason)
SELECT DISTINCT
    guest.phone_number,
    btrim(previous.value #>> '{}', E' \t\n\r'),
    'imported'
FROM guest_profiles AS guest
CROSS JOIN jsonb_path_query(guest.profile_data, '$.legacy.*.*.previousThreads[*]') AS previous (value)
WHERE
    guest.profile_data @? '$.legacy.*.*.previousThreads'
    AND jsonb_typeof(previous.value) = 'string'
    AND btrim(previous.value #>> '{}', E' \t\n\r') NOT IN ('', coalesce(guest.thread_id, ''))
ON CONFLICT (phone_number, thread_id) DO NOTHING;
