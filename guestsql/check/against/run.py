"""Two releases held against each other: old queries on each newer schema, new queries on each older one."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from guestsql._sql import Query
from guestsql._sql.reading import read_queries
from guestsql._sync.connection import DeadlineConnection
from guestsql.check.against.advise import hint_of, some, steps_of
from guestsql.check.against.described import Stage, ask_stage
from guestsql.check.against.fits import Misfit, find_misfit
from guestsql.check.against.history import history_findings
from guestsql.check.against.looks import Look, find_looks
from guestsql.check.against.order import Matrix, Misfits, Order, Role, Verdict, judge, roles
from guestsql.check.against.places import at_migration, migration_of
from guestsql.check.against.release import Release, SqlFile, lay_out, read_laid_out, told_as
from guestsql.check.finding import Finding
from guestsql.check.rules import is_look
from guestsql.check.server import Refusal
from guestsql.check.sources import Source
from guestsql.errors import QueryFileError
from guestsql.migrate.files import Migration

__all__ = ["Comparison", "Connect", "compare_releases"]

Connect = Callable[[Path], AbstractContextManager[DeadlineConnection]]


@dataclass(frozen=True)
class Comparison:
    """What holding two releases against each other gave.

    Attributes:
        against: the older release.
        order: what the deployment does first.
        verdict: what the change allows.
        steps: what to do, in order.
        effects: each new migration with what it is to both releases.
        added: the names of the queries that are new.
        changed: of those whose text is another.
        removed: of those that are gone.
        broken: of the newer queries that do not run on their own schema; a file that cannot be read counts by its name.
        findings: what keeps the declared order from being safe, and what is to be looked at.
        sources: the files that the findings are in.
    """

    against: str
    order: Order
    verdict: Verdict
    steps: tuple[str, ...]
    effects: tuple[tuple[Migration, Role], ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    broken: tuple[str, ...]
    findings: tuple[Finding, ...]
    sources: tuple[Source, ...]

    @property
    def is_safe(self) -> bool:
        """The declared order breaks nobody."""
        return self.verdict.allows(self.order) and all(is_look(finding.rule) for finding in self.findings)


@dataclass(frozen=True)
class _Queries:
    """The queries of a release, by name, and what of its files cannot be read."""

    by_name: dict[str, Query]
    errors: list[QueryFileError]

    @property
    def all(self) -> list[Query]:
        return list(self.by_name.values())


def compare_releases(old: Release, new: Release, connect: Connect, order: Order) -> Comparison:
    """Hold two releases against each other.

    Args:
        old: the one that runs now.
        new: the one that shall.
        connect: gives a connection to a scratch database with the schema of a folder of migrations.
        order: what the deployment does first.

    Raises:
        MigrationError: a migration of either release cannot be read or applied.
        DatabaseError: the server refuses, or was lost.
    """
    before, after = _read_queries(old.queries), _read_queries(new.queries)
    with tempfile.TemporaryDirectory(prefix="guestsql-check-") as folder, ExitStack() as stack:
        rooms = Path(folder)
        old_migrations = read_laid_out(old.migrations, lay_out(old.migrations, rooms / "old"))
        new_migrations = read_laid_out(new.migrations, lay_out(new.migrations, rooms / "new"))
        history = list(history_findings(old.label, old_migrations, new_migrations))
        newest = max(migration.version for migration in old_migrations)
        added = [] if history else [each for each in new_migrations if each.version > newest]
        connections = [
            _connection(stack, connect, files, room) for files, room in _stages(old, new, added, rooms, bool(history))
        ]
        asked = [*before.all, *after.all]
        stages = [ask_stage(connection, asked) for connection in connections]
    matrix = Matrix(
        [_misfits(before.all, stages[0], stage) for stage in stages],
        [_misfits(after.all, stages[-1], stage) for stage in stages],
    )
    broken = _broken(after, stages[-1])
    verdict = Verdict.BROKEN if broken else judge(matrix)
    parts = roles(matrix)
    judged = _Judged(old.label, before, after, stages, matrix, added or new_migrations, bool(added))
    found = [*history, *judged.findings(order)]
    shared = before.by_name.keys() & after.by_name.keys()
    return Comparison(
        against=old.label,
        order=order,
        verdict=verdict,
        steps=tuple(steps_of(verdict, order, matrix, added or new_migrations[-1:], parts)),
        effects=tuple(zip(added, parts, strict=False)),
        added=tuple(name for name in after.by_name if name not in shared),
        changed=tuple(name for name in after.by_name if name in shared and _differ(name, before, after)),
        removed=tuple(name for name in before.by_name if name not in shared),
        broken=broken,
        findings=tuple(sorted(found, key=lambda finding: finding.order)),
        sources=tuple(_sources([*old.queries, *new.queries, *old.migrations, *new.migrations])),
    )


def _stages(
    old: Release, new: Release, added: Sequence[Migration], rooms: Path, is_rewritten: bool
) -> Iterator[tuple[Sequence[SqlFile], Path]]:
    """The files of each schema on the way, and where they lie."""
    yield old.migrations, rooms / "old"
    names = [migration.file.name for migration in added]
    for at, name in enumerate(names[:-1], 1):
        files = [*old.migrations, *(each for each in new.migrations if each.shown.name in names[:at])]
        yield files, lay_out(files, rooms / f"until_{name}")
    if added or is_rewritten:
        yield new.migrations, rooms / "new"


def _connection(stack: ExitStack, connect: Connect, files: Iterable[SqlFile], room: Path) -> DeadlineConnection:
    with told_as(files):
        return stack.enter_context(connect(room))


def _read_queries(files: Iterable[SqlFile]) -> _Queries:
    by_name: dict[str, Query] = {}
    errors: list[QueryFileError] = []
    for file in files:
        found, wrong = read_queries(file.data, file.shown)
        errors += wrong
        for query in found:
            by_name.setdefault(query.name, query)
    return _Queries(by_name, errors)


def _broken(queries: _Queries, home: Stage) -> tuple[str, ...]:
    unread = dict.fromkeys(str(error.file) for error in queries.errors)
    refused = (query.name for query in queries.all if isinstance(home.answers[query.text], Refusal))
    return (*unread, *refused)


def _misfits(queries: Iterable[Query], home: Stage, there: Stage) -> dict[str, Misfit]:
    found = {query.name: find_misfit(query, home, there) for query in queries}
    return {name: misfit for name, misfit in found.items() if misfit is not None}


def _differ(name: str, before: _Queries, after: _Queries) -> bool:
    one, other = before.by_name[name], after.by_name[name]
    return (one.source, one.operator, one.parameters) != (other.source, other.operator, other.parameters)


def _sources(files: Iterable[SqlFile]) -> Iterator[Source]:
    for file in files:
        yield Source(file.shown, file.data.decode("utf-8-sig", "replace").replace("\r\n", "\n"))


@dataclass(frozen=True)
class _Judged:
    """Makes findings of who does not run where."""

    label: str
    before: _Queries
    after: _Queries
    stages: Sequence[Stage]
    matrix: Matrix
    migrations: Sequence[Migration]
    is_added: bool

    def findings(self, order: Order) -> Iterator[Finding]:
        """Return what contradicts an order, and what is to be looked at."""
        yield from self._broken_base()
        if order is Order.MIGRATIONS_FIRST:
            yield from self._broken_old()
            for look in find_looks(self.before.all, self.stages[0], self.stages[-1]):
                yield self._look_at(look)
        else:
            yield from self._broken_new()
            for look in find_looks(self.after.all, self.stages[-1], self.stages[0]):
                yield self._look_from(look)

    def _broken_base(self) -> Iterator[Finding]:
        """GS755: what of the older release does not run even on its own schema."""
        hint = "it is left out of the comparison: mend it in a release of its own"
        for error in self.before.errors:
            if error.file is not None:
                message = f"in {self.label} this cannot be read: {error.message}"
                yield Finding(error.file, error.line or 1, error.column or 1, "GS755", message, hint=hint)
        for query in self.before.all:
            answer = self.stages[0].answers[query.text]
            if isinstance(answer, Refusal):
                line, column = query.locate(answer.position or 1)
                message = f"{query.name} of {self.label} does not run on its own schema: {answer.message}"
                yield Finding(query.file, line, column, "GS755", message, query.name, hint)

    def _broken_old(self) -> Iterator[Finding]:
        """GS701, GS702 and GS703: what of the older release stops, at the migration that stops it."""
        groups: dict[tuple[Path, str, str], list[tuple[str, Misfit, Migration]]] = defaultdict(list)
        for name, (stage, misfit) in _first(self.matrix.old).items():
            migration = self.migrations[stage - 1] if self.is_added else migration_of(misfit.names, self.migrations)
            groups[migration.file, misfit.rule, misfit.message].append((name, misfit, migration))
        served = roles(self.matrix)
        for group in groups.values():
            name, misfit, migration = group[0]
            at = self.migrations.index(migration)
            is_needed = bool(served[at].serves) if self.is_added else True
            query = self.before.by_name[name]
            line, column = query.locate(misfit.position or 1)
            names = some([each for each, _, _ in group])
            fail = "fails" if len(group) == 1 else "fail"
            why = f"{misfit.message} ({query.file}:{line}:{column})"
            message = f"once this has run, {names} of {self.label} {fail}: {why}"
            hint = hint_of(misfit, is_needed=is_needed)
            yield at_migration(migration, misfit.names, misfit.rule, message, query=name, hint=hint)

    def _broken_new(self) -> Iterator[Finding]:
        """GS704: what of the newer release does not run before the migrations."""
        for name, (_, misfit) in _first(self.matrix.new).items():
            query = self.after.by_name[name]
            line, column = query.locate(misfit.position or 1)
            last = max(stage for stage, misfits in enumerate(self.matrix.new) if name in misfits)
            needed = self.migrations[last].file.name if self.is_added else "the migrations"
            message = f"{name} does not run before {needed}: {misfit.message}"
            hint = "run the migrations first, or ship them in a release before this one"
            yield Finding(query.file, line, column, "GS704", message, name, hint)

    def _look_at(self, look: Look) -> Finding:
        migration = migration_of(look.names, self.migrations)
        message = f"{look.what}: {some(look.queries)} of {self.label} may meet it"
        hint = "see that no value or row of the old release's is refused"
        return at_migration(migration, look.names, look.rule, message, query=look.queries[0], hint=hint)

    def _look_from(self, look: Look) -> Finding:
        query = self.after.by_name[look.queries[0]]
        message = f"on the schema of {self.label}, {look.what}: {some(look.queries)} may meet it"
        hint = "see that no value or row is refused before the migrations have run"
        return Finding(query.file, query.line, query.column, look.rule, message, query.name, hint)


def _first(misfits: Sequence[Misfits]) -> dict[str, tuple[int, Misfit]]:
    """The first stage at which each query does not run."""
    found: dict[str, tuple[int, Misfit]] = {}
    for stage, each in enumerate(misfits):
        for name, misfit in each.items():
            found.setdefault(name, (stage, misfit))
    return found
