# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The database of the bot's developer: contexts, profiles and interactions here, threads and whole people beside it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from guestsql.errors import DatabaseError, InvalidValue
from guestsql.guests._sync.people import People
from guestsql.guests._sync.threads import Threads
from guestsql.guests.models import GuestProfile
from guestsql.guests.profile import RESERVED, profile_changes, without_reserved
from guestsql.guests.rows import profile_from
from guestsql.guests.values import RAISE, Clear, Raise, clean_labels, clean_ttl
from guestsql.sql.runtime import running_loop
from guestsql.telemetry.log import event

__all__ = ["GuestDatabase"]


class GuestDatabase(Threads, People):
    """Guests, their threads and contexts, in PostgreSQL.

    Use it as a context manager; it opens by itself at the first call otherwise, and is then to be closed. Many
    threads may share a `GuestDatabase`, and the tasks of one event loop an `AsyncGuestDatabase`.

    It may be forked. In a forked child a `GuestDatabase` is as if it had been made there: its first call opens
    connections of its own, nothing is buffered or counted, and the parent writes what the parent has buffered. An
    `AsyncGuestDatabase` that the parent had opened raises `WrongEventLoop` in the child, as it does in a second event
    loop: make one in each.

    `user_id` is any spelling of a WhatsApp id. A guest not known yet is created by `get_context`, `get_contexts` and
    every method that stores something; nobody is created by `get_profile`, `get_thread`, `invalidate_context`,
    `export_guest` and `forget_guest`. Every method that takes an id raises `InvalidUserId` for one that is no guest's,
    or that may be another guest's (`573000000001/2`, `573000000001.0`), and every method that asks the server raises
    `DatabaseError` (its subclasses tell more) when it could not do what was asked.

    No statement waits longer than the deadline (`GUESTSQL_DEADLINE_SECONDS`, 10), the wait for a connection included.
    A lost connection is replaced, and what is safe to repeat is repeated, until then; so while the server is away each
    call waits for the whole deadline. What waiting cannot fix is reported within a second or so: a wrong password, role
    or database, a refused TLS connection, an invalid parameter of the address.
    `get_context`, `get_contexts`, `add_thread_tokens` and `flush` have one deadline for all their statements. In the
    other methods each statement has its own: `update_profile`, `add_labels`, `remove_labels`, `set_thread` and
    `clear_thread` send a second one when there was nothing to change; `forget_guest` and `merge_guests` first wait for
    messages that are just being written, and `merge_guests` then sends two or three.

    A call that is cancelled (`asyncio.timeout`, Ctrl-C) ends at once, also when the server hangs or the network loses
    its packets: the connection is closed and another made. The server may still do what it was sent, and its session
    counts against `GUESTSQL_POOL_MAX` until it has ended (docs/deployment.md). A part of the connections is for reads
    alone.

    Args:
        database_url: PostgreSQL's address; default that of the settings, and without one the embedded server.
        settings: default what the environment and `.env` say.
        context_builder: makes a guest's context from the `GuestProfile`, in place of the query `build_context`: a
            function that returns the text, for the async class a coroutine function. It is called without any
            connection held, and what it raises reaches the caller of `get_context`. It must not change the guest it
            builds for, nor request that guest's context. `CLOCK` in its text becomes the hotel's time when the text is
            read.

    Raises:
        SettingsError: a setting is unusable.
        QueryFileError: a query file is unusable.
        InvalidValue: `context_builder` is no function.
    """

    def get_context(
        self,
        user_id: str,
        *,
        ttl_seconds: float | None = None,
        default: str | Raise = RAISE,
        stale_if_error: bool = False,
    ) -> str:
        """Return a guest's context, cached if it is fresh and built otherwise; a guest not known yet is created.

        While one caller builds, the others get the stale text at once, or wait for the new one if there is none. A
        change of chat id, names, labels, profile data or memory makes a cached text wrong, and nobody gets it any more;
        a new message or thread does not. A hit is one round trip, a miss three or four; one deadline holds for all,
        and what the own builder takes is added.

        When the builder fails, the callers of this process that wait for its text get the same error at once. A builder
        must not request the context of the guest it builds for, whether directly or through what it calls.

        `default` shortens nothing: while the server is away it is returned when the whole deadline has passed. A bot
        that has to answer sooner lowers `GUESTSQL_DEADLINE_SECONDS`, or puts `asyncio.timeout` around the async call.

        Args:
            user_id: any spelling of a WhatsApp id.
            ttl_seconds: seconds for which a cached context is fresh, 0 or more; default that of the settings. With 0
                the text is built now, or by another caller since this one asked.
            default: returned in place of a `DatabaseError`, which is logged, by a bot that prefers an empty context to
                a failure. Without it the error is raised.
            stale_if_error: True to get the old text, however old, when the new one could not be built or stored; the
                error is logged as `CONTEXT_STALE_IF_ERROR`, and the answer counts as `stale`. A text from before a
                change of the profile is never returned. Without such a text the error is raised, or `default` returned.

        Returns:
            The text, with the clock time of the hotel's zone; "" for a guest whose memory is off.

        Raises:
            InvalidUserId: the id is no guest's; `default` does not help.
            InvalidValue: `ttl_seconds` is unusable, the builder returned no text, or it requested the context that it
                builds; likewise.
            QueryTimeout: another's builder took longer than the deadline, or the profile changed during every build.
            DatabaseError: the server could not be asked in time, and there is no `default`.
            Exception: whatever the builder raised; `default` does not help.

        SQL: queries/context.sql, queries/internal/context.sql
        """
        key = self._key(user_id)
        ttl = self._settings.context_ttl_seconds if ttl_seconds is None else clean_ttl(ttl_seconds)
        try:
            if self._executor is None or self._loop is not running_loop():
                self._ready()
            return self._context.get(key, ttl, stale_if_error=stale_if_error)
        except BaseException as error:
            self._counting.answer("error")
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
        """Return the contexts of many guests, as `get_context` does; all that are fresh come from one statement.

        The others are built one after the other, and one deadline holds for all. There is no `default`: when one fails
        the call fails. Texts that were built until then are stored, so a repeated call is shorter.

        Args:
            user_ids: ids in any spelling, not one text.
            ttl_seconds: seconds for which a cached context is fresh, 0 or more; default that of the settings.
            stale_if_error: True to get the old text of a guest whose new one could not be built or stored, as
                `get_context` does.

        Returns:
            The texts by id as it was given, in the order given; {} for no ids.

        Raises:
            InvalidUserId: one of the ids is no guest's; nobody is asked for then.
            InvalidValue: `user_ids` is a text, `ttl_seconds` is unusable, the builder returned no text, or it requested
                a context that it builds.
            QueryTimeout: as `get_context`.
            DatabaseError: the server could not be asked in time.
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
                self._counting.answer("error")
            raise
        return {user_id: texts[key] for user_id, key in keys.items()}

    def invalidate_context(self, user_id: str) -> bool:
        """Make a guest's cached context stale, and whatever is being built for it just now unusable.

        A change of the profile does more by itself; call this when what a builder asks elsewhere has changed. The next
        `get_context` builds; others get the old text meanwhile.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            True if there is such a guest, cached or not; False otherwise.

        SQL: queries/context.sql
        """
        rows: int = self._call("invalidate_context", phone_number=self._key(user_id))
        return rows > 0

    def get_profile(self, user_id: str) -> GuestProfile | None:
        """Return what is known of a guest.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            The profile, messages that are still buffered not counted; None for a guest not known.

        SQL: queries/guests.sql
        """
        row = self._call("get_profile", phone_number=self._key(user_id))
        return None if row is None else profile_from(row)

    def update_profile(
        self,
        user_id: str,
        *,
        chat_id: str | Clear | None = None,
        user_name: str | Clear | None = None,
        contact_name: str | Clear | None = None,
        labels: Iterable[str] | Clear | None = None,
        profile_data: Mapping[str, Any] | Clear | None = None,
        memory_enabled: bool | None = None,
    ) -> GuestProfile:
        """Change what is given of a guest's profile; None means not given and changes nothing.

        So `user_name=message.get("from_name")` is safe: a message without a name keeps the known one. `CLEAR` empties a
        column.

        Args:
            user_id: any spelling of a WhatsApp id.
            chat_id: where the guest was met, a group perhaps, 1 to 256 characters; `CLEAR` sets NULL.
            user_name: the guest's own name; `CLEAR` sets NULL. A name that is blank, `Usuario` or the guest's own phone
                replaces nothing.
            contact_name: the hotel's name for the guest; likewise.
            labels: texts of 1 to 500 characters that replace the guest's labels, in this order, each once; [] or
                `CLEAR` removes all.
            profile_data: a mapping with a JSON form. Its top-level keys are set, whole, and other keys stay; None as a
                value is JSON's null, it removes no key. `CLEAR` removes all keys. `legacy` and `merged` are reserved:
                they stay in any case, and may only be given as they are.
            memory_enabled: False if the guest's context is not to be used: `get_context` then returns "".

        Returns:
            The profile after the change, or as it is when nothing was to change.

        Raises:
            InvalidValue: a value is of the wrong type, or holds what PostgreSQL cannot keep (NUL, half an emoji);
                `CLEAR` for `memory_enabled`; a reserved key of `profile_data` has another value than the stored one.

        SQL: queries/internal/guests.sql
        """
        key = self._key(user_id)
        if isinstance(profile_data, Mapping) and not RESERVED.isdisjoint(profile_data):
            known = self.get_profile(key)
            profile_data = without_reserved(profile_data, known.profile_data if known else {})
        changes = profile_changes(
            key,
            chat_id=chat_id,
            user_name=user_name,
            contact_name=contact_name,
            labels=labels,
            profile_data=profile_data,
            memory_enabled=memory_enabled,
        )
        return self._write_profile("upsert_profile", key, **changes)

    def add_labels(self, user_id: str, labels: Iterable[str]) -> GuestProfile:
        """Add labels behind those that a guest has.

        Args:
            user_id: any spelling of a WhatsApp id.
            labels: a list of texts, not one text; those that the guest has already stay where they are.

        Returns:
            The profile after the change, or as it is when nothing was to change.

        Raises:
            InvalidValue: `labels` is one text, or a label is no text, or blank.

        SQL: queries/guests.sql
        """
        return self._write_profile("add_labels", self._key(user_id), labels=clean_labels(labels))

    def remove_labels(self, user_id: str, labels: Iterable[str]) -> GuestProfile:
        """Take labels away from a guest; those that the guest does not have are no error.

        Args:
            user_id: any spelling of a WhatsApp id.
            labels: what is to go: a list of texts, not one text.

        Returns:
            The profile after the change, or as it is when nothing was to change.

        Raises:
            InvalidValue: `labels` is one text, or a label is no text, or blank.

        SQL: queries/guests.sql
        """
        return self._write_profile("remove_labels", self._key(user_id), labels=clean_labels(labels))

    def record_interaction(self, user_id: str, *, at: datetime | None = None) -> None:
        """Count a message of a guest; it is buffered, and written with others every `GUESTSQL_FLUSH_SECONDS` (5).

        Once the database is open it waits for no server. What cannot be written is kept, and written later, once; a
        kill -9 loses what was recorded since the last flush.

        Args:
            user_id: any spelling of a WhatsApp id.
            at: the message's own time, a datetime with a zone; default now, by the server's clock. A time in the future
                counts as now; an older one does not move the last interaction back.

        Raises:
            InvalidValue: the time is no datetime, or has no zone.

        SQL: queries/internal/guests.sql
        """
        key = self._key(user_id)
        self._ready()
        self._interactions.record(key, at)

    def flush(self) -> int:
        """Write the buffered interactions now, so that the next `get_profile` counts them.

        Returns:
            How many guests' rows were written; 0 when nothing was buffered.

        Raises:
            DatabaseError: they could not be written; they are kept for the next flush, and counted once.

        SQL: queries/guests.sql
        """
        self._ready()
        return self._interactions.flush()

    def _write_profile(self, query: str, key: str, **parameters: object) -> GuestProfile:
        while True:
            row = self._call(query, phone_number=key, **parameters)
            if row is not None:
                event(logging.INFO, "DATABASE_UPDATE", "profile updated", guest=key, query=query)
                return profile_from(row)
            row = self._call("get_profile", phone_number=key)  # there was nothing to change
            if row is not None:
                return profile_from(row)
            # Another process has forgotten the guest in this moment: write again.
