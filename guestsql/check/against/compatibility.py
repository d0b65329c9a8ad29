"""Whether a query does on another schema what it does on its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from guestsql.check.against.described import Answer, Change, Stage
from guestsql.check.against.schema import Table
from guestsql.check.against.writes import read_writes
from guestsql.check.answers import Refused
from guestsql.check.words import read_words
from guestsql.sql import Query
from guestsql.sql.rewriting import name_positions

__all__ = ["Incompatibility", "find_incompatibility", "python_type"]

# Types whose values are the same to Python: a change from one to another breaks no reader.
_PYTHON = {
    "smallint": "int",
    "integer": "int",
    "bigint": "int",
    "oid": "int",
    "real": "float",
    "double precision": "float",
    "numeric": "Decimal",
    "boolean": "bool",
    "bytea": "bytes",
    "date": "date",
    "time without time zone": "time",
    "time with time zone": "time with zone",
    "timestamp without time zone": "datetime",
    "timestamp with time zone": "datetime with zone",
    "interval": "timedelta",
    "json": "JSON",
    "jsonb": "JSON",
    "uuid": "UUID",
    "inet": "address",
    "cidr": "network",
    "record": "record",
}
_TEXTS = ("text", "character varying", "character", "name", '"char"', "citext")
# In parentheses it is another step's value, which may be something else in other rows.
_NULL = re.compile(r"NULL::")
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_WORD = re.compile(r"[\w$]+")


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """What a query no longer does on another schema.

    Attributes:
        rule: as the older release's query breaks it: GS701, GS702 or GS703.
        sqlstate: the server's code when it refuses, or "".
        message: what goes wrong.
        names: what in the schema is the reason, the likeliest first.
        position: where in the query's text, 1-based, or None.
    """

    rule: str
    sqlstate: str
    message: str
    names: tuple[str, ...]
    position: int | None = None


def find_incompatibility(query: Query, home: Stage, there: Stage) -> Incompatibility | None:
    """Return what a query no longer does on another schema; None when it runs there, or runs nowhere.

    Args:
        query: the query.
        home: the schema of its own release.
        there: the other schema.
    """
    own, met = home.answers[query.text], there.answers[query.text]
    if isinstance(own, Refused):
        return None
    if isinstance(met, Refused):
        return _refused(query, met)
    return _other_types(query, own, met) or _unfilled(query, own, met, home, there)


def python_type(type_name: str) -> str:
    """Return what Python makes of a type; text for one that psycopg does not know."""
    if type_name.endswith("[]"):
        of = python_type(type_name[:-2])
        is_known = of != "str" or type_name[:-2] in _TEXTS
        return f"list of {of}" if is_known else "str"  # of an unknown type the array comes as it is written
    return _PYTHON.get(type_name, "str" if type_name in _TEXTS or "range" not in type_name else type_name)


def _refused(query: Query, refusal: Refused) -> Incompatibility:
    names: list[str] = []
    if refusal.position is not None:
        # The place in the text is the source's: what the server points at.
        found = re.match(r'[\w$."]+', query.text[refusal.position - 1 :])
        names += [] if found is None else reversed(_WORD.findall(found.group()))
    for quoted in _QUOTED.findall(refusal.message):
        names += reversed(_WORD.findall(quoted))
    if refusal.sqlstate == "42P10":
        for write in read_writes(read_words(query.tokens)):
            names.append(write.table)
    if refusal.sqlstate == "42703":
        names += reversed(_WORD.findall(refusal.message.partition("column ")[2].partition(" does")[0]))
    message = name_positions(refusal.message, query.positional)
    return Incompatibility("GS701", refusal.sqlstate, message, tuple(dict.fromkeys(names)), refusal.position)


def _other_types(query: Query, own: Answer, met: Answer) -> Incompatibility | None:
    for name, was, now in zip(query.positional, own.parameters, met.parameters, strict=False):
        if python_type(was) != python_type(now):
            return Incompatibility("GS702", "", f"parameter {name} is {now} there, it was {was}", (now,))
    was_named, now_named = [each.name for each in own.columns], [each.name for each in met.columns]
    if was_named != now_named:
        changed = tuple(name for name in (*was_named, *now_named) if (name in was_named) != (name in now_named))
        return Incompatibility("GS702", "", f"it returns {_list(now_named)} there, it was {_list(was_named)}", changed)
    for was_column, now_column in zip(own.columns, met.columns, strict=True):
        was, now = was_column.type_name, now_column.type_name
        if python_type(was) != python_type(now):
            origin = was_column.origin or now_column.origin
            names = (was_column.name,) if origin is None else (origin[1].name, was_column.name)
            return Incompatibility("GS702", "", f"column {was_column.name} is {now} there, it was {was}", names)
    return None


def _list(names: list[str]) -> str:
    return ", ".join(names) or "nothing"


def _unfilled(query: Query, own: Answer, met: Answer, home: Stage, there: Stage) -> Incompatibility | None:
    """A column that refuses NULL, and that an INSERT gives no other value."""
    known = {(change.table, name) for change in own.changes for name in _null_columns(query, change, home)}
    for change in met.changes:
        for name in _null_columns(query, change, there):
            if (change.table, name) not in known:
                table = change.table[1]
                message = f"{table}.{name} is NOT NULL and has no default, and the query gives it no value"
                return Incompatibility("GS703", "23502", message, (name, table))
    return None


def _null_columns(query: Query, change: Change, stage: Stage) -> list[str]:
    if any(trigger.table == change.table and trigger.fills_inserted for trigger in stage.schema.triggers):
        return []  # it may fill it
    columns = stage.schema.columns.get(change.table, {}).values()
    required = [column.name for column in columns if column.is_required and not column.is_filled]
    if change.operation == "Insert":
        return [name for name in required if _NULL.match(change.values.get(name, ""))]
    if change.operation == "Merge":
        named = _merged(query, change.table, stage)
        return [] if named is None else [name for name in required if name not in named]
    return []


def _merged(query: Query, table: Table, stage: Stage) -> frozenset[str] | None:
    """The columns that each INSERT of a MERGE into a table names; None when there is none, or it names none."""
    found = [
        write.inserted
        for write in read_writes(read_words(query.tokens))
        if write.operation == "Merge" and stage.schema.named(write.schema, write.table) == table
    ]
    return found[0] if len(found) == 1 and found[0] else None
