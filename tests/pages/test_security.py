"""Who may see the pages: the Host header, other sites, the token, and the size and form of a request."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from guestsql.errors import SettingsError
from guestsql.pages import request
from guestsql.pages.app import build
from guestsql.pages.security import COOKIE, LARGEST_BODY, Access, host_name, is_loopback
from guestsql.pages.server import check_access
from tests.pages.serving import page_client, page_state, sql_file

TOKEN = "a-token-of-the-house"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    sql_file(folder, "-- name: get_one()$\n-- One.\nSELECT 1;\n")
    return folder


@pytest.fixture
def opened(own: Path) -> TestClient:
    return page_client(page_state(own=own))


@pytest.fixture
def guarded(own: Path) -> TestClient:
    access = Access("0.0.0.0", ("Pages.Example.",), TOKEN)
    return page_client(page_state(own=own, access=access), host="pages.example")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:8000", "localhost"),
        ("LocalHost.", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:8000", "::1"),
        ("[::1]", "::1"),
        ("pages.example.:80", "pages.example"),
        ("", None),
        ("::1", None),
        ("[::1", None),
        ("[::1]8000", None),
        ("[pages.example]", None),
        ("localhost:80:80", None),
        ("localhost:x", None),
        ("user@localhost", None),
        ("local host", None),
        ("evil.example/localhost", None),
        ("lócalhost", None),
    ],
)
def test_the_name_in_a_host_header(host: str, name: str | None) -> None:
    assert host_name(host) == name


def test_a_loopback_server_answers_to_loopback_alone() -> None:
    access = Access("127.0.0.1")
    assert all(map(access.answers_to, ["localhost", "127.0.0.1", "127.9.9.9", "::1"]))
    assert not any(
        map(access.answers_to, ["evil.example", "localhost.evil.example", "192.168.0.7", "0.0.0.0", "127.1"])
    )


def test_another_server_answers_to_its_names_and_to_addresses() -> None:
    access = Access("hotel.example", ("Pages.Example.",), TOKEN)
    assert all(map(access.answers_to, ["hotel.example", "pages.example", "192.168.0.7", "localhost", "2001:db8::1"]))
    assert not access.answers_to("evil.example")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost:8000, evil.example", "[::1"])
def test_a_foreign_host_is_refused(opened: TestClient, host: str) -> None:
    answer = opened.get("/", headers={"Host": host})
    assert answer.status_code == 400
    assert "Host" in answer.text or "--allow-host" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")


@pytest.mark.parametrize(
    "access", [Access("0.0.0.0"), Access("::"), Access("hotel.example"), Access("127.0.0.1", ("x.example",))]
)
def test_without_a_token_only_this_machine_is_served(access: Access) -> None:
    with pytest.raises(SettingsError, match="GUESTSQL_SERVE_TOKEN"):
        check_access(access)
    check_access(Access(access.host, access.names, TOKEN))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "LOCALHOST.", "127.8.8.8"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    check_access(Access(host))


@pytest.mark.parametrize("path", ["/", "/q/get_one", "/nowhere", "/login", "/static/style.css", "/static/../app.py"])
def test_every_answer_has_the_headers(opened: TestClient, path: str) -> None:
    answer = opened.get(path)
    policy = answer.headers["content-security-policy"]
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "server" not in answer.headers


def test_a_page_needs_the_token(guarded: TestClient) -> None:
    answer = guarded.get("/q/get_one?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fq%2Fget_one%3Fx%3D1")
    assert guarded.get("/q/get_one", headers={"Accept": "application/json"}).status_code == 401
    assert guarded.post("/q/get_one", content="", headers={"Content-Type": FORM}).headers["location"] == "/login"
    assert guarded.get("/static/style.css").status_code == 200
    assert guarded.get("/login").status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        "",
        "A-TOKEN-OF-THE-HOUSE",
        TOKEN[:-1],
        TOKEN + "x",
        "ñandú",
        f" {TOKEN} x",
        "\ud800".encode("utf-8", "replace").decode(),
    ],
)
def test_another_token_is_refused(guarded: TestClient, given: str) -> None:
    answer = guarded.post("/login", data={"token": given, "next": "/q/get_one"})
    assert answer.status_code == 403
    assert 'id="token-error"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "set-cookie" not in answer.headers
    headers = {"Accept": "*/*", "Authorization": f"Bearer {given}".encode()}
    assert guarded.get("/", headers=headers).status_code == 401  # type: ignore[arg-type]


def test_the_token_becomes_a_cookie_that_is_not_the_token(guarded: TestClient) -> None:
    answer = guarded.post("/login", data={"token": TOKEN, "next": "/?search=one"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?search=one")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "Secure" not in cookie
    assert "samesite=strict" in cookie.lower()
    assert guarded.get("/").status_code == 200
    other = f'theme={{"a": [1,2]}}; {cookie.partition(";")[0]}'
    guarded.cookies.clear()
    assert guarded.get("/", headers={"Cookie": other}).status_code == 200
    assert guarded.get("/", headers={"Cookie": f"{COOKIE}={TOKEN}"}).status_code == 303


def test_the_cookie_is_secure_behind_tls(guarded: TestClient) -> None:
    answer = guarded.post("https://pages.example/login", data={"token": TOKEN})
    assert "Secure" in answer.headers["set-cookie"]


def test_a_program_sends_the_token(guarded: TestClient) -> None:
    for scheme in ("Bearer", "bearer"):
        assert guarded.get("/", headers={"Authorization": f"{scheme} {TOKEN}"}).status_code == 200
    assert guarded.get("/", headers={"Accept": "*/*", "Authorization": f"Basic {TOKEN}"}).status_code == 401


@pytest.mark.parametrize("there", ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nX: y"])
def test_a_login_leads_to_no_other_server(guarded: TestClient, there: str) -> None:
    assert guarded.post("/login", data={"token": TOKEN, "next": there}).headers["location"] == "/"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Origin": "https://evil.example"},
    ],
)
def test_what_another_site_embeds_is_refused(opened: TestClient, headers: dict[str, str]) -> None:
    assert opened.get("/q/get_one", headers=headers).status_code == 403


def test_another_site_may_link_but_not_post(opened: TestClient) -> None:
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert opened.get("/", headers=visit).status_code == 200
    assert opened.post("/q/get_one", content="", headers={**visit, "Content-Type": FORM}).status_code == 403
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "null", "Content-Type": FORM}
    assert opened.post("/login", content="", headers=own).status_code == 303


def test_bodies(opened: TestClient) -> None:
    headers = {"Content-Type": FORM}
    assert opened.post("/q/get_one", content=b"a" * (LARGEST_BODY + 1), headers=headers).status_code == 413
    chunks = (b"a" * 1024 for _ in range(LARGEST_BODY // 1024 + 1))
    assert opened.post("/q/get_one", content=chunks, headers=headers).status_code == 413
    assert opened.post("/q/get_one", content=b"{}", headers={"Content-Type": "application/json"}).status_code == 415
    assert opened.post("/q/get_one", files={"a": b"b"}).status_code == 415
    assert opened.put("/q/get_one", content=b"").status_code == 405
    both = {**headers, "Content-Length": "5", "Transfer-Encoding": "chunked"}
    refused = opened.post("/q/get_one", content=b"", headers=both)
    assert (refused.status_code, refused.headers["connection"]) == (400, "close")


async def test_a_body_that_does_not_arrive(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "_BODY_SECONDS", 0.01)
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    headers = [(b"host", b"127.0.0.1"), (b"content-type", FORM.encode()), (b"content-length", b"9")]
    scope = {"type": "http", "method": "POST", "path": "/q/get_one", "query_string": b"", "headers": headers}
    await build(page_state(own=own))(scope, receive, send)
    assert statuses[0] == 408


@pytest.mark.parametrize("text", ["search=%FF", "search=a%00b", "&".join(f"a{n}=1" for n in range(1001))])
def test_what_cannot_be_read_is_refused(opened: TestClient, text: str) -> None:
    assert opened.get(f"/?{text}").status_code == 400
    for body in (text, "search=ÿ"):
        assert opened.post("/login", content=body.encode(), headers={"Content-Type": FORM}).status_code == 400


def test_paths(opened: TestClient) -> None:
    for path in ("/q/%FF", "/q/a%00b", "/q/get_one%2F", "/q/..%2F..%2Fetc%2Fpasswd", "/static/%2e%2e/app.py", "/q/"):
        assert opened.get(path).status_code == 404, path
    assert opened.get("/q/get%5Fone").status_code == 503  # the query; its server is away
    assert opened.head("/").status_code == 200
    assert opened.head("/").text == ""


def test_a_bug_shows_no_value(
    opened: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret value")

    monkeypatch.setattr("guestsql.pages.index._matches", fail)
    answer = opened.get("/?search=secret")
    assert answer.status_code == 500
    assert "RuntimeError in test_security.py:" in answer.text
    assert "content-security-policy" in answer.headers
    assert "PAGE_FAILED" in caplog.text
    assert "secret" not in answer.text + caplog.text
