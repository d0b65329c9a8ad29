"""`/dashboards` and `/dashboards/{name}`: queries with `-- dashboard: NAME`, each run with its defaults, at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from guestsql.adhoc.parameters import ParameterError, parse_values
from guestsql.adhoc.values import plain_text
from guestsql.errors import DatabaseError
from guestsql.languages import N_, Language
from guestsql.pages.index import title_of
from guestsql.pages.language import language_of
from guestsql.pages.masking import safe_text
from guestsql.pages.pictures import Picture, picture_of
from guestsql.pages.query_page import Problem, problem_of
from guestsql.pages.render import page
from guestsql.pages.request import Given
from guestsql.pages.state import State, state_of
from guestsql.pages.table import Cell, Column, Rows, cells, columns_of
from guestsql.sql import Operator, Query
from guestsql.sql.query import why_empty
from guestsql.telemetry.log import event

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["Panel", "dashboard", "dashboard_index", "dashboards_of", "read_panels"]

# The names of the packaged dashboards: the templates translate them.
_NAMES = (N_("Guests"), N_("Marketing"), N_("Operations"), N_("Report"))
_REFRESH_SECONDS = 60
_OFF = "off"
# What a panel shows as a table; the query's page has more.
_SHOWN_ROWS = 10
_PICTURE_WIDTH = 600
# For panels that wait for one of the sessions behind a slow one.
_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel: a picture, numbers, a table, what no row means, or why there is none of these.

    Attributes:
        name: the query's.
        title: what it shows.
        picture: from the query's chart mark.
        numbers: the columns of one row, each with its value.
        columns: of a table.
        rows: of a table.
        more: how many rows the table has that are not shown; 1 means "some" past 1,000.
        empty: what no row means, or "".
        fault: why there is no picture although the query has a chart mark, or "".
        problem: why there is nothing, or None.
    """

    name: str
    title: str
    picture: Picture | None = None
    numbers: tuple[tuple[str, Cell], ...] = ()
    columns: tuple[Column, ...] = ()
    rows: tuple[list[Cell], ...] = ()
    more: int = 0
    empty: str = ""
    fault: str = ""
    problem: Problem | None = None


def dashboards_of(queries: Iterable[Query]) -> dict[str, list[Query]]:
    """Return the queries of each dashboard, by file and line; dashboards by name.

    Args:
        queries: all queries.
    """
    found: dict[str, list[Query]] = {}
    for query in sorted(queries, key=lambda query: (query.dashboard, query.file.name, query.line)):
        if query.dashboard:
            found.setdefault(query.dashboard, []).append(query)
    return found


def dashboard_index(request: Request, _given: Given) -> Response:
    """Answer `/dashboards`."""
    language = language_of(request)
    found = dashboards_of(state_of(request).catalogue.current()[0].values())
    return _index(request, found, language.gettext("Dashboards"))


def dashboard(request: Request, given: Given) -> Response:
    """Answer `/dashboards/{name}`. It is loaded again each minute, unless the address says `_refresh=off`."""
    state, language = state_of(request), language_of(request)
    name: str = request.path_params["name"]
    found = dashboards_of(state.catalogue.current()[0].values())
    if name not in found:
        title = language.gettext("There is no dashboard “%(name)s”", name=safe_text(plain_text(name))[:100])
        return _index(request, found, title, status=404)
    is_paused = _OFF in {given.first("_refresh"), given.first("refresh")}
    return page(
        request,
        "dashboard.html",
        place=name,
        headers=None if is_paused else {"Refresh": str(_REFRESH_SECONDS)},
        name=name,
        panels=read_panels(state, found[name], language),
        is_paused=is_paused,
        seconds=_REFRESH_SECONDS,
        pause_href=_address(name, {"_refresh": _OFF}),
        resume_href=_address(name, {}),
        read_at=language.time(datetime.now(UTC).astimezone(state.zone)),
    )


def read_panels(state: State, queries: Iterable[Query], language: Language) -> list[Panel]:
    """Run queries at once, as many as there are sessions, and return a panel for each, in order.

    Args:
        state: of the server.
        queries: from the catalogue.
        language: of the panels.
    """
    chosen = list(queries)
    with ThreadPoolExecutor(state.sessions, thread_name_prefix="guestsql-panel") as threads:
        running = [threads.submit(_read, state, query, language) for query in chosen]
        _, late = wait(running, state.timeout + _GRACE_SECONDS)
        for each in late:
            each.cancel()
        return [_settled(query, work, language) for query, work in zip(chosen, running, strict=True)]


def _settled(query: Query, work: Future[Panel], language: Language) -> Panel:
    """The panel of a query; what goes wrong in one, whatever it is, is no other one's business."""
    if work.cancelled():
        title, detail = language.gettext("Other panels took too long, so this one was not read."), ""
    elif (error := work.exception()) is not None:
        event(logging.ERROR, "PAGE_FAILED", f"panel of {query.name}: {type(error).__name__}")
        title, detail = language.gettext("Something went wrong"), type(error).__name__
    else:
        return work.result()
    return Panel(query.name, title_of(query, language), problem=Problem("error", 503, title, detail))


def _index(request: Request, found: Mapping[str, list[Query]], title: str, *, status: int = 200) -> Response:
    language = language_of(request)
    listed = {name: [title_of(query, language) for query in queries] for name, queries in found.items()}
    return page(request, "dashboards.html", status=status, place="dashboards", title=title, listed=listed)


def _read(state: State, query: Query, language: Language) -> Panel:
    title = title_of(query, language)
    try:
        rows = state.fetch(query, parse_values(query, {}))
    except ParameterError as error:
        problem = Problem(
            "error", 400, language.gettext("A value is missing or wrong."), state.masking.text(str(error))
        )
        return Panel(query.name, title, problem=problem)
    except DatabaseError as error:
        return Panel(query.name, title, problem=problem_of(query, error, language, state.masking))
    return _shown(query, title, rows, language, state)


def _shown(query: Query, title: str, rows: Rows, language: Language, state: State) -> Panel:
    if not rows.rows:
        return Panel(query.name, title, empty=why_empty(query) or language.gettext("No rows."))
    safe = Rows(rows.columns, list(state.masking.rows(rows.columns, rows.rows)), rows.is_cut)
    picture = picture_of(query, safe.columns, safe.rows, language, state.zone, wide=_PICTURE_WIDTH)
    if picture is not None and not picture.fault:
        return Panel(query.name, title, picture=picture)
    columns, _ = columns_of(safe, None)
    shown = cells(safe.rows[:_SHOWN_ROWS], columns, language, state.zone)
    fault = picture.fault if picture is not None else ""
    if query.operator in {Operator.ROW, Operator.VALUE}:
        numbers = zip((column.heading for column in columns), shown[0], strict=True)
        return Panel(query.name, title, numbers=tuple(numbers), fault=fault)
    more = max(len(safe.rows) - _SHOWN_ROWS, int(safe.is_cut))
    return Panel(query.name, title, columns=tuple(columns), rows=tuple(shown), more=more, fault=fault)


def _address(name: str, own: Mapping[str, str]) -> str:
    return f"/dashboards/{name}?{urlencode(own)}" if own else f"/dashboards/{name}"
