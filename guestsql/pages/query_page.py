"""`/q/{name}`: a query's form, its result as a picture and a table, and what is beside it."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from guestsql.adhoc.parameters import ParameterError
from guestsql.adhoc.pool import PoolTimeout
from guestsql.adhoc.session import hint_of_role
from guestsql.adhoc.values import plain_text
from guestsql.errors import DatabaseError, DatabaseUnavailable, QueryTimeout
from guestsql.languages import Language
from guestsql.pages.form import Form, own_value, read_form
from guestsql.pages.index import summary_of, title_of
from guestsql.pages.language import language_of
from guestsql.pages.masking import Masking, safe_text
from guestsql.pages.options import OptionLists
from guestsql.pages.pictures import Picture, picture_of
from guestsql.pages.render import page
from guestsql.pages.request import Given
from guestsql.pages.state import ROLE, State, state_of
from guestsql.pages.table import MOST_CELLS, Cell, Column, Rows, cells, columns_of, sort_rows
from guestsql.sql import Operator, Query, is_packaged
from guestsql.sql.operation import is_read
from guestsql.sql.query import why_empty

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["RETRY_SECONDS", "Problem", "not_found", "query_page"]

_WRITES = "25006"
RETRY_SECONDS = 5
"""When to ask again, while the database is away."""
_DOWNLOADS = ("csv", "json", "ndjson")
_PICTURES = ("svg", "png")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no result.

    Attributes:
        kind: `error` or `quiet`.
        status: of HTTP.
        title: what happened.
        detail: where, as the server says it, without values.
        hint: how to fix it.
        command: that does it, or "".
    """

    kind: str
    status: int
    title: str
    detail: str = ""
    hint: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class _Result:
    """A result as the template shows it."""

    columns: list[Column]
    rows: list[list[Cell]]
    count: int
    caption: str
    notice: str
    empty: str
    is_sideways: bool
    value: Cell | None


@dataclass(frozen=True, slots=True)
class _Reader:
    """For whom values are written."""

    language: Language
    zone: ZoneInfo
    masking: Masking


@dataclass(frozen=True, slots=True)
class _Link:
    name: str
    href: str


def query_page(request: Request, given: Given) -> Response:
    """Answer `/q/{name}`."""
    state, language = state_of(request), language_of(request)
    name: str = request.path_params["name"]
    catalogue, _ = state.catalogue.current()
    query = catalogue.get(name)
    if query is None:
        return not_found(request, name)
    options: OptionLists = request.app.state.options
    is_posted = request.method == "POST"
    form = read_form(query, given, language, state.zone, options.of, state.masking, from_body=is_posted)
    problem, rows = _run(state, query, form, language)
    if problem is not None and problem.command:
        problem = replace(problem, command=problem.command + _options(form))
    sort = own_value(query, given, "sort")
    status = 400 if form.is_wrong else 200
    beside = state.beside.read(
        query,
        catalogue,
        form.values or {},
        () if rows is None else rows.rows,
        is_planned=own_value(query, given, "plan") is not None,
    )
    return page(
        request,
        "query.html",
        status=status if problem is None else problem.status,
        cache_seconds=query.cache_seconds,
        headers={"Retry-After": str(RETRY_SECONDS)} if problem is not None and problem.status == 503 else None,  # noqa: PLR2004  unavailable
        query=query,
        heading=title_of(query, language),
        paragraphs=_paragraphs(query, language),
        form=form,
        writes=not is_read(query.tokens),
        sort=sort or "",
        problem=problem,
        again="" if form.is_personal else _address(f"/q/{query.name}", form),
        result=None if rows is None else _result(query, form, rows, sort, _Reader(language, state.zone, state.masking)),
        picture=None if rows is None else _picture(query, rows, _Reader(language, state.zone, state.masking)),
        beside=beside,
        plan_href=_address(f"/q/{query.name}", form, {"_plan": "1"}) + "#plan",
        moment=partial(language.moment, zone=state.zone, seconds=False),
        check_command=f"guestsql check {source_of(query).rpartition(':')[0]}",
        downloads=[_Link(end.upper(), _address(f"/q/{query.name}.{end}", form)) for end in _DOWNLOADS],
        pictures=[_Link(end.upper(), _address(f"/q/{query.name}.{end}", form)) for end in _PICTURES],
        source=source_of(query),
        eject=f"guestsql query eject {query.name}" if is_packaged(query.file.parent) else "",
    )


def not_found(request: Request, name: str) -> Response:
    """Return the page for a query that does not exist."""
    state, language = state_of(request), language_of(request)
    near = difflib.get_close_matches(name, list(state.catalogue.current()[0]), n=5, cutoff=0.5)
    title = language.gettext("There is no query “%(name)s”", name=safe_text(plain_text(name))[:100])
    return page(request, "error.html", status=404, title=title, detail="", hint="", near=near)


def source_of(query: Query) -> str:
    """Return the place of a query as `queries/x.sql:12`: relative to the working directory, or its last folder."""
    try:
        file = query.file.resolve().relative_to(Path.cwd())
    except ValueError:
        file = Path(query.file.parent.name, query.file.name)
    return f"{file}:{query.line}"


def _run(state: State, query: Query, form: Form, language: Language) -> tuple[Problem | None, Rows | None]:
    if not is_read(query.tokens):
        return _writes(query, language, status=400 if form.is_wrong else 200), None
    if form.values is None:
        return None, None
    try:
        return None, state.fetch(query, form.values)
    except ParameterError as error:
        form.refuse(error)
        return None, None
    except DatabaseError as error:
        return problem_of(query, error, language, state.masking), None


_SINGLE = (Operator.ROW, Operator.VALUE)


def _writes(query: Query, language: Language, *, status: int) -> Problem:
    _ = language.gettext
    return Problem(
        "quiet",
        status,
        _("This query writes, and pages only read."),
        hint=_("Run it in a shell:"),
        command=f"guestsql query run {query.name} --write",
    )


def problem_of(query: Query, error: DatabaseError, language: Language, masking: Masking) -> Problem:
    """Return why a query failed, for its readers.

    Args:
        query: the query.
        error: from the server, or on the way to it.
        language: of the title.
        masking: of what the server says.
    """
    _ = language.gettext
    if error.sqlstate == _WRITES:
        return _writes(query, language, status=403)
    detail = masking.text(plain_text(error.message))
    if error.sqlstate:
        detail = f"SQLSTATE {error.sqlstate}: {detail}"
    if error.hint == hint_of_role(ROLE):
        title = _("Pages run as %(role)s, which may not read this.", role=ROLE)
        return Problem("quiet", 403, title, detail, _("Run it in a shell:"), f"guestsql query run {query.name}")
    hint = masking.text(plain_text(error.hint))
    if isinstance(error, PoolTimeout):
        return Problem("error", 503, _("Too many queries run now. Try again in a moment."), detail, hint)
    if isinstance(error, DatabaseUnavailable):
        return Problem("error", 503, _("The database cannot be reached now. Try again in a moment."), detail, hint)
    if isinstance(error, QueryTimeout):
        return Problem("error", 504, _("The query took too long, and was cancelled."), detail, hint)
    return Problem("error", 500, _("The server refused the query."), detail, hint)


def _options(form: Form) -> str:
    """The values for `guestsql query run`; none that may identify a guest."""
    if form.is_personal or form.values is None:
        return ""
    given = [(name, form.values[name]) for name in form.values if name in form.given]
    words = [["--null", name] if value is None else ["-p", f"{name}={value}"] for name, value in given]
    return "".join(f" {shlex.join(each)}" for each in words)


def _paragraphs(query: Query, language: Language) -> list[str]:
    """The comment behind its first sentence."""
    text = language.pick(query.doc, query.spanish) or ""
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
    first = summary_of(query, language)
    if paragraphs:
        paragraphs[0] = paragraphs[0].removeprefix(first).strip()
    return [each for each in paragraphs if each]


def _address(path: str, form: Form, own: Mapping[str, str] | None = None) -> str:
    """A link to the same values; those that identify a guest are never in it."""
    pairs: list[tuple[str, str]] = []
    if not form.is_personal:
        for name, values in form.given.items():
            pairs += [(name, value) for value in values]
        pairs += [("_null", each.name) for each in form.fields if each.is_null]
    pairs += list((own or {}).items())
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _result(query: Query, form: Form, rows: Rows, sort: str | None, reader: _Reader) -> _Result:
    language = reader.language
    _ = language.gettext
    columns, place = columns_of(rows, sort)
    most = max(1, MOST_CELLS // max(1, len(columns)))
    shown = (
        rows.rows
        if place is None
        else sort_rows(rows, place, reader.masking, descending=columns[place].order == "descending")
    )
    is_cut = rows.is_cut or len(shown) > most
    shown = list(reader.masking.rows(rows.columns, shown[:most]))
    for column in columns:
        column.href = _address(f"/q/{query.name}", form, {"_sort": column.sort}) + "#result"
    made = cells(shown, columns, language, reader.zone)
    notice = (
        _("There is no column “%(name)s”, so the rows are not sorted.", name=sort) if sort and place is None else ""
    )
    return _Result(
        columns,
        made,
        len(shown),
        _caption(len(shown), language, is_cut=is_cut and query.operator not in _SINGLE),
        notice,
        why_empty(query),
        is_sideways=query.operator is Operator.ROW and bool(columns),
        value=made[0][0] if query.operator is Operator.VALUE and made and made[0] else None,
    )


def _picture(query: Query, rows: Rows, reader: _Reader) -> Picture | None:
    if not any(mark.word == "chart" for mark in query.marks):
        return None
    shown = list(reader.masking.rows(rows.columns, rows.rows))
    return picture_of(query, rows.columns, shown, reader.language, reader.zone)


def _caption(count: int, language: Language, *, is_cut: bool) -> str:
    if is_cut:
        return language.ngettext(
            "The first row; a download has all", "The first %(num)s rows; a download has all", count
        )
    return language.ngettext("%(num)s row", "%(num)s rows", count)
