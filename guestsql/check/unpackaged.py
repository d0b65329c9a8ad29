"""Own queries without the packaged ones: marks that the loader refuses, and marks that have no effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from guestsql.check.finding import Finding
from guestsql.check.sources import Source, Subject
from guestsql.sql import lay_over
from guestsql.sql._sync.connection import DeadlineConnection

__all__ = ["UnpackagedVet"]

_OF_PACKAGED = {"overrides": "there is no packaged query to replace", "segment": "there are no campaigns"}


@dataclass(frozen=True, slots=True)
class UnpackagedVet:
    """Judges queries that are not added to the packaged ones.

    Attributes:
        packaged: the settings' `packaged`; False: what refers to the packaged queries has no effect.
    """

    packaged: bool

    def vet(self, connection: DeadlineConnection, subjects: Sequence[Subject]) -> Iterator[Finding]:
        """Yield nothing: the marks alone decide."""
        del connection, subjects
        return iter(())

    def vet_names(self, sources: Sequence[Source]) -> Iterator[Finding]:
        """GS009 and GS905 for the marks that concern packaged queries.

        Args:
            sources: all files.
        """
        for source in sources:
            for subject in source.subjects:
                refused = list(self._refused(subject))
                yield from refused or self._idle(subject)

    def _refused(self, subject: Subject) -> Iterator[Finding]:
        _, errors = lay_over({}, {subject.query.name: subject.query})
        for error in errors:
            yield subject.on(error.line or 1, error.column or 1, error.rule, error.message, error.hint)

    def _idle(self, subject: Subject) -> Iterator[Finding]:
        for mark in () if self.packaged else subject.query.marks:
            if mark.word in _OF_PACKAGED:
                message = f"{mark.word}: has no effect, because packaged is false: {_OF_PACKAGED[mark.word]}"
                width = max(1, len(mark.text))
                yield subject.on(mark.line, mark.column, "GS905", message, "remove the line", width=width)
