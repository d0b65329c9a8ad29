"""Builds of contexts and threads in this process: which of them wait for themselves, and how the last ones failed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import NamedTuple

from guestsql.errors import InvalidValue

__all__ = ["THREAD", "BuildFailures", "Recursion", "building", "check_not_building"]


@dataclass(eq=False, slots=True)
class _Build:
    owner: object
    key: str
    # A task that a builder has started inherits the build, and may outlive it.
    is_running: bool = True


class Recursion(NamedTuple):
    """How a callback waits for itself, and what it may do in place of that."""

    message: str
    hint: str


CONTEXT = Recursion(
    "a context builder requested the context that it builds",
    "build it from the GuestProfile that is passed, or call get_profile",
)
THREAD = Recursion(
    "a thread factory called create_thread for the guest whose thread it creates",
    "create the thread at the model's provider, and return its id",
)

_builds: ContextVar[tuple[_Build, ...]] = ContextVar("guestsql_builds", default=())


@contextmanager
def building(owner: object, key: str) -> Generator[None]:
    """Mark what happens meanwhile in this thread or task, and in tasks that it starts, as a build.

    Args:
        owner: the cache for which the context is built, or the creator of the thread.
        key: the guest's key.
    """
    build = _Build(owner, key)
    token = _builds.set((*_builds.get(), build))
    try:
        yield
    finally:
        build.is_running = False
        _builds.reset(token)


def check_not_building(owner: object, *keys: str, what: Recursion = CONTEXT) -> None:
    """Refuse what its own callback requests: it would wait for itself.

    Args:
        owner: the cache that is asked, or the creator of the thread.
        keys: the guests' keys.
        what: the error.

    Raises:
        InvalidValue: the caller is the callback of this build, or was called by it.
    """
    for build in _builds.get():
        if build.is_running and build.key in keys and build.owner is owner:
            raise InvalidValue(what.message, hint=what.hint)


@dataclass(frozen=True, slots=True)
class _Failure:
    error: Exception
    traceback: TracebackType | None
    failed_at: float = field(default_factory=monotonic)


class BuildFailures:
    """The last failed builds, for the callers that waited for them. May be used from several threads.

    Args:
        seconds: how long a caller waits at most: older failures are of no use.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._failures: dict[str, _Failure] = {}

    def add(self, key: str, error: Exception) -> None:
        """Remember a failure, and forget the old ones.

        Args:
            key: the guest's key.
            error: what the builder raised.
        """
        self._failures[key] = _Failure(error, error.__traceback__)
        oldest = monotonic() - self._seconds
        for known, failure in list(self._failures.items()):
            if failure.failed_at < oldest:
                self._failures.pop(known, None)

    def check(self, key: str, since: float) -> None:
        """Raise the error of a build that has failed since, as its own caller got it.

        Args:
            key: the guest's key.
            since: when the caller began to wait, in seconds of `time.monotonic()`.
        """
        failure = self._failures.get(key)
        if failure is not None and failure.failed_at >= since:
            raise failure.error.with_traceback(failure.traceback)
