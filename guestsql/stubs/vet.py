"""GS601 to GS603: queries compared with the committed stubs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from guestsql.check import Finding
from guestsql.check.infer import infer
from guestsql.check.sources import Source, Subject
from guestsql.check.words import Word, Words
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.head import name_lines
from guestsql.sql.translate import translate
from guestsql.stubs.changes import COLUMN, PARAMETER, RESULT, Change, changes_of
from guestsql.stubs.committed import Committed, Promise
from guestsql.stubs.uses import Uses

__all__ = ["StubsVet", "place_change"]

_ROW = re.compile(r"_rows\.(\w+)")
_HINT = "undo the change, or adapt the lines that use it; then run guestsql stubs and commit the result"


@dataclass(frozen=True, slots=True)
class StubsVet:
    """Compares queries with the stubs.

    Attributes:
        committed: what the stubs say.
        uses: the project's Python sources.
        is_whole: the files that are read, under check or beside it, are all there are: a query in none of them is gone.
    """

    committed: Committed
    uses: Uses
    is_whole: bool = False

    def vet(self, connection: DeadlineConnection, subjects: Sequence[Subject]) -> Iterator[Finding]:
        """Yield what the stubs say otherwise.

        Args:
            connection: to the scratch database.
            subjects: the queries under check that the server accepts.

        Raises:
            DatabaseError: the connection was lost.
        """
        known = {subject.query.name: subject for subject in subjects if subject.query.name in self.committed}
        try:
            signatures = infer(connection, [subject.query for subject in known.values()])
        except psycopg.Error as error:
            raise translate(error, "") from error
        for name, signature in signatures.items():
            promise = self.committed[name]
            for change in changes_of(signature, promise):
                message = self._message(name, promise, change)
                yield place_change(known[name], change, change.rule, message, _HINT)

    def vet_names(self, sources: Sequence[Source]) -> Iterator[Finding]:
        """Yield the queries that the stubs know and no file has.

        Args:
            sources: all files.
        """
        if not self.is_whole or not sources:
            return
        names = {each.name for source in sources for each in name_lines(source.text)}
        files: dict[str, Path] = {source.file.name: source.file for source in sources}
        for name, promise in sorted(self.committed.items()):
            if name not in names:
                near = difflib.get_close_matches(name, sorted(names - self.committed.keys()), n=1)
                hint = f"was it renamed to {near[0]}? {_HINT}" if near else _HINT
                row = _row_of(promise)
                message = f"breaking: query {name} is gone{self.uses.places_of(name, row)}"
                yield Finding(files.get(promise.file, sources[0].file), 1, 1, RESULT, message, name, hint)

    def _message(self, name: str, promise: Promise, change: Change) -> str:
        row = _row_of(promise)
        if change.is_of_every_call:
            used = self.uses.places_of(name, row)
        elif change.rule == COLUMN:
            used = self.uses.places_of(name, row, column=change.name)
        else:
            used = self.uses.places_of(name, row, parameter=change.name)
        if change.is_breaking:
            return f"breaking: {change.message}{used}"
        return f"{change.message}, which breaks nothing, but the stubs say otherwise{used}"


def _row_of(promise: Promise) -> str:
    found = _ROW.search(promise.returned)
    return found[1] if found else ""


def place_change(subject: Subject, change: Change, rule: str, message: str, hint: str) -> Finding:
    """Return a finding at the column, parameter or operator that has changed.

    Args:
        subject: the query.
        change: what has changed.
        rule: the code of the finding.
        message: its message.
        hint: its hint.
    """
    if change.rule == PARAMETER and change.now:
        return subject.at_parameter(change.now, rule, message, hint)
    if change.rule == COLUMN and change.now:
        found = _column_word(subject.words, change.now)
        if found is not None:
            return subject.at(found.offset, rule, message, hint, width=len(found.text))
    if change.rule == RESULT:
        return subject.at_operator(rule, message, hint)
    return subject.at_name(rule, message, hint)


def _column_word(words: Words, name: str) -> Word | None:
    """Where a column gets its name: in the last list of the statement itself."""
    heads = [at for at, word in enumerate(words) if word.depth == 0 and word.folded in ("select", "returning")]
    listed = list(words)[heads[-1] if heads else 0 :]
    same = [word for word in listed if word.depth == 0 and word.text.strip('"').rstrip("!?") == name]
    return same[0] if same else None
