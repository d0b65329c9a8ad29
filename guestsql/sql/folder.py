"""A folder of query files that is looked at again and again while a bot runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from guestsql.errors import QueryFileError
from guestsql.sql.catalogue import Catalogue, Reader, load_catalogue, query_files, scan_directory
from guestsql.sql.head import name_at
from guestsql.sql.query import Query
from guestsql.sql.reading import read_queries

__all__ = ["Folder", "Scan", "read_folder"]

# What tells one state of a file from another. Links are followed: a Kubernetes ConfigMap changes by a link alone.
_State = tuple[int, ...]
_States = dict[Path, _State]


class Scan(NamedTuple):
    """What stands in the folder.

    Attributes:
        catalogue: the queries without a fault.
        errors: the first fault of each other query, and what concerns a whole file or the folder.
        states: what tells each file's content from an earlier one.
    """

    catalogue: Catalogue
    errors: list[QueryFileError]
    states: _States

    def state(self, file: Path | None) -> _State | None:
        """Return what tells a file's content from an earlier one; None for what is no file of the folder."""
        return None if file is None else self.states.get(file)


class Folder:
    """Tells when the files of a folder have changed, and come to rest.

    Its methods block, and are for one thread at a time. Files are compared by what the file system says of them, not by
    its notifications: those do not come from network file systems, nor for a link that is turned to another folder.

    Args:
        directory: the folder.
        read: makes queries and errors of a file's content and path.
    """

    def __init__(self, directory: Path, read: Reader = read_queries) -> None:
        self.directory = directory
        self._read = read
        self._known: _States | None = None
        self._seen: _States | None = None
        self._contents: dict[Path, bytes] = {}

    def changed(self) -> Scan | None:
        """Return what stands in the folder, once for each change.

        A file that was seen to change is read when it is the same in the next look too, and after the reading: an
        editor may still be writing it.

        Returns:
            None when nothing has changed, or not come to rest yet.
        """
        now = self._look()
        at_rest, self._seen = now == self._seen, now
        if now == self._known or not at_rest:
            return None
        catalogue, errors = scan_directory(self.directory, read=self.read)
        self._seen = self._look()
        if self._seen != now:
            return None
        self._known = now
        return Scan(catalogue, errors, now)

    def forget(self) -> None:
        """Count what stands there as a change."""
        self._known = None

    def read(self, data: bytes, file: Path) -> tuple[list[Query], list[QueryFileError]]:
        """Read a file's queries, and remember its text."""
        self._contents[file] = data
        return self._read(data, file)

    def query_at(self, file: Path | None, line: int | None) -> str | None:
        """Return the name of the query in which a line stands, as it was read last; None when there is none.

        Args:
            file: a file of the folder.
            line: 1-based.
        """
        if file is None or line is None:
            return None
        text = self._contents.get(file, b"").decode("utf-8-sig", "replace").replace("\r\n", "\n")
        return name_at(text, line) or None

    def _look(self) -> _States:
        try:
            files = query_files(self.directory)
        except OSError as error:
            return {self.directory: (error.errno or 0,)}
        return {file: _state(file) for file in files}


def read_folder(path: str | os.PathLike[str]) -> tuple[Folder, Catalogue]:
    """Read the queries of a folder that a program names.

    Args:
        path: the folder.

    Raises:
        QueryFileError: it is no folder, has no `.sql` file, or a file is unusable.
    """
    directory = Path(path)
    if not directory.is_dir():
        what = "this is a file, not a folder" if directory.exists() else "there is no such folder"
        raise QueryFileError(what, file=directory.absolute(), hint="pass the folder of your .sql files as queries")
    folder = Folder(directory)
    return folder, load_catalogue(directory, read=folder.read)


def _state(file: Path) -> _State:
    try:
        known = file.stat()
    except OSError as error:
        return (error.errno or 0,)
    return known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns, known.st_ctime_ns
