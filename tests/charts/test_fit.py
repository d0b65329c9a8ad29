"""Whether the columns of a query suit its chart."""

import re

import pytest

from guestsql.charts.fit import unsuitable_columns
from guestsql.charts.mark import read_chart

COLUMNS = [
    ("day", "date"),
    ("at", "timestamp with time zone"),
    ("label", "character varying(20)"),
    ("n", "bigint"),
    ("share", "numeric(5,2)"),
    ("took", "interval"),
    ("body", "jsonb"),
    ("tags", "text[]"),
    ("on_duty", "boolean"),
]


@pytest.mark.parametrize(
    "text",
    [
        "line x=day y=n,share",
        "line x=at y=n series=label",
        "line x=n y=share",
        "bar x=label y=n",
        "bar x=on_duty y=n",
        "stacked x=day y=n series=on_duty",
        "heatmap x=label y=day value=share",
        "funnel y=n,share",
        "funnel x=label y=n",
        "number",
    ],
)
def test_suitable_columns(text):
    assert unsuitable_columns(read_chart(text), COLUMNS) == []


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("line x=days y=n", "days", "no column days", "write day"),
        ("line x=day y=zzz", "zzz", "no column zzz", "day, at"),
        ("line x=day y=label", "label", "label is text", "label::numeric"),
        ("bar x=day y=took", "took", "took is interval", "EPOCH"),
        ("line x=label y=n", "label", "x of a line", "write bar"),
        ("bar x=body y=n", "body", "no label", "use a text"),
        ("stacked x=day y=n series=tags", "tags", r"text\[\], which is no label", "use a text"),
        ("heatmap x=label y=body value=n", "body", "no label", "use a text"),
        ("heatmap x=label y=day value=at", "at", "needs numbers", "numeric"),
        ("number y=on_duty", "on_duty", "needs numbers", "numeric"),
    ],
)
def test_unsuitable_columns(text, column, message, hint):
    (fault,) = unsuitable_columns(read_chart(text), COLUMNS)
    assert fault.column == column
    assert re.search(message, fault.message)
    assert hint in fault.hint


def test_numbers_of_a_query_without_any():
    (fault,) = unsuitable_columns(read_chart("number"), [("label", "text")])
    assert fault.message == "the query has no column of numbers"
