import pytest

from guestsql.errors import QueryFileError
from guestsql.sql.rewriting import SyntaxFault, rewrite
from guestsql.sql.scanner import TokenKind, tokenize


def rewritten(text, *declared):
    return rewrite(tokenize(text), frozenset(declared)).text


def kinds(text):
    return [(token.kind.name, token.text) for token in tokenize(text) if token.kind is not TokenKind.SPACE]


UNTOUCHED = [
    "SELECT 5 % 2",
    "SELECT '{}'::jsonb ? 'a', '{}'::jsonb ?| '{a}', '{}'::jsonb @> '{}'",
    "SELECT 1::int, '2'::text",
    "SELECT arr[2:3]",
    "SELECT arr[lo:hi]",
    "SELECT arr[lo:]",
    "SELECT arr[:hi]",
    "SELECT arr[:]",
    "SELECT arr[1 : hi]",
    "SELECT arr[lo::int:hi::int]",
    "SELECT arr[f(1):hi]",
    "SELECT arr[t.end:t.limit], arr[t.limit:hi]",
    "SELECT arr[NULL:hi], arr[CASE WHEN a THEN 1 END:hi], arr[CURRENT_DATE - d:hi]",
    "SELECT arr['1':'2'], arr[:'2'], arr[\"lo\":\"hi\"], arr[x'1F'::int:x'2F'::int]",
    "SELECT arr[between:hi], arr[escape:hi], arr[value:hi], arr[zone:hi]",
    "SELECT arr[(2):hi], arr[a[1]:hi], (SELECT arr)[lo:hi], t.arr[lo:hi], array_agg(x)[lo:hi]",
    "SELECT $$it's :x -- /* $$",
    "SELECT $a$ $$ :x $b$ $a$",
    "SELECT $día$ :x $día$",
    r"SELECT E'\'', ':x'",
    r"SELECT E'\\', ':x', e'it''s \' :x'",
    r"SELECT '\', ':x'",
    "SELECT E'\\\n', ':x'",
    "SELECT E'a' -- it's\n'\\':x'",
    "SELECT U&'d\\0061t :x' UESCAPE '!', u&\":x\", B'01', X'1F', N':x'",
    "SELECT 'a'\n':x'",
    "SELECT 'a' -- it's :x\n  -- and :y\n':x'",
    "SELECT E'a'\n'\\':x'",
    "SELECT 1 /* a /* nested :x ' */ still :y */ + 1",
    "SELECT 1 /* **/ + /*/ :x */*/ 1",
    "SELECT 1 -- see :x, don't",
    "SELECT 1 -- carriage return ends it\r, 2",
    'SELECT ":x", "a"":y"',
    "SELECT f(a:=1), f(a => 1)",
    "SELECT foo$1$bar, foo$$bar",
    "SELECT 1e5, 1.5, .5, 0x1F, 1_000, 1., 1.e-5",
    "SELECT 1+--:x\n1",
    "SELECT 1*/*:x*/1",
    "SELECT JSON_OBJECT('a':b), JSON_OBJECTAGG(k:v)",
    "SELECT ñandú$a",
    "SELECT a : b, a: 1",
]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_valid_text_without_parameters_stays_as_it_is(text):
    assert rewritten(text) == text


@pytest.mark.parametrize("text", UNTOUCHED)
def test_nothing_is_lost_between_tokens(text):
    tokens = tokenize(text)
    assert "".join(token.text for token in tokens) == text
    assert [token.offset for token in tokens[1:]] == [token.end for token in tokens[:-1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1"),
        ("SELECT :a::text", "SELECT $1::text"),
        ("x IN:a", "x IN $1"),
        ("1:a", "1 $1"),
        ("é:a", "é $1"),
        ("LIMIT:a", "LIMIT $1"),
        ("$$x$$:a", "$$x$$ $1"),
        (":a$$x$$", "$1 $$x$$"),
        (":a:b", "$1 $2"),
        ("(:a)", "($1)"),
        ("a=:a", "a=$1"),
        (":a||:b", "$1||$2"),
        (":a'x'", "$1'x'"),
        ("f(a:=:a)", "f(a:=$1)"),
        ("f(a=>:a)", "f(a=>$1)"),
        ("arr[:a]", "arr[$1]"),
        ("arr[ /* the n-th */ :a]", "arr[ /* the n-th */ $1]"),
        ("arr[:a:2]", "arr[$1:2]"),
        ("arr[:a::int : :b::int]", "arr[$1::int : $2::int]"),
        ("arr[1::int: :b]", "arr[1::int: $1]"),
        ("arr[:a: :b]", "arr[$1: $2]"),
        ("arr[:a:hi]", "arr[$1:hi]"),
        ("arr[lo::b]", "arr[lo::b]"),
        ("arr[:lo:b]", "arr[:lo:b]"),
        ("arr[f(:a):2]", "arr[f($1):2]"),
        ("arr[f(:a, lo):hi]", "arr[f($1, lo):hi]"),
        ("arr[lo + :a:hi]", "arr[lo + $1:hi]"),
        ("arr[CASE WHEN :a THEN 1 END]", "arr[CASE WHEN $1 THEN 1 END]"),
        ("arr[CASE WHEN lo BETWEEN :a AND :b THEN 1 END:hi]", "arr[CASE WHEN lo BETWEEN $1 AND $2 THEN 1 END:hi]"),
        ("ARRAY[x LIKE y ESCAPE :a]", "ARRAY[x LIKE y ESCAPE $1]"),
        ("arr[CASE WHEN x NOT BETWEEN :a AND :b THEN 1 END]", "arr[CASE WHEN x NOT BETWEEN $1 AND $2 THEN 1 END]"),
        ("arr[x AT TIME ZONE :a]", "arr[x AT TIME ZONE $1]"),
        ("ARRAY[x NOT BETWEEN :a AND :b]", "ARRAY[x NOT BETWEEN $1 AND $2]"),
        ("ARRAY[x AT TIME ZONE :a]", "ARRAY[x AT TIME ZONE $1]"),
        ("arr[x OPERATOR(pg_catalog.+) :a]", "arr[x OPERATOR(pg_catalog.+) $1]"),
        ("ARRAY[:a, :b]", "ARRAY[$1, $2]"),
        ("ARRAY[[:a], [:b]]", "ARRAY[[$1], [$2]]"),
        (":a[1:2]", "$1[1:2]"),
        ("JSON_OBJECT(:a: :b)", "JSON_OBJECT($1: $2)"),
        ("JSON_OBJECT(:a VALUE :b)", "JSON_OBJECT($1 VALUE $2)"),
        ("JSON_OBJECT('k': f(:a), 'l': :b)", "JSON_OBJECT('k': f($1), 'l': $2)"),
        ("SELECT ':a', \":a\", $$:a$$, E'\\':a' -- :a\n, /* :a */ :a", None),
    ],
)
def test_parameters_become_positions(text, expected):
    if expected is None:
        expected = text.removesuffix(":a") + "$1"
    assert rewritten(text, "a", "b") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1..2", [("NUMBER", "1"), ("OPERATOR", ".."), ("NUMBER", "2")]),
        ("1.5.5", [("NUMBER", "1.5"), ("NUMBER", ".5")]),
        ("0x1F_0g", [("NUMBER", "0x1F_0"), ("WORD", "g")]),
        ("1_000e-1_0", [("NUMBER", "1_000e-1_0")]),
        ("t.a", [("WORD", "t"), ("PUNCTUATION", "."), ("WORD", "a")]),
        ("a$1", [("WORD", "a$1")]),
        ("a $1", [("WORD", "a"), ("POSITION", "$1")]),
        ("$1a$ $1a$", [("POSITION", "$1"), ("WORD", "a$"), ("POSITION", "$1"), ("WORD", "a$")]),
        ("e'a'", [("STRING", "e'a'")]),
        ("fe'a'", [("WORD", "fe"), ("STRING", "'a'")]),
        ("u&'a'", [("STRING", "u&'a'")]),
        ('U&"a"', [("QUOTED_WORD", 'U&"a"')]),
        ("$12", [("POSITION", "$12")]),
        ("u&a", [("WORD", "u"), ("OPERATOR", "&"), ("WORD", "a")]),
        ("'a' 'b'", [("STRING", "'a'"), ("STRING", "'b'")]),
        ("'a'\n'b'", [("STRING", "'a'\n'b'")]),
        ("'a' /* x */\n'b'", [("STRING", "'a'"), ("BLOCK_COMMENT", "/* x */"), ("STRING", "'b'")]),
        ("a:::b", [("WORD", "a"), ("OPERATOR", "::"), ("PARAMETER", ":b")]),
        ("<=>--x", [("OPERATOR", "<=>"), ("LINE_COMMENT", "--x")]),
        ("\x01\\{", [("OTHER", "\x01"), ("OTHER", "\\"), ("OTHER", "{")]),
    ],
)
def test_tokens(text, expected):
    assert kinds(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("SELECT 'a", 1, 8, "string"),
        ("SELECT\n  'it''s", 2, 3, "string"),
        ("SELECT e'a\\'", 1, 8, "string"),
        ("SELECT 'a'\n 'b", 2, 2, "string"),
        ('SELECT "a', 1, 8, "quoted identifier"),
        ("SELECT $$a$", 1, 8, "dollar quote"),
        ("SELECT $a$ $A$", 1, 8, "dollar quote"),
        ("SELECT 1\n/* /* */", 2, 1, "block comment"),
    ],
)
def test_what_does_not_end_is_shown_where_it_begins(text, line, column, what):
    with pytest.raises(QueryFileError) as caught:
        tokenize(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert what in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("SELECT :b", 7, "undeclared parameter :b"),
        ("SELECT :A", 7, "declared as a"),
        ("SELECT ARRAY[:b]", 13, "undeclared"),
        ("SELECT ARRAY[a :b]", 15, "undeclared"),
        ("SELECT $1", 7, "write :name"),
        ("SELECT :'a'", 7, "psql"),
        ('SELECT :"a"', 7, "psql"),
        ("SELECT :{?a}", 7, "psql"),
    ],
)
def test_what_is_no_parameter_is_refused(text, offset, words):
    with pytest.raises(SyntaxFault) as caught:
        rewritten(text, "a")
    assert caught.value.offset == offset
    assert words in f"{caught.value} {caught.value.hint}"


def test_scanning_is_linear():
    """A hundred times the text takes no more than a hundred times the steps: no pattern backtracks."""
    for piece in ("'a''b'\n", "/* ' */ ", "-- x\n", "$$a$$ ", "1_000.5e5 ", "a$b ", "(((", "[[["):
        assert "".join(token.text for token in tokenize(piece * 5_000)) == piece * 5_000
