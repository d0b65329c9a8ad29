"""The types of Python for those of PostgreSQL: what psycopg makes of a result, and what it takes for a parameter.

Modules are named with an underscore before them, as the stubs import them: no column and no query can have such a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg

from guestsql.check.infer.arrays import ANY_DEPTH

__all__ = ["ServerType", "default_of", "parameter_type", "result_type", "shown"]

_RESULTS = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), "int"),
    **dict.fromkeys(("float4", "float8"), "float"),
    **dict.fromkeys(("json", "jsonb"), "_typing.Any"),
    **dict.fromkeys(("time", "timetz"), "_datetime.time"),
    **dict.fromkeys(("timestamp", "timestamptz"), "_datetime.datetime"),
    "bool": "bool",
    "bytea": "bytes",
    "date": "_datetime.date",
    "interval": "_datetime.timedelta",
    "numeric": "_decimal.Decimal",
    "uuid": "_uuid.UUID",
    "inet": "_ipaddress.IPv4Address | _ipaddress.IPv6Address | _ipaddress.IPv4Interface | _ipaddress.IPv6Interface",
    "cidr": "_ipaddress.IPv4Network | _ipaddress.IPv6Network",
    "record": "_typing.Any",
}
_BOUNDS = {
    "int4": "int",
    "int8": "int",
    "num": "_decimal.Decimal",
    "date": "_datetime.date",
    "ts": "_datetime.datetime",
    "tstz": "_datetime.datetime",
}
for _name, _bound in _BOUNDS.items():
    _RESULTS[f"{_name}range"] = f"_range.Range[{_bound}]"
    _RESULTS[f"{_name}multirange"] = f"_multirange.Multirange[{_bound}]"

_PARAMETERS = {
    **_RESULTS,
    **dict.fromkeys(("json", "jsonb"), "str | dict[str, _typing.Any] | list[_typing.Any] | _json.Json | _json.Jsonb"),
    "bytea": "bytes | bytearray | memoryview",
    "numeric": "_decimal.Decimal | int | float",
    "inet": f"str | {_RESULTS['inet']}",
    "cidr": f"str | {_RESULTS['cidr']}",
}
_PRIVATE = re.compile(r"\b_(?=[a-z])")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class ServerType:
    """A type of the server's.

    Attributes:
        name: as SQL writes it.
        kind: as in pg_type; a domain has the kind of what lies below it.
        oid: its number; of what lies below a domain.
        labels: an enum's values, in order.
    """

    name: str
    kind: str
    oid: int
    labels: tuple[str, ...] = ()


def result_type(type_: ServerType, *, has_null_within: bool, depth: int = 1) -> tuple[str, str]:
    """Return what psycopg makes of a value, and why it is not plainer, or "".

    Args:
        type_: the column's type.
        has_null_within: if it is an array, an element may be NULL.
        depth: if it is an array, how many dimensions it has.
    """
    if type_.kind == "e":
        return _literal(type_), ""
    info = psycopg.adapters.types.get(type_.oid)
    if info is None:
        return "str", f"psycopg gives the text of a {type_.name}"
    found = _RESULTS.get(info.name, "str")
    note = "a row may hold anything" if info.name == "record" else ""
    if info.array_oid != type_.oid:
        return found, note
    if depth == ANY_DEPTH:
        return "list[_typing.Any]", "the array may have any number of dimensions"
    if has_null_within and "Any" not in found:
        found = f"{found} | None"
    depth = max(depth, 1)
    return f"{'list[' * depth}{found}{']' * depth}", note


def parameter_type(type_: ServerType) -> str:
    """Return what a parameter takes.

    Args:
        type_: the parameter's type.
    """
    if type_.kind == "e":
        return _literal(type_)
    info = psycopg.adapters.types.get(type_.oid)
    if info is None:
        return "list[str]" if type_.name.endswith("[]") else "str"
    if info.array_oid != type_.oid:
        return _PARAMETERS.get(info.name, "str")
    if info.name in ("json", "jsonb"):
        return "list[_typing.Any]"
    return f"list[{_RESULTS.get(info.name, 'str')}]"


def default_of(annotation: str, literal: str | None) -> str:
    """Return a default as Python writes it; "…" written out where a stub need not say it, "" when there is none.

    Args:
        annotation: the parameter's type.
        literal: as the file has it: a number, `true`, `false`, `null`, or quoted.
    """
    if literal is None:
        return ""
    folded = literal.lower()
    if folded == "null":
        return "None"
    if folded in ("true", "false") and "bool" in annotation:
        return folded.capitalize()
    if literal.startswith("'") and annotation.startswith("str"):
        text = literal[1:-1].replace("''", "'")
        return _quoted(text) if text.isprintable() else "..."
    is_number = annotation.startswith(("int", "float", "_decimal")) and _NUMBER.fullmatch(literal)
    return literal if is_number and not (annotation.startswith("int") and "." in literal) else "..."


def shown(annotation: str) -> str:
    """Return a type as one would write it.

    Args:
        annotation: as the stubs have it.
    """
    return _PRIVATE.sub("", annotation).replace("typing.", "")


def _literal(type_: ServerType) -> str:
    return f"_typing.Literal[{', '.join(_quoted(label) for label in type_.labels)}]" if type_.labels else "str"


def _quoted(text: str) -> str:
    """A string as the formatter would have it: in double quotes, unless that costs a backslash."""
    written = repr(text)
    if written.startswith("'") and '"' not in written:
        return f'"{written[1:-1]}"'
    return written
