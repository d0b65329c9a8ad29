"""The head of a query: its name line and the comments below it.

::

    -- name: list_inactive_guests(min_days, max_rows)
    -- Guests silent for at least min_days, longest silence first.
    --   min_days: int = 30, days since the guest's last message
    --   max_rows: int = 50, rows at most

The name line is `-- name: verb_noun(parameter, …)` and one operator: none (rows), `^` (a row or None), `$` (a
value) or `!` (a count). A comment line directly below it is a parameter's when it is indented by two spaces or
more and begins with `word:`, or when that word is a declared parameter; deeper lines under it continue it.
Every other line is the query's doc. A parameter's line reads::

    name: [type] [= default] [, text]

`type` is one of PostgreSQL's, as a cast would write it, such as `int`, `text[]`, `numeric(10, 2)` or `"UserRole"`.
`default` is a literal: a number, `true`, `false`, `null`, or a quoted string in which a quote is doubled and a
comma is a comma.
"""

from __future__ import annotations

import enum
import keyword
import re
from dataclasses import dataclass

import aiosql.queries

from guestsql._sql.rewriting import Misuse
from guestsql._sql.type_names import TYPE_NAME

__all__ = ["NAME_LINE", "Declaration", "Operator", "Parameter", "parse_doc", "parse_name_line"]


class Operator(enum.Enum):
    """What a query gives back."""

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
    """

    name: str
    type: str | None = None
    default: str | None = None
    doc: str = ""

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
        operator: what the query gives back.
        parameters: each name with its offset in the line, in order.
    """

    name: str
    operator: Operator
    parameters: dict[str, int]


NAME_LINE = re.compile(r"--[ \t]*name[ \t]*:")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_HEAD = re.compile(r"(?P<intro>--[ \t]*name[ \t]*:[ \t]*)(?P<name>[^\s(]*)[ \t]*")
_OPERATORS = "none (rows), ^ (a row), $ (a value), ! (a count)"
# Names that a query would hide: what aiosql's container of queries has itself.
_TAKEN = frozenset({*dir(aiosql.queries.Queries), "driver_adapter", "is_aio"})
# Names that a keyword argument cannot have: the arguments that come before.
_TAKEN_PARAMETERS = frozenset({"self", "conn"})


def parse_name_line(line: str) -> Declaration:
    """Read a name line.

    Args:
        line: the comment, from its `--` on.

    Raises:
        Misuse: what is wrong; its offset counts from the beginning of the line.
    """
    head = _HEAD.match(line)
    if head is None:
        raise Misuse(0, "no name line", "write -- name: verb_noun(parameters)")
    name, at = head["name"], head.end()
    _check_name(name, head.start("name"))
    if not line.startswith("(", at):
        raise Misuse(at, f"query {name} has no parameter list", f"write {name}() when there is no parameter")
    closing = line.find(")", at)
    if closing < 0:
        raise Misuse(at, f"the parameter list of {name} does not end on its line", "close it with )")
    parameters = _parse_names(line[at + 1 : closing], at + 1)
    mark = line[closing + 1 :].strip()
    try:
        operator = Operator(mark)
    except ValueError:
        place = line.index(mark, closing + 1)
        raise Misuse(place, f"unknown operator {mark!r} of query {name}", f"use one of {_OPERATORS}") from None
    return Declaration(name, operator, parameters)


def _check_name(name: str, at: int) -> None:
    if not _IDENTIFIER.fullmatch(name) or keyword.iskeyword(name):
        raise Misuse(at, f"{name!r} cannot name a query", "use a lowercase identifier, verb_noun")
    if name in _TAKEN:
        raise Misuse(at, f"{name!r} cannot name a query: aiosql uses it", "choose another name")


def _parse_names(names: str, at: int) -> dict[str, int]:
    found: dict[str, int] = {}
    if not names.strip():
        return found
    for written in names.split(","):
        name = written.strip()
        place = at + len(written) - len(written.lstrip())
        if not _IDENTIFIER.fullmatch(name) or keyword.iskeyword(name) or name in _TAKEN_PARAMETERS:
            raise Misuse(place, f"{name!r} cannot name a parameter", "use a lowercase identifier")
        if name in found:
            raise Misuse(place, f"parameter {name} is declared twice", "name each parameter once")
        found[name] = place
        at += len(written) + 1
    return found


_COMMENT = re.compile(r"--(?P<indent>[ \t]*)(?P<body>.*)", re.DOTALL)
_PARAMETER_LINE = re.compile(r"(?P<name>[A-Za-z_]\w*)[ \t]*:(?P<rest>(?!:).*)", re.DOTALL)
_DEFAULT = re.compile(r"'(?:[^']|'')*+'|[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|true|false|null", re.IGNORECASE)


def parse_doc(lines: list[tuple[int, str]], declared: dict[str, int]) -> tuple[str, dict[str, Parameter]]:
    """Read the comment lines below a name line.

    Args:
        lines: offset and text of each line comment.
        declared: the names of the query's parameters.

    Returns:
        The query's doc, and what is said of parameters by name.

    Raises:
        Misuse: a line of a parameter that is not declared, or that cannot be read.
    """
    prose: list[str] = []
    parameters: dict[str, Parameter] = {}
    last: tuple[str, int] | None = None  # the parameter that a deeper line continues, and its indent
    for offset, line in lines:
        comment = _COMMENT.match(line)
        indent, body = ("", line) if comment is None else (comment["indent"], comment["body"].rstrip())
        found = _PARAMETER_LINE.fullmatch(body)
        if found and (len(indent) > 1 or found["name"] in declared):
            name = found["name"]
            _check_documented(offset + 2 + len(indent), name, declared, parameters)
            parameters[name] = _parse_parameter(name, found["rest"], offset + line.index(":") + 1)
            last = (name, len(indent))
        elif last is not None and body and len(indent) > last[1]:
            parameters[last[0]] = _continued(parameters[last[0]], body)
        else:
            prose.append(body)
            last = None
    return "\n".join(prose).strip("\n"), parameters


def _check_documented(at: int, name: str, declared: dict[str, int], known: dict[str, Parameter]) -> None:
    if name not in declared:
        raise Misuse(
            at,
            f"a line describes {name}, which is not in the parameter list",
            "add it to the list, or indent the line by one space when it is prose",
        )
    if name in known:
        raise Misuse(at, f"parameter {name} is described twice", "keep one line")


def _continued(parameter: Parameter, text: str) -> Parameter:
    doc = f"{parameter.doc} {text}".strip()
    return Parameter(parameter.name, parameter.type, parameter.default, doc)


def _parse_parameter(name: str, rest: str, at: int) -> Parameter:
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

    def refuse(self, what: str) -> Misuse:
        return Misuse(self._at + self._next, f"no {what} here: {self.rest!r}", self._form)

    def _skip_space(self) -> None:
        self._next += len(self.rest) - len(self.rest.lstrip())
