"""A chart in words, for readers who do not see the picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, tzinfo

from guestsql.charts.axes import is_continuous
from guestsql.charts.data import Data, Series, series_of
from guestsql.charts.figures import figures_of, share, steps_of
from guestsql.charts.mark import ChartMark
from guestsql.charts.time_ticks import milliseconds
from guestsql.charts.words import clean, finite, words_in

__all__ = ["alternative", "described"]


def alternative(
    mark: ChartMark,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    zone: tzinfo,
    language: str = "en",
    labels: Mapping[str, str] | None = None,
    empty: str = "",
) -> str:
    """Return what a chart shows: its kind and columns, how many points, the first and last, the least and greatest.

    Args:
        mark: the query's chart mark.
        columns: the names of the columns that the query returned.
        rows: its rows, as for `specification`.
        zone: the hotel's.
        language: `en` or `es`.
        labels: what columns are called.
        empty: what no row means.

    Returns:
        A few sentences on one line.

    Raises:
        ChartFault: a column is missing, or its values do not suit the chart.
    """
    words = words_in(language)
    if not rows:
        return clean(empty) or words.say("empty")
    return described(mark, Data(list(columns), rows, labels or {}, words, zone, 0))


def described(mark: ChartMark, data: Data) -> str:
    """Return what a chart of these rows shows.

    Args:
        mark: the chart.
        data: one row or more.
    """
    data, words = data.without_notes(), data.words
    if mark.kind == "number":
        shown = [", ".join((f"{each.name} {each.text}", *each.below)) for each in figures_of(mark, data)]
        return f"{words.say('number')}: {'; '.join(shown)}."
    if mark.kind == "funnel":
        steps = steps_of(mark, data)
        return f"{words.say('funnel')}: {'; '.join(f'{name} {share(n, steps[0][1], data)}' for name, n in steps)}."
    order = _order(mark, data)
    return f"{_subject(mark, data)}. {_extent(mark, order, data)}. {_figures(mark, order, data)}."


def _subject(mark: ChartMark, data: Data) -> str:
    numbers = (mark.value,) if mark.value else mark.y
    what = data.words.joined([data.name(column) for column in numbers])
    axes = (mark.x, *(mark.y if mark.value else ()), mark.series)
    by = data.words.joined([data.name(column) for column in axes if column])
    return f"{data.words.say(mark.kind)}: {data.words.say('by', what=what, by=by)}"


def _extent(mark: ChartMark, order: Sequence[int], data: Data) -> str:
    count = len(data.rows)
    points = data.words.say("point") if count == 1 else data.words.say("points", count=data.words.number(count))
    if mark.kind == "heatmap" or count == 1 or not order:
        return points
    first, last = data.label(mark.x or "", order[0]), data.label(mark.x or "", order[-1])
    return f"{points}, {data.words.say('from_to', first=first, last=last)}"


def _order(mark: ChartMark, data: Data) -> list[int]:
    # Of the rows, as the reader sees them: times and numbers from left to right.
    values = data.values(mark.x or "")
    if mark.kind == "heatmap" or not is_continuous(values):
        return list(range(len(values)))
    places = [float(milliseconds(v)) if isinstance(v, date) else finite(v) for v in values]
    return [row for _, row in sorted((place, row) for row, place in enumerate(places) if place is not None)]


def _figures(mark: ChartMark, order: Sequence[int], data: Data) -> str:
    x = mark.x or ""
    if mark.kind == "heatmap":
        cells = Series(data.name(mark.value or ""), list(enumerate(data.numbers(mark.value or ""))))
        return _series(cells, lambda row: f"{data.label(mark.y[0], row)} {data.label(x, row)}", data)
    rank = {row: at for at, row in enumerate(order)}
    series = series_of(mark, data, is_additive=mark.kind == "stacked")
    return "; ".join(
        _series(
            each._replace(points=sorted((p for p in each.points if p[0] in rank), key=lambda point: rank[point[0]])),
            lambda row: data.label(x, row),
            data,
        )
        for each in series
    )


def _series(series: Series, place: Callable[[int], str], data: Data) -> str:
    words = data.words
    known = [(row, number) for row, number in series.points if number is not None]
    if not known:
        return words.say("no_values", name=series.name)
    least, greatest = min(known, key=lambda each: each[1]), max(known, key=lambda each: each[1])
    return words.say(
        "figures",
        name=series.name,
        first=words.number(known[0][1]),
        last=words.number(known[-1][1]),
        least=words.number(least[1]),
        least_at=place(least[0]),
        greatest=words.number(greatest[1]),
        greatest_at=place(greatest[0]),
    )
