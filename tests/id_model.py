"""What link_ids, change_phone, merge_guests, forget_guest and messages do to ids, as a model without a database.

Guests are sets of ids that are united, as in union-find; besides, a guest has a count and a current phone.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

SPELLINGS = {"5215512345678": "525512345678", "525512345678": "5215512345678"}


def spellings(each: str) -> list[str]:
    return [each, SPELLINGS[each]] if each in SPELLINGS else [each]


def is_phone(each: str) -> bool:
    return each.isdigit()


def is_scoped(each: str) -> bool:
    return each[0].isupper()


@dataclass(eq=False)
class Guest:
    """A guest; `since` orders them by age."""

    since: int
    messages: int = 0
    phone: str | None = None


class Model:
    """Ids and their guests.

    Attributes:
        owner: the guest of each known id.
        buffered: messages that are not written, by id.
        former: ids that stay with a guest whose phone is another's now; the calls do not use them.
    """

    def __init__(self) -> None:
        self.owner: dict[str, Guest] = {}
        self.buffered: dict[str, int] = {}
        self.former: set[str] = set()
        self._clock = 0

    def copy(self) -> Model:
        return copy.deepcopy(self)

    def guests(self) -> list[Guest]:
        return list({id(each): each for each in self.owner.values()}.values())

    def ids_of(self, guest: Guest) -> list[str]:
        return sorted(each for each, owner in self.owner.items() if owner is guest and each not in self.former)

    def picture(self) -> list[tuple[list[str], int, str]]:
        """Each guest's ids, messages and current phone in its first spelling, as the test reads the database."""
        return sorted(
            (self.ids_of(guest), guest.messages, min(spellings(guest.phone or ""))) for guest in self.guests()
        )

    def guest(self, each: str) -> Guest:
        """The guest of an id, created if unknown."""
        if each not in self.owner:
            self._clock += 1
            self._give([each], Guest(self._clock, phone=each if is_phone(each) else None))
        return self.owner[each]

    def record(self, each: str) -> None:
        self.guest(each).messages += 1

    def buffer(self, each: str) -> None:
        self.buffered[each] = self.buffered.get(each, 0) + 1

    def flush(self) -> None:
        for each, count in sorted(self.buffered.items()):
            self.guest(each).messages += count
        self.buffered = {}

    def merge(self, keep: str, duplicate: str) -> None:
        kept = self.guest(keep)
        if duplicate in self.owner:
            self._unite(kept, self.owner[duplicate])
        else:
            self._give([duplicate], kept)

    def forget(self, each: str, *, drops: bool) -> None:
        gone = self.owner.get(each)
        ids = set(spellings(each)) if gone is None else {known for known, guest in self.owner.items() if guest is gone}
        for known in ids:
            self.owner.pop(known, None)
            if drops:
                self.buffered.pop(known, None)

    def change_phone(self, each: str, phone: str) -> None:
        guest = self.guest(each)
        owner = self.owner.get(phone)
        if owner is not None and owner is not guest:
            self._lose(owner, phone)
        self._give([phone], guest)
        guest.phone = phone

    def link(self, user_id: str, *, phone: str | None = None, lid: str | None = None, bsuid: str | None = None) -> None:
        given = sorted({each for each in (user_id, phone, lid, bsuid) if each is not None})
        scoped = [each for each in given if is_scoped(each)]
        lost = {id(self.owner[each]): each for each in given if is_phone(each) and self._is_lost(each, given)}
        guests = {each: self.owner[each] for each in given if each in self.owner and id(self.owner[each]) not in lost}
        if guests:
            kept = guests.get(user_id) or min(guests.values(), key=lambda each: each.since)
        else:
            self._clock += 1
            key = scoped[0] if lost else phone or user_id
            kept = Guest(self._clock, phone=key if is_phone(key) else None)
        shown = phone or (user_id if is_phone(user_id) else None)
        had_phone = shown is not None and self.owner.get(shown) is kept
        for other in sorted({id(each): each for each in guests.values()}.values(), key=lambda each: each.since):
            self._unite(kept, other)
        for each in given:
            owner = self.owner.get(each)
            if owner is not None and id(owner) in lost and is_phone(each):
                self._lose(owner, each)
        for each in given:
            if self.owner.get(each) is not kept:
                self._move(each, kept)
        if shown is not None and (not had_phone or kept.phone is None):
            kept.phone = shown

    def _is_lost(self, phone: str, given: list[str]) -> bool:
        owner = self.owner.get(phone)
        if owner is None or not any(map(is_scoped, given)):
            return False
        has_scoped = any(guest is owner and is_scoped(each) for each, guest in self.owner.items())
        return has_scoped and not any(self.owner.get(each) is owner and not is_phone(each) for each in given)

    def _lose(self, owner: Guest, phone: str) -> None:
        if owner.phone in spellings(phone):
            owner.phone = None
        for each in spellings(phone):
            if self.owner.get(each) is owner:
                del self.owner[each]
        self._clock += 1
        self.former.add(f"former {self._clock}")
        self.owner[f"former {self._clock}"] = owner

    def _move(self, each: str, to: Guest) -> None:
        former = self.owner.get(each)
        for known in spellings(each):
            if former is not None and self.owner.get(known) is former:
                self.owner[known] = to
        self._give([each], to)

    def _give(self, ids: list[str], to: Guest) -> None:
        for each in ids:
            for known in spellings(each):
                self.owner.setdefault(known, to)

    def _unite(self, kept: Guest, gone: Guest) -> None:
        if kept is gone:
            return
        kept.messages += gone.messages
        kept.since = min(kept.since, gone.since)
        kept.phone = kept.phone or gone.phone
        for each, guest in self.owner.items():
            if guest is gone:
                self.owner[each] = kept
