"""One grammar: whatever the spelling, the runtime, the check, the stubs and psql see the same name and marks."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guestsql.check.sources import Source, read_sources
from guestsql.check.texts import vet_text
from guestsql.ops.gauges.convention import find_gauges
from guestsql.sql import Operator, Query
from guestsql.sql.folder import Folder
from guestsql.sql.head import MARK_WORDS, name_at, name_lines
from guestsql.sql.psql import psql_query, written_head
from guestsql.sql.query import why_empty
from guestsql.sql.reading import read_queries
from guestsql.sql.samples import stated_sample

FILE = Path("a.sql")
NAMES = ["get_one", "name", "list_x2", "check", "e"]
PARAMETERS = ["name", "check", "max_rows", "empty", "a1"]


@dataclass(frozen=True)
class Written:
    """A query in some spelling, and what it means."""

    text: str
    name: str
    operator: str
    parameters: tuple[str, ...]
    is_hot: bool
    empty: str
    metrics: bool


def blanks(least: int = 0, most: int = 3) -> st.SearchStrategy[str]:
    return st.text(st.sampled_from(" \t"), min_size=least, max_size=most)


@st.composite
def name_line(draw: st.DrawFn, name: str, operator: str, parameters: tuple[str, ...]) -> str:
    listed = ",".join(draw(blanks()) + each + draw(blanks()) for each in parameters)
    # Directly below another query's comments an indent would make it the description of a parameter `name`.
    intro = f"{draw(blanks())}--{draw(blanks())}name{draw(blanks())}:{draw(blanks())}"
    return f"{intro}{name}{draw(blanks())}({listed}){draw(blanks())}{operator}{draw(blanks())}"


@st.composite
def mark(draw: st.DrawFn, word: str, text: str) -> str:
    return f"{draw(blanks())}--{draw(blanks())}{word}{draw(blanks())}:{draw(blanks())}{text}{draw(blanks())}"


@st.composite
def queries(draw: st.DrawFn) -> Written:
    name = draw(st.sampled_from(NAMES)) + str(draw(st.integers(0, 9)))
    operator = draw(st.sampled_from(["", "^", "$"]))
    parameters = tuple(draw(st.lists(st.sampled_from(PARAMETERS), max_size=3, unique=True)))
    chosen = {word: draw(st.booleans()) and word not in parameters for word in MARK_WORDS}
    texts = {"cache": "60s", "check": "hot", "empty": "nothing is there", "metrics": "prefix", "on": "close_day"}
    texts |= {"overrides": "get_one sha256:0123456789abcdef", "segment": "silent", "chart": "number y=one"}
    texts |= {"choices": "list_units", "commit": "async", "dashboard": "day", "es": "Todo: nada."}
    lines = [draw(mark(word, texts[word])) for word, has in chosen.items() if has]
    lines += [f"--   {each}{draw(blanks())}: int = 1,{draw(blanks())} one e.g. 2" for each in parameters]
    lines.append("-- What it returns: everything.")
    used = ", ".join(["1 AS one", *(f":{each}::int AS {each}_" for each in parameters)])
    body = [draw(name_line(name, operator, parameters)), *draw(st.permutations(lines)), f"SELECT {used};", ""]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return Written(
        end.join(body),
        name,
        operator,
        parameters,
        chosen["check"],
        texts["empty"] if chosen["empty"] else "",
        chosen["metrics"],
    )


def source_of(text: str) -> Source:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.sql"
        file.write_bytes(text.encode())
        return read_sources([file])[0]


def said(query: Query) -> list[tuple[str, str, str]]:
    return sorted((each.word, each.text, each.parameter) for each in query.marks)


def signature(query: Query) -> tuple[object, ...]:
    return query.name, query.operator, list(query.parameters)


@settings(max_examples=100, deadline=None)
@given(queries(), st.sampled_from(["", "\n", "-- A file.\n\n"]))
def test_every_reader_sees_the_same_query(written: Written, head: str) -> None:
    text = head + written.text
    found, errors = read_queries(text.encode(), FILE)
    assert errors == []
    (query,) = found
    assert (query.name, query.operator) == (written.name, Operator(written.operator))
    assert tuple(each.name for each in query.parameters) == written.parameters
    assert all((each.type, each.default) == ("int", "1") for each in query.parameters)
    samples = [stated_sample(each) for each in query.parameters]
    assert [each.default for each in samples if each is not None] == ["2"] * len(written.parameters)
    assert why_empty(query) == written.empty
    assert bool(find_gauges([query])) == written.metrics

    # The check.
    source = source_of(text)
    assert source.heads == [query.line]
    assert list(vet_text(source)) == []
    (subject,) = source.subjects
    assert subject.marks.is_hot == written.is_hot
    for name in written.parameters:
        finding = subject.at_parameter(name, "GS000", "")
        assert source.line(finding.line)[finding.column - 1 :].startswith(name)

    # The stubs, and a running bot.
    plain = text.replace("\r\n", "\n")
    assert [(each.line, each.name) for each in name_lines(plain)] == [(query.line, query.name)]
    assert name_at(plain, query.locate(1)[0]) == query.name
    folder = Folder(Path())
    folder.parse(text.encode(), FILE)
    assert folder.query_at(FILE, query.line) == query.name

    # psql, and a file that is written anew.
    for again in (psql_query(query), f"{written_head(query)}{query.source};"):
        (copied,), wrong = read_queries(again.encode(), FILE)
        assert wrong == []
        assert signature(copied) == signature(query)
        assert said(copied) == said(query)


@settings(max_examples=30, deadline=None)
@given(st.lists(queries(), min_size=2, max_size=4, unique_by=lambda each: each.name))
def test_each_line_of_a_file_belongs_to_one_query(several: list[Written]) -> None:
    text = "\n".join(each.text.replace("\r\n", "\n") for each in several)
    found, errors = read_queries(text.encode(), FILE)
    assert errors == []
    assert [query.name for query in found] == [each.name for each in several]
    assert [(each.line, each.name) for each in name_lines(text)] == [(query.line, query.name) for query in found]
    assert source_of(text).heads == [query.line for query in found]


@pytest.mark.parametrize(
    "line",
    ["--  name: get_it()$", "--name:get_it()$", "  --\tname :\tget_it ( ) $", "-- name : get_it()  $  "],
)
def test_blanks_in_a_name_line_change_nothing(line: str) -> None:
    text = f"{line}\n-- check: allow GS307, because it is short\nSELECT 1 AS one;\n"
    source = source_of(text)
    assert [query.name for query in source.queries] == ["get_it"]
    assert source.marks.bad == ()
    assert [each.code for each in source.subjects[0].marks.allowances] == ["GS307"]
    assert list(vet_text(source)) == []


def test_a_parameter_may_have_the_name_of_a_mark_or_be_called_name() -> None:
    text = (
        "-- name: get_it(name, check)$\n--   name: text, whose\n-- check: int = 1, how often\n"
        "SELECT :name::text || :check::int AS it;\n"
    )
    (query,), errors = read_queries(text.encode(), FILE)
    assert errors == []
    assert [each.type for each in query.parameters] == ["text", "int"]
    assert query.marks == ()
    assert source_of(text).heads == [1]
    assert [each.name for each in name_lines(text)] == ["get_it"]


NAME = "-- name: get_it()$\n"
WITH_N = "-- name: get_it(n)$\n"
SELECT = "SELECT 1 AS one;\n"
ASK = "SELECT :n::int AS one;\n"
# What is wrong, a part of the hint, and the text when the hint is followed.
FAULTS = [
    ("-- name: get_it$\n" + SELECT, "or get_it()$", NAME + SELECT),
    ("-- name: add_it<!\n" + SELECT, "$ for its value", NAME + SELECT),
    (NAME + "-- record_class: It\n" + SELECT, "remove the line", NAME + SELECT),
    ("-- name: get_it($\n" + SELECT, "add the closing parenthesis", NAME + SELECT),
    ("-- name: get_it()?\n" + SELECT, "$ (a value)", NAME + SELECT),
    ("-- name: Get-It()$\n" + SELECT, "write get_it", NAME + SELECT),
    ("-- name: class()$\n" + SELECT, "lowercase identifier", NAME + SELECT),
    ("-- name: driver_adapter()$\n" + SELECT, "another name", NAME + SELECT),
    ("-- NAME: get_it()$\n" + SELECT, "in lower case", NAME + SELECT),
    (SELECT, "begin the query with -- name:", NAME + SELECT),
    (NAME, "write the SQL below", NAME + SELECT),
    (NAME + SELECT + "SELECT 2 AS two;", "its own name line", NAME + SELECT + "-- name: get_two()$\nSELECT 2 AS two;"),
    (NAME + ASK, "add it to the list", WITH_N + ASK),
    (WITH_N + "SELECT :N::int AS one;", "declared as n", WITH_N + ASK),
    ("-- name: get_it(n, m)$\n" + ASK, "take it off the list", WITH_N + ASK),
    (WITH_N + "SELECT $1::int AS one;", "write :name", WITH_N + ASK),
    (WITH_N + "SELECT :'n'::int AS one;", "write :name", WITH_N + ASK),
    ("-- name: get_it(n, n)$\n" + ASK, "name each parameter once", WITH_N + ASK),
    ("-- name: get_it(N)$\n" + ASK, "lowercase identifier", WITH_N + ASK),
    (WITH_N + "--   m: int\n" + ASK, "indent the line by one space", WITH_N + "-- m: int\n" + ASK),
    (WITH_N + "--   n: int\n--   n: int\n" + ASK, "keep one line", WITH_N + "--   n: int\n" + ASK),
    (WITH_N + "--   n: int = x\n" + ASK, "a number or quoted", WITH_N + "--   n: int = 1\n" + ASK),
    (NAME + "SELECT 'a AS one;", "close it with '", NAME + "SELECT 'a' AS one;"),
    (NAME + "-- chek: hot\n" + SELECT, "did you mean check:", NAME + "-- check: hot\n" + SELECT),
    (NAME + "-- empty:\n" + SELECT, "write what an empty result means", NAME + "-- empty: none\n" + SELECT),
    (NAME + "-- check: allow GS307\n" + SELECT, "because", NAME + "-- check: allow GS307, because of one\n" + SELECT),
    (NAME + "-- check: cold\n" + SELECT, "check: hot", NAME + "-- check: hot\n" + SELECT),
    ("-- check: readonly\n\n" + NAME + SELECT, "check: read-only", "-- check: read-only\n\n" + NAME + SELECT),
]


@pytest.mark.parametrize(("text", "hint", "followed"), FAULTS)
def test_a_file_that_follows_the_hint_has_no_finding(text: str, hint: str, followed: str) -> None:
    findings = list(vet_text(source_of(text)))
    assert any(hint in finding.hint for finding in findings), findings
    assert list(vet_text(source_of(followed))) == []


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from(list("-- name:()\n\t,x'")), max_size=60))
@example("-- name: a(name)\n--  name: b()\n")
def test_any_text_has_name_lines_where_the_reader_has(text: str) -> None:
    """As far as it can be cut at all; in strings and comments there may be more."""
    found, _ = read_queries(text.encode(), FILE)
    lines = {each.line: each.name for each in name_lines(text)}
    assert {query.line: query.name for query in found}.items() <= lines.items()
