"""Every function and operator that the stubs take for never NULL, called with awkward values on the server."""

from __future__ import annotations

import itertools
import os
import random

import psycopg
import pytest

from guestsql.check.infer import known
from guestsql.check.infer.facts import Function
from guestsql.check.infer.known import AGGREGATES, COUNTS, NON_NULL_OPERATORS, Rule, rule_of

# Values of each type, as SQL writes them: empty, infinite, no number, with NULL inside, and plain ones.
VALUES = {
    "text": [
        "''",
        "'a'",
        "'ä b,c'",
        "'1'",
        "'{}'",
        "'YYYY-MM-DD'",
        "'2026-01-31'",
        "'day'",
        "'UTC'",
        "'hex'",
        "'TimeZone'",
    ],
    "name": ["''", "'a'", "'UTF8'"],
    '"char"': ["''", "'a'"],
    "character": ["''", "'a'"],
    "character varying": ["''", "'a'"],
    "bytea": ["''", "'\\x00ff'"],
    "bit": ["B'0'", "B''", "B'101'"],
    "bit varying": ["B''", "B'101'"],
    "boolean": ["TRUE", "FALSE"],
    "smallint": ["0", "1", "-1"],
    "integer": ["0", "1", "-1", "70000"],
    "bigint": ["0", "1", "-1", "9223372036854775807"],
    "real": ["0", "'-0'", "'NaN'", "'Infinity'", "'-Infinity'", "0.5"],
    "double precision": ["0", "'-0'", "'NaN'", "'Infinity'", "'-Infinity'", "0.5"],
    "numeric": ["0", "'NaN'", "'Infinity'", "'-Infinity'", "1.50", "-3"],
    "money": ["0", "1.5"],
    "date": ["'infinity'", "'-infinity'", "'2026-01-31'", "'4713-01-01 BC'"],
    "time without time zone": ["'00:00'", "'24:00'"],
    "time with time zone": ["'00:00+00'", "'24:00-05'"],
    "timestamp without time zone": ["'infinity'", "'-infinity'", "'2026-01-31 12:00'", "'4713-01-01 BC'"],
    "timestamp with time zone": ["'infinity'", "'-infinity'", "'2026-01-31 12:00+00'"],
    "interval": ["'0'", "'1 month 1 day'", "'-1 hour'", "'infinity'", "'-infinity'"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'"],
    "json": ["'null'", "'{}'", "'[]'", "'[null]'", "'\"\"'", "'{\"a\": null}'"],
    "jsonb": ["'null'", "'{}'", "'[]'", "'[null]'", "'\"\"'", "'{\"a\": null}'"],
    "xml": ["''"],
    "oid": ["0", "23"],
    "xid": ["'3'"],
    "xid8": ["'3'"],
    "cid": ["'0'"],
    "tid": ["'(0,1)'"],
    "pg_lsn": ["'0/0'", "'0/1'"],
    "regclass": ["'a_sequence'"],
    "inet": ["'::1'", "'0.0.0.0/0'"],
    "cidr": ["'0.0.0.0/0'"],
    "macaddr": ["'00:00:5e:00:53:01'"],
    "macaddr8": ["'00:00:5e:00:53:01:00:00'"],
    "tsvector": ["''", "'a'"],
    "tsquery": ["''", "'a'", "'!a'"],
    "jsonpath": ["'$'"],
    "point": ["'(0,0)'", "'(NaN,1)'", "'(Infinity,1)'"],
    "line": ["'{1,0,0}'", "'{0,1,0}'"],
    "lseg": ["'((0,0),(1,1))'", "'((5,5),(6,5))'", "'((0,0),(0,0))'"],
    "box": ["'((0,0),(1,1))'", "'((5,5),(6,6))'"],
    "path": ["'[(0,0),(1,1)]'", "'((0,0),(1,1))'"],
    "polygon": ["'((0,0),(1,1),(2,0))'"],
    "circle": ["'<(0,0),1>'", "'<(5,5),0>'"],
    "int4range": ["'empty'", "'(,)'", "'[1,3)'", "'[1,)'"],
    "int8range": ["'empty'", "'(,)'", "'[1,3)'"],
    "numrange": ["'empty'", "'(,)'", "'[1,3)'"],
    "daterange": ["'empty'", "'(,)'", "'[infinity,)'"],
    "tsrange": ["'empty'", "'(,)'"],
    "tstzrange": ["'empty'", "'(,)'"],
    "text[]": ["'{}'", "'{NULL}'", "'{a,NULL}'", "'{{a},{NULL}}'"],
    "integer[]": ["'{}'", "'{NULL}'", "'{1,2,NULL}'", "'{{1},{NULL}}'", "'[0:1]={1,2}'"],
    "bigint[]": ["'{}'", "'{1,NULL}'"],
    "oid[]": ["'{}'", "'{1,NULL}'"],
    "smallint[]": ["'{}'", "'{1}'"],
    "aclitem": ["'=r/postgres'"],
    "aclitem[]": ["'{}'", "'{=r/postgres}'"],
    "int2vector": ["''", "'1 2'"],
    "oidvector": ["''", "'1 2'"],
    "record": ["ROW()", "ROW(NULL)", "ROW(1, NULL)"],
}
# What replaces the types that take any: each column of it goes together.
ANY = {
    "anyelement": ["integer", "text", "double precision", "numeric"],
    "anynonarray": ["integer", "text", "double precision", "numeric"],
    "anycompatible": ["integer", "text", "double precision", "numeric"],
    "anycompatiblenonarray": ["integer", "text", "double precision", "numeric"],
    "anyarray": ["integer[]", "text[]", "double precision[]", "numeric[]"],
    "anycompatiblearray": ["integer[]", "text[]", "double precision[]", "numeric[]"],
    "anyenum": ["feeling"] * 4,
    "anyrange": ["int4range", "daterange", "numrange", "tsrange"],
    "anymultirange": ["int4multirange", "datemultirange", "nummultirange", "tsmultirange"],
    '"any"': ["integer", "text", "json", "text[]"],
}
VALUES |= {
    "double precision[]": ["'{}'", "'{NaN}'", "'{NULL}'"],
    "numeric[]": ["'{}'", "'{NaN,NULL}'"],
    "feeling": ["'glad'"],
    **{name: ["'{}'", "'{(,)}'"] for name in ANY["anymultirange"]},
}
# With GUESTSQL_LONG_TESTS every combination that there is.
IS_LONG = bool(os.environ.get("GUESTSQL_LONG_TESTS"))
FUNCTION_CALLS = 20_000 if IS_LONG else 60
OPERATOR_CALLS = 20_000 if IS_LONG else 30
# Calls that the server takes, where the values above are refused.
TAKEN = {
    "int4range": ["1, 2, '[)'", "NULL, NULL, '()'"],
    "int8range": ["1::bigint, 2::bigint, '[)'", "NULL::bigint, NULL::bigint, '()'"],
    "numrange": ["1.0, 2.0, '[)'"],
    "tsrange": ["'-infinity'::timestamp, 'infinity'::timestamp, '[]'"],
    "tstzrange": ["'-infinity'::timestamptz, 'infinity'::timestamptz, '[]'"],
    "daterange": ["'-infinity'::date, 'infinity'::date, '[]'"],
    "make_timestamp": ["2026, 1, 31, 0, 0, 0"],
    "make_timestamptz": ["2026, 1, 31, 0, 0, 0", "2026, 1, 31, 0, 0, 0, 'UTC'"],
    "normalize": ["'', 'NFC'"],
    "regexp_instr": ["'', 'a', 1, 1, 0, 'i'", "'', 'a', 1, 1, 0, 'i', 0"],
    "json_build_object": ["'a', NULL", ""],
    "jsonb_build_object": ["'a', NULL", ""],
    "length": ["''::bytea, 'UTF8'"],
    "convert_from": ["''::bytea, 'UTF8'"],
    "convert_to": ["'', 'UTF8'"],
}
# What the server was not built for, as the packaged one for XML.
UNBUILT = {"text": ("xml",)}
# Of these the server itself is asked for no value here: they need what a test has none of.
UNCALLED = {"pg_current_xact_id"}
# What the server refuses whatever it is given.
REFUSED = {("+", "aclitem[]", "aclitem"), ("-", "aclitem[]", "aclitem")}
ARE_NULL = """
CREATE FUNCTION pg_temp.are_null(expressions text[]) RETURNS boolean[] LANGUAGE plpgsql AS $$
DECLARE
    answers boolean[] := '{}';
    answer boolean;
    expression text;
BEGIN
    FOREACH expression IN ARRAY expressions LOOP
        BEGIN
            EXECUTE format('SELECT num_nulls(%s) > 0', expression) INTO answer;
        EXCEPTION WHEN OTHERS THEN
            answer := NULL;
        END;
        answers := answers || answer;
    END LOOP;
    RETURN answers;
END $$
"""


@pytest.fixture(scope="module")
def connection(server):
    with psycopg.connect(server.url(), autocommit=True) as opened:
        opened.execute("CREATE SEQUENCE IF NOT EXISTS pg_temp.a_sequence")
        opened.execute("CREATE TYPE pg_temp.feeling AS ENUM ('glad')")
        opened.execute("SELECT nextval('a_sequence')")
        opened.execute(ARE_NULL)
        opened.execute("SET client_min_messages = error")
        yield opened


def _answers(connection, calls):
    """Whether the value of each expression is NULL; None when the server refuses it."""
    calls = list(calls)
    (answers,) = connection.execute("SELECT pg_temp.are_null(%s)", [calls]).fetchone()
    return dict(zip(calls, answers, strict=True))


def _values(types, nullable, calls):
    """Some of the combinations of values, NULL among them where that is allowed."""
    each = [
        [f"CAST({value} AS {type_})" for value in [*VALUES.get(type_, ()), *(["NULL"] if may else [])]]
        for type_, may in zip(types, nullable, strict=True)
    ]
    combinations = list(itertools.islice(itertools.product(*each), 20_000))
    # The same ones at every run.
    chosen = random.Random(0).sample(combinations, min(calls, len(combinations)))
    return [", ".join(values) for values in chosen]


def _forms(types):
    """The types of the arguments; of those that take any, some."""
    return [tuple(ANY[type_][at] if type_ in ANY else type_ for type_ in types) for at in range(4)][
        : 4 if any(type_ in ANY for type_ in types) else 1
    ]


def _calls(name, arguments, rule):
    for types in _forms(arguments):
        count = len(types)
        patterns = {
            Rule.ALL: [[False] * count],
            Rule.FIRST: [[False, *[True] * (count - 1)]],
            Rule.ANY: [[at != kept for at in range(count)] for kept in range(count)],
            Rule.ALWAYS: [[True] * count],
        }[rule]
        for nullable in patterns:
            yield from (f"pg_catalog.{name}({values})" for values in _values(types, nullable, FUNCTION_CALLS))


def test_functions_that_are_taken_for_never_null_are_not(connection):
    names = sorted(
        {name for listed in (known._ALL, known._FIRST, known._ANY, known._ALWAYS) for name in listed} - UNCALLED
    )
    rows = connection.execute(
        "SELECT proname, ARRAY(SELECT format_type(type, NULL) FROM unnest(proargtypes::oid[]) WITH ORDINALITY"
        " AS t (type, n) ORDER BY n), proisstrict FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
        " AND proname = ANY(%s) AND prokind = 'f' AND NOT proretset ORDER BY oid",
        [names],
    ).fetchall()
    wrong, untried, tried = [], [], 0
    for name, arguments, is_strict in rows:
        function = Function(name, tuple(arguments), is_strict)
        rule = rule_of(function)
        if rule is Rule.NEVER_KNOWN:
            continue
        tried += 1
        taken = [f'pg_catalog."{name}"({values})' for values in TAKEN.get(name, ())]
        answers = _answers(connection, [*_calls(f'"{name}"', arguments, rule), *taken])
        wrong += [call for call, is_null in answers.items() if is_null]
        if all(is_null is None for is_null in answers.values()) and UNBUILT.get(name) != function.arguments:
            untried.append(function)
    assert wrong == []
    assert untried == [], untried
    assert tried > 250


def test_every_listed_function_exists_on_some_server(connection):
    if connection.info.server_version < 180000:
        pytest.skip("the newest server knows all of them")
    names = {name for listed in (known._ALL, known._FIRST, known._ANY, known._ALWAYS) for name in listed}
    found = connection.execute("SELECT DISTINCT proname FROM pg_proc WHERE proname = ANY(%s)", [list(names)]).fetchall()
    assert sorted(names - {name for (name,) in found}) == []


def test_operators_that_are_taken_for_never_null_are_not(connection):
    rows = connection.execute(
        "SELECT oprname, format_type(nullif(oprleft, 0), NULL), format_type(oprright, NULL) FROM pg_operator"
        " JOIN pg_type ON pg_type.oid = oprresult"
        " WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprname = ANY(%s) AND typcategory <> 'G'"
        " ORDER BY pg_operator.oid",
        [sorted(NON_NULL_OPERATORS)],
    ).fetchall()
    wrong, untried = [], []
    for name, left, right in rows:
        types = [type_ for type_ in (left, right) if type_ is not None]
        operands = [
            values.rpartition(", ")
            for form in _forms(types)
            for values in _values(form, [False] * len(form), OPERATOR_CALLS)
        ]
        answers = _answers(connection, (f"{one} OPERATOR(pg_catalog.{name}) {other}" for one, _, other in operands))
        wrong += [call for call, is_null in answers.items() if is_null]
        if all(is_null is None for is_null in answers.values()):
            untried.append((name, left, right))
    assert wrong == []
    assert set(untried) <= REFUSED
    assert len(rows) > 500


def test_fields_of_a_time_that_are_taken_for_never_null_are_not(connection):
    types = ["date", "timestamp", "timestamptz", "interval"]
    values = [f"{type_} '{sign}infinity'" for type_ in types for sign in ("", "-")]
    calls = _answers(
        connection,
        [
            call
            for field in sorted(known.MONOTONIC_FIELDS)
            for value in values
            for call in (f"extract({field} FROM {value})", f"date_part('{field}', {value})")
        ],
    )
    assert [call for call, is_null in calls.items() if is_null] == []
    assert sum(is_null is False for is_null in calls.values()) > 80


def test_aggregates_of_one_row_that_are_taken_for_never_null_are_not(connection):
    rows = connection.execute(
        "SELECT proname, ARRAY(SELECT format_type(type, NULL) FROM unnest(proargtypes::oid[]) WITH ORDINALITY"
        " AS t (type, n) ORDER BY n) FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
        " AND proname = ANY(%s) AND prokind = 'a' ORDER BY oid",
        [[*AGGREGATES, *COUNTS]],
    ).fetchall()
    wrong, untried = [], []
    for name, arguments in rows:
        calls = []
        for types in _forms(arguments):
            # Of the further arguments, such as a delimiter, NULL is taken as well.
            may_be_null = [name in COUNTS or not AGGREGATES[name], *[True] * (len(types) - 1)][: len(types)]
            groups = _values(types, may_be_null, OPERATOR_CALLS)
            of = ", ".join(f"column{at}" for at in range(1, len(types) + 1)) or "*"
            calls += [f"(SELECT {name}({of}) FROM (VALUES ({values or 0})) AS v)" for values in groups]
            calls += [
                f"(SELECT {name}({of}) FROM (VALUES ({one}), ({other})) AS v)"
                for one, other in itertools.combinations([each for each in groups if each], 2)
            ][:OPERATOR_CALLS]
        answers = _answers(connection, calls)
        wrong += [call for call, is_null in answers.items() if is_null]
        if all(is_null is None for is_null in answers.values()):
            untried.append((name, arguments))
    assert wrong == []
    assert untried == []
    assert len(rows) > 80
