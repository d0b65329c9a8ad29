"""Guests who have been silent for a long time: archived, and returned by whatever writes to them.

A write of an archived guest's row is refused by the server. Outside a transaction the executor then calls
`AsyncReturner`, and repeats what was refused. Inside a transaction an error would end it, so the guests are returned
before the write.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from guestsql.errors import DatabaseError, InvalidValue
from guestsql.guests._async.marked import write
from guestsql.guests._async.session import AsyncSession
from guestsql.guests.archive import REFUSED, archive_numbers
from guestsql.guests.values import clean_count
from guestsql.sql import InUse, Query
from guestsql.sql._async.executor import AsyncExecutor
from guestsql.sql._async.transaction import AsyncTransactionSession
from guestsql.sql.attempts import Policy
from guestsql.sql.hooks import hooked_queries
from guestsql.telemetry.log import event

__all__ = ["AsyncArchive", "AsyncReturner", "return_archived"]

_MOST_DAYS = 100_000
_MOST_GUESTS = 100_000


class AsyncArchive(AsyncSession):
    """The methods for the archive."""

    async def archive_guests(self, *, silent_days: int = 30, max_guests: int = 500) -> int:
        """Move guests who have been silent for a long time to the archive, up to `max_guests` of them.

        The archive holds everything that `guest_profiles` held about them, and nothing else moves. A guest returns with
        the next message or write, inside that call; reads find an archived guest where it is. A guest is left for a
        later call who has a message in progress or an unsent reply, for whom a context or a thread is being made, or
        whose row another session has locked. Custom tables follow through their queries marked `-- on: archive_guest`.

        Args:
            silent_days: days since the guest's last message, 0 to 100,000; for one who never wrote, since the guest
                became known.
            max_guests: guests at most, 1 to 100,000.

        Returns:
            How many were archived; repeat the call until it is 0.

        Raises:
            InvalidValue: a number is out of range.
            ConstraintViolation: a custom table refers to a guest, and no query moves its rows; nothing is archived.

        SQL: queries/history.sql
        """
        numbers = {
            "silent_days": clean_count(silent_days, "silent_days", _MOST_DAYS, least=0),
            "max_guests": clean_count(max_guests, "max_guests", _MOST_GUESTS),
        }
        queries = self._marked("archive_guest")
        if queries:
            archived = await self._in_transaction(partial(_archive, queries=queries, numbers=numbers))
        else:
            archived = await self._call("archive_guests", **numbers, phone_numbers=None)
        if archived:
            self._after_commit(partial(event, logging.INFO, "GUESTS_ARCHIVED", "guests archived", rows=archived))
        return archived

    async def return_guests(self, user_ids: Iterable[str]) -> int:
        """Return archived guests, as the next message or write of each does.

        Custom queries that write `guest_profiles` inside a transaction need it before them: there the refusal of an
        archived guest's row ends the transaction.

        Args:
            user_ids: ids in any spelling; a list, not a single string.

        Returns:
            How many of them were archived.

        Raises:
            InvalidValue: `user_ids` is a string.

        SQL: queries/internal/archive.sql
        """
        if isinstance(user_ids, str):
            raise InvalidValue("user_ids is a list of ids, not a text", hint="for one guest pass a list of one")
        ids = sorted({self._key(user_id) for user_id in user_ids})
        return await self._in_transaction(partial(_return, queries=self._marked("return_guest"), ids=ids))


class AsyncReturner:
    """Returns the guests of a write that the server has refused because they are archived.

    Args:
        executor: runs the queries.
        in_use: the queries.
    """

    def __init__(self, executor: AsyncExecutor, in_use: InUse) -> None:
        self._executor = executor
        self._in_use = in_use

    async def __call__(self, error: DatabaseError, deadline: float) -> None:
        """Return the guests whom the error names.

        Args:
            error: with the SQLSTATE `REFUSED`.
            deadline: in seconds of `time.monotonic()`.

        Raises:
            DatabaseError: they could not be returned.
        """
        queries = hooked_queries(self._in_use.catalogue.values(), "return_guest")
        returning = partial(_return_numbers, queries=queries, numbers=archive_numbers(error))
        await self._executor.run(returning, policy=Policy.REPEAT, deadline=deadline)

    def install(self) -> None:
        """Have the executor call this after a refusal."""
        self._executor.remedies[REFUSED] = self


async def return_archived(tx: AsyncTransactionSession, queries: list[Query], keys: list[str]) -> None:
    """Return archived guests within a transaction.

    Args:
        tx: which has locked their rows.
        queries: those marked return_guest.
        keys: the guests' keys, sorted; none for nothing to do.
    """
    if not keys:
        return
    # Their rows of guest_profiles come first: a foreign key refers to them.
    returned = await tx.call("return_guests", {"phone_numbers": keys})
    await write(tx, queries, phone_numbers=keys)
    tx.on_commit(partial(event, logging.INFO, "GUESTS_RETURNED", "archived guests returned", rows=returned))


async def _archive(tx: AsyncTransactionSession, *, queries: list[Query], numbers: dict[str, int]) -> int:
    keys = [row.phone_number for row in await tx.call("lock_silent_guests", numbers)]
    if not keys:
        return 0
    await write(tx, queries, phone_numbers=keys)
    archived: int = await tx.call("archive_guests", {**numbers, "phone_numbers": keys})
    return archived


async def _return(tx: AsyncTransactionSession, *, queries: list[Query], ids: list[str]) -> int:
    keys = [row.phone_number for row in await tx.call("find_archived_guests", {"ids": ids})]
    await return_archived(tx, queries, keys)
    return len(keys)


async def _return_numbers(tx: AsyncTransactionSession, *, queries: list[Query], numbers: list[int]) -> None:
    keys = [row.phone_number for row in await tx.call("lock_archived_guests", {"client_numbers": numbers})]
    await return_archived(tx, queries, keys)
