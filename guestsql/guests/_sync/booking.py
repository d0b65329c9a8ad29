# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Booking status and notes, of active and archived guests alike."""

from __future__ import annotations

import logging
from datetime import datetime
from decimal import Decimal
from functools import partial

from guestsql.guests._sync.session import Session
from guestsql.guests.booking import clean_money, clean_status
from guestsql.guests.models import BookingEvent, BookingStatus, GuestNote
from guestsql.guests.rows import event_from, note_from, status_from
from guestsql.guests.values import clean_id, clean_instant, clean_text
from guestsql.telemetry.log import event
from guestsql.telemetry.write_buffer import new_operation_id

__all__ = ["Booking"]

_LONGEST_WORD = 100


class Booking(Session):
    """The methods for booking status and notes."""

    def set_booking_status(
        self,
        user_id: str,
        status: str,
        *,
        at: datetime | None = None,
        source: str = "bot",
        note: str | None = None,
        value: Decimal | float | str | None = None,
        currency: str | None = None,
    ) -> BookingStatus:
        """Add an event to the history of a guest's booking status; never twice, even if the connection is lost.

        The current status is that of the latest event by its time: an event with an older time is stored and changes
        nothing else. An archived guest stays archived. An unknown guest is created.

        Args:
            user_id: any spelling of a WhatsApp id.
            status: `interested`, `booked`, `inactive` or `lost`.
            at: when the guest got this status, a datetime with a zone; default now, by the server's clock. A time in
                the future counts as now.
            source: who says so, 1 to 100 characters: the bot, a person, a booking system.
            note: a text about it, not blank; None for none.
            value: of the booking; with `interested`, of the quote. 0 or more, below 10^12, with two decimal places at
                most; None if unknown.
            currency: the value's currency, three letters as in ISO 4217, such as COP; given with a value only.

        Returns:
            The guest's status after that.

        Raises:
            InvalidValue: an argument is unusable.
            OutcomeUnknown: the server could not be reached again, or did not answer, until the deadline. The event may
                have been stored: call `get_booking_history` before you repeat it.

        SQL: queries/internal/booking.sql
        """
        key = self._key(user_id)
        amount, letters = clean_money(value, currency)
        self._call_once(
            "add_booking_event",
            phone_number=key,
            status=clean_status(status),
            occurred_at=None if at is None else clean_instant(at),
            source=clean_id(source, "source", _LONGEST_WORD),
            note=None if note is None else clean_text(note, "note", blank=False),
            value=amount,
            currency=letters,
            operation_id=new_operation_id(),
        )
        stored = partial(event, logging.INFO, "BOOKING_STATUS", "booking status stored", guest=key, status=status)
        self._after_commit(stored)
        row = self._read_stored("get_booking_status", phone_number=key)
        # Another process has erased the guest at this moment.
        return _no_status(key) if row is None else status_from(row)

    def get_booking_status(self, user_id: str) -> BookingStatus | None:
        """Return a guest's current booking status.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            The status, whose `status` is None if none is known; None for an unknown guest.

        SQL: queries/booking.sql
        """
        row = self._call("get_booking_status", phone_number=self._key(user_id))
        return None if row is None else status_from(row)

    def get_booking_history(self, user_id: str) -> list[BookingEvent]:
        """Return every booking status that a guest had, the newest first.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            The events; empty if there is none.

        SQL: queries/booking.sql
        """
        rows = self._call("list_booking_events", phone_number=self._key(user_id))
        return [event_from(row) for row in rows]

    def add_note(self, user_id: str, note: str, *, kind: str = "note", author: str | None = None) -> None:
        """Add a note about a guest; never twice, even if the connection is lost during the call.

        An archived guest stays archived. An unknown guest is created.

        Args:
            user_id: any spelling of a WhatsApp id.
            note: the text, not blank.
            kind: what it is, 1 to 100 characters.
            author: who wrote it, 1 to 100 characters; None if unknown.

        Raises:
            InvalidValue: a text is blank, too long or not a string.
            OutcomeUnknown: the server could not be reached again, or did not answer, until the deadline. The note may
                have been stored: call `get_notes` before you repeat it.

        SQL: queries/internal/booking.sql
        """
        self._call_once(
            "add_guest_note",
            phone_number=self._key(user_id),
            note=clean_text(note, "note", blank=False),
            kind=clean_id(kind, "kind", _LONGEST_WORD),
            author=None if author is None else clean_id(author, "author", _LONGEST_WORD),
            operation_id=new_operation_id(),
        )

    def get_notes(self, user_id: str) -> list[GuestNote]:
        """Return the notes about a guest, the newest first.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            The notes; empty if there is none.

        SQL: queries/booking.sql
        """
        rows = self._call("list_guest_notes", phone_number=self._key(user_id))
        return [note_from(row) for row in rows]


def _no_status(key: str) -> BookingStatus:
    return BookingStatus(
        phone_number=key,
        status=None,
        since=None,
        first_interested_at=None,
        first_booked_at=None,
        last_booked_at=None,
        last_quoted_at=None,
    )
