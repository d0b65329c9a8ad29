"""The context cache: one read on a hit, one builder at a time on a miss, and a stale text for those who need not wait.

SQL: queries/context.sql, which tells the life of a text.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from guestsql._async.executor import AsyncExecutor
from guestsql._core.counting import Counting
from guestsql._core.log import event, logger
from guestsql._core.rows import profile_from
from guestsql._core.runtime import AsyncBuilder, async_call_builder, async_sleep
from guestsql._core.values import clean_text
from guestsql.errors import DatabaseError, DatabaseUnavailable, InvalidValue, QueryTimeout
from guestsql.settings import Settings

__all__ = ["CLOCK", "AsyncContextCache"]

CLOCK = "{HH:MM}"
"""Stands in a context for the clock time, which is put in when the text is read."""

_FIRST_PAUSE_SECONDS = 0.004
_LONGEST_PAUSE_SECONDS = 0.1
_LAST_WORD_SECONDS = 1.0
# A server that does not answer must not keep a caller that was interrupted; the lease then runs out by itself.
_INTERRUPTED_RELEASE_SECONDS = 1.0
_ENOUGH_BUILDS = 10


@dataclass(slots=True)
class _Patience:
    """Since when and until when a caller waits, in seconds of `time.monotonic()`.

    The deadline is for waiting, not for building: what the caller's own builder takes is added to it.
    """

    started: float
    deadline: float

    def add_build(self, seconds: float) -> None:
        """Put the deadline off by what a build took, and leave a moment to store its text."""
        left = min(_LAST_WORD_SECONDS, self.deadline - self.started)
        self.deadline = max(self.deadline + seconds, monotonic() + left)


@dataclass(slots=True)
class _Wanted:
    """One caller's wish: whose context, and how fresh.

    Attributes:
        lease: the caller's own for as long as it asks, so that a claim whose answer was lost is found again.
        may_hold_lease: False when the caller is sure not to have it.
        outcome: what is to be counted for it.
    """

    key: str
    ttl_seconds: float
    patience: _Patience
    lease: uuid.UUID = field(default_factory=uuid.uuid4)
    may_hold_lease: bool = False
    outcome: str = "miss"


class AsyncContextCache:
    """Contexts of guests, cached in their rows.

    Args:
        executor: runs the queries.
        settings: for the time zone, the lease and the deadline.
        builder: makes a context from a profile; None for the query `build_context`.
        counting: counts the answers, each by its outcome; whoever asks counts what ends with an error.
    """

    def __init__(
        self, executor: AsyncExecutor, settings: Settings, builder: AsyncBuilder | None, counting: Counting
    ) -> None:
        self._count = counting.answer
        self._executor = executor
        self._settings = settings
        self._builder = builder
        self._timezone = str(settings.timezone)

    async def get(self, key: str, ttl_seconds: float) -> str:
        """Return a guest's context, from the cache if it is fresh.

        Args:
            key: the guest's key.
            ttl_seconds: seconds for which a context is fresh, 0 or more.

        Raises:
            QueryTimeout: somebody else's builder took longer than the deadline, or the profile changed in every build.
            DatabaseError: the server could not be asked.
            Exception: whatever the builder raised.
        """
        # Only what a hit needs; it is nearly every call.
        started = monotonic()
        deadline = started + self._settings.deadline_seconds
        row = await self._lookup(key, ttl_seconds, deadline)
        if row is not None and (row.is_fresh or not row.memory_enabled):
            self._count("hit")
            return _hit(key, row)
        wanted = _Wanted(key, ttl_seconds, _Patience(started, deadline))
        text = await self._refresh(wanted, row)
        self._count(wanted.outcome)
        return text

    async def get_many(self, keys: list[str], ttl_seconds: float) -> dict[str, str]:
        """Return the contexts of many guests by key; all hits come from one statement.

        Args:
            keys: the guests' keys, none twice.
            ttl_seconds: seconds for which a context is fresh, 0 or more.

        Raises:
            QueryTimeout: as `get`; all guests share one deadline.
            DatabaseError: the server could not be asked.
            Exception: whatever the builder raised.
        """
        patience = self._patience()
        rows = await self._executor.call(
            "lookup_contexts",
            {"phone_numbers": keys, "ttl_seconds": ttl_seconds, "timezone": self._timezone},
            deadline=patience.deadline,
        )
        known = {row.phone_number: row for row in rows}
        texts: dict[str, str] = {}
        hits = 0
        outcomes: list[str] = []
        for key in keys:
            row = known.get(key)
            if row is not None and _is_hit(row):
                texts[key] = _hit(key, row)
                hits += 1
            else:
                wanted = _Wanted(key, ttl_seconds, patience)
                texts[key] = await self._refresh(wanted, row)
                outcomes.append(wanted.outcome)
        # Not before: when one fails, nobody is answered.
        if hits:
            self._count("hit", hits)
        for outcome in outcomes:
            self._count(outcome)
        return texts

    def _patience(self) -> _Patience:
        started = monotonic()
        return _Patience(started, started + self._settings.deadline_seconds)

    async def _lookup(self, key: str, ttl_seconds: float, deadline: float) -> Any | None:  # noqa: ANN401  a row of it
        parameters = {"phone_number": key, "ttl_seconds": ttl_seconds, "timezone": self._timezone}
        return await self._executor.call("lookup_context", parameters, deadline=deadline)

    async def _refresh(self, wanted: _Wanted, row: Any | None) -> str:  # noqa: ANN401  a row of lookup_context
        """Build the text, or get it from whoever builds it; whatever happens, no lease is left behind."""
        event(logging.INFO, "CONTEXT_CACHE_MISS", "no fresh context", guest=wanted.key)
        try:
            return await self._build_or_wait(wanted, row)
        except BaseException as error:
            if wanted.may_hold_lease:
                if not isinstance(error, Exception):  # a cancelled task, Ctrl-C: the caller wants to go on
                    wanted.patience.deadline = min(wanted.patience.deadline, monotonic() + _INTERRUPTED_RELEASE_SECONDS)
                await self._release(wanted)
            raise

    async def _build_or_wait(self, wanted: _Wanted, row: Any | None) -> str:  # noqa: ANN401  a row of lookup_context
        pause = _FIRST_PAUSE_SECONDS
        builds = 0
        first = row
        while True:
            claimed = await self._claim(wanted, known=row is not None)
            if claimed is not None:
                text = await self._build_and_publish(wanted, claimed)
                if text is not None:
                    return text
                builds += 1
                if builds > 1:
                    self._check_overtaken(wanted.patience, builds, pause)
                    pause = await _rest(pause)
            elif row is not None and _may_serve_stale(wanted, row):
                wanted.outcome = "stale"
                return _stale(wanted.key, row)
            else:
                _check_waiting(wanted.patience, pause)
                pause = await _rest(pause)
            # Even after a build: the row from before it may tell of a profile, or a guest, that is no more.
            row = await self._lookup(wanted.key, wanted.ttl_seconds, wanted.patience.deadline)
            if row is not None and (_is_hit(row) or _was_stored_since(first, row)):
                return _hit(wanted.key, row)

    def _check_overtaken(self, patience: _Patience, builds: int, pause: float) -> None:
        """Give up on a profile that changes in every build: its builder changes it, most likely."""
        now = monotonic()
        enough = builds >= _ENOUGH_BUILDS and now - patience.started >= self._settings.deadline_seconds
        if enough or now + pause >= patience.deadline:
            raise QueryTimeout(
                f"the profile changed during each of {builds} builds of the context",
                query="publish_context",
                hint="a context builder must not change the guest it builds for",
            )

    async def _claim(self, wanted: _Wanted, *, known: bool) -> Any | None:  # noqa: ANN401  a row of claim_context
        """Return what to build from, or None when the lease is another's."""
        parameters: dict[str, object] = {
            "phone_number": wanted.key,
            "lease": wanted.lease,
            "lease_seconds": self._settings.lease_seconds,
        }
        query = "claim_new_context"
        if known:
            query = "claim_context"
            parameters["ttl_seconds"] = wanted.ttl_seconds
        wanted.may_hold_lease = True
        try:
            claimed = await self._executor.call(query, parameters, deadline=wanted.patience.deadline)
        except DatabaseError:
            wanted.may_hold_lease = False
            raise
        wanted.may_hold_lease = claimed is not None
        return claimed

    async def _build_and_publish(self, wanted: _Wanted, claimed: Any) -> str | None:  # noqa: ANN401  a row of claim_context
        """Return the text, or None when it was overtaken: the guest has changed or gone since."""
        if not claimed.memory_enabled:
            await self._release(wanted)
            return ""
        text = await self._build(wanted, claimed)
        clock_time = None if text is None else await self._publish(wanted, claimed, text)
        if text is not None and clock_time is not None:
            event(logging.INFO, "CONTEXT_BUILT", "context built and stored", guest=wanted.key)
            return _read(text, clock_time)
        clock_time = await self._confirm(wanted, claimed)
        if clock_time is None:
            event(logging.INFO, "CONTEXT_OVERTAKEN", "the profile changed during the build", guest=wanted.key)
            return None
        if text is None:
            raise InvalidValue(
                "build_context returned nothing", hint="queries/context.sql must return a text for every guest"
            )
        # Another took the lease over. It stores its own text; this one is as right, and two slow builders that take
        # the lease from each other again and again would otherwise never answer.
        event(logging.WARNING, "CONTEXT_LEASE_LOST", "the build took longer than the lease", guest=wanted.key)
        return _read(text, clock_time)

    async def _build(self, wanted: _Wanted, claimed: Any) -> str | None:  # noqa: ANN401  a row of claim_context
        """Make the text; no connection is held meanwhile. None when the default query found no guest."""
        if self._builder is None:
            parameters = {"phone_number": wanted.key}
            text = await self._call_as_owner(wanted, "build_context", parameters)
            return None if text is None else clean_text(text, "the context that build_context returned")
        started = monotonic()
        try:
            text = await async_call_builder(self._builder, profile_from(claimed))
        finally:
            wanted.patience.add_build(monotonic() - started)
        return clean_text(text, "the context that the builder returned")

    async def _publish(self, wanted: _Wanted, claimed: Any, text: str) -> str | None:  # noqa: ANN401  a row
        """Store the text; return the hotel's clock, or None when it was refused."""
        parameters: Mapping[str, object] = {
            "phone_number": wanted.key,
            "lease": wanted.lease,
            "epoch": claimed.context_epoch,
            "context_text": text,
            "timezone": self._timezone,
        }
        clock_time: str | None = await self._call_as_owner(wanted, "publish_context", parameters)
        wanted.may_hold_lease = False
        return clock_time

    async def _confirm(self, wanted: _Wanted, claimed: Any) -> str | None:  # noqa: ANN401  a row of claim_context
        """Return the hotel's clock if the profile is still the one that was claimed."""
        parameters: Mapping[str, object] = {
            "phone_number": wanted.key,
            "epoch": claimed.context_epoch,
            "created_at": claimed.created_at,
            "timezone": self._timezone,
        }
        clock_time: str | None = await self._call_as_owner(wanted, "confirm_context", parameters)
        return clock_time

    async def _call_as_owner(self, wanted: _Wanted, name: str, parameters: Mapping[str, object]) -> Any:  # noqa: ANN401  the query's own
        """Run a query while the lease is held; a server that does not answer is not asked to take the lease back."""
        try:
            return await self._executor.call(name, parameters, deadline=wanted.patience.deadline)
        except (DatabaseUnavailable, QueryTimeout):
            wanted.may_hold_lease = False
            raise

    async def _release(self, wanted: _Wanted) -> None:
        """Give the lease back; if that fails it runs out by itself, and the first error matters more."""
        wanted.may_hold_lease = False
        parameters: Mapping[str, object] = {"phone_number": wanted.key, "lease": wanted.lease}
        try:
            await self._executor.call("release_context", parameters, deadline=wanted.patience.deadline)
        except DatabaseError as error:
            event(
                logging.WARNING,
                "CONTEXT_LEASE_KEPT",
                "the lease will run out by itself",
                guest=wanted.key,
                sqlstate=error.sqlstate,
            )


async def _rest(pause: float) -> float:
    """Wait up to so many seconds, and return how many it may be the next time."""
    await async_sleep(random.uniform(pause / 2, pause))  # noqa: S311  spreads the waiting, hides nothing
    return min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _check_waiting(patience: _Patience, pause: float) -> None:
    """Do not wait for another's build past the deadline."""
    if monotonic() + pause >= patience.deadline:
        raise QueryTimeout(
            "another caller was still building the context at the deadline",
            query="claim_context",
            hint="make the builder faster, or raise GUESTSQL_DEADLINE_SECONDS",
        )


def _is_hit(row: Any) -> bool:  # noqa: ANN401  a row of lookup_context
    return bool(row.is_fresh or not row.memory_enabled)


def _hit(key: str, row: Any) -> str:  # noqa: ANN401  a row of lookup_context
    if not row.memory_enabled:
        return ""
    if logger.isEnabledFor(logging.INFO):
        event(logging.INFO, "CONTEXT_CACHE_HIT", "context from the cache", guest=key, age_seconds=row.age_seconds)
    return _read(row.context_cache, row.clock_time)


def _may_serve_stale(wanted: _Wanted, row: Any) -> bool:  # noqa: ANN401  a row of lookup_context
    """Tell whether an old text will do: it is old, not wrong, and the caller did not ask for none but new."""
    return row.context_cache is not None and row.age_seconds is not None and wanted.ttl_seconds > 0


def _stale(key: str, row: Any) -> str:  # noqa: ANN401  a row of lookup_context
    event(
        logging.INFO,
        "CONTEXT_CACHE_STALE",
        "served while another builds",
        guest=key,
        age_seconds=row.age_seconds,
    )
    return _read(row.context_cache, row.clock_time)


def _was_stored_since(first: Any | None, row: Any) -> bool:  # noqa: ANN401  rows of lookup_context
    """Tell whether the text was stored while its caller waited: with a ttl of 0 that is as fresh as can be.

    The age of a text grows unless it is stored anew, so no other clock than the server's is needed.
    """
    if row.context_cache is None or row.age_seconds is None or row.age_seconds < 0:
        return False
    before = None if first is None else first.age_seconds
    return bool(before is None or before < 0 or row.age_seconds < before)


def _read(text: str, clock_time: str) -> str:
    return text.replace(CLOCK, clock_time) if CLOCK in text else text
