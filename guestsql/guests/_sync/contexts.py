# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The guests' contexts: read from the cache, or built."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from guestsql.errors import DatabaseError, InvalidValue
from guestsql.guests._sync.session import Session
from guestsql.guests.values import RAISE, Raise, clean_ttl
from guestsql.telemetry.log import event

__all__ = ["Contexts"]


class Contexts(Session):
    """The methods for contexts."""

    def get_context(
        self,
        user_id: str,
        *,
        ttl_seconds: float | None = None,
        default: str | Raise = RAISE,
        stale_if_error: bool = False,
    ) -> str:
        """Return a guest's context, cached if it is fresh and built otherwise; an unknown guest is created.

        While one caller builds, the others get the stale text at once, or wait for the new one if there is none. A
        change of chat id, names, labels, profile data or memory makes a cached text wrong: it is never returned again.
        A new message or thread does not. A hit is one round trip, a miss three or four. All of them are bounded by one
        deadline; time spent in your context builder does not count towards it.

        When the builder fails, the callers of this process that wait for its text get the same error at once. A builder
        must not request the context of the guest it builds for, directly or indirectly.

        `default` does not shorten the wait: while the server is away it is returned after the whole deadline. To answer
        sooner, lower `GUESTSQL_DEADLINE_SECONDS`, or put `asyncio.timeout` around the async call.

        Inside a transaction only a cached context is returned, because a builder may be slow.

        Args:
            user_id: any spelling of a WhatsApp id.
            ttl_seconds: seconds for which a cached context is fresh, 0 or more; default that of the settings. With 0
                the text is built now, or was built by another caller since this call began.
            default: returned in place of a `DatabaseError`, which is logged. Without it the error is raised.
            stale_if_error: True to get the old text, however old, when the new one could not be built or stored; the
                error is logged as `CONTEXT_STALE_IF_ERROR`, and the answer counts as `stale`. A text from before a
                change of the profile is never returned. Without such a text the error is raised, or `default` returned.

        Returns:
            The text, with the current time in the hotel's zone; "" for a guest whose memory is off.

        Raises:
            InvalidUserId: the id cannot be a guest's; raised even with `default`.
            InvalidValue: `ttl_seconds` is unusable, the builder did not return a string, or it requested the context
                that it builds; raised even with `default`.
            QueryTimeout: another caller's builder took longer than the deadline, or the profile changed during every
                build.
            TransactionError: inside a transaction, no fresh context is cached; raised even with `default`.
            DatabaseError: the server did not answer in time, and there is no `default`.
            Exception: whatever the builder raised; raised even with `default`.

        SQL: queries/context.sql, queries/internal/context.sql
        """
        key = self._key(user_id)
        ttl = self._settings.context_ttl_seconds if ttl_seconds is None else clean_ttl(ttl_seconds)
        try:
            self._ready()
            return self._context.get(key, ttl, stale_if_error=stale_if_error)
        except BaseException as error:
            self._count_error()
            if not isinstance(error, DatabaseError):
                raise
            if isinstance(default, Raise):
                raise
            event(
                logging.WARNING,
                "CONTEXT_DEFAULT",
                "default in place of the context",
                guest=key,
                reason=error.message,
            )
            return default

    def get_contexts(
        self, user_ids: Iterable[str], *, ttl_seconds: float | None = None, stale_if_error: bool = False
    ) -> dict[str, str]:
        """Return the contexts of many guests, as `get_context` does; all fresh ones are read in one statement.

        The others are built one after the other, within one deadline. There is no `default`: when one fails, the call
        fails. Texts that were built before the failure are stored, so a repeated call is shorter.

        Args:
            user_ids: ids in any spelling; a list, not a single string.
            ttl_seconds: seconds for which a cached context is fresh, 0 or more; default that of the settings.
            stale_if_error: True to get the old text of a guest whose new one could not be built or stored, as
                `get_context` does.

        Returns:
            The texts by id, spelt and ordered as given; {} for no ids.

        Raises:
            InvalidUserId: one of the ids cannot be a guest's; then no context is read.
            InvalidValue: `user_ids` is a string, `ttl_seconds` is unusable, the builder did not return a string, or it
                requested a context that it builds.
            QueryTimeout: as `get_context`.
            TransactionError: as `get_context`.
            DatabaseError: the server did not answer in time.
            Exception: whatever the builder raised.

        SQL: queries/context.sql, queries/internal/context.sql
        """
        if isinstance(user_ids, str):
            raise InvalidValue("user_ids is a list of ids, not a text", hint="for one guest call get_context")
        keys = {user_id: self._key(user_id) for user_id in user_ids}
        ttl = self._settings.context_ttl_seconds if ttl_seconds is None else clean_ttl(ttl_seconds)
        if not keys:
            return {}
        guests = sorted(set(keys.values()))
        try:
            self._ready()
            texts = self._context.get_many(guests, ttl, stale_if_error=stale_if_error)
        except BaseException:
            for _ in guests:
                self._count_error()
            raise
        return {user_id: texts[key] for user_id, key in keys.items()}

    def invalidate_context(self, user_id: str) -> bool:
        """Make a guest's cached context stale, and discard the one that is being built.

        A change of the profile needs no call. Call this when the data has changed that your builder reads elsewhere.
        The next `get_context` builds; others get the old text meanwhile.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            True if there is such a guest, cached or not; False otherwise.

        SQL: queries/context.sql
        """
        key = self._key(user_id)
        rows: int = self._call("invalidate_context", phone_number=key)
        # Nothing is cached of an archived guest.
        return rows > 0 or self._call("get_archived_guest", phone_number=key) is not None
