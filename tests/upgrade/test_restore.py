"""A dump, restored on a new server, is the same database: rows, functions, extensions, owners and privileges."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from guestsql import GuestDatabase
from guestsql.embedded import PrivateServer
from guestsql.migrate import PACKAGED, Runner, Series
from guestsql.settings import Settings
from tests.server import MIGRATIONS, drop_database, private_server
from tests.through_pooler import direct
from tests.upgrade.dumps import dumped, run_program

ANA, LID = "573000000001", "123456789012345@lid"
SERIES = [Series(PACKAGED, MIGRATIONS)]


def fill(url: str) -> None:
    with GuestDatabase(url) as db:
        db.update_profile(ANA, user_name="Ana", labels=["VIP"], profile_data={"room": 7})
        db.add_thread_tokens(ANA, "thread_1", 100)
        db.link_ids(ANA, lid=LID)
        with db.message("message_1", LID, text="Hi") as message:
            message.reply({"text": "Hello"})
        assert "Ana" in db.get_context(ANA)


def check_bot(url: str) -> None:
    """A login of the role guestsql_bot works, and has no right to more."""
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE ROLE hotel_bot LOGIN IN ROLE guestsql_bot")
        owner.execute("CREATE ROLE hotel_monitor LOGIN IN ROLE guestsql_monitor")
    with GuestDatabase(make_conninfo(url, user="hotel_bot")) as db:
        assert "Ana" in db.get_context(LID)
        assert db.add_thread_tokens(ANA, "thread_1", 5) == 105
        with db.message("message_1", ANA) as message:
            assert not message.is_new
        assert db.update_profile("573000000009", user_name="Eva").user_name == "Eva"
        with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(url, user="hotel_bot") as bot:
            bot.execute("DROP TABLE guest_profiles")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(url, user="hotel_monitor") as monitor:
            monitor.execute("SELECT user_name FROM guest_profiles")


@pytest.mark.once
def test_a_dump_is_restored_on_a_new_server(server: PrivateServer, empty_database_url: str) -> None:
    Runner(Settings(), empty_database_url, SERIES).up()
    fill(empty_database_url)
    before = dumped(empty_database_url)
    dump = str(server.directory / "hotel.dump")
    run_program("pg_dump", "--format=custom", f"--file={dump}", empty_database_url)
    roles = run_program("pg_dumpall", "--roles-only", f"--dbname={server.url()}")
    with private_server() as other:
        run_program("psql", "--quiet", other.url(), fed=roles)  # postgres is there already
        with psycopg.connect(other.url(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE hotel")
        url = other.url("hotel")
        run_program("pg_restore", "--exit-on-error", f"--dbname={url}", dump)
        assert dumped(url) == before
        assert Runner(Settings(), url, SERIES).up() == []
        check_bot(url)


def test_what_a_restore_leaves_out_is_granted_again(server: PrivateServer, empty_database_url: str) -> None:
    """Owners and privileges, of functions, partitions and sequences too."""
    url = direct(empty_database_url)
    Runner(Settings(), url, SERIES).up()
    before = sorted(dumped(url))
    dump = str(server.directory / "privileges.dump")
    run_program("pg_dump", "--format=custom", f"--file={dump}", url)
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE without_privileges")
    try:
        url = server.url("without_privileges")
        run_program("pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", f"--dbname={url}", dump)
        assert sorted(dumped(url)) != before
        assert Runner(Settings(), url, SERIES).grant() == []
        assert sorted(dumped(url)) == before
    finally:
        drop_database(server, "without_privileges")
