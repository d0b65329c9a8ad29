"""Runs the queries of a report, one after the other, and keeps what fails as a note."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from guestsql.adhoc.parameters import ParameterError
from guestsql.adhoc.session import QuerySession
from guestsql.errors import DatabaseError, DatabaseUnavailable
from guestsql.languages import Language
from guestsql.pages.masking import Masking
from guestsql.report.panels import Answer, Panel, Reader, panel
from guestsql.report.selection import Chapter, report_values
from guestsql.settings import Settings
from guestsql.sql import Query

__all__ = ["Failure", "Options", "ReadChapter", "read_answer", "read_chapters"]


@dataclass(frozen=True, slots=True)
class Options:
    """What a report is made with.

    Attributes:
        settings: the hotel's time zone.
        language: of its texts and numbers.
        days: of a period, 1 or more.
        timeout: of each query, in seconds, above 0.
        now: when it is made, with a zone.
    """

    settings: Settings
    language: Language
    days: int
    timeout: float
    now: datetime

    @property
    def reader(self) -> Reader:
        """Whom the report is for."""
        return Reader(self.language, self.settings.timezone, self.days, Masking(self.settings.packaged))


@dataclass(frozen=True, slots=True)
class Failure:
    """A query that failed.

    Attributes:
        query: its name.
        message: why, without values.
        hint: how to fix it, or "".
    """

    query: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ReadChapter:
    """A dashboard with its answers.

    Attributes:
        name: the dashboard's.
        panels: one for each query.
    """

    name: str
    panels: Sequence[Panel]


def read_answer(session: QuerySession, query: Query, options: Options, given: Mapping[str, str | None]) -> Answer:
    """Run one query.

    Args:
        session: on the server.
        query: from the catalogue.
        options: what the report is made with.
        given: values of parameters by name.

    Raises:
        ParameterError: a parameter lacks a value, or the server cannot take it.
        DatabaseError: the server refused the query, or could not be reached.
    """
    result = session.run(query, report_values(query, options.settings, options.days, given), options.timeout)
    return Answer(result.columns, result.rows)


def read_chapters(
    session: QuerySession, chapters: Iterable[Chapter], options: Options
) -> tuple[list[ReadChapter], list[Failure]]:
    """Run all queries of a report. One that fails leaves a note in its place.

    Args:
        session: on the server.
        chapters: from `chapters()`.
        options: what the report is made with.

    Raises:
        DatabaseUnavailable: the server could not be reached.
    """
    reader = options.reader
    failures: list[Failure] = []

    def answered(query: Query) -> Answer | str:
        try:
            return read_answer(session, query, options, {})
        except DatabaseUnavailable:
            raise
        except (DatabaseError, ParameterError) as error:
            message = reader.masking.text(error.message if isinstance(error, DatabaseError) else str(error))
            hint = reader.masking.text(error.hint or "") if isinstance(error, DatabaseError) else ""
            failures.append(Failure(query.name, message, hint))
            return reader.language.gettext("Not shown: %(reason)s", reason=message)

    read = [
        ReadChapter(each.name, [panel(query, answered(query), reader) for query in each.queries]) for each in chapters
    ]
    return read, failures
