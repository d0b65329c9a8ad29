"""What a caller relies on in a query, and in what another text of it differs from that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from guestsql.errors import QueryFileError
from guestsql.sql.declaration import Operator

if TYPE_CHECKING:
    from guestsql.sql.query import Query

__all__ = ["Signature", "Typed", "call_differences", "server_differences"]


class Typed(NamedTuple):
    """A column or a parameter, as the server types it.

    Attributes:
        name: its name.
        oid: the type's.
        type: the type's name, for people.
    """

    name: str
    oid: int
    type: str


@dataclass(frozen=True, slots=True)
class Signature:
    """What the server says of a query.

    Attributes:
        parameters: by name.
        columns: what it returns, in order.
        kind: "reads", "writes" (rows that it locks count as written), or "command" for what has no plan.
    """

    parameters: Mapping[str, Typed]
    columns: tuple[Typed, ...]
    kind: str

    def incompatibility(self, query: Query) -> QueryFileError | None:
        """Return what is wrong with a new query: its operator promises rows, and it returns none."""
        if self.columns or query.operator is Operator.COUNT:
            return None
        return QueryFileError(
            f"{query.name} returns no columns",
            file=query.file,
            line=query.line,
            column=query.column,
            hint="end the name line with !, or return something",
        )


def call_differences(old: Query, new: Query) -> Iterator[str]:
    """Yield what a caller of the old query would notice of the new one, as far as the files say.

    A default may change, or be added: no call becomes wrong by it.
    """
    if old.operator is not new.operator:
        yield f"the operator is {_operator(new.operator)} instead of {_operator(old.operator)}"
    before = {parameter.name: parameter for parameter in old.parameters}
    after = {parameter.name: parameter for parameter in new.parameters}
    yield from (f"parameter {name} is gone" for name in before if name not in after)
    yield from (f"parameter {name} is new" for name in after if name not in before)
    for name, parameter in before.items():
        if name in after and parameter.default is not None and after[name].default is None:
            yield f"parameter {name} has no default any more"


def server_differences(old: Signature, new: Signature) -> Iterator[str]:
    """Yield what a caller of the old query would notice of the new one, as far as the server says."""
    for name, before in old.parameters.items():
        after = new.parameters.get(name)
        if after is not None and after.oid != before.oid:
            yield f"parameter {name} is {after.type} instead of {before.type}"
    yield from _column_differences(old.columns, new.columns)
    if old.kind != new.kind:
        yield f"it {_KINDS[new.kind]}, and the one in use {_KINDS[old.kind]}"


_KINDS = {"reads": "only reads", "writes": "writes or locks rows", "command": "is a command without a plan"}


def _column_differences(old: tuple[Typed, ...], new: tuple[Typed, ...]) -> Iterator[str]:
    before, after = [column.name for column in old], [column.name for column in new]
    gone = [name for name in before if name not in after]
    added = [name for name in after if name not in before]
    if gone:
        yield f"column {', '.join(gone)} is gone"
    if added:
        yield f"column {', '.join(added)} is new"
    if gone or added:
        return
    if before != after:
        yield f"the columns are {', '.join(after)} instead of {', '.join(before)}"
        return
    for was, column in zip(old, new, strict=True):
        if was.oid != column.oid:
            yield f"column {column.name} is {column.type} instead of {was.type}"


def _operator(operator: Operator) -> str:
    return operator.value or "none"
