"""The pages of the deploy order: each example is found, or passes, as its page says."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from guestsql.check import RULES
from guestsql.check.against import DeployVerdict, Order, Release, SqlFile
from tests.deploying import Hotel

DOCS = Path(__file__).parent.parent.parent / "docs"
_BLOCK = re.compile(r"```sql\n-- (?P<file>\S+)\n(?P<text>.*?)```", re.DOTALL)


def _files(text):
    return {found["file"]: found["text"] for found in _BLOCK.finditer(text)}


def _release(label, files):
    parts = {
        kind: tuple(
            SqlFile(Path(name).name, Path(f"{label}:{name}"), text.encode())
            for name, text in sorted(files.items())
            if name.startswith(f"{kind}/")
        )
        for kind in ("queries", "migrations")
    }
    return Release(label, **parts)


def _told(hotel, old, new, order=Order.MIGRATIONS_FIRST):
    return {finding.rule for finding in hotel.compare(_release("old", old), _release("new", new), order).findings}


@pytest.mark.parametrize("code", [code for code in RULES if code.startswith("GS7") and code != "GS755"])
def test_the_examples_of_a_page(server, code):
    text = (DOCS / "rules" / f"{code}.md").read_text(encoding="utf-8")
    older, wrong, right = (_files(part) for part in re.split(r"^Found, .*:$|^Right:$", text, flags=re.MULTILINE))
    order = Order.CODE_FIRST if code == "GS704" else Order.MIGRATIONS_FIRST
    hotel = Hotel(server.url())
    assert _told(hotel, older, {**older, **wrong}, order) == {code}
    assert _told(hotel, older, {**older, **right}, order) <= ({"GS753"} if code == "GS701" else set())


def test_the_examples_of_a_broken_base(server):
    text = (DOCS / "rules" / "GS755.md").read_text(encoding="utf-8")
    wrong, right = (_files(part) for part in text.split("\nRight:\n"))
    hotel = Hotel(server.url())
    assert _told(hotel, wrong, right) == {"GS755"}
    assert _told(hotel, right, right) == set()


def test_the_rename_in_two_steps(server, empty_database_url):
    base = _files((DOCS / "rules" / "GS701.md").read_text(encoding="utf-8").partition("\nFound")[0])
    steps = _files((DOCS / "deploy-order.md").read_text(encoding="utf-8"))
    renamed = {"queries/rooms.sql": base["queries/rooms.sql"].replace("name, status", "name, state")}
    expanded = {**base, **renamed, "migrations/0002_rooms.sql": steps["migrations/0002_rooms.sql"]}
    contracted = {**expanded, **steps}
    hotel = Hotel(server.url())
    first = hotel.compare(_release("old", base), _release("new", expanded))
    second = hotel.compare(_release("old", expanded), _release("new", contracted))
    assert (first.verdict, second.verdict) == (DeployVerdict.MIGRATIONS_FIRST, DeployVerdict.EITHER)
    assert hotel.compare(_release("old", base), _release("new", contracted)).verdict is DeployVerdict.BETWEEN
    # Each code sees what the other writes.
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(base["migrations/0001_rooms.sql"])
        connection.execute("INSERT INTO rooms (room_id, name, status) VALUES (1, 'Sol', 'free')")
        connection.execute(steps["migrations/0002_rooms.sql"])
        connection.execute("INSERT INTO rooms (room_id, name, status) VALUES (2, 'Luna', 'taken')")
        connection.execute("INSERT INTO rooms (room_id, name, state) VALUES (3, 'Mar', 'free')")
        connection.execute("UPDATE rooms SET status = 'taken' WHERE room_id = 1")
        connection.execute("UPDATE rooms SET state = 'closed' WHERE room_id = 2")
        found = connection.execute("SELECT status, state FROM rooms ORDER BY room_id").fetchall()
        assert found == [("taken", "taken"), ("closed", "closed"), ("free", "free")]
        connection.execute(steps["migrations/0003_rooms.sql"])
