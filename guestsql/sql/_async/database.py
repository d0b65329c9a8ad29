"""A database for anybody's `.sql` files: no guest, and no table of this package."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, Self, cast

from guestsql.settings import Settings, settings_for
from guestsql.sql import InUse
from guestsql.sql._async.engine import AsyncEngine
from guestsql.sql._async.lifecycle import AsyncLifecycle
from guestsql.sql._async.queries import AsyncQueries
from guestsql.sql._async.transaction import AsyncTransactionSession
from guestsql.sql.folder import read_folder, require_address

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    # Stubs name the class of the queries; without them every name is accepted.
    QueriesT = TypeVar("QueriesT", default="AsyncUntypedQueries")
else:
    from typing import TypeVar

    QueriesT = TypeVar("QueriesT")

__all__ = ["AsyncDatabase", "AsyncTransaction", "AsyncUntypedQueries"]


class AsyncUntypedQueries(AsyncQueries):
    """The queries of a folder without stubs: type checkers accept any name, and its types are unknown."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # noqa: ANN401  the query's own


class AsyncTransaction(Generic[QueriesT]):
    """A transaction inside its `with` block.

    Args:
        session: its connection.
        queries: the class of `queries`.
        in_use: the queries.

    Attributes:
        queries: every query as a method, run in this transaction.
    """

    queries: QueriesT

    def __init__(self, session: AsyncTransactionSession, queries: type[AsyncQueries], in_use: InUse) -> None:
        self._session = session
        self.queries = cast("QueriesT", queries(in_use, session.call))

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Self]:
        """Open a savepoint: if the block ends with an exception, what was done inside it is undone, and only that.

        So a statement that may fail can be caught outside the block, and the transaction continues.

        Raises:
            TransactionError: savepoints of two tasks overlap; or as for the transaction.
        """
        async with self._session.savepoint():
            yield self


class AsyncDatabase(AsyncLifecycle[AsyncTransaction[QueriesT]], Generic[QueriesT]):
    """A PostgreSQL database, and a folder of `.sql` files whose named queries become methods.

    Use it as a context manager. Otherwise it opens at the first call, and you must close it. Many threads may share a
    `Database`, and the tasks of one event loop an `AsyncDatabase`. A forked child opens its own connections; an
    `AsyncDatabase` that the parent had opened raises `WrongEventLoop` there, as it does in a second event loop.

    No statement waits longer than the deadline (`GUESTSQL_DEADLINE_SECONDS`, 10), the wait for a connection included.
    A lost connection is replaced. While the database is open, edited files are picked up (docs/reload.md).

    With stubs, name their class: `db: Database[MyQueries] = Database()`. Without them type checkers accept any query.

    Args:
        url: PostgreSQL's address. Default: that of the settings, else the embedded server.
        queries: the folder of `.sql` files; only those directly in it are read. Default: that of the settings, which
            `guestsql check` checks, else `queries` in the working directory. The packaged queries are never added.
        settings: default: those of the environment and `.env`.

    Attributes:
        queries: every query as a method: `db.queries.list_rooms(floor=2)`.

    Raises:
        SettingsError: a setting is unusable.
        QueryFileError: the folder is missing or empty, or a file is unusable.
    """

    queries: QueriesT

    def __init__(
        self,
        url: str | None = None,
        queries: str | os.PathLike[str] | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        require_address(url)
        known = settings_for(url, settings)
        folder, catalogue = read_folder(queries, known.queries_dir)
        self._engine = AsyncEngine(known, InUse(catalogue), folder)
        self.queries = cast("QueriesT", AsyncUntypedQueries(self._engine.in_use, self._engine.call_once))

    def _transaction(self, session: AsyncTransactionSession) -> AsyncTransaction[QueriesT]:
        return AsyncTransaction(session, AsyncUntypedQueries, self._engine.in_use)
