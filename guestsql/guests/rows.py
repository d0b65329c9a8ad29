"""Rows of queries into the values that methods return."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guestsql.guests.models import BookingEvent, BookingStatus, GuestNote, GuestProfile, GuestThread, Reply

__all__ = ["event_from", "note_from", "profile_from", "reply_from", "status_from", "thread_from", "threads_from"]

_PROFILE = tuple(name for name in GuestProfile.__dataclass_fields__ if name != "archived_at")
_PAST_THREAD = tuple(GuestThread.__dataclass_fields__)
_THREAD = tuple(name for name in _PAST_THREAD if name not in ("ended_at", "reason"))
_REPLY = tuple(Reply.__dataclass_fields__)
_STATUS = tuple(BookingStatus.__dataclass_fields__)
_EVENT = tuple(BookingEvent.__dataclass_fields__)
_NOTE = tuple(GuestNote.__dataclass_fields__)


def profile_from(row: Any) -> GuestProfile:  # noqa: ANN401  a row of any query that returns a profile
    """Return the profile in a row, which may hold more columns; a row that was written has no archived_at."""
    return GuestProfile(
        **{name: getattr(row, name) for name in _PROFILE}, archived_at=getattr(row, "archived_at", None)
    )


def thread_from(row: Any) -> GuestThread:  # noqa: ANN401  a row of any query that returns a thread
    """Return the current thread in a row."""
    return GuestThread(**{name: getattr(row, name) for name in _THREAD})


def threads_from(rows: Iterable[Any]) -> list[GuestThread]:
    """Return the threads in the rows of get_threads."""
    return [GuestThread(**{name: getattr(row, name) for name in _PAST_THREAD}) for row in rows]


def reply_from(row: Any) -> Reply:  # noqa: ANN401  a row of claim_replies
    """Return the claimed reply in a row."""
    return Reply(**{name: getattr(row, name) for name in _REPLY})


def status_from(row: Any) -> BookingStatus:  # noqa: ANN401  a row of get_booking_status
    """Return the booking status in a row."""
    return BookingStatus(**{name: getattr(row, name) for name in _STATUS})


def event_from(row: Any) -> BookingEvent:  # noqa: ANN401  a row of list_booking_events
    """Return the booking event in a row."""
    return BookingEvent(**{name: getattr(row, name) for name in _EVENT})


def note_from(row: Any) -> GuestNote:  # noqa: ANN401  a row of list_guest_notes
    """Return the note in a row."""
    return GuestNote(**{name: getattr(row, name) for name in _NOTE})
