"""Long texts are cut as the scanner cuts them, in work that grows with their length and little memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guestsql.errors import QueryFileError
from guestsql.migrate import default_directory
from guestsql.migrate.text import normalise, pieces
from guestsql.sql import default_directory as queries_directory
from guestsql.sql import pieces as cutting
from guestsql.sql.depth import Depth
from guestsql.sql.pieces import SEPARATOR, cut
from guestsql.sql.scanner import Token, TokenKind, tokenize

SHIPPED = [*sorted(default_directory().glob("*.sql")), *sorted(queries_directory().rglob("*.sql"))]


def reference(text: str) -> list[tuple[int, list[str]]]:
    """Offset and tokens of each statement, by the scanner alone."""
    found: list[tuple[int, list[str]]] = []
    group: list[Token] = []
    depth = Depth()
    for token in tokenize(text):
        if token.is_blank:
            continue
        group.append(token)
        depth.follow(token)
        if token.kind is TokenKind.SEMICOLON and depth.is_outside:
            found.append((group[0].offset, [each.text for each in group]))
            group, depth = [], Depth()
    if group:
        found.append((group[0].offset, [each.text for each in group]))
    return found


def reference_body(text: str) -> str:
    """The form in which the ledgers of earlier releases hold a file."""
    lines = [""]
    for token in tokenize(text):
        if token.is_blank:
            continue
        written = token.text.replace("\r\n", "\n")
        if token.kind is TokenKind.OPERATOR:
            signs = ""
            while len(written) > 1 and written[-1] in "+-" and not set(written) & set("~!@#%^&|`?"):
                written, signs = written[:-1], f" {written[-1]}{signs}"
            written += signs
        glued = not lines[-1] or written in (")", "]", ",") or token.kind is TokenKind.SEMICOLON
        lines[-1] += written if glued or lines[-1].endswith(("(", "[")) else f" {written}"
        if token.kind is TokenKind.SEMICOLON or written == ",":
            lines.append("")
    return "\n".join(lines).rstrip("\n;") + ";\n"


def failure(cutting_up: Callable[[str], object], text: str) -> tuple[str, int | None, int | None] | None:
    try:
        cutting_up(text)
    except QueryFileError as error:
        return error.message, error.line, error.column
    return None


def assert_same(text: str) -> None:
    failed = failure(reference, text)
    assert failure(lambda given: list(cut(given)), text) == failed
    if failed is None:
        assert [(piece.begin, piece.tokens.split(SEPARATOR)) for piece in cut(text)] == reference(text)
        assert normalise(pieces(text)) == reference_body(text)


FRAGMENTS = [
    *[
        "SELECT",
        "a",
        "_b$1",
        "é",
        "e",
        "E",
        "x",
        "u",
        "U&",
        "create",
        "or",
        "Replace",
        "FUNCTION",
        "begin",
        "ATOMIC",
        "end",
        "case",
    ],
    *[" ", "\n", "\r\n", "\t", "-- it's; /*\n", "--", "/* ; */", "/* /* ' */ */", "/*", "*/", "/*/ */", "/**/"],
    *["'", "''", "'it''s'", "E'\\''", "'a'\n'b'", "'a' -- x\n 'b'", "e'a'\n'\\''", "b'1'", "X'f'", "n'x'", "U&'x'"],
    *['"', '"a""b"', 'u&"x"', "$$", "$$ ; ' $$", "$q$ $$ $q$", "$q$", "$1", "$", "$é$x$é$"],
    *["1", "1.5e-3", ".5", "1..2", "0xff", "0x", "1_000", "1e", "12:00"],
    *["(", ")", "[", "]", ",", ".", "..", ";", ";;", ":", "::", ":=", ":name", ":é", "[1:n]", "a[:n]", "json_object("],
    *["+", "-", "=-", "@-", "<=", "|/", "/", "*", "->>", "?", "=-+-", "\\", "{", "}", "\x01", "\x7f", "😀"],
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join))
@example("CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3")
@example("CREATE /* in /* a */ comment */ FUNCTION f() BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3")
@example("CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2); x")
@example("a ) ; b ( ; c ) ; d")
@example("SELECT json_object('k':n); SELECT :n, a[b:n]; SELECT ':n'")
@example(",\n) (,) [ , ] ;; ( ;")
@example(")json_object(;a:name")
@example("a ] ( ; b ) ; ] [ ; c")
@example("e'")
@example("e'a'\n'\\'''")
def test_statements_tokens_and_body_are_the_scanner_s(text: str) -> None:
    assert_same(text)


@pytest.mark.parametrize("file", SHIPPED, ids=[file.name for file in SHIPPED])
def test_shipped_files_are_cut_alike(file: Path) -> None:
    assert_same(file.read_text(encoding="utf-8"))


def rows(count: int) -> str:
    return "".join(f"INSERT INTO t (a, b) VALUES ({at}, 'guest -- {at}; O''Brien');\n" for at in range(count))


def one_statement(count: int) -> str:
    values = ",\n".join(f"({at}, 'guest -- {at}; O''Brien')" for at in range(count))
    return f"INSERT INTO t (a, b) VALUES {values};"


def bodies(count: int) -> str:
    body = "CREATE FUNCTION f{0}() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN {0}; END $$;\n"
    atomic = "CREATE FUNCTION g{0}() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT {0}; END;\n"
    return "".join((body + atomic).format(at) for at in range(count))


def comments(count: int) -> str:
    return "/* one /* in */ another */ SELECT '{\"a\":b}', a[b:c] -- it's\n;" * count


class _Counting:
    """A compiled expression that counts what it reads."""

    def __init__(self, expression: object, work: dict[str, int]) -> None:
        self._expression = expression
        self._work = work

    def match(self, text: str, at: int = 0) -> object:
        found = self._expression.match(text, at)  # type: ignore[attr-defined]
        self._count(0 if found is None else found.end() - at)
        return found

    def findall(self, text: str, at: int, end: int) -> object:
        self._count(end - at)
        return self._expression.findall(text, at, end)  # type: ignore[attr-defined]

    def _count(self, characters: int) -> None:
        self._work["calls"] += 1
        self._work["characters"] += characters


@pytest.mark.parametrize("make", [rows, one_statement, bodies, comments])
def test_the_work_grows_with_the_length(monkeypatch: pytest.MonkeyPatch, make: Callable[[int], str]) -> None:
    """Each character is read a few times, whatever the length."""
    work = {"calls": 0, "characters": 0}
    for name in ("_STRETCH", "_TOKENS", "_BLANKS"):
        monkeypatch.setattr(cutting, name, _Counting(getattr(cutting, name), work))
    measured: list[dict[str, int]] = []
    for count in (200, 2000):
        work.update(calls=0, characters=0)
        text = make(count)
        statements = sum(1 for _ in cut(text))
        assert work["characters"] <= 3 * len(text)
        assert work["calls"] <= 12 * statements + len(text) // 1000
        measured.append(dict(work))
    assert measured[1]["characters"] <= 11 * measured[0]["characters"]
    assert measured[1]["calls"] <= 11 * measured[0]["calls"]


@pytest.mark.parametrize("make", [rows, one_statement])
def test_a_long_file_takes_little_more_memory_than_its_text(make: Callable[[int], str]) -> None:
    """Its tokens as objects would take some forty times as much."""
    text = make(20_000)
    tracemalloc.start()
    body = normalise(pieces(text))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(body) > len(text) / 2
    assert peak < 8 * len(text)
