"""`/q/{name}.csv`, `.json`, `.ndjson`, `.svg` and `.png`: what a page shows, for programs; and the header Accept."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from guestsql.adhoc.formats import Form as Written
from guestsql.adhoc.formats import result_lines
from guestsql.adhoc.parameters import ParameterError
from guestsql.adhoc.values import plain_text
from guestsql.charts.mark import ChartFault, ChartMark, chart_of
from guestsql.charts.render import png, svg
from guestsql.errors import DatabaseError
from guestsql.languages import Language
from guestsql.languages.columns import translated
from guestsql.pages.form import read_form
from guestsql.pages.index import summary_of
from guestsql.pages.language import language_of
from guestsql.pages.masking import Masking
from guestsql.pages.pictures import chart_specification
from guestsql.pages.preferences import qualities
from guestsql.pages.query_page import RETRY_SECONDS, not_found, problem_of, query_page
from guestsql.pages.render import error_page, kept_by_browser
from guestsql.pages.request import Given
from guestsql.pages.rows_response import RowsResponse, chunks_of
from guestsql.pages.security import wants_page
from guestsql.pages.state import State, state_of
from guestsql.sql import Query
from guestsql.sql.operation import is_read

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["download", "page_or_download", "preferred_ending"]

_FORMATS = {"csv": "csv", "json": "json", "ndjson": "jsonl"}
_MEDIA_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "svg": "image/svg+xml",
    "png": "image/png",
}
# What `Accept` may ask for, the page first: of equals the first is sent.
_OFFERED = (
    ("text/html", ""),
    *((type_, ending) for ending, type_ in _MEDIA_TYPES.items()),
    ("application/ndjson", "ndjson"),
    ("application/jsonl", "ndjson"),
)
_WIDTH = 880
# Few, because rows may be wide.
_ROWS_AT_ONCE = 200
# A picture opened by itself; its rules for dark screens are within it.
_PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
# A request that waits for a session holds one of the threads that pages need, too.
_PATIENCE_SECONDS = 1.0
_BAD_REQUEST, _FORBIDDEN, _UNAVAILABLE = 400, 403, 503


class _Refused(Exception):
    """There is no download; the response says why."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def page_or_download(request: Request, given: Given) -> Response:
    """Answer `/q/{name}` with the page, or with the download that the header Accept prefers."""
    ending = preferred_ending(",".join(request.headers.getlist("accept")))
    name: str = request.path_params["name"]
    response = _answer(request, given, name, ending) if ending else query_page(request, given)
    response.headers.add_vary_header("Accept")
    return response


def download(request: Request, given: Given) -> Response:
    """Answer `/q/{name}.{ending}`."""
    name, ending = request.path_params["name"], request.path_params["ending"]
    if ending not in _MEDIA_TYPES:
        return not_found(request, f"{name}.{ending}")
    response = _answer(request, given, name, ending)
    if ending in _FORMATS and response.status_code < _BAD_REQUEST:
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.{ending}"'
    return response


def preferred_ending(accept: str) -> str:
    """Return the ending of what a client prefers, as RFC 9110 describes the header; "" is the page.

    Args:
        accept: the text of Accept, such as `text/csv, */*;q=0.1`; parts that cannot be read are ignored.
    """
    ranges = qualities(accept)

    def wish(offered: tuple[str, str]) -> tuple[float, int]:
        type_ = offered[0]
        patterns = (type_, f"{type_.partition('/')[0]}/*", "*/*")
        return next(((ranges[each], -place) for place, each in enumerate(patterns) if each in ranges), (0.0, 0))

    # What is named is meant more than what a wildcard includes: `application/json, */*` is JSON.
    best = max(_OFFERED, key=wish)
    return best[1] if wish(best)[0] > 0 else ""


def _answer(request: Request, given: Given, name: str, ending: str) -> Response:
    state = state_of(request)
    query = state.catalogue.current()[0].get(name)
    if query is None:
        return not_found(request, name) if wants_page(request.headers) else _text(404, f"there is no query {name!r}")
    try:
        values = _values(request, given, query)
        if ending in _FORMATS:
            return _rows(request, state, query, values, ending)
        return _picture(request, state, query, values, ending)
    except _Refused as refused:
        return refused.response
    except ParameterError as error:
        return _refusal(request, _BAD_REQUEST, str(error))
    except DatabaseError as error:
        return _failure(request, query, error)


def _values(request: Request, given: Given, query: Query) -> Mapping[str, str | None]:
    """The values of the form; _Refused when there are none."""
    language = language_of(request)
    if not is_read(query.tokens):
        message = language.gettext("This query writes, and pages only read.")
        raise _Refused(_refusal(request, _FORBIDDEN, message))
    is_posted = request.method == "POST"
    state = state_of(request)
    form = read_form(query, given, language, state.zone, lambda _parameter: None, state.masking, from_body=is_posted)
    if form.values is None:
        wrong = [f"{each.name}: {each.error}" for each in form.fields if each.error]
        raise _Refused(_refusal(request, _BAD_REQUEST, "; ".join([*form.errors, *wrong])))
    return form.values


def _rows(request: Request, state: State, query: Query, values: Mapping[str, str | None], ending: str) -> Response:
    """The rows: whole when they are few, else while they are fetched."""
    with ExitStack() as resources:
        session = resources.enter_context(state.downloads.acquire(min(state.timeout, _PATIENCE_SECONDS)))
        stream = session.stream(query, values, state.timeout, rows_at_once=_ROWS_AT_ONCE)
        resources.callback(stream.close)
        shown = state.masking.rows(stream.columns, stream)
        lines = result_lines(Written(_FORMATS[ending]), query, stream.columns, shown)
        chunks = chunks_of(lines)
        first = [chunk for chunk in (next(chunks, None), next(chunks, None)) if chunk is not None]
        headers = {} if request.method == "POST" else _cache_control(query)
        if len(first) < 2:  # noqa: PLR2004  all of it
            return Response(b"".join(first), media_type=_MEDIA_TYPES[ending], headers=headers)
        return RowsResponse(
            chain(first, chunks),
            cancel=stream.cancel,
            resources=resources.pop_all(),
            last_line=partial(_last_line, state.masking),
            media_type=_MEDIA_TYPES[ending],
            headers=headers,
        )


def _last_line(masking: Masking, error: DatabaseError) -> bytes:
    """What neither a reader of CSV nor one of JSON takes for a row: the quote at the beginning has no end."""
    said = masking.text(plain_text(error.message)).replace('"', "'").replace("\n", " ")
    state = f"SQLSTATE {error.sqlstate}: " if error.sqlstate else ""
    return f'\n"guestsql: incomplete, the next rows could not be read: {state}{said}\n'.encode()


def _picture(request: Request, state: State, query: Query, values: Mapping[str, str | None], ending: str) -> Response:
    language = language_of(request)
    try:
        mark = chart_of(query)
        if mark is None:
            return _refusal(request, 404, language.gettext("This query has no chart."))
        drawn = _draw(mark, state, query, values, language, ending)
    except ChartFault as error:
        return _refusal(request, 422, str(error), error.hint)
    headers = {"Content-Security-Policy": _PICTURE_POLICY}
    response = Response(drawn, media_type=_MEDIA_TYPES[ending], headers=headers)
    return response if request.method == "POST" else kept_by_browser(request, response, query.cache_seconds)


def _draw(  # noqa: PLR0917  what a picture is made of
    mark: ChartMark, state: State, query: Query, values: Mapping[str, str | None], language: Language, ending: str
) -> str | bytes:
    found = state.fetch(query, values)
    rows = translated(found.columns, state.masking.rows(found.columns, found.rows), language)
    title = summary_of(query, language).rstrip(".")
    spec = chart_specification(query, mark, found.columns, rows, language, state.zone, width=_WIDTH, title=title)
    return svg(spec) if ending == "svg" else png(spec)


def _cache_control(query: Query) -> dict[str, str]:
    return {"Cache-Control": f"private, max-age={query.cache_seconds}"} if query.cache_seconds else {}


def _failure(request: Request, query: Query, error: DatabaseError) -> Response:
    problem = problem_of(query, error, language_of(request), state_of(request).masking)
    response = _refusal(request, problem.status, problem.title, problem.detail, problem.hint)
    if problem.status == _UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _refusal(request: Request, status: int, title: str, detail: str = "", hint: str = "") -> Response:
    """A page for a person who followed a link, else a line."""
    if wants_page(request.headers):
        return error_page(request, status, title, detail, hint)
    return _text(status, " ".join(filter(None, [title, detail, f"({hint})" if hint else ""])))


def _text(status: int, line: str) -> Response:
    return PlainTextResponse(f"{line}\n", status)
