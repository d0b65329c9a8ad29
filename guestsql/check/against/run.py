"""Compares two releases: old queries on each newer schema, new queries on each older one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from guestsql.check.against.advise import steps_of
from guestsql.check.against.compatibility import Incompatibility, find_incompatibility
from guestsql.check.against.described import Stage, ask_stage
from guestsql.check.against.findings import Judged, ReleaseQueries, read_release_queries
from guestsql.check.against.history import history_findings
from guestsql.check.against.order import DeployVerdict, Matrix, Order, Role, judge, roles
from guestsql.check.against.release import Release, SqlFile, lay_out, named_as, read_laid_out
from guestsql.check.answers import Refused
from guestsql.check.finding import Finding
from guestsql.check.rules import is_advisory
from guestsql.check.sources import Source
from guestsql.migrate.files import Migration
from guestsql.sql import Query
from guestsql.sql._sync.connection import DeadlineConnection

__all__ = ["Comparison", "Connect", "compare_releases"]

Connect = Callable[[Path], AbstractContextManager[DeadlineConnection]]


@dataclass(frozen=True)
class Comparison:
    """The result of comparing two releases.

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
    verdict: DeployVerdict
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
        """True if the declared order breaks no query."""
        return self.verdict.allows(self.order) and all(is_advisory(finding.rule) for finding in self.findings)


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
    with tempfile.TemporaryDirectory(prefix="guestsql-check-") as folder:
        rooms = Path(folder)
        old_migrations = read_laid_out(old.migrations, lay_out(old.migrations, rooms / "old"))
        new_migrations = read_laid_out(new.migrations, lay_out(new.migrations, rooms / "new"))
        before, after = read_release_queries(old.queries), read_release_queries(new.queries)
        rewritten = list(history_findings(old.label, old_migrations, new_migrations))
        if rewritten:
            return _comparison(old, new, before, after, order, verdict=DeployVerdict.REWRITTEN, findings=rewritten)
        added = _added(old_migrations, new_migrations)
        stages = _ask(list(_rooms(old, new, added, rooms)), connect, [*before.all, *after.all])
    matrix = Matrix(
        [_find_all(before.all, stages[0], stage) for stage in stages],
        [_find_all(after.all, stages[-1], stage) for stage in stages],
    )
    broken = _broken(after, stages[-1])
    verdict = DeployVerdict.BROKEN if broken else judge(matrix)
    parts = roles(matrix)
    return _comparison(
        old,
        new,
        before,
        after,
        order,
        verdict=verdict,
        steps=tuple(steps_of(verdict, order, matrix, added, parts)),
        effects=tuple(zip(added, parts, strict=True)),
        broken=broken,
        findings=Judged(old.label, before, after, stages, matrix, added).findings(order),
    )


def _comparison(
    old: Release,
    new: Release,
    before: ReleaseQueries,
    after: ReleaseQueries,
    order: Order,
    *,
    verdict: DeployVerdict,
    findings: Iterable[Finding],
    steps: tuple[str, ...] = (),
    effects: tuple[tuple[Migration, Role], ...] = (),
    broken: tuple[str, ...] = (),
) -> Comparison:
    shared = before.by_name.keys() & after.by_name.keys()
    return Comparison(
        against=old.label,
        order=order,
        verdict=verdict,
        steps=steps,
        effects=effects,
        added=tuple(name for name in after.by_name if name not in shared),
        changed=tuple(name for name in after.by_name if name in shared and _differ(name, before, after)),
        removed=tuple(name for name in before.by_name if name not in shared),
        broken=broken,
        findings=tuple(sorted(findings, key=lambda finding: finding.order)),
        sources=tuple(_sources([*old.queries, *new.queries, *old.migrations, *new.migrations])),
    )


def _added(old: Sequence[Migration], new: Sequence[Migration]) -> list[Migration]:
    """The migrations that the newer release runs: the later numbers, and repeatable files with another text."""
    newest = max(migration.version for migration in old)
    repeatable = {migration.name: migration.checksum for migration in old if not migration.version}
    return [
        migration
        for migration in new
        if (migration.version > newest if migration.version else repeatable.get(migration.name) != migration.checksum)
    ]


def _rooms(
    old: Release, new: Release, added: Sequence[Migration], rooms: Path
) -> Iterator[tuple[Sequence[SqlFile], Path]]:
    """The migrations of each schema on the way, and where they lie."""
    yield old.migrations, rooms / "old"
    newer = {file.name: file for file in new.migrations}
    files = {file.name: file for file in old.migrations}
    for migration in added[:-1]:
        name = migration.file.name
        files[name] = newer[name]
        yield list(files.values()), lay_out(files.values(), rooms / f"until_{name}")
    if added:
        yield new.migrations, rooms / "new"


def _ask(rooms: Iterable[tuple[Sequence[SqlFile], Path]], connect: Connect, queries: Sequence[Query]) -> list[Stage]:
    # All are connected until the end: a scratch database without a connection may be dropped.
    with ExitStack() as stack:
        return [ask_stage(_connection(stack, connect, files, room), queries) for files, room in rooms]


def _connection(stack: ExitStack, connect: Connect, files: Iterable[SqlFile], room: Path) -> DeadlineConnection:
    with named_as(files):
        return stack.enter_context(connect(room))


def _broken(queries: ReleaseQueries, home: Stage) -> tuple[str, ...]:
    unread = dict.fromkeys(str(error.file) for error in queries.errors)
    refused = (query.name for query in queries.all if isinstance(home.answers[query.text], Refused))
    return (*unread, *refused)


def _find_all(queries: Iterable[Query], home: Stage, there: Stage) -> dict[str, Incompatibility]:
    found = {query.name: find_incompatibility(query, home, there) for query in queries}
    return {name: incompatibility for name, incompatibility in found.items() if incompatibility is not None}


def _differ(name: str, before: ReleaseQueries, after: ReleaseQueries) -> bool:
    one, other = before.by_name[name], after.by_name[name]
    return (one.source, one.operator, one.parameters) != (other.source, other.operator, other.parameters)


def _sources(files: Iterable[SqlFile]) -> Iterator[Source]:
    for file in files:
        yield Source(file.shown, file.data.decode("utf-8-sig", "replace").replace("\r\n", "\n"))
