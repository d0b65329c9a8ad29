# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The context cache: one read on a hit, one builder at a time on a miss, and a stale text for those who need not wait.

SQL: queries/context.sql, which describes the life of a text, and queries/internal/context.sql.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from time import monotonic
from typing import Any

from guestsql.errors import (
    DatabaseError,
    DatabaseUnavailable,
    GuestSQLError,
    InvalidValue,
    QueryTimeout,
)
from guestsql.guests._sync.pausing import Build, Pauses
from guestsql.guests.builds import BuildFailures, building, check_not_building
from guestsql.guests.callbacks import Builder, call_callback
from guestsql.guests.context_calls import ContextRequest
from guestsql.guests.context_rows import (
    HotelClock,
    age_seconds,
    hit_text,
    hit_texts,
    is_fresh,
    is_hit,
    is_old,
    may_serve_stale,
    stale_text,
    was_stored_since,
)
from guestsql.guests.deadline import FIRST_PAUSE_SECONDS, Deadline
from guestsql.guests.lookups import Lookups
from guestsql.guests.rows import profile_from
from guestsql.guests.values import clean_text
from guestsql.settings import Settings
from guestsql.sql._sync.executor import Executor
from guestsql.telemetry.counting import Counting
from guestsql.telemetry.log import event

__all__ = ["ContextCache"]


class ContextCache:
    """Contexts of guests, cached in their rows.

    Args:
        executor: runs the queries.
        settings: for the time zone, the lease and the deadline.
        builder: makes a context from a profile; None for the query `build_context`.
        counting: counts the answers, each by its outcome; the caller counts what ends with an error.
    """

    def __init__(self, executor: Executor, settings: Settings, builder: Builder | None, counting: Counting) -> None:
        self._count = counting.answer
        self._executor = executor
        self._settings = settings
        self._builder = builder
        self._clock = HotelClock(settings.timezone)
        self._lookups = Lookups(executor)
        self._pauses = Pauses()
        self._failures = BuildFailures(settings.deadline_seconds)

    def get(self, key: str, ttl_seconds: float, *, stale_if_error: bool = False) -> str:
        """Return a guest's context, from the cache if it is fresh.

        Args:
            key: the guest's key.
            ttl_seconds: seconds for which a context is fresh, 0 or more.
            stale_if_error: True for an old text, if there is one, in place of an error.

        Raises:
            InvalidValue: the builder of this context asks for it.
            QueryTimeout: another caller's builder took longer than the deadline, or the profile changed in every build.
            DatabaseError: the server could not be asked.
            Exception: whatever the builder raised, also when another caller of this process built.
        """
        # Only what a hit needs; it is nearly every call.
        check_not_building(self, key)
        started = monotonic()
        deadline = started + self._settings.deadline_seconds
        row = None
        if (executor := self._executor).replica is not None:
            row = executor.read_replica("lookup_context", {"phone_number": key})
        if row is None or not is_fresh(row, ttl_seconds):  # the primary says whether the memory is off: that has no age
            row = self._lookups.get(key, deadline)
        if row is not None and is_hit(row, ttl_seconds):
            self._count("hit")
            return hit_text(key, row, self._clock)
        request = ContextRequest(key, ttl_seconds, Deadline(started, deadline), row, stale_if_error, since=started)
        text = self._refresh(request)
        self._count(request.outcome)
        return text

    def get_many(self, keys: list[str], ttl_seconds: float, *, stale_if_error: bool = False) -> dict[str, str]:
        """Return the contexts of many guests by key; all hits come from one statement.

        Args:
            keys: the guests' keys, without duplicates.
            ttl_seconds: seconds for which a context is fresh, 0 or more.
            stale_if_error: as for `get`, for each guest.

        Raises:
            InvalidValue: as `get`.
            QueryTimeout: as `get`; all guests share one deadline.
            DatabaseError: the server could not be asked.
            Exception: whatever the builder raised.
        """
        check_not_building(self, *keys)
        deadline = Deadline.after(self._settings.deadline_seconds)
        rows = self._lookup_many(keys, ttl_seconds, deadline.at)
        texts = hit_texts(rows, ttl_seconds, self._clock)
        hits = len(texts)
        outcomes: list[str] = []
        if hits < len(keys):
            known = {row.id: row for row in rows}
            for key in [key for key in keys if key not in texts]:
                request = ContextRequest(key, ttl_seconds, deadline, known.get(key), stale_if_error)
                texts[key] = self._refresh(request)
                outcomes.append(request.outcome)
        # Not before: when one fails, none is returned.
        if hits:
            self._count("hit", hits)
        for outcome in outcomes:
            self._count(outcome)
        return texts

    def _lookup_many(self, keys: list[str], ttl_seconds: float, deadline: float) -> list[Any]:
        """Return the rows of many guests: hits from the replica, if there is one, the rest from the primary."""
        rows: list[Any] = []
        if self._executor.replica is not None:
            found = self._executor.read_replica("lookup_contexts", {"phone_numbers": keys}) or ()
            rows = [row for row in found if is_fresh(row, ttl_seconds)]
            hits = {row.id for row in rows}
            keys = [key for key in keys if key not in hits]
        if keys:
            rows += self._executor.call("lookup_contexts", {"phone_numbers": keys}, deadline=deadline)
        return rows

    def _refresh(self, request: ContextRequest) -> str:
        """Build the text, or get it from the caller that builds it; whatever happens, no lease is left behind."""
        event(logging.INFO, "CONTEXT_CACHE_MISS", "no fresh context", guest=request.key)
        try:
            return self._build_or_wait(request)
        except Exception as error:
            self._release(request)
            if request.stale_if_error and (text := self._old_text(request, error)) is not None:
                request.outcome = "stale"
                return text
            raise
        except BaseException:  # a cancelled task, Ctrl-C: the caller must not be held up
            request.deadline.interrupt()
            self._release(request)
            raise

    def _old_text(self, request: ContextRequest, error: Exception) -> str | None:
        """Return the text from before a failure; None if there is none, or if the profile has changed since."""
        row = request.row
        try:
            row = self._lookups.get(request.key, request.deadline.at)
        except DatabaseError:
            if request.has_built:  # the profile may have changed meanwhile
                return None
            event(logging.DEBUG, "CONTEXT_LOOKUP_FAILED", "the old text is as it was before", guest=request.key)
        if row is None:
            return None
        if is_hit(row, request.ttl_seconds):  # another process has built it, or the memory was turned off
            return hit_text(request.key, row, self._clock)
        if not is_old(row):
            return None
        event(
            logging.WARNING,
            "CONTEXT_STALE_IF_ERROR",
            "an old text in place of an error",
            guest=request.key,
            age_seconds=age_seconds(row),
            reason=error.message if isinstance(error, GuestSQLError) else type(error).__name__,
        )
        return self._clock.fill(row.context_cache, row.answered_at)

    def _build_or_wait(self, request: ContextRequest) -> str:
        pause = FIRST_PAUSE_SECONDS
        builds = 0
        first = row = request.row
        # Another caller of this process that claims after this one has asked reads after that, too: its text is new
        # enough. Only at the first look: it may outlast its lease.
        shared = None if row is None else self._pauses.begun_since(request.key, request.since)
        while True:
            self._failures.check(request.key, request.since)
            build = shared or self._claim_and_build(request, known=row is not None)
            if build.text is not None:
                return build.text
            if shared is None and build.is_claimed:
                builds += 1
                if builds > 1:
                    request.check_overtaken(builds, pause, self._settings.deadline_seconds)
                    pause = self._pauses.rest(request.key, pause, request.deadline.at)
            elif row is not None and may_serve_stale(request, row):
                request.outcome = "stale"
                return stale_text(request.key, row, self._clock)
            elif row is None and (text := self._of_archived(request)) is not None:
                return text
            else:
                request.check_waiting(pause)
                shared = shared or self._pauses.begun_since(request.key, request.since)
                pause = self._pauses.rest(request.key, pause, request.deadline.at, shared)
                if shared is not None and shared.text is not None:
                    event(logging.INFO, "CONTEXT_SHARED", "another caller built the context", guest=request.key)
                    return shared.text
            shared = None
            # Even after a build: the row from before it may show a profile, or a guest, that no longer exists.
            row = request.row = self._lookups.get(request.key, request.deadline.at)
            request.has_built = False
            if row is not None and (is_hit(row, request.ttl_seconds) or was_stored_since(first, row)):
                return hit_text(request.key, row, self._clock)

    def _claim_and_build(self, request: ContextRequest, *, known: bool) -> Build:
        """Claim the build; build if no other caller has the lease. The text is None when it was overtaken."""
        with self._pauses.claiming(request.key) as build:
            claimed = self._claim(request, known=known)
            # Again: a builder that fails records it before it releases its lease.
            self._failures.check(request.key, request.since)
            if claimed is not None:
                request.has_built = True
                self._pauses.claimed(request.key, build)
                build.text = self._build_and_publish(request, claimed)
        return build

    def _of_archived(self, request: ContextRequest) -> str | None:
        """Return a text built from the archive, and not stored; None if the guest is active."""
        parameters: Mapping[str, object] = {"phone_number": request.key}
        archived = self._executor.call("get_archived_guest", parameters, deadline=request.deadline.at)
        if archived is None:
            return None
        text = self._build(request, archived) if archived.memory_enabled else ""
        if text is None:
            # A custom build_context that does not read known_guests: for it the guest returns.
            self._executor.call("create_guest", {"phone_number": request.key}, deadline=request.deadline.at)
            return None
        return self._clock.fill(text, archived.answered_at)

    def _claim(self, request: ContextRequest, *, known: bool) -> Any | None:  # noqa: ANN401  a row of claim_context
        """Return what to build from, or None when the lease is another's."""
        parameters: dict[str, object] = {
            "phone_number": request.key,
            "lease": request.lease,
            "lease_seconds": self._settings.lease_seconds,
        }
        query = "claim_new_context"
        if known:
            query = "claim_context"
            parameters["ttl_seconds"] = request.ttl_seconds
        request.may_hold_lease = True
        try:
            claimed = self._executor.call(query, parameters, deadline=request.deadline.at)
        except DatabaseError:
            request.may_hold_lease = False
            raise
        request.may_hold_lease = claimed is not None
        return claimed

    def _build_and_publish(self, request: ContextRequest, claimed: Any) -> str | None:  # noqa: ANN401  a row of claim_context
        """Return the text, or None when it was overtaken: the guest has changed or gone since."""
        if not claimed.memory_enabled:
            self._release(request)
            return ""
        try:
            text = self._build(request, claimed)
        except Exception as error:
            # Those who wait for a server that comes back have a deadline of their own.
            if not (isinstance(error, DatabaseError) and error.retryable):
                self._failures.add(request.key, error)
            raise
        now = None if text is None else self._publish(request, claimed, text)
        if text is not None and now is not None:
            event(logging.INFO, "CONTEXT_BUILT", "context built and stored", guest=request.key)
            return self._clock.fill(text, now)
        now = self._confirm(request, claimed)
        if now is None:
            event(logging.INFO, "CONTEXT_OVERTAKEN", "the profile changed during the build", guest=request.key)
            return None
        if text is None:
            raise InvalidValue(
                "build_context returned nothing", hint="queries/context.sql must return a text for every guest"
            )
        # Another took the lease over. It stores its own text; this one is as right, and two slow builders that take
        # the lease from each other again and again would otherwise never answer.
        event(logging.WARNING, "CONTEXT_LEASE_LOST", "the build took longer than the lease", guest=request.key)
        return self._clock.fill(text, now)

    def _build(self, request: ContextRequest, claimed: Any) -> str | None:  # noqa: ANN401  a row of claim_context
        """Make the text; no connection is held meanwhile. None when the default query found no guest."""
        if self._builder is None:
            parameters = {"phone_number": request.key}
            text = self._call_as_owner(request, "build_context", parameters)
            return None if text is None else clean_text(text, "the context that build_context returned")
        started = monotonic()
        try:
            with building(self, request.key):
                text = call_callback("context_builder", self._builder, profile_from(claimed))
        finally:
            request.deadline.add_build(monotonic() - started)
        return clean_text(text, "the context that the builder returned")

    def _publish(self, request: ContextRequest, claimed: Any, text: str) -> float | None:  # noqa: ANN401  a row
        """Store the text; return the server's time in seconds since 1970, or None when it was refused."""
        parameters: Mapping[str, object] = {
            "phone_number": request.key,
            "lease": request.lease,
            "epoch": claimed.context_epoch,
            "context_text": text,
        }
        now: float | None = self._call_as_owner(request, "publish_context", parameters)
        request.may_hold_lease = False
        return now

    def _confirm(self, request: ContextRequest, claimed: Any) -> float | None:  # noqa: ANN401  a row of claim_context
        """Return the server's time if the profile is still the one that was claimed."""
        parameters: Mapping[str, object] = {
            "phone_number": request.key,
            "epoch": claimed.context_epoch,
            "created_at": claimed.created_at,
        }
        now: float | None = self._call_as_owner(request, "confirm_context", parameters)
        return now

    def _call_as_owner(self, request: ContextRequest, name: str, parameters: Mapping[str, object]) -> Any:  # noqa: ANN401  the query's own
        """Run a query while the lease is held; a server that does not answer is not asked to take the lease back."""
        try:
            return self._executor.call(name, parameters, deadline=request.deadline.at)
        except (DatabaseUnavailable, QueryTimeout):
            request.may_hold_lease = False
            raise

    def _release(self, request: ContextRequest) -> None:
        """Give back the lease, if it may be held; if that fails it runs out by itself, and the first error matters."""
        if not request.may_hold_lease:
            return
        request.may_hold_lease = False
        parameters: Mapping[str, object] = {"phone_number": request.key, "lease": request.lease}
        try:
            self._executor.call("release_context", parameters, deadline=request.deadline.at)
        except DatabaseError as error:
            event(
                logging.WARNING,
                "CONTEXT_LEASE_KEPT",
                "the lease will run out by itself",
                guest=request.key,
                sqlstate=error.sqlstate,
            )
