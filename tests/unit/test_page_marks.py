"""The marks of pages: whose they are, and what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from guestsql.sql import Query
from guestsql.sql.page_marks import share_spanish
from guestsql.sql.psql import written_head
from guestsql.sql.reading import read_queries

TEXT = """\
-- name: list_stays(unit, n)
-- Stays. More of them.
-- es: Estancias,
--    y algo: más.
-- es: Otra frase.
--   unit: text, the unit
--         of the stay
--     es: la unidad,
--         entera
--   n: int = 3, how many
-- choices: list_numbers
-- es: Y esto.
-- cache: 5m
--     dashboard: stays
SELECT :unit::text AS unit, :n::int AS n;
"""


def read(text: str) -> Query:
    (query,), errors = read_queries(text.encode(), Path("a.sql"))
    assert errors == []
    return query


def test_each_mark_belongs_to_the_query_or_to_a_parameter() -> None:
    query = read(TEXT)
    for each in (query, read(f"{written_head(query)}{query.source}")):
        assert each.doc == "Stays. More of them."
        assert each.spanish == "Estancias, y algo: más. Otra frase. Y esto."
        assert (each.dashboard, each.cache_seconds) == ("stays", 300)
        unit, n = each.parameters
        assert (unit.doc, unit.spanish, unit.choices) == ("the unit of the stay", "la unidad, entera", "")
        assert (n.default, n.doc, n.spanish, n.choices) == ("3", "how many", "", "list_numbers")


def test_without_a_parameter_above_the_mark_is_the_querys() -> None:
    query = read("-- name: get_one(n)$\n--    es: Uno.\n-- choices: list_n\n--   n: int\nSELECT :n::int AS one;\n")
    assert query.spanish == "Uno."
    assert query.parameters[0].choices == ""
    assert [(each.word, each.parameter) for each in query.marks] == [("es", ""), ("choices", "")]


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("5m", 300), ("2h", 7200), ("0s", 0), ("60", 0), ("1 h", 0), ("soon", 0)]
)
def test_the_time_of_a_cache_mark(text: str, seconds: int) -> None:
    assert read(f"-- name: get_one()$\n-- cache: {text}\nSELECT 1 AS one;\n").cache_seconds == seconds


def test_a_dashboard_that_cannot_be_read_is_none() -> None:
    assert read("-- name: get_one()$\n-- dashboard: The Hotel\nSELECT 1 AS one;\n").dashboard == ""


def test_a_text_is_translated_once() -> None:
    text = "-- name: {}(n, m)$\n--   n: int, rows\n{}--   m: int, {}\nSELECT :n::int + :m::int AS one;\n"
    first = read(text.format("get_one", "--     es: filas\n", "rows"))
    second = read(text.format("get_two", "", "rows"))
    third = read(text.format("get_three", "--     es: líneas\n", "rows"))
    shared = share_spanish([first, second, third])
    assert [[each.spanish for each in query.parameters] for query in shared] == [
        ["filas", ""],
        ["filas", ""],
        ["líneas", ""],
    ]
    assert [query.name for query in shared] == ["get_one", "get_two", "get_three"]
