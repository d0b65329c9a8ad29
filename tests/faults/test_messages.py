"""A bot that is killed or stopped inside the block of a message."""

from __future__ import annotations

import signal
from typing import Any

import psycopg

from guestsql import GuestDatabase
from tests.databases import GUEST, Program, column, make_settings

_BOT = """
import sys
from guestsql import GuestDatabase
from guestsql.errors import LeaseLost
from guestsql.settings import Settings

with GuestDatabase(settings=Settings(database_url=sys.argv[1], lease_seconds=60, metrics_seconds=0)) as db:
    try:
        with db.message("m1", sys.argv[2]) as message:
            message.tokens("t1", 5)
            print(message.state, flush=True)
            sys.stdin.readline()
    except LeaseLost:
        print("lost", flush=True)
    else:
        print("done", flush=True)
"""


def taken_over(db: GuestDatabase) -> bool:
    with db.message("m1", GUEST) as message:
        if message.is_new:
            message.tokens("t1", 9)
            message.reply({"text": "Hola"})
    return message.is_new


def test_a_killed_bot_and_then_a_stopped_one(database_url: str, autocommit: psycopg.Connection[Any]) -> None:
    """The second one claims the message of the first when its lease has run out, and then comes too late itself."""
    expire = "UPDATE operations SET lease_until = statement_timestamp()"
    with GuestDatabase(settings=make_settings(database_url)) as db:
        with Program(_BOT, database_url, GUEST) as killed:
            assert killed.line() == "new"
            with db.message("m1", GUEST) as message:
                assert message.state == "in progress"
            killed.process.kill()
        autocommit.execute(expire)
        with Program(_BOT, database_url, GUEST) as stopped:
            assert stopped.line() == "new"
            stopped.process.send_signal(signal.SIGSTOP)
            autocommit.execute(expire)
            assert taken_over(db)
            stopped.process.send_signal(signal.SIGCONT)
            stopped.send()
            assert stopped.line() == "lost"
    assert column(autocommit, "thread_tokens") == 9
    assert column(autocommit, "total_interactions") == 1
    assert autocommit.execute("SELECT count(*) FROM outbox").fetchone() == (1,)
