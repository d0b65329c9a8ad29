"""Edited folders against the queries in use: what has changed, what may be taken up, and what is left as it is.

The unit is the file as it was saved. Queries of one file are written to go together, so when one of them is refused
nothing of its file is taken up. Files do not wait for each other, unless a query moves between them. An override that
is in a file with a fault stays in use: the packaged query does not take its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from guestsql.errors import QueryFileError
from guestsql.sql.catalogue import Catalogue, is_packaged
from guestsql.sql.signature import call_differences

if TYPE_CHECKING:
    from guestsql.sql.query import Query

__all__ = ["Edit", "Edits", "Refusal", "changed_signature"]

_CHANGED = "a running bot keeps the signatures it started with: undo this change, or deploy a bot that expects it"
_GONE = "a running bot may call it: restore it, or deploy a bot that does not call it"


class Edit(NamedTuple):
    """A query whose text, or what a call of it means, is another than the one in use; old is None for a new query."""

    old: Query | None
    new: Query


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file is left as it is.

    Attributes:
        error: what is wrong, and where.
        query: the query, if one is meant and known.
    """

    error: QueryFileError
    query: str | None = None


class Edits:
    """What is in the folders, compared with what is in use.

    Args:
        in_use: the queries in use.
        found: those that were found without a fault.
        errors: what was wrong with the others.

    Attributes:
        wanted: what is to be tried on the server, in the order of the folder.
        refusals: what is refused so far.
    """

    def __init__(self, in_use: Catalogue, found: Catalogue, errors: Iterable[QueryFileError]) -> None:
        self._in_use = in_use
        self.refusals = [Refusal(error) for error in errors]
        faulty = {refusal.error.file for refusal in self.refusals}
        self._found = Catalogue(
            query for name, query in found.items() if not _uncovers(in_use.get(name), query, faulty)
        )
        self._refuse_gone()
        self.wanted: list[Edit] = []
        for name, query in self._found.items():
            old = in_use.get(name)
            if old is None or _is_other(old, query):
                self._want(Edit(old, query))

    def refuse(self, query: Query, error: QueryFileError) -> None:
        """Refuse a query, and with it the rest of its file."""
        self.refusals.append(Refusal(error, query.name))

    def settled(self) -> tuple[Catalogue, list[Edit]]:
        """Return the queries to use from now on, and which of the edits are among them."""
        held = self._held()
        queries = {
            name: query if query.file not in held else self._in_use[name]
            for name, query in self._found.items()
            if query.file not in held or name in self._in_use
        }
        queries |= {name: query for name, query in self._in_use.items() if name not in queries}
        ordered = sorted(queries.values(), key=lambda query: (query.file, query.line))
        return Catalogue(ordered), [edit for edit in self.wanted if edit.new.file not in held]

    def _want(self, edit: Edit) -> None:
        differences = list(call_differences(edit.old, edit.new)) if edit.old is not None else []
        if differences:
            self.refuse(edit.new, changed_signature(edit.new, differences))
        else:
            self.wanted.append(edit)

    def _refuse_gone(self) -> None:
        """A query that is gone may still be called; in a file with a fault it may be the one with the fault."""
        faulty = {refusal.error.file for refusal in self.refusals}
        gone: dict[Path, list[str]] = {}
        for name, query in self._in_use.items():
            if name not in self._found and not faulty & {query.file, query.file.parent}:
                gone.setdefault(query.file, []).append(name)
        for file, names in gone.items():
            many = f"queries {', '.join(names)} are" if len(names) > 1 else f"query {names[0]} is"
            error = QueryFileError(f"{many} gone", file=file, hint=_GONE)
            self.refusals.append(Refusal(error, names[0] if len(names) == 1 else None))

    def _held(self) -> set[Path]:
        """The files of which nothing is taken up."""
        held = {refusal.error.file for refusal in self.refusals if refusal.error.file is not None}
        moved = [
            (self._in_use[name], query)
            for name, query in self._found.items()
            if name in self._in_use and self._in_use[name].file != query.file
        ]
        while torn := [(old, new) for old, new in moved if (old.file in held) != (new.file in held)]:
            for old, new in torn:
                free, other = (new.file, old.file) if old.file in held else (old.file, new.file)
                message = f"query {new.name} moves between this file and {other.name}, which is refused"
                error = QueryFileError(message, file=free, hint=f"correct {other.name}")
                self.refusals.append(Refusal(error, new.name))
                held.add(free)
        return held


def _uncovers(old: Query | None, new: Query, faulty: Collection[Path | None]) -> bool:
    """Return True if a packaged query is found only because the file of its override cannot be read."""
    if old is None or old.file == new.file or not is_packaged(new.file.parent):
        return False
    return old.file in faulty or old.file.parent in faulty


def changed_signature(query: Query, differences: Iterable[str]) -> QueryFileError:
    """Return the error of a query that may not be exchanged while a bot runs."""
    return QueryFileError(
        f"the signature of {query.name} has changed: {'; '.join(differences)}",
        file=query.file,
        line=query.line,
        column=query.column,
        hint=_CHANGED,
    )


def _is_other(old: Query, new: Query) -> bool:
    """Return True if a call would do anything else."""
    defaults = [[(each.name, each.default) for each in query.parameters] for query in (old, new)]
    return old.text != new.text or old.operator is not new.operator or defaults[0] != defaults[1]
