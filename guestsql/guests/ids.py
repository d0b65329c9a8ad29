"""The ids that one call of `link_ids` names, and what is known about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from guestsql.errors import InvalidUserId
from guestsql.guests.identity import clean_chat_id
from guestsql.guests.values import clean_text

__all__ = [
    "GivenIds",
    "KnownId",
    "ScopedId",
    "archived_keys",
    "former_owners",
    "given_ids",
    "guests_by_age",
    "id_kind",
    "is_guest",
    "kept_guest",
    "key_of",
    "phone_id",
]

_SCOPED = ("bsuid", "parent_bsuid")
_EXAMPLES = {
    "phone": "573000000001",
    "lid": "81234567890123@lid",
    "bsuid": "CO.1a2B3c",
    "parent_bsuid": "CO.ENT.1a2B3c",
}


class ScopedId(Protocol):
    """A row of `list_scoped_ids`."""

    id: str
    phone_number: str
    kind: str
    portfolio: str


class KnownId(ScopedId, Protocol):
    """A row of `list_known_ids`."""

    guest_since: datetime | None
    archived_at: datetime | None


@dataclass(frozen=True, slots=True)
class GivenIds:
    """What one call says: all of these are one guest's.

    Attributes:
        user_id: the id that names the guest.
        phone: the phone given as such, or None.
        every: all ids, sorted; also those in `user_id` and `chat_id`.
        chat_id: for the profile, or None.
        portfolio: of the business-scoped ids; "" for none.
    """

    user_id: str
    phone: str | None
    every: list[str]
    chat_id: str | None
    portfolio: str
    phones: list[str] = field(init=False)
    scoped: list[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "phones", [each for each in self.every if id_kind(each) == "phone"])
        object.__setattr__(self, "scoped", [each for each in self.every if id_kind(each) in _SCOPED])

    @property
    def shown_phone(self) -> str | None:
        """The phone under which the guest can be reached: the one given as such, else any."""
        return self.phone or (self.user_id if self.user_id in self.phones else next(iter(self.phones), None))

    @property
    def strangers_key(self) -> str:
        """The business-scoped id as the key of a new guest; a parent only if there is no other."""
        return min(self.scoped, key=lambda each: (id_kind(each) != "bsuid", each))


def id_kind(user_id: str) -> str:
    """Return the kind of a canonical id, as the column `guest_ids.kind` has it."""
    if user_id.endswith("@lid"):
        return "lid"
    if "#" in user_id:
        return "former_phone"
    if user_id[0].isdigit():
        return "phone"
    return "parent_bsuid" if ".ENT." in user_id else "bsuid"


def phone_id(read: Callable[[str], str], phone: str, what: str) -> str:
    """Return a phone as an id.

    Args:
        read: returns the canonical id of a spelling.
        phone: the phone in any spelling.
        what: the parameter, for the error.

    Raises:
        InvalidUserId: it is not a phone.
    """
    return _of_kind(read, phone, "phone", what)


def given_ids(
    read: Callable[[str], str],
    user_id: str,
    *,
    phone: str | None,
    lid: str | None,
    bsuid: str | None,
    parent_bsuid: str | None,
    chat_id: str | None,
    portfolio: str,
) -> GivenIds:
    """Return the ids of one call.

    Args:
        read: returns the canonical id of a spelling.
        user_id: any id.
        phone: a phone, or None for not given.
        lid: an id on the server @lid, likewise.
        bsuid: a business-scoped id, likewise.
        parent_bsuid: a parent id, likewise.
        chat_id: a chat, likewise; a person's is one of the ids.
        portfolio: of the business-scoped ids; "" for none.

    Raises:
        InvalidUserId: one cannot be a guest's, or is of another kind.
        InvalidValue: the chat id or the portfolio cannot be stored.
    """
    named = {"phone": phone, "lid": lid, "bsuid": bsuid, "parent_bsuid": parent_bsuid}
    user = read(user_id)
    found = {kind: _of_kind(read, each, kind, kind) for kind, each in named.items() if each is not None}
    chat = None if chat_id is None else clean_chat_id(chat_id)
    return GivenIds(
        user_id=user,
        phone=found.get("phone"),
        every=sorted({user, *found.values(), *_person_in(read, chat)}),
        chat_id=chat,
        portfolio=clean_text(portfolio, "portfolio"),
    )


def _of_kind(read: Callable[[str], str], given: str, kind: str, what: str) -> str:
    found = read(given)
    if id_kind(found) != kind:
        raise InvalidUserId(f"{what} is an id of another kind", hint=f"pass one such as {_EXAMPLES[kind]}")
    return found


def _person_in(read: Callable[[str], str], chat_id: str | None) -> list[str]:
    """The person's id in the id of a chat with one person; a group has none."""
    if chat_id is None:
        return []
    try:
        return [read(chat_id)]
    except InvalidUserId:
        return []


def archived_keys(known: Mapping[str, KnownId]) -> list[str]:
    """Return the keys of the guests who are archived, sorted.

    Args:
        known: what is known about some ids, by id.
    """
    return sorted({row.phone_number for row in known.values() if row.archived_at is not None})


def former_owners(given: GivenIds, known: Mapping[str, KnownId], scoped: Iterable[ScopedId]) -> dict[str, list[str]]:
    """Return the guests who had a phone that is another person's now, each with the phones.

    A guest has lost a phone if it comes with a business-scoped id and no id of the guest but phones, although the guest
    has a business-scoped id of the same kind and portfolio. Then the number was given to another person.

    Args:
        given: the ids of one call.
        known: what is known about them, by id.
        scoped: the business-scoped ids of all guests to whom they lead.
    """
    arriving = {(id_kind(each), known[each].portfolio if each in known else given.portfolio) for each in given.scoped}
    owned: dict[str, list[ScopedId]] = {}
    for each in scoped:
        owned.setdefault(each.phone_number, []).append(each)
    confirmed = {key_of(each, known) for each in given.every if each not in given.phones}
    lost: dict[str, list[str]] = {}
    for phone in given.phones:
        owner = key_of(phone, known)
        if owner not in confirmed and any((each.kind, each.portfolio) in arriving for each in owned.get(owner, [])):
            lost.setdefault(owner, []).append(phone)
    return lost


def key_of(user_id: str, known: Mapping[str, KnownId]) -> str:
    """Return the key to which an id leads; for an unknown id itself, as the key that a new guest gets."""
    return known[user_id].phone_number if user_id in known else user_id


def is_guest(user_id: str, known: Mapping[str, KnownId]) -> bool:
    """Return whether an id leads to a guest; a known one may lead to a key that no guest has yet."""
    return user_id in known and known[user_id].guest_since is not None


def guests_by_age(known: Mapping[str, KnownId]) -> list[str]:
    """Return the keys of the guests to whom ids lead, the oldest guest first."""
    aged = {(row.guest_since, row.phone_number) for row in known.values() if row.guest_since is not None}
    return [key for _, key in sorted(aged)]


def kept_guest(given: GivenIds, known: Mapping[str, KnownId]) -> str | None:
    """Return the key of the guest who stays: the one whom `user_id` names, else the oldest; None if none is known."""
    if is_guest(given.user_id, known):
        return key_of(given.user_id, known)
    return next(iter(guests_by_age(known)), None)
