"""Rows of queries into the values that methods return."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guestsql.guests.models import GuestProfile, GuestThread, Reply

__all__ = ["profile_from", "reply_from", "thread_from", "threads_from"]

_PROFILE = tuple(GuestProfile.__dataclass_fields__)
_PAST_THREAD = tuple(GuestThread.__dataclass_fields__)
_THREAD = tuple(name for name in _PAST_THREAD if name not in ("ended_at", "reason"))
_REPLY = tuple(Reply.__dataclass_fields__)


def profile_from(row: Any) -> GuestProfile:  # noqa: ANN401  a row of any query that returns a profile
    """Return the profile in a row, which may hold more columns."""
    return GuestProfile(**{name: getattr(row, name) for name in _PROFILE})


def thread_from(row: Any) -> GuestThread:  # noqa: ANN401  a row of any query that returns a thread
    """Return the current thread in a row."""
    return GuestThread(**{name: getattr(row, name) for name in _THREAD})


def threads_from(rows: Iterable[Any]) -> list[GuestThread]:
    """Return the threads in the rows of get_threads."""
    return [GuestThread(**{name: getattr(row, name) for name in _PAST_THREAD}) for row in rows]


def reply_from(row: Any) -> Reply:  # noqa: ANN401  a row of claim_replies
    """Return the claimed reply in a row."""
    return Reply(**{name: getattr(row, name) for name in _REPLY})
