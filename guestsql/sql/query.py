"""One named query."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING

from psycopg.types.json import Json, Jsonb

from guestsql.errors import InvalidValue
from guestsql.sql.page_marks import cache_seconds, dashboard_name, mark_text, spanish_text
from guestsql.sql.rewriting import source_offset
from guestsql.sql.scanner import line_and_column, tokenize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from guestsql.sql.declaration import Operator, Parameter
    from guestsql.sql.head import Mark
    from guestsql.sql.rewriting import Segment
    from guestsql.sql.scanner import Token

__all__ = ["Query", "arrange", "first_sentence", "why_empty"]

_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)\s+")


_JSON: dict[str, type[Json | Jsonb]] = {"json": Json, "jsonb": Jsonb}


@dataclass(frozen=True, slots=True)
class Query:
    """A named query, as its file says, ready for the server.

    Attributes:
        name: unique in the catalogue.
        operator: what it returns.
        parameters: in the order of the declaration.
        doc: the prose below the name line, without marks.
        file: its file.
        line: 1-based line of its name.
        column: 1-based column of its name line.
        source: the SQL as in the file, without the last semicolon; line ends are line feeds.
        text: the SQL with `$1`, `$2`, … and the tag that names the query on the server.
        positional: the names of the parameters by `$n`.
        json: place and type, json or jsonb, of the parameters that take a dict or a list; the place counts from 0.
        marks: those below its name.
        file_marks: those in the head of its file.
    """

    name: str
    operator: Operator
    parameters: tuple[Parameter, ...]
    doc: str
    file: Path
    line: int
    column: int
    source: str
    text: str
    positional: tuple[str, ...]
    json: tuple[tuple[int, str], ...]
    marks: tuple[Mark, ...]
    file_marks: tuple[Mark, ...] = field(compare=False, repr=False)
    _source_place: tuple[int, int] = field(repr=False)  # line and column of the source's first character
    _segments: tuple[Segment, ...] = field(repr=False, compare=False)

    @property
    def name_line(self) -> str:
        """The name line as a query file has it."""
        names = ", ".join(each.name for each in self.parameters)
        return f"-- name: {self.name}({names}){self.operator.value}"

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Those of `source`, space and comments included; offsets count from its beginning."""
        return _tokens(self.source)

    @property
    def summary(self) -> str:
        """The first sentence of `doc` on one line; "" without one."""
        prose = takewhile(bool, (line.strip() for line in self.doc.splitlines()))
        return first_sentence(" ".join(prose))

    @property
    def spanish(self) -> str:
        """What its `es:` lines say, on one line; "" without one."""
        return spanish_text(self.marks)

    @property
    def dashboard(self) -> str:
        """The dashboard that shows it; "" for none, or when the mark cannot be read."""
        return dashboard_name(self.marks)

    @property
    def cache_seconds(self) -> int:
        """How many seconds an answer may be repeated; 0 without a mark, or when it cannot be read."""
        return cache_seconds(self.marks)

    @property
    def commits_async(self) -> bool:
        """True if its commit waits neither for the disk nor for a standby: `-- commit: async`."""
        return mark_text(self.marks, "commit") == "async"

    def locate(self, position: int) -> tuple[int, int]:
        """Find a place of the server's in the file.

        Args:
            position: 1-based position in characters in `text`, as in an error of the server.

        Returns:
            The line and the column in the file, both 1-based; the beginning or the end of the query for a
            position in the tag.
        """
        offset = min(source_offset(self._segments, position - 1), len(self.source))
        line, column = line_and_column(self.source, offset)
        first_line, first_column = self._source_place
        return first_line + line - 1, column + first_column - 1 if line == 1 else column


# A bot asks for those of the queries that it calls. Those of all would take several megabytes in each process.
@lru_cache(maxsize=512)
def _tokens(source: str) -> tuple[Token, ...]:
    return tuple(tokenize(source))


def first_sentence(text: str) -> str:
    """Return the first sentence of a text on one line; all of it if it has no end of a sentence.

    Args:
        text: one paragraph.
    """
    return _SENTENCE_END.split(" ".join(text.split()), maxsplit=1)[0]


def arrange(query: Query, parameters: Mapping[str, object]) -> list[object]:
    """Put the arguments of a call in the order of `$1`, `$2`, ….

    Args:
        query: the query that is called.
        parameters: the arguments by name. One that has a default in the file may be missing.

    Returns:
        The values by position.

    Raises:
        TypeError: an argument is missing or unexpected.
    """
    try:
        values = [parameters[name] for name in query.positional]
    except KeyError:
        values = _complete(query, parameters)
    else:
        if len(parameters) != len(values):
            raise _wrong_arguments(query, parameters)
    for place, type_ in query.json:
        if isinstance(values[place], (dict, list)):
            values[place] = _JSON[type_](values[place], _dump_json)
    return values


def why_empty(query: Query) -> str:
    """Return what no row means, in the query's own words, or "" when the file does not say."""
    return mark_text(query.marks, "empty")


def _dump_json(value: object) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise InvalidValue(
            f"a parameter has no JSON form: {error}",
            hint="use dict with text keys, list, str, int, float, bool and None",
        ) from None


def _complete(query: Query, parameters: Mapping[str, object]) -> list[object]:
    known = {parameter.name: parameter for parameter in query.parameters}
    missing = [name for name in known if name not in parameters and known[name].default is None]
    if missing or not parameters.keys() <= known.keys():
        raise _wrong_arguments(query, parameters)
    return [parameters[name] if name in parameters else known[name].default_value for name in query.positional]


def _wrong_arguments(query: Query, parameters: Mapping[str, object]) -> TypeError:
    names = [parameter.name for parameter in query.parameters]
    missing = [each.name for each in query.parameters if each.default is None and each.name not in parameters]
    unexpected = [name for name in parameters if name not in names]
    faults = [
        f"{what} {', '.join(which)}" for what, which in (("missing", missing), ("unexpected", unexpected)) if which
    ]
    return TypeError(f"{query.name}({', '.join(names)}): {'; '.join(faults)}")
