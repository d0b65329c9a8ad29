"""GS005, GS009 and GS010: own queries compared with the packaged ones that they are added to or replace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from guestsql.check import Finding
from guestsql.check.infer import PythonSignature, infer
from guestsql.check.sources import Source, Subject
from guestsql.sql import Query, default_directory, find_outdated, is_packaged, lay_over, scan_directory
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.translate import translate
from guestsql.stubs.changes import changes_of
from guestsql.stubs.committed import promise_of
from guestsql.stubs.vet import place_change

__all__ = ["OverridesVet"]

_HINT = "guestsql itself calls it: it must take and return the same as the packaged query"


@dataclass(frozen=True, slots=True)
class OverridesVet:
    """Compares own queries with the packaged ones.

    Attributes:
        reserved: names of queries that only the package itself runs.
    """

    reserved: frozenset[str] = frozenset()

    def vet(self, connection: DeadlineConnection, subjects: Sequence[Subject]) -> Iterator[Finding]:
        """Yield what breaks the callers of a packaged query.

        Args:
            connection: to the scratch database.
            subjects: own queries that the server accepts.

        Raises:
            DatabaseError: the connection was lost.
        """
        packaged, _ = scan_directory(default_directory())
        replaced = {
            subject.query.name: subject
            for subject in subjects
            if subject.query.name in packaged and any(mark.word == "overrides" for mark in subject.query.marks)
        }
        now = _infer(connection, [subject.query for subject in replaced.values()])
        before = _infer(connection, [packaged[name] for name in replaced])
        for name, signature in now.items():
            if name not in before:
                continue
            for change in changes_of(signature, promise_of(before[name])):
                if change.is_breaking:
                    message = f"compared with the packaged query: {change.message}"
                    yield place_change(replaced[name], change, "GS010", message, _HINT)

    def vet_names(self, sources: Sequence[Source]) -> Iterator[Finding]:
        """Yield the names that are taken, and the overrides that cannot be used or are outdated.

        Args:
            sources: all files.
        """
        packaged, _ = scan_directory(default_directory())
        own_sources = [source for source in sources if not is_packaged(source.file.parent)]
        own = {subject.query.name: subject for source in own_sources for subject in source.subjects}
        _, errors = lay_over(packaged, {name: each.query for name, each in own.items()}, self.reserved)
        files = {source.file: source for source in sources}
        for error in errors:
            if error.file is not None:
                name = files[error.file].name_at(error.line or 1)
                yield Finding(
                    error.file, error.line or 1, error.column or 1, error.rule, error.message, name, error.hint
                )
        for each in find_outdated(subject.query for subject in own.values()):
            subject = own[each.query.name]
            yield subject.at_mark("overrides", "GS009", each.message, each.advice, details=each.diff)


def _infer(connection: DeadlineConnection, queries: Iterable[Query]) -> dict[str, PythonSignature]:
    try:
        return infer(connection, list(queries))
    except psycopg.Error as error:
        raise translate(error, "") from error
