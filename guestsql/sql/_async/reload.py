"""Takes up edited query files while a bot runs: tried on a connection of its own first, then exchanged all at once.

What may be exchanged, and why a file is the unit: `guestsql/sql/edits.py` and docs/reload.md.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path
from time import monotonic

from guestsql.errors import DatabaseError, QueryFileError
from guestsql.settings import Settings
from guestsql.sql import (
    Edit,
    Edits,
    Folder,
    InUse,
    Query,
    Refusal,
    Scan,
    Signature,
    changed_signature,
    is_packaged,
    server_differences,
    warn_outdated,
)
from guestsql.sql._async.connection import AsyncDeadlineConnection, connect
from guestsql.sql._async.describe import signature_of
from guestsql.sql._async.executor import AsyncExecutor
from guestsql.sql.runtime import AsyncTicker, async_in_thread
from guestsql.telemetry.log import event

__all__ = ["AsyncReloader"]

# An edit is not worth as long a wait as a call; and closing waits for one that is being tried.
_LONGEST_SECONDS = 5.0
# A server that could not be asked is asked again; and so is one that refused, for a migration may follow the edit.
_UNREACHABLE_SECONDS = 1.0
_REFUSED_SECONDS = 10.0
# Of the queries in use: between two lots an edit may have its turn.
_ASKED_AT_ONCE = 20


class AsyncReloader:
    """Looks at the folder of query files again and again, and exchanges what has changed for the better.

    Args:
        settings: how often to look, and the time to connect.
        url: the server on which edits are tried.
        folder: the query files.
        in_use: the queries in use, which are replaced.
        executor: runs them.
    """

    def __init__(self, settings: Settings, url: str, folder: Folder, in_use: InUse, executor: AsyncExecutor) -> None:
        self._settings = replace(settings, deadline_seconds=min(settings.deadline_seconds, _LONGEST_SECONDS))
        self._url = url
        self._folder = folder
        self._in_use = in_use
        self._executor = executor
        self._ticker = AsyncTicker(settings.reload_seconds, self._tick)
        # What the queries in use were last known to be: after a migration the server may refuse the old one.
        self._known: dict[str, Signature] = {}
        # The last ones are asked first: those that are edited most often.
        self._unasked = sorted(in_use.catalogue.values(), key=lambda query: not is_packaged(query.file.parent))
        self._scan: Scan | None = None
        self._next_try = 0.0
        self._reported: set[tuple[object, ...]] = set()
        self._refused: set[Path] = set()
        self._deferred: Scan | None = None

    def start(self) -> None:
        """Start looking; what is in the folder by now is judged too."""
        self._folder.forget()
        self._ticker.start()

    async def stop(self) -> None:
        """Stop; what is being tried is tried to its end."""
        await self._ticker.stop()

    async def _tick(self) -> None:
        try:
            scan = await async_in_thread(self._folder.changed)
            if scan is not None:
                self._scan, self._next_try = scan, 0.0
            if monotonic() >= self._next_try:
                self._next_try = math.inf
                self._next_try = monotonic() + await self._try()
        except Exception as error:  # noqa: BLE001  the timer must outlive whatever is in a file
            event(logging.ERROR, "QUERY_RELOAD_REFUSED", f"the folder could not be checked: {error!r}")

    async def _try(self) -> float:
        """Judge what was found, and take up what is good.

        Returns:
            After how many seconds to try again; infinity for not before the next change.
        """
        scan = self._scan
        edits = None if scan is None else Edits(self._in_use.catalogue, scan.catalogue, scan.errors)
        refused = 0
        if self._unasked or (edits is not None and edits.wanted):
            try:
                refused = await self._ask(edits)
            except DatabaseError as error:
                if scan is not None and edits is not None and edits.wanted:
                    self._tell_deferred(scan, error)
                return _UNREACHABLE_SECONDS
        if scan is not None and edits is not None:
            self._take_up(scan, edits)
        if self._unasked:
            return 0.0
        return _REFUSED_SECONDS if refused else math.inf

    async def _ask(self, edits: Edits | None) -> int:
        """Have the server judge edits, on a connection of their own; return how many it refuses.

        Raises:
            DatabaseError: it could not be asked.
        """
        connection = await connect(self._settings, self._url)
        try:
            connection.deadline = monotonic() + self._settings.deadline_seconds
            refused = 0
            for edit in () if edits is None else edits.wanted:
                error = await self._fault(connection, edit)
                if error is not None and edits is not None:
                    edits.refuse(edit.new, error)
                    refused += 1
            for query in self._unasked[-_ASKED_AT_ONCE:]:
                await self._remember(connection, query)
                self._unasked.remove(query)
            return refused
        finally:
            await connection.close()

    async def _remember(self, connection: AsyncDeadlineConnection, query: Query) -> Signature | None:
        """Ask for the signature of a query in use; if the server refuses it by now, return what is known about it."""
        said = await signature_of(connection, query)
        if isinstance(said, Signature):
            self._known[query.name] = said
        return self._known.get(query.name)

    async def _fault(self, connection: AsyncDeadlineConnection, edit: Edit) -> QueryFileError | None:
        """Return why a query cannot be taken up, or None."""
        said = await signature_of(connection, edit.new)
        if isinstance(said, QueryFileError):
            return said
        if edit.old is None:
            self._known[edit.new.name] = said
            return said.incompatibility(edit.new)
        known = await self._remember(connection, edit.old)
        if known is None:  # it never ran, so no caller depends on what it returns
            return said.incompatibility(edit.new)
        differences = list(server_differences(known, said))
        return changed_signature(edit.new, differences) if differences else None

    def _take_up(self, scan: Scan, edits: Edits) -> None:
        catalogue, taken = edits.settled()
        if list(catalogue.values()) != list(self._in_use.catalogue.values()):
            # The executor first: what `queries` offers must be there.
            self._executor.use(InUse(catalogue, self._in_use.internal).all)
            self._in_use.catalogue = catalogue
            warn_outdated(edit.new for edit in taken)
        self._tell_refused(scan, edits.refusals)
        self._tell_mended(edits.refusals)
        for edit in taken:
            query = edit.new
            what = "new query" if edit.old is None else "edited query"
            event(
                logging.INFO,
                "QUERY_RELOADED",
                f"{what} in use from now on",
                query=query.name,
                file=query.file,
                line=query.line,
            )

    def _tell_refused(self, scan: Scan, refusals: list[Refusal]) -> None:
        """Log what is refused, once for each state of the file."""
        reported: set[tuple[object, ...]] = set()
        for refusal in refusals:
            error = refusal.error
            key = (str(error), scan.state(error.file))
            if key not in self._reported | reported:
                event(
                    logging.ERROR,
                    "QUERY_RELOAD_REFUSED",
                    f"{error}; nothing in this file is used, the current queries stay in use",
                    query=refusal.query or self._folder.query_at(error.file, error.line),
                    file=error.file,
                    line=error.line,
                    column=error.column,
                )
            reported.add(key)
        self._reported = reported

    def _tell_mended(self, refusals: list[Refusal]) -> None:
        """Log of which files nothing is refused any more; one that is as it was in use exchanges nothing."""
        refused = {refusal.error.file for refusal in refusals if refusal.error.file is not None}
        for file in sorted(self._refused - refused):
            event(logging.INFO, "QUERY_RELOAD_RECOVERED", "nothing in this file is refused any more", file=file)
        self._refused = refused

    def _tell_deferred(self, scan: Scan, error: DatabaseError) -> None:
        """Log once for each change that it waits for the server."""
        if scan is self._deferred:
            return
        self._deferred = scan
        event(
            logging.WARNING,
            "QUERY_RELOAD_DEFERRED",
            f"the server cannot check the edit, the current queries stay in use: {error.message}",
            file=self._folder.directory,
            sqlstate=error.sqlstate,
        )
