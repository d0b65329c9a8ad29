"""examples/whatsapp_bot.py behind a real HTTP server: deliveries that are repeated, and a process that is killed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from guestsql import GuestDatabase
from tests.docs.markdown import ROOT

ANA, LID, BSUID = "573000000001", "81234567890123@lid", "CO.1a2B3c"
AT = 1_767_225_600


class Bot:
    """The example as a process; a fake model and a fake gateway are in `folder`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment
        self._processes: list[subprocess.Popen[bytes]] = []
        self.start()

    def start(self) -> None:
        """Start a process, and wait until it answers."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            number = listening.fileno()
            command = [sys.executable, "-m", "tests.docs.bot_server", str(number), str(self.folder)]
            started = subprocess.Popen(command, cwd=ROOT, env=self._environment, pass_fds=[number])
            self._url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._processes.append(started)
        until(lambda: self.status("/whapi", {}) == 200, "the server does not answer")

    def kill(self) -> None:
        """Kill the process as the kernel does."""
        self._processes[-1].kill()
        self._processes[-1].wait()

    def status(self, path: str, body: object) -> int:
        """Deliver a body; 0 when there is no answer."""
        try:
            return httpx2.post(self._url + path, json=body, timeout=30).status_code
        except httpx2.TransportError:
            return 0

    def sent(self) -> list[list[str]]:
        """The replies that were sent: gateway, recipient and text."""
        file = self.folder / "sent"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def until(condition: Callable[[], bool], failure: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, failure
        time.sleep(0.02)


@pytest.fixture
def bot(database_url: str, tmp_path: Path) -> Iterator[Bot]:
    """The example on a database of its own."""
    given = {"DATABASE_URL": database_url, "GUESTSQL_OWN_NUMBERS": "573000000099", "GUESTSQL_LEASE_SECONDS": "5"}
    bot = Bot(tmp_path, os.environ | given)
    yield bot
    bot.kill()


def whapi(number: int, sender: str = ANA, **members: object) -> dict[str, Any]:
    message = {"id": f"m{number}", "from": sender, "chat_id": f"{ANA}@s.whatsapp.net", "timestamp": AT + number}
    return {"messages": [{**message, "text": {"body": f"¿{number}?"}, **members}]}


def cloud(number: int, *, contact: dict[str, Any] | None = None, **members: object) -> dict[str, Any]:
    message = {
        "id": f"wamid.{number}",
        "timestamp": str(AT + number),
        "type": "text",
        "text": {"body": "Hola"},
        **members,
    }
    value = {"messages": [message]} if contact is None else {"messages": [message], "contacts": [contact]}
    return {"entry": [{"changes": [{"field": "messages", "value": value}]}]}


def test_a_message_that_is_delivered_many_times_is_answered_once(bot, database_url):
    (bot.folder / "busy").touch()
    spellings = (ANA, f"{ANA}@c.us", LID, f"{ANA}:3@s.whatsapp.net")
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(bot.status, "/whapi", whapi(1, from_name="Ana"))
        until((bot.folder / "asked").exists, "the model is not asked")
        assert [bot.status("/whapi", whapi(1, sender)) for sender in spellings] == [503] * 4
        (bot.folder / "busy").unlink()
        assert first.result() == 200
    assert [bot.status("/whapi", whapi(1, sender)) for sender in spellings] == [200] * 4
    assert bot.status("/whapi", whapi(2)) == 200
    until(lambda: len(bot.sent()) == 2, "two replies are not sent")
    assert [(gateway, to) for gateway, to, _ in bot.sent()] == [("whapi", f"{ANA}@s.whatsapp.net")] * 2
    assert [text.split("\n\n")[1] for *_, text in bot.sent()] == ["¿1?", "¿2?"]
    assert all(text.startswith("You wrote: [Ana | ") for *_, text in bot.sent())
    with GuestDatabase(database_url) as db:
        profile, thread = db.get_profile(ANA), db.get_thread(ANA)
        assert db.get_profile(LID) is None
    assert profile is not None
    assert profile.total_interactions == 2
    assert thread is not None
    assert thread.token_count == sum(len(text.split()) - 1 for *_, text in bot.sent())


def test_a_message_whose_process_is_killed_is_answered_after_the_next_delivery(bot, database_url):
    (bot.folder / "busy").touch()
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(bot.status, "/whapi", whapi(1))
        until((bot.folder / "asked").exists, "the model is not asked")
        bot.kill()
        assert lost.result() == 0
    (bot.folder / "busy").unlink()
    bot.start()
    until(lambda: bot.status("/whapi", whapi(1)) == 200, "the message stays in progress")
    until(lambda: len(bot.sent()) == 1, "no reply is sent")
    with GuestDatabase(database_url) as db:
        profile = db.get_profile(ANA)
    assert profile is not None
    assert profile.total_interactions == 1
    assert len(bot.sent()) == 1


def test_one_guest_under_a_phone_and_a_business_scoped_id_and_none_for_the_bot_and_a_group(bot, database_url):
    own, echoed = whapi(1, from_me=True), whapi(2, "573000000099")
    group = whapi(3, "120363000000000001@g.us")
    assert [bot.status("/whapi", each) for each in (own, echoed, group)] == [200, 200, 200]
    contact = {"user_id": BSUID, "profile": {"name": "Ana"}}
    assert bot.status("/cloud", cloud(1, contact=contact, **{"from": ANA})) == 200
    assert bot.status("/cloud", cloud(2, contact=contact)) == 200
    system = {"type": "user_changed_number", "wa_id": "573000000002"}
    assert bot.status("/cloud", cloud(3, type="system", text=None, system=system, **{"from": ANA})) == 200
    until(lambda: len(bot.sent()) == 2, "two replies are not sent")
    with GuestDatabase(database_url) as db:
        profile = db.get_profile(BSUID)
        assert profile == db.get_profile(ANA) == db.get_profile("573000000002")
        guests = db.queries.list_guests()
    assert profile is not None
    assert (profile.current_phone, profile.total_interactions, profile.user_name) == ("573000000002", 2, "Ana")
    assert [guest.phone_number for guest in guests] == [profile.phone_number]
    assert [gateway for gateway, *_ in bot.sent()] == ["cloud"] * 2
