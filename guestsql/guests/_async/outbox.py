"""The outbox: replies to guests are queued, claimed by a sender, and marked."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import uuid4

from guestsql.errors import DatabaseUnavailable, LeaseLost
from guestsql.guests._async.session import AsyncSession
from guestsql.guests.messages import DEFAULT_GATEWAY, clean_gateway
from guestsql.guests.models import Reply
from guestsql.guests.rows import reply_from
from guestsql.guests.values import clean_count, clean_json, clean_reason, clean_seconds, clean_text
from guestsql.sql._async.executor import AsyncExecutor
from guestsql.sql._async.listening import AsyncListeners
from guestsql.telemetry.log import event
from guestsql.telemetry.write_buffer import new_operation_id

__all__ = ["REPLY_CHANNEL", "AsyncOutbox", "AsyncReplySender"]

REPLY_CHANNEL = "guestsql_outbox"
"""Where the trigger of the table outbox notifies."""
_MOST_REPLIES = 1000
_SHORTEST_LEASE_SECONDS = 0.001
_MOST_ATTEMPTS = 1000


class AsyncOutbox(AsyncSession):
    """The methods for replies."""

    async def queue_reply(self, user_id: str, payload: Mapping[str, Any], *, gateway: str = DEFAULT_GATEWAY) -> None:
        """Queue a reply to a guest; never twice, even if the connection is lost during the call.

        This is for replies that answer no message, such as a reminder; `message.reply` queues the others. In a
        transaction the reply is queued when the transaction is committed.

        Args:
            user_id: any spelling of a WhatsApp id.
            payload: what your sender needs, as a mapping with a JSON form. It is deleted when the reply is sent.
            gateway: the service that delivers it, 1 to 100 characters. Replies of one guest are sent in order for
                each gateway.

        Raises:
            InvalidValue: the payload is not a mapping or has no JSON form, or the gateway is unusable.
            OutcomeUnknown: the server could not be reached again, or did not answer, until the deadline. The reply may
                have been queued: check `list_replies` before you repeat it.

        SQL: queries/internal/outbox.sql
        """
        key, reply = self._key(user_id), clean_json(payload, "payload")
        service = clean_gateway(gateway)
        await self._hold(key)
        await self._call_once(
            "queue_reply", phone_number=key, gateway=service, payload=reply, operation_id=new_operation_id()
        )

    async def claim_replies(
        self, max_replies: int = 10, *, lease_seconds: float = 60.0, gateway: str | None = None
    ) -> list[Reply]:
        """Claim queued replies, to send them and to mark each with `reply_sent` or `reply_failed`.

        Only a guest's first unfinished reply can be claimed, so replies to one guest are sent in order. A dead letter
        counts as finished: later replies do not wait for it. No other sender gets a claimed reply until its lease ends.

        If a sender is killed, its replies stay claimed. When their lease ends they are returned again, with
        `is_maybe_sent`: decide whether to send such a reply once more, or to mark it as sent.

        Args:
            max_replies: the most replies to claim, 1 to 1,000. Claim only what you can send within the lease.
            lease_seconds: how long no other sender may claim them, in seconds, above 0, at most a day.
            gateway: only replies of this service; default all.

        Returns:
            The replies, in the order in which they were queued; empty when none is due.

        Raises:
            InvalidValue: an argument is out of range.
            TransactionError: it is called in a transaction: the claim would not be stored until that is committed.

        SQL: queries/internal/outbox.sql
        """
        limit = clean_count(max_replies, "max_replies", _MOST_REPLIES)
        seconds = clean_seconds(lease_seconds, "lease_seconds", _SHORTEST_LEASE_SECONDS)
        await self._ready()
        return await self._replies.claim(limit, seconds, _only(gateway))

    async def reply_sent(self, reply: Reply, message_id: str | None = None) -> None:
        """Mark a claimed reply as sent; may be repeated.

        The reply becomes one of the guest's messages. Its payload is deleted; with `GUESTSQL_KEEP_TEXT` the message has
        it as its text, as JSON.

        Args:
            reply: what `claim_replies` returned.
            message_id: the id that the gateway gave to the sent message, not blank; None if unknown.

        Raises:
            LeaseLost: another sender has claimed the reply, or it was dropped, or its guest was erased.
            InvalidValue: the id is blank or not a string.

        SQL: queries/internal/outbox.sql
        """
        sent_id = None if message_id is None else clean_text(message_id, "message_id", blank=False)
        marked = await self._call(
            "mark_reply_sent",
            reply_id=reply.reply_id,
            lease=reply.lease,
            sent_message_id=sent_id,
            keeps_text=self._settings.keep_text_days > 0,
        )
        if not marked:
            raise _lost(reply, "sent")
        event(logging.INFO, "REPLY_SENT", "reply sent", guest=reply.phone_number, reply=reply.reply_id)

    async def reply_failed(
        self, reply: Reply, error: str | BaseException, *, max_attempts: int = 10, retry_seconds: float | None = None
    ) -> datetime | None:
        """Mark a claimed reply as not sent: it is tried again later, or becomes a dead letter; may be repeated.

        Later replies to the same guest wait until it is sent or dead.

        Args:
            reply: what `claim_replies` returned.
            error: why; the first 1,000 characters are kept.
            max_attempts: attempts after which it is a dead letter, 1 to 1,000. Pass 1 for a permanent error, such as a
                number without WhatsApp.
            retry_seconds: seconds until the next attempt, 0 to a day, for example as the gateway asks; default 5 after
                the first attempt, doubled after each further one, at most an hour.

        Returns:
            When it is tried again, by the server's clock; None if it is now a dead letter.

        Raises:
            LeaseLost: another sender has claimed the reply, or it was dropped, or its guest was erased.
            InvalidValue: a number is out of range.

        SQL: queries/internal/outbox.sql
        """
        seconds = None if retry_seconds is None else clean_seconds(retry_seconds, "retry_seconds")
        row = await self._call(
            "mark_reply_failed",
            reply_id=reply.reply_id,
            lease=reply.lease,
            last_error=clean_reason(error),
            retry_seconds=seconds,
            max_attempts=clean_count(max_attempts, "max_attempts", _MOST_ATTEMPTS),
        )
        if row is None:
            raise _lost(reply, "not sent")
        is_dead = row.state == "dead"
        event(
            logging.ERROR if is_dead else logging.WARNING,
            "REPLY_DEAD" if is_dead else "REPLY_FAILED",
            "a reply is a dead letter" if is_dead else "a reply will be tried again",
            guest=reply.phone_number,
            reply=reply.reply_id,
        )
        return None if is_dead else row.due_at

    async def wait_for_replies(self, timeout_seconds: float = 60.0, *, gateway: str | None = None) -> bool:
        """Wait until a reply can be claimed: a new one, one that is due again, or one whose lease has ended.

        The server wakes the caller (LISTEN) over a direct connection outside the pool. Behind a transaction pooler set
        `DATABASE_UNPOOLED_URL`; without it, and while that address cannot be reached, the caller polls every second.

        Args:
            timeout_seconds: how long to wait, 0 to a day.
            gateway: only replies of this service; default all.

        Returns:
            True if a reply can be claimed, though another sender may be faster; False after the time-out.

        Raises:
            DatabaseUnavailable: the server cannot be reached, or the database was closed meanwhile.
            InvalidValue: the time is out of range.
            TransactionError: it is called in a transaction, which would stay open meanwhile.

        SQL: queries/internal/outbox.sql
        """
        seconds = clean_seconds(timeout_seconds, "timeout_seconds")
        await self._ready()
        return await self._replies.wait(seconds, _only(gateway))


class AsyncReplySender:
    """What a sender does outside transactions: it claims, and waits.

    SQL: queries/internal/outbox.sql

    Args:
        executor: runs the queries.
        listeners: wake the waiting sender.
    """

    def __init__(self, executor: AsyncExecutor, listeners: AsyncListeners) -> None:
        self._executor = executor
        self._listeners = listeners

    async def claim(self, max_replies: int, lease_seconds: float, gateway: str | None) -> list[Reply]:
        """Claim replies that are due."""
        parameters = {
            "gateway": gateway,
            "lease": uuid4(),
            "lease_seconds": lease_seconds,
            "max_rows": max_replies,
        }
        rows = await self._executor.call("claim_replies", parameters)
        return [reply_from(row) for row in rows]

    async def wait(self, seconds: float, gateway: str | None) -> bool:
        """Wait until a reply is due."""
        until = monotonic() + seconds
        async with self._listeners.listening() as listener:
            while True:
                delay = await self._executor.call("get_reply_delay", {"gateway": gateway})
                if delay is not None and delay <= 0:
                    return True
                rest = until - monotonic()
                if rest <= 0:
                    return False
                if not await listener.resume():
                    await listener.wait(min(rest, math.inf if delay is None else delay))
                if self._listeners.is_closed:
                    raise DatabaseUnavailable("the database was closed meanwhile", hint="call open() to use it again")


def _only(gateway: object) -> str | None:
    return None if gateway is None else clean_gateway(gateway)


def _lost(reply: Reply, mark: str) -> LeaseLost:
    return LeaseLost(
        f"reply {reply.reply_id} was not marked as {mark}: its lease ended and another sender claimed it, it is marked "
        "already, it was dropped, or its guest was erased",
        hint="its present owner decides; claim fewer replies at a time, or for longer",
    )
