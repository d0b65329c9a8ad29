"""Pictures of specifications."""

import re
import xml.etree.ElementTree as ET

import pytest

from guestsql.charts.palette import BACKGROUND, DARK
from guestsql.charts.render import pdf, png, svg
from tests.charts.charting import CASES, DAYS, specified

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("width", [640, 320])
@pytest.mark.parametrize("text", CASES)
def test_a_picture_of_each_kind(text, width):
    spec = specified(text, *CASES[text], width=width)
    drawn = svg(spec)
    root = ET.fromstring(drawn)
    assert (root.tag, root.get("role")) == (f"{SVG}svg", "img")
    assert root.get("width") == str(width)
    assert [root[at].tag for at in range(3)] == [f"{SVG}title", f"{SVG}desc", f"{SVG}style"]
    assert root[0].text == "A title"
    assert root[1].text == spec["description"]
    assert "prefers-color-scheme:dark" in (root[2].text or "")
    # Nothing outside, nothing that runs, and no size of a text below 11 px.
    assert not re.search(r"href|url\(|<script|<image|<foreignObject| on\w+=|@import", drawn)
    assert min(float(size) for size in re.findall(r'font-size="([\d.]+)px"', drawn)) >= 11
    # Every colour has one for dark backgrounds.
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', drawn)) - {"none", "transparent"}
    assert colours <= DARK.keys()
    assert BACKGROUND in colours


def test_numbers_and_days_in_both_languages():
    case = CASES["bar x=day y=new"]
    assert re.search(r">15,000<.*>Nov 30<|>Nov 30<.*>15,000<", svg(specified("bar x=day y=new", *case)))
    drawn = svg(specified("bar x=day y=new", *case, language="es-CO"))
    assert re.search(r">15\.000<.*>30 nov<|>30 nov<.*>15\.000<", drawn)


def test_days_as_the_server_writes_them():
    """A session leaves dates as texts: Python has no infinite ones."""
    columns, rows = CASES["line x=day y=new,active"]
    written = [(row[0].isoformat(), *row[1:]) for row in rows]
    text = "line x=day y=new,active"
    assert specified(text, columns, written) == specified(text, columns, rows)


def test_times_beyond_the_calendar_are_left_out():
    columns, rows = ("day", "new"), [row[:2] for row in DAYS]
    odd = ["infinity", "-infinity", "0044-03-15 BC", "0044-03-15 00:00:00+00 BC", "10000-01-01"]
    spec = specified("line x=day y=new", columns, [*rows, *((each, 1) for each in odd)])
    assert svg(spec) != svg(specified("line x=day y=new", columns, rows))  # it says how many
    assert "5 " in svg(spec)


def test_the_files_of_other_formats():
    spec = specified("bar x=day y=new", ("day", "new"), [row[:2] for row in DAYS])
    assert png(spec, 1).startswith(b"\x89PNG")
    assert pdf(spec).startswith(b"%PDF")


@pytest.mark.parametrize("url", ["https://example.com/rows.json", "file:///etc/passwd", "rows.csv"])
def test_a_reference_is_refused(url):
    spec = specified("bar x=day y=new", *CASES["bar x=day y=new"])
    spec["layer"][0]["data"] = {"url": url}
    for draw in (svg, png, pdf):
        with pytest.raises(ValueError, match="refers to nothing outside"):
            draw(spec)


def test_a_column_that_is_called_url_is_no_reference():
    assert "http://x" in svg(specified("bar x=url y=n", ("url", "n"), [("http://x", 1)]))


def test_no_text_of_a_row_is_an_expression():
    drawn = svg(specified("bar x=label y=n", ("label", "n"), [('"]+(1+1)+["', 1), ("</svg><script>", 2)]))
    labels = {element.text for element in ET.fromstring(drawn).iter(f"{SVG}text")}
    assert {'"]+(1+1)+["', "</svg><script>"} <= labels
