"""Packaged statements with something put in or taken out: what the server's parser accepts, the scanner passes on."""

from __future__ import annotations

from functools import cache
from typing import Any

import psycopg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from guestsql.errors import QueryFileError
from guestsql.sql.query import Query
from guestsql.sql.rewriting import rewrite
from guestsql.sql.scanner import TokenKind, tokenize
from tests.checking import every_query
from tests.db.test_scanner_server import GARBAGE

_PIECES = [
    *GARBAGE,
    *(
        "->",
        "->>",
        "#>",
        "@>",
        "?|",
        "?&",
        "||",
        "<=>",
        "!",
        "~*",
        "^",
        "OPERATOR(pg_catalog.+)",
        " COLLATE ",
        " ISNULL ",
    ),
    *(
        "e'\\'",
        "E'\\\\",
        "n'",
        "B'1'",
        "X'",
        "U&'\\0061'",
        " UESCAPE '!'",
        "$q$",
        "$1",
        "$x",
        "1e",
        "1_000",
        "0b1",
        "1..2",
    ),
    *(
        " AS ",
        " BETWEEN ",
        " LIKE ",
        "::text[]",
        "[1:2]",
        "[:]",
        "[a:b]",
        "[1]",
        "\f",
        "\v",
        "\xa0",
        "\u3000",
        "é",
        "1a",
    ),
]
# Errors of the parser; with any other, the parser has understood the text.
_LONG = 700
_UNREAD = ("42601", "42602", "42611", "42622", "22021", "22023", "22025", "22P05", "22019", "22P06", "54001", "0A000")


@cache
def statements() -> list[str]:
    """The texts of the packaged queries that are not long, with their parameters as NULL."""
    return [_plain(query) for query in every_query().values() if len(query.source) < _LONG]


def _plain(query: Query) -> str:
    declared = {each.name for each in query.parameters}
    return "".join("NULL" if each.text[1:] in declared and each.text[0] == ":" else each.text for each in query.tokens)


@st.composite
def edited(draw: st.DrawFn) -> str:
    """A statement with a few edits, at the borders of tokens and within them."""
    text = draw(st.sampled_from(statements()))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.sampled_from(borders(text)) if draw(st.booleans()) else st.integers(0, len(text)))
        put = draw(st.one_of(st.just(""), st.sampled_from(_PIECES)))
        text = text[:at] + put + text[at + draw(st.sampled_from([0, 0, 0, 1, 2, 5])) :]
    return text


def borders(text: str) -> list[int]:
    """Where its tokens begin; the beginning alone of a text that cannot be cut."""
    try:
        return [token.offset for token in tokenize(text)] or [0]
    except QueryFileError:
        return [0]


def understood(connection: psycopg.Connection[Any], statement: str) -> bool:
    """Whether the server's parser accepts one statement without parameters; what the names mean does not matter."""
    pgconn = connection.pgconn
    with connection.transaction(force_rollback=True):
        result = pgconn.prepare(b"", statement.encode())
        if result.status == psycopg.pq.ExecStatus.COMMAND_OK:
            return pgconn.describe_prepared(b"").nparams == 0
        state = (result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b"").decode()
        # An error about a name may come before the server looks at $1.
        return state not in _UNREAD and not has_position(statement)


def has_position(statement: str) -> bool:
    """Whether the scanner finds `$1`, which no query file may have."""
    try:
        return any(token.kind is TokenKind.POSITION for token in tokenize(statement))
    except QueryFileError:
        return False


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(statement=edited())
@example("SELECT@$1>\n    date_trunc('month', first_interaction) FROM guest_conversions")
def test_what_the_parser_understands_passes_as_it_is(connection: psycopg.Connection[Any], statement: str) -> None:
    if "\0" not in statement and understood(connection, statement):
        assert rewrite(tokenize(statement), frozenset()).text == statement
