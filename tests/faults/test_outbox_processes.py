"""Senders in processes of their own: killed, stopped for longer than their lease, and forked."""

from __future__ import annotations

import os
import signal
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from tests.databases import GUEST, OTHER, Program, make_settings
from tests.server import eventually

Connection = psycopg.Connection[Any]

SENDER = """
import sys
from guestsql import GuestDatabase, Settings
from guestsql.errors import LeaseLost

with GuestDatabase(settings=Settings(database_url=sys.argv[1], metrics_seconds=0, deadline_seconds=30)) as db:
    for _ in range(2):
        assert db.wait_for_replies(3000)
        [reply] = db.claim_replies(1, lease_seconds=float(sys.argv[2]))
        print(reply.payload["text"], reply.is_maybe_sent, flush=True)  # this is how it is sent
        sys.stdin.readline()
        try:
            db.reply_sent(reply)
        except LeaseLost:
            print("lost", flush=True)
        else:
            print("marked", flush=True)
        sys.stdin.readline()
"""


def test_a_killed_sender_leaves_a_decision_and_a_stopped_one_changes_nothing(
    database_url: str, autocommit: Connection
) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        for text in ("one", "two"):
            db.queue_reply(GUEST, {"text": text})
        with Program(SENDER, database_url, "0.2") as killed:
            assert killed.line() == "one False"
            killed.process.send_signal(signal.SIGKILL)
        with Program(SENDER, database_url, "0.2") as stopped:
            # It waits for the end of the lease: nothing notifies it.
            assert stopped.line() == "one True"
            stopped.process.send_signal(signal.SIGSTOP)
            assert db.wait_for_replies(3000)
            [reply] = db.claim_replies()
            assert (reply.payload["text"], reply.is_maybe_sent, reply.attempts) == ("one", True, 3)
            stopped.process.send_signal(signal.SIGCONT)
            stopped.send()
            assert stopped.line() == "lost"
            assert autocommit.execute("SELECT count(*) FROM messages").fetchone() == (0,)
            db.reply_sent(reply)
            stopped.send()
            assert stopped.line() == "two False"
            stopped.send()
            assert stopped.line() == "marked"
    states = autocommit.execute("SELECT state FROM outbox").fetchall()
    assert states == [("sent",), ("sent",)]


FORKED = """
import os, sys
from guestsql import GuestDatabase, Settings
from guestsql.sql._sync import listening

listening._CONNECT_SECONDS = 30.0
db = GuestDatabase(settings=Settings(database_url=sys.argv[1], metrics_seconds=0, deadline_seconds=30))
assert not db.wait_for_replies(0.05)  # it has listened, and keeps the connection
print("ready", flush=True)
child = os.fork()
assert db.wait_for_replies(3000)
assert db.claim_replies(1)
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert not db.wait_for_replies(0)
db.close()
"""


@pytest.mark.direct("a pooler keeps its sessions")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_listens_for_itself(database_url: str, autocommit: Connection) -> None:
    listeners = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    with Program(FORKED, database_url) as program:
        assert program.line() == "ready"
        eventually(lambda: autocommit.execute(listeners).fetchone() == (2,))
        with GuestDatabase(settings=make_settings(database_url)) as db, db.transaction() as tx:
            for guest in (GUEST, OTHER):
                tx.queue_reply(guest, {"text": "hello"})
        assert program.wait() == (0, "")
