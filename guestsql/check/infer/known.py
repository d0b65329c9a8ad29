"""Of which of PostgreSQL's own functions it is known when they return NULL.

That a function is strict proves nothing: `array_length('{}', 1)`, `scale('NaN')`, `regexp_match('a', 'b')` and
`to_char('infinity'::date, 'DD')` are NULL although nothing that they are given is. So there is a list, and what is not
on it may return NULL.
"""

from __future__ import annotations

import enum

from guestsql.check.infer.facts import Function

__all__ = [
    "AGGREGATES",
    "CLOCKS",
    "COUNTS",
    "ELEMENTS_KEPT",
    "MONOTONIC_FIELDS",
    "NON_NULL_OPERATORS",
    "RANKS",
    "SERIES",
    "Rule",
    "rule_of",
]


class Rule(enum.Enum):
    """When a function returns a value."""

    ALL = enum.auto()  # when all arguments are values
    FIRST = enum.auto()  # when the first is
    ANY = enum.auto()  # when one of them is
    ALWAYS = enum.auto()
    TO_CHAR = enum.auto()  # infinity and an empty pattern make NULL
    EXTRACT = enum.auto()  # infinity has no hour
    NEVER_KNOWN = enum.auto()


_ALL = frozenset(
    """
    abs acos age array_positions array_remove array_replace array_to_json array_to_string ascii asin atan atan2
    bit_count bit_length bool bpchar btrim cardinality cbrt ceil ceiling char char_length character_length chr
    convert_from convert_to cos cot current_setting currval date date_add date_bin date_subtract date_trunc decode
    degrees div encode exp factorial float4 float8 floor gcd get_bit get_byte hashtext initcap int2 int4 int8
    interval isfinite json_array_length json_typeof jsonb_array_length jsonb_pretty jsonb_set jsonb_strip_nulls
    jsonb_typeof justify_days justify_hours justify_interval lcm left length lower lpad ltrim make_date
    make_interval make_time make_timestamp make_timestamptz md5 mod name nextval normalize numeric
    octet_length overlay pg_advisory_lock pg_advisory_unlock pg_advisory_xact_lock pg_blocking_pids pg_column_size
    pg_size_bytes pg_size_pretty pg_try_advisory_lock pg_try_advisory_xact_lock pi position power quote_ident
    quote_literal radians regexp_count regexp_instr regexp_like regexp_replace regexp_split_to_array repeat replace
    reverse right round row_to_json rpad rtrim setval sha224 sha256 sha384 sha512 sign sin split_part sqrt
    starts_with string_to_array strpos substr substring tan text timestamp timestamptz timezone to_date to_hex
    to_json to_jsonb to_timestamp translate trim_array trim_scale trunc upper varchar width_bucket
    """.split()  # noqa: SIM905  one word a name
)
_FIRST = frozenset({"concat_ws", "format", "format_type"})
_ANY = frozenset({"array_cat"})
_ALWAYS = frozenset(
    """
    array_append array_prepend clock_timestamp concat current_database daterange gen_random_uuid int4range int8range
    numrange tsrange tstzrange json_build_array
    json_build_object jsonb_build_array jsonb_build_object now num_nonnulls num_nulls pg_backend_pid pg_current_xact_id
    pg_postmaster_start_time quote_nullable random statement_timestamp timeofday transaction_timestamp txid_current
    uuidv4 uuidv7 version
    """.split()  # noqa: SIM905  one word a name
)
# Names that text and ranges share, of which only the first are meant: lower(range) of an unbounded one is NULL.
_OF_TEXT = frozenset({"lower", "upper"})
# JSON's own null becomes NULL when it is cast to a number, from PostgreSQL 18 on.
_JSON = ("json", "jsonb")
_RANGES = ("anyrange", "anymultirange")

COUNTS = frozenset({"count", "regr_count"})
RANKS = frozenset({"row_number", "rank", "dense_rank", "percent_rank", "cume_dist"})
SERIES = frozenset(
    {"generate_series", "generate_subscripts", "jsonb_object_keys", "json_object_keys", "regexp_split_to_table"}
)
# Of at least one row; whether their argument must be a value.
AGGREGATES = {
    **dict.fromkeys(
        ("sum", "avg", "min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or", "bit_xor", "string_agg"), True
    ),
    **dict.fromkeys(("any_value", "first_value", "last_value"), True),
    **dict.fromkeys(("array_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg"), False),
}
CLOCKS = frozenset({"statement_timestamp", "transaction_timestamp", "clock_timestamp", "now"})
MONOTONIC_FIELDS = frozenset({"epoch", "year", "decade", "century", "millennium", "julian", "isoyear"})
# Whose result has no NULL within when the arrays that go in have none.
ELEMENTS_KEPT = frozenset({"array_cat", "array_remove", "array_positions", "trim_array", "regexp_split_to_array"})
# Of two values, for every type of PostgreSQL's own but the geometric ones: `#` of two lines that do not meet is NULL.
# Not among them: -> ->> #> #>> of JSON, and @? @@, which hide the errors of a path.
NON_NULL_OPERATORS = frozenset(
    """
    = <> < > <= >= + - * / % ^ || & | << >> && @> <@ ? ?| ?& ~~ !~~ ~~* !~~* ~ !~ ~* !~* ^@ #- -|- &< &>
    """.split()  # noqa: SIM905  one word an operator
)


def rule_of(function: Function) -> Rule:
    """Return when a function returns a value.

    Args:
        function: any.
    """
    name = function.name
    if name == "to_char":
        return Rule.TO_CHAR
    if name in ("extract", "date_part"):
        return Rule.EXTRACT
    for names, rule in ((_ALL, Rule.ALL), (_FIRST, Rule.FIRST), (_ANY, Rule.ANY), (_ALWAYS, Rule.ALWAYS)):
        if name in names:
            # random() always is a value, random(NULL, 1) is not.
            precise = Rule.ALL if rule is Rule.ALWAYS and function.is_strict else rule
            return precise if _is_meant(function) else Rule.NEVER_KNOWN
    return Rule.NEVER_KNOWN


def _is_meant(function: Function) -> bool:
    """Return True if it is the form of the function that the list means."""
    name, arguments = function.name, function.arguments
    if name in _OF_TEXT:
        return arguments == ("text",)
    if name == "substring":
        return arguments[1:2] == ("integer",)  # substring(text, pattern) is NULL without a match
    if name == "current_setting":
        return len(arguments) == 1  # the second says that one that is missing is NULL
    if name == "age":
        return arguments[:1] != ("xid",)
    if any(argument in _RANGES for argument in arguments):
        return False
    return name.startswith(("json", "array", "to_json")) or not any(argument in _JSON for argument in arguments)
