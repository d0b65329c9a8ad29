# Generated from guestsql/_async by tools/generate_sync.py (make sync). Do not edit.
"""The context cache: one read on a hit, one builder at a time on a miss, and a stale text for those who need not wait.

SQL: queries/context.sql, which tells the life of a text.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Mapping
from time import monotonic
from typing import Any, NamedTuple

from guestsql._log import event
from guestsql._rows import profile_from
from guestsql._runtime import Builder, sleep
from guestsql._sync.executor import Executor
from guestsql._values import clean_text
from guestsql.errors import DatabaseError, InvalidValue, QueryTimeout
from guestsql.settings import Settings

__all__ = ["CLOCK", "ContextCache"]

CLOCK = "{HH:MM}"
"""Stands in a context for the clock time, which is put in when the text is read."""

_FIRST_PAUSE_SECONDS = 0.004
_LONGEST_PAUSE_SECONDS = 0.1


class _Wanted(NamedTuple):
    """One caller's wish: whose context, how fresh, and since when and until when the caller waits."""

    key: str
    ttl_seconds: float
    started: float
    deadline: float


class ContextCache:
    """Contexts of guests, cached in their rows.

    Args:
        executor: runs the queries.
        settings: for the time zone, the lease and the deadline.
        builder: makes a context from a profile; None for the query `build_context`.
    """

    def __init__(self, executor: Executor, settings: Settings, builder: Builder | None) -> None:
        self._executor = executor
        self._settings = settings
        self._builder = builder
        self._timezone = str(settings.timezone)

    def get(self, key: str, ttl_seconds: float) -> str:
        """Return a guest's context, from the cache if it is fresh.

        Args:
            key: the guest's key.
            ttl_seconds: seconds for which a context is fresh, 0 or more.

        Raises:
            QueryTimeout: somebody else's builder took longer than the deadline.
            DatabaseError: the server could not be asked.
            Exception: whatever the builder raised.
        """
        wanted = self._wish(key, ttl_seconds)
        row = self._lookup(wanted)
        if row is not None and (row.is_fresh or not row.memory_enabled):
            return _hit(key, row)
        return self._refresh(wanted, row)

    def get_many(self, keys: list[str], ttl_seconds: float) -> dict[str, str]:
        """Return the contexts of many guests by key; all hits come from one statement.

        Args:
            keys: the guests' keys, none twice.
            ttl_seconds: seconds for which a context is fresh, 0 or more.

        Raises:
            DatabaseError: the server could not be asked.
        """
        rows = self._executor.call(
            "lookup_contexts", {"phone_numbers": keys, "ttl_seconds": ttl_seconds, "timezone": self._timezone}
        )
        known = {row.phone_number: row for row in rows}
        texts: dict[str, str] = {}
        for key in keys:
            row = known.get(key)
            if row is not None and (row.is_fresh or not row.memory_enabled):
                texts[key] = _hit(key, row)
            else:
                texts[key] = self._refresh(self._wish(key, ttl_seconds), row)
        return texts

    def _wish(self, key: str, ttl_seconds: float) -> _Wanted:
        started = monotonic()
        return _Wanted(key, ttl_seconds, started, started + self._settings.deadline_seconds)

    def _lookup(self, wanted: _Wanted) -> Any | None:  # noqa: ANN401  a row of lookup_context
        parameters = {
            "phone_number": wanted.key,
            "ttl_seconds": wanted.ttl_seconds,
            "timezone": self._timezone,
        }
        return self._executor.call("lookup_context", parameters, deadline=wanted.deadline)

    def _refresh(self, wanted: _Wanted, row: Any | None) -> str:  # noqa: ANN401  a row of lookup_context
        """Build the text, or get it from whoever builds it."""
        pause = _FIRST_PAUSE_SECONDS
        event(logging.INFO, "CONTEXT_CACHE_MISS", "no fresh context", guest=wanted.key)
        while True:
            text = self._claim_and_build(wanted, known=row is not None)
            if text is not None:
                return text
            if row is not None and _may_serve_stale(wanted, row):
                event(
                    logging.INFO,
                    "CONTEXT_CACHE_STALE",
                    "served while another builds",
                    guest=wanted.key,
                    age_seconds=row.age_seconds,
                )
                return _read(row.context_cache, row.clock_time)
            if monotonic() + pause >= wanted.deadline:
                raise QueryTimeout(
                    "another caller was still building the context at the deadline",
                    query="claim_context",
                    hint="make the builder faster, or raise GUESTSQL_DEADLINE_SECONDS",
                )
            sleep(random.uniform(pause / 2, pause))  # noqa: S311  spreads the waiting, hides nothing
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            row = self._lookup(wanted)
            if row is not None and (not row.memory_enabled or row.is_fresh or _built_meanwhile(wanted, row)):
                return _hit(wanted.key, row)

    def _claim_and_build(self, wanted: _Wanted, *, known: bool) -> str | None:
        """Build and publish if the lease can be had; None when it is another's, or the text was overtaken."""
        lease = uuid.uuid4()
        claimed = self._claim(wanted, lease, known=known)
        if claimed is None:
            return None
        try:
            text = self._build(claimed)
        except BaseException:
            self._release(wanted.key, lease)
            raise
        if not claimed.memory_enabled:
            self._release(wanted.key, lease)
            return ""
        # The deadline is for waiting, not for building: whoever has built may publish.
        published = self._executor.call(
            "publish_context",
            {
                "phone_number": wanted.key,
                "lease": lease,
                "epoch": claimed.context_epoch,
                "context_text": text,
            },
        )
        if not published:
            event(logging.INFO, "CONTEXT_OVERTAKEN", "the profile changed during the build", guest=wanted.key)
            return None
        event(logging.INFO, "CONTEXT_BUILT", "context built and stored", guest=wanted.key)
        return _read(text, claimed.clock_time)

    def _claim(self, wanted: _Wanted, lease: uuid.UUID, *, known: bool) -> Any | None:  # noqa: ANN401  a row
        parameters: dict[str, object] = {
            "phone_number": wanted.key,
            "lease": lease,
            "lease_seconds": self._settings.lease_seconds,
            "timezone": self._timezone,
        }
        if not known:
            return self._executor.call("claim_new_context", parameters, deadline=wanted.deadline)
        parameters["ttl_seconds"] = wanted.ttl_seconds
        return self._executor.call("claim_context", parameters, deadline=wanted.deadline)

    def _build(self, claimed: Any) -> str:  # noqa: ANN401  a row of claim_context
        """Make the text; no connection is held meanwhile."""
        if not claimed.memory_enabled:
            return ""
        if self._builder is not None:
            return clean_text(self._builder(profile_from(claimed)), "the context that the builder returned")
        text = self._executor.call("build_context", {"phone_number": claimed.phone_number})
        if text is None:
            raise InvalidValue(
                "build_context returned nothing", hint="queries/context.sql must return a text for every guest"
            )
        return clean_text(text, "the context that build_context returned")

    def _release(self, key: str, lease: uuid.UUID) -> None:
        """Give the lease back; if that fails it runs out by itself, and the first error matters more."""
        parameters: Mapping[str, object] = {"phone_number": key, "lease": lease}
        try:
            self._executor.call("release_context", parameters)
        except DatabaseError as error:
            event(
                logging.WARNING,
                "CONTEXT_LEASE_KEPT",
                "the lease will run out by itself",
                guest=key,
                sqlstate=error.sqlstate,
            )


def _hit(key: str, row: Any) -> str:  # noqa: ANN401  a row of lookup_context
    if not row.memory_enabled:
        return ""
    event(logging.INFO, "CONTEXT_CACHE_HIT", "context from the cache", guest=key, age_seconds=row.age_seconds)
    return _read(row.context_cache, row.clock_time)


def _may_serve_stale(wanted: _Wanted, row: Any) -> bool:  # noqa: ANN401  a row of lookup_context
    """Tell whether an old text will do: it is old, not wrong, and the caller did not ask for none but new."""
    return row.context_cache is not None and row.age_seconds is not None and wanted.ttl_seconds > 0


def _built_meanwhile(wanted: _Wanted, row: Any) -> bool:  # noqa: ANN401  a row of lookup_context
    """Tell whether the text was stored after this caller began to wait: with a ttl of 0 that is as fresh as can be."""
    if row.context_cache is None or row.age_seconds is None:
        return False
    return bool(0 <= row.age_seconds < monotonic() - wanted.started)


def _read(text: str, clock_time: str) -> str:
    return text.replace(CLOCK, clock_time) if CLOCK in text else text
