"""examples/whatsapp_bot.py: a delivery of the gateway from the request to the rows."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest
from fastapi.testclient import TestClient

from tests.docs.markdown import ROOT


@pytest.fixture
def bot(database_url: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example as a module, on a database of its own."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("GUESTSQL_OWN_NUMBERS", "573000000099")
    spec = importlib.util.spec_from_file_location("whatsapp_bot", ROOT / "examples" / "whatsapp_bot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "whatsapp_bot", module)
    spec.loader.exec_module(module)
    return module


def message(text: str, sender: str = "573000000001", **members: object) -> dict[str, object]:
    chat = {"from": sender, "chat_id": f"{sender}@s.whatsapp.net", "text": {"body": text}}
    return {**chat, **members}


def test_a_message_is_answered_with_the_guests_context(bot, capsys):
    first = message("¿Hay piscina?", from_name="Ana")
    second = message("¿Y desayuno?")
    with TestClient(bot.app) as client:
        for each in (first, second):
            assert client.post("/webhook", json={"messages": [each]}).json() == {"accepted": 1}
        known = client.get("/guests/+57 300 000 0001").json()
    sent = capsys.readouterr().out
    assert sent.count("[Ana | ") == 2
    assert sent.count("to 573000000001@s.whatsapp.net: ") == 2
    assert (known["user_name"], known["thread_id"]) == ("Ana", "thread_example")


def test_what_the_bot_wrote_itself_is_no_guest(bot, capsys):
    own = message("Bienvenida", from_me=True)
    echoed = message("Bienvenida", sender="573000000099")
    group = message("Hola", sender="120363000000000001@g.us")
    with TestClient(bot.app) as client:
        assert client.post("/webhook", json={"messages": [own, echoed, group]}).json() == {"accepted": 0}
        assert client.get("/guests/120363000000000001@g.us").status_code == 422
        assert client.get("/guests/573000000002").status_code == 404
    assert capsys.readouterr().out == ""
