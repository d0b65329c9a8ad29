"""The life of a database: what it is made of, opening, closing, and the way from an id to a query."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from guestsql.embedded import EmbeddedServer
from guestsql.errors import DatabaseUnavailable, InvalidUserId, InvalidValue, WrongEventLoop
from guestsql.guests._async.context import AsyncContextCache
from guestsql.guests._async.interactions import AsyncInteractionBuffer
from guestsql.guests._async.metrics import AsyncMetricsWriter
from guestsql.guests._async.queries import AsyncGuestQueries
from guestsql.guests.builder import AsyncBuilder
from guestsql.guests.exit import ExitFlush, install_sigterm_handler, watch
from guestsql.guests.identity import canonical_user_id, own_keys
from guestsql.guests.needed import INTERNAL, NEEDED
from guestsql.guests.pending import Pending
from guestsql.process import in_forked_child
from guestsql.settings import Settings, checked_settings
from guestsql.sql import Folder, InUse, load_catalogue, read_packaged, read_queries
from guestsql.sql._async.executor import AsyncExecutor
from guestsql.sql._async.reload import AsyncReloader
from guestsql.sql.runtime import AsyncLock, async_in_thread, async_running_loop
from guestsql.telemetry.counting import Counting
from guestsql.telemetry.figures import Figures

__all__ = ["AsyncLifetime"]


class AsyncLifetime:
    """Opens at the first call, or as a context manager; the methods are those of `AsyncGuestDatabase`.

    Attributes:
        queries: every named query as a method.
    """

    def __init__(
        self,
        database_url: str | None = None,
        *,
        settings: Settings | None = None,
        context_builder: AsyncBuilder | None = None,
    ) -> None:
        if context_builder is not None and not callable(context_builder):
            raise InvalidValue("context_builder is no function", hint="pass a function of a GuestProfile, or None")
        known = Settings.from_env() if settings is None else checked_settings(settings)
        # What the settings say of DATABASE_URL, a pooler say, holds for an address that is passed.
        self._settings = known if database_url is None else replace(known, database_url=database_url)
        self._url = self._settings.database_url
        self._builder = context_builder
        self._own = own_keys(self._settings.own_numbers, self._settings.default_region)
        edited = self._settings.queries_dir
        self._folder = None if edited is None else Folder(edited)
        read = read_queries if self._folder is None else self._folder.read
        self._in_use = InUse(load_catalogue(edited, needed=NEEDED, read=read), read_packaged(*INTERNAL))
        self._loop: object = None
        self._closed = False
        self.queries = AsyncGuestQueries(self._in_use, self._ready)
        self._begin()
        in_forked_child(self, AsyncLifetime._begin)
        install_sigterm_handler()

    def _begin(self) -> None:
        """Be as if never opened, with nothing buffered; also in a forked child, where the next call opens it."""
        self._reloader: AsyncReloader | None = None
        self._pending = Pending()
        self._counting = Counting()
        self._opening = AsyncLock()
        self._server: EmbeddedServer | None = None
        self._executor: AsyncExecutor | None = None
        self._exit_flush: ExitFlush | None = None

    async def open(self) -> None:
        """Start connecting, without waiting for it; start the embedded server if there is no address.

        `with` does this, and so does the first call; after `close` a call does not. That the server is away, or refuses
        the login, is told by the first call that asks it.

        Raises:
            SettingsError: the address does not parse.
            EmbeddedServerError: the embedded server could not be started.
            WrongEventLoop: it is open in another event loop, or was in the process that forked this one.
        """
        self._check_loop()
        async with self._opening:
            if self._executor is not None:
                return
            url = self._url
            if url is None:
                self._server = EmbeddedServer(self._settings.home, self._settings.pg_bin)
                url = await async_in_thread(self._server.acquire)
            executor = AsyncExecutor(self._settings, url, self._in_use.all, counting=self._counting)
            await executor.open()
            outboxes = (self._pending, self._counting) if self._settings.metrics_seconds else (self._pending,)
            if self._exit_flush is not None:  # an earlier close could not write: this one has the same buffers
                self._exit_flush.unwatch()
            self._exit_flush = ExitFlush(outboxes, self._counting, self._settings, url, self._in_use)
            watch(self._exit_flush)
            self._context = AsyncContextCache(executor, self._settings, self._builder, self._counting)
            self._interactions = AsyncInteractionBuffer(executor, self._settings.flush_seconds, self._pending)
            self._metrics = AsyncMetricsWriter(
                executor, self._settings.metrics_seconds, self._counting, str(self._settings.timezone)
            )
            self._metrics.start()
            if self._folder is not None and self._settings.reload_seconds:
                self._reloader = AsyncReloader(self._settings, url, self._folder, self._in_use, executor)
                self._reloader.start()
            self._loop = async_running_loop()
            self._executor = executor
            self._closed = False

    async def close(self) -> None:
        """Write what is buffered and close all connections; calls after it raise `DatabaseUnavailable`.

        It lets a flush that is under way end, waits for the deadline at most to write interactions, and for 5 seconds
        at most to write figures, whose failure is only logged. To close twice is no error.

        Raises:
            DatabaseError: interactions could not be written; everything is closed nevertheless, and the end of the
                program, or a flush after `open`, tries again.
            WrongEventLoop: it is open in another event loop.
        """
        if self._executor is not None:
            self._check_loop()
        async with self._opening:
            executor, self._executor = self._executor, None
            self._loop = None
            self._closed = True
            if executor is None:
                return
            # Whatever fails or is cut short, the rest is done.
            async with AsyncExitStack() as ending:
                if self._server is not None:
                    server, self._server = self._server, None
                    ending.push_async_callback(async_in_thread, server.release)
                ending.push_async_callback(executor.close)
                ending.callback(self._leave_exit_flush)
                ending.push_async_callback(self._metrics.stop)
                if self._reloader is not None:
                    reloader, self._reloader = self._reloader, None
                    ending.push_async_callback(reloader.stop)
                await self._interactions.close()
                await self._metrics.flush_last()

    def _leave_exit_flush(self) -> None:
        if not self._pending and self._exit_flush is not None:
            self._exit_flush.unwatch()

    def figures(self) -> Figures:
        """Return what was counted since the object was made, written to the minute tables or not; nobody is asked.

        Returns:
            A copy: calls, errors and durations by query, context answers by outcome (docs/metrics.md).
        """
        return self._counting.total()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _ready(self) -> AsyncExecutor:
        """Return the executor, opening the database at the first call."""
        if self._executor is None and self._closed:
            raise DatabaseUnavailable("the database is closed", hint="call open() to use it again")
        if self._executor is None or self._loop is not async_running_loop():
            await self.open()
        if self._executor is None:
            raise DatabaseUnavailable("the database was closed meanwhile", hint="call open() to use it again")
        return self._executor

    def _check_loop(self) -> None:
        if self._loop is not None and self._loop is not async_running_loop():
            raise WrongEventLoop(
                "this database was opened in another event loop, or in the process that forked this one",
                hint="make one in each event loop and close it there: async with AsyncGuestDatabase() as db",
            )

    def _key(self, user_id: str) -> str:
        key = canonical_user_id(user_id, self._settings.default_region)
        if key in self._own:
            raise InvalidUserId("this is the bot's own number, never a guest", hint="see GUESTSQL_OWN_NUMBERS")
        return key

    async def _call(self, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        executor = await self._ready()
        return await executor.call(name, parameters)
