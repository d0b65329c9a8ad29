"""100,000 spellings of phone numbers: Python, SQL and the import agree, and all spellings of a number are one guest."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from functools import cache
from pathlib import Path

import phonenumbers
import pytest
from psycopg import Connection

from guestsql import Settings
from guestsql.guests.identity import canonical_user_id
from guestsql.guests.spellings import RULES, spellings
from guestsql.guests.values import is_placeholder
from guestsql.legacy import import_directory

SPELLINGS = 100_000
NUMBERS = 12_500
FORMS = [
    "{0}",
    "+{0}",
    "00{0}",
    "+{1} {2} {3} {4}",
    "+{1} {2} {3}-{4}",
    "(+{1}) {2}-{3}-{4}",
    "tel:+{1}-{2}-{3}-{4}",
    "whatsapp:+{0}",
    "WhatsApp:{0}@s.whatsapp.net",
    "{0}@c.us",
    "{0}@C.US",
    "{0}:7@s.whatsapp.net",
    "{0}.0:12@s.whatsapp.net",
    "{0}_1:3@hosted",
    "https://wa.me/{0}",
    "\u200e+{1}\u00a0{2}\u2011{3}\u2011{4} ",
]


@cache
def numbers() -> list[tuple[str, ...]]:
    """Numbers, each with its national spellings in a random order; half of them have two."""
    dice = random.Random(12)

    def digits(count: int, first: str = "0123456789") -> str:
        return dice.choice(first) + "".join(dice.choices("0123456789", k=count - 1))

    makers = [
        lambda: (f"52{(rest := digits(10, '23456789'))}", f"521{rest}"),
        lambda: (f"54{(rest := digits(10, '123'))}", f"549{rest}"),
        lambda: (
            f"55{(area := digits(2, '123456789').replace('0', '1'))}{(rest := digits(8, '689'))}",
            f"55{area}9{rest}",
        ),
        lambda: (f"55{digits(2, '123456789').replace('0', '1')}{digits(8, '23457')}",),
        lambda: (f"57{digits(10, '3')}",),
        lambda: (f"52{digits(9, '123456789')}",),
        lambda: (f"54{digits(10, '456789')}",),
        lambda: (digits(2, "346789").replace("0", "1") + digits(dice.randint(8, 11), "123456789"),),
    ]
    known: dict[str, None] = {}
    found = []
    while len(found) < NUMBERS:
        number = list(makers[len(found) % len(makers)]())
        dice.shuffle(number)
        if not any(each in known for spelling in number for each in spellings(spelling)):
            known.update(dict.fromkeys(number))
            found.append(tuple(number))
    return found


@cache
def spelled() -> list[tuple[int, str]]:
    """Each spelling with the place of its number."""
    dice = random.Random(13)
    found = []
    for place in range(SPELLINGS):
        number = dice.choice(numbers()[place % NUMBERS])
        form = dice.choice(FORMS)
        found.append((place % NUMBERS, form.format(number, number[:2], number[2:5], number[5:-4], number[-4:])))
    return found


@cache
def keys() -> dict[str, str]:
    """What Python makes of each spelling."""
    return {text: canonical_user_id(text) for _, text in spelled()}


def test_python_and_sql_agree(connection: Connection) -> None:
    texts = [text for _, text in spelled()]
    rows = connection.execute(
        """SELECT spelling, key, guestsql_spellings(key) FROM unnest(%s::text[]) AS spelling
        CROSS JOIN LATERAL (SELECT guestsql_user_id(spelling) AS key OFFSET 0) AS found""",
        [texts],
    ).fetchall()
    assert len(rows) == SPELLINGS
    assert [row for row in rows if (keys()[row[0]], list(spellings(row[1]))) != (row[1], row[2])] == []


def test_all_spellings_of_a_number_are_one_guest() -> None:
    written_as = defaultdict(set)
    for place, text in spelled():
        written_as[place].add(keys()[text])
    for number, written in zip(numbers(), written_as.values(), strict=True):
        assert written <= set(number) == set(spellings(number[0])) == set(spellings(number[-1]))
    assert sum(len(written) == 2 for written in written_as.values()) > NUMBERS / 4


def test_a_name_in_another_spelling_is_a_placeholder(connection: Connection) -> None:
    pairs = [(text, number[0]) for number, (_, text) in zip(numbers(), spelled()[:200], strict=False)]
    for name, key in [*pairs, ("+52 55 1234 5678", "5215512345678#2"), ("Ana 5215512345678", "525512345678")]:
        row = connection.execute("SELECT guestsql_is_placeholder(%s, %s)", [name, key]).fetchone()
        assert row == (is_placeholder(name, key),) == (not name.startswith("Ana"),)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.source.partition(":")[0])
def test_no_two_persons_have_the_two_spellings(rule: object) -> None:
    """By the numbering plans, at most one of the two is a number; of Argentina's they are one number of either kind."""
    pairs = [tuple(sorted(number, key=len)) for number in numbers() if len(number) == 2]
    pairs = [pair for pair in pairs if rule.shorter.fullmatch(pair[0])]  # type: ignore[attr-defined]
    assert len(pairs) > NUMBERS / 10
    both = []
    for pair in pairs:
        plans = [phonenumbers.parse(f"+{number}") for number in pair]
        if all(map(phonenumbers.is_valid_number, plans)):
            both.append([phonenumbers.national_significant_number(plan) for plan in plans])
    assert all(longer == f"9{shorter}" for shorter, longer in both)
    assert not both or rule is RULES[1]


def test_the_import_makes_one_guest_of_all_spellings(database_url: str, autocommit: Connection, tmp_path: Path) -> None:
    records = {text: {"threadId": f"thread_{place}"} for place, text in spelled()}
    (tmp_path / "threads.json").write_text(json.dumps(list(records.items())), encoding="utf-8")
    report = import_directory(tmp_path, settings=Settings(), url=database_url)
    assert (report.records, report.rejected, report.guests) == (len(records), 0, NUMBERS)
    stored = autocommit.execute("SELECT id, phone_number FROM guest_ids").fetchall()
    assert dict(stored).keys() == {each for number in numbers() for each in number}
    assert len({key for _, key in stored}) == NUMBERS
