"""What a name line promises, an operator and parameters, and what is said of one parameter.

::

    name: [type] [= default] [, text]

`type` is one of PostgreSQL's, such as `int`, `text[]`, `numeric(10, 2)` or `timestamp with time zone`.
`default` is a literal: a number, `true`, `false`, `null`, or a quoted string in which a quote is doubled and a
comma is a comma.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from guestsql.sql.rewriting import Misuse
from guestsql.sql.type_names import TYPE_NAME

__all__ = ["LITERAL", "Operator", "Parameter", "parse_parameter"]

LITERAL = r"'(?:[^']|'')*+'|[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|true|false|null"
"""A default, or a sample; in any case of letters."""

_DEFAULT = re.compile(LITERAL, re.IGNORECASE)


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


def parse_parameter(name: str, rest: str, at: int) -> Parameter:
    """Read what is said of a parameter.

    Args:
        name: the parameter.
        rest: what stands behind its name and the colon.
        at: where that is, for the error.

    Raises:
        Misuse: it cannot be read.
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

    def refuse(self, what: str) -> Misuse:
        return Misuse(self._at + self._next, f"no {what} here: {self.rest!r}", self._form)

    def _skip_space(self) -> None:
        self._next += len(self.rest) - len(self.rest.lstrip())
