"""Guests of the old bot's files, and what a bot does with them, at random: many at once, each a case of its own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from guestsql import CLEAR, GuestDatabase

Fields = dict[str, Any]
Pairs = list[list[Any]]

THREADS, PROFILES, GUESTS = "threads.json", "guest_profiles.json", "data/guests.json"
BACKUPS = tuple(f"backups/threads-2025-0{month}-01T00-00-00-000Z.json" for month in (1, 2, 7))

_NAMES = ["Ana", "Ana María", "Usuario", "usuario", "", "  Eva ", "Ñandú", "Bea 7", None, 7, "Zoë 🌴", 'a"b\\c']
_LABELS = ["VIP", "cotización", "Colega Jefe", "nuevo", "ñ", "A", "B"]
_SPELLINGS = ("{}", "{}", "{}", "+{}", "{}@s.whatsapp.net", "{}@c.us")
_START = datetime(2025, 1, 1, tzinfo=UTC)
# Close to each other, in different forms: a tie, or a fraction of a second between them, is what matters.
_TIMES = [
    "2025-01-01",
    "2025-01-01T00:00:00.000Z",
    1735689600123,
    1735689600,
    "1735689600.5",
    "2025-01-01T00:00:00.123456Z",
    "2025-01-01T01:02:03-05:00",
    "2025-01-03",
    "2099-01-01T00:00:00.000Z",
    4070908800,
    "Invalid Date",
    None,
]


def phone_of(number: int) -> str:
    return f"57300{number:07}"


def make_guests(random: Random, folder: Path, numbers: range) -> None:
    """Write the files of some guests: none to three records of each in each file."""
    files: defaultdict[str, Pairs] = defaultdict(list)
    for number in numbers:
        phone = phone_of(number)
        for file, most in ((THREADS, 3), (PROFILES, 2), (GUESTS, 1), *((backup, 1) for backup in BACKUPS)):
            for _ in range(max(0, random.randint(-1, most))):
                key = random.choice(_SPELLINGS).format(phone)
                files[file].append([key, _record(random, phone, is_profile=file in (PROFILES, GUESTS))])
    for file, pairs in files.items():
        random.shuffle(pairs)
        path = folder / file
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(json.dumps(pairs), encoding="utf-8")


def _record(random: Random, phone: str, *, is_profile: bool) -> Fields:
    members: dict[str, Callable[[], Any]] = {
        "threadId": lambda: random.choice(["thread_1", "thread_2", "", None]),
        "chatId": lambda: random.choice([f"{phone}@s.whatsapp.net", "120363000000000001@g.us", "a b", None]),
        "userName": lambda: random.choice([*_NAMES, phone, f"+{phone}"]),
        "name": lambda: random.choice([*_NAMES, phone]),
        "labels": lambda: _labels(random),
        "whapiLabels": lambda: _labels(random),
        "label": lambda: random.choice([*_LABELS, None, 1]),
        "messageCount": lambda: random.choice([0, 1, 7, -1, "7", 2.0]),
        "phone": lambda: phone,
        "previousThreads": lambda: ["thread_0"],
        "lastPattern": lambda: random.choice(["saludo", {"deep": [1, None]}]),
    }
    usual = ("name", "label", "whapiLabels", "phone") if is_profile else ("threadId", "chatId", "userName", "labels")
    fields = {name: make() for name, make in members.items() if random.random() < (0.7 if name in usual else 0.1)}
    own = ("firstInteraction", "lastInteraction") if is_profile else ("createdAt", "lastActivity")
    for name in ("createdAt", "firstInteraction", "lastActivity", "lastInteraction"):
        if random.random() < (0.8 if name in own else 0.15):
            fields[name] = _time(random)
    return fields


def _time(random: Random) -> object:
    if random.random() < 0.4:
        return random.choice(_TIMES)
    moment = _START + timedelta(milliseconds=random.randrange(300 * 86_400_000))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _labels(random: Random) -> object:
    names = random.sample(_LABELS, random.randint(0, 3))
    shape = random.randint(0, 9)
    if shape == 0:
        return random.choice([None, "VIP", [None], [1, {"id": "7"}], ["VIP", 3, "VIP"]])
    return [{"id": str(len(name)), "name": name} for name in names] if shape < 5 else names


def be_the_bot(random: Random, db: GuestDatabase, numbers: range) -> None:
    """Do what a bot does, with two thirds of the guests, and with some who are in no file."""
    known = [number for number in numbers if random.random() < 0.66]
    new = [numbers.stop + index for index in range(len(numbers) // 20)]
    for number in [*known, *new]:
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            _act(random, db, phone_of(number), phone_of(random.choice(numbers)))
    db.flush()


def _act(random: Random, db: GuestDatabase, phone: str, other: str) -> None:
    def some_labels() -> list[str]:
        return random.sample([*_LABELS, "nueva"], random.randint(0, 3))

    actions: list[Callable[[], object]] = [
        lambda: db.record_interaction(phone),
        lambda: db.record_interaction(phone, at=_START + timedelta(microseconds=random.randrange(10**14))),
        lambda: db.update_profile(phone, user_name=random.choice(["Otra", "Ana", " Ñ ", CLEAR])),
        lambda: db.update_profile(phone, contact_name=random.choice(["Contacto", "Ana", CLEAR])),
        lambda: db.update_profile(phone, chat_id=random.choice([CLEAR, f"{phone}@c.us", "120363000000000002@g.us"])),
        lambda: db.update_profile(phone, labels=some_labels()),
        lambda: db.update_profile(phone, profile_data={"k": 1}, memory_enabled=False),
        lambda: db.add_labels(phone, some_labels()),
        lambda: db.remove_labels(phone, some_labels()),
        lambda: db.set_thread(phone, random.choice(["thread_1", "thread_new"])),
        lambda: db.clear_thread(phone),
        lambda: db.add_thread_tokens(phone, random.choice(["thread_1", "thread_new"]), 7),
        lambda: db.get_context(phone),
        lambda: db.merge_guests(phone, other) if phone != other else None,
        lambda: db.forget_guest(phone) if random.random() < 0.3 else None,
    ]
    random.choice(actions)()
