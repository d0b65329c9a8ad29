"""Data as text: odd values, row by row, in flat memory."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from contextlib import closing
from decimal import Decimal

import pytest

from guestsql.adhoc.formats import Form, csv_lines, json_lines, ndjson_lines, result_lines
from guestsql.adhoc.parameters import ParameterError, parse_values
from guestsql.adhoc.session import QuerySession

PATIENCE = 30.0
HUGE = "9" * 5000


@pytest.fixture
def session(target):
    with QuerySession(target) as opened:
        yield opened


def odd_values(session, queries, **given):
    query = queries["list_odd_values"]
    return session.run(query, parse_values(query, given), PATIENCE, at_most=10)


def test_odd_values_are_exact_in_every_format(session, queries):
    result = odd_values(session, queries, amount="1E-16383", words="a,b")
    (row,) = json.loads("".join(json_lines(result.columns, result.rows)), parse_int=str, parse_float=str)
    assert row.pop("amount") == f"0.{'0' * 16382}1"
    assert (row.pop("huge"), row.pop("huge_in_json")) == (HUGE, {"n": HUGE})
    assert row == {
        "nan": "NaN",
        "never": "infinity",
        "always": "-infinity",
        "ides": "0044-03-15 BC",
        "midnight": "24:00:00",
        "escaped": {"nul": "\0", "half": "\ud800"},
        "bytes": "\\x00ff",
        "moments": ["infinity", "0044-03-15 00:00:00 BC"],
        "words": ["a", "b"],
        "lines": 'a "q", b\r\n',
        "nothing": None,
        "empty": "",
        "n": "1",
        "n_2": "2",
    }
    (line,) = ndjson_lines(result.columns, result.rows)
    assert json.loads(line, parse_int=str, parse_float=str)["n_2"] == "2"
    text = io.StringIO("".join(csv_lines(result.columns, result.rows)), newline="")
    heading, cells = csv.reader(text, strict=True)
    assert heading == list(result.columns)
    assert dict(zip(heading, cells, strict=True))["lines"] == 'a "q", b\r\n'
    assert (cells[1], cells[8], cells[-4:]) == (HUGE, '{"nul": "\\u0000", "half": "\ud800"}', ["", "", "1", "2"])


@pytest.mark.parametrize("rows", [[], [(1,)], [(1,), (None,)]])
def test_rows_one_by_one_are_the_whole(rows):
    whole = json.dumps([{"n": n} for (n,) in rows], indent=2) + "\n"
    assert "".join(json_lines(["n"], iter(rows))) == whole
    assert list(ndjson_lines(["n"], iter(rows))) == [json.dumps({"n": n}) + "\n" for (n,) in rows]


def test_a_nul_is_refused_before_the_server_is_asked(queries):
    with pytest.raises(ParameterError) as caught:
        parse_values(queries["list_odd_values"], {"words": "a\0b"})
    assert caught.value.parameter == "words"


def test_memory_does_not_grow_with_the_rows(session, queries):
    query = queries["list_wide_rows"]
    with closing(session.stream(query, {}, PATIENCE, rows_at_once=200)) as stream:
        tracemalloc.start()
        size = sum(map(len, result_lines(Form("csv"), query, stream.columns, stream)))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert size > 60_000_000
    assert peak < 6_000_000


def test_a_number_of_json_keeps_its_digits(session, queries):
    assert odd_values(session, queries).rows[0][2] == {"n": Decimal(HUGE)}
