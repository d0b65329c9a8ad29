"""Reads on a replica that show everything that this process has written.

After a call on the primary, the position of its log is known: it comes in the same round trip, or else with the next
read there. A question that fails there harms no call. The replica is asked for its own position in front of a read, in
the same round trip. If it does not have that of the last call yet, the read is done again on the primary.

SQL: queries/internal/replica.sql
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from time import monotonic
from typing import Any

from guestsql.errors import DatabaseError
from guestsql.settings import Settings
from guestsql.sql._async.connection import AsyncDeadlineConnection
from guestsql.sql._async.pool import AsyncConnections
from guestsql.sql.attempts import Work
from guestsql.sql.conninfo import parse_conninfo
from guestsql.sql.position import NOWHERE, Companion, Position, written_to

__all__ = ["AsyncReplica"]

# A replica that has not answered by then is treated as gone; the caller still has the rest of its deadline.
_PATIENCE_SECONDS = 0.5
# How long the primary answers everything: after a failure, and when the replica was found behind.
_REST_SECONDS = 1.0
_CATCH_UP_SECONDS = 0.01


class AsyncReplica:
    """A replica beside the primary, and what this process has written on the primary.

    Args:
        settings: of the pool, which is as large as the primary's.
        url: the primary.
        replica_url: the replica.
        reads: the queries that are read on the replica. Any other may write, if only by a function that it calls. With
            none, no connection is made to the replica, and the writes are noted.

    Raises:
        SettingsError: the replica's address does not parse.
    """

    def __init__(self, settings: Settings, url: str, replica_url: str, reads: Collection[str]) -> None:
        parse_conninfo(replica_url, variable="DATABASE_REPLICA_URL")
        self._reads = frozenset(reads)
        self._connections = AsyncConnections(settings, replica_url, server="the replica")
        self._seconds = min(_PATIENCE_SECONDS, settings.deadline_seconds / 4)
        self._written = written_to(url)
        self._resting_until = 0.0

    async def open(self) -> None:
        """Start connecting, without waiting for it."""
        if self._reads:
            await self._connections.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()

    async def read(self, work: Work, parameters: Mapping[str, object]) -> Any | None:  # noqa: ANN401  the query's own
        """Run a query on the replica.

        Args:
            work: the query, which only reads.
            parameters: its parameters by name.

        Returns:
            What the query returns. None, too, if the replica cannot be used now: it does not answer, refuses, or does
            not have yet what this process has written.
        """
        now = monotonic()
        wanted = self._written.position()
        if wanted is None or now < self._resting_until:
            return None
        try:
            connection = await self._connections.acquire_if_reachable(now + self._seconds)
            if connection is None:
                return None
            try:
                answer, position = await self._ask(connection, work, parameters, wanted)
            finally:
                await self._connections.release(connection)
        except DatabaseError:  # the log has it: from the adapter, or from the pool
            self._resting_until = monotonic() + _REST_SECONDS
            return None
        if position.covers(wanted):
            return answer
        if position.timeline > wanted.timeline:
            self._written.add(None)  # the next read on the primary shows whether it is on that timeline too
        self._resting_until = monotonic() + _CATCH_UP_SECONDS
        return None

    async def _ask(
        self, connection: AsyncDeadlineConnection, work: Work, parameters: Mapping[str, object], wanted: Position
    ) -> tuple[Any, Position]:
        """Return the query's answer, and a position that the replica had before."""
        is_known = connection.position.covers(wanted)
        companion = connection.companion = None if is_known else Companion(is_behind=False)
        try:
            answer = await work.do(connection, **parameters)
        except DatabaseError:  # its prepared statements may be gone
            await connection.close()
            raise
        finally:
            connection.companion = None
        if companion is None:
            return answer, connection.position
        position = companion.position or NOWHERE
        if connection.has_session:  # otherwise the next statement may run on another server
            connection.position = position
        return answer, position

    async def run_on_primary(
        self, work: Work, connection: AsyncDeadlineConnection, parameters: Mapping[str, object]
    ) -> Any:  # noqa: ANN401  the query's own
        """Run work on the primary, and note the position of what it wrote, or of what was written before it.

        Args:
            work: what is done.
            connection: to the primary, in no transaction.
            parameters: the query's parameters by name.
        """
        if not work.name:  # a transaction
            answer = await work.do(connection, **parameters)
            if work.writes:
                self._written.add(None)
            return answer
        count, is_read = self._written.count, work.name in self._reads
        companion = connection.companion = self._companion(work, is_read=is_read)
        is_done = False
        try:
            answer = await work.do(connection, **parameters)
            is_done = True
        finally:
            connection.companion = None
            position = None if companion is None else companion.position
            if is_read and position is not None:
                self._written.locate(count, position)
            # What was not acknowledged does not count: contexts are still read while there is no primary.
            if not is_read and (is_done or position is not None):
                self._written.add(position)
        return answer

    def add_write(self) -> None:
        """Note that something was written on the primary."""
        self._written.add(None)

    def _companion(self, work: Work, *, is_read: bool) -> Companion | None:
        is_wanted = self._written.position() is None if is_read else work.is_atomic
        return Companion(is_behind=True) if is_wanted else None
