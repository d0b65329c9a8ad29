"""The marks that say how a query looks as a page: `cache`, `choices`, `dashboard` and `es`.

`guestsql.charts` reads `chart`. A mark that cannot be read has no effect, and `guestsql check` reports it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from guestsql.sql.declaration import Parameter
    from guestsql.sql.head import Mark
    from guestsql.sql.query import Query

__all__ = [
    "PAGE_WORDS",
    "cache_seconds",
    "dashboard_name",
    "is_dashboard",
    "mark_text",
    "marked_parameter",
    "read_seconds",
    "share_spanish",
    "spanish_text",
]

PAGE_WORDS = ("cache", "chart", "choices", "dashboard", "es")

_DASHBOARD = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_CACHE = re.compile(r"(?P<number>[1-9][0-9]{0,5})(?P<unit>[smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def mark_text(marks: Iterable[Mark], word: str, parameter: str = "") -> str:
    """Return the text of the first mark with a word; "" when there is none.

    Args:
        marks: those of a query.
        word: one of `MARK_WORDS`.
        parameter: whose mark; "" is the query's own.
    """
    return next((each.text for each in marks if each.word == word and each.parameter == parameter and each.text), "")


def spanish_text(marks: Iterable[Mark], parameter: str = "") -> str:
    """Return what the `es:` lines of a query or of a parameter say, joined; "" without one.

    Args:
        marks: those of a query.
        parameter: whose; "" is the query's own.
    """
    return " ".join(each.text for each in marks if each.word == "es" and each.parameter == parameter and each.text)


def marked_parameter(parameter: Parameter, marks: Iterable[Mark]) -> Parameter:
    """Return a parameter with what its marks say.

    Args:
        parameter: as its line says.
        marks: those of its query.
    """
    own = [each for each in marks if each.parameter == parameter.name]
    if not own:
        return parameter
    name = parameter.name
    return replace(parameter, spanish=spanish_text(own, name), choices=mark_text(own, "choices", name))


def share_spanish(queries: Iterable[Query]) -> list[Query]:
    """Give each parameter the Spanish text of another one with the same name and the same text in English.

    So `rows at most` is translated once. A parameter with an `es:` line keeps its own.

    Args:
        queries: those of a catalogue, in order; the first translation counts.
    """
    found = list(queries)
    known: dict[tuple[str, str], str] = {}
    for query in found:
        for each in query.parameters:
            if each.spanish:
                known.setdefault((each.name, each.doc), each.spanish)
    return [
        replace(query, parameters=tuple(_with_spanish(each, known) for each in query.parameters)) for query in found
    ]


def _with_spanish(parameter: Parameter, known: Mapping[tuple[str, str], str]) -> Parameter:
    spanish = parameter.spanish or known.get((parameter.name, parameter.doc), "")
    return replace(parameter, spanish=spanish)


def is_dashboard(text: str) -> bool:
    """Return True if a text can name a dashboard."""
    return _DASHBOARD.fullmatch(text) is not None


def dashboard_name(marks: Iterable[Mark]) -> str:
    """Return the dashboard that a query is on; "" for none, or when the mark cannot be read."""
    name = mark_text(marks, "dashboard")
    return name if is_dashboard(name) else ""


def read_seconds(text: str) -> int | None:
    """Return the seconds that a `cache:` line states, such as `60s`, `5m` or `1h`; None when it cannot be read."""
    found = _CACHE.fullmatch(text)
    return None if found is None else int(found["number"]) * _SECONDS[found["unit"]]


def cache_seconds(marks: Iterable[Mark]) -> int:
    """Return how long a query's answer may be repeated, in seconds; 0 without a mark, or when it cannot be read."""
    return read_seconds(mark_text(marks, "cache")) or 0
