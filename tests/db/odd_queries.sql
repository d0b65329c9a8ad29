-- name: get_one()$
SELECT 1 AS one;

-- name: get_many_marks()^
SELECT '100 %' AS percent, 'who?' AS question, ARRAY[1] @> ARRAY[1] AS holds, '{"a": 1}'::jsonb ? 'a' AS has, 'HH24:MI' AS form;

-- name: get_dollar()$
SELECT $tag$ :x and 'y' -- name: not_a_name(
-- name: neither_is_this()
$tag$ AS text;

/* A query that was put out of use:
-- name: get_old()$
SELECT old FROM nowhere;
*/

-- name: get_escape()$
SELECT E'it\'s :fine' AS text;

-- name: get_nested()$
SELECT /* one /* two */ :still */ 1 AS one;

-- Section: slices ----------------------------------------------------

-- name: get_slice(low, high)$
-- A slice.
--   low: int, first
--   high: int, last
SELECT (ARRAY[1, 2, 3])[:low::int : :high::int] AS part;

-- name: get_cast(x)^
--   x: text, any
SELECT CAST(:x AS text) AS a, (:x)::text AS b, ((:x::text)) AS c, cast((:x) AS text) AS d;

-- name: get_pattern(word)
--   word: text, any
SELECT room_number FROM rooms WHERE code LIKE '%' || :word::text || '%' ORDER BY hotel_id, room_number LIMIT 5;

-- name: get_room(hotel_id, room_number)^
--   hotel_id: int, the hotel
--   room_number: int, the room
SELECT floor, is_free FROM rooms WHERE room_number = :room_number::int AND :hotel_id::int = hotel_id;

-- name: get_room_by_code(code)^
--   code: text, the code
SELECT floor FROM rooms AS r WHERE r.code = :code::text AND r.is_free;

-- name: get_free_room(floor)^
--   floor: int, the floor
SELECT hotel_id, room_number FROM rooms WHERE is_free AND floor = :floor::int;

-- name: get_any_room()^
SELECT hotel_id, room_number FROM rooms ORDER BY floor LIMIT 1;

-- name: get_first_room()^
SELECT hotel_id, room_number FROM rooms ORDER BY floor FETCH FIRST ROW ONLY;

-- name: count_rooms()$
SELECT count(*) FROM rooms;

-- name: room_exists(code)$
--   code: text, the code
SELECT EXISTS (SELECT * FROM rooms WHERE code = :code::text) AS is_there;

-- name: has_rooms()$
SELECT EXISTS (SELECT FROM rooms) AS has_any;

-- name: get_room_as_json(code)$
--   code: text, the code
SELECT row_to_json(r.*) FROM rooms AS r WHERE r.code = :code::text;

-- name: get_all_as_json()$
SELECT jsonb_agg(to_jsonb(r.*) ORDER BY r.code) AS rooms FROM rooms AS r;

-- name: list_by_all_columns()
SELECT DISTINCT floor, mood FROM rooms ORDER BY floor, mood LIMIT 100;

-- name: list_floors()
SELECT floor, count(*) AS rooms FROM rooms GROUP BY floor ORDER BY floor LIMIT 10;

-- name: list_moods()
SELECT mood, count(*) AS rooms FROM rooms GROUP BY mood ORDER BY mood;

-- name: list_freedom()
SELECT is_free, count(*) * 2 AS rooms FROM rooms GROUP BY is_free ORDER BY is_free;

-- name: list_statuses()
SELECT memory_enabled, count(*) AS clients FROM historical_clients GROUP BY memory_enabled ORDER BY clients DESC, memory_enabled;

-- name: list_months()
SELECT date_trunc('month', begins) AS month, count(*) AS stays FROM stays GROUP BY 1 ORDER BY 1;

-- name: list_constants()
VALUES (1, 'a'), (2, 'b') ORDER BY 1;

-- name: list_series(high)
--   high: int, last
SELECT n FROM generate_series(1, :high::int) AS s (n) ORDER BY n;

-- name: list_words(words)
--   words: text[], any
SELECT w.word FROM unnest(:words::text[]) WITH ORDINALITY AS w (word, place) ORDER BY w.place;

-- name: list_given_rooms(codes)
--   codes: text[], which
SELECT code, floor FROM rooms WHERE code = ANY(:codes::text[]) ORDER BY code;

-- name: list_union()
SELECT 'rooms' AS what, count(*) AS rows FROM rooms UNION ALL SELECT 'stays', count(*) FROM stays ORDER BY what;

-- name: list_join(max_rows)
--   max_rows: int = 50, rows at most
SELECT s.stay_id, r.floor FROM stays AS s INNER JOIN rooms AS r USING (hotel_id, room_number) ORDER BY s.begins, s.stay_id LIMIT :max_rows::int;

-- name: list_left_join(max_rows)
--   max_rows: int = 50, rows at most
SELECT r.hotel_id, r.room_number, s.stay_id
FROM rooms AS r LEFT JOIN stays AS s ON r.hotel_id = s.hotel_id AND r.room_number = s.room_number
ORDER BY r.hotel_id, r.room_number, s.stay_id LIMIT :max_rows::int;

-- name: list_equal_keys(max_rows)
--   max_rows: int = 50, rows at most
SELECT r.floor, s.begins FROM stays AS s INNER JOIN rooms AS r ON r.hotel_id = s.hotel_id AND r.room_number = s.room_number
ORDER BY r.hotel_id, s.room_number, s.stay_id LIMIT :max_rows::int;

-- name: list_rooms_of_hotel(hotel_id, max_rows)
--   hotel_id: int, the hotel
--   max_rows: int = 50, rows at most
SELECT room_number FROM rooms WHERE hotel_id = :hotel_id::int ORDER BY room_number LIMIT :max_rows::int;

-- name: list_page(max_rows, first_row)
--   max_rows: int = 50, rows at most
--   first_row: int = 0, rows left out
SELECT stay_id, note FROM stays ORDER BY note COLLATE "C" DESC NULLS LAST, stay_id OFFSET :first_row::int LIMIT :max_rows::int;

-- name: list_latest(max_rows)
--   max_rows: int = 50, rows at most
SELECT DISTINCT ON (phone_number) phone_number, begins FROM stays ORDER BY phone_number, begins DESC, stay_id LIMIT :max_rows::int;

-- name: list_ranked(max_rows)
--   max_rows: int = 50, rows at most
WITH ranked_stays AS (
    SELECT stay_id, row_number() OVER (PARTITION BY phone_number ORDER BY begins) AS place FROM stays
)
SELECT stay_id, place FROM ranked_stays ORDER BY place, stay_id LIMIT :max_rows::int;

-- name: list_recursive(high)
--   high: int, last
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :high::int)
SELECT n FROM numbers ORDER BY n;

-- name: list_view(max_rows)
--   max_rows: int = 50, rows at most
SELECT hotel_id, room_number FROM free_rooms ORDER BY floor, hotel_id, room_number LIMIT :max_rows::int;

-- name: get_event(happened_on, event_id)^
--   happened_on: date, the day
--   event_id: bigint, the number
SELECT body FROM events WHERE happened_on = :happened_on::date AND id = :event_id::bigint;

-- name: list_events(max_rows)
--   max_rows: int = 50, rows at most
SELECT happened_on, id FROM events ORDER BY happened_on, id LIMIT :max_rows::int;

-- name: get_odd_name(key)^
--   key: int, the key
SELECT "select", "a.b" FROM "Odd Names" WHERE "Key" = :key::int;

-- name: get_path(document)$
--   document: jsonb, any
SELECT :document::jsonb #>> '{a,b}' AS found;

-- name: list_json(document)
--   document: jsonb, an array
SELECT j.name, j.age FROM jsonb_to_recordset(:document::jsonb) AS j (name text, age int) ORDER BY j.name, j.age;

-- name: get_json_row(document)^
--   document: jsonb, an object
SELECT j.name FROM jsonb_to_record(:document::jsonb) AS j (name text);

-- name: list_lateral(max_rows)
--   max_rows: int = 50, rows at most
SELECT r.hotel_id, r.room_number, latest.begins
FROM rooms AS r
LEFT JOIN LATERAL (SELECT s.begins FROM stays AS s WHERE s.hotel_id = r.hotel_id ORDER BY s.begins DESC LIMIT 1) AS latest ON TRUE
ORDER BY r.hotel_id, r.room_number LIMIT :max_rows::int;

-- name: show_timezone()$
SHOW TimeZone;

-- name: set_nothing()!
SET LOCAL work_mem = '8MB';

-- name: make_table()!
CREATE TABLE IF NOT EXISTS notes (note text);

-- name: free_all_rooms()!
UPDATE rooms SET is_free = TRUE WHERE TRUE;

-- name: free_by_join(phone_number)!
--   phone_number: text, the guest
UPDATE rooms AS r SET is_free = TRUE FROM stays AS s
WHERE s.hotel_id = r.hotel_id AND s.room_number = r.room_number AND s.phone_number = :phone_number::text;

-- name: take_room(hotel_id)^
--   hotel_id: int, the hotel
UPDATE rooms SET is_free = FALSE
WHERE (hotel_id, room_number) = (
    SELECT hotel_id, room_number FROM rooms WHERE is_free AND hotel_id = :hotel_id::int ORDER BY room_number LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING room_number, floor;

-- name: move_stays(from_number, to_number)
--   from_number: text, old
--   to_number: text, new
UPDATE stays SET phone_number = :to_number::text WHERE phone_number = :from_number::text RETURNING stay_id, begins;

-- name: move_out(phone_number)$
--   phone_number: text, the guest
WITH gone AS (DELETE FROM stays WHERE phone_number = :phone_number::text RETURNING stay_id) SELECT count(*) AS stays FROM gone;

-- name: add_room(hotel_id, room_number, floor)!
--   hotel_id: int, the hotel
--   room_number: int, the room
--   floor: int, the floor
INSERT INTO rooms (hotel_id, room_number, floor) VALUES (:hotel_id::int, :room_number::int, :floor::int)
ON CONFLICT (hotel_id, room_number) DO UPDATE SET floor = excluded.floor;

-- name: add_stay(hotel_id, room_number, phone_number, begins)$
--   hotel_id: int, the hotel
--   room_number: int, the room
--   phone_number: text, the guest
--   begins: date, the day
INSERT INTO stays (hotel_id, room_number, phone_number, begins)
VALUES (:hotel_id::int, :room_number::int, :phone_number::text, :begins::date) RETURNING stay_id;

-- name: merge_rooms(hotel_id)!
--   hotel_id: int, the hotel
MERGE INTO rooms AS r USING (SELECT :hotel_id::int AS hotel_id) AS given ON r.hotel_id = given.hotel_id
WHEN MATCHED AND r.is_free THEN DELETE
WHEN MATCHED THEN UPDATE SET is_free = TRUE;

-- name: lock_room(hotel_id, room_number)^
--   hotel_id: int, the hotel
--   room_number: int, the room
SELECT floor FROM rooms WHERE hotel_id = :hotel_id::int AND room_number = :room_number::int FOR UPDATE;

-- name: next_ticket()$
SELECT nextval('tickets') AS ticket;

-- name: get_column_named_now()$
SELECT max(begins) AS now FROM stays;

-- name: get_clock()$
SELECT statement_timestamp() - make_interval(secs => 1.5) AS moment;

-- name: get_product(a, b)$
--   a: int, one
--   b: int, other
SELECT :a::int * :b::int AS product;

-- name: get_power()^
SELECT 2 * 3 AS six, (SELECT count(*) * 2 FROM rooms) AS doubled, ARRAY(SELECT 2 * floor FROM rooms ORDER BY 1) AS floors;

-- name: get_quoted_time(moment)$
--   moment: timestamptz, any
SELECT to_char(:moment::timestamptz, 'HH24:MI:SS "o''clock:now"') AS words;

-- name: get_word_now()$
SELECT 'now' AS word;

-- name: get_max()$
SELECT max(stay_id) FROM stays;

-- name: get_scalar(phone_number)^
--   phone_number: text, the guest
SELECT (SELECT s.begins FROM stays AS s WHERE s.phone_number = :phone_number::text ORDER BY s.begins DESC LIMIT 1) AS begins, 2 AS two;

-- name: get_renamed(code)^
--   code: text, the code
SELECT room_number AS floor, floor AS room_number FROM rooms WHERE code = :code::text;

-- name: get_default(phrase)$
--   phrase: text = 'a, '':b'' c', a default with everything
SELECT :phrase::text AS words;

-- name: list_grouped_by_key(max_rows)
--   max_rows: int = 50, rows at most
SELECT r.hotel_id, r.room_number, count(s.stay_id) AS stays
FROM rooms AS r LEFT JOIN stays AS s ON s.hotel_id = r.hotel_id AND s.room_number = r.room_number
GROUP BY r.hotel_id, r.room_number ORDER BY stays DESC, r.hotel_id, r.room_number LIMIT :max_rows::int;

-- name: list_active()
SELECT activity.pid FROM pg_stat_activity AS activity WHERE activity.datname = current_database() ORDER BY activity.pid;

-- name: list_tables()
SELECT tables.relname::text AS table_name FROM pg_class AS tables WHERE tables.relkind = 'r' ORDER BY tables.oid;

-- name: list_except()
SELECT hotel_id FROM rooms EXCEPT SELECT hotel_id FROM stays ORDER BY hotel_id LIMIT 10;

-- name: call_nothing()!
DO $$ BEGIN PERFORM 1; END $$;

-- name: list_rows_of_each()
SELECT x.n, y.m FROM (VALUES (1), (2)) AS x (n) CROSS JOIN LATERAL generate_series(1, x.n) AS y (m) ORDER BY x.n, y.m;

-- name: get_tag(hotel_id, label)^
--   hotel_id: int, the hotel
--   label: text, in any case
SELECT tag_id FROM tags WHERE hotel_id = :hotel_id::int AND lower(label) = lower(:label::text);

-- name: list_tags(max_rows)
--   max_rows: int = 50, rows at most
SELECT label FROM tags ORDER BY hotel_id, lower(label) LIMIT :max_rows::int;

-- name: get_stay_of_latest()^
SELECT s.begins, s.note FROM stays AS s WHERE s.stay_id = (SELECT max(stay_id) FROM stays);

-- name: get_by_row(hotel_id, room_number)^
--   hotel_id: int, the hotel
--   room_number: int, the room
SELECT floor FROM rooms WHERE (hotel_id, room_number) = (:hotel_id::int, :room_number::int);

-- name: get_room_of_stay(stay_id)^
--   stay_id: bigint, the stay
SELECT r.floor FROM stays AS s INNER JOIN rooms AS r ON r.hotel_id = s.hotel_id AND r.room_number = s.room_number
WHERE s.stay_id = :stay_id::bigint;

-- name: get_room_and_guest(stay_id)^
--   stay_id: bigint, the stay
SELECT s.begins, g.user_name FROM stays AS s LEFT JOIN guest_profiles AS g USING (phone_number) WHERE s.stay_id = :stay_id::bigint;

-- name: get_chosen_stay(stay_id)^
--   stay_id: bigint, the stay
WITH chosen AS MATERIALIZED (SELECT s.stay_id, s.begins FROM stays AS s WHERE s.stay_id = :stay_id::bigint)
SELECT c.stay_id, c.begins, (SELECT count(*) FROM chosen) AS others FROM chosen AS c;

-- name: get_clients_on(phone_number)^
--   phone_number: text, the guest
SELECT c.contact_name FROM historical_clients AS c
WHERE c.phone_number = :phone_number::text AND EXISTS (SELECT 1 FROM stays AS s WHERE s.phone_number = c.phone_number);

-- name: list_rollup()
SELECT mood, is_free, count(*) AS rooms FROM rooms GROUP BY ROLLUP (mood, is_free) ORDER BY mood, is_free;

-- name: list_windowed(max_rows)
--   max_rows: int = 50, rows at most
SELECT stay_id, lag(begins) OVER w AS before FROM stays WINDOW w AS (PARTITION BY phone_number ORDER BY begins, stay_id)
ORDER BY stay_id LIMIT :max_rows::int;

-- name: list_not_in(max_rows)
--   max_rows: int = 50, rows at most
SELECT r.hotel_id, r.room_number FROM rooms AS r
WHERE (r.hotel_id, r.room_number) NOT IN (SELECT s.hotel_id, s.room_number FROM stays AS s)
ORDER BY r.hotel_id, r.room_number LIMIT :max_rows::int;

-- name: list_full_join(max_rows)
--   max_rows: int = 50, rows at most
SELECT g.phone_number, c.contact_name FROM guest_profiles AS g FULL JOIN historical_clients AS c ON g.phone_number = c.phone_number
ORDER BY g.phone_number, c.phone_number LIMIT :max_rows::int;

-- name: list_in_subquery(phone_number)
--   phone_number: text, the guest
SELECT DISTINCT r.floor FROM rooms AS r
WHERE (r.hotel_id, r.room_number) IN (SELECT s.hotel_id, s.room_number FROM stays AS s WHERE s.phone_number = :phone_number::text)
ORDER BY r.floor LIMIT 20;

-- name: list_ordinals(max_rows)
--   max_rows: int = 50, rows at most
SELECT stay_id AS "order", begins AS "limit" FROM stays ORDER BY 2 DESC, 1 LIMIT (:max_rows::int);

-- name: list_array_elements(stay_ids)
--   stay_ids: bigint[], which
SELECT s.stay_id, s.begins FROM unnest(:stay_ids::bigint[]) AS given (stay_id)
INNER JOIN stays AS s ON s.stay_id = given.stay_id ORDER BY s.stay_id, s.begins;

-- name: list_nested_order(max_rows)
--   max_rows: int = 50, rows at most
SELECT x.phone_number, x.stays FROM (SELECT s.phone_number, count(*) AS stays FROM stays AS s GROUP BY s.phone_number) AS x
ORDER BY x.stays DESC, x.phone_number LIMIT :max_rows::int;

-- name: add_and_count(label, hotel_id)$
--   label: text, new
--   hotel_id: int, the hotel
WITH added AS (INSERT INTO tags (tag_id, hotel_id, label) VALUES (1, :hotel_id::int, :label::text) RETURNING tag_id)
SELECT count(*) AS tags FROM added;

-- name: add_or_get(label, hotel_id)^
--   label: text, new
--   hotel_id: int, the hotel
WITH added AS (
    INSERT INTO tags (tag_id, hotel_id, label) VALUES (1, :hotel_id::int, :label::text)
    ON CONFLICT (hotel_id, lower(label)) DO NOTHING RETURNING tag_id
)
SELECT tag_id FROM added
UNION ALL
SELECT tag_id FROM tags WHERE hotel_id = :hotel_id::int AND lower(label) = lower(:label::text)
LIMIT 1;

-- name: add_defaults()!
INSERT INTO rooms DEFAULT VALUES;

-- name: raise_floor(hotel_id, room_number)$
--   hotel_id: int, the hotel
--   room_number: int, the room
UPDATE rooms AS r SET floor = f.floor + 1 FROM (SELECT max(floor) AS floor FROM rooms) AS f
WHERE r.hotel_id = :hotel_id::int AND r.room_number = :room_number::int RETURNING r.floor;

-- name: delete_twins(phone_number)!
--   phone_number: text, the guest
DELETE FROM stays AS s USING stays AS t
WHERE s.phone_number = t.phone_number AND s.stay_id > t.stay_id AND s.phone_number = :phone_number::text;

-- name: get_colon_codes()$
SELECT count(*) FROM rooms WHERE code = ':p' OR code = ':days days' OR code LIKE '%:total%';

-- name: list_in_brackets(max_rows)
--   max_rows: int = 5, rows
(SELECT phone_number FROM historical_clients ORDER BY phone_number LIMIT :max_rows::int);

-- name: list_in_brackets_twice(max_rows)
--   max_rows: int = 5, rows
((SELECT phone_number FROM historical_clients ORDER BY phone_number)) LIMIT :max_rows::int;

-- name: list_in_brackets_behind_with(max_rows)
--   max_rows: int = 5, rows
WITH q (a) AS (SELECT 1) (SELECT phone_number FROM historical_clients, q ORDER BY phone_number LIMIT :max_rows::int);

-- name: list_union_of_brackets(max_rows)
--   max_rows: int = 5, rows
(SELECT phone_number FROM historical_clients) UNION (SELECT phone_number FROM guest_profiles) ORDER BY phone_number LIMIT :max_rows::int;

-- name: get_limit_in_brackets()^
SELECT phone_number FROM historical_clients ORDER BY phone_number LIMIT (1);

-- name: get_in_brackets()^
(SELECT phone_number FROM historical_clients ORDER BY phone_number LIMIT 1);

-- name: get_first_of_user(user_name)^
--   user_name: text, any
SELECT DISTINCT ON (user_name) user_name, phone_number FROM guest_profiles WHERE user_name = :user_name::text ORDER BY user_name, phone_number;

-- name: get_distinct_user(user_name)^
--   user_name: text, any
SELECT DISTINCT user_name FROM guest_profiles WHERE user_name = :user_name::text;

-- name: get_user_count(user_name)^
--   user_name: text, any
SELECT user_name, count(*) AS n FROM guest_profiles WHERE user_name = :user_name::text GROUP BY user_name;

-- name: get_last_of_user(user_name)^
--   user_name: text, any
SELECT DISTINCT ON (g.user_name) g.user_name, g.phone_number FROM guest_profiles g WHERE g.user_name = :user_name::text ORDER BY g.user_name, g.phone_number DESC;

-- name: get_rank(room_number)^
--   room_number: int, any
SELECT q.n FROM (SELECT hotel_id, room_number, row_number() OVER (ORDER BY floor, room_number) AS n FROM rooms WHERE hotel_id = 1) AS q WHERE q.room_number = :room_number::int;

-- name: get_rank_renamed(room_number)^
--   room_number: int, any
SELECT q.n FROM (SELECT room_number AS nr, row_number() OVER (ORDER BY floor, room_number) AS n FROM rooms WHERE hotel_id = 1) AS q WHERE q.nr = :room_number::int;

-- name: get_of_with(stay_id)^
--   stay_id: bigint, any
WITH q AS MATERIALIZED (SELECT stay_id, begins FROM stays) SELECT q.begins FROM q WHERE q.stay_id = :stay_id::bigint;

-- name: get_stay_or_none(stay_id)^
--   stay_id: bigint, any
SELECT begins FROM stays WHERE stay_id IS NOT DISTINCT FROM :stay_id::bigint;

-- name: get_name_or_none(phone_number)^
--   phone_number: text, any
SELECT contact_name FROM historical_clients WHERE phone_number IS NOT DISTINCT FROM :phone_number::text;

-- name: get_with_ties()^
SELECT stay_id, begins FROM stays ORDER BY stay_id FETCH FIRST 1 ROW WITH TIES;

-- name: get_words_of_time()^
SELECT CAST('now' AS text) AS word, upper('today') AS name, statement_timestamp()::date AS current_date;
