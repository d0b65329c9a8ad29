"""Changes that may break a query, depending on its values: only a reader can decide."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from guestsql.check.against.compatibility import find_incompatibility
from guestsql.check.against.described import Answer, Change, Stage
from guestsql.check.against.schema import Constraint, Schema, SchemaColumn, Table, is_widened
from guestsql.check.against.writes import Write, read_writes
from guestsql.check.words import Words, read_words
from guestsql.sql import Query

__all__ = ["Advisory", "find_advisories"]

_INTEGERS = ("smallint", "integer", "bigint")
_VARYING = re.compile(r"character varying\((\d+)\)")
_HARMLESS_DELETE = re.compile(r"ON DELETE (?:CASCADE|SET NULL|SET DEFAULT)")
_NEVER_NULL = re.compile(
    r"(?!NULL::)(?:'(?:[^']|'')*'(?:::[\w \[\]().]+)?|-?\d[\d.]*|true|false|COALESCE\(.*|nextval\(.*)"
)


@dataclass(frozen=True, slots=True)
class Advisory:
    """A change that may affect a query, and that a reader should review.

    Attributes:
        rule: GS751 to GS754.
        what: what is different there.
        names: what in the schema it is, the likeliest first.
        queries: the queries that meet it, in order.
    """

    rule: str
    what: str
    names: tuple[str, ...]
    queries: tuple[str, ...]


@dataclass(frozen=True)
class _Written:
    """A table that a query writes, with the columns that it names; None is all that there are."""

    change: Change
    columns: frozenset[str]
    updated: frozenset[str]


_AdvisoryKey = tuple[str, str, tuple[str, ...]]


def find_advisories(queries: Iterable[Query], home: Stage, there: Stage) -> list[Advisory]:
    """Return what queries meet on another schema, each thing once.

    Args:
        queries: those of one release; what does not run there at all is left out.
        home: the schema of their own release.
        there: the other schema.
    """
    found: dict[_AdvisoryKey, list[str]] = defaultdict(list)
    for query in queries:
        answer = home.answers[query.text]
        if isinstance(answer, Answer) and find_incompatibility(query, home, there) is None:
            for advisory in dict.fromkeys(_of_query(query, answer, home.schema, there.schema)):
                found[advisory].append(query.name)
    return [Advisory(rule, what, names, tuple(users)) for (rule, what, names), users in found.items()]


def _of_query(query: Query, answer: Answer, home: Schema, there: Schema) -> Iterator[_AdvisoryKey]:
    words = read_words(query.tokens)
    for written in _written(answer, words, home):
        yield from _constraints(written, home, there)
        yield from _columns(written, home, there)
        yield from _triggers(written, home, there)
    yield from _parameters(answer, home, there)
    yield from _read(answer, words, there)
    yield from _functions(words, home, there)
    yield from _rights(answer, words, home, there)


def _written(answer: Answer, words: Words, home: Schema) -> Iterator[_Written]:
    writes = read_writes(words)
    for change in answer.changes:
        every = frozenset(home.columns.get(change.table, {}))
        own = [write for write in writes if home.named(write.schema, write.table) == change.table]
        own = [write for write in own if write.operation == change.operation]
        if change.operation == "Delete":
            yield _Written(change, frozenset(), frozenset())
        elif not own:  # through a view
            yield _Written(change, every, every)
        else:
            updated = frozenset(name for write in own for name in write.updated)
            inserted = frozenset(name for write in own for name in _inserted(write, every))
            yield _Written(change, inserted | updated, updated)


def _inserted(write: Write, every: frozenset[str]) -> frozenset[str]:
    return every if write.inserted is None and write.operation == "Insert" else write.inserted or frozenset()


def _constraints(written: _Written, home: Schema, there: Schema) -> Iterator[_AdvisoryKey]:
    table = written.change.table
    before = [each for each in home.constraints if each.table == table]
    known = {(each.kind, each.text) for each in before}
    for each in there.constraints:
        if each.table == table:
            is_new = (each.kind, each.text) not in known and not is_widened(each, before)
            if is_new and each.columns & written.columns:
                yield "GS751", f"{_the(each)} of {table[1]}, {each.text}", (each.name, *sorted(each.columns))
        elif written.change.operation == "Delete" and _holds_back(each, table, home):
            yield "GS751", f"the reference {each.name} of {each.table[1]}, {each.text}", (each.name, each.table[1])


def _the(constraint: Constraint) -> str:
    kind = {"unique": "unique index", "foreign key": "reference"}.get(constraint.kind, constraint.kind)
    return f"the {kind} {constraint.name}"


def _holds_back(constraint: Constraint, table: Table, home: Schema) -> bool:
    """Return True if a new reference of another table keeps rows of a table from being deleted."""
    if constraint.kind != "foreign key" or _HARMLESS_DELETE.search(constraint.text):
        return False
    target = re.search(r"REFERENCES (?:(?P<schema>\w+)\.)?(?P<name>\w+)\(", constraint.text)
    if target is None or target["name"] != table[1]:
        return False
    return all((each.table, each.text) != (constraint.table, constraint.text) for each in home.constraints)


def _columns(written: _Written, home: Schema, there: Schema) -> Iterator[_AdvisoryKey]:
    table = written.change.table
    now = there.columns.get(table, {})
    for name in sorted(written.columns):
        was_column, now_column = home.columns.get(table, {}).get(name), now.get(name)
        if was_column is None or now_column is None:
            continue
        if now_column.is_required and not was_column.is_required and _may_be_null(written, name):
            yield "GS751", f"{table[1]}.{name} is NOT NULL there, it was not", (name, table[1])
        if not _takes_all(was_column, now_column):
            types = f"{now_column.type_name} there, it was {was_column.type_name}"
            yield "GS752", f"{table[1]}.{name} is {types}", (name, table[1])
        lost = _lost_labels(was_column.type_name, home, there)
        if lost:
            yield "GS752", f"{was_column.type_name} has no {lost} there", (was_column.type_name,)


def _may_be_null(written: _Written, name: str) -> bool:
    return name in written.updated or _NEVER_NULL.fullmatch(written.change.values.get(name, "")) is None


def _takes_all(was: SchemaColumn, now: SchemaColumn) -> bool:
    """Return True if a column's type takes every value that it took before."""
    if was.type_name == now.type_name or now.type_name in ("text", "character varying"):
        return True
    if was.type_name in _INTEGERS and now.type_name in _INTEGERS:
        return _INTEGERS.index(was.type_name) <= _INTEGERS.index(now.type_name)
    if (was.type_name, now.type_name) == ("real", "double precision") or now.type_name == "numeric":
        return True
    before, after = _VARYING.fullmatch(was.type_name), _VARYING.fullmatch(now.type_name)
    return before is not None and after is not None and int(before[1]) <= int(after[1])


def _lost_labels(type_name: str, home: Schema, there: Schema) -> str:
    after = there.labels.get(type_name)
    lost = () if after is None else (label for label in home.labels.get(type_name, ()) if label not in after)
    return ", ".join(f"'{label}'" for label in lost)


def _parameters(answer: Answer, home: Schema, there: Schema) -> Iterator[_AdvisoryKey]:
    for type_name in answer.parameters:
        base = type_name.removesuffix("[]")
        if lost := _lost_labels(base, home, there):
            yield "GS752", f"{base} has no {lost} there", (base,)


def _triggers(written: _Written, home: Schema, there: Schema) -> Iterator[_AdvisoryKey]:
    table = written.change.table
    known = {(each.table, each.name): each.text for each in home.triggers}
    events = {written.change.operation}
    if written.change.operation == "Merge":
        events = {"Insert", "Update", "Delete"}
    elif written.updated:
        events = events | {"Update"}
    for each in there.triggers:
        if each.table == table and each.events & events and known.get((table, each.name)) != each.text:
            state = "is another" if (table, each.name) in known else "is new"
            yield "GS753", f"the trigger {each.name} of {table[1]} {state} there", (each.name, table[1])


def _read(answer: Answer, words: Words, there: Schema) -> Iterator[_AdvisoryKey]:
    if words.has("left", "right", "full"):
        return  # it may be NULL already
    for column in answer.columns:
        if column.origin is None or not column.origin[1].is_required:
            continue
        table, was = column.origin
        now = there.columns.get(table, {}).get(was.name)
        if now is not None and not now.is_required and not now.is_of_view:
            yield "GS754", f"{table[1]}.{was.name} may be NULL there, it never was", (was.name, table[1])


def _functions(words: Words, home: Schema, there: Schema) -> Iterator[_AdvisoryKey]:
    named = {word.folded for index, word in enumerate(words) if words[index + 1].text == "("}
    for (name, signature), text in home.functions.items():
        now = there.functions.get((name, signature))
        if name in named and now is not None and now != text:
            yield "GS753", f"the function {signature} does something else there", (name,)


def _rights(answer: Answer, words: Words, home: Schema, there: Schema) -> Iterator[_AdvisoryKey]:
    named = {word.folded for word in words} | {change.table[1] for change in answer.changes}
    taken = [each for each in home.rights - there.rights if not each.is_policy and each.table in there.columns]
    added = [each for each in there.rights - home.rights if each.is_policy and each.table in home.columns]
    for each in sorted(taken, key=lambda right: (right.table, right.text)):
        if each.table[1] in named:
            yield "GS753", f"{each.text} on {each.table[1]} is revoked there", ("revoke", each.table[1])
    for each in sorted(added, key=lambda right: (right.table, right.text)):
        if each.table[1] in named:
            yield "GS753", f"{each.table[1]} has another policy there, {each.text}", (each.table[1],)
