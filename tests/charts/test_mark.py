"""The chart mark of a query's comment."""

import pytest

from guestsql.charts.mark import ChartFault, ChartMark, read_chart


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("line x=day y=guests,active", ChartMark("line", "day", ("guests", "active"))),
        ("  bar   y=n  x=label series=unit ", ChartMark("bar", "label", ("n",), "unit")),
        ("stacked x=day y=hits,misses", ChartMark("stacked", "day", ("hits", "misses"))),
        ("heatmap x=hour y=weekday value=n", ChartMark("heatmap", "hour", ("weekday",), None, "n")),
        ("funnel y=a,b,c", ChartMark("funnel", None, ("a", "b", "c"))),
        ("funnel x=step y=n", ChartMark("funnel", "step", ("n",))),
        ("number", ChartMark("number")),
        ("number y=año", ChartMark("number", None, ("año",))),
        ('bar x="of the, =day" y="say ""n""",b', ChartMark("bar", "of the, =day", ('say "n"', "b"))),
    ],
)
def test_a_mark_is_read(text, mark):
    assert read_chart(text) == mark
    assert set(mark.columns) == {name for name in (mark.x, *mark.y, mark.series, mark.value) if name}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "empty", "line x="),
        ("lin x=a y=b", "'lin' is not a kind", "write line"),
        ("pie x=a y=b", "'pie' is not a kind", "line, bar"),
        ("line x=a", "needs y=", "line x=COLUMN"),
        ("heatmap x=a", "needs y= and value=", "value=COLUMN"),
        ("line x=a y=b,", "'y=b,' is not of the form", "line x="),
        ("line x = a y=b", "'x' is not of the form", "line x="),
        ("line x=a y=b z=c", "has no z=", "line x="),
        ("number x=a", "has no x=", "number"),
        ("line x=a x=b y=c", "given twice", "line x="),
        ("line x=a,b y=c", "takes one column", "line x="),
        ("line x=a y=b,b", "names a column twice", "line x="),
        ("line x=a y=b,c series=d", "exclude each other", "line x="),
        ("stacked x=a y=b", "needs series= or two", "stacked"),
        ("funnel y=a", "needs x= or two", "funnel"),
        ("funnel x=s y=a,b", "one column", "funnel"),
        ("heatmap x=a y=b,c value=d", "one column", "heatmap"),
    ],
)
def test_what_is_wrong_and_how_to_fix_it(text, message, hint):
    with pytest.raises(ChartFault, match=message) as raised:
        read_chart(text)
    assert hint in raised.value.hint
    assert 0 <= raised.value.offset <= len(text)
