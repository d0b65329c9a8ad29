from pathlib import Path

import pytest

from guestsql.errors import QueryFileError
from guestsql.sql import Operator, Parameter, arrange, default_directory, load_catalogue, scan_directory

INACTIVE = """\
-- Lists for the morning.

-- name: list_inactive_guests(min_days, max_rows)
-- Guests silent for at least min_days, longest silence first;
-- never written comes last.
--   min_days: int = 30, days since the guest's last message
--   max_rows: int = 50, rows at most,
--     for each page

SELECT
    phone_number -- don't
FROM guest_profiles
WHERE last_interaction < statement_timestamp() - make_interval(days => :min_days::int)
ORDER BY last_interaction
LIMIT :max_rows::int; -- see :x

-- More lists.

-- name: get_phone(name)^
--   name: text, any part of it
SELECT phone_number FROM guest_profiles WHERE contact_name = :name::text
"""


@pytest.fixture
def load(tmp_path):
    def loader(text, **more):
        folder = tmp_path / "queries"
        folder.mkdir()
        for name, content in {"a": text, **more}.items():
            data = content if isinstance(content, bytes) else content.encode()
            (folder / f"{name}.sql").write_bytes(data)
        return load_catalogue(folder, packaged=False)

    return loader


def one(load, sql, parameters="", operator="", doc=""):
    return load(f"-- name: get_it({parameters}){operator}\n{doc}{sql}")["get_it"]


def test_a_query_as_its_file_says(load):
    query = load(INACTIVE)["list_inactive_guests"]
    assert query.operator is Operator.ROWS
    assert query.doc == "Guests silent for at least min_days, longest silence first;\nnever written comes last."
    assert query.parameters == (
        Parameter("min_days", "int", "30", "days since the guest's last message"),
        Parameter("max_rows", "int", "50", "rows at most, for each page"),
    )
    assert (query.file.name, query.line, query.column) == ("a.sql", 3, 1)
    assert query.source.startswith("SELECT\n    phone_number -- don't\n")
    assert query.source.endswith("LIMIT :max_rows::int")
    assert query.positional == ("min_days", "max_rows")


def test_the_text_is_the_source_with_positions_and_the_name_at_both_ends(load):
    query = load(INACTIVE)["get_phone"]
    sql = "SELECT phone_number FROM guest_profiles WHERE contact_name = $1::text"
    assert query.text == f"/* q=get_phone */ {sql}\n-- q=get_phone"


def test_a_parameter_may_be_called_name(load):
    assert load(INACTIVE)["get_phone"].parameters == (Parameter("name", "text", None, "any part of it"),)


def test_the_hints_of_pg_hint_plan_stay_first(load):
    query = one(load, "/*+ SeqScan(t) */ SELECT 1")
    assert query.text == "/*+ SeqScan(t) */ /* q=get_it */  SELECT 1\n-- q=get_it"
    assert query.locate(query.text.index("1") + 1) == (2, 26)


def test_byte_order_mark_and_line_ends_of_windows(load):
    catalogue = load(b"\xef\xbb\xbf" + INACTIVE.replace("\n", "\r\n").encode())
    assert "\r" not in catalogue["list_inactive_guests"].text
    assert catalogue["get_phone"].line == 19


def test_queries_stand_in_the_order_of_files_and_lines(load):
    catalogue = load("-- name: z()\nSELECT 1\n-- name: y()\nSELECT 2", b="-- name: x()\nSELECT 3;")
    assert list(catalogue) == ["z", "y", "x"]
    assert len(catalogue) == 3


def test_only_sql_files_directly_in_the_folder_are_read(load, tmp_path):
    folder = tmp_path / "queries"
    load("-- name: a()\nSELECT 1")
    (folder / "notes.txt").write_text("nothing")
    (folder / ".#a.sql").write_text("nothing")
    (folder / "sub").mkdir()
    (folder / "sub" / "b.sql").write_text("nothing")
    assert list(load_catalogue(folder, packaged=False)) == ["a"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT '\n-- name: other()\n'",
        "SELECT $$\n-- name: other()\n$$",
        "SELECT 1 /*\n-- name: other()\n*/ + 1",
        'SELECT 1 AS "\n-- name: other()\n"',
        "SELECT a, -- name: as the gateway gives it\n b",
    ],
)
def test_a_query_begins_at_a_comment_of_its_own_line_only(load, sql):
    assert one(load, sql).source == sql


def test_an_open_bracket_in_one_query_means_nothing_in_the_next(load):
    catalogue = load("-- name: a()\nSELECT x[\n\n-- name: b(n)\nSELECT 1 + :n::int, y :n")
    assert "SELECT 1 + $1::int, y $1\n" in catalogue["b"].text


def test_semicolons_inside_brackets_and_at_the_end(load):
    sql = "CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b)"
    assert one(load, f"{sql};\n;\n-- done; really").source == sql


@pytest.mark.parametrize(
    ("operator", "meaning"), [("", Operator.ROWS), ("^", Operator.ROW), ("$", Operator.VALUE), ("!", Operator.COUNT)]
)
def test_operators(load, operator, meaning):
    assert one(load, "SELECT 1", operator=operator).operator is meaning


@pytest.mark.parametrize(
    ("line", "described", "value"),
    [
        ("x: int", ("int", None, ""), None),
        ("x: int, text", ("int", None, "text"), None),
        ("x: int = 30, text, and more", ("int", "30", "text, and more"), "30"),
        ("x:int=-1.5e3", ("int", "-1.5e3", ""), "-1.5e3"),
        ("x: text = 'a, b', text", ("text", "'a, b'", "text"), "a, b"),
        ("x: text = 'it''s'", ("text", "'it''s'", ""), "it's"),
        ("x: text = ''", ("text", "''", ""), ""),
        ("x: text = null, text", ("text", "null", "text"), None),
        ("x: text = 'null'", ("text", "'null'", ""), "null"),
        ("x: bool = true", ("bool", "true", ""), "true"),
        ("x: text[] = '{a,b}', text", ("text[]", "'{a,b}'", "text"), "{a,b}"),
        ("x: numeric(10, 2) = 0, text", ("numeric(10, 2)", "0", "text"), "0"),
        ("x: timestamp with time zone, text", ("timestamp with time zone", None, "text"), None),
        ("x: double precision", ("double precision", None, ""), None),
        ("x: public.mood", ("public.mood", None, ""), None),
        ('x: "UserRole", text', ('"UserRole"', None, "text"), None),
        ("""x: public."a, ""b"" = c"[] = 'd', text""", ('public."a, ""b"" = c"[]', "'d'", "text"), "d"),
        ("x: \"char\" = 'a', text", ('"char"', "'a'", "text"), "a"),
        ("x: int array = '{1}', text", ("int array", "'{1}'", "text"), "{1}"),
        ("x: INTERVAL DAY TO SECOND(3), text", ("INTERVAL DAY TO SECOND(3)", None, "text"), None),
        ("x: numeric(10,2)[3][], text", ("numeric(10,2)[3][]", None, "text"), None),
        ("x: timestamp(3) with time zone", ("timestamp(3) with time zone", None, ""), None),
        ("x: geometry(Point, 4326), text", ("geometry(Point, 4326)", None, "text"), None),
        ("x: = 1, text", (None, "1", "text"), "1"),
        ("x:, text", (None, None, "text"), None),
        ("x:", (None, None, ""), None),
    ],
)
def test_lines_of_parameters(load, line, described, value):
    query = one(load, "SELECT :x", "x", doc=f"--   {line}\n")
    (parameter,) = query.parameters
    assert parameter == Parameter("x", *described)
    assert parameter.default_value == value
    assert query.doc == ""


def test_prose_with_a_colon_is_prose(load):
    query = one(load, "SELECT :x", "x", doc="-- Returns: rows.\n-- x: int, not indented enough\n-- more:\n")
    assert query.doc == "Returns: rows.\nmore:"
    assert query.parameters[0].type == "int"


def test_comments_behind_a_blank_line_belong_to_the_sql(load):
    query = one(load, "\n-- why: so\nSELECT 1", doc="-- Doc.\n")
    assert (query.doc, query.source) == ("Doc.", "-- why: so\nSELECT 1")


FAULTS = [
    ("SELECT 1;\n", (1, 1), "SQL before the first name line", "-- name:"),
    ("-- ok\n  SELECT 1\n-- name: a()\nSELECT 1", (2, 3), "SQL before the first name line", "-- name:"),
    ("-- name: a()#\nSELECT 1", (1, 13), "aiosql's operator #", "give each statement a name line"),
    ("-- name: a()<!\nSELECT 1", (1, 13), "aiosql's operator <!", "use ^ for the row of RETURNING"),
    ("-- name: a() *!\nSELECT 1", (1, 14), "aiosql's operator *!", "pass arrays"),
    ("-- name: a\nSELECT 1", (1, 11), "no parameter list", "a()"),
    ("-- name: a*!\nSELECT 1", (1, 11), "aiosql's operator *!", "pass arrays"),
    ("-- name: a()?\nSELECT 1", (1, 13), "unknown operator '?'", "none (rows), ^ (a row), $ (a value), ! (a count)"),
    ("-- name: a()\n-- record_class: A\nSELECT 1", (2, 4), "record_class is not supported", "remove the line"),
    ("-- name: a^\nSELECT 1", (1, 11), "no parameter list", "a()^"),
    ("-- name: a(b\nSELECT :b", (1, 11), "does not end", "parenthesis"),
    ("-- name: a(b, c, b)\nSELECT :b, :c", (1, 18), "declared twice", "once"),
    ("-- name: a(b,)\nSELECT :b", (1, 14), "cannot name a parameter", "lowercase"),
    ("-- name: a(B)\nSELECT :B", (1, 12), "'B' cannot name a parameter", "lowercase"),
    ("-- name: a(from)\nSELECT :from", (1, 12), "'from' cannot name a parameter", "lowercase"),
    ("-- name: a(conn)\nSELECT :conn", (1, 12), "'conn' cannot name a parameter", "lowercase"),
    ("-- name: a()\nSELECT 1,\n  :b", (3, 3), "undeclared parameter :b", "name line"),
    ("-- name: a(b, c)\nSELECT :b", (1, 15), "parameter c of query a is not used", ":c"),
    ("-- name: a(b)\nSELECT ':b'", (1, 12), "is not used", "quotes"),
    ("-- name: a()\nSELECT $1", (2, 8), "$1", "write :name"),
    ("-- name: a(b)\n--   c: int, text\nSELECT :b", (2, 6), "describes c", "one space"),
    ("-- name: a(b)\n--   b: int\n--   b: int\nSELECT :b", (3, 6), "described twice", "one line"),
    ("-- name: a(b)\n--   b: rows at most\nSELECT :b", (2, 14), "no type here: 'at most'", "b: type = default"),
    ("-- name: a(b)\n--   b: int = now(), x\nSELECT :b", (2, 15), "no default here", "quoted"),
    ("-- name: a(b)\n--   b: int = 1 2\nSELECT :b", (2, 17), "no default here", "quoted"),
    ("-- name: get-it()\nSELECT 1", (1, 10), "'get-it' cannot name a query", "write get_it"),
    ("-- name: getIt()\nSELECT 1", (1, 10), "cannot name a query", "write getit"),
    ("-- name: _a()\nSELECT 1", (1, 10), "cannot name a query", "lowercase"),
    ("-- name: 1st()\nSELECT 1", (1, 10), "cannot name a query", "lowercase"),
    ("-- name: import()\nSELECT 1", (1, 10), "cannot name a query", "lowercase"),
    ("-- name: add_query()\nSELECT 1", (1, 10), "aiosql", "another"),
    ("-- name: ()\nSELECT 1", (1, 10), "'' cannot name a query", "lowercase"),
    ("-- name: a()\n-- only a comment\n;", (1, 1), "query a is empty", "below"),
    ("-- name: a()\n-- name: b()\nSELECT 1", (1, 1), "query a is empty", "below"),
    ("-- name: a()\nSELECT 1;\nSELECT 2", (3, 1), "more than one statement", "own name line"),
    ("-- name: a()\nSELECT 1\n-- Name: b()\nSELECT 2", (3, 1), "not read as one", "lower case"),
    ("-- NAME: b()\nSELECT 2", (1, 1), "not read as one", "lower case"),
    ("-- name: a()\nSELECT 'x", (2, 8), "unterminated string", "close it"),
    ("-- name: a()\nSELECT '\0'", (2, 9), "NUL", "remove"),
    ("-- é\n-- é".encode("latin-1"), (1, 4), "not UTF-8: byte 0xe9", "UTF-8"),
    ("-- é\n-- é ".encode() + b"\xff", (2, 6), "not UTF-8: byte 0xff", "UTF-8"),
]


@pytest.mark.parametrize(("text", "place", "message", "hint"), FAULTS)
def test_faults_have_a_place_and_a_remedy(load, text, place, message, hint):
    with pytest.raises(QueryFileError) as caught:
        load(text)
    error = caught.value
    assert (error.file.name, error.line, error.column) == ("a.sql", *place), error
    assert message in error.message
    assert hint in error.hint


def test_a_name_used_twice_shows_both_places(load):
    with pytest.raises(QueryFileError) as caught:
        load("-- name: a()\nSELECT 1", b="\n  -- name: a()\nSELECT 2")
    error = caught.value
    assert (error.file.name, error.line, error.column) == ("b.sql", 2, 3)
    assert "a.sql:1" in error.message


def test_all_faults_of_a_folder_and_what_is_left(tmp_path):
    (tmp_path / "a.sql").write_text(
        "SELECT 0;\n-- name: a()\nSELECT :x\n-- name: b()\nSELECT 1\n-- name: b()\nSELECT 1"
    )
    (tmp_path / "b.sql").write_text("-- name: c()\nSELECT '")
    (tmp_path / "c.sql").write_text("-- name: d()\nSELECT 1")
    catalogue, errors = scan_directory(tmp_path)
    assert list(catalogue) == ["b", "d"]
    assert [(error.file.name, error.line) for error in errors] == [
        ("a.sql", 1),
        ("a.sql", 3),
        ("a.sql", 6),
        ("b.sql", 2),
    ]


def test_a_folder_that_is_missing_or_empty(tmp_path):
    with pytest.raises(QueryFileError, match="nowhere: cannot be read"):
        load_catalogue(tmp_path / "nowhere", packaged=False)
    with pytest.raises(QueryFileError, match=r"no \*\.sql file"):
        load_catalogue(tmp_path, packaged=False)


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "a.sql").mkdir()
    with pytest.raises(QueryFileError, match=r"a\.sql: cannot be read"):
        load_catalogue(tmp_path, packaged=False)


def test_the_queries_of_the_package_can_be_found():
    assert default_directory().is_dir()


def test_positions_lead_back_to_the_file(load):
    query = load("-- name: a(x, y)\n\n  SELECT :x,\n    :y::int, :x, here\n")["a"]
    assert query.text == "/* q=a */ SELECT $1,\n    $2::int, $1, here\n-- q=a"
    for needle, place in {"SELECT": (3, 3), "$1,": (3, 10), "$2": (4, 5), "::int": (4, 7), "here": (4, 18)}.items():
        assert query.locate(query.text.index(needle) + 1) == place
    assert query.locate(1) == (3, 3)
    assert query.locate(len(query.text) + 1) == (4, 22)


def test_arguments_are_put_in_order_of_first_use(load):
    query = one(load, "SELECT :b, :a, :b", "a, b")
    assert arrange(query, {"a": 1, "b": 2}) == [2, 1]


def test_an_argument_with_a_default_may_be_missing(load):
    query = one(load, "SELECT :a, :b, :c", "a, b, c", doc="--   b: text = 'it''s'\n--   c: int = null\n")
    assert arrange(query, {"a": 1}) == [1, "it's", None]
    assert arrange(query, {"a": 1, "c": 3}) == [1, "it's", 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"a": 1}, r"get_it\(a, b\): missing b"),
        ({}, r"get_it\(a, b\): missing a, b"),
        ({"a": 1, "b": 2, "c": 3}, r"get_it\(a, b\): unexpected c"),
        ({"a": 1, "c": 3}, r"get_it\(a, b\): missing b; unexpected c"),
    ],
)
def test_wrong_arguments_name_the_query_and_the_parameters(load, arguments, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        arrange(one(load, "SELECT :a, :b", "a, b"), arguments)


def test_a_routine_of_several_statements_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(
        "-- name: make_it()!\n"
        "CREATE FUNCTION two(a int) RETURNS int\n"
        "BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a > 0 THEN 1 ELSE 2 END; END;\n",
        encoding="utf-8",
    )
    assert load_catalogue(tmp_path, packaged=False)["make_it"].source.endswith("END; END")
