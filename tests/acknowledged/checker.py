"""Compares what was acknowledged with what is stored.

Works are of three kinds. SUMS: every acknowledged amount counts, so the stored one lies between what was acknowledged
and what was sent and not refused. ONCE: a key is stored once or not at all, however many calls asked for it. LAST: the
last acknowledged value is stored, or one that was sent behind it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.acknowledged.journal import Notes

Connection = psycopg.Connection[Any]
Stored = dict[tuple[str, str], int]

SUMS = {"tokens", "interactions"}
LAST = {"profile", "name"}

_STORED = {
    "tokens": "SELECT thread_id, thread_tokens FROM known_guests WHERE thread_id IS NOT NULL"
    " UNION ALL SELECT thread_id, tokens FROM guest_threads",
    "thread": "SELECT thread_id, 1 FROM known_guests WHERE thread_id IS NOT NULL"
    " UNION ALL SELECT thread_id, 1 FROM guest_threads",
    "interactions": "SELECT phone_number, total_interactions FROM known_guests",
    "message": "SELECT message_id, count(*) FROM messages WHERE direction = 'in' GROUP BY 1",
    "note": "SELECT note, count(*) FROM guest_notes GROUP BY 1",
    "booking": "SELECT note, count(*) FROM booking_events WHERE note IS NOT NULL GROUP BY 1",
    "profile": "SELECT phone_number || '/' || key, value::bigint FROM known_guests, jsonb_each_text(profile_data)"
    " WHERE value ~ '^[0-9]+$'",
    "name": "SELECT phone_number, substr(user_name, 2)::bigint FROM known_guests WHERE user_name ~ '^n[0-9]+$'",
    "mark": "SELECT reply_id::text, 1 FROM outbox WHERE state = 'sent'",
    "result": "SELECT action_id || '/' || result, count(*) FROM action_results GROUP BY 1",
    "merged": "SELECT id, 1 FROM guest_ids WHERE id <> phone_number",
}
_REPLIES = "SELECT reply_id::text, payload ->> 'uid' FROM outbox"
_GUESTS = "SELECT phone_number FROM known_guests"
_CREATED = "SELECT phone_number, thread_id FROM known_guests"
_UNCLAIMED = "SELECT action_id::text FROM campaign_actions WHERE claimed_at IS NULL"
_DISAGREEING = {
    "messages and interactions": "SELECT phone_number, total_interactions, coalesce(found, 0) FROM known_guests"
    " LEFT JOIN (SELECT phone_number, count(*) AS found FROM messages WHERE direction = 'in' GROUP BY 1) AS each"
    " USING (phone_number) WHERE phone_number LIKE '5730007%' AND total_interactions <> coalesce(found, 0)",
    "interactions and hours": "SELECT phone_number, total_interactions, coalesce(found, 0) FROM known_guests"
    " LEFT JOIN (SELECT phone_number, sum(messages) AS found FROM interaction_hours GROUP BY 1) AS each"
    " USING (phone_number) WHERE total_interactions <> coalesce(found, 0)",
}


@dataclass
class Verdict:
    """What a round found.

    Attributes:
        acknowledged: effects that were acknowledged.
        reads: contexts that were read and compared.
        lost, doubled, torn, stale, foreign: what must not happen, described.
    """

    acknowledged: int = 0
    reads: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """True if nothing is wrong."""
        return not (self.lost or self.doubled or self.torn or self.stale or self.foreign)


def check(notes: Notes, connection: Connection) -> Verdict:
    """Compare the journals with the database."""
    verdict = Verdict(notes.acknowledged, notes.reads, stale=list(notes.stale), foreign=list(notes.foreign))
    stored = _read_stored(notes, connection)
    for place in notes.sums["sent"]:
        _check_effect(place, notes, stored.get(place, 0), verdict)
    for place, amount in notes.sums["known"].items():
        if stored.get(place, 0) < amount / notes.times["known"][place]:
            verdict.lost.append(f"{place}: known as stored, and is not")
    _check_together(notes, stored, verdict)
    _check_taken(notes, connection, verdict)
    _check_created(notes, connection, verdict)
    for name, query in _DISAGREEING.items():
        verdict.torn += [f"{name}: {row}" for row in connection.execute(query.encode()).fetchall()]
    return verdict


def _read_stored(notes: Notes, connection: Connection) -> Stored:
    stored: Counter[tuple[str, str]] = Counter()
    for work, query in _STORED.items():
        for key, amount in connection.execute(query.encode()):
            stored[work, key] += amount
    spent = {key: amount for (work, key), amount in stored.items() if work == "tokens"}
    stored.update({("spent", key): amount for key, amount in spent.items()})
    guests = {guest for (guest,) in connection.execute(_GUESTS)}
    for work, key in notes.sums["sent"]:
        if work == "forgotten":
            stored[work, key] = int(key not in guests)
    texts = {reply_id: uid for reply_id, uid, _ in notes.taken["reply"]}
    for reply_id, uid in connection.execute(_REPLIES):
        stored["reply", uid or texts.get(reply_id, "")] += 1
    return stored


def _check_effect(place: tuple[str, str], notes: Notes, found: int, verdict: Verdict) -> None:
    work, _ = place
    if work in LAST:
        wanted = {notes.last.get(place, 0), *notes.behind[place]} - notes.refused[place]
        if found not in wanted:
            verdict.lost.append(f"{place}: stored {found}, acknowledged {notes.last.get(place, 0)}")
        return
    if work in SUMS:
        least, most = notes.sums["done"][place], notes.sums["sent"][place] - notes.sums["failed"][place]
    else:
        least = notes.largest[place] if notes.times["done"][place] else 0
        most = notes.largest[place] if notes.times["sent"][place] > notes.times["failed"][place] else 0
        if work in {"message", "note", "booking"} and notes.times["done"][place] > 1:
            verdict.doubled.append(f"{place}: acknowledged {notes.times['done'][place]} times")
    if found < least:
        verdict.lost.append(f"{place}: stored {found}, acknowledged {least}")
    if found > most:
        verdict.doubled.append(f"{place}: stored {found}, at most {most} was sent and not refused")


def _check_together(notes: Notes, stored: Stored, verdict: Verdict) -> None:
    for effects in notes.together:
        found = {effect: stored.get(tuple(effect.split(":", 1)), 0) > 0 for effect in effects}  # type: ignore[call-overload]
        if len(set(found.values())) > 1:
            verdict.torn.append(f"stored in part: {found}")


def _check_taken(notes: Notes, connection: Connection, verdict: Verdict) -> None:
    """An action is handed out once; a reply again only with the mark that it may have been sent."""
    actions = Counter(action for (action,) in notes.taken["action"])
    verdict.doubled += [
        f"action {action} was handed out {times} times" for action, times in actions.items() if times > 1
    ]
    unclaimed = {action for (action,) in connection.execute(_UNCLAIMED)}
    verdict.lost += [f"the claim of action {action}" for action in actions.keys() & unclaimed]
    unflagged = Counter(reply for reply, _, is_maybe_sent in notes.taken["reply"] if is_maybe_sent == "0")
    verdict.doubled += [
        f"reply {reply} was handed out {times} times" for reply, times in unflagged.items() if times > 1
    ]


def _check_created(notes: Notes, connection: Connection, verdict: Verdict) -> None:
    """All callers of create_thread for a guest got the thread that is stored."""
    threads: dict[str, set[str]] = defaultdict(set)
    for guest, thread in notes.taken["thread"]:
        threads[guest].add(thread)
    stored = dict(connection.execute(_CREATED).fetchall())
    for guest, found in threads.items():
        if found != {stored.get(guest)}:
            verdict.lost.append(f"threads of {guest}: acknowledged {found}, stored {stored.get(guest)}")
