# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The erasure of a guest: one transaction, in which the log outside the database is written last."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any

from guestsql.guests._sync.marked import check_absent, lock_ids, write
from guestsql.guests.erasure import ErasureKey
from guestsql.guests.erasure_log import ErasureLog, LoggedErasure
from guestsql.guests.ids import is_guest, key_of
from guestsql.settings import Settings
from guestsql.sql import Query
from guestsql.sql._sync.transaction import TransactionSession
from guestsql.sql.runtime import in_thread

__all__ = ["Erasure"]


@dataclass(slots=True)
class Erasure:
    """One erasure; the same object for all attempts of a call.

    Attributes:
        queries: those marked `-- on: forget_guest`, in the order in which they run.
        user_id: a canonical id of the guest.
        erasure_id: a new one for each call.
        settings: for the key and the log.
        reason: as in the table erasures.
        erased_at: when the guest was erased; None for now.
        ids: after an attempt, every id that led to the guest.
    """

    queries: list[Query]
    user_id: str
    erasure_id: str
    settings: Settings
    reason: str = "request"
    erased_at: datetime | None = None
    ids: set[str] = field(default_factory=set[str])

    def run(self, tx: TransactionSession) -> dict[str, int]:
        """Erase the guest, and return the rows erased by table; none if a rule no longer lets the guest be erased.

        Raises:
            IdsMovedError: ids were moved to other guests, or the guest was created, meanwhile.
            SettingsError: the log cannot be written.
            DatabaseError: a statement failed.
        """
        claimed = tx.call("claim_operation", {"operation_id": self.erasure_id})
        if not claimed.is_new:
            return dict(sorted(claimed.answer.items()))
        # A merge that is under way is waited for here; the statements below see what it has brought.
        known = lock_ids(tx, [self.user_id])
        key = key_of(self.user_id, known)
        if self.reason == "retention" and not tx.call("is_expired_guest", {"phone_number": key}):
            tx.call("answer_operation", {"operation_id": self.erasure_id, "answer": "{}"})
            return {}
        found = tx.call("list_erased_ids", {"phone_number": key})
        self.ids = {row.id for row in found if row.is_current}
        hashing = _Hashing(ErasureKey(self.settings.erasure_key), tx.call("get_erasure_salt", {}))
        erased_at = tx.call(
            "remember_erasure",
            {
                "id_hashes": sorted(hashing.of(row.id) for row in found if row.is_hashed),
                "key_id": hashing.key.key_id,
                "erased_at": self.erased_at,
            },
        )
        erased = write(
            tx,
            self.queries,
            phone_number=key,
            operation_id=self.erasure_id,
            subject_hash=hashing.of(key),
            id_hashes=sorted(hashing.of(row.id) for row in found if row.is_key or row.is_id),
        )
        if not is_guest(self.user_id, known):
            check_absent(tx, key, erased)
        tx.call("answer_operation", {"operation_id": self.erasure_id, "answer": json.dumps(erased)})
        self._record(tx, hashing.logged(self.erasure_id, erased_at, found, erased))
        return erased

    def _record(self, tx: TransactionSession, erasure: LoggedErasure) -> None:
        record = erasure.parameters()["record_erasure"]
        tx.call("record_erasure", {**record, "reason": self.reason})
        if self.settings.erasure_log is None:
            return
        log = ErasureLog(self.settings.erasure_log)
        end = _End(log, self.erasure_id)
        in_thread(partial(log.add, erasure))
        tx.on_commit(end.committed)
        tx.ending.push(end.ended)


@dataclass(slots=True)
class _Hashing:
    """The hashes of ids in one database."""

    key: ErasureKey
    salt: bytes

    def of(self, user_id: str) -> bytes:
        return self.key.hash(user_id, self.salt)

    def logged(self, erasure_id: str, at: datetime, found: list[Any], rows: dict[str, int]) -> LoggedErasure:
        """Return the erasure for the log.

        Args:
            erasure_id: its id.
            at: when.
            found: rows of list_erased_ids.
            rows: rows erased, by table.
        """
        hashed = {row.id: self.of(row.id).hex() for row in found if row.is_hashed}
        keys = {hashed[row.id]: row.key_until for row in found if row.is_key}
        ids = tuple(sorted(hashed[row.id] for row in found if row.is_id))
        others = tuple(sorted(set(hashed.values()) - keys.keys() - set(ids)))
        return LoggedErasure(erasure_id, at, self.key.key_id, keys, ids, others, rows)


@dataclass(slots=True)
class _End:
    """Appends that an erasure was undone, when its transaction has certainly been rolled back."""

    log: ErasureLog
    erasure_id: str
    is_committed: bool = False

    def committed(self) -> None:
        self.is_committed = True

    def ended(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Without an exception the transaction was committed or rolled back; with one, COMMIT failed."""
        del exc_type, traceback
        if not self.is_committed and (exc is None or getattr(exc, "undone", False)):
            self.log.undo(self.erasure_id)
