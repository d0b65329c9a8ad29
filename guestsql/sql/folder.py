"""Folders of query files that are watched while a bot runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from guestsql.errors import QueryFileError, SettingsError
from guestsql.sql.catalogue import Catalogue, Reader, default_directory, is_packaged, query_files
from guestsql.sql.head import name_at
from guestsql.sql.overlay import load_catalogue, scan_queries
from guestsql.sql.query import Query
from guestsql.sql.reading import read_queries

__all__ = ["FileStates", "Folder", "Scan", "file_states", "read_folder", "require_address"]

# What distinguishes one state of a file from another. Links are followed: in a ConfigMap only a link changes.
_State = tuple[int, ...]
FileStates = dict[Path, _State]
"""A state for each query file; for a folder that cannot be read, why."""

_DEFAULT = "queries"


class Scan(NamedTuple):
    """What is in the folders.

    Attributes:
        catalogue: the queries without a fault.
        errors: the first fault of each other query, and what concerns a whole file or a folder.
        states: what distinguishes each file's content from an earlier one.
    """

    catalogue: Catalogue
    errors: list[QueryFileError]
    states: FileStates

    def state(self, file: Path | None) -> _State | None:
        """Return what distinguishes a file's content from an earlier one; None for other paths."""
        return None if file is None else self.states.get(file)


class Folder:
    """An own folder of queries, with or without the packaged one: reports when files have changed and come to rest.

    Its methods block, and are for one thread at a time. Files are compared by what the file system says of them, not by
    its notifications: those do not come from network file systems, nor for a link that is turned to another folder.

    Args:
        directory: the own folder.
        packaged: the packaged queries are loaded too, and watched.
        reserved: names that no query of the own folder may have.
        read: makes queries and errors of a file's content and path.
    """

    def __init__(
        self,
        directory: Path,
        *,
        packaged: bool = False,
        reserved: Collection[str] = (),
        read: Reader = read_queries,
    ) -> None:
        self.directory = directory
        self._packaged = packaged
        self._reserved = reserved
        self._read = read
        both = packaged and not is_packaged(directory)
        self._directories = (directory, default_directory()) if both else (directory,)
        self._known: FileStates | None = None
        self._seen: FileStates | None = None
        self._contents: dict[Path, bytes] = {}

    def load(self) -> Catalogue:
        """Load the queries.

        Raises:
            QueryFileError: the first thing that is wrong.
        """
        return load_catalogue(self.directory, packaged=self._packaged, reserved=self._reserved, read=self.parse)

    def changed(self) -> Scan | None:
        """Return what is in the folders, once for each change.

        A file that was seen to change is read when it is the same in the next look too, and after the reading: an
        editor may still be writing it.

        Returns:
            None when nothing has changed, or not come to rest yet.
        """
        now = file_states(self._directories)
        at_rest, self._seen = now == self._seen, now
        if now == self._known or not at_rest:
            return None
        catalogue, errors = scan_queries(
            self.directory, packaged=self._packaged, reserved=self._reserved, read=self.parse
        )
        self._seen = file_states(self._directories)
        if self._seen != now:
            return None
        self._known = now
        return Scan(catalogue, errors, now)

    def forget(self) -> None:
        """Count what is there as a change."""
        self._known = None

    def parse(self, data: bytes, file: Path) -> tuple[list[Query], list[QueryFileError]]:
        """Read a file's queries and remember its text for `query_at`."""
        self._contents[file] = data
        return self._read(data, file)

    def query_at(self, file: Path | None, line: int | None) -> str | None:
        """Return the name of the query that a line belongs to, as it was read last; None when there is none.

        Args:
            file: a file of the folder.
            line: 1-based.
        """
        if file is None or line is None:
            return None
        text = self._contents.get(file, b"").decode("utf-8-sig", "replace").replace("\r\n", "\n")
        return name_at(text, line) or None


def file_states(directories: Iterable[Path]) -> FileStates:
    """Return what distinguishes the content of each query file from an earlier one.

    Args:
        directories: the folders.
    """
    found: FileStates = {}
    for directory in directories:
        try:
            found |= {file: _state(file) for file in query_files(directory)}
        except OSError as error:
            found[directory] = (error.errno or 0,)
    return found


def read_folder(path: str | os.PathLike[str] | None, configured: Path | None = None) -> tuple[Folder, Catalogue]:
    """Read the queries of a program's folder.

    Args:
        path: the folder that the program names, or None.
        configured: the folder of its settings, which is used when the program names none.

    Raises:
        QueryFileError: it is not a folder, has no `.sql` file, or a file is unusable.
    """
    if path is not None:
        directory, origin, hint = Path(path), "passed as queries", "pass the folder of your .sql files as queries"
    elif configured is not None:
        directory, origin, hint = configured, "queries_dir of the settings", "correct queries_dir, or pass queries"
    else:
        directory, origin = Path(_DEFAULT), "the default, because none was passed or configured"
        hint = "pass queries, or set GUESTSQL_QUERIES_DIR or queries in [tool.guestsql] of pyproject.toml"
    if not directory.is_dir():
        what = "this is a file, not a folder" if directory.exists() else "there is no such folder"
        raise QueryFileError(f"{what} ({origin})", file=directory.absolute(), hint=hint)
    folder = Folder(directory)
    return folder, folder.load()


def require_address(url: str | None) -> None:
    """Refuse a folder in the place of the address. The text is not quoted: it may hold a password.

    Args:
        url: the first argument of a database.

    Raises:
        SettingsError: it is neither `postgresql://…` nor libpq's `key=value` form.
    """
    if url and "://" not in url and "=" not in url:
        hint = "the folder of your .sql files is the second one: Database(queries=…); the first is postgresql://…"
        raise SettingsError("the first argument is not the address of a database", hint=hint)


def _state(file: Path) -> _State:
    try:
        known = file.stat()
    except OSError as error:
        return (error.errno or 0,)
    return known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns, known.st_ctime_ns
