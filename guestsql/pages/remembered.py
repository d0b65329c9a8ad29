"""Work that no page waits for: it is done in the background, and its result is kept for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any, Generic, TypeVar

from guestsql.adhoc.values import plain_text
from guestsql.errors import GuestSQLError
from guestsql.pages.masking import safe_text

__all__ = ["Part", "Remembered"]

T = TypeVar("T")

_MOST = 1000
# A failure may pass soon: the server returns, or a right is granted.
_FAILURE_SECONDS = 5.0


@dataclass(frozen=True)
class Part(Generic[T]):
    """A part of a page that may be missing.

    Attributes:
        value: the part; None if it is not there yet, or cannot be had.
        failure: why it cannot be had, or None.
    """

    value: T | None = None
    failure: GuestSQLError | None = None

    @property
    def is_pending(self) -> bool:
        """True while it is worked out for the first time."""
        return self.value is None and self.failure is None

    @property
    def message(self) -> str:
        """Why it cannot be had, without anything that may be a phone number; or ""."""
        return "" if self.failure is None else safe_text(plain_text(str(self.failure)))


@dataclass(slots=True)
class _Entry:
    part: Part[Any] = field(default_factory=Part[Any])
    stale_at: float = 0.0
    work: Future[None] | None = None


class Remembered:
    """Does work in background threads, that of each key in one at a time, and keeps the results.

    Args:
        threads: 1 or more.
    """

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="guestsql-beside")
        self._lock = Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def ask(self, key: Hashable, work: Callable[[], T], *, fresh_seconds: float, wait_seconds: float = 0.0) -> Part[T]:
        """Return the result that is kept, and begin the work if there is none or an old one.

        Args:
            key: names the result; another version of a file has another key.
            work: returns the result; called in another thread.
            fresh_seconds: for how long a result is new. An old one is still returned until the next one is there.
            wait_seconds: how long to wait for a first result, 0 or more.

        Raises:
            Exception: what `work` raised, unless it was a `GuestSQLError`: that is the part's failure.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            if len(self._entries) > _MOST:
                self._entries.popitem(last=False)
            is_free = entry.work is None or entry.work.done()
            if is_free and entry.stale_at <= monotonic():
                entry.work = self._threads.submit(_fill, entry, work, fresh_seconds)
            running = entry.work
        if running is not None:
            if entry.part.is_pending:
                wait([running], wait_seconds)
            if running.done():
                running.result()
        return entry.part

    def close(self) -> None:
        """Start nothing more; what runs ends by its own timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _fill(entry: _Entry, work: Callable[[], object], fresh_seconds: float) -> None:
    try:
        entry.part = Part(work())
    except GuestSQLError as error:
        entry.part = Part(failure=error)
        fresh_seconds = min(fresh_seconds, _FAILURE_SECONDS)
    entry.stale_at = monotonic() + fresh_seconds
