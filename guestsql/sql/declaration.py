"""What a name line promises, an operator and parameters, and what is said of one parameter.

::

    name: [type] [= default] [, text]

`type` is one of PostgreSQL's, such as `int`, `text[]`, `numeric(10, 2)` or `timestamp with time zone`.
`default` is a literal: a number, `true`, `false`, `null`, or a quoted string in which a quote is doubled and a
comma is a comma.
"""

from __future__ import annotations

import enum
import keyword
import re
from dataclasses import dataclass

import aiosql.queries

from guestsql.sql.rewriting import SyntaxFault
from guestsql.sql.type_names import TYPE_NAME

__all__ = ["LITERAL", "Declaration", "Operator", "Parameter", "parse_declaration", "parse_parameter"]

LITERAL = r"'(?:[^']|'')*+'|[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|true|false|null"
"""A default, or a sample; in any case of letters."""

_DEFAULT = re.compile(LITERAL, re.IGNORECASE)
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_OPERATORS = "none (rows), ^ (a row), $ (a value), ! (a count)"
# Of aiosql, which files that were written for it may have.
_AIOSQL_OPERATORS = {
    "<!": "use ^ for the row of RETURNING, or $ for its value",
    "*!": "use !, and pass arrays: INSERT INTO … SELECT * FROM unnest(:names::text[], :ages::int[])",
    "#": "use ! and give each statement a name line; a script belongs in a migration",
}
# Names that a query would hide: what aiosql's container of queries has itself.
_TAKEN = frozenset({*dir(aiosql.queries.Queries), "driver_adapter", "is_aio"})
# Names that a keyword argument cannot have: the arguments that come before.
_TAKEN_PARAMETERS = frozenset({"self", "conn"})


class Operator(enum.Enum):
    """What a query returns."""

    ROWS = ""
    ROW = "^"
    VALUE = "$"
    COUNT = "!"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter, as its line in the file says.

    Attributes:
        name: what the caller passes it as.
        type: PostgreSQL's name of the type, or None when the file does not say.
        default: the literal as it is written, quotes included (`30`, `'a, b'`, `null`), or None when the
            parameter must be given.
        doc: the text, on one line, or "".
        spanish: the text of its `es:` lines, or "".
        choices: the query that its `choices:` line names, as written, or "".
    """

    name: str
    type: str | None = None
    default: str | None = None
    doc: str = ""
    spanish: str = ""
    choices: str = ""

    @property
    def default_value(self) -> str | None:
        """The default as a value to send: text, which the cast in the query converts; None for `null`."""
        if self.default is None or self.default.lower() == "null":
            return None
        if self.default.startswith("'"):
            return self.default[1:-1].replace("''", "'")
        return self.default


@dataclass(frozen=True, slots=True)
class Declaration:
    """A name line.

    Attributes:
        name: the query's name.
        operator: what the query returns.
        parameters: each name with its offset in the line, in order.
    """

    name: str
    operator: Operator
    parameters: dict[str, int]


def parse_declaration(line: str, at: int) -> Declaration:
    """Read what a name line declares.

    Args:
        line: the name line.
        at: offset behind its colon.

    Raises:
        SyntaxFault: what is wrong; its offset counts from the beginning of the line.
    """
    name = re.split(r"[\s(^$!*<#]", line[at:].lstrip(), maxsplit=1)[0]
    begin = at + len(line[at:]) - len(line[at:].lstrip())
    _check_name(name, begin)
    at = begin + len(name)
    at += len(line[at:]) - len(line[at:].lstrip())
    if not line.startswith("(", at):
        behind = line[at:].strip()
        _refuse_aiosql_operator(behind, name, at)
        shown = behind if behind in {each.value for each in Operator} else ""
        hint = (
            f"list the parameters of the SQL, so that a typo is found: {name}(first, second){shown}, or {name}(){shown}"
        )
        raise SyntaxFault(at, f"query {name} has no parameter list", hint)
    closing = line.find(")", at)
    if closing < 0:
        raise SyntaxFault(at, f"the parameter list of {name} does not end on its line", "add the closing parenthesis")
    parameters = _parse_names(line[at + 1 : closing], at + 1)
    mark = line[closing + 1 :].strip()
    try:
        operator = Operator(mark)
    except ValueError:
        place = line.index(mark, closing + 1)
        _refuse_aiosql_operator(mark, name, place)
        raise SyntaxFault(place, f"unknown operator {mark!r} of query {name}", f"use one of {_OPERATORS}") from None
    return Declaration(name, operator, parameters)


def _refuse_aiosql_operator(operator: str, name: str, at: int) -> None:
    way = _AIOSQL_OPERATORS.get(operator)
    if way is not None:
        raise SyntaxFault(at, f"query {name} has aiosql's operator {operator}, which is not supported", way)


def _check_name(name: str, at: int) -> None:
    if not _IDENTIFIER.fullmatch(name) or keyword.iskeyword(name):
        python = name.replace("-", "_").lower()
        usable = _IDENTIFIER.fullmatch(python) and not keyword.iskeyword(python)
        hint = f"it becomes a Python method, so write {python}" if usable else "use a lowercase identifier, verb_noun"
        raise SyntaxFault(at, f"{name!r} cannot name a query", hint)
    if name in _TAKEN:
        raise SyntaxFault(at, f"{name!r} cannot name a query: aiosql uses it", "choose another name")


def _parse_names(names: str, at: int) -> dict[str, int]:
    found: dict[str, int] = {}
    if not names.strip():
        return found
    for written in names.split(","):
        name = written.strip()
        place = at + len(written) - len(written.lstrip())
        if not _IDENTIFIER.fullmatch(name) or keyword.iskeyword(name) or name in _TAKEN_PARAMETERS:
            raise SyntaxFault(place, f"{name!r} cannot name a parameter", "use a lowercase identifier")
        if name in found:
            raise SyntaxFault(place, f"parameter {name} is declared twice", "name each parameter once")
        found[name] = place
        at += len(written) + 1
    return found


def parse_parameter(name: str, rest: str, at: int) -> Parameter:
    """Read what is said of a parameter.

    Args:
        name: the parameter.
        rest: what follows its name and the colon.
        at: where that is, for the error.

    Raises:
        SyntaxFault: it cannot be read.
    """
    form = f"write {name}: type = default, text; the type is PostgreSQL's, the default a number or quoted"
    reader = _Reader(rest, at, form)
    type_ = None if reader.sees("=,") else reader.take(TYPE_NAME, "type")
    default = None
    if reader.sees("="):
        reader.skip()
        default = reader.take(_DEFAULT, "default")
    if reader.rest and not reader.sees(","):
        raise reader.refuse("type" if default is None else "default")
    return Parameter(name, type_, default, reader.rest[1:].strip())


class _Reader:
    """Reads one parameter's line from left to right."""

    def __init__(self, text: str, at: int, form: str) -> None:
        self._text = text
        self._at = at
        self._next = 0
        self._form = form
        self._skip_space()

    @property
    def rest(self) -> str:
        return self._text[self._next :]

    def sees(self, marks: str) -> bool:
        return self.rest[:1] != "" and self.rest[0] in marks

    def skip(self) -> None:
        self._next += 1
        self._skip_space()

    def take(self, pattern: re.Pattern[str], what: str) -> str | None:
        found = pattern.match(self._text, self._next)
        if found is None:
            if what == "type" and not self.rest:
                return None
            raise self.refuse(what)
        self._next = found.end()
        self._skip_space()
        return found.group()

    def refuse(self, what: str) -> SyntaxFault:
        return SyntaxFault(self._at + self._next, f"no {what} here: {self.rest!r}", self._form)

    def _skip_space(self) -> None:
        self._next += len(self.rest) - len(self.rest.lstrip())
