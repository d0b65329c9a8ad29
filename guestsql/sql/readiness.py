"""Whether a socket has anything to read, without waiting for it."""

from __future__ import annotations

import select

__all__ = ["is_readable"]


def is_readable(fileno: int) -> bool:
    """Return True if reading would return at once.

    Args:
        fileno: the socket's.
    """
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(fileno, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([fileno], [], [], 0)[0])  # Windows has no poll
