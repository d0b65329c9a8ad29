# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""A database for anybody's `.sql` files: no guest, and no table of this package."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Self, cast

from guestsql.settings import Settings, settings_for
from guestsql.sql import InUse
from guestsql.sql._sync.engine import Engine
from guestsql.sql._sync.lifecycle import Lifecycle
from guestsql.sql._sync.queries import Queries
from guestsql.sql._sync.transaction import TransactionSession
from guestsql.sql.folder import read_folder, require_address

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    # Stubs name the class of the queries; without them every name is accepted.
    QueriesT = TypeVar("QueriesT", default="UntypedQueries")
else:
    from typing import TypeVar

    QueriesT = TypeVar("QueriesT")

__all__ = ["Database", "Transaction", "UntypedQueries"]


class UntypedQueries(Queries):
    """The queries of a folder without stubs: type checkers accept any name, and its types are unknown."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # noqa: ANN401  the query's own


class Transaction(Generic[QueriesT]):
    """A transaction inside its `with` block.

    Args:
        session: its connection.
        queries: the class of `queries`.
        in_use: the queries.

    Attributes:
        queries: every query as a method, run in this transaction.
    """

    queries: QueriesT

    def __init__(self, session: TransactionSession, queries: type[Queries], in_use: InUse) -> None:
        self._session = session
        self.queries = cast("QueriesT", queries(in_use, session.call))

    @contextmanager
    def transaction(self) -> Generator[Self]:
        """Open a savepoint: if the block ends with an exception, what was done inside it is undone, and only that.

        So a statement that may fail can be caught outside the block, and the transaction continues.

        Raises:
            TransactionError: savepoints of two tasks overlap; or as for the transaction.
        """
        with self._session.savepoint():
            yield self


class Database(Lifecycle[Transaction[QueriesT]], Generic[QueriesT]):
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
        self._engine = Engine(known, InUse(catalogue), folder)
        self.queries = cast("QueriesT", UntypedQueries(self._engine.in_use, self._engine.call_once))

    def _transaction(self, session: TransactionSession) -> Transaction[QueriesT]:
        return Transaction(session, UntypedQueries, self._engine.in_use)
