# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""A whole person, in every table and in what is buffered: two merged into one, handed over, forgotten."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import Any

from guestsql.errors import InvalidUserId
from guestsql.guests._sync.session import Session
from guestsql.guests.models import GuestProfile
from guestsql.guests.rows import profile_from
from guestsql.telemetry.log import event
from guestsql.telemetry.outbox import new_operation_id

__all__ = ["People"]


class People(Session):
    """The methods for everything that is stored about a person."""

    def merge_guests(self, keep: str, duplicate: str) -> GuestProfile:
        """Merge a duplicate into the guest who stays, and remove it; may be repeated.

        Messages add up, buffered ones too; labels are put behind; of two threads that of the guest who wrote last
        stays, with its tokens; memory is off if it was for either. Of all else what `keep` has wins, and what of the
        duplicate finds no place stands under `profile_data["merged"]`.

        Args:
            keep: who stays; created if not known.
            duplicate: who goes. Without such a guest nothing changes.

        Returns:
            The profile of the guest who stayed.

        Raises:
            InvalidUserId: one is no guest's, or the two are spellings of one guest.

        SQL: queries/guests.sql
        """
        key, other = self._key(keep), self._key(duplicate)
        if key == other:
            raise InvalidUserId("both ids are the same guest's", hint="pass two different guests")
        with self._no_flush():
            row = None
            while row is None:  # again when the guest who stays was merged away by another process in this very moment
                self._call("create_guest", phone_number=key)
                row = self._call("merge_guests", keep=key, duplicate=other, operation_id=new_operation_id())
                row = row or self._call("get_profile", phone_number=key)
            self._after_commit(partial(self._pending.move, other, key))
        return profile_from(row)

    def export_guest(self, user_id: str) -> dict[str, list[dict[str, Any]]]:
        """Return all that is stored about a person.

        What is only buffered is not in it: call `flush` before. Records of the old bot's files that could be no guest
        are nobody's: docs/legacy-rejects.md.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            Table to list of rows, each row whole, times as ISO 8601 text; empty lists for a guest not known.

        SQL: queries/guests.sql
        """
        stored: dict[str, list[dict[str, Any]]] = self._call("export_guest", phone_number=self._key(user_id))
        return stored

    def forget_guest(self, user_id: str) -> dict[str, int]:
        """Erase a person from every table that holds guests, and from what is buffered here.

        A guest who writes again is a new one; so is one of whom another process has messages buffered. A salted hash of
        the key stays: an import of the old bot's files skips the guest's records. Records that could be no guest stay
        too: docs/legacy-rejects.md.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            Rows erased, by table; 0 each for a guest not known, or for one whom a call that failed has erased.

        SQL: queries/guests.sql
        """
        key = self._key(user_id)
        with self._no_flush():
            erased: Counter[str] = Counter()
            for _ in range(2):  # a merge that the first waited for has written rows that only the second can see
                for row in self._call("forget_guest", phone_number=key, operation_id=new_operation_id()):
                    erased[row.table_name] += row.erased_rows
            self._after_commit(partial(self._pending.drop, key))
        event(logging.INFO, "GUEST_FORGOTTEN", "guest erased", guest=key)
        return dict(erased)
