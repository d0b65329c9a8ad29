# Generated from guestsql/_async by tools/generate_sync.py (make sync). Do not edit.
"""The database of the bot's developer: a method for everything the bot asks of its data."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from guestsql._core.log import event
from guestsql._core.profile import profile_changes
from guestsql._core.rows import profile_from, thread_from
from guestsql._core.values import (
    NOT_GIVEN,
    RAISE,
    NotGiven,
    Raise,
    clean_labels,
    clean_text,
    clean_tokens,
    clean_ttl,
)
from guestsql._sync.lifetime import Lifetime
from guestsql.errors import DatabaseError, InvalidUserId, InvalidValue
from guestsql.models import GuestProfile, GuestThread

__all__ = ["GuestDatabase"]


class GuestDatabase(Lifetime):
    """Guests, their threads and contexts, in PostgreSQL.

    Use it as a context manager; it opens by itself at the first call otherwise, and is then to be closed. Many
    threads, or the tasks of one event loop, may share it; a forked child makes its own. `user_id` is any spelling of
    a WhatsApp id; every method that writes creates the guest it does not find. All methods raise `InvalidUserId` for
    an id that is no guest's, and `DatabaseError` (its subclasses tell more) when the server could not do what was
    asked before the deadline.

    Args:
        database_url: PostgreSQL's address; default the settings', and without one the embedded server.
        settings: default the environment and `.env`.
        context_builder: makes a guest's context from the profile, in place of the query `build_context`. It is called
            without any connection held. What it raises reaches the caller of `get_context`. A change of chat id,
            names, labels, profile data or memory makes a cached context stale; a new message or thread does not.

    Raises:
        SettingsError: the address or a setting is unusable.
        QueryFileError: a query file is.
    """

    def get_context(self, user_id: str, *, ttl_seconds: float | None = None, default: str | Raise = RAISE) -> str:
        """Return a guest's context, cached if it is fresh and built otherwise; a guest not known yet is created.

        While one caller builds, the others get the stale text at once, or wait for the new one if there is none.

        Args:
            user_id: any spelling of a WhatsApp id.
            ttl_seconds: seconds for which a cached context is fresh, 0 or more; default the settings'.
            default: returned in place of a `DatabaseError`, by a bot that prefers an empty context to none.

        Returns:
            The text, with the clock time of the hotel's zone; "" for a guest whose memory is off.

        Raises:
            InvalidUserId: the id is no guest's.
            InvalidValue: `ttl_seconds` is unusable, or the builder returned no text.
            DatabaseError: the server could not be asked in time, and there is no `default`.
            Exception: whatever the builder raised.

        SQL: queries/context.sql
        """
        key = self._key(user_id)
        ttl = self._settings.context_ttl_seconds if ttl_seconds is None else clean_ttl(ttl_seconds)
        try:
            if self._executor is None:
                self._ready()
            return self._context.get(key, ttl)
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

    def get_contexts(self, user_ids: Iterable[str], *, ttl_seconds: float | None = None) -> dict[str, str]:
        """Return the contexts of many guests; all that are cached come from one statement.

        Args:
            user_ids: ids in any spelling.
            ttl_seconds: seconds for which a cached context is fresh, 0 or more; default the settings'.

        Returns:
            The texts by id as it was given, in the order given.

        Raises:
            InvalidUserId: one of the ids is no guest's.
            InvalidValue: `user_ids` is a text, or `ttl_seconds` is unusable.
            DatabaseError: the server could not be asked in time.
            Exception: whatever the builder raised.

        SQL: queries/context.sql
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
            texts = self._context.get_many(guests, ttl)
        except BaseException:
            for _ in guests:
                self._counting.answer("error")
            raise
        return {user_id: texts[key] for user_id, key in keys.items()}

    def invalidate_context(self, user_id: str) -> bool:
        """Make a guest's cached context stale, and whatever is being built for it just now unusable.

        A change of the profile does this by itself; call it when what a builder asks elsewhere has changed.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            True if there was such a guest.

        SQL: queries/context.sql
        """
        rows: int = self._call("invalidate_context", phone_number=self._key(user_id))
        return rows > 0

    def get_profile(self, user_id: str) -> GuestProfile | None:
        """Return what is known of a guest, or None for a guest not known.

        Args:
            user_id: any spelling of a WhatsApp id.

        SQL: queries/guests.sql
        """
        row = self._call("get_profile", phone_number=self._key(user_id))
        return None if row is None else profile_from(row)

    def update_profile(
        self,
        user_id: str,
        *,
        chat_id: str | NotGiven | None = NOT_GIVEN,
        user_name: str | NotGiven | None = NOT_GIVEN,
        contact_name: str | NotGiven | None = NOT_GIVEN,
        labels: Iterable[str] | NotGiven = NOT_GIVEN,
        profile_data: Mapping[str, Any] | NotGiven = NOT_GIVEN,
        memory_enabled: bool | NotGiven = NOT_GIVEN,
    ) -> GuestProfile:
        """Change what is given of a guest's profile, and nothing else.

        Args:
            user_id: any spelling of a WhatsApp id.
            chat_id: where the guest was met, a group perhaps; None removes it.
            user_name: the guest's own name; None removes it. A name that is blank, `Usuario` or the guest's own phone
                replaces nothing.
            contact_name: the hotel's name for the guest; likewise.
            labels: replace the guest's labels; [] clears them.
            profile_data: an object whose keys are set; other keys stay.
            memory_enabled: False if the guest's context is not to be used.

        Returns:
            The profile after the change.

        Raises:
            InvalidValue: a value is of the wrong type, or holds what PostgreSQL cannot keep.

        SQL: queries/guests.sql
        """
        key = self._key(user_id)
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
            labels: those that the guest has already stay where they are.

        Returns:
            The profile after the change.

        Raises:
            InvalidValue: a label is no text, or blank.

        SQL: queries/guests.sql
        """
        return self._write_profile("add_labels", self._key(user_id), labels=clean_labels(labels))

    def remove_labels(self, user_id: str, labels: Iterable[str]) -> GuestProfile:
        """Take labels away from a guest; those that the guest does not have are no error.

        Args:
            user_id: any spelling of a WhatsApp id.
            labels: what is to go.

        Returns:
            The profile after the change.

        Raises:
            InvalidValue: a label is no text, or blank.

        SQL: queries/guests.sql
        """
        return self._write_profile("remove_labels", self._key(user_id), labels=clean_labels(labels))

    def get_thread(self, user_id: str) -> GuestThread | None:
        """Return a guest's thread.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            None for a guest not known; a thread whose `thread_id` is None for a guest without one.

        SQL: queries/threads.sql
        """
        row = self._call("get_thread", phone_number=self._key(user_id))
        return None if row is None else thread_from(row)

    def set_thread(self, user_id: str, thread_id: str) -> GuestThread:
        """Make a thread the guest's; its tokens start from 0 unless it is the guest's already.

        Args:
            user_id: any spelling of a WhatsApp id.
            thread_id: the thread, not blank.

        Returns:
            The thread after the change.

        Raises:
            InvalidValue: the thread is no text, or blank.

        SQL: queries/threads.sql
        """
        return self._write_thread(self._key(user_id), clean_text(thread_id, "thread_id", blank=False))

    def clear_thread(self, user_id: str) -> GuestThread:
        """Leave a guest without a thread.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            A thread whose `thread_id` is None.

        SQL: queries/threads.sql
        """
        return self._write_thread(self._key(user_id), None)

    def add_thread_tokens(self, user_id: str, thread_id: str, tokens: int) -> int:
        """Count tokens spent in a thread; never twice, even when the connection is lost on the way.

        Args:
            user_id: any spelling of a WhatsApp id.
            thread_id: the thread in which they were spent. If it is not the guest's it becomes so, and starts from
                these.
            tokens: 0 or more.

        Returns:
            The thread's new count.

        Raises:
            InvalidValue: the thread is no text or blank, or the tokens are no whole number of 0 or more.
            OutcomeUnknown: the server went away at COMMIT; read the thread before you repeat the call.

        SQL: queries/threads.sql
        """
        parameters = {
            "phone_number": self._key(user_id),
            "thread_id": clean_text(thread_id, "thread_id", blank=False),
            "tokens": clean_tokens(tokens),
        }
        executor = self._ready()
        count: int = executor.call_once("add_thread_tokens", lambda _server_time: parameters)
        return count

    def record_interaction(self, user_id: str, *, at: datetime | None = None) -> None:
        """Count a message of a guest; it is buffered, and written with others before the flush interval ends.

        Args:
            user_id: any spelling of a WhatsApp id.
            at: the message's own time, with a zone; default now, by the server's clock.

        Raises:
            InvalidValue: the time has no zone.

        SQL: queries/guests.sql
        """
        key = self._key(user_id)
        self._ready()
        self._interactions.record(key, at)

    def flush(self) -> int:
        """Write the buffered interactions now.

        Returns:
            The number of rows written.

        SQL: queries/guests.sql
        """
        self._ready()
        return self._interactions.flush()

    def merge_guests(self, keep: str, duplicate: str) -> GuestProfile:
        """Merge a duplicate into the guest who stays, and remove it.

        Args:
            keep: who stays; what that guest has wins.
            duplicate: who goes. Without such a guest nothing changes.

        Returns:
            The profile of the guest who stayed.

        Raises:
            InvalidUserId: the two are spellings of one guest.

        SQL: queries/guests.sql
        """
        key, other = self._key(keep), self._key(duplicate)
        if key == other:
            raise InvalidUserId("both ids are the same guest's", hint="pass two different guests")
        self._ready()
        with self._interactions.held():
            row = None
            while row is None:  # again when the guest who stays was merged away by another process in this very moment
                self._call("create_guest", phone_number=key)
                row = self._call("merge_guests", keep=key, duplicate=other)
                row = row or self._call("get_profile", phone_number=key)
            self._pending.move(other, key)
        return profile_from(row)

    def export_guest(self, user_id: str) -> dict[str, list[dict[str, Any]]]:
        """Return all that is stored about a person.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            Table to list of rows, each row whole, times as ISO 8601 text.

        SQL: queries/guests.sql
        """
        stored: dict[str, list[dict[str, Any]]] = self._call("export_guest", phone_number=self._key(user_id))
        return stored

    def forget_guest(self, user_id: str) -> dict[str, int]:
        """Erase a person from every table, and from what is buffered.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            Rows erased, by table.

        SQL: queries/guests.sql
        """
        key = self._key(user_id)
        executor = self._ready()
        parameters = {"phone_number": key}
        with self._interactions.held():
            # Once: a repeat after a lost answer would report that nothing was there.
            rows = executor.call_once("forget_guest", lambda _server_time: parameters)
            self._pending.drop(key)
        event(logging.INFO, "GUEST_FORGOTTEN", "guest erased", guest=key)
        return {row.table_name: row.erased_rows for row in rows}

    def _write_profile(self, query: str, key: str, **parameters: object) -> GuestProfile:
        row = self._call(query, phone_number=key, **parameters)
        if row is None:
            return self._known_profile(key)
        event(logging.INFO, "DATABASE_UPDATE", "profile updated", guest=key, query=query)
        return profile_from(row)

    def _known_profile(self, key: str) -> GuestProfile:
        """Read the profile of a guest who is there, as nothing was to be changed."""
        row = self._call("get_profile", phone_number=key)
        while row is None:  # forgotten by another process in this very moment
            self._call("create_guest", phone_number=key)
            row = self._call("get_profile", phone_number=key)
        return profile_from(row)

    def _write_thread(self, key: str, thread_id: str | None) -> GuestThread:
        row = self._call("set_thread", phone_number=key, thread_id=thread_id)
        if row is not None:
            event(logging.INFO, "DATABASE_UPDATE", "thread updated", guest=key, query="set_thread")
        while row is None:  # nothing to change; or forgotten by another process in this very moment
            row = self._call("get_thread", phone_number=key) or self._call(
                "set_thread", phone_number=key, thread_id=thread_id
            )
        return thread_from(row)
