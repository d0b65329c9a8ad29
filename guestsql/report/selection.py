"""Which queries a report shows: those of the dashboard `report`, and those of the project's own dashboards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from guestsql.adhoc.parameters import parse_values
from guestsql.settings import Settings
from guestsql.sql import Query, is_packaged

__all__ = ["REPORT", "Chapter", "chapters", "report_values"]

REPORT = "report"
"""The dashboard that is the report."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A dashboard of the report.

    Attributes:
        name: the dashboard's.
        queries: in the order of files and lines.
    """

    name: str
    queries: tuple[Query, ...]


def chapters(catalogue: Mapping[str, Query]) -> list[Chapter]:
    """Return the dashboards of a report, `report` first.

    Args:
        catalogue: the packaged queries and the project's own. Other packaged dashboards are live ones, and left out.

    Returns:
        Nothing if no query is marked.
    """
    marked = [each for each in catalogue.values() if each.dashboard]
    shown = [each for each in marked if each.dashboard == REPORT or not is_packaged(each.file.parent)]
    names = sorted({each.dashboard for each in shown}, key=lambda name: (name != REPORT, name))
    return [
        Chapter(
            name,
            # The packaged ones first: an own file of whatever name comes below them.
            tuple(
                sorted(
                    (each for each in shown if each.dashboard == name),
                    key=lambda each: (not is_packaged(each.file.parent), each.file, each.line),
                )
            ),
        )
        for name in names
    ]


def report_values(
    query: Query, settings: Settings, days: int, given: Mapping[str, str | None] | None = None
) -> dict[str, str | None]:
    """Return a value for each parameter of a query of a report.

    Args:
        query: whose parameters they are.
        settings: the hotel's time zone, for a parameter `timezone`.
        days: of a period, for a parameter `days`.
        given: values by name; they win.

    Raises:
        ParameterError: a parameter has neither a value nor a default.
    """
    known = {"timezone": settings.timezone.key, "days": str(days)}
    names = {each.name for each in query.parameters}
    return parse_values(query, {**{name: known[name] for name in known if name in names}, **(given or {})})
