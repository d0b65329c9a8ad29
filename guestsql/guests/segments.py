"""Segments: the queries that list people for a campaign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from guestsql.errors import InvalidValue
from guestsql.sql import Query

__all__ = ["SEGMENT_KEY", "SEGMENT_PARAMETERS", "SEGMENT_VIEW", "segment_query", "segments_of"]

SEGMENT_VIEW = "consented_guests"
"""The view that lists only people who consented; `guestsql check` requires it of a segment (GS802)."""

SEGMENT_KEY = "phone_number"
SEGMENT_PARAMETERS = ("purpose", "channel")
"""The parameters that every segment takes. One that also takes `after` and `max_rows` is read page by page."""


def segments_of(queries: Iterable[Query]) -> dict[str, Query]:
    """Return the queries marked `-- segment: NAME`, by that name.

    Args:
        queries: all queries in use.

    Raises:
        InvalidValue: two queries are the same segment.
    """
    found: dict[str, Query] = {}
    for query in queries:
        for mark in query.marks:
            if mark.word == "segment":
                other = found.setdefault(mark.text, query)
                if other is not query:
                    raise InvalidValue(
                        f"two queries are the segment {mark.text}: {other.name} and {query.name}",
                        hint="rename one of them, or write -- overrides: in the one that replaces the other",
                    )
    return found


def segment_query(queries: Iterable[Query], segment: str, parameters: Mapping[str, Any]) -> Query:
    """Return the query of a segment, for which the parameters suffice.

    Args:
        queries: all queries in use.
        segment: its name.
        parameters: what is passed besides the purpose, the channel and the page.

    Raises:
        InvalidValue: there is no such segment, or a parameter is unknown, reserved or missing.
    """
    known = segments_of(queries)
    query = known.get(segment)
    if query is None:
        raise InvalidValue(f"there is no segment {segment!r}", hint=f"segments: {', '.join(sorted(known)) or 'none'}")
    reserved = (*SEGMENT_PARAMETERS, "after", "max_rows")
    declared = [each.name for each in query.parameters if each.name not in reserved]
    unknown = [name for name in parameters if name not in declared]
    if unknown:
        hint = f"it takes {', '.join(declared)}" if declared else "it takes none"
        raise InvalidValue(f"the segment {segment} has no parameter {', '.join(unknown)}", hint=hint)
    missing = [
        each.name
        for each in query.parameters
        if each.name in declared and each.default is None and each.name not in parameters
    ]
    if missing:
        raise InvalidValue(f"the segment {segment} needs {', '.join(missing)}", hint="pass it in parameters")
    return query
