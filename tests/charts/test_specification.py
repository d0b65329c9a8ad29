"""Specifications of any rows."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestsql.charts.alternative import alternative
from guestsql.charts.mark import ChartFault, read_chart
from guestsql.charts.render import svg
from guestsql.charts.specification import MOST_ROWS
from tests.charts.charting import BOGOTA, CASES, DAYS, specified

TIMES = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)


def drawn_texts(spec):
    # A text of several lines is drawn as so many spans.
    return [element.text for element in ET.fromstring(svg(spec)).iter() if element.tag.endswith(("}text", "}tspan"))]


def values(spec, layer=0):
    return spec["layer"][layer]["data"]["values"]


NUMBERS = (
    st.none()
    | st.integers(-(10**40), 10**40)
    | st.decimals().filter(lambda number: not number.is_snan())
    | st.floats()
    | st.integers(0, 3)
)
# Vega takes a string of an expression for code if it has a property of this name.
NAMES = ["if", "toString", "constructor", "hasOwnProperty", "valueOf", "__proto__", "datum"]
TEXTS = st.none() | st.text(max_size=40) | st.booleans() | st.sampled_from(["a", "b", *NAMES])
PLACES = st.one_of(
    st.lists(st.none() | st.dates(), max_size=12),
    st.lists(st.none() | st.datetimes(), max_size=12),
    st.lists(st.none() | st.datetimes(timezones=st.just(UTC)), max_size=12),
    st.lists(NUMBERS, max_size=12),
)
LABELS = PLACES | st.lists(TEXTS, max_size=12)


@st.composite
def charts(draw):
    kind = draw(st.sampled_from(["line", "bar", "stacked", "heatmap", "funnel", "number"]))
    labels = draw(PLACES if kind == "line" else LABELS)
    rows = [(label, draw(NUMBERS), draw(NUMBERS), draw(TEXTS), draw(st.integers(0, 7))) for label in labels]
    form = {
        "line": ["x=x y=n", "x=x y=n,m", "x=x y=n series=s"],
        "bar": ["x=x y=n", "x=x y=n,m", "x=x y=n series=s"],
        "stacked": ["x=x y=n,m", "x=x y=n series=s", "x=weekday y=n,m"],
        "heatmap": ["x=x y=s value=n", "x=weekday y=x value=m"],
        "funnel": ["x=x y=n", "y=n,m"],
        "number": ["y=n", "y=n,m"],
    }
    return f"{kind} {draw(st.sampled_from(form[kind]))}", ("x", "n", "m", "s", "weekday"), rows


@settings(max_examples=40)
@given(charts(), st.sampled_from([240, 320, 640, 1200]), st.sampled_from(["en", "es"]), st.text(max_size=80))
def test_any_rows_of_fitting_types_give_a_picture(chart, width, language, title):
    text, columns, rows = chart
    spec = specified(text, columns, rows, width=width, language=language, title=title)
    json.dumps(spec, allow_nan=False)
    root = ET.fromstring(svg(spec))
    assert root.get("width") == str(width)
    assert spec["description"] == alternative(read_chart(text), columns, rows, zone=BOGOTA, language=language)


@pytest.mark.parametrize("text", ["bar x=x y=n series=s", "bar x=s y=n", "heatmap x=x y=s value=n", "funnel x=s y=n"])
@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_read_as_code(text, name):
    spec = specified(text, ("x", "n", "s"), [("a", 1, name), ("b", 2, "other")], title=name)
    assert drawn_texts(spec).count(name) >= 2
    assert name in drawn_texts(specified(text, ("x", "n", "s"), [], empty=name))


@pytest.mark.parametrize("text", CASES)
def test_no_rows_are_said_to_be_none(text):
    assert "No rows to show" in drawn_texts(specified(text, CASES[text][0], []))
    assert "No guest wrote." in drawn_texts(specified(text, CASES[text][0], [], empty="No guest wrote."))
    assert "No hay filas que mostrar" in drawn_texts(specified(text, CASES[text][0], [], language="es"))


def test_a_number_that_is_null_is_a_gap():
    rows = [(date(2026, 11, day), None if day == 3 else day) for day in range(1, 6)]
    spec = specified("line x=day y=n", ("day", "n"), rows)
    assert [point["y"] for point in values(spec)] == [1, 2, None, 4, 5]


def test_a_day_without_a_row_is_a_gap_in_a_regular_series():
    days = [day for day in range(1, 29) if day != 10]
    spec = specified("line x=day y=n", ("day", "n"), [(date(2026, 11, day), day) for day in days])
    assert [point["y"] for point in values(spec)].index(None) == 9
    irregular = [(date(2026, 11, day), day) for day in (1, 2, 5, 11, 12, 20)]
    assert None not in [point["y"] for point in values(specified("line x=day y=n", ("day", "n"), irregular))]


def test_times_are_those_of_the_hotel():
    rows = [(TIMES + timedelta(hours=hour), hour) for hour in range(24)]
    assert {"00:00", "Nov 28", "21:00"} <= set(drawn_texts(specified("line x=at y=n", ("at", "n"), rows)))


def test_an_hour_that_the_clock_repeats_is_drawn_twice():
    rows = [(datetime(2026, 10, 24, 22, tzinfo=UTC) + timedelta(hours=hour), hour) for hour in range(7)]
    spec = specified("line x=at y=n", ("at", "n"), rows, zone=ZoneInfo("Europe/Madrid"))
    places = [point["x"] for point in values(spec)]
    assert {b - a for a, b in pairwise(places)} == {3_600_000}
    assert drawn_texts(spec).count("02:00") == 2


def test_bars_of_times_far_apart_can_be_seen():
    rows = [(TIMES, 1), (TIMES + timedelta(seconds=1), 2), (TIMES + timedelta(days=30), 3)]
    spec = specified("bar x=at y=n", ("at", "n"), rows)
    low, high = spec["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert all(bar["b"] - bar["a"] > (high - low) / 300 for bar in values(spec))


def test_weekdays_have_names_from_monday():
    texts = drawn_texts(specified("bar x=weekday y=n", ("weekday", "n"), [(day, day) for day in (3, 1, 7)]))
    assert [text for text in texts if text in {"Mon", "Wed", "Sun"}] == ["Mon", "Wed", "Sun"]


def test_an_hour_without_a_row_has_its_place():
    spec = specified("bar x=hour y=n", ("hour", "n"), [(hour, 5) for hour in range(24) if hour != 3])
    assert spec["layer"][0]["encoding"]["x"]["scale"]["domain"] == [0, 24]


@pytest.mark.parametrize(
    ("column", "numbers", "texts"),
    [
        ("n", [0, 0], {"0", "1"}),
        ("n", [1, 3], {"0", "1", "2", "3"}),
        ("n", [-5, 10], {"-5", "0", "10"}),
        ("n", [2_500_000, 0], {"n (millions) by x", "3"}),
        ("n", [Decimal("3e30"), 0], {"n (×10³⁰) by x", "3"}),  # noqa: RUF001  the sign that is drawn
        ("total_bytes", [4_000_000, 0], {"4\u00a0MB", "total bytes by x"}),
        ("hit_percent", [50, 0], {"60\u00a0%"}),
    ],
)
def test_the_numbers_of_an_axis(column, numbers, texts):
    rows = [(at, number) for at, number in zip("ab", numbers, strict=True)]
    assert texts <= set(drawn_texts(specified(f"bar x=x y={column}", ("x", column), rows)))


def test_many_series_and_labels_are_counted():
    rows = [(day, at, f"series {at}") for day, _, _ in DAYS for at in range(9)]
    texts = drawn_texts(specified("line x=day y=n series=s", ("day", "n", "s"), rows))
    assert {"the 6 largest of 9 series", "series 8"} <= set(texts)
    assert "series 1" not in texts
    texts = drawn_texts(specified("stacked x=day y=n series=s", ("day", "n", "s"), rows))
    assert {"the 5 largest of 9 series, and all others", "other"} <= set(texts)
    texts = drawn_texts(specified("bar x=x y=n", ("x", "n"), [(f"label {at}", at) for at in range(50)]))
    assert {"first 20 of 50", "label 19"} <= set(texts)
    assert "label 20" not in texts


def test_what_the_numbers_are_is_drawn_without_a_title():
    rows = [(f"label {at}", at) for at in range(50)]
    texts = drawn_texts(specified("bar x=x y=n", ("x", "n"), rows, title=""))
    assert {"n by x", "first 20 of 50"} <= set(texts)


def test_too_many_rows_are_cut():
    rows = [(at, at) for at in range(MOST_ROWS + 1)]
    spec = specified("line x=x y=n", ("x", "n"), rows)
    assert len(values(spec)) == MOST_ROWS
    assert "first 5,000 of 5,001 rows" in drawn_texts(spec)


def test_every_bar_of_a_text_axis_has_its_label():
    rows = [(f"a_table_of_a_long_name_{at}", 5, 5) for at in range(20)]
    texts = drawn_texts(specified("stacked x=name y=n,m", ("name", "n", "m"), rows))
    assert {row[0] for row in rows} <= set(texts)


def test_numbers_of_an_earlier_time_are_below():
    columns = ("guests", "guests_before")
    texts = drawn_texts(specified("number", columns, [(90, 60)]))
    assert {"90", "guests", "before:\u00a060 (+50\u00a0%)"} <= set(texts)


def test_the_alternative_names_first_last_least_and_greatest():
    text = "line x=day y=new,active"
    columns, rows = CASES[text]
    assert alternative(read_chart(text), columns, rows, zone=BOGOTA) == (
        "Line chart: new and active by day. 30 points, from Nov 1, 2026 to Nov 30, 2026. "
        "new: first 0, last 12,000, least 0 (Nov 1, 2026), most 16,000 (Nov 17, 2026); "
        "active: first 1, last 7, least 1 (Nov 2, 2026), most 10 (Nov 11, 2026)."
    )
    assert alternative(read_chart("funnel y=a,b"), ("a", "b"), [(200, 50)], zone=BOGOTA, language="es") == (
        "Embudo: a 200 · 100\u00a0%; b 50 · 25\u00a0%."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("line x=gone y=n", "no column gone"),
        ("line x=day y=label", "needs numbers, and label"),
        ("line x=label y=n", "neither a time nor a number"),
        ("number y=label", "needs numbers"),
    ],
)
def test_what_cannot_be_drawn(text, message):
    with pytest.raises(ChartFault, match=message):
        specified(text, ("day", "label", "n"), [(date(2026, 11, 1), "VIP", 1)])
