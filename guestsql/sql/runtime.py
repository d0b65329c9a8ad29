"""What asyncio and threads do differently, each with its twin: waiting, locking, ticking.

Everything else is written once, in `_async`, and generated for `_sync`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Annotated, TypeVar

from guestsql.errors import QueryTimeout, WrongEventLoop

__all__ = [
    "AsyncCancelled",
    "AsyncLock",
    "AsyncPermits",
    "AsyncResult",
    "AsyncSignal",
    "AsyncTicker",
    "AsyncTurns",
    "Cancelled",
    "Lock",
    "Permits",
    "Result",
    "Signal",
    "Ticker",
    "Turns",
    "async_in_thread",
    "async_running_loop",
    "async_sleep",
    "end_with_loop",
    "in_thread",
    "running_loop",
    "sleep",
]

T = TypeVar("T")

# What a function returns that a program passes: the twins of one annotation.
Result = Annotated[T, "at once"]
AsyncResult = Awaitable[T]

AsyncCancelled = asyncio.CancelledError


class Cancelled(BaseException):
    """Never raised: a thread is not cancelled."""


Lock = threading.Lock
AsyncLock = asyncio.Lock

sleep = time.sleep
async_sleep = asyncio.sleep


def in_thread(call: Callable[[], T]) -> T:
    """Run what blocks; a thread may."""
    return call()


async def async_in_thread(call: Callable[[], T]) -> T:
    """Run what blocks in another thread, so that the loop goes on."""
    return await asyncio.to_thread(call)


def running_loop() -> object:
    """Return None: threads share a database."""
    return None


def async_running_loop() -> object:
    """Return the event loop that runs here.

    Raises:
        WrongEventLoop: none runs: the process was forked inside a coroutine.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError as error:
        raise WrongEventLoop(
            "no event loop runs here: a process that was forked inside a coroutine cannot continue it",
            hint="start a loop in the child with asyncio.run(), and make an AsyncGuestDatabase in it",
        ) from error


class Signal:
    """Ends the pauses of those who wait for it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def give(self) -> None:
        """Let all of them go on."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Wait for the signal, for so many seconds at most."""
        self._event.wait(seconds)


class AsyncSignal:
    """The same, for tasks of one loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def give(self) -> None:
        """Let all of them go on."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait for the signal, for so many seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()


class Turns:
    """Lets callers in one after the other; none waits past its deadline."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def take(self, deadline: float) -> Generator[None]:
        """Wait for one's turn and have it.

        Args:
            deadline: in seconds of `time.monotonic()`.

        Raises:
            QueryTimeout: it did not come in time.
        """
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise _turn_missed()
        try:
            yield
        finally:
            self._lock.release()


class AsyncTurns:
    """The same, for tasks of one loop."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def take(self, deadline: float) -> AsyncGenerator[None]:
        """Wait for one's turn and have it."""
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await self._lock.acquire()
        except TimeoutError:
            raise _turn_missed() from None
        try:
            yield
        finally:
            self._lock.release()


class Permits:
    """A number of permits, each held by one at a time.

    Args:
        number: how many there are.
    """

    def __init__(self, number: int) -> None:
        self._semaphore = threading.Semaphore(number)

    def take(self, seconds: float) -> bool:
        """Wait for a permit; return False if none came in time."""
        return self._semaphore.acquire(timeout=max(0.0, seconds))

    def release(self) -> None:
        """Give a permit back."""
        self._semaphore.release()


class AsyncPermits:
    """The same, for tasks of one loop."""

    def __init__(self, number: int) -> None:
        self._semaphore = asyncio.Semaphore(number)

    async def take(self, seconds: float) -> bool:
        """Wait for a permit; return False if none came in time."""
        if not self._semaphore.locked():
            return await self._semaphore.acquire()
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                return await self._semaphore.acquire()
        except TimeoutError:
            return False

    def release(self) -> None:
        """Give a permit back."""
        self._semaphore.release()


def _turn_missed() -> QueryTimeout:
    return QueryTimeout(
        "another flush, or a transaction that merges or erases guests, was not done at the deadline",
        query="record_interactions",
        hint="inside such a transaction do not flush, merge or erase on the database itself: use tx",
    )


class Ticker:
    """Calls a function again and again, in a thread of its own, until it is stopped.

    Args:
        seconds: pause between two calls, above 0.
        call: what is called; it must not raise. False ends the ticking.
    """

    def __init__(self, seconds: float, call: Callable[[], object]) -> None:
        self._seconds = seconds
        self._call = call
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start ticking, unless it ticks already."""
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="guestsql-ticker", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Stop; a call that is under way ends first."""
        self._stopped.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            if self._call() is False:
                return


class AsyncTicker:
    """The same, as a task of the running loop."""

    def __init__(self, seconds: float, call: Callable[[], Awaitable[object]]) -> None:
        self._seconds = seconds
        self._call = call
        self._stopped = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start ticking, unless it ticks already."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="guestsql-ticker")

    async def stop(self) -> None:
        """Stop; a call that is under way ends first."""
        self._stopped.set()
        if self._task is not None:
            # Unlike awaiting it, this is not cancelled with it when the loop ends and cancels all tasks.
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                await asyncio.wait_for(self._stopped.wait(), self._seconds)
            except TimeoutError:
                if await self._call() is False:
                    return


def end_with_loop(prefix: str) -> None:
    """Have the running loop's tasks of that name end when the loop cancels all tasks, even if they catch that.

    The workers of psycopg's pool log a cancellation and go on. `asyncio.run` cancels all tasks once and waits for them:
    a program that ends while a connection is being made, and has not closed the pool, would never end. Without a loop,
    in a thread, nothing happens.

    Args:
        prefix: how the tasks' names begin.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    tasks = {task for task in asyncio.all_tasks(loop) if task.get_name().startswith(prefix)}
    if tasks:
        guard = loop.create_task(_ended(tasks), name="guestsql-guard")
        _guards.add(guard)
        guard.add_done_callback(_guards.discard)
        # A callback, because a task that is cancelled before its first step runs none of its code.
        guard.add_done_callback(lambda done: _cancel_again(tasks) if done.cancelled() else None)


# A loop keeps only weak references to its tasks.
_guards: set[asyncio.Task[None]] = set()


async def _ended(tasks: set[asyncio.Task[object]]) -> None:
    await asyncio.wait(tasks)


def _cancel_again(tasks: set[asyncio.Task[object]]) -> None:
    """Cancel tasks in every turn of the loop until they have ended."""
    running = {task for task in tasks if not task.done()}
    for task in running:
        task.cancel()
    if running:
        asyncio.get_running_loop().call_soon(_cancel_again, running)
