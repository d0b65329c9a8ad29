# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The guests' threads, current and previous, and the tokens spent in each."""

from __future__ import annotations

import logging

from guestsql.errors import InvalidValue
from guestsql.guests._sync.session import Session
from guestsql.guests.callbacks import ThreadFactory
from guestsql.guests.messages import clean_gateway, clean_message_id
from guestsql.guests.models import GuestThread
from guestsql.guests.rows import thread_from, threads_from
from guestsql.guests.values import clean_id, clean_tokens
from guestsql.telemetry.log import event
from guestsql.telemetry.write_buffer import new_operation_id

__all__ = ["Threads"]


class Threads(Session):
    """The methods for threads."""

    def get_thread(self, user_id: str) -> GuestThread | None:
        """Return a guest's thread and the tokens spent in it.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            The thread, whose `thread_id` is None for a guest without one; None for an unknown guest.

        SQL: queries/threads.sql
        """
        row = self._call("get_thread", phone_number=self._key(user_id))
        return None if row is None else thread_from(row)

    def get_threads(self, user_id: str) -> list[GuestThread]:
        """Return every thread that a guest has had, newest first.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            The current thread, if there is one, whose `reason` is None; then the others by `ended_at`, those of the
            old bot's files last. Empty for an unknown guest.

        SQL: queries/threads.sql
        """
        return threads_from(self._call("get_threads", phone_number=self._key(user_id)))

    def create_thread(self, user_id: str, factory: ThreadFactory) -> GuestThread:
        """Return a guest's thread; if there is none, create it with `factory`, once for all concurrent callers.

        Of concurrent callers, in this process and in others, one calls its factory, and the others wait for that
        thread. No connection is held meanwhile. If the factory fails, its caller gets the error and the next caller
        calls its own. If it takes longer than the lease, another caller may call its own too; the thread that is ready
        first is stored, and all callers get it. If the guest is erased meanwhile, the thread is discarded, and
        the factory is called again for the new guest.

        Args:
            user_id: any spelling of a WhatsApp id. An unknown guest is created.
            factory: creates a thread at the model's provider and returns its id, 1 to 500 characters; for the async
                class a coroutine function. It takes no arguments and must not call `create_thread` for the same guest.

        Returns:
            The guest's thread.

        Raises:
            InvalidValue: `factory` is not a function, returned no such id, or called `create_thread` for the same
                guest.
            QueryTimeout: another caller's factory took longer than the deadline. The time in the caller's own factory
                does not count towards it.
            TransactionError: inside a transaction.
            Exception: whatever the factory raised.

        SQL: queries/threads.sql, queries/internal/threads.sql
        """
        key = self._key(user_id)
        if not callable(factory):
            raise InvalidValue("factory is not a function", hint="pass a function that returns the new thread's id")
        return self._create_thread(key, factory)

    def set_thread(self, user_id: str, thread_id: str) -> GuestThread:
        """Set a guest's thread. If it is the guest's thread already, nothing changes.

        The previous thread stays in `get_threads`. A new thread starts from 0 tokens; one that the guest had before
        continues.

        Args:
            user_id: any spelling of a WhatsApp id.
            thread_id: the thread, 1 to 500 characters.

        Returns:
            The thread after the change.

        Raises:
            InvalidValue: the thread is blank, too long or not a string.

        SQL: queries/threads.sql
        """
        return self._write_thread(self._key(user_id), clean_id(thread_id, "thread_id"))

    def clear_thread(self, user_id: str) -> GuestThread:
        """Leave a guest without a thread; the previous one stays in `get_threads`, with its tokens.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            A thread whose `thread_id` is None.

        SQL: queries/threads.sql
        """
        return self._write_thread(self._key(user_id), None)

    def add_thread_tokens(
        self,
        user_id: str,
        thread_id: str,
        tokens: int,
        *,
        message_id: str | None = None,
        gateway: str | None = None,
    ) -> int:
        """Count tokens spent in a thread; never twice, even if the connection is lost during the call.

        Args:
            user_id: any spelling of a WhatsApp id.
            thread_id: the thread in which they were spent, 1 to 500 characters. An unknown one becomes the guest's,
                with these tokens. One that the guest had before keeps its own count, and does not become the guest's
                again.
            tokens: the tokens spent since the last call, 0 or more, below 2^63; they are added, and are not a new
                total.
            message_id: the gateway's id of the message for which they were spent. They are then counted once for this
                message and thread, even if several processes count them, or `message` does too; the call may be
                repeated after any error. Default: every call counts.
            gateway: the service that delivers the messages. Default `whatsapp`.

        Returns:
            The thread's new count; 0 if the message's guest was erased.

        Raises:
            InvalidValue: the thread is blank, too long or not a string, the tokens are not a whole number of 0 or more,
                or the message's id or the gateway is unusable.
            OutcomeUnknown: without `message_id`, the server could not be reached again, or did not answer, until the
                deadline. The tokens may have been counted: call `get_threads` before you repeat it.

        SQL: queries/threads.sql, queries/internal/messages.sql
        """
        key = self._key(user_id)
        spent = {"thread_id": clean_id(thread_id, "thread_id"), "tokens": clean_tokens(tokens)}
        self._hold(key)
        if message_id is None:
            count = self._call_once("add_thread_tokens", phone_number=key, operation_id=new_operation_id(), **spent)
        else:
            known = {"gateway": clean_gateway(gateway), "message_id": clean_message_id(message_id)}
            count = self._call("add_message_tokens", phone_number=key, **known, **spent)
            if not count:  # perhaps the guest was unknown until the message was done: only a new statement sees both
                count = self._call("add_message_tokens", phone_number=key, **known, **spent)
        return count or 0

    def _write_thread(self, key: str, thread_id: str | None) -> GuestThread:
        self._hold(key)
        while True:
            row = self._call("set_thread", phone_number=key, thread_id=thread_id)
            if row is not None:
                event(logging.INFO, "DATABASE_UPDATE", "thread updated", guest=key, query="set_thread")
                return thread_from(row)
            row = self._call("get_thread", phone_number=key)  # there was nothing to change
            if row is not None and row.thread_id == thread_id:
                return thread_from(row)
            # Another process has forgotten the guest, or set another thread, at this moment: write again.
