"""Queries that a method runs because they are marked with its name: `-- on: forget_guest`.

A program declares its hooks, the methods, and the parameters that each passes. A marked query may use only these, so a
mark that cannot work is found when the file is read, not when the method runs.

The queries of a hook run in this order: custom queries before those of this package, and by name among themselves.
`-- on: forget_guest, last` puts one after all that are not marked so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from guestsql.errors import QueryFileError
from guestsql.sql.catalogue import Reader, default_directory
from guestsql.sql.declaration import Operator
from guestsql.sql.operation import is_read
from guestsql.sql.reading import read_queries

if TYPE_CHECKING:
    from guestsql.sql.head import Mark
    from guestsql.sql.query import Query

__all__ = ["Hook", "HookFault", "hook_faults", "hook_reader", "hooked_queries", "hooks_of", "subject_of"]

_MARK = re.compile(r"(?P<hook>\w+)(?P<last>[ \t]*,[ \t]*last)?")
_OPERATORS = {
    Operator.ROWS: "rows",
    Operator.ROW: "a row (^)",
    Operator.VALUE: "a value ($)",
    Operator.COUNT: "a count (!)",
}


@dataclass(frozen=True, slots=True)
class Hook:
    """A method that runs the queries marked with its name.

    Attributes:
        name: the method's name.
        parameters: the names of the parameters that it passes.
        operators: what a marked query may return.
        is_for_all: True if every table that holds a key needs a query of this hook, False if only a foreign key does.
    """

    name: str
    parameters: tuple[str, ...]
    operators: tuple[Operator, ...]
    is_for_all: bool = True

    @property
    def writes(self) -> bool:
        """True when a marked query changes rows, False when it returns them."""
        return Operator.COUNT in self.operators


class HookFault(NamedTuple):
    """A mark that cannot work.

    Attributes:
        mark: the mark.
        message: what is wrong.
        hint: how to fix it.
    """

    mark: Mark
    message: str
    hint: str


def hooks_of(query: Query) -> dict[str, bool]:
    """Return the names of the hooks that a query is marked with, and whether it runs last in each."""
    found = (_MARK.fullmatch(mark.text) for mark in query.marks if mark.word == "on")
    return {each["hook"]: each["last"] is not None for each in found if each is not None}


def hooked_queries(queries: Iterable[Query], hook: str) -> list[Query]:
    """Return the queries marked with a hook's name, in the order in which they run."""
    marked = [(query, hooks_of(query)) for query in queries]
    placed = [(_order(query, is_last[hook]), query) for query, is_last in marked if hook in is_last]
    return [query for _, query in sorted(placed, key=lambda each: each[0])]


def subject_of(query: Query) -> str:
    """Return what a marked query is about: its name without the verb, such as `bookings` of `forget_bookings`."""
    return query.name.partition("_")[2] or query.name


def hook_faults(query: Query, hooks: Mapping[str, Hook]) -> Iterator[HookFault]:
    """Yield what is wrong with a query's `on:` marks.

    Args:
        query: any query.
        hooks: the hooks that there are, by name.
    """
    lines: dict[str, int] = {}
    for mark in query.marks:
        if mark.word == "on":
            yield from _faults(query, mark, hooks)
            found = _MARK.fullmatch(mark.text)
            name = mark.text if found is None else found["hook"]
            first = lines.setdefault(name, mark.line)
            if first != mark.line:
                message = f"{query.name} has on: {name} twice, in lines {first} and {mark.line}"
                yield HookFault(mark, message, "keep one of them; with last the query runs after the others")


def hook_reader(hooks: Mapping[str, Hook], read: Reader = read_queries) -> Reader:
    """Return a reader of query files for which a query with a faulty `on:` mark has an error.

    Args:
        hooks: the hooks that there are, by name.
        read: makes queries and errors of a file's content and path.
    """

    def read_with_hooks(data: bytes, file: Path) -> tuple[list[Query], list[QueryFileError]]:
        queries, errors = read(data, file)
        faults = {query.name: next(hook_faults(query, hooks), None) for query in queries}
        errors += [_error(file, fault) for fault in faults.values() if fault is not None]
        return [query for query in queries if faults[query.name] is None], errors

    return read_with_hooks


def _error(file: Path, fault: HookFault) -> QueryFileError:
    return QueryFileError(fault.message, file=file, line=fault.mark.line, column=fault.mark.column, hint=fault.hint)


def _faults(query: Query, mark: Mark, hooks: Mapping[str, Hook]) -> Iterator[HookFault]:
    found = _MARK.fullmatch(mark.text)
    hook = None if found is None else hooks.get(found["hook"])
    if hook is None:
        hint = f"write one of {', '.join(hooks)}" if hooks else "remove the line"
        yield HookFault(mark, f"no method runs queries on: {mark.text or 'nothing'}", hint)
        return
    unknown = [each.name for each in query.parameters if each.name not in hook.parameters]
    if unknown:
        allowed = " and ".join(f":{name}" for name in hook.parameters)
        message = f"{hook.name} does not pass {', '.join(f':{name}' for name in unknown)} to {query.name}"
        yield HookFault(mark, message, f"it passes {allowed}")
    if query.operator not in hook.operators:
        wanted = " or ".join(_OPERATORS[each] for each in hook.operators)
        message = f"{query.name} returns {_OPERATORS[query.operator]}, and {hook.name} needs {wanted}"
        yield HookFault(mark, message, "change the operator after the query's parameters")
    elif not hook.writes and not is_read(query.tokens):
        yield HookFault(mark, f"{query.name} writes, and {hook.name} only reads", "move the write to a separate query")


def _order(query: Query, is_last: bool) -> tuple[bool, bool, str]:
    is_packaged = default_directory() in query.file.parents
    return is_last, is_packaged, query.name
