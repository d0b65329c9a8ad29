"""What a database consists of: connections, the queries in use, their reload, the figures. Opens and closes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from typing import Any, Protocol

from guestsql.embedded import EmbeddedServer
from guestsql.errors import DatabaseUnavailable, WrongEventLoop
from guestsql.process import in_forked_child
from guestsql.settings import Settings
from guestsql.sql import Folder, InUse
from guestsql.sql._async.executor import AsyncExecutor
from guestsql.sql._async.reload import AsyncReloader
from guestsql.sql._async.replica import AsyncReplica
from guestsql.sql.attempts import Policy
from guestsql.sql.runtime import AsyncLock, async_in_thread, async_running_loop
from guestsql.telemetry.counting import Counting

__all__ = ["AsyncEngine"]


class _OnOpen(Protocol):
    async def __call__(self, executor: AsyncExecutor, url: str) -> None: ...


class _OnClose(Protocol):
    async def __call__(self, ending: AsyncExitStack) -> None: ...


class AsyncEngine:
    """Opens at the first call, or by `open`.

    Args:
        settings: with the address; without one the embedded server is started.
        in_use: the queries.
        folder: where they are edited; None if they are not reloaded.
        replica_reads: queries that are read on the replica, if the settings want that. What is written by the others
            counts for all databases of the process.
        on_open: called when the connections are opened.
        on_close: called before they are closed. It adds what has to be done in any case to the stack that it is given.

    Attributes:
        in_use: the queries.
        counting: what was counted in this process.
        executor: runs the queries; None while it is closed.
    """

    def __init__(
        self,
        settings: Settings,
        in_use: InUse,
        folder: Folder | None,
        *,
        replica_reads: Collection[str] = (),
        on_open: _OnOpen | None = None,
        on_close: _OnClose | None = None,
    ) -> None:
        self.in_use = in_use
        self._settings = settings
        self._folder = folder
        self._replica_reads = replica_reads
        self._on_open = on_open
        self._on_close = on_close
        self._loop: object = None
        self._closed = False
        self._begin()
        in_forked_child(self, AsyncEngine._begin)

    def _begin(self) -> None:
        """Be as if never opened; also in a forked child, where the next call opens it."""
        self._opening = AsyncLock()
        self._server: EmbeddedServer | None = None
        self._reloader: AsyncReloader | None = None
        self.counting = Counting()
        self.executor: AsyncExecutor | None = None

    async def open(self) -> None:
        """Start connecting, without waiting for it; start the embedded server if there is no address.

        Raises:
            SettingsError: the address does not parse.
            EmbeddedServerError: the embedded server could not be started.
            WrongEventLoop: it is open in another event loop, or was in the process that forked this one.
        """
        self._check_loop()
        async with self._opening:
            if self.executor is not None:
                return
            url = self._settings.database_url
            if url is None:
                self._server = EmbeddedServer(self._settings.home, self._settings.pg_bin)
                url = await async_in_thread(self._server.acquire)
            replica = self._replica(url)
            executor = AsyncExecutor(self._settings, url, self.in_use.all, replica=replica, counting=self.counting)
            await executor.open()
            if self._on_open is not None:
                await self._on_open(executor, url)
            if self._folder is not None and self._settings.reload_seconds:
                self._reloader = AsyncReloader(self._settings, url, self._folder, self.in_use, executor)
                self._reloader.start()
            self._loop = async_running_loop()
            self.executor = executor
            self._closed = False

    async def close(self) -> None:
        """Close everything; whatever of it fails or is cut short, the rest is done.

        Raises:
            DatabaseError: what was buffered could not be written.
            WrongEventLoop: it is open in another event loop.
        """
        if self.executor is not None:
            self._check_loop()
        async with self._opening:
            executor, self.executor = self.executor, None
            self._loop = None
            self._closed = True
            if executor is None:
                return
            async with AsyncExitStack() as ending:
                if self._server is not None:
                    server, self._server = self._server, None
                    ending.push_async_callback(async_in_thread, server.release)
                ending.push_async_callback(executor.close)
                if self._reloader is not None:
                    reloader, self._reloader = self._reloader, None
                    ending.push_async_callback(reloader.stop)
                if self._on_close is not None:
                    await self._on_close(ending)

    async def ready(self) -> AsyncExecutor:
        """Return the executor, opening the database at the first call.

        Raises:
            DatabaseUnavailable: the database was closed.
        """
        if self.executor is None and self._closed:
            raise DatabaseUnavailable("the database is closed", hint="call open() to use it again")
        if self.executor is None or self._loop is not async_running_loop():
            await self.open()
        if self.executor is None:
            raise DatabaseUnavailable("the database was closed meanwhile", hint="call open() to use it again")
        return self.executor

    async def call_once(self, name: str, parameters: Mapping[str, object]) -> Any:  # noqa: ANN401  the query's own
        """Run a query of which only its author knows whether it may be done twice.

        Args:
            name: the query.
            parameters: its parameters by name.
        """
        executor = await self.ready()
        return await executor.call(name, parameters, policy=Policy.IF_UNDONE)

    def _replica(self, url: str) -> AsyncReplica | None:
        settings = self._settings
        if settings.replica_url is None or not settings.replica_reads:
            return None
        return AsyncReplica(settings, url, settings.replica_url, self._replica_reads)

    def _check_loop(self) -> None:
        if self._loop is not None and self._loop is not async_running_loop():
            raise WrongEventLoop(
                "this database was opened in another event loop, or in the process that forked this one",
                hint="make one in each event loop, and close it there",
            )
