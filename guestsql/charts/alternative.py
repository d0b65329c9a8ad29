"""A chart in words, for readers who do not see the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo

from guestsql.charts.data import Data, Series, series_of
from guestsql.charts.figures import figures_of, share, steps_of
from guestsql.charts.mark import ChartMark
from guestsql.charts.words import clean, words_in

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
    data, words = replace(data, notes=[]), data.words  # what is left out is noted once, by the picture
    if mark.kind == "number":
        shown = [", ".join((f"{each.name} {each.text}", *each.below)) for each in figures_of(mark, data)]
        return f"{words.say('number')}: {'; '.join(shown)}."
    if mark.kind == "funnel":
        steps = steps_of(mark, data)
        return f"{words.say('funnel')}: {'; '.join(f'{name} {share(n, steps[0][1], data)}' for name, n in steps)}."
    return f"{_subject(mark, data)}. {_extent(mark, data)}. {_figures(mark, data)}."


def _subject(mark: ChartMark, data: Data) -> str:
    numbers = (mark.value,) if mark.value else mark.y
    what = data.words.joined([data.name(column) for column in numbers])
    axes = (mark.x, *(mark.y if mark.value else ()), mark.series)
    by = data.words.joined([data.name(column) for column in axes if column])
    return f"{data.words.say(mark.kind)}: {data.words.say('by', what=what, by=by)}"


def _extent(mark: ChartMark, data: Data) -> str:
    count = len(data.rows)
    points = data.words.say("point") if count == 1 else data.words.say("points", count=data.words.number(count))
    if mark.kind == "heatmap" or count == 1:
        return points
    labels = data.labels(mark.x or "")
    return f"{points}, {data.words.say('from_to', first=labels[0], last=labels[-1])}"


def _figures(mark: ChartMark, data: Data) -> str:
    if mark.kind == "heatmap":
        across, down = data.labels(mark.x or ""), data.labels(mark.y[0])
        places = [f"{b} {a}" for a, b in zip(across, down, strict=True)]
        series = [Series(data.name(mark.value or ""), list(enumerate(data.numbers(mark.value or ""))))]
    else:
        places = data.labels(mark.x or "")
        series = series_of(mark, data, is_additive=mark.kind == "stacked")
    return "; ".join(_series(each, places, data) for each in series)


def _series(series: Series, places: Sequence[str], data: Data) -> str:
    words = data.words
    known = [(places[row], number) for row, number in series.points if number is not None]
    if not known:
        return words.say("no_values", name=series.name)
    least, greatest = min(known, key=lambda each: each[1]), max(known, key=lambda each: each[1])
    return words.say(
        "figures",
        name=series.name,
        first=words.number(known[0][1]),
        last=words.number(known[-1][1]),
        least=words.number(least[1]),
        least_at=least[0],
        greatest=words.number(greatest[1]),
        greatest_at=greatest[0],
    )
