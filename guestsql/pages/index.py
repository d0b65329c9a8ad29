"""`/`: the queries by file, and the search."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from guestsql.charts.mark import ChartFault, chart_of
from guestsql.languages import Language
from guestsql.pages.language import language_of
from guestsql.pages.render import page
from guestsql.pages.request import Given
from guestsql.pages.state import state_of
from guestsql.sql import Query
from guestsql.sql.operation import is_read
from guestsql.sql.query import first_sentence

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["index", "summary_of", "title_of"]

_LONGEST_SEARCH = 200


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    summary: str
    writes: bool
    has_chart: bool


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    is_own: bool
    queries: list[_Entry]


def index(request: Request, given: Given) -> Response:
    """Answer `/`."""
    state, language = state_of(request), language_of(request)
    search = (given.first("search") or "").strip()[:_LONGEST_SEARCH]
    words = _folded(search).split()
    found = [each for each in state.catalogue.current()[0].values() if _matches(each, words)]
    files = [
        _File(path.name, state.catalogue.is_own(path), [_entry(each, language) for each in queries])
        for path, queries in groupby(found, key=lambda query: query.file)
    ]
    files.sort(key=lambda file: not file.is_own)
    return page(request, "index.html", place="queries", search=search, files=files, count=len(found))


def summary_of(query: Query, language: Language) -> str:
    """Return the first sentence of a query's comment, in the reader's language if it has one."""
    return first_sentence(query.spanish) if language.code == "es" and query.spanish else query.summary


def title_of(query: Query, language: Language) -> str:
    """Return the heading of a query: its first sentence without the full stop, or its name."""
    return summary_of(query, language).rstrip(".") or query.name


def _entry(query: Query, language: Language) -> _Entry:
    return _Entry(query.name, summary_of(query, language), not is_read(query.tokens), _has_chart(query))


def _has_chart(query: Query) -> bool:
    try:
        return chart_of(query) is not None
    except ChartFault:
        return False


def _matches(query: Query, words: list[str]) -> bool:
    text = _folded(" ".join(_searched(query)))
    return all(word in text for word in words)


def _searched(query: Query) -> Iterator[str]:
    yield query.name
    yield query.name.replace("_", " ")
    yield query.file.stem
    yield query.doc
    yield query.spanish
    for parameter in query.parameters:
        yield parameter.name
        yield parameter.doc


def _folded(text: str) -> str:
    """Without capitals and accents."""
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in split if not unicodedata.combining(char))
