"""The deadline of a caller that waits for a context or a thread, and may have to build it."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Self

__all__ = ["FIRST_PAUSE_SECONDS", "LONGEST_PAUSE_SECONDS", "Deadline"]

FIRST_PAUSE_SECONDS = 0.004
LONGEST_PAUSE_SECONDS = 0.1

_PUBLISH_GRACE_SECONDS = 1.0
# A caller that was interrupted does not wait for a server that does not answer; the lease then expires.
_INTERRUPTED_RELEASE_SECONDS = 1.0


@dataclass(slots=True)
class Deadline:
    """When a caller gives up, in seconds of `time.monotonic()`. The time in its own callback does not count.

    Attributes:
        started: when it began.
        at: when it gives up.
    """

    started: float
    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return a deadline from now on.

        Args:
            seconds: how long the caller waits, without the time in its own callback.
        """
        started = monotonic()
        return cls(started, started + seconds)

    def add_build(self, seconds: float) -> None:
        """Put the deadline off by what a callback took, and leave a moment to store its result."""
        left = min(_PUBLISH_GRACE_SECONDS, self.at - self.started)
        self.at = max(self.at + seconds, monotonic() + left)

    def leaves(self, pause: float) -> bool:
        """Return whether there is time for another pause of so many seconds."""
        return monotonic() + pause < self.at

    def interrupt(self) -> None:
        """Leave a moment to give up the lease, when the caller was cancelled."""
        self.at = min(self.at, monotonic() + _INTERRUPTED_RELEASE_SECONDS)
