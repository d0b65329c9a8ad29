"""What a query takes and returns, compared with the promises of the stubs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from guestsql.check.infer import PythonSignature
from guestsql.check.infer.python_types import shown
from guestsql.stubs.committed import Promise, plain
from guestsql.stubs.naming import returned, row_names

__all__ = ["COLUMN", "PARAMETER", "RESULT", "Change", "changes_of"]

COLUMN, PARAMETER, RESULT = "GS601", "GS602", "GS603"
_ROW = "_rows."


@dataclass(frozen=True, slots=True)
class Change:
    """Something that the stubs say otherwise.

    Attributes:
        rule: GS601 for a column, GS602 for a parameter, GS603 for what comes back at all.
        name: the column or parameter as it was promised, or "".
        now: as it is called now, or "" when it is gone.
        message: what has changed.
        is_breaking: code that was right may be wrong now.
        is_of_every_call: every call is affected, whatever it uses.
    """

    rule: str
    name: str
    now: str
    message: str
    is_breaking: bool = True
    is_of_every_call: bool = False


def changes_of(signature: PythonSignature, promise: Promise) -> Iterator[Change]:
    """Yield what has changed.

    Args:
        signature: what the server says now.
        promise: what the stubs say.
    """
    rows = row_names([signature])
    now = plain(returned(signature, rows))
    old_kind, new_kind = _kind(promise.returned), _kind(now)
    if old_kind != new_kind:
        yield from _result(signature, old_kind, new_kind, has_rows=bool(promise.columns) or bool(rows))
    elif promise.columns:
        yield from _columns(promise, {each.name: plain(each.annotation) for each in signature.columns})
    yield from _parameters(signature, promise)


def _kind(returned_type: str) -> str:
    """The type of a result, with every class of rows under one name."""
    if _ROW not in returned_type:
        return returned_type
    before, _, rest = returned_type.partition(_ROW)
    name = rest.rstrip("]").removesuffix(" | None")
    return f"{before}Row{rest[len(name) :]}"


def _result(signature: PythonSignature, old: str, new: str, *, has_rows: bool) -> Iterator[Change]:
    is_breaking = old != f"{new} | None"
    message = f"{signature.name} returned {shown(old)} and returns {shown(new)}"
    rule = RESULT if has_rows or not signature.columns else COLUMN
    now = signature.columns[0].name if rule == COLUMN else ""
    yield Change(rule, "", now, message, is_breaking, is_of_every_call=True)


def _columns(promise: Promise, now: dict[str, str]) -> Iterator[Change]:
    gone = [name for name in promise.columns if name not in now]
    added = [name for name in now if name not in promise.columns]
    for name in gone:
        # At the same place another of the same type: it was renamed.
        place = list(promise.columns).index(name)
        at_place = list(now)[place] if place < len(now) else ""
        if at_place in added and now[at_place] == promise.columns[name]:
            yield Change(COLUMN, name, at_place, f"column {name} is now named {at_place}")
        else:
            yield Change(COLUMN, name, "", f"column {name} is gone")
    for name, old in promise.columns.items():
        if name in now and now[name] != old:
            message = f"column {name} was {shown(old)} and is {shown(now[name])}"
            yield Change(COLUMN, name, name, message, is_breaking=old != f"{now[name]} | None")
    kept = [name for name in promise.columns if name in now]
    if kept != [name for name in now if name in promise.columns]:
        message = f"the columns come in another order: {', '.join(now)}"
        yield Change(COLUMN, "", "", message, is_of_every_call=True)


def _parameters(signature: PythonSignature, promise: Promise) -> Iterator[Change]:
    now = {each.name: (plain(each.annotation), bool(each.default)) for each in signature.parameters}
    for name, (old, could_be_left_out) in promise.parameters.items():
        if name not in now:
            yield Change(PARAMETER, name, "", f"parameter {name} is gone")
            continue
        new, may_be_left_out = now[name]
        if new != old:
            message = f"parameter {name} was {shown(old)} and is {shown(new)}"
            yield Change(PARAMETER, name, name, message, is_breaking=new != f"{old} | None")
        if could_be_left_out and not may_be_left_out:
            yield Change(PARAMETER, name, name, f"parameter {name} has no default any more", is_of_every_call=True)
    for name, (_, may_be_left_out) in now.items():
        if name not in promise.parameters and not may_be_left_out:
            message = f"parameter {name} is new and must be given"
            yield Change(PARAMETER, "", name, message, is_of_every_call=True)
