"""The findings of `guestsql check` for one file, as far as a database in use shows them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import psycopg

from guestsql.adhoc.target import Target
from guestsql.check import RULES, Finding, check_files
from guestsql.check.pages import PageRules
from guestsql.check.rules import is_advisory
from guestsql.ops.gauges.personal import personal_columns
from guestsql.sql import Query
from guestsql.sql._sync.connection import DeadlineConnection, connect
from guestsql.sql.translate import translate

__all__ = ["ShownFinding", "Vetted", "file_version", "vet_file"]

_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """A finding as a page shows it.

    Attributes:
        rule: its code, such as "GS203".
        asks: what the rule asks for.
        place: line and column in the file.
        message: what is wrong.
        hint: how to fix it, or "".
        is_advisory: True if it does not fail the check.
    """

    rule: str
    asks: str
    place: str
    message: str
    hint: str
    is_advisory: bool


@dataclass(frozen=True, slots=True)
class Vetted:
    """A file that was checked.

    Attributes:
        file: its path, as `guestsql check` takes it.
        findings: those of each query by its name; those outside queries by "".
    """

    file: Path
    findings: dict[str, tuple[ShownFinding, ...]]

    def of(self, query: str) -> tuple[ShownFinding, ...]:
        """Return the findings of a query, and those of its file's head.

        Args:
            query: its name.
        """
        return self.findings.get("", ()) + self.findings.get(query, ())


def file_version(file: Path) -> tuple[int, int]:
    """Return what changes when a file is written; zeros for one that cannot be read.

    Args:
        file: its path.
    """
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def vet_file(target: Target, file: Path, catalogue: Mapping[str, Query]) -> Vetted:
    """Check a file: nothing is planned, run or made in the database.

    Args:
        target: the server. A transaction pooler keeps no prepared statement, and cannot be asked.
        file: its path.
        catalogue: the queries that a mark may name.

    Raises:
        GuestSQLError: the server cannot be reached, or is behind a transaction pooler.
    """
    pages = PageRules(personal_columns(packaged=target.settings.packaged), catalogue)
    try:
        report = check_files([file], _reading(target), pages=pages, is_live=True)
    except psycopg.Error as error:
        raise translate(error, "") from error
    found: dict[str, tuple[ShownFinding, ...]] = {}
    for finding in report.findings:
        found[finding.query] = (*found.get(finding.query, ()), _shown(finding))
    return Vetted(file, found)


@contextmanager
def _reading(target: Target) -> Generator[DeadlineConnection]:
    with closing(connect(target.settings, target.url, session=True)) as connection:
        connection.deadline = monotonic() + _SECONDS
        connection.execute("SET default_transaction_read_only = on")
        yield connection


def _shown(finding: Finding) -> ShownFinding:
    place = f"{finding.line}:{finding.column}"
    advisory = is_advisory(finding.rule)
    return ShownFinding(finding.rule, RULES[finding.rule], place, finding.message, finding.hint, advisory)
