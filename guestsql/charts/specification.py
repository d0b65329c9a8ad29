"""A chart of a query's rows as one specification of Vega-Lite, with the data in it and no other reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from guestsql.charts.alternative import described
from guestsql.charts.bars import draw_bars
from guestsql.charts.data import Data
from guestsql.charts.drawing import Drawing, label_size, nothing, wrapped
from guestsql.charts.expressions import text_expression
from guestsql.charts.figures import draw_funnel, draw_numbers
from guestsql.charts.heatmap import draw_heatmap
from guestsql.charts.lines import draw_lines
from guestsql.charts.mark import ChartMark, Kind
from guestsql.charts.palette import AXIS, BACKGROUND, GRID, MUTED, TEXT
from guestsql.charts.words import clean, words_in

__all__ = ["MOST_ROWS", "specification"]

MOST_ROWS = 5000
"""Rows that a chart shows at most."""
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_DRAWN: dict[Kind, Callable[[ChartMark, Data], Drawing]] = {
    "line": draw_lines,
    "bar": draw_bars,
    "stacked": draw_bars,
    "heatmap": draw_heatmap,
    "funnel": draw_funnel,
    "number": draw_numbers,
}
_FONT = "sans-serif"
_PADDING = 10


def specification(
    mark: ChartMark,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    zone: tzinfo,
    width: int = 640,
    language: str = "en",
    title: str = "",
    labels: Mapping[str, str] | None = None,
    empty: str = "",
) -> dict[str, Any]:
    """Return the specification of a chart.

    Args:
        mark: the query's chart mark.
        columns: the names of the columns that the query returned.
        rows: its rows, as Python values; personal ones masked. The first 5,000 are drawn, and the picture says so.
        zone: the hotel's, for times with a zone.
        width: of the picture in CSS pixels, 240 or more; below 480 it is drawn for a phone.
        language: `en` or `es`.
        title: drawn above the plot; "" for none.
        labels: what columns are called; a column without an entry by its name.
        empty: what no row means; "" for a general text.

    Returns:
        A specification for `guestsql.charts.render`.

    Raises:
        ChartFault: a column is missing, or its values do not suit the chart.
    """
    words = words_in(language)
    data = Data(list(columns), rows[:MOST_ROWS], labels or {}, words, zone, width)
    if len(rows) > MOST_ROWS:
        data.notes.append(words.say("rows", shown=words.number(MOST_ROWS), all=words.number(len(rows))))
    drawing = _DRAWN[mark.kind](mark, data) if rows else nothing(clean(empty) or words.say("empty"), data)
    return {
        "$schema": _SCHEMA,
        "description": described(mark, data) if rows else clean(empty) or words.say("empty"),
        "usermeta": {"language": words.language.code, "title": clean(title) or drawing.subtitle},
        "width": width,
        "height": drawing.height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": _PADDING,
        "background": BACKGROUND,
        "title": _title(title, [drawing.subtitle, *data.notes], data),
        "layer": drawing.layers,
        "config": _config(data),
        **(drawing.extra or {}),
    }


def _title(title: str, below: Sequence[str], data: Data) -> dict[str, Any] | None:
    size = label_size(data)
    lines = wrapped(clean(title), data.width - 2 * _PADDING, size + 4)
    under = [line for text in below if text for line in wrapped(text, data.width - 2 * _PADDING, size)]
    place = {"anchor": "start", "frame": "bounds", "offset": 10}
    if not lines:
        # Vega draws no subtitle without a title.
        look = {"color": MUTED, "fontSize": size, "fontWeight": "normal", "lineHeight": size + 5}
        return {"text": text_expression(under), **look, **place} if under else None
    subtitle = {"subtitle": text_expression(under)} if under else {}
    return {"text": text_expression(lines), **subtitle, "fontSize": size + 3, **place}


def _config(data: Data) -> dict[str, Any]:
    size = label_size(data)
    return {
        "aria": False,
        "font": _FONT,
        "view": {"stroke": None},
        "title": {
            "color": TEXT,
            "fontWeight": "bold",
            "subtitleColor": MUTED,
            "subtitleFontSize": size,
            "subtitlePadding": 4,
            "subtitleLineHeight": size + 5,
            "lineHeight": size + 8,
        },
        "axis": {
            "labelColor": MUTED,
            "labelFontSize": size,
            "titleColor": MUTED,
            "titleFontSize": size,
            "titleFontWeight": "normal",
            "gridColor": GRID,
            "domainColor": AXIS,
            "tickColor": AXIS,
            "labelPadding": 4,
        },
        "axisY": {"domain": False, "ticks": False},
        "legend": {"labelColor": TEXT, "labelFontSize": size, "symbolSize": 90, "rowPadding": 4, "columnPadding": 24},
        "text": {"color": MUTED, "font": _FONT},
    }
