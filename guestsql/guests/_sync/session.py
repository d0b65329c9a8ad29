# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""What the methods for guests need of a database, or of a transaction: a query by its name, and the key of an id."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from time import monotonic
from typing import Any, Protocol, TypeVar

from guestsql.errors import InvalidUserId, TransactionConflict
from guestsql.guests._sync.marked import IdsMovedError
from guestsql.guests.callbacks import ThreadFactory
from guestsql.guests.campaigns import ContactAction
from guestsql.guests.erasure import ErasureKey
from guestsql.guests.identity import canonical_user_id
from guestsql.guests.messages import Claim, Message
from guestsql.guests.models import GuestThread, Reply
from guestsql.guests.pending import MessageId, Pending
from guestsql.settings import Settings
from guestsql.sql import InUse, Query
from guestsql.sql._sync.transaction import TransactionSession
from guestsql.sql.hooks import hooked_queries
from guestsql.sql.runtime import Result
from guestsql.sql.transactions import Isolation

__all__ = ["SyncActionClaimer", "ContextReader", "MessageHandler", "ReplyClaims", "Session"]

Answer = TypeVar("Answer")


class ContextReader(Protocol):
    """Returns contexts, as `AsyncContextCache` does."""

    def get(self, key: str, ttl_seconds: float, *, stale_if_error: bool = False) -> str: ...
    def get_many(self, keys: list[str], ttl_seconds: float, *, stale_if_error: bool = False) -> dict[str, str]: ...


class MessageHandler(Protocol):
    """Processes messages, as `AsyncMessageProcessor` does."""

    def process(self, claim: Claim) -> AbstractContextManager[Message]: ...


class ReplyClaims(Protocol):
    """Claims replies and waits for them, as `AsyncReplySender` does."""

    def claim(self, max_replies: int, lease_seconds: float, gateway: str | None) -> list[Reply]: ...
    def wait(self, seconds: float, gateway: str | None) -> bool: ...


class SyncActionClaimer(Protocol):
    """Claims actions, as `AsyncActionClaims` does."""

    def claim(self, parameters: Mapping[str, object]) -> list[ContactAction]: ...
    def rehearse(self, parameters: Mapping[str, object]) -> list[ContactAction]: ...


class Session(ABC):
    """Where the methods for guests run: each statement by itself, or all in one transaction."""

    _actions: SyncActionClaimer
    _settings: Settings
    _erasure_key: ErasureKey
    _own: frozenset[str]
    _context: ContextReader
    _messages: MessageHandler
    _pending: Pending
    _in_use: InUse
    _replies: ReplyClaims

    @abstractmethod
    def _ready(self) -> Result[object]:
        """Open the database at the first call."""

    @abstractmethod
    def _call(self, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        """Run a query that changes nothing twice."""

    @abstractmethod
    def _call_once(self, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        """Run a query that carries an operation id."""

    @abstractmethod
    def _read_stored(self, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        """Read what a write that must not be repeated has led to; the error of a failure does not invite a repeat."""

    @abstractmethod
    def _in_transaction(
        self,
        function: Callable[[TransactionSession], Result[Answer]],
        *,
        isolation: Isolation | None = None,
        writes: bool = True,
    ) -> Answer:
        """Run a function in a transaction and repeat it after a failure, or in the transaction that is open already.

        Args:
            function: called with the transaction; it changes nothing twice.
            isolation: the isolation level of a transaction of its own.
            writes: False if it only reads.
        """

    @abstractmethod
    def _hold(self, *ids: str) -> None:
        """In a transaction, return the guests with these ids if they are archived, before their rows are written."""

    def _marked(self, hook: str) -> list[Query]:
        return hooked_queries(self._in_use.catalogue.values(), hook)

    def _with_ids_locked(self, function: Callable[[TransactionSession], Result[Answer]]) -> Answer:
        """As `_in_transaction`, again while other sessions move the ids, until the deadline."""
        deadline = monotonic() + self._settings.deadline_seconds
        while monotonic() < deadline:
            with suppress(IdsMovedError):
                return self._in_transaction(function)
        raise TransactionConflict(
            "other sessions kept moving these ids", hint="repeat the call later, and link or merge a guest in one place"
        )

    @abstractmethod
    def _create_thread(self, key: str, factory: ThreadFactory) -> GuestThread:
        """Return a guest's thread, created if there is none."""

    @abstractmethod
    def _record(self, key: str, at: datetime | None, known: MessageId | None) -> None:
        """Count a message of a guest."""

    @abstractmethod
    def _after_commit(self, call: Callable[[], object]) -> None:
        """Call a function when what was done so far has been committed: at once, outside a transaction."""

    @abstractmethod
    @contextmanager
    def _no_flush(self) -> Generator[None]:
        """Let no buffered message be written meanwhile; in a transaction, until its end."""
        yield

    @abstractmethod
    def _count_error(self) -> None:
        """Count a request for a context that ended with an error."""

    def _key(self, user_id: str) -> str:
        key = canonical_user_id(user_id, self._settings.default_region)
        if key in self._own:
            raise InvalidUserId("this is the bot's own number, never a guest", hint="see GUESTSQL_OWN_NUMBERS")
        return key
