"""What the threads of a writer do: one class each, whose `step` is called until the writer is stopped."""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from guestsql.errors import DatabaseError
from tests.acknowledged.counters import Counters
from tests.acknowledged.journal import Journal

_GUESTS = 6
_RECENT: deque[tuple[str, str, int]] = deque(maxlen=20)


@dataclass
class Bench:
    """What a work has.

    Attributes:
        face: the database.
        journal: where each call is noted.
        counters: names that were acknowledged, of all writers.
        chance: its own.
        label: no other thread of any writer of the round has it.
        slot: its place in `counters`.
    """

    face: Any
    journal: Journal
    counters: Counters
    chance: random.Random
    label: str
    slot: int
    number: int = field(default=0)

    def next_id(self) -> str:
        """An id that no other call has."""
        self.number += 1
        return f"{self.label}-{self.number}"

    def shared(self, kind: int) -> str:
        """One of the guests whom all writers change; each kind of work has others."""
        return f"573000{kind}{self.chance.randrange(_GUESTS):05}"


class Work:
    """Something that is done again and again."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.face, self.journal, self.chance = bench.face, bench.journal, bench.chance

    def step(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        """Note what holds once the database is closed cleanly."""


class Tokens(Work):
    """Tokens of a guest's thread, of one that the guest had before, and of unknown ones."""

    def step(self) -> None:
        guest, tokens = self.bench.shared(9), self.chance.randint(1, 9)
        thread = f"{guest}-main" if self.chance.random() < 0.6 else f"t-{self.bench.next_id()}"
        with self.journal.call(("tokens", thread, tokens)):
            self.face.add_thread_tokens(guest, thread, tokens)


class Interactions(Work):
    """Buffered interactions: a flush that returns has written everything recorded before it."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._recorded: list[str] = []

    def step(self) -> None:
        own = f"5730018{self.bench.slot:04}{len(self._recorded)}"
        guest = self.bench.shared(8) if self.chance.random() < 0.7 else own
        self.journal.note("sent", "interactions", guest, 1)
        self.face.record_interaction(guest)
        self._recorded.append(guest)
        if len(self._recorded) >= 5:
            try:
                self.face.flush()
            except DatabaseError:
                return  # they stay buffered
            self.end()

    def end(self) -> None:
        for guest in self._recorded:
            self.journal.note("done", "interactions", guest, 1)
        self._recorded.clear()


class Messages(Work):
    """Messages with tokens and a reply; some are delivered again, to another thread too."""

    def step(self) -> None:
        if _RECENT and self.chance.random() < 0.3:
            message_id, guest, tokens = self.chance.choice(_RECENT)
        else:
            message_id, guest, tokens = f"m-{self.bench.next_id()}", self.bench.shared(7), self.chance.randint(1, 9)
            _RECENT.append((message_id, guest, tokens))
        thread = f"t-{message_id}"

        def act(message: Any) -> None:
            time.sleep(self.chance.choice([0.0, 0.0, 0.002, 0.01]))
            message.tokens(thread, tokens)
            message.reply({"uid": message_id})

        effects = [("message", message_id, 1), ("spent", thread, tokens), ("reply", message_id, 1)]
        with self.journal.call(*effects, is_together=True) as call:
            state = self.face.process(message_id, guest, act)
            call.end = {"new": "done"}.get(state, "failed")
        if call.is_done and state == "done":
            for effect in effects:
                self.journal.note("known", *effect)


class Replies(Work):
    """Replies that answer no message."""

    def step(self) -> None:
        uid = f"r-{self.bench.next_id()}"
        with self.journal.call(("reply", uid, 1)):
            self.face.queue_reply(self.bench.shared(6), {"uid": uid})


class Sender(Work):
    """Claims replies and marks them; some leases end before that."""

    def step(self) -> None:
        try:
            replies = self.face.claim_replies(4, lease_seconds=self.chance.choice([0.2, 5.0]))
        except DatabaseError:
            return
        for reply in replies:
            uid = reply.payload["uid"]
            self.journal.note("taken", "reply", reply.reply_id, uid, int(reply.is_maybe_sent))
            with self.journal.call(("mark", str(reply.reply_id), 1), is_certain=False):
                self.face.reply_sent(reply, f"out-{reply.reply_id}")


class Profiles(Work):
    """A number in a guest's profile data that only this thread changes, beside those of others."""

    def step(self) -> None:
        self.bench.next_id()
        guest = self.bench.shared(5)
        with self.journal.call(("profile", f"{guest}/{self.bench.label}", self.bench.number), is_certain=False):
            self.face.update_profile(guest, profile_data={self.bench.label: self.bench.number})


class Contexts(Work):
    """Names that only this thread changes, and contexts of all guests: none is older than the acknowledged name."""

    def step(self) -> None:
        if self.bench.number == 0 or self.chance.random() < 0.3:
            self._rename()
        else:
            self._read()

    def _rename(self) -> None:
        self.bench.number += 1
        number, guest = self.bench.number, self.bench.counters.guest(self.bench.slot)
        with self.journal.call(("name", guest, number), is_certain=False) as call:
            self.face.update_profile(guest, user_name=f"n{number}")
        if call.is_done:
            self.bench.counters.set(self.bench.slot, number)

    def _read(self) -> None:
        known = self.bench.counters.read()
        chosen = self.chance.sample(sorted(known), min(len(known), self.chance.choice([1, 1, 3])))
        ttl_seconds = self.chance.choice([0.0, 0.05, 300.0, 300.0])
        try:
            if len(chosen) == 1:
                is_lax = self.chance.random() < 0.5
                known_as = {"ttl_seconds": ttl_seconds, "stale_if_error": is_lax}
                texts = {each: self.face.get_context(each, **known_as) for each in chosen}
            else:
                texts = self.face.get_contexts(chosen, ttl_seconds=ttl_seconds)
        except DatabaseError:
            return
        for guest, text in texts.items():
            if int(text[2:-1]) < known[guest]:
                self.journal.note("stale", guest, f"read {text}, acknowledged n{known[guest]}")
            self.journal.note("read", "context", guest)


class Histories(Work):
    """Notes and booking events, which are only ever added."""

    def step(self) -> None:
        uid, guest = f"h-{self.bench.next_id()}", self.bench.shared(4)
        if self.chance.random() < 0.5:
            with self.journal.call(("note", uid, 1)):
                self.face.add_note(guest, uid)
        else:
            with self.journal.call(("booking", uid, 1)):
                self.face.set_booking_status(guest, self.chance.choice(["interested", "booked", "lost"]), note=uid)


class Threads(Work):
    """Threads that are set, and threads that all writers create for the same new guests."""

    def step(self) -> None:
        thread = f"t-{self.bench.next_id()}"
        if self.chance.random() < 0.5:
            with self.journal.call(("thread", thread, 1), is_certain=False):
                self.face.set_thread(self.bench.shared(3), thread)
            return
        guest = f"5730020{self.bench.number:05}"

        def make() -> str:
            time.sleep(self.chance.choice([0.0, 0.01, 0.05]))
            return thread

        try:
            found = self.face.create_thread(guest, make)
        except DatabaseError:
            return
        self.journal.note("taken", "thread", guest, found.thread_id)
        self.journal.note("done", "thread", found.thread_id, 1)


class Transactions(Work):
    """Two guests in one transaction, in any order: they deadlock by themselves."""

    def step(self) -> None:
        uid, tokens = self.bench.next_id(), self.chance.randint(1, 9)
        effects = [("tokens", f"t-{uid}", tokens), ("note", f"x-{uid}", 1)]
        calls = [
            ("add_thread_tokens", self.bench.shared(2), f"t-{uid}", tokens),
            ("add_note", self.bench.shared(2), f"x-{uid}"),
        ]
        with self.journal.call(*effects, is_together=True):
            self.face.transact(*self.chance.sample(calls, 2))


class People(Work):
    """Merges and erasures of new guests, and archiving of any that are there."""

    def step(self) -> None:
        uid = self.bench.next_id()
        first, second = (f"57300{kind}{self.bench.slot:03}{self.bench.number:04}" for kind in "34")
        if self.chance.random() < 0.3:
            self._attempt("archive_guests", silent_days=0, max_guests=3)
        if self.chance.random() < 0.5:
            with self.journal.call(("tokens", f"t-{uid}", 5)):
                self.face.add_thread_tokens(second, f"t-{uid}", 5)
            with self.journal.call(("merged", second, 1), is_certain=False):
                self.face.merge_guests(first, second)
        else:
            self._attempt("update_profile", second, user_name="Ana")
            with self.journal.call(("forgotten", second, 1), is_certain=False):
                self.face.forget_guest(second)

    def _attempt(self, name: str, *given: object, **known: object) -> None:
        try:
            getattr(self.face, name)(*given, **known)
        except DatabaseError:
            return


class Actions(Work):
    """Claims of a campaign's actions, and their results."""

    def step(self) -> None:
        try:
            actions = self.face.claim_actions(max_actions=self.chance.choice([1, 3]))
        except DatabaseError:
            return
        for action in actions:
            self.journal.note("taken", "action", action.action_id)
            with self.journal.call(("result", f"{action.action_id}/sent", 1), is_certain=False):
                self.face.record_result(action, "sent")


WORKS: dict[str, type[Work]] = {
    "tokens": Tokens,
    "interactions": Interactions,
    "messages": Messages,
    "replies": Replies,
    "sender": Sender,
    "profiles": Profiles,
    "contexts": Contexts,
    "histories": Histories,
    "threads": Threads,
    "transactions": Transactions,
    "people": People,
    "actions": Actions,
}
