"""Findings, in the files of both releases, for what does not run on the other's schema."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from guestsql.check.against.advise import hint_of, some
from guestsql.check.against.advisories import Advisory, find_advisories
from guestsql.check.against.compatibility import Incompatibility
from guestsql.check.against.described import Stage
from guestsql.check.against.order import Incompatibilities, Matrix, Order, roles
from guestsql.check.against.places import at_migration, migration_of
from guestsql.check.against.release import SqlFile
from guestsql.check.answers import Refused
from guestsql.check.finding import Finding
from guestsql.errors import QueryFileError
from guestsql.migrate.files import Migration
from guestsql.sql import Query
from guestsql.sql.reading import read_queries

__all__ = ["Judged", "ReleaseQueries", "read_release_queries"]


@dataclass(frozen=True)
class ReleaseQueries:
    """The queries of a release.

    Attributes:
        by_name: those that can be read, by name; of two of one name the first.
        errors: what is wrong with the others.
    """

    by_name: dict[str, Query]
    errors: list[QueryFileError]

    @property
    def all(self) -> list[Query]:
        """The queries in order."""
        return list(self.by_name.values())


def read_release_queries(files: Iterable[SqlFile]) -> ReleaseQueries:
    """Read the query files of a release."""
    by_name: dict[str, Query] = {}
    errors: list[QueryFileError] = []
    for file in files:
        found, wrong = read_queries(file.data, file.shown)
        errors += wrong
        for query in found:
            by_name.setdefault(query.name, query)
    return ReleaseQueries(by_name, errors)


@dataclass(frozen=True)
class Judged:
    """Makes findings of the queries that do not run on a schema.

    Attributes:
        label: the older release.
        before: its queries.
        after: those of the newer one.
        stages: the schemas, from the older to the newer.
        matrix: which queries do not run on which stage.
        migrations: those that are new.
    """

    label: str
    before: ReleaseQueries
    after: ReleaseQueries
    stages: Sequence[Stage]
    matrix: Matrix
    migrations: Sequence[Migration]

    def findings(self, order: Order) -> Iterator[Finding]:
        """Return what contradicts an order, and what is to be looked at."""
        yield from self._broken_base()
        if order is Order.MIGRATIONS_FIRST:
            yield from self._broken_old()
            for advisory in find_advisories(self.before.all, self.stages[0], self.stages[-1]):
                yield self._advise_before(advisory)
        else:
            yield from self._broken_new()
            for advisory in find_advisories(self.after.all, self.stages[-1], self.stages[0]):
                yield self._advise_after(advisory)

    def _broken_base(self) -> Iterator[Finding]:
        """GS755: what of the older release does not run even on its own schema."""
        hint = "it is left out of the comparison: fix it in a separate release"
        for error in self.before.errors:
            if error.file is not None:
                message = f"in {self.label} this cannot be read: {error.message}"
                yield Finding(error.file, error.line or 1, error.column or 1, "GS755", message, hint=hint)
        for query in self.before.all:
            answer = self.stages[0].answers[query.text]
            if isinstance(answer, Refused):
                line, column = query.locate(answer.position or 1)
                message = f"{query.name} of {self.label} does not run on its own schema: {answer.message}"
                yield Finding(query.file, line, column, "GS755", message, query.name, hint)

    def _broken_old(self) -> Iterator[Finding]:
        """GS701, GS702 and GS703: what of the older release stops, at the migration that stops it."""
        groups: dict[tuple[int, str, str], list[tuple[str, Incompatibility]]] = defaultdict(list)
        for name, (stage, incompatibility) in _first(self.matrix.old).items():
            groups[stage, incompatibility.rule, incompatibility.message].append((name, incompatibility))
        parts = roles(self.matrix)
        for (stage, _, _), group in groups.items():
            name, incompatibility = group[0]
            query = self.before.by_name[name]
            line, column = query.locate(incompatibility.position or 1)
            names = some([each for each, _ in group])
            fail = "fails" if len(group) == 1 else "fail"
            why = f"{incompatibility.message} ({query.file}:{line}:{column})"
            message = f"once this has run, {names} of {self.label} {fail}: {why}"
            hint = hint_of(incompatibility, is_needed=bool(parts[stage - 1].serves))
            yield at_migration(
                self.migrations[stage - 1], incompatibility.names, incompatibility.rule, message, query=name, hint=hint
            )

    def _broken_new(self) -> Iterator[Finding]:
        """GS704: what of the newer release does not run before the migrations."""
        for name, (_, incompatibility) in _first(self.matrix.new).items():
            query = self.after.by_name[name]
            line, column = query.locate(incompatibility.position or 1)
            last = max(stage for stage, incompatibilities in enumerate(self.matrix.new) if name in incompatibilities)
            message = f"{name} does not run before {self.migrations[last].file.name}: {incompatibility.message}"
            hint = "run the migrations first, or ship them in a release before this one"
            yield Finding(query.file, line, column, "GS704", message, name, hint)

    def _advise_before(self, advisory: Advisory) -> Finding:
        migration = migration_of(advisory.names, self.migrations)
        message = f"{advisory.what}: {some(advisory.queries)} of {self.label} may be affected"
        hint = "make sure that no value or row of the old release is refused"
        return at_migration(migration, advisory.names, advisory.rule, message, query=advisory.queries[0], hint=hint)

    def _advise_after(self, advisory: Advisory) -> Finding:
        query = self.after.by_name[advisory.queries[0]]
        message = f"on the schema of {self.label}, {advisory.what}: {some(advisory.queries)} may be affected"
        hint = "make sure that no value or row is refused before the migrations have run"
        return Finding(query.file, query.line, query.column, advisory.rule, message, query.name, hint)


def _first(incompatibilities: Sequence[Incompatibilities]) -> dict[str, tuple[int, Incompatibility]]:
    """The first stage at which each query does not run."""
    found: dict[str, tuple[int, Incompatibility]] = {}
    for stage, each in enumerate(incompatibilities):
        for name, incompatibility in each.items():
            found.setdefault(name, (stage, incompatibility))
    return found
