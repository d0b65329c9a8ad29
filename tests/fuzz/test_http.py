"""Requests of any bytes: the pages and the health server answer each, never with a bug, and go on."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from guestsql.ops.health import HealthServer
from guestsql.ops.health.probe import HealthReport
from guestsql.pages.app import build
from guestsql.pages.security import Access
from tests.pages.serving import page_state, sql_file

TOKEN = "a-token-of-the-house"
FORM = b"application/x-www-form-urlencoded"
QUERIES = """
-- name: list_both(note, days)
-- Both.
-- chart: bar x=note y=days
--   note: text = NULL, any
--   days: int = 1, some
SELECT :note::text AS note, :days::int AS days

-- name: get_one()$
-- One.
-- dashboard: day
SELECT 1 AS one
"""
_WORDS = [
    *(
        "/",
        "q",
        "list_both",
        "get_one",
        ".",
        "csv",
        "json",
        "ndjson",
        "svg",
        "png",
        "html",
        "login",
        "static",
        "style.css",
        "dashboards",
        "day",
    ),
    *(
        "..",
        "%2e%2e",
        "%2F",
        "%00",
        "%ff",
        "%",
        "%zz",
        "//",
        "\\",
        "?",
        "#",
        ";",
        "é",
        "\x00",
        "\xff",
        "'",
        "<script>",
        " ",
    ),
]
_NAMES = [
    "note",
    "days",
    "lang",
    "page",
    "sort",
    "order",
    "search",
    "next",
    "token",
    "limit",
    "rows",
    "format",
    "run",
    "null",
    "x",
    "",
    "note__null",
]
_VALUES = [
    *(
        "",
        "1",
        "-1",
        "0",
        "99999999999999999999",
        "1e9",
        "NaN",
        "null",
        "es",
        "en",
        "de",
        "note",
        "-note",
        "note desc",
        "csv",
    ),
    *(
        "'; DROP TABLE t; --",
        "<script>alert(1)</script>",
        "%27",
        "%00",
        "%FF",
        "%0d%0aX-A:1",
        "//evil.example",
        "javascript:1",
        "&",
        "=",
        "+",
    ),
    *("%F0%9F%98%80", "a" * 300, "{", "{a,b}", "2026-01-01"),
]
_given = st.lists(st.tuples(st.sampled_from(_NAMES), st.sampled_from(_VALUES)), max_size=5).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode("latin-1")
)
_query = st.one_of(_given, _given, st.binary(max_size=20))
_path = st.one_of(
    st.sampled_from(
        ["/", "/q/list_both", "/q/get_one", "/q/list_both.csv", "/q/list_both.svg", "/dashboards/day", "/login"]
    ),
    st.lists(st.sampled_from(_WORDS), max_size=6).map("".join).map("/{}".format),
)
_header = st.tuples(
    st.sampled_from(
        [
            *(
                b"host",
                b"origin",
                b"cookie",
                b"authorization",
                b"accept",
                b"accept-language",
                b"content-type",
                b"content-length",
            ),
            *(
                b"sec-fetch-site",
                b"sec-fetch-mode",
                b"sec-fetch-dest",
                b"transfer-encoding",
                b"x-forwarded-proto",
                b"range",
                b"if-none-match",
            ),
        ]
    ),
    st.one_of(
        st.sampled_from(
            [
                *(
                    b"localhost",
                    b"127.0.0.1:80",
                    b"evil.example",
                    b"[::1",
                    b"*/*",
                    b"text/html",
                    b"es,en;q=0.5",
                    b"en;q=x",
                    FORM,
                    b"0",
                    b"70000",
                ),
                *(
                    b"chunked",
                    b"none",
                    b"cross-site",
                    b"navigate",
                    b"bytes=0-1",
                    b"bytes=x",
                    b"Bearer " + TOKEN.encode(),
                    b"Bearer \xff",
                    b"guestsql_token=x",
                ),
            ]
        ),
        st.binary(max_size=12),
    ),
)
_headers = st.lists(_header, max_size=4).map(lambda found: [(b"host", b"127.0.0.1"), (b"content-type", FORM), *found])
_own_headers = st.just(
    [(b"host", b"127.0.0.1"), (b"content-type", FORM), (b"authorization", b"Bearer " + TOKEN.encode())]
)


@pytest.fixture(scope="module")
def pages(_rolled_back_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Starlette]]:
    """The pages without a token, and with one."""
    own = tmp_path_factory.mktemp("own")
    sql_file(own, QUERIES)
    states = [page_state(_rolled_back_url, own, access=Access("127.0.0.1", (), token)) for token in (None, TOKEN)]
    yield [build(state) for state in states]
    for state in states:
        state.close()


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One for all requests."""
    made = asyncio.new_event_loop()
    yield made
    made.run_until_complete(made.shutdown_default_executor())
    made.close()


async def answer(app: Starlette, scope: dict[str, Any], body: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, headers and body of a whole response."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), 30)
    assert sent[0]["type"] == "http.response.start"
    assert not sent[-1].get("more_body")
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(each.get("body", b"") for each in sent[1:])


@settings(max_examples=30)
@given(
    is_guarded=st.booleans(),
    method=st.sampled_from(["GET", "GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "X"]),
    path=_path,
    query=_query,
    headers=st.one_of(_headers, _own_headers),
    body=_query,
)
def test_the_pages_answer_any_request(
    pages: list[Starlette],
    loop: asyncio.AbstractEventLoop,
    is_guarded: bool,
    method: str,
    path: str,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "root_path": "",
        "raw_path": path.encode(),
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    status, sent, text = loop.run_until_complete(answer(pages[is_guarded], scope, body))
    assert status < 500, text
    assert b"content-security-policy" in sent
    assert all(b"\n" not in value and b"\r" not in value for value in sent.values())
    assert not sent.get(b"location", b"/").startswith((b"//", b"http"))
    assert b"<script>alert" not in text or b"html" not in sent[b"content-type"]
    if is_guarded and not any(TOKEN.encode() in value for _, value in headers) and not path.startswith("/static/"):
        assert status != 200 or path == "/login"


_LINES = [
    *(
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"X ",
        b"/live",
        b"/ready",
        b"/healthz",
        b"/",
        b"?a=b",
        b"%2e",
        b"\xff",
        b"\x00",
        b" ",
        b" HTTP/1.1",
        b" HTTP/1.0",
    ),
    *(
        b" HTTP/9.9",
        b" HTTP/x",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b"Host: a\r\n",
        b"Content-Length: 5\r\n",
        b"Connection: keep-alive\r\n",
    ),
    *(b"Expect: 100-continue\r\n", b": \r\n", b"a" * 70000, b"X: y\r\n" * 120),
]
_requests = st.one_of(
    st.lists(st.sampled_from(_LINES), max_size=7).map(b"".join),
    st.lists(st.sampled_from(_LINES), max_size=4).map(lambda found: b"GET /live HTTP/1.1\r\n" + b"".join(found)),
    st.binary(max_size=60),
)


@pytest.fixture(scope="module")
def health() -> Iterator[HealthServer]:
    """A server whose database is away."""
    report = HealthReport(is_ready=False, database="unavailable", migrations="unknown", sqlstate=None, milliseconds=0.0)
    with HealthServer(lambda: report, 0, "127.0.0.1") as server:
        yield server


@settings(max_examples=30)
@given(_requests)
def test_the_health_server_answers_any_bytes_or_hangs_up(health: HealthServer, data: bytes) -> None:
    found = exchange(health.port, data)
    # A line without a version is HTTP 0.9, whose answer has no status.
    assert not found or found.startswith((b"HTTP/1.", b"{"))
    assert b"Traceback" not in found
    assert exchange(health.port, b"GET /live HTTP/1.0\r\n\r\n").endswith(b'{"status": "live"}\n')


def exchange(port: int, data: bytes) -> bytes:
    """What a server answers until it closes; the request ends with the bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:  # it has hung up before everything was sent
            return b""


@pytest.fixture(autouse=True)
def _no_bug_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.WARNING):
        yield
    assert "PAGE_FAILED" not in caplog.text
