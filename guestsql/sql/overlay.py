"""An own folder of queries on top of the packaged ones: what it adds, and what it replaces.

An own query with the name of a packaged one replaces it when it says so, see `guestsql/sql/overrides.py`. Otherwise the
name is used twice, which is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from guestsql.errors import QueryFileError
from guestsql.sql.catalogue import Catalogue, Reader, default_directory, is_packaged, scan_directory
from guestsql.sql.hooks import hooks_of
from guestsql.sql.operation import is_read
from guestsql.sql.overrides import override_mark, parse_override, query_digest
from guestsql.sql.reading import read_queries
from guestsql.sql.signature import call_differences

if TYPE_CHECKING:
    from guestsql.sql.head import Mark
    from guestsql.sql.query import Query

__all__ = ["lay_over", "load_catalogue", "scan_queries"]

_FORM = "write -- overrides: NAME sha256:DIGEST, as guestsql query eject NAME does"


def load_catalogue(
    own: Path | None = None, *, packaged: bool = True, reserved: Collection[str] = (), read: Reader = read_queries
) -> Catalogue:
    """Load the packaged queries, an own folder, or both.

    Args:
        own: a folder of queries; only `*.sql` directly in it are read, sorted by name.
        packaged: load the packaged queries too.
        reserved: names of queries that only the package itself runs.
        read: makes queries and errors of a file's content and path.

    Raises:
        QueryFileError: the first thing that is wrong, with its file, line and column.
    """
    catalogue, errors = scan_queries(own, packaged=packaged, reserved=reserved, read=read)
    if errors:
        raise errors[0]
    return catalogue


def scan_queries(
    own: Path | None = None, *, packaged: bool = True, reserved: Collection[str] = (), read: Reader = read_queries
) -> tuple[Catalogue, list[QueryFileError]]:
    """Load what can be loaded, as `load_catalogue`, and collect what is wrong.

    Returns:
        The queries without a fault, in the order of their files, and the errors.
    """
    shipped, errors = scan_directory(default_directory(), read=read) if packaged else (Catalogue(()), [])
    if own is None or (packaged and is_packaged(own)):
        if not packaged:
            hint = "set GUESTSQL_QUERIES_DIR, or queries in [tool.guestsql] of pyproject.toml"
            errors.append(QueryFileError("there is no folder of queries", hint=hint, rule="GS001"))
        return shipped, errors
    found, wrong = scan_directory(own, read=read, may_be_empty=packaged)
    queries, clashes = lay_over(shipped, found, reserved)
    ordered = sorted(queries, key=lambda query: (query.file, query.line))
    return Catalogue(ordered), [*wrong, *clashes, *errors]


def lay_over(
    packaged: Mapping[str, Query], own: Mapping[str, Query], reserved: Collection[str] = ()
) -> tuple[list[Query], list[QueryFileError]]:
    """Add own queries to the packaged ones.

    Args:
        packaged: the packaged queries.
        own: those of an own folder.
        reserved: names of queries that only the package itself runs.

    Returns:
        All queries that can be used, and an error for each own query that cannot.
    """
    found = dict(packaged)
    errors: list[QueryFileError] = []
    for name, query in own.items():
        error = _refusal(query, packaged.get(name), is_reserved=name in reserved)
        if error is None:
            found[name] = query
        else:
            errors.append(error)
    return list(found.values()), errors


def _refusal(query: Query, original: Query | None, *, is_reserved: bool) -> QueryFileError | None:
    """Why an own query cannot be used beside the packaged ones; None when it can."""
    if is_reserved:
        message = f"query {query.name} has the name of one that only guestsql itself runs"
        return _error(query, message, "it cannot be overridden: choose another name", rule="GS005")
    mark = override_mark(query)
    fault = None if mark is None else _mark_fault(query, mark)
    if fault is not None or original is None:
        return fault
    if mark is None:
        return _duplicate(query, original)
    differences = list(_differences(original, query))
    if not differences:
        return None
    message = f"the override of {query.name} cannot replace it: {'; '.join(differences)}"
    hint = f"guestsql calls it as {original.file}:{original.line} declares it"
    return _error(query, message, hint, rule="GS010")


def _mark_fault(query: Query, mark: Mark) -> QueryFileError | None:
    stated = parse_override(mark)
    if stated is None:
        return _error(query, f"the overrides: line of query {query.name} cannot be read", _FORM, mark)
    if stated[0] != query.name:
        message = f"query {query.name} says that it overrides {stated[0]}"
        return _error(query, message, "give an override the name of the query that it replaces", mark)
    second = next((each for each in query.marks if each.word == "overrides" and each is not mark), None)
    if second is not None:
        return _error(query, f"query {query.name} has two overrides: lines", "remove one of them", second)
    return None


def _duplicate(query: Query, original: Query) -> QueryFileError:
    digest = query_digest(original)
    way = f"to replace the packaged query, write -- overrides: {query.name} {digest} below its name"
    return QueryFileError(
        f"query {query.name} is defined here and at {original.file}:{original.line}",
        file=query.file,
        line=query.line,
        column=query.column,
        hint=f"remove it, because it does the same; {way}" if query_digest(query) == digest else f"rename it; {way}",
        rule="GS005",
    )


def _differences(original: Query, query: Query) -> Iterator[str]:
    """What a caller of the packaged query would notice, as far as the files say; it may take more with a default."""
    optional = {f"parameter {each.name} is new" for each in query.parameters if each.default is not None}
    yield from (each for each in call_differences(original, query) if each not in optional)
    yield from (f"it lacks -- on: {text}" for text in _marks(original) - _marks(query))
    yield from (f"it lacks -- segment: {text}" for text in _segments(original) - _segments(query))
    if is_read(original.tokens) and not is_read(query.tokens):
        yield "it writes or locks rows, and the packaged query only reads"
    if query.commits_async and not original.commits_async:
        yield "it has -- commit: async, and the packaged query waits for the disk"


def _marks(query: Query) -> set[str]:
    return {f"{hook}, last" if is_last else hook for hook, is_last in hooks_of(query).items()}


def _segments(query: Query) -> set[str]:
    return {mark.text for mark in query.marks if mark.word == "segment"}


def _error(query: Query, message: str, hint: str, mark: Mark | None = None, rule: str = "GS009") -> QueryFileError:
    line, column = (query.line, query.column) if mark is None else (mark.line, mark.column)
    return QueryFileError(message, file=query.file, line=line, column=column, hint=hint, rule=rule)
