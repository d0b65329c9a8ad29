"""What the check reads of a file without a server: marks, faults, places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guestsql.check import Finding, as_github, as_json, as_text
from guestsql.check.equalities import column_of, equalities, sides
from guestsql.check.marks import read_file_marks, read_query_marks
from guestsql.check.sources import read_sources
from guestsql.check.texts import vet_text
from guestsql.sql.head import mark_of
from guestsql.sql.plan import PlanNode


def read(tmp_path, text):
    file = tmp_path / "q.sql"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_sources([file])[0]


def faults(tmp_path, text):
    return [(each.rule, each.line, each.query) for each in read(tmp_path, text).faults]


ONE = "-- name: get_one()$\nSELECT 1 AS one;\n\n"
TWO = "-- name: get_two()$\nSELECT 2 AS two;\n"


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        (b"-- name: get_one()$\nSELECT '\xff';\n", "GS001", 2),
        ("-- name: get_one()$\nSELECT '\0';\n", "GS001", 2),
        ("-- name: get_one()$\nSELECT 'one;\n", "GS002", 2),
        ('-- name: get_one()$\nSELECT 1 AS "one;\n', "GS002", 2),
        ("-- name: get_one()$\nSELECT $a$one;\n", "GS002", 2),
        ("-- name: get_one()$\nSELECT /* 1;\n", "GS002", 2),
        ("-- name: get_one\nSELECT 1;\n", "GS003", 1),
        ("-- name: get_one()*\nSELECT 1;\n", "GS003", 1),
        ("-- name: get-one()\nSELECT 1;\n", "GS003", 1),
        ("-- name: get_one(a, a)\nSELECT :a;\n", "GS003", 1),
        ("-- name: get_one(a)\n--   b: int, other\nSELECT :a;\n", "GS003", 2),
        ("-- Name: get_one()\nSELECT 1;\n", "GS003", 1),
        ("SELECT 1;\n", "GS004", 1),
        ("-- name: get_one()$\nSELECT 1; SELECT 2;\n", "GS004", 2),
        ("-- name: get_one()$\n\n", "GS004", 1),
        ("-- name: get_one()$\nSELECT :a::int;\n", "GS101", 2),
        ("-- name: get_one(a)$\nSELECT :'a';\n", "GS101", 2),
        ("-- name: get_one(a)$\nSELECT $1::int;\n", "GS101", 2),
        ("-- name: get_one(a)$\nSELECT 1;\n", "GS102", 1),
    ],
)
def test_each_error_of_the_reader_is_a_rule(tmp_path, text, rule, line):
    assert next(found[:2] for found in faults(tmp_path, text)) == (rule, line)


def test_a_string_without_end_hides_no_other_query(tmp_path):
    source = read(tmp_path, ONE + "-- name: get_word()$\n-- A guest's word.\nSELECT 'word AS word;\n\n" + TWO)
    assert [(each.rule, each.line, each.query) for each in source.faults] == [("GS002", 6, "get_word")]
    assert [(query.name, query.line) for query in source.queries] == [("get_one", 1), ("get_two", 8)]


def test_a_string_that_ends_in_another_query_is_no_string(tmp_path):
    broken = "-- name: get_word()$\nSELECT 'word AS word;\n\n-- name: get_more()$\n-- A guest's.\nSELECT 1 AS more;\n\n"
    source = read(tmp_path, ONE + broken + TWO)
    assert [(each.rule, each.line, each.query) for each in source.faults] == [("GS002", 5, "get_word")]
    assert [(query.name, query.line) for query in source.queries] == [("get_one", 1), ("get_more", 7), ("get_two", 11)]


def test_a_comment_without_end_hides_no_other_query(tmp_path):
    source = read(tmp_path, ONE.replace("SELECT", "SELECT /*") + TWO)
    assert [(each.rule, each.line) for each in source.faults] == [("GS002", 2)]
    assert [query.name for query in source.queries] == ["get_two"]


def test_a_name_line_may_stand_in_a_block_comment(tmp_path):
    source = read(tmp_path, ONE + "/*\n-- name: get_old()$\nSELECT 'it'';\n*/\n" + TWO)
    assert not source.faults
    assert [query.name for query in source.queries] == ["get_one", "get_two"]


def test_a_file_that_is_gone_is_a_finding(tmp_path):
    source = read_sources([tmp_path / "gone.sql"])[0]
    assert [each.rule for each in source.faults] == ["GS001"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (ONE + "-- Two.\n" + TWO, [4]),
        (ONE + "-- Two,\n-- and more.\n" + TWO, [4]),
        (ONE + "-- A part.\n\n" + TWO, []),
        (ONE + "-- =====\n" + TWO, []),
        (ONE.rstrip() + "\n-- what was said of one\n\n" + TWO, []),
        ("-- Head.\n" + ONE, [1]),
        ("-- Head.\n" + ONE.replace("$\n", "$\n-- One.\n"), []),
        ("-- Head.\n\n" + ONE, []),
        (ONE + "/*\n-- Old.\n-- name: get_old()$\n*/\n" + TWO, []),
    ],
)
def test_text_above_a_name(tmp_path, text, lines):
    found = vet_text(read(tmp_path, text))
    assert [(each.line, each.rule) for each in found] == [(line, "GS006") for line in lines]


def marks_of(lines):
    return [mark for number, line in lines if (mark := mark_of(line, number)) is not None]


def test_marks_of_a_file():
    marks = read_file_marks(marks_of([(1, "-- Head."), (2, "-- check: read-only"), (3, "--  check: large a, b.c")]))
    assert marks.is_read_only
    assert marks.large == {"a": (3, 18), "b.c": (3, 21)}
    assert not marks.bad


@pytest.mark.parametrize(
    "line", ["-- check: readonly", "-- check: large", "-- check:", "-- check: allow GS301, because x y z"]
)
def test_marks_of_a_file_that_are_none(line):
    assert len(read_file_marks(marks_of([(1, line)])).bad) == 1


def test_marks_of_a_query():
    lines = [(2, "-- check: hot"), (3, "-- check: allow GS307, because it is short")]
    marks = read_query_marks(marks_of(lines), lines)
    assert marks.is_hot
    assert [(each.code, each.line) for each in marks.allowances] == [("GS307", 3)]
    assert not marks.bad


@pytest.mark.parametrize(
    "line",
    [
        "-- check: allow GS307",
        "-- check: allow GS307, because",
        "-- check: allow GS307, because …",
        "-- check: allow GS307 it is short",
        "-- check: allow GS999, because it is short",
        "-- check: allow",
        "-- check: cold",
        "-- check: read-only",
    ],
)
def test_marks_of_a_query_that_are_none(line):
    assert len(read_query_marks(marks_of([(2, line)]), [(2, line)]).bad) == 1


@pytest.mark.parametrize(
    ("expression", "column"),
    [
        ("a.b", ("a", "b")),
        ("((a.b)::text)", ("a", "b")),
        ('("A b"."c""d")', ("A b", 'c"d')),
        ("((a.b)::regclass)::text", ("a", "b")),
        ("(a.b)::date", None),
        ("lower(a.b)", None),
        ("$1", None),
    ],
)
def test_columns_of_a_plan(expression, column):
    assert column_of(expression) == column


def test_conditions_of_a_plan():
    scan = PlanNode({"Alias": "g", "Index Cond": "((g.a = $1) AND (g.b = x.c))", "Filter": "(g.d = ANY ($2))"})
    found = {each.column: (set(each.others), each.is_list) for each in equalities(scan)}
    assert found == {"a": (set(), False), "b": ({"x"}, False), "d": (set(), True)}
    assert sides("(a.b = ' = ')") == ("a.b", "' = '")
    either = PlanNode({"Alias": "g", "Filter": "((g.a = $1) OR (g.b = $2))"})
    assert equalities(either) == []


def finding(**known):
    given = {"file": Path("q,1.sql"), "line": 2, "column": 3, "rule": "GS301", "message": "50% of\nit", **known}
    return Finding(**given)


def test_a_finding_for_github_is_one_line():
    assert list(as_github([finding()])) == [
        "::error file=q%2C1.sql,line=2,col=3,title=GS301%3A columns are named::50%25 of%0Ait"
    ]


def test_a_finding_as_json_keeps_every_letter():
    assert json.loads(as_json([finding(message="señal «x»", query="get_one")])) == [
        {"file": "q,1.sql", "line": 2, "column": 3, "rule": "GS301", "message": "señal «x»", "query": "get_one"}
    ]


def test_a_caret_stands_below_its_place_behind_tabs(tmp_path):
    source = read(tmp_path, "-- name: get_one()$\n\t\tSELECT *\n\tFROM one;\n")
    (text,) = as_text([finding(file=source.file, column=10, message="no")], [source])
    assert text == f"{source.file}:2:10: GS301: no\n  |\n2 | \t\tSELECT *\n  | \t\t       ^\n"
