# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The methods for guests inside a transaction: everything is committed together, and nothing slow happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from guestsql.errors import TransactionError
from guestsql.guests._sync.archive import return_archived
from guestsql.guests._sync.guests import Guests
from guestsql.guests._sync.interactions import InteractionBuffer
from guestsql.guests._sync.queries import GuestQueries
from guestsql.guests.callbacks import ThreadFactory
from guestsql.guests.campaigns import ContactAction
from guestsql.guests.context_rows import (
    HotelClock,
    hit_text,
    is_hit,
    is_old,
    stale_text,
)
from guestsql.guests.erasure import ErasureKey
from guestsql.guests.messages import Claim, Message
from guestsql.guests.models import GuestThread, Reply
from guestsql.guests.pending import MessageId, Messages
from guestsql.settings import Settings
from guestsql.sql import InUse
from guestsql.sql._sync.database import Transaction
from guestsql.sql._sync.transaction import TransactionSession
from guestsql.sql.runtime import Result
from guestsql.sql.transactions import Isolation
from guestsql.telemetry.counting import Counting

__all__ = ["GuestTransaction"]

Answer = TypeVar("Answer")


class GuestTransaction(Guests, Transaction[GuestQueries]):
    """A transaction of a guest database inside its `with` block: it has the same methods for guests.

    `get_context` and `get_contexts` read the cache and do not build: a builder may be slow, and rows would stay locked
    meanwhile; `create_thread` raises `TransactionError` for the same reason. `record_interaction` writes at once. A
    changed profile makes its cached context stale for others when the transaction is committed, not before.
    """

    def __init__(
        self,
        session: TransactionSession,
        in_use: InUse,
        settings: Settings,
        *,
        own: frozenset[str],
        counting: Counting,
        interactions: InteractionBuffer,
    ) -> None:
        super().__init__(session, GuestQueries, in_use)
        self._in_use = in_use
        self._settings = settings
        self._erasure_key = ErasureKey(settings.erasure_key)
        self._own = own
        self._counting = counting
        self._interactions = interactions
        self._pending = interactions.pending
        self._context = _CachedContexts(session, HotelClock(settings.timezone), counting)
        self._messages = _NoMessages()
        self._replies = _NoReplies()
        self._actions = _NoActions()
        self._holds_flush = False
        self._held: set[str] = set()
        self._held_at = 0

    def _ready(self) -> None:
        """The transaction itself refuses what comes too late."""

    def _call(self, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        return self._session.call(name, parameters)

    def _call_once(self, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        return self._session.call(name, parameters)

    def _read_stored(self, name: str, **parameters: object) -> Any:  # noqa: ANN401  the query's own
        return self._session.call(name, parameters)

    def _in_transaction(
        self,
        function: Callable[[TransactionSession], Result[Answer]],
        *,
        isolation: Isolation | None = None,
        writes: bool = True,
    ) -> Answer:
        del isolation, writes  # those of this transaction
        with self._session.savepoint():
            return function(self._session)

    def _create_thread(self, key: str, factory: ThreadFactory) -> GuestThread:
        del key, factory
        raise _too_slow("create a thread")

    def _record(self, key: str, at: datetime | None, known: MessageId | None) -> None:
        self._write(Messages.of_one(key, at, known, self._erasure_key.keyed(key)))

    def _write(self, batch: Messages) -> None:
        self._hold(*batch.ids)
        self._session.call(self._pending.query, batch.parameters())

    def _hold(self, *ids: str) -> None:
        if self._held_at != self._session.undone:
            self._held, self._held_at = set(), self._session.undone
        unknown = sorted(set(ids) - self._held)
        if unknown:
            found = self._session.call("find_archived_guests", {"ids": unknown})
            if found:
                return_archived(self._session, self._marked("return_guest"), [row.phone_number for row in found])
            self._held.update(unknown)

    def _after_commit(self, call: Callable[[], object]) -> None:
        self._session.on_commit(call)

    @contextmanager
    def _no_flush(self) -> Generator[None]:
        if not self._holds_flush:
            self._session.ending.enter_context(self._interactions.turn(self._session.deadline))
            self._holds_flush = True
        batch = self._pending.open
        if batch is not None:
            # Here, not on another connection: rows that this transaction has locked would keep it waiting.
            self._write(batch)
            self._after_commit(partial(self._pending.done, batch))
        yield

    def _count_error(self) -> None:
        self._counting.answer("error")


class _CachedContexts:
    """Reads contexts that are cached, and builds none."""

    def __init__(self, session: TransactionSession, clock: HotelClock, counting: Counting) -> None:
        self._session = session
        self._clock = clock
        self._counting = counting

    def get(self, key: str, ttl_seconds: float, *, stale_if_error: bool = False) -> str:
        texts = self.get_many([key], ttl_seconds, stale_if_error=stale_if_error)
        return texts[key]

    def get_many(self, keys: list[str], ttl_seconds: float, *, stale_if_error: bool = False) -> dict[str, str]:
        rows = self._session.call("lookup_contexts", {"phone_numbers": keys})
        known = {row.id: row for row in rows}
        texts: dict[str, str] = {}
        outcomes: list[str] = []
        for key in keys:
            row = known.get(key)
            if row is not None and is_hit(row, ttl_seconds):
                texts[key] = hit_text(key, row, self._clock)
                outcomes.append("hit")
            elif stale_if_error and row is not None and is_old(row):
                texts[key] = stale_text(key, row, self._clock)
                outcomes.append("stale")
            else:
                raise _too_slow("build a context, and none that is fresh is cached")
        for outcome in outcomes:
            self._counting.answer(outcome)
        return texts


class _NoMessages:
    """Processes no message: its block may take long."""

    def process(self, claim: Claim) -> AbstractContextManager[Message]:
        del claim
        raise _too_slow("process a message")


class _NoReplies:
    """Claims no replies: the claim would be stored after they are sent."""

    def claim(self, max_replies: int, lease_seconds: float, gateway: str | None) -> list[Reply]:
        del max_replies, lease_seconds, gateway
        raise _too_slow("claim replies")

    def wait(self, seconds: float, gateway: str | None) -> bool:
        del seconds, gateway
        raise _too_slow("wait for replies")


class _NoActions:
    """Claims no actions, likewise."""

    def claim(self, parameters: Mapping[str, object]) -> list[ContactAction]:
        del parameters
        raise _too_slow("claim actions")

    def rehearse(self, parameters: Mapping[str, object]) -> list[ContactAction]:
        return self.claim(parameters)


def _too_slow(what: str) -> TransactionError:
    """Return the error of every method that calls something slow: a builder, a factory, a handler of a message."""
    return TransactionError(
        f"a transaction cannot {what}: its rows would stay locked meanwhile",
        hint="call it before or after the transaction",
    )
