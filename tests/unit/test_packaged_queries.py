"""The packaged query files read well: a short summary for each query, and queries for people that fit a screen."""

from __future__ import annotations

import re
from pathlib import Path

from guestsql.charts.mark import chart_of
from guestsql.sql import load_catalogue
from guestsql.sql.page_marks import PAGE_WORDS, share_spanish
from guestsql.sql.query import first_sentence
from guestsql.sql.reading import read_queries
from tests.monitoring import QUERIES

FILES = sorted((Path(__file__).parents[2] / "queries").rglob("*.sql"))
SUMMARY = 90
LINES = 40
# An `es:` mark may have further lines, indented by five spaces.
MARKS = re.compile(rf"-- *(?:{'|'.join(PAGE_WORDS)}):|-- {{5}}")


def test_a_summary_is_one_short_sentence() -> None:
    """`query list` and Prometheus show it."""
    found = [query for file in FILES for query in read_queries(file.read_bytes(), file)[0]]
    assert len(found) > len(load_catalogue())
    bad = [query.name for query in found if not re.fullmatch(rf"[A-Z{{].{{5,{SUMMARY - 2}}}[.]", query.summary)]
    assert bad == []


def test_a_summary_is_the_first_sentence_and_no_mark() -> None:
    text = b"""-- name: get_one()^
-- One, e.g. 1.5 or
-- 2.5. Two. Three.
-- metrics: one
SELECT 1 AS one;

-- name: get_two()^
-- metrics: two
SELECT 2 AS two;
"""
    queries, _ = read_queries(text, Path("own.sql"))
    assert [query.summary for query in queries] == ["One, e.g. 1.5 or 2.5.", ""]


def test_a_query_for_people_fits_a_screen() -> None:
    """With its comments: those of monitoring and the analyses. Marks of pages do not count: they are read as a page."""
    files = {query.file for query in QUERIES.values()} | {
        file for file in FILES if file.name in ("daily.sql", "doctor.sql") or file.name.startswith("analytics_")
    }
    for file in sorted(files):
        for text in re.split(r"^(?=-- name:)", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            query = re.sub(r"(\n|--[^\n]*)+\Z", "", text)
            lines = [line for line in query.splitlines() if not MARKS.match(line)]
            assert len(lines) <= LINES, query[:80]


def test_every_query_is_described_in_spanish() -> None:
    queries = share_spanish(load_catalogue().values())
    assert [query.name for query in queries if not first_sentence(query.spanish)] == []
    assert [
        f"{query.name}.{each.name}"
        for query in queries
        for each in query.parameters
        if re.sub(r"e\.g\. ('.*'|\d+)", "", each.doc) and not each.spanish
    ] == []


def test_each_dashboard_has_a_chart_for_each_of_its_queries() -> None:
    found: dict[str, list[str]] = {}
    for query in load_catalogue().values():
        if query.dashboard:
            assert chart_of(query) is not None, query.name
            found.setdefault(query.dashboard, []).append(query.name)
    assert found.keys() == {"guests", "marketing", "operations", "report"}
