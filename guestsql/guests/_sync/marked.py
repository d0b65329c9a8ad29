# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Guests found by any of their ids and locked, and the queries marked with a method's name run for them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from guestsql.sql import Query
from guestsql.sql._sync.transaction import TransactionSession
from guestsql.sql.hooks import subject_of

__all__ = ["IdsMovedError", "check_absent", "check_ids", "given", "lock_ids", "write"]


class IdsMovedError(Exception):
    """Another session moved ids to other guests, or created a guest, before they could be locked.

    The transaction starts again: to lock more now, out of order, could be a deadlock.
    """


def lock_ids(tx: TransactionSession, ids: list[str]) -> dict[str, Any]:
    """Lock ids, and the guests to whom they lead, against merges, erasures and links; return the known ids.

    Args:
        tx: until its end they are locked.
        ids: canonical ids.

    Returns:
        Rows of `list_known_ids`, by id.

    Raises:
        IdsMovedError: ids lead to guests who are not locked.
    """
    locked = [row.phone_number for row in tx.call("lock_ids", {"ids": ids})]
    held = {row.phone_number for row in tx.call("lock_guests", {"phone_numbers": locked})}
    # This statement sees what another transaction has committed meanwhile: a guest may have been archived or returned.
    known = tx.call("list_known_ids", {"ids": ids})
    for row in known:
        if row.phone_number not in locked or (row.guest_since is not None and row.phone_number not in held):
            raise IdsMovedError
    return {row.id: row for row in known}


def check_ids(tx: TransactionSession, ids: list[str], key: str) -> None:
    """Check that ids lead to a guest now: a message under one of them may have created another one meanwhile.

    Raises:
        IdsMovedError: one does not.
    """
    found = tx.call("list_known_ids", {"ids": ids})
    if len(found) < len(ids) or any(row.phone_number != key for row in found):
        raise IdsMovedError


def check_absent(tx: TransactionSession, key: str, written: dict[str, int]) -> None:
    """Check that another session has not created a guest who was unknown when the ids were locked.

    Nothing locks a guest without a row. One who was created between two statements has rows that the first has missed.

    Args:
        tx: the transaction.
        key: the key that the guest has, if there is one now.
        written: what `write` has returned for the guest.

    Raises:
        IdsMovedError: there is a guest, or there was one who has been removed in this transaction.
    """
    was_created = written.get("guest_profiles") or written.get("historical_clients")
    if was_created or tx.call("lock_guests", {"phone_numbers": [key]}):
        raise IdsMovedError


def write(tx: TransactionSession, queries: list[Query], **parameters: object) -> dict[str, int]:
    """Run marked queries; return the rows that they wrote, by subject."""
    written: Counter[str] = Counter()
    for query in queries:
        written[subject_of(query)] += tx.call(query.name, given(query, **parameters))
    return dict(sorted(written.items()))


def given(query: Query, **parameters: object) -> dict[str, object]:
    """Return the parameters that a query declares."""
    return {each.name: parameters[each.name] for each in query.parameters}
