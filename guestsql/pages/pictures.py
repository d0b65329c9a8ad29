"""The chart of a query, as a picture within a page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from guestsql.adhoc.values import plain_text
from guestsql.charts.alternative import alternative
from guestsql.charts.mark import ChartFault, ChartMark, chart_of, read_chart
from guestsql.charts.render import svg
from guestsql.charts.specification import specification
from guestsql.languages import Language
from guestsql.languages.columns import column_labels, translated
from guestsql.pages.masking import safe_text
from guestsql.sql import Query
from guestsql.sql.query import why_empty

__all__ = ["Picture", "chart_specification", "picture_address", "picture_of", "warm_up"]

_WIDE = 1000
# Shrunk to half its width, a picture's letters could not be read.
_MEDIUM = 600
_NARROW = 320


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart for screens of several widths.

    Attributes:
        wide: the address of the picture, with the picture in it.
        medium: the same for a tablet; "" when `wide` is small enough.
        narrow: the same for a phone.
        alternative: what it shows, in words.
        fault: why it cannot be drawn, or "".
    """

    wide: str = ""
    medium: str = ""
    narrow: str = ""
    alternative: str = ""
    fault: str = ""


def picture_of(
    query: Query,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    language: Language,
    zone: ZoneInfo,
    *,
    wide: int = _WIDE,
) -> Picture | None:
    """Draw the chart of a query; None when its comment has no mark.

    Args:
        query: the query.
        columns: the names of its columns.
        rows: masked, in the query's order.
        language: of the picture.
        zone: the hotel's.
        wide: the width of the largest picture in CSS pixels.
    """
    try:
        mark = chart_of(query)
        if mark is None or not rows:
            return None
        labels, rows = column_labels(columns, language), translated(columns, rows, language)
        drawn = [
            picture_address(chart_specification(query, mark, columns, rows, language, zone, width=width))
            for width in (wide, *([_MEDIUM] if wide > _MEDIUM else []), _NARROW)
        ]
        words = alternative(
            mark, columns, rows, zone=zone, language=language.code, labels=labels, empty=why_empty(query)
        )
    except ChartFault as error:
        return Picture(fault=f"{error} ({error.hint})" if error.hint else str(error))
    except ValueError as error:  # Vega-Lite rejects the specification
        return Picture(fault=safe_text(plain_text(str(error))))
    large, *medium, small = drawn
    return Picture(large, "".join(medium), small, words)


def chart_specification(  # noqa: PLR0917  what a picture is made of
    query: Query,
    mark: ChartMark,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    language: Language,
    zone: ZoneInfo,
    *,
    width: int,
    title: str = "",
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the specification of a query's chart.

    Args:
        query: the query.
        mark: its chart mark.
        columns: the names of its columns.
        rows: masked and translated, in the query's order.
        language: of the picture.
        zone: the hotel's.
        width: in CSS pixels.
        title: above the picture; "" for none.
        labels: names of columns that are called otherwise here.

    Raises:
        ChartFault: its columns do not suit the mark.
    """
    return specification(
        mark,
        columns,
        rows,
        zone=zone,
        width=width,
        language=language.code,
        title=title,
        labels={**column_labels(columns, language), **(labels or {})},
        empty=why_empty(query),
    )


def picture_address(spec: Mapping[str, Any]) -> str:
    """Return a chart as an address that holds it: as an image its styles and ids concern nothing else of a page.

    Args:
        spec: of `chart_specification`.
    """
    return f"data:image/svg+xml;base64,{b64encode(svg(spec).encode()).decode()}"


def warm_up() -> None:
    """Draw something, since the first picture takes more than a second."""
    svg(specification(read_chart("number y=n"), ("n",), [(1,)], zone=UTC))
