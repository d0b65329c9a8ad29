"""The catalogue of a running server: it follows the folders of query files."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path
from time import monotonic

from guestsql.errors import QueryFileError
from guestsql.sql import Catalogue
from guestsql.sql.catalogue import default_directory, is_packaged
from guestsql.sql.folder import FileStates, file_states
from guestsql.sql.overlay import scan_queries
from guestsql.sql.page_marks import share_spanish

__all__ = ["WatchedCatalogue"]

_LOOK_SECONDS = 0.5


class WatchedCatalogue:
    """The queries of the folders, read again when a file has changed. Looks when asked, twice a second at most.

    Args:
        own: the own folder, or None; it may be made later.
        packaged: the packaged queries are part of it.
        reserved: names that no own query may have.
    """

    def __init__(self, own: Path | None, *, packaged: bool, reserved: Collection[str] = ()) -> None:
        self._own = own
        self._packaged = packaged
        self._reserved = reserved
        self._directories = [default_directory()] if packaged else []
        if own is not None and not (packaged and is_packaged(own)):
            self._directories.append(own)
        self._turn = threading.Lock()
        self._next_look = 0.0
        self._known: FileStates | None = None
        self._failure: QueryFileError | None = None
        self._catalogue = Catalogue(())

    def current(self) -> tuple[Catalogue, QueryFileError | None]:
        """Return the queries, and what is wrong with the files now.

        While a file is broken, all queries stay as they were. At the start the queries without a fault are used.
        """
        with self._turn:
            if monotonic() >= self._next_look:
                states = file_states(self._directories)
                if states != self._known:
                    self._read()
                self._known = states
                self._next_look = monotonic() + _LOOK_SECONDS
            return self._catalogue, self._failure

    def is_own(self, file: Path) -> bool:
        """Return True if a query file belongs to the own folder."""
        return self._own is not None and file.parent == self._own

    def _read(self) -> None:
        own = self._own if self._own is not None and self._own.is_dir() else None
        queries, errors = scan_queries(own, packaged=self._packaged, reserved=self._reserved)
        self._failure = errors[0] if errors else None
        if not errors or self._known is None:
            self._catalogue = Catalogue(share_spanish(queries.values()))
