"""One caller's request for a context: whose, how fresh, and how long it may take."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from guestsql.errors import QueryTimeout
from guestsql.guests.deadline import Deadline

__all__ = ["ContextRequest"]


_ENOUGH_BUILDS = 10


@dataclass(slots=True)
class ContextRequest:
    """One caller's request: whose context, and how fresh.

    Attributes:
        row: what lookup_context has returned last.
        has_built: True when the caller has built since then, so that the profile may be another.
        stale_if_error: True to get an old text in place of an error.
        lease: the caller's own for as long as it asks, so that a claim whose answer was lost is found again.
        may_hold_lease: False when the caller is sure not to have it.
        outcome: what is to be counted for it.
        since: when the caller asked, in seconds of `time.monotonic()`.
    """

    key: str
    ttl_seconds: float
    deadline: Deadline
    row: Any | None
    stale_if_error: bool
    lease: uuid.UUID = field(default_factory=uuid.uuid4)
    may_hold_lease: bool = False
    has_built: bool = False
    outcome: str = "miss"
    since: float = field(default_factory=monotonic)

    def check_waiting(self, pause: float) -> None:
        """Do not wait for another's build past the deadline.

        Raises:
            QueryTimeout: there is no time for another pause.
        """
        if not self.deadline.leaves(pause):
            raise QueryTimeout(
                "another caller was still building the context at the deadline",
                query="claim_context",
                hint="make the builder faster, or raise GUESTSQL_DEADLINE_SECONDS",
            )

    def check_overtaken(self, builds: int, pause: float, deadline_seconds: float) -> None:
        """Give up on a profile that changes in every build: its builder changes it, most likely.

        Args:
            builds: how many there were.
            pause: seconds until the next one.
            deadline_seconds: those of the settings.

        Raises:
            QueryTimeout: there were enough of them, or there is no time for another.
        """
        now = monotonic()
        enough = builds >= _ENOUGH_BUILDS and now - self.deadline.started >= deadline_seconds
        if enough or now + pause >= self.deadline.at:
            raise QueryTimeout(
                f"the profile changed during each of {builds} builds of the context",
                query="publish_context",
                hint="a context builder must not change the guest it builds for",
            )
