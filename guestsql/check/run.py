"""The check: files in, findings out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg

from guestsql.check.answers import Accepted, Refused, ask_server
from guestsql.check.commits import vet_commit
from guestsql.check.connections import vet_connection
from guestsql.check.coverage import Coverage, Understood, vet_coverage, vet_hook_marks
from guestsql.check.finding import Finding
from guestsql.check.identity import RowJudge
from guestsql.check.infer.scope import Scope
from guestsql.check.infer.trees import read_scopes
from guestsql.check.metrics import vet_metrics
from guestsql.check.pages import PageRules, charted, vet_file_marks, vet_page_columns, vet_page_marks
from guestsql.check.parameters import quoted_unused, vet_parameters
from guestsql.check.planned import vet_plan, vet_read_only
from guestsql.check.psql import vet_for_psql
from guestsql.check.refused import refused
from guestsql.check.returned import vet_returned
from guestsql.check.routed import Route, vet_routed
from guestsql.check.segments import SegmentRule, vet_segment, vet_segment_marks
from guestsql.check.sources import Source, Subject, read_sources, read_texts
from guestsql.check.statements import vet_statement
from guestsql.check.tables import Tables, read_tables
from guestsql.check.texts import vet_names, vet_text
from guestsql.check.types import vet_parameter_types, vet_same_names
from guestsql.errors import QueryFileError
from guestsql.sql import Query
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.describe import ResultColumn
from guestsql.sql.hooks import hooks_of
from guestsql.sql.packaged import type_names
from guestsql.sql.translate import translate

__all__ = ["CheckReport", "check_files"]

# Consequences of a parameter that is not cast, or is in quotes: another rule reports that better.
_FOLLOWING = {"42883", "42725", "22P02", "22007", "22008"}
_TYPELESS = {"42P18", "42P08"}
_NEVER_EXCEPTED = {"GS007", "GS008"}
# With an operator for something else, the rules of what is returned are not asked.
_OTHER_OPERATOR = {"GS303", "GS304"}


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of a check.

    Attributes:
        findings: by file, line and column.
        sources: the files that were judged, with their text.
        queries: how many queries they have.
    """

    findings: list[Finding]
    sources: list[Source]
    queries: int


class Vet(Protocol):
    """A judge of what is promised elsewhere: by the stubs, or by the packaged queries that an own folder overrides."""

    def vet(self, connection: DeadlineConnection, subjects: Sequence[Subject]) -> Iterable[Finding]:
        """Judge queries that the server accepts."""
        ...

    def vet_names(self, sources: Sequence[Source]) -> Iterable[Finding]:
        """Judge which queries there are."""
        ...


def check_files(
    files: Sequence[Path],
    scratch: AbstractContextManager[DeadlineConnection],
    *,
    beside: Iterable[Path] = (),
    vets: Sequence[Vet] = (),
    coverage: Coverage | None = None,
    segments: SegmentRule | None = None,
    route: Route | None = None,
    pages: PageRules | None = None,
    is_live: bool = False,
) -> CheckReport:
    """Vet query files.

    Args:
        files: what is judged.
        scratch: a connection to the scratch database, entered when the files are read.
        beside: files that are read too, for names, types and marks that hold in a whole folder.
        vets: judge what is promised elsewhere.
        coverage: which tables hold keys, and the methods that must know them; None judges no `on:` mark.
        segments: what a segment must be; None judges no `segment:` mark.
        route: how rows are distributed; None judges no `routed` mark.
        pages: what the marks of pages may name; None judges none of them.
        is_live: True if `scratch` is a database in use: the server only describes the queries there. What needs a plan
            (GS207, GS5xx), or something made in the database (GS302, GS306 and GS307), is not judged.

    Returns:
        What breaks a rule and is not suppressed.

    Raises:
        GuestSQLError: the scratch database could not be made, unless the files under check are the reason.
    """
    chosen = set(files)
    # Of two equal names the later is reported: that of the files that are judged.
    sources = read_sources([*(file for file in beside if file not in chosen), *files])
    judged = [source for source in sources if source.file in chosen]
    found = [finding for source in judged for finding in _read_alone(source)]
    found += vet_names(sources)
    subjects = [subject for source in sources for subject in source.subjects]
    if coverage is not None:
        found += vet_hook_marks(subjects, coverage.hooks)
    if segments is not None:
        found += vet_segment_marks(subjects)
    if pages is not None:
        found += [finding for source in judged for finding in vet_file_marks(source)]
        found += vet_page_marks(subjects, pages)
        found += vet_metrics(subjects, pages.others)
    of_tables: list[Finding] = []
    try:
        with scratch as connection:
            said, scopes, more = _ask(
                connection, sources, subjects, chosen, segments=segments, route=route, pages=pages, is_live=is_live
            )
            found += more
            if coverage is not None:
                understood = [
                    Understood(subject.query, answer.by_index, scopes.get(subject.query))
                    for subject, answer in zip(subjects, said, strict=True)
                    if isinstance(answer, Accepted)
                ]
                of_tables = list(vet_coverage(connection, coverage, sources, understood))
            accepted = [
                subject
                for subject, answer in zip(subjects, said, strict=True)
                if isinstance(answer, Accepted) and subject.query.file in chosen
            ]
            for vet in vets:
                found += vet.vet(connection, accepted)
                found += vet.vet_names(sources)
    except QueryFileError:
        # A file that the check itself needs cannot be read. If it is among these, it has been reported.
        if not any(finding.file in chosen for finding in found):
            raise
        said = []
    # A statement that does not parse may not end either: one slip, reported once.
    broken = {(each.file, each.line, each.query) for each in found if each.rule == "GS201"}
    found = [each for each in found if each.rule != "GS108" or (each.file, each.line, each.query) not in broken]
    kept = [finding for finding in _excepted(found, subjects, said) if finding.file in chosen]
    if is_live:  # of a rule that is not judged, the suppression looks unused
        kept = [finding for finding in kept if finding.rule != "GS008"]
    count = sum(len(source.queries) + len(source.faults) for source in judged)
    # A table is in no query file.
    kept += [finding for finding in of_tables if finding.file in chosen or finding.rule == "GS801"]
    judged += read_texts({finding.file for finding in kept} - chosen)
    return CheckReport(sorted(kept, key=lambda finding: finding.order), judged, count)


def _read_alone(source: Source) -> Iterator[Finding]:
    """Apply the rules that need no server."""
    for finding in vet_text(source):
        yield quoted_unused(source, finding) if finding.rule == "GS102" else finding
    yield from vet_for_psql(source)
    for subject in source.subjects:
        yield from vet_parameters(subject)
        yield from vet_statement(subject)
        yield from vet_connection(subject)
        yield from vet_commit(subject)


def _ask(
    connection: DeadlineConnection,
    sources: Sequence[Source],
    subjects: Sequence[Subject],
    chosen: Collection[Path],
    *,
    segments: SegmentRule | None,
    route: Route | None,
    pages: PageRules | None,
    is_live: bool,
) -> tuple[list[Accepted | Refused], dict[Query, Scope | None], list[Finding]]:
    """Apply the rules that need a server."""
    beside = {subject.query for subject in subjects if subject.query.file not in chosen}
    unplanned = {subject.query for subject in subjects if is_live} | {query for query in beside if not hooks_of(query)}
    try:
        said = ask_server(connection, [subject.query for subject in subjects], beside=unplanned)
    except psycopg.Error as error:
        raise translate(error, "") from error
    types = {each.type for subject in subjects for each in subject.query.parameters if each.type is not None}
    tables = read_tables(connection, types)
    marked = {} if pages is None else charted(subjects, said)
    type_names = _type_names(connection, said, tables, marked.values())
    found = list(_vet_marks(sources, tables))
    scopes = _read_scopes(connection, subjects, said, type_names)
    judge = RowJudge(lambda table, number: (table, number) in tables.few_values)
    large = {table for source in sources for table in source.marks.large}
    for subject, answer in zip(subjects, said, strict=True):
        if subject.query in beside:
            continue
        if isinstance(answer, Refused):
            refusal = refused(subject, answer, tables)
            if not _follows(subject, answer, refusal):
                found.append(refusal)
            continue
        found += vet_returned(subject, answer, tables, scopes.get(subject.query), judge)
        found += vet_read_only(subject, answer)
        found += vet_plan(subject, answer, tables, large)
        if route is not None:
            found += vet_routed(subject, answer, scopes.get(subject.query), tables, route)
        found += vet_parameter_types(subject, answer, tables, type_names)
        if segments is not None:
            found += vet_segment(subject, answer, tables, segments)
        if pages is not None:
            found += vet_page_columns(subject, marked, type_names, pages)
    found += vet_same_names(subjects, said, tables, type_names)
    return said, scopes, found


def _follows(subject: Subject, answer: Refused, refusal: Finding) -> bool:
    """Return True if another rule has already reported what the server refuses."""
    reported = list(vet_parameters(subject))
    if answer.sqlstate in _TYPELESS:
        return bool(reported)
    if answer.position is None:  # a value that only the planner reads, such as a time zone
        return answer.sqlstate.startswith("22") and any(each.rule == "GS105" for each in reported)
    return answer.sqlstate in _FOLLOWING and any(each.line == refusal.line for each in reported)


def _read_scopes(
    connection: DeadlineConnection,
    subjects: Sequence[Subject],
    said: Sequence[Accepted | Refused],
    type_names: Mapping[int, str],
) -> dict[Query, Scope | None]:
    """Return the analysed form of each query that the server can plan."""
    known = [
        (subject.query, [type_names[oid] for oid in answer.parameter_types])
        for subject, answer in zip(subjects, said, strict=True)
        if isinstance(answer, Accepted) and answer.by_index is not None
    ]
    queries = [query for query, _ in known]
    return dict(zip(queries, read_scopes(connection, queries, [types for _, types in known]), strict=True))


def _type_names(
    connection: DeadlineConnection,
    said: Iterable[Accepted | Refused],
    tables: Tables,
    marked: Iterable[Sequence[ResultColumn]],
) -> dict[int, str]:
    oids = {column.type_oid for columns in marked for column in columns}
    oids |= {oid for each in said if isinstance(each, Accepted) for oid in each.parameter_types}
    oids |= {oid for oid in tables.types.values() if oid is not None}
    return type_names(connection, oids)


def _vet_marks(sources: Iterable[Source], tables: Tables) -> Iterator[Finding]:
    for source in sources:
        for table, (line, column) in source.marks.large.items():
            if table.rpartition(".")[2] not in tables.tables:
                yield source.finding(line, column, "GS007", f"there is no table {table}", "name a table of the schema")


def _excepted(
    found: Iterable[Finding], subjects: Sequence[Subject], said: Sequence[Accepted | Refused]
) -> Iterator[Finding]:
    """Leave out what is suppressed, and report suppressions that are unused."""
    used: set[tuple[Path, int]] = set()
    unjudged: set[tuple[Path, int]] = set()
    owners: dict[tuple[Path, str], list[Subject]] = defaultdict(list)
    for subject in subjects:
        owners[subject.query.file, subject.query.name].append(subject)
    for finding in found:
        owner = _owner(finding, owners.get((finding.file, finding.query), ()))
        line = None if owner is None else _allowed(owner, finding.rule)
        if line is None:
            yield finding
        else:
            used.add((finding.file, line))
        if owner is not None and finding.rule in _OTHER_OPERATOR:
            unjudged.add((finding.file, owner.query.line))
    for subject, answer in zip(subjects, said, strict=False):
        if isinstance(answer, Refused) or (subject.query.file, subject.query.line) in unjudged:
            continue  # the answer of the other rules is unknown
        for allowance in subject.marks.allowances:
            if (subject.query.file, allowance.line) not in used:
                message = f"unused suppression: {subject.query.name} does not break {allowance.code}"
                yield subject.on(allowance.line, allowance.column, "GS008", message, "remove the line")


def _owner(finding: Finding, named: Sequence[Subject]) -> Subject | None:
    """Return the query of a finding: of several with one name the last that begins above it."""
    above = [subject for subject in named if subject.query.line <= finding.line]
    return above[-1] if above else next(iter(named), None)


def _allowed(subject: Subject, rule: str) -> int | None:
    """Return the line that suppresses a rule in a query."""
    if rule in _NEVER_EXCEPTED:
        return None
    return next((allowance.line for allowance in subject.marks.allowances if allowance.code == rule), None)
