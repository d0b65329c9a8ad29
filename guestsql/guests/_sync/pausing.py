# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The pauses of callers that wait for what another caller builds."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from guestsql.guests.deadline import LONGEST_PAUSE_SECONDS
from guestsql.sql.jitter import jitter
from guestsql.sql.runtime import Signal, sleep

__all__ = ["Build", "Pauses"]


@dataclass(eq=False, slots=True)
class Build:
    """A build in this process, and the claim before it.

    Attributes:
        began: before the claim, in seconds of `time.monotonic()`.
        ended: given at the end.
        is_claimed: False when another caller has the lease.
        text: the context that the caller returns; None as long as there is none.
    """

    began: float = field(default_factory=monotonic)
    ended: Signal = field(default_factory=Signal)
    is_claimed: bool = False
    text: str | None = None


class Pauses:
    """Pauses that grow. Where the other caller is of this process too, the end of its build cuts them short."""

    def __init__(self) -> None:
        self._builds: dict[str, Build] = {}

    @contextmanager
    def claiming(self, key: str) -> Generator[Build]:
        """Let those who wait for a guest go on when the block ends, unless they wait for a build already.

        Args:
            key: the guest's key.
        """
        build = Build()
        try:
            self._builds.setdefault(key, build)
            yield build
        finally:
            if self._builds.get(key) is build:  # otherwise another caller has taken over
                self._builds.pop(key, None)
            build.ended.give()

    def claimed(self, key: str, build: Build) -> None:
        """Let the others wait for this build, even if an earlier one goes on.

        Args:
            key: the guest's key.
            build: that of `claiming`.
        """
        build.is_claimed = True
        self._builds[key] = build

    @contextmanager
    def building_here(self, key: str) -> Generator[None]:
        """Let those who wait for a guest go on when the block ends; the claim is done.

        Args:
            key: the guest's key.
        """
        with self.claiming(key) as build:
            self.claimed(key, build)
            yield

    def begun_since(self, key: str, since: float) -> Build | None:
        """Return the build for a guest in this process, if there is one that began so late.

        Args:
            key: the guest's key.
            since: in seconds of `time.monotonic()`.
        """
        build = self._builds.get(key)
        return build if build is not None and build.began > since else None

    def rest(self, key: str, pause: float, deadline: float, build: Build | None = None) -> float:
        """Wait up to so many seconds, and return how many it may be the next time.

        Args:
            key: the guest's key.
            pause: seconds; begin with `FIRST_PAUSE_SECONDS`.
            deadline: in seconds of `time.monotonic()`; no pause goes beyond it.
            build: whose end is waited for; default that of the guest, if there is one.
        """
        build = build or self._builds.get(key)
        seconds = jitter(pause / 2, pause)
        if build is not None:  # nothing to ask meanwhile, unless the build takes longer than its lease
            build.ended.wait(min(LONGEST_PAUSE_SECONDS, max(0.0, deadline - monotonic())))
        if build is None or not build.is_claimed:  # another process builds, if any
            sleep(min(seconds, max(0.0, deadline - monotonic())))
        return min(pause * 2, LONGEST_PAUSE_SECONDS)
