# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The guests' profiles, and the messages that count as their interactions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from guestsql.guests._sync.session import Session
from guestsql.guests.models import GuestProfile
from guestsql.guests.profile import RESERVED, profile_changes, without_reserved
from guestsql.guests.rows import profile_from
from guestsql.guests.values import Clear, clean_labels
from guestsql.telemetry.log import event

__all__ = ["Profiles"]


class Profiles(Session):
    """The methods for profiles."""

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
        self._record(self._key(user_id), at)

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
