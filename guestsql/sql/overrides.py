"""Own queries that replace packaged ones, and what becomes of them when a release changes the packaged query.

A comment below the name says so::

    -- overrides: build_context sha256:1a2b3c4d5e6f7081

The digest is that of the packaged query when the override was written. When a release changes the packaged query, the
digests differ: the override stays in use, and `guestsql check`, `guestsql doctor` and a log event report it. The folder
originals/ keeps the packaged query as it was, so that the report can show what has changed.
"""

from __future__ import annotations

import difflib
import hashlib
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from guestsql.errors import GuestSQLError
from guestsql.sql.catalogue import Catalogue, default_directory, scan_directory
from guestsql.sql.page_marks import PAGE_WORDS
from guestsql.sql.reading import read_queries
from guestsql.telemetry.log import event

if TYPE_CHECKING:
    from guestsql.sql.head import Mark
    from guestsql.sql.query import Query

__all__ = [
    "ORIGINALS",
    "Outdated",
    "accept_original",
    "eject_query",
    "find_outdated",
    "override_mark",
    "parse_override",
    "query_digest",
    "query_text",
    "warn_outdated",
]

ORIGINALS = "originals"
"""The folder below an own one with the packaged queries as they were when they were overridden."""

_DIGITS = 16
_OVERRIDES = re.compile(r"(?P<name>[a-z]\w*)(?:\s+sha256:(?P<digest>[0-9a-f]{16,64}))?")
# They do not change what the query does.
_IDLE_MARKS = frozenset({"check", "overrides", *PAGE_WORDS} - {"cache"})


@dataclass(frozen=True, slots=True)
class Outdated:
    """An override whose packaged query has changed, is gone, or is not stated.

    Attributes:
        query: the override.
        original: the packaged query, or None when this release has none of the name.
        message: what is wrong, on one line.
        advice: what to do about it.
        diff: what has changed, as lines of `diff -u`; empty when nothing can be compared.
    """

    query: Query
    original: Query | None
    message: str
    advice: str
    diff: tuple[str, ...] = ()


def override_mark(query: Query) -> Mark | None:
    """Return the `overrides:` line of a query, or None."""
    return next((mark for mark in query.marks if mark.word == "overrides"), None)


def parse_override(mark: Mark) -> tuple[str, str | None] | None:
    """Read an `overrides:` line.

    Returns:
        The name and the digits of the digest, None when it has none; None when the line cannot be read.
    """
    found = _OVERRIDES.fullmatch(mark.text)
    return None if found is None else (found["name"], found["digest"])


def query_digest(query: Query) -> str:
    """Return the digest of what a query does: blank space, prose, and marks that do not change that do not count.

    Args:
        query: the query.

    Returns:
        `sha256:` and 16 hexadecimal digits.
    """
    parameters = (f"{each.name}: {each.type} = {each.default}" for each in query.parameters)
    marks = sorted(f"{mark.word}: {mark.text}" for mark in query.marks if mark.word not in _IDLE_MARKS)
    sql = (token.text for token in query.tokens if not token.is_blank)
    text = "\n".join([query.name_line, *parameters, *marks, *sql])
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"


def query_text(query: Query) -> str:
    """Return a query as its file has it: name line, comments and SQL, with a semicolon and a line feed at the end.

    Raises:
        OSError: the file cannot be read.
    """
    lines = query.file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    first, _ = query.locate(1)
    return "".join(f"{line}\n" for line in lines[query.line - 1 : first - 1]) + f"{query.source};\n"


def eject_query(original: Query, folder: Path) -> list[Path]:
    """Copy a packaged query into an own folder, marked as its override.

    Args:
        original: the packaged query.
        folder: the own folder.

    Returns:
        The files that were written: the override, and the packaged query as it is now.

    Raises:
        GuestSQLError: the file exists already, or cannot be written.
    """
    file = folder / f"{original.name}.sql"
    if file.exists():
        raise GuestSQLError(f"{file} exists already", hint="rename or remove it")
    text = query_text(original)
    head = "".join(f"-- {mark.word}: {mark.text}\n" for mark in original.file_marks)
    begin = text.rindex(original.source)
    mark = f"-- overrides: {original.name} {query_digest(original)}\n"
    _write(file, f"{head}\n{text[:begin]}{mark}{text[begin:]}".lstrip("\n"))
    return [file, _keep_original(original, folder)]


def accept_original(override: Query, original: Query) -> list[Path]:
    """Record the packaged query as it is now in an override of it.

    Args:
        override: the own query.
        original: the packaged query.

    Returns:
        The files that were written.

    Raises:
        GuestSQLError: a file cannot be written, or the override has no `overrides:` line.
    """
    mark = override_mark(override)
    if mark is None:
        raise GuestSQLError(f"query {override.name} at {override.file}:{override.line} has no overrides: line")
    lines = override.file.read_bytes().decode("utf-8-sig").split("\n")
    line = lines[mark.line - 1]
    ending = "\r" if line.endswith("\r") else ""
    lines[mark.line - 1] = f"{line[: mark.column - 1]}{original.name} {query_digest(original)}{ending}"
    _write(override.file, "\n".join(lines))
    return [override.file, _keep_original(original, override.file.parent)]


def find_outdated(queries: Iterable[Query]) -> Iterator[Outdated]:
    """Yield the overrides whose original has changed, is gone, or is not stated.

    Args:
        queries: own queries; others are passed over.
    """
    marked = [(query, mark) for query in queries if (mark := override_mark(query)) is not None]
    packaged = scan_directory(default_directory())[0] if marked else Catalogue(())
    for query, mark in marked:
        stated = parse_override(mark)
        original = packaged.get(query.name)
        if original is None:
            message = f"it overrides {query.name}, which guestsql no longer has"
            yield Outdated(query, None, message, "guestsql does not call it: remove the overrides: line, or the query")
        elif stated is None or stated[1] is None:
            advice = f"write -- overrides: {query.name} {query_digest(original)}"
            yield Outdated(query, original, "its overrides: line has no digest, so a change would go unnoticed", advice)
        elif not _has_digest(original, stated[1]):
            yield _changed(query, original, stated[1])


def warn_outdated(queries: Iterable[Query]) -> None:
    """Log a warning for each of `find_outdated`."""
    for each in find_outdated(queries):
        event(
            logging.WARNING,
            "QUERY_OVERRIDE_OUTDATED",
            f"{each.message}; the override is in use, guestsql check shows what has changed",
            query=each.query.name,
            file=each.query.file,
            line=each.query.line,
        )


def _has_digest(query: Query, digest: str) -> bool:
    return query_digest(query) == f"sha256:{digest[:_DIGITS]}"


def _changed(query: Query, original: Query, digest: str) -> Outdated:
    kept = _kept_original(query, digest)
    new = f"{query.name} in this release of guestsql"
    diff = difflib.unified_diff(
        query_text(query if kept is None else kept).splitlines(),
        query_text(original).splitlines(),
        str(query.file) if kept is None else f"{query.name} when it was overridden",
        new,
        lineterm="",
    )
    message = f"guestsql has changed {query.name} since this override was written"
    if kept is None:
        message += f"; the diff is between the two queries, because {ORIGINALS}/{query.name}.sql does not hold it"
    return Outdated(
        query,
        original,
        message,
        f"apply the changes that you need, then run guestsql query eject {query.name} --accept",
        tuple(diff),
    )


def _kept_original(query: Query, digest: str) -> Query | None:
    """The packaged query as it was when it was overridden."""
    file = query.file.parent / ORIGINALS / f"{query.name}.sql"
    try:
        found, _ = read_queries(file.read_bytes(), file)
    except OSError:
        return None
    return next((each for each in found if _has_digest(each, digest)), None)


def _keep_original(original: Query, folder: Path) -> Path:
    file = folder / ORIGINALS / f"{original.name}.sql"
    about = f"-- {original.name} as it was when it was overridden: guestsql compares it with later releases.\n\n"
    _write(file, about + query_text(original))
    return file


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text.encode())
    except OSError as error:
        raise GuestSQLError(f"{file} cannot be written: {error.strerror or error}") from error
