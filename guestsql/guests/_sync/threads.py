# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The guests' threads: which one is a guest's, and the tokens spent in it."""

from __future__ import annotations

import logging

from guestsql.guests._sync.session import Session
from guestsql.guests.models import GuestThread
from guestsql.guests.rows import thread_from
from guestsql.guests.values import clean_text, clean_tokens
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

    def set_thread(self, user_id: str, thread_id: str) -> GuestThread:
        """Set a guest's thread; its tokens start from 0. If it is the guest's thread already, nothing changes.

        Args:
            user_id: any spelling of a WhatsApp id.
            thread_id: the thread, not blank.

        Returns:
            The thread after the change.

        Raises:
            InvalidValue: the thread is blank or not a string.

        SQL: queries/threads.sql
        """
        return self._write_thread(self._key(user_id), clean_text(thread_id, "thread_id", blank=False))

    def clear_thread(self, user_id: str) -> GuestThread:
        """Remove a guest's thread, and its token count.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            A thread whose `thread_id` is None.

        SQL: queries/threads.sql
        """
        return self._write_thread(self._key(user_id), None)

    def add_thread_tokens(self, user_id: str, thread_id: str, tokens: int) -> int:
        """Count tokens spent in a thread; never twice, even if the connection is lost during the call.

        Args:
            user_id: any spelling of a WhatsApp id.
            thread_id: the thread in which they were spent, not blank. If it is not the guest's thread, it becomes it,
                with these tokens.
            tokens: the tokens spent since the last call, 0 or more, below 2^63; they are added, and are not a new
                total.

        Returns:
            The thread's new count.

        Raises:
            InvalidValue: the thread is blank or not a string, or the tokens are not a whole number of 0 or more.
            OutcomeUnknown: the server could not be reached again, or did not answer, until the deadline. The tokens may
                have been counted: call `get_thread` before you repeat it.

        SQL: queries/threads.sql
        """
        count: int = self._call_once(
            "add_thread_tokens",
            phone_number=self._key(user_id),
            thread_id=clean_text(thread_id, "thread_id", blank=False),
            tokens=clean_tokens(tokens),
            operation_id=new_operation_id(),
        )
        return count

    def _write_thread(self, key: str, thread_id: str | None) -> GuestThread:
        row = self._call("set_thread", phone_number=key, thread_id=thread_id)
        if row is not None:
            event(logging.INFO, "DATABASE_UPDATE", "thread updated", guest=key, query="set_thread")
        while row is None:  # nothing to change; or forgotten by another process in this very moment
            row = self._call("get_thread", phone_number=key) or self._call(
                "set_thread", phone_number=key, thread_id=thread_id
            )
        return thread_from(row)
