"""Builds the files of a report: one HTML page, or a picture of each chart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guestsql.adhoc.session import QuerySession
from guestsql.charts.mark import ChartFault
from guestsql.charts.render import pdf, png, svg
from guestsql.errors import GuestSQLError
from guestsql.report.page import write_page
from guestsql.report.panels import WIDE, panel, titled_specification
from guestsql.report.reading import Failure, Options, ReadChapter, read_answer, read_chapters
from guestsql.report.selection import Chapter, chapters
from guestsql.sql import Query

__all__ = ["PAGE", "build_charts", "build_one", "build_page"]

PAGE = "report.html"
"""What the page is called in a folder."""


def _svg_file(specification: Mapping[str, Any]) -> bytes:
    return svg(specification).encode()


_DRAWN: Mapping[str, Callable[[Mapping[str, Any]], bytes]] = {"pdf": pdf, "png": png, "svg": _svg_file}


def build_page(session: QuerySession, catalogue: Mapping[str, Query], options: Options) -> tuple[bytes, list[Failure]]:
    """Return the report as HTML, and the queries that failed.

    Args:
        session: on the server.
        catalogue: the packaged queries and the project's own.
        options: what it is made with.

    Raises:
        GuestSQLError: no query is marked for a report.
        DatabaseUnavailable: the server could not be reached.
    """
    marked = _marked(catalogue)
    read, failures = read_chapters(session, marked, options)
    return write_page(read, options.reader, options.now).encode(), failures


def build_charts(
    session: QuerySession, catalogue: Mapping[str, Query], options: Options, format_name: str
) -> tuple[dict[str, bytes], list[Failure]]:
    """Return each chart of the report as a file by its name, and the queries that failed.

    Args:
        session: on the server.
        catalogue: the packaged queries and the project's own.
        options: what they are made with.
        format_name: pdf, png or svg.

    Raises:
        GuestSQLError: no query is marked for a report.
        DatabaseUnavailable: the server could not be reached.
    """
    read, failures = read_chapters(session, _marked(catalogue), options)
    drawn = {
        f"{each.name}.{format_name}": _DRAWN[format_name](each.alone)
        for chapter in read
        for each in chapter.panels
        if each.alone is not None
    }
    return drawn, failures


def build_one(
    session: QuerySession, query: Query, options: Options, format_name: str, given: Mapping[str, str | None]
) -> bytes:
    """Return one query as a page, or its chart as a picture.

    Args:
        session: on the server.
        query: from the catalogue.
        options: what it is made with.
        format_name: html, pdf, png or svg.
        given: values of its parameters by name.

    Raises:
        ParameterError: a parameter lacks a value, or the server cannot take it.
        DatabaseError: the server refused the query, or could not be reached.
        GuestSQLError: it has no chart, or one that does not suit what it returned.
    """
    answer = read_answer(session, query, options, given)
    if format_name == "html":
        read = ReadChapter("", [panel(query, answer, options.reader)])
        return write_page([read], options.reader, options.now).encode()
    try:
        return _DRAWN[format_name](titled_specification(query, answer, options.reader, WIDE))
    except ChartFault as fault:
        raise GuestSQLError(f"no picture of {query.name}: {fault}", hint=fault.hint) from fault


def _marked(catalogue: Mapping[str, Query]) -> list[Chapter]:
    found = chapters(catalogue)
    if not found:
        raise GuestSQLError(
            "no query is marked for a report", hint="write -- dashboard: report below the name of a query"
        )
    return found
