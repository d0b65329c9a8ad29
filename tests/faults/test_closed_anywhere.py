"""A connection that ends at any moment of a call: the caller gets an answer or a GuestSQLError, and nothing is lost."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from opentelemetry.sdk.trace import TracerProvider

from guestsql.errors import GuestSQLError, OutcomeUnknown
from guestsql.sql._async.pooled import PooledConnection as AsyncPooledConnection
from guestsql.sql._sync.pooled import PooledConnection
from guestsql.telemetry import spans
from tests.databases import GUEST, KINDS, OTHER, Either, answered, block, column, transaction

_MOST_USES = 1000


class Closer:
    """Closes the connection of a call when it is used for the n-th time.

    The caller goes on with a connection that has just ended, as when the server's last word arrives at that moment, or
    when another thread closes the database.

    Attributes:
        has_closed: True if the block came to that use.
    """

    def __init__(self) -> None:
        self.has_closed = False
        self._left = -1

    @contextmanager
    def at(self, use: int) -> Iterator[None]:
        """Close a connection at this use, if the block comes to it."""
        self.has_closed, self._left = False, use
        try:
            yield
        finally:
            self._left = -1

    def used(self, connection: Any) -> None:
        """Count a use of a connection that the pool has handed out."""
        if self._left < 0 or not object.__getattribute__(connection, "taken_at"):
            return
        self._left -= 1
        if self._left < 0:
            self.has_closed = True
            object.__getattribute__(connection, "pgconn").finish()


@pytest.fixture
def closer(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Closer:
    """Sees every attribute of a connection that guestsql, psycopg or its pool asks for, also to log or trace a call."""
    caplog.set_level(logging.DEBUG, "guestsql")
    monkeypatch.setattr(spans.trace, "get_tracer_provider", TracerProvider)
    found = Closer()

    def look_up(connection: Any, name: str) -> Any:
        value = object.__getattribute__(connection, name)
        found.used(connection)
        return value

    for kind in (PooledConnection, AsyncPooledConnection):
        monkeypatch.setattr(kind, "__getattribute__", look_up, raising=False)
    return found


async def _flush(db: Either) -> None:
    await db.record_interaction(GUEST)
    await db.flush()


async def _message(db: Either, number: int) -> None:
    async with block(db.raw.message(f"m{number}", GUEST)) as message:
        message.tokens("t1", 1)


async def _transaction(db: Either) -> None:
    async with transaction(db) as tx:
        await tx.get_profile(GUEST)
        await tx.add_thread_tokens(GUEST, "t1", 1)


CALLS: dict[str, Callable[[Either, int], Awaitable[Any]]] = {
    "hit": lambda db, _: db.get_context(GUEST),
    "miss": lambda db, _: db.get_context(GUEST, ttl_seconds=0),
    "batch": lambda db, _: db.get_contexts([GUEST, OTHER]),
    "profile": lambda db, number: db.update_profile(GUEST, user_name=f"Ana {number}"),
    "tokens": lambda db, _: db.add_thread_tokens(GUEST, "t1", 1),
    "message": _message,
    "flush": lambda db, _: _flush(db),
    "transaction": lambda db, _: _transaction(db),
}
TOKENS = {"tokens", "message", "transaction"}


@pytest.mark.once
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_connection_may_end_at_any_moment(
    kind: str, name: str, database_url: str, autocommit: psycopg.Connection[Any], closer: Closer
) -> None:
    done = unknown = 0
    async with Either(kind, database_url, pool_max=2) as db:
        await db.update_profile(GUEST, user_name="Ana")
        for use in itertools.count():
            assert use < _MOST_USES
            with closer.at(use):
                try:
                    await CALLS[name](db, use)
                    done += 1
                except OutcomeUnknown:
                    unknown += 1
                except GuestSQLError:
                    pass
                has_closed = closer.has_closed
            await answered(lambda: db.get_profile(GUEST))
            if not has_closed:
                break
    assert use > 3
    if name in TOKENS:
        total = autocommit.execute("SELECT coalesce(sum(thread_tokens), 0)::int FROM guest_profiles").fetchone()
        assert total is not None
        assert done <= total[0] <= done + unknown
    if name == "flush":
        assert column(autocommit, "total_interactions") == use + 1
