"""The packaged query files read well: a short summary for each query, and queries for people that fit a screen."""

from __future__ import annotations

import re
from pathlib import Path

from guestsql.sql import load_catalogue
from guestsql.sql.reading import read_queries
from tests.monitoring import QUERIES

FILES = sorted((Path(__file__).parents[2] / "queries").rglob("*.sql"))
SUMMARY = 90
LINES = 40


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
    """With its comments: those of monitoring and the analyses."""
    files = {query.file for query in QUERIES.values()} | {
        file for file in FILES if file.name in ("daily.sql", "doctor.sql") or file.name.startswith("analytics_")
    }
    for file in sorted(files):
        for text in re.split(r"^(?=-- name:)", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            query = re.sub(r"(\n|--[^\n]*)+\Z", "", text)
            assert query.count("\n") < LINES, query[:80]
