"""Whatever a query file holds: its readers agree, and each fault has a place in the file."""

from __future__ import annotations

import re
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from guestsql.charts.mark import ChartFault, chart_of
from guestsql.check.pages import PageRules, vet_file_marks, vet_page_marks
from guestsql.check.segments import vet_segment_marks
from guestsql.check.sources import read_sources
from guestsql.check.texts import vet_names, vet_text
from guestsql.ops.gauges.convention import find_gauges
from guestsql.sql.head import MARK_WORDS
from guestsql.sql.overrides import override_mark
from guestsql.sql.psql import psql_query, written_head
from guestsql.sql.query import Query, why_empty
from guestsql.sql.reading import read_queries
from guestsql.sql.samples import sample_values
from tests.checking import SHIPPED

FILE = Path("a.sql")
LINES = [
    *(
        "-- name: get_it()$\n",
        "-- name: list_it(a, b)\n",
        "--name:get_it(a)^\n",
        "-- name: set_it(a)!\n",
        "-- NAME: x()\n",
    ),
    *(
        "--   a: int = 1, one e.g. 2\n",
        "--   b: text[] = NULL, two\n",
        "--     es: dos\n",
        "--  a: int\n",
        "-- es: uno\n",
    ),
    *(f"-- {word}: " for word in MARK_WORDS),
    *(
        "hot\n",
        "allow GS302, because of it\n",
        "line x=a y=b,c\n",
        "number\n",
        "60s\n",
        "list_it\n",
        "export_guest, last\n",
    ),
    *(
        "get_it sha256:0123456789abcdef\n",
        "e.g. '1'\n",
        "read-only\n",
        "large messages\n",
        "prefix\n",
        "\n",
        "\r\n",
        "\n\n",
    ),
    *(
        "SELECT 1 AS one;\n",
        "SELECT :a::int, :b::text[]",
        "UPDATE t SET a = :a",
        "'",
        '"',
        "$$",
        "$a$",
        "/*",
        "*/",
        "--",
    ),
    *(
        ":a",
        ":b::",
        "::int",
        "[:a]",
        "a[1:b]",
        ";",
        "(",
        ")",
        ",",
        "%",
        "\\",
        "\x00",
        "\ufeff",
        "é😀",
        "\u2028",
        "\x0b",
    ),
    *(
        "E'\\'",
        "U&'\\",
        "B'",
        "x'",
        "$1",
        "WITH a AS (SELECT 1)",
        "-- it's :a\n",
        "/* it's */",
        "\\i x\n",
        "record_class: X\n",
    ),
]
_LOOSE = st.lists(st.sampled_from(LINES), max_size=14).map("".join)


@cache
def shipped() -> list[str]:
    """Every packaged file."""
    return [file.read_text(encoding="utf-8") for file in SHIPPED]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A part of a packaged file, with a few places replaced."""
    text = draw(st.sampled_from(shipped()))
    starts = [at for at in range(len(text)) if text.startswith("-- name:", at)]
    begin = draw(st.sampled_from(starts))
    text = text[begin : begin + draw(st.integers(40, 1500))]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(LINES)) + text[at + draw(st.integers(0, 12)) :]
    return text


TEXTS = st.one_of(_LOOSE, damaged())
BYTES = st.one_of(
    TEXTS.map(str.encode),
    st.binary(max_size=60),
    st.builds(bytes.__add__, TEXTS.map(str.encode), st.binary(max_size=4)),
)


@settings(max_examples=30)
@given(BYTES)
def test_each_fault_has_a_place_in_the_file(data: bytes) -> None:
    queries, errors = read_queries(data, FILE)
    lines = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n")
    for error in errors:
        assert 1 <= error.line <= len(lines), error
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1, error
        assert error.message
    for query in queries:
        assert query.name in lines[query.line - 1]
        line, column = query.locate(1)
        assert 1 <= line <= len(lines), column


@settings(max_examples=30)
@given(TEXTS)
@example("-- name: get_it()$\n(1)")
@example("-- name: get_it()$\n\n-- check: hot\nSELECT 1")
def test_a_query_that_is_written_anew_is_the_same(text: str) -> None:
    for query in read_queries(text.encode(), FILE)[0]:
        for again in (psql_query(query), f"{written_head(query)}{query.source}\n;"):
            (copied,), errors = read_queries(again.encode(), FILE)
            assert errors == []
            assert _meaning(copied) == _meaning(query)


def _meaning(query: Query) -> tuple[object, ...]:
    # psql needs a blank behind a colon that is no parameter's. Behind an open parenthesis a semicolon ends nothing.
    return query.name, query.operator, query.parameters, query.positional, re.sub(r"[\s;]", "", query.text)


@settings(max_examples=30)
@given(TEXTS)
def test_every_mark_is_read_or_reported(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.sql"
        file.write_bytes(text.encode())
        sources = read_sources([file])
    (source,) = sources
    found = [*vet_names(sources), *vet_text(source), *vet_file_marks(source), *vet_segment_marks(source.subjects)]
    found += vet_page_marks(source.subjects, PageRules(lambda _: False))
    for finding in found:
        assert 1 <= finding.line <= len(source.lines), finding
        assert 1 <= finding.column <= len(source.line(finding.line)) + 1, finding
    find_gauges(source.queries)
    for query in source.queries:
        assert isinstance(why_empty(query), str)
        with suppress(ChartFault):
            chart_of(query)
        override_mark(query)
        sample_values(query, source.queries)
