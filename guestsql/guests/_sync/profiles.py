# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The guests' profiles, and the messages that count as their interactions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from guestsql.guests._sync.session import Session
from guestsql.guests.messages import clean_gateway, clean_message_id
from guestsql.guests.models import GuestProfile
from guestsql.guests.pending import MessageId
from guestsql.guests.profile import RESERVED, profile_changes, without_reserved
from guestsql.guests.rows import profile_from
from guestsql.guests.values import Clear, clean_labels
from guestsql.telemetry.log import event

__all__ = ["Profiles"]


class Profiles(Session):
    """The methods for profiles."""

    def get_profile(self, user_id: str) -> GuestProfile | None:
        """Return a guest's profile.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            The profile, without messages that are still buffered; None for an unknown guest.

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
        """Change the given parts of a guest's profile; None means not given and changes nothing.

        So `user_name=message.get("from_name")` is safe: a message without a name keeps the stored one. `CLEAR` empties
        a column.

        Args:
            user_id: any spelling of a WhatsApp id.
            chat_id: the chat, perhaps a group, in which the guest wrote; 1 to 256 characters; `CLEAR` sets NULL.
            user_name: the guest's own name; `CLEAR` sets NULL. A name that is blank, `Usuario` or the guest's own phone
                number is ignored.
            contact_name: the hotel's name for the guest; the same rules apply.
            labels: strings of 1 to 500 characters that replace the guest's labels, in this order and without
                duplicates; [] or `CLEAR` removes all.
            profile_data: a mapping with a JSON form. Each of its top-level keys replaces the stored one, and other keys
                stay. None as a value is JSON's null, it removes no key. `CLEAR` removes all keys. `legacy` and `merged`
                are reserved: they always stay, and may only be given unchanged.
            memory_enabled: False to turn off the guest's context: `get_context` then returns "".

        Returns:
            The profile after the change, or the unchanged one.

        Raises:
            InvalidValue: a value is of the wrong type, or contains what PostgreSQL cannot store (NUL, a lone
                surrogate); `CLEAR` for `memory_enabled`; a reserved key of `profile_data` has another value than the
                stored one.

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
        """Add labels after those that a guest has.

        Args:
            user_id: any spelling of a WhatsApp id.
            labels: a list of strings, not a single string; labels that the guest already has keep their position.

        Returns:
            The profile after the change, or the unchanged one.

        Raises:
            InvalidValue: `labels` is a single string, or a label is blank or not a string.

        SQL: queries/guests.sql
        """
        return self._write_profile("add_labels", self._key(user_id), labels=clean_labels(labels))

    def remove_labels(self, user_id: str, labels: Iterable[str]) -> GuestProfile:
        """Remove labels from a guest; labels that the guest does not have are ignored.

        Args:
            user_id: any spelling of a WhatsApp id.
            labels: a list of strings, not a single string.

        Returns:
            The profile after the change, or the unchanged one.

        Raises:
            InvalidValue: `labels` is a single string, or a label is blank or not a string.

        SQL: queries/guests.sql
        """
        return self._write_profile("remove_labels", self._key(user_id), labels=clean_labels(labels))

    def record_interaction(
        self,
        user_id: str,
        *,
        at: datetime | None = None,
        message_id: str | None = None,
        gateway: str | None = None,
    ) -> None:
        """Count a message of a guest: buffered, and written with others every `GUESTSQL_FLUSH_SECONDS` (5).

        Once the database is open, the call does not wait for the server. What cannot be written is kept, and written
        once later. A kill -9 loses what was recorded since the last flush. Inside a transaction the message is not
        buffered but written, and undone with the transaction.

        Args:
            user_id: any spelling of a WhatsApp id.
            at: the message's own time, a datetime with a zone; default now, by the server's clock. A time in the future
                counts as now; an older one does not move the last interaction back.
            message_id: the gateway's id of the message. It is then counted once, even if several processes
                record it, or `message` does too. Default: every call counts.
            gateway: the service that delivers the messages. Default `whatsapp`.

        Raises:
            InvalidValue: the time is not a datetime, or has no zone; or the message's id or the gateway is unusable.

        SQL: queries/internal/guests.sql
        """
        known = None
        if message_id is not None:
            known = MessageId(clean_gateway(gateway), clean_message_id(message_id))
        self._record(self._key(user_id), at, known)

    def _write_profile(self, query: str, key: str, **parameters: object) -> GuestProfile:
        self._hold(key)
        while True:
            row = self._call(query, phone_number=key, **parameters)
            if row is not None:
                event(logging.INFO, "DATABASE_UPDATE", "profile updated", guest=key, query=query)
                return profile_from(row)
            row = self._call("get_profile", phone_number=key)  # there was nothing to change
            if row is not None:
                return profile_from(row)
            # Another process has forgotten the guest at this moment: write again.
