r"""The same query for psql: `\set` lines, and what psql would read otherwise.

psql replaces `:name` by the text of a variable, so a value is an SQL literal, its quotes included. It does so
outside quotes, dollar quotes and comments, as this package's scanner does; the two differ in one place. PostgreSQL's
own colons, in a slice `a[1:n]` and in `JSON_OBJECT('k':n)`, begin a variable for psql when a name follows directly and
a variable of that name is set. A space behind the colon, `a[1: n]`, keeps them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

from guestsql.sql.declaration import Parameter
from guestsql.sql.lexemes import NAME_PART
from guestsql.sql.query import Query
from guestsql.sql.samples import NUMBERS, Sample
from guestsql.sql.scanner import Token, TokenKind
from guestsql.sql.type_names import plain_type

__all__ = ["misread_colons", "psql_preamble", "psql_query", "set_line", "sql_literal", "written_head"]

# What psql takes for the name of a variable: bare, or in quotes behind the colon.
_VARIABLE = re.compile(rf"(?P<quote>['\"]?)(?P<name>{NAME_PART}+)(?P=quote)")
_READING = frozenset({"select", "with", "values", "table", "show", "explain"})
_CHANGING = frozenset({"insert", "update", "delete", "merge"})
# FOR UPDATE and FOR NO KEY UPDATE lock, and change nothing.
_BEFORE_A_LOCK = frozenset({"for", "key"})
_PLAIN_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ESCAPES = {"\\": "\\\\", "'": "''", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "\b": "\\b"}


def psql_preamble(queries: Iterable[Query], samples: Mapping[str, Sample]) -> str:
    r"""Return the `\set` lines with which queries can be run in psql; "" when they have no parameters.

    Args:
        queries: all that are to be run with these values.
        samples: a value for each name.
    """
    glued = {name for query in queries for name in _glued_names(query)}
    lines = [set_line(each, spaced=each.name in glued) for each in samples.values()]
    if lines and not "".join(lines).isascii():
        lines.insert(0, "\\encoding UTF8\n")
    return "".join(lines)


def set_line(sample: Sample, *, spaced: bool = False) -> str:
    r"""Return `\set name 'literal'`, and a line feed.

    Args:
        sample: the value.
        spaced: put a space before the literal: some `:name` follows a word directly, as in `LIMIT:n`.
    """
    literal = (" " if spaced else "") + sql_literal(sample.value, sample.type)
    return f"\\set {sample.name} '{''.join(_ESCAPES.get(char, char) for char in literal)}'\n"


def sql_literal(value: str | None, type_: str | None) -> str:
    """Return a value as SQL writes it.

    Args:
        value: text that the type's input takes; None is NULL.
        type_: PostgreSQL's name of the type, or None.
    """
    if value is None:
        return "NULL"
    plain = plain_type(type_)
    # A sign stays in quotes: behind another minus it would begin a comment, and `-1::smallint` is `-(1::smallint)`.
    if plain in NUMBERS and _PLAIN_NUMBER.fullmatch(value):
        return value
    if plain == "boolean" and value.lower() in ("true", "false"):
        return value.upper()
    quoted = value.replace("'", "''")
    return f"E'{quoted.replace(chr(92), chr(92) * 2)}'" if "\\" in value else f"'{quoted}'"


def psql_query(query: Query) -> str:
    """Return a query as a text for psql: its head, its SQL and a semicolon.

    A space is put where psql would misread a colon.

    Args:
        query: the query.
    """
    spaced = {offset for offset, _ in _colons(query)}
    text = "".join(f"{token.text} " if token.offset in spaced else token.text for token in query.tokens)
    warning = "-- It may write: run it between BEGIN; and ROLLBACK;\n" if _may_write(query) else ""
    return f"{warning}{written_head(query)}{text};\n"


def _may_write(query: Query) -> bool:
    words = [token.text.lower() for token in query.tokens if token.kind is TokenKind.WORD]
    return not _READING.intersection(words[:1]) or any(
        word in _CHANGING and before not in _BEFORE_A_LOCK for before, word in pairwise(["", *words])
    )


def written_head(query: Query) -> str:
    """Return a query's name line and the comments below it, as a query file has them.

    Args:
        query: the query.
    """
    lines = [query.name_line]
    lines += [f"-- {line}".rstrip() for line in query.doc.splitlines()]
    lines += [f"-- {mark.word}: {mark.text}".rstrip() for mark in query.marks if not mark.parameter]
    for each in query.parameters:
        about = _about(each)
        marks = [f"--     {mark.word}: {mark.text}".rstrip() for mark in query.marks if mark.parameter == each.name]
        if about or marks:
            lines += [f"--   {each.name}: {about}".rstrip(), *marks]
    if query.source.startswith("--"):  # a comment of the SQL, which must not become one of the head
        lines.append("")
    return "".join(f"{line}\n" for line in lines)


def _about(parameter: Parameter) -> str:
    default = None if parameter.default is None else f"= {parameter.default}"
    head = " ".join(part for part in (parameter.type, default) if part)
    return ", ".join(part for part in (head, parameter.doc) if part)


def misread_colons(query: Query, names: Iterable[str]) -> list[tuple[int, str]]:
    """Find PostgreSQL's own colons that psql takes for the beginning of a variable.

    Args:
        query: the query.
        names: the variables that are set.

    Returns:
        The offset of each colon in the query's source, and the name that psql reads behind it.
    """
    known = set(names)
    return [(offset, name) for offset, name in _colons(query) if name in known]


def _colons(query: Query) -> list[tuple[int, str]]:
    declared = {each.name for each in query.parameters}
    found: list[tuple[int, str]] = []
    before = ""
    for token, following in pairwise(query.tokens):
        # Directly behind [ a declared name is a parameter, for both.
        is_own = token.kind is TokenKind.SEPARATOR and (before != "[" or following.text not in declared)
        if is_own and (variable := _VARIABLE.fullmatch(following.text)):
            found.append((token.offset, variable["name"]))
        if not token.is_blank:
            before = token.text
    return found


def _glued_names(query: Query) -> set[str]:
    """The parameters that directly follow a token that their value would become a part of."""
    tokens = query.tokens
    names = {each.name for each in query.parameters}
    return {
        token.text[1:]
        for before, token in pairwise(tokens)
        if token.kind is TokenKind.PARAMETER and token.text[1:] in names and not before.is_blank and _glues(before)
    }


def _glues(token: Token) -> bool:
    return token.kind in (TokenKind.WORD, TokenKind.NUMBER, TokenKind.STRING, TokenKind.PARAMETER, TokenKind.POSITION)
