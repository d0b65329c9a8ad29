"""The reader of PostgreSQL's trees, and what is known without a server."""

from __future__ import annotations

import pytest

from guestsql.check.infer.facts import Function
from guestsql.check.infer.known import Rule, rule_of
from guestsql.check.infer.nodes import TreeNode, parse_tree
from guestsql.check.infer.python_types import ServerType, default_of, parameter_type, result_type, shown
from guestsql.stubs.naming import guarded


def test_a_tree_is_read():
    tree = parse_tree('({QUERY :a 1 :b <> :c ({VAR :n -2} <>) :d (i 1 2) :e (b) :f ("x y" "") :g {X :h true}})')
    assert isinstance(tree, list)
    (query,) = tree
    assert isinstance(query, TreeNode)
    assert (query.tag, query.number("a"), query.node("b"), query.items("d"), query.items("e")) == (
        "QUERY",
        1,
        None,
        [1, 2],
        [],
    )
    assert query.nodes("c")[0].number("n") == -2
    assert len(query.items("c")) == 2
    assert query.node("g").flag("h")
    assert (query.text("nothing"), query.number("nothing"), query.items("nothing")) == ("", 0, [])


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("a\\ name", "a name"),
        ("\\<>", "<>"),
        ('\\"quoted\\"', '"quoted"'),
        ("a\\{b\\}\\(c\\)\\\\d", "a{b}(c)\\d"),
        ('""', ""),
        (":like_a_field", ":like_a_field"),
        ("a\\\nb", "a\nb"),
        ("größe", "größe"),
    ],
)
def test_a_word_is_unescaped(written, text):
    node = parse_tree(f"{{TARGETENTRY :resname {written} :resno 3}}")
    assert isinstance(node, TreeNode)
    assert (node.text("resname"), node.number("resno")) == (text, 3)


def test_a_constant_has_its_bytes_and_what_follows_is_not_lost():
    node = parse_tree("{CONST :constisnull false :constvalue 5 [ 20 0 0 0 -97 ] :location 7}")
    assert isinstance(node, TreeNode)
    assert node.items("constvalue") == ["5", "[", "20", "0", "0", "0", "-97", "]"]
    assert node.number("location") == 7


def test_two_nodes_that_mean_the_same_have_one_key():
    first = parse_tree("{OPEXPR :opno 96 :args ({VAR :varno 1 :location 3}) :location 9}")
    second = parse_tree("{OPEXPR :opno 96 :args ({VAR :varno 1 :varnullingrels (b 3) :location -1}) :location -1}")
    other = parse_tree("{OPEXPR :opno 96 :args ({VAR :varno 2 :location 3}) :location 9}")
    assert isinstance(first, TreeNode)
    assert isinstance(second, TreeNode)
    assert isinstance(other, TreeNode)
    assert first.key() == second.key() != other.key()


@pytest.mark.parametrize(
    ("function", "rule"),
    [
        (Function("lower", ("text",), True), Rule.ALL),
        (Function("lower", ("anyrange",), True), Rule.NEVER_KNOWN),
        (Function("int4", ("jsonb",), True), Rule.NEVER_KNOWN),
        (Function("jsonb_typeof", ("jsonb",), True), Rule.ALL),
        (Function("", ("text",), True), Rule.NEVER_KNOWN),
        (Function("array_length", ("anyarray", "integer"), True), Rule.NEVER_KNOWN),
        (Function("current_setting", ("text", "boolean"), True), Rule.NEVER_KNOWN),
        (Function("random", ("integer", "integer"), True), Rule.ALL),
        (Function("concat", ('"any"',), False), Rule.ALWAYS),
        (Function("time", ("timestamp with time zone",), True), Rule.NEVER_KNOWN),
    ],
    ids=lambda value: value.name if isinstance(value, Function) else "",
)
def test_what_is_not_on_the_list_may_be_null(function, rule):
    assert rule_of(function) is rule


@pytest.mark.parametrize(
    ("annotation", "literal", "default"),
    [
        ("int", "30", "30"),
        ("int", "1.5", "..."),
        ("int", "'30'", "..."),
        ("float", "300", "300"),
        ("float", "1e3", "..."),
        ("str", "'America/Bogota'", '"America/Bogota"'),
        ("str", "'it''s'", '"it\'s"'),
        ("bool", "TRUE", "True"),
        ("str", "null", "None"),
        ("_datetime.date", "'2026-01-01'", "..."),
        ("int", "007", "..."),
        ("int", None, ""),
    ],
)
def test_a_default_is_one_in_python(annotation, literal, default):
    assert default_of(annotation, literal) == default


def test_an_enum_is_its_values():
    mood = ServerType("mood", "e", 99_999, ("glad", "it's"))
    assert result_type(mood, has_null_within=True) == ('_typing.Literal["glad", "it\'s"]', "")
    assert parameter_type(mood) == '_typing.Literal["glad", "it\'s"]'
    assert parameter_type(ServerType("mood[]", "b", 99_998)) == "list[str]"
    assert result_type(ServerType("mood[]", "b", 99_998), has_null_within=True)[0] == "str"


def test_types_are_shown_as_one_writes_them():
    assert shown("list[_datetime.datetime | None]") == "list[datetime.datetime | None]"
    assert shown('_typing.Literal["a_b"]') == 'Literal["a_b"]'


def test_a_column_may_hide_a_type():
    assert guarded('list[int] | Literal["int"]', ["int", "other"]) == 'list[_builtins.int] | Literal["int"]'
    assert guarded("_range.Range[int]", ["list"]) == "_range.Range[int]"
