# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The ids of a guest: linked as they become known, and a phone that changes."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from guestsql.errors import DifferentGuests
from guestsql.guests._sync.archive import return_archived
from guestsql.guests._sync.marked import IdsMovedError, check_ids, lock_ids, write
from guestsql.guests._sync.session import Session
from guestsql.guests.ids import (
    GivenIds,
    archived_keys,
    former_owners,
    given_ids,
    guests_by_age,
    is_guest,
    kept_guest,
    key_of,
    phone_id,
)
from guestsql.guests.models import GuestProfile
from guestsql.guests.rows import profile_from
from guestsql.sql import Query
from guestsql.sql._sync.transaction import TransactionSession
from guestsql.telemetry.log import event
from guestsql.telemetry.write_buffer import new_operation_id

__all__ = ["SyncIds"]


class SyncIds(Session):
    """The methods for the ids of a guest."""

    def link_ids(
        self,
        user_id: str,
        *,
        phone: str | None = None,
        lid: str | None = None,
        bsuid: str | None = None,
        parent_bsuid: str | None = None,
        chat_id: str | None = None,
        merge: bool = True,
        portfolio: str = "",
    ) -> GuestProfile:
        """Link ids that a gateway reports for one person: afterwards each of them leads to the same guest.

        Call it with every id that a message carries; if they are linked already, it is one read. If the ids belong to
        several guests, these are merged as by `merge_guests`: the guest whom `user_id` names stays, else the oldest.

        If a phone arrives with a business-scoped id other than the one that its guest has in this portfolio, it now
        belongs to another person. Then nothing is merged: the phone moves to the guest with the given business-scoped
        id, who is created if unknown. The former guest keeps everything else, and gets the id `573000000001#1`.

        Args:
            user_id: any id of the guest; created if none of the ids is known, under the phone if one is given.
            phone: the phone number. One that is new to the guest becomes the current phone, as does one in `user_id`.
            lid: the id on the server `@lid`.
            bsuid: the business-scoped id, `CO.1a2B3c`.
            parent_bsuid: the parent id that linked portfolios share, `CO.ENT.1a2B3c`.
            chat_id: the chat in which the guest wrote, stored in the profile; a person's chat is an id of the guest.
            merge: False to raise `DifferentGuests` if the ids belong to several guests.
            portfolio: the business portfolio of the business-scoped ids, a name of your choice; needed only if you have
                several.

        Returns:
            The guest's profile.

        Raises:
            InvalidUserId: an id cannot be a guest's, or is not of the kind of its parameter.
            InvalidValue: `chat_id` or `portfolio` cannot be stored.
            DifferentGuests: the ids belong to several guests and `merge` is False; nothing is changed.
            ConstraintViolation: a custom table refers to a duplicate, and no query moves its rows; nothing is changed.

        SQL: queries/internal/ids.sql
        """
        ids = given_ids(
            self._key,
            user_id,
            phone=phone,
            lid=lid,
            bsuid=bsuid,
            parent_bsuid=parent_bsuid,
            chat_id=chat_id,
            portfolio=portfolio,
        )
        row = self._call(
            "get_linked_guest",
            ids=ids.every,
            has_phone=bool(ids.phones),
            portfolio=ids.portfolio if ids.scoped else "",
            chat_id=ids.chat_id,
        )
        while row is None:  # again if the guest was erased between two attempts
            queries = self._marked("merge_guests") if merge else None
            returning = self._marked("return_guest")
            link = partial(_link, ids=ids, queries=queries, returning=returning, operation_id=new_operation_id())
            row = self._with_ids_locked(link)
            if row is not None:
                self._after_commit(
                    partial(event, logging.INFO, "GUEST_IDS_LINKED", "ids linked", guest=row.phone_number)
                )
        return profile_from(row)

    def change_phone(self, user_id: str, new_phone: str) -> GuestProfile:
        """Store that a guest has a new phone number; the old one leads to the guest until it is another person's.

        A new number that led to another guest leads to this one from now on. Nothing is merged, because the number may
        have had another owner; if both are one person, call `link_ids` or `merge_guests` too.

        Args:
            user_id: any id of the guest, such as the old number; created if unknown.
            new_phone: the new number.

        Returns:
            The guest's profile, whose `current_phone` is the new number.

        Raises:
            InvalidUserId: an id cannot be a guest's, or `new_phone` is not a phone number.

        SQL: queries/internal/ids.sql
        """
        user, phone = self._key(user_id), phone_id(self._key, new_phone, "new_phone")
        row = None
        while row is None:
            returning = self._marked("return_guest")
            change = partial(_change, user=user, phone=phone, returning=returning, operation_id=new_operation_id())
            row = self._with_ids_locked(change)
        self._after_commit(partial(event, logging.INFO, "GUEST_PHONE_CHANGED", "phone changed", guest=row.phone_number))
        return profile_from(row)


def _link(
    tx: TransactionSession,
    *,
    ids: GivenIds,
    queries: list[Query] | None,
    returning: list[Query],
    operation_id: str,
) -> Any:  # noqa: ANN401  a row of get_profile
    claimed = tx.call("claim_operation", {"operation_id": operation_id})
    if claimed.is_new:
        _link_now(tx, ids, queries, returning, operation_id)
    return tx.call("get_profile", {"phone_number": ids.user_id})


def _link_now(
    tx: TransactionSession,
    ids: GivenIds,
    queries: list[Query] | None,
    returning: list[Query],
    operation_id: str,
) -> None:
    known = lock_ids(tx, ids.every)
    owners = sorted({row.phone_number for row in known.values()})
    scoped: list[Any] = tx.call("list_scoped_ids", {"phone_numbers": owners}) if ids.scoped else []
    lost = former_owners(ids, known, scoped)
    left = {each: row for each, row in known.items() if row.phone_number not in lost}
    key = kept_guest(ids, left)
    if key is None:
        key = _new_key(ids, left, is_stranger=bool(lost))
        tx.call("create_guest", {"phone_number": key})
    others = [each for each in guests_by_age(left) if each != key]
    if others and queries is None:
        raise DifferentGuests((key, *others))
    # Not the guests who have lost a phone.
    return_archived(tx, returning, archived_keys(left))
    for number, other in enumerate(others, 1):
        write(tx, queries or [], keep=key, duplicate=other, operation_id=f"{operation_id} {number}")
    for owner, phones in lost.items():
        for phone in phones:
            tx.call("leave_phone", {"phone_number": owner, "phone": phone})
    leads = known if not others else _known_after_merge(tx, ids.every, {key, *owners})
    _lead_to(tx, ids.every, key, leads, portfolio=ids.portfolio)
    _write_profile(tx, ids, key, known)


def _known_after_merge(tx: TransactionSession, ids: list[str], locked: set[str]) -> dict[str, Any]:
    """Read ids again: once a guest is gone, an id that was kept for the next guest under its phone leads elsewhere.

    Raises:
        IdsMovedError: a message has created a guest under one of them meanwhile. Its id alone must not be moved.
    """
    known = tx.call("list_known_ids", {"ids": ids})
    if any(row.guest_since is not None and row.phone_number not in locked for row in known):
        raise IdsMovedError
    return {row.id: row for row in known}


def _new_key(ids: GivenIds, left: dict[str, Any], *, is_stranger: bool) -> str:
    """The key of a new guest. A stranger's is the business-scoped id: the phone may be the key of the former owner."""
    return key_of(ids.strangers_key if is_stranger else ids.phone or ids.user_id, left)


def _lead_to(tx: TransactionSession, ids: list[str], key: str, known: dict[str, Any], *, portfolio: str = "") -> None:
    """Let ids lead to a guest: those that lead elsewhere, and the unknown ones."""
    for former in sorted({known[each].phone_number for each in ids if each in known} - {key}):
        tx.call("move_ids", {"ids": ids, "former": former, "phone_number": key})
    unknown = [each for each in ids if each not in known]
    if unknown:
        tx.call("register_ids", {"ids": unknown, "phone_number": key})
    check_ids(tx, ids, key)
    if portfolio:
        tx.call("set_portfolio", {"ids": ids, "portfolio": portfolio})


def _write_profile(tx: TransactionSession, ids: GivenIds, key: str, known: dict[str, Any]) -> None:
    """Store the current phone and the chat. A phone that was the guest's already may be a late delivery's."""
    phone = ids.shown_phone
    if phone is not None:
        was_known = is_guest(phone, known) and key_of(phone, known) == key
        tx.call("set_current_phone", {"phone_number": key, "phone": phone, "only_if_none": was_known})
    if ids.chat_id is not None:
        tx.call("set_chat", {"phone_number": key, "chat_id": ids.chat_id})


def _change(tx: TransactionSession, *, user: str, phone: str, returning: list[Query], operation_id: str) -> Any:  # noqa: ANN401  a row of get_profile
    claimed = tx.call("claim_operation", {"operation_id": operation_id})
    if claimed.is_new:
        _change_now(tx, user, phone, returning)
    return tx.call("get_profile", {"phone_number": user})


def _change_now(tx: TransactionSession, user: str, phone: str, returning: list[Query]) -> None:
    ids = sorted({user, phone})
    known = lock_ids(tx, ids)
    key = key_of(user, known)
    return_archived(tx, returning, [each for each in archived_keys(known) if each == key])
    if not is_guest(user, known):
        tx.call("create_guest", {"phone_number": key})
    if is_guest(phone, known) and known[phone].phone_number != key:
        tx.call("leave_phone", {"phone_number": known[phone].phone_number, "phone": phone})
    _lead_to(tx, ids, key, known)
    tx.call("set_current_phone", {"phone_number": key, "phone": phone})
