"""GS601 to GS603: slips that break what the stubs have promised, and what is reported about the lines that use it."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest

from guestsql.check import check_files, scratch_database
from guestsql.check.infer import infer
from guestsql.migrate import PACKAGED, Series
from guestsql.settings import Settings
from guestsql.sql import scan_directory
from guestsql.stubs import StubsVet, Target, Uses, read_committed, write
from guestsql.stubs.changes import changes_of
from tests.checking import GUEST_ROUTE, QUERIES, every_query, extended_migrations, told
from tests.db.test_check_docs import DOCS
from tests.slips import PROMISE_KINDS, slips

SLIPS = slips(PROMISE_KINDS, 1)
CORPUS = Path(__file__).parent / "odd_queries.sql"
_EXAMPLE = re.compile(r"```sql\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def marks(tmp_path_factory):
    file = tmp_path_factory.mktemp("marks") / "marks.sql"
    line = next(line for line in (QUERIES / "guests.sql").read_text("utf-8").splitlines() if "check: large" in line)
    file.write_text(f"{line}\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def scratch(server):
    with scratch_database(Settings(), server.url()) as connection:
        yield connection


def promised(scratch, queries, folder):
    """Write the stubs of some queries, and read them."""
    write(Target(folder), list(infer(scratch, list(queries)).values()), "0" * 64)
    return read_committed(Target(folder))


def check(scratch, paths, committed, python, *, beside=(), is_whole=False):
    vet = StubsVet(committed, Uses(python), is_whole)
    return check_files(paths, nullcontext(scratch), beside=beside, vets=[vet], route=GUEST_ROUTE).findings


@pytest.fixture(scope="module")
def signatures(scratch):
    return infer(scratch, list(every_query().values()))


@pytest.fixture(scope="module")
def shipped(signatures, tmp_path_factory):
    target = Target(tmp_path_factory.mktemp("stubs") / "shipped")
    write(target, list(signatures.values()), "0" * 64)
    return read_committed(target)


def test_every_column_of_the_shipped_queries_has_a_type(scratch, signatures):
    # What reads a table that another query creates is described when that has run.
    queries = every_query().items()
    later = {name for name, query in queries if any(mark.text.startswith("allow GS202") for mark in query.marks)}
    assert every_query().keys() - signatures.keys() == later
    columns = [column for each in signatures.values() for column in each.columns]
    assert {column.sql_type for column in columns if "Any" in column.annotation} <= {"json", "jsonb"}
    (left,) = scratch.execute("SELECT count(*) FROM pg_proc WHERE proname LIKE 'probe%'").fetchone()
    assert left == 0


def test_there_is_a_slip_of_every_kind():
    assert set(Counter(slip.kind for slip in SLIPS)) == set(PROMISE_KINDS)
    assert len(SLIPS) >= 12


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: f"{slip.kind}-{slip.query}".replace(" ", "_"))
def test_a_slip_is_caught(scratch, marks, shipped, tmp_path, slip):
    path = tmp_path / slip.file
    path.write_text(slip.text, encoding="utf-8")
    found = check(scratch, [path], shipped, tmp_path, beside=[marks])
    assert (slip.rule, slip.line) in {(each.rule, each.line) for each in found}, told(found)
    assert {each.rule for each in found} - {slip.rule} <= slip.also, told(found)
    assert all(each.query == slip.query for each in found if each.rule.startswith("GS6"))


def test_without_a_slip_nothing_has_changed(signatures, shipped):
    for name, signature in signatures.items():
        assert list(changes_of(signature, shipped[name])) == [], name


@pytest.mark.parametrize("code", ["GS601", "GS602", "GS603"])
def test_the_examples_of_a_page(scratch, tmp_path, code):
    wrong, right = _EXAMPLE.findall((DOCS / "rules" / f"{code}.md").read_text(encoding="utf-8"))
    path = tmp_path / "q.sql"
    path.write_text(right, encoding="utf-8")
    catalogue, errors = scan_directory(tmp_path)
    assert errors == []
    committed = promised(scratch, catalogue.values(), tmp_path / "promised")
    assert told(check(scratch, [path], committed, tmp_path)) == []
    path.write_text(wrong, encoding="utf-8")
    found = check(scratch, [path], committed, tmp_path)
    assert {each.rule for each in found} == {code}, told(found)
    assert all("breaking" in each.message for each in found)


def test_odd_but_right_queries_keep_their_own_promises(server, tmp_path):
    """Whatever can be written into a query file can be promised, written, read back and held."""
    migrations = extended_migrations(tmp_path)
    path = tmp_path / "odd.sql"
    shutil.copy(CORPUS, path)
    catalogue, errors = scan_directory(tmp_path)
    assert errors == []
    with scratch_database(Settings(), server.url(), [Series(PACKAGED, migrations)]) as connection:
        committed = promised(connection, catalogue.values(), tmp_path / "promised")
        assert committed.keys() == catalogue.keys()
        assert told(check(connection, [path], committed, tmp_path, is_whole=True)) == []


BEFORE = """\
-- name: get_client(phone_number)^
-- A client.
--   phone_number: text, the client's key
SELECT user_name, contact_name, total_interactions FROM historical_clients WHERE phone_number = :phone_number::text;
"""
BOT = """\
async def greet(db, phone):
    client = await db.queries.get_client(phone_number=phone)
    other = {"contact_name": 1}
    return client.contact_name, other.contact_name, client.user_name


def told(client: "GetClientRow | None", more: list[GetClientRow]) -> None:
    print(client.contact_name, [each.total_interactions for each in more])


def unrelated(client):
    return client.contact_name
"""


@pytest.fixture
def changed(scratch, tmp_path):
    """Checks the query after a change, in a project with a bot."""
    bot = tmp_path / "bot"
    for folder in (bot / "venv", bot / ".hidden", bot / "own"):
        folder.mkdir(parents=True)
        (folder / "copy.py").write_text(BOT, encoding="utf-8")
    (bot / "own" / "copy.py").unlink()
    (bot / "venv" / "pyvenv.cfg").touch()
    (bot / "bot.py").write_text(BOT, encoding="utf-8")
    (bot / "broken.py").write_text("def get_client(:\n", encoding="utf-8")
    (bot / "binary.py").write_bytes(b"\xff\xfe get_client")
    (bot / "unreadable.py").symlink_to(bot / "nowhere.py")
    folder = tmp_path / "queries"
    folder.mkdir()
    path = folder / "clients.sql"
    path.write_text(BEFORE, encoding="utf-8")
    committed = promised(scratch, scan_directory(folder)[0].values(), tmp_path / "promised")

    def run(old, new):
        assert old in BEFORE
        path.write_text(BEFORE.replace(old, new), encoding="utf-8")
        found = check(scratch, [path], committed, bot, is_whole=True)
        return [each.message.replace(str(tmp_path), "") for each in found]

    return run


def test_the_lines_that_use_a_column_are_reported(changed):
    assert changed("contact_name,", "contact_name AS remarks,") == [
        "breaking: column contact_name is now named remarks; used in /bot/bot.py:4, /bot/bot.py:8"
    ]


def test_the_lines_that_give_a_parameter_are_reported(changed):
    (message,) = changed("--   phone_number: text, the client's key", "--   phone_number: text, the key or NULL")
    assert message.startswith("parameter phone_number was str and is str | None, which breaks nothing, but the stubs")
    assert message.endswith("; used in /bot/bot.py:2")


def test_every_call_of_a_query_that_is_gone_is_reported(changed):
    (message,) = changed("get_client", "find_client")
    assert message == "breaking: query get_client is gone; called in /bot/bot.py:2"


def test_an_unused_field_is_reported_with_the_calls(changed):
    (message,) = changed("total_interactions FROM", "total_interactions::text FROM")
    assert message.startswith("breaking: column total_interactions was int and is str; ")


def test_an_exception_is_an_exception(changed):
    assert changed("-- A client.\n", "-- A client.\n-- check: allow GS601, because it is said\n") == [
        "unused suppression: get_client does not break GS601"
    ]


def test_without_stubs_there_is_no_promise(tmp_path):
    assert read_committed(Target(tmp_path / "nothing")) is None


def test_a_query_that_is_new_breaks_nothing(changed):
    more = BEFORE + "\n" + BEFORE.replace("get_client", "get_more")
    assert changed(BEFORE, more) == []
