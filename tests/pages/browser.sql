-- name: list_stays(kind, since, paid_only, max_rows)
-- Nights by unit, the most first.
-- The second paragraph of the text.
-- es: Noches por unidad, primero la que más tiene.
-- chart: bar x=unit y=nights
-- empty: nobody has stayed yet
--   kind: text = 'all', kind of the unit
--     choices: list_kinds
--   since: date = '2026-01-01', first day
--   paid_only: boolean = false, only stays that were paid
--   max_rows: int = 10, rows at most, e.g. 3
WITH stays (unit, kind, nights, paid, last_day, note) AS (
    VALUES
    ('Cabin 1', 'cabin', 12, TRUE, DATE '2026-02-01', 'quiet'),
    ('Cabin 2', 'cabin', 7, FALSE, DATE '2026-03-01', NULL),
    ('Loft', 'loft', 25, TRUE, DATE '2026-04-01', 'with a very long note that is much wider than a phone, and then some'),
    ('Suite', 'suite', 3, TRUE, DATE '2026-05-01', 'call 3001234567')
)

SELECT
    unit,
    nights,
    paid,
    last_day,
    note
FROM stays
WHERE
    (:kind::text = 'all' OR kind = :kind::text)
    AND last_day >= :since::date
    AND (paid OR NOT :paid_only::boolean)
ORDER BY nights DESC
LIMIT :max_rows::int;

-- name: list_kinds()
-- The kinds of units.
SELECT
    kind,
    kind_name
FROM (VALUES ('all', 'Every unit'), ('cabin', 'Cabins'), ('loft', 'Lofts'), ('suite', 'Suites')) AS kinds (kind, kind_name)
ORDER BY kind
LIMIT 10;

-- name: get_stay_of(phone_number)^
-- What a guest has booked.
--   phone_number: text, the guest's
SELECT
    :phone_number::text AS phone_number,
    'Loft' AS unit;
