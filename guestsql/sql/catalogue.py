"""The catalogue: every named query of a folder of `.sql` files, checked without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from guestsql.errors import QueryFileError
from guestsql.sql.query import Query
from guestsql.sql.reading import read_queries
from guestsql.wording import counted

__all__ = [
    "Catalogue",
    "InUse",
    "Reader",
    "default_directory",
    "internal_directory",
    "is_packaged",
    "query_files",
    "read_packaged",
    "scan_directory",
]

Reader = Callable[[bytes, Path], tuple[list[Query], list[QueryFileError]]]


class Catalogue(Mapping[str, Query]):
    """The queries by name, in the order of the files' names and of the lines in them.

    Args:
        queries: the queries, their names unique.
    """

    def __init__(self, queries: Iterable[Query]) -> None:
        self._queries = {query.name: query for query in queries}

    def __getitem__(self, name: str) -> Query:
        return self._queries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    def __len__(self) -> int:
        return len(self._queries)

    def __repr__(self) -> str:
        return f"Catalogue({counted(len(self), 'query', 'queries')})"


class InUse:
    """The catalogue in use, which a running bot replaces by another, as a whole.

    Attributes:
        catalogue: the caller's queries; to be read once for each use of it.
        internal: queries that only the package itself runs.
    """

    def __init__(self, catalogue: Catalogue, internal: Catalogue | None = None) -> None:
        self.catalogue = catalogue
        self.internal = Catalogue(()) if internal is None else internal

    @property
    def all(self) -> Catalogue:
        """The queries of both."""
        return Catalogue([*self.internal.values(), *self.catalogue.values()])


@cache
def default_directory() -> Path:
    """The folder of query files that belongs to this package.

    Returns:
        `guestsql/queries` of an installed wheel, else `queries` beside the package in the source tree.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "queries"
    return installed if installed.is_dir() else package.parent / "queries"


def internal_directory() -> Path:
    """The folder of queries that only the package itself runs: no method, no row class, no overriding."""
    return default_directory() / "internal"


def is_packaged(directory: Path) -> bool:
    """Return True if a folder is the packaged one."""
    packaged = default_directory()
    # The parent of a packaged query's file is spelt like this: no look at the disk is needed.
    return directory == packaged or directory.resolve() == packaged.resolve()


def read_packaged(*names: str) -> Catalogue:
    """Read packaged query files, whatever folder GUESTSQL_QUERIES_DIR names and however broken the others are.

    Args:
        names: paths in the packaged folder, such as `internal/migrations.sql`.

    Raises:
        QueryFileError: one of these files is broken.
    """
    found: list[Query] = []
    for name in names:
        path = default_directory() / name
        queries, errors = read_queries(path.read_bytes(), path)
        if errors:
            raise errors[0]
        found += queries
    return Catalogue(found)


def query_files(directory: Path) -> list[Path]:
    """The query files of a folder: `*.sql` directly in it, sorted by name.

    Raises:
        OSError: the folder cannot be read.
    """
    # Editors keep their locks and drafts as hidden files.
    return sorted(file for file in directory.iterdir() if file.suffix == ".sql" and not file.name.startswith("."))


def scan_directory(
    directory: Path, *, read: Reader = read_queries, may_be_empty: bool = False
) -> tuple[Catalogue, list[QueryFileError]]:
    """Load what can be loaded, and collect what is wrong.

    Args:
        directory: the folder.
        read: makes queries and errors of a file's content and path.
        may_be_empty: a folder without an SQL file is not an error.

    Returns:
        The queries without a fault, and the errors by file and line: one for each query at most, and one for a
        file that cannot be read at all.
    """
    try:
        files = query_files(directory)
    except OSError as error:
        return Catalogue(()), [_unreadable(directory, error)]
    if not files and not may_be_empty:
        hint = "put your .sql files there, or name another folder"
        return Catalogue(()), [QueryFileError("no *.sql file in this folder", file=directory, hint=hint, rule="GS001")]
    queries: dict[str, Query] = {}
    errors: list[QueryFileError] = []
    for file in files:
        try:
            data = file.read_bytes()
        except OSError as error:
            errors.append(_unreadable(file, error))
            continue
        found, wrong = read(data, file)
        for query in found:
            if query.name in queries:
                wrong.append(_duplicate(query, queries[query.name]))
            queries.setdefault(query.name, query)
        errors.extend(sorted(wrong, key=lambda error: error.line or 0))
    return Catalogue(queries.values()), errors


def _duplicate(query: Query, first: Query) -> QueryFileError:
    return QueryFileError(
        f"query {query.name} is defined here and at {first.file}:{first.line}",
        file=query.file,
        line=query.line,
        column=query.column,
        hint="a name must be unique in the whole folder: rename one",
        rule="GS005",
    )


def _unreadable(path: Path, error: OSError) -> QueryFileError:
    return QueryFileError(
        f"cannot be read: {error.strerror or error}",
        file=path,
        hint="the folder of .sql files and each file in it must be readable",
        rule="GS001",
    )
