"""`guestsql serve` as a process: its port, its log, its end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from guestsql.errors import SettingsError
from guestsql.pages.access_log import AccessLog
from guestsql.pages.server import listen
from tests.pages.serving import NOWHERE, sql_file

PHONE = "573000000001"


def serve(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "DATABASE_URL": NOWHERE, "GUESTSQL_QUERIES_DIR": str(folder)}
    command = [sys.executable, "-m", "guestsql", "serve", "--port", "0"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_it_serves_until_sigterm(tmp_path: Path) -> None:
    sql_file(tmp_path, "-- name: get_one(n)$\n--   n: int = 1, a number\nSELECT :n::int;\n")
    with serve(tmp_path) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.fullmatch(r"serve: listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line + process.stderr.read()
        with urllib.request.urlopen(f"{found[1]}/?search={PHONE}", timeout=20) as answer:
            assert "server" not in answer.headers
            assert b"guestsql" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{found[1]}/q/{PHONE}", timeout=20)
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == ""
    assert re.fullmatch(r"GET / 200 \d+ ms\nGET /q/… 404 \d+ ms\nserve: ended\n", log)


def test_an_address_that_cannot_be_used() -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.1, port 0"):
        listen("192.0.2.1", 0)
    with listen("::1", 0) as listener, pytest.raises(SettingsError, match="choose another --port"):
        listen("::1", listener.getsockname()[1])


async def test_the_log_has_no_values() -> None:
    lines: list[str] = []

    async def app(_scope: object, _receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]

    async def receive() -> dict[str, object]:
        return {}

    async def send(_message: object) -> None:
        pass

    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/q/a\n\x1b[31m{PHONE}",
        "query_string": b"phone_number=573000000001",
    }
    await AccessLog(app, lines.append)(scope, receive, send)
    assert len(lines) == 1
    assert PHONE not in lines[0]
    assert "\n" not in lines[0]
    assert "\x1b" not in lines[0]
    assert "phone_number" not in lines[0]


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """asyncio turns Nagle's algorithm off for sockets of this protocol; with it each answer takes 40 ms longer."""
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
