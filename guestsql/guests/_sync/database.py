# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The database of the bot's developer: the methods for guests, what is buffered, and the figures that are written."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any, TypeVar

from guestsql.errors import DatabaseError, InvalidValue, OutcomeUnknown
from guestsql.guests._sync.action_claims import SyncActionClaims
from guestsql.guests._sync.archive import Returner
from guestsql.guests._sync.context import ContextCache
from guestsql.guests._sync.guests import Guests
from guestsql.guests._sync.interactions import InteractionBuffer
from guestsql.guests._sync.messages import MessageProcessor
from guestsql.guests._sync.metrics import MetricsWriter
from guestsql.guests._sync.outbox import REPLY_CHANNEL, ReplySender
from guestsql.guests._sync.queries import GuestQueries
from guestsql.guests._sync.thread_creation import ThreadCreator
from guestsql.guests._sync.transaction import GuestTransaction
from guestsql.guests.callbacks import Builder, ThreadFactory
from guestsql.guests.context_rows import REPLICA_READS
from guestsql.guests.erasure import ErasureKey
from guestsql.guests.exit import ExitFlush, install_sigterm_handler, watch
from guestsql.guests.hooks import HOOKS
from guestsql.guests.identity import own_keys
from guestsql.guests.models import GuestThread
from guestsql.guests.needed import INTERNAL, reserved_names
from guestsql.guests.pending import MessageId, Pending
from guestsql.process import in_forked_child
from guestsql.settings import Settings, settings_for
from guestsql.sql import Folder, InUse, load_catalogue, read_packaged, warn_outdated
from guestsql.sql._sync.engine import Engine
from guestsql.sql._sync.executor import Executor
from guestsql.sql._sync.lifecycle import Lifecycle
from guestsql.sql._sync.listening import Listeners
from guestsql.sql._sync.transaction import TransactionSession
from guestsql.sql.attempts import Policy
from guestsql.sql.hooks import hook_reader
from guestsql.sql.runtime import Result
from guestsql.sql.transactions import Isolation

__all__ = ["GuestDatabase"]

Answer = TypeVar("Answer")


class GuestDatabase(Guests, Lifecycle[GuestTransaction]):
    """Guests, their threads and contexts, in PostgreSQL.

    Use it as a context manager. Otherwise it opens at the first call, and you close it. Many threads may share a
    `GuestDatabase`, and the tasks of one event loop an `AsyncGuestDatabase`.

    It may be used across a fork. In a forked child a `GuestDatabase` starts empty: its first call opens its own
    connections, nothing is buffered or counted, and the parent writes what the parent has buffered. An
    `AsyncGuestDatabase` that the parent had opened raises `WrongEventLoop` in the child, as it does in a second event
    loop: create one in each.

    `user_id` is any id of a guest, in any spelling. An unknown guest is created by `get_context`, `get_contexts` and
    every method that stores something; not by `get_profile`, `get_thread`, `get_threads`, `invalidate_context`,
    `export_guest` and `forget_guest`. Every method that takes an id raises `InvalidUserId` for one that cannot be a
    guest's or is ambiguous (`573000000001/2`, `573000000001.0`). Every method that uses the server raises
    `DatabaseError`, or one of its subclasses, if it fails.

    Every statement is bounded by the deadline (`GUESTSQL_DEADLINE_SECONDS`, 10), including the wait for a connection.
    Until then a lost connection is replaced, and what is safe to repeat is repeated; so while the server is away each
    call takes the whole deadline. What waiting cannot fix is reported within about a second: a wrong password, role or
    database, a refused TLS connection, an invalid parameter of the address.
    `get_context`, `get_contexts`, `create_thread`, `add_thread_tokens` and `flush` have one deadline for all their
    statements, and so do `link_ids`, `change_phone`, `merge_guests`, `export_guest` and `forget_guest` for their
    transaction, which begins anew if ids move meanwhile; `forget_guest` first waits for messages that are being
    written. In the other methods each statement has its own: `update_profile`, `add_labels`, `remove_labels`,
    `set_thread` and `clear_thread` send a second one if there was nothing to change.

    A cancelled call (`asyncio.timeout`, Ctrl-C) ends at once, even if the server hangs or the network loses packets:
    the connection is closed and another one made. The server may still complete the statement, and its session counts
    against `GUESTSQL_POOL_MAX` until it has ended (docs/deployment.md). Some connections are reserved for reads.

    Args:
        database_url: PostgreSQL's address. Default: that of the settings, else the embedded server.
        settings: default: those of the environment and `.env`.
        context_builder: makes a guest's context from the `GuestProfile`, in place of the query `build_context`: a
            function that returns the text; for the async class a coroutine function. No connection is held while it
            runs, and what it raises reaches the caller of `get_context`. It must not change the guest it builds for,
            nor request that guest's context. `CLOCK` in its text becomes the hotel's time when the text is read.

    Raises:
        SettingsError: a setting is unusable.
        QueryFileError: a query file is unusable.
        InvalidValue: `context_builder` is not a function.
    """

    def __init__(
        self,
        database_url: str | None = None,
        *,
        settings: Settings | None = None,
        context_builder: Builder | None = None,
    ) -> None:
        if context_builder is not None and not callable(context_builder):
            raise InvalidValue("context_builder is not a function", hint="pass a function of a GuestProfile, or None")
        self._settings = settings_for(database_url, settings)
        self._builder = context_builder
        self._erasure_key = ErasureKey(self._settings.erasure_key)
        self._own = own_keys(self._settings.own_numbers, self._settings.default_region)
        own, read = self._settings.queries_dir, hook_reader(HOOKS)
        folder = None if own is None else Folder(own, packaged=True, reserved=reserved_names(), read=read)
        catalogue = load_catalogue(read=read) if folder is None else folder.load()
        self._in_use = in_use = InUse(catalogue, read_packaged(*INTERNAL))
        warn_outdated(catalogue.values())
        self._engine = Engine(
            self._settings,
            in_use,
            folder,
            replica_reads=REPLICA_READS,
            on_open=self._on_open,
            on_close=self._on_close,
        )
        self.queries = GuestQueries(in_use, self._engine.call_once)
        self._begin()
        in_forked_child(self, GuestDatabase._begin)
        install_sigterm_handler()

    def _begin(self) -> None:
        """Have nothing buffered; also in a forked child, whose parent writes what it has buffered."""
        self._pending = Pending(self._erasure_key)
        self._exit_flush: ExitFlush | None = None

    def _on_open(self, executor: Executor, url: str) -> None:
        Returner(executor, self._engine.in_use).install()
        counting, settings = self._engine.counting, self._settings
        buffers = (self._pending, counting) if settings.metrics_seconds else (self._pending,)
        if self._exit_flush is not None:  # an earlier close could not write: this one has the same buffers
            self._exit_flush.unwatch()
        self._exit_flush = ExitFlush(buffers, counting, settings, url, self._engine.in_use)
        watch(self._exit_flush)
        self._context = ContextCache(executor, settings, self._builder, counting)
        self._thread_creator = ThreadCreator(executor, settings)
        self._interactions = InteractionBuffer(executor, settings.flush_seconds, self._pending)
        self._messages = self._processor = MessageProcessor(executor, settings)
        self._metrics = MetricsWriter(
            executor,
            settings.metrics_seconds,
            counting,
            timezone=str(settings.timezone),
            keep_text_days=settings.keep_text_days,
        )
        self._metrics.start()
        self._listeners = Listeners(settings, url, REPLY_CHANNEL)
        self._replies = ReplySender(executor, self._listeners)
        self._actions = SyncActionClaims(executor)

    def _on_close(self, ending: ExitStack) -> None:
        ending.callback(self._leave_exit_flush)
        ending.callback(self._metrics.stop)
        ending.callback(self._processor.stop)
        ending.callback(self._listeners.close)
        self._interactions.close()
        self._metrics.flush_last()

    def _leave_exit_flush(self) -> None:
        if not self._pending and self._exit_flush is not None:
            self._exit_flush.unwatch()

    def flush(self) -> int:
        """Write the buffered interactions now, so that the next `get_profile` counts them.

        Returns:
            How many guests were written, one with messages under two ids counted twice; 0 when nothing was buffered.

        Raises:
            DatabaseError: they could not be written; they are kept for the next flush, and counted once.

        SQL: queries/guests.sql
        """
        self._ready()
        return self._interactions.flush()

    def _transaction(self, session: TransactionSession) -> GuestTransaction:
        return GuestTransaction(
            session,
            self._engine.in_use,
            self._settings,
            own=self._own,
            counting=self._engine.counting,
            interactions=self._interactions,
        )

    def _count_error(self) -> None:
        self._engine.counting.answer("error")

    def _ready(self) -> Result[object]:
        return self._engine.ready()

    def _call(self, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        executor = self._engine.ready()
        return executor.call(name, parameters)

    def _call_once(self, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        executor = self._engine.ready()
        return executor.call(name, parameters, policy=Policy.ONCE)

    def _read_stored(self, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        try:
            return self._call(name, **parameters)
        except DatabaseError as error:
            raise OutcomeUnknown(
                f"stored, but the answer could not be read: {error.message}",
                query=name,
                sqlstate=error.sqlstate,
                hint="do not repeat the call: read what it has stored",
            ) from error

    def _hold(self, *ids: str) -> None:
        """The executor returns the guests of a statement that is refused."""

    def _in_transaction(
        self,
        function: Callable[[TransactionSession], Result[Answer]],
        *,
        isolation: Isolation | None = None,
        writes: bool = True,
    ) -> Answer:
        executor = self._engine.ready()
        return executor.run(function, isolation=isolation, policy=Policy.REPEAT, writes=writes)

    def _create_thread(self, key: str, factory: ThreadFactory) -> GuestThread:
        self._engine.ready()
        return self._thread_creator.create(key, factory)

    def _record(self, key: str, at: datetime | None, known: MessageId | None) -> None:
        self._engine.ready()
        self._interactions.record(key, at, known)

    def _after_commit(self, call: Callable[[], object]) -> None:
        call()

    @contextmanager
    def _no_flush(self) -> Generator[None]:
        self._engine.ready()
        with self._interactions.held():
            yield
