"""Downloads: the bytes are the shell's, streams end with their client, and a failure never looks like an end."""

from __future__ import annotations

import csv
import http.client
import io
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import uvicorn
from starlette.testclient import TestClient

from guestsql.pages import downloads, rows_response
from guestsql.pages.app import build
from guestsql.pages.downloads import preferred_ending
from guestsql.pages.server import listen
from guestsql.pages.state import State
from tests.cli.shell import invoke
from tests.conftest import NewDatabase
from tests.pages.serving import NOWHERE, page_client, page_state, sql_file

PATIENCE = 30.0
_SHELLS = {"csv": "csv", "json": "json", "ndjson": "jsonl"}
PHONE = "573001234567"
QUERIES = r"""
-- name: list_people(least)
-- People.
--   least: int = 1, the least number
-- chart: bar x=name y=n
-- cache: 60s
SELECT
    n,
    name,
    note,
    phone_number
FROM (VALUES (1, 'Ana, "A"', NULL, '573001234567'), (2, 'ñ', E'two\nlines', '573007654321'))
    AS people (n, name, note, phone_number)
WHERE n >= :least::int
ORDER BY n;

-- name: get_person()^
-- One.
SELECT 1 AS n, '{"a": [1.50, null]}'::jsonb AS document;

-- name: get_nobody()^
-- None.
SELECT 1 AS n WHERE FALSE;

-- name: get_name()$
-- A value.
SELECT 'Ana' AS name;

-- name: list_long_rows(last)
-- Many rows, none of which is made before it is fetched.
--   last: int, how many
-- cache: 60s
SELECT
    generate_series(1, :last::int) AS n,
    repeat('x', 200) AS filler;

-- name: list_until_zero(last)
-- The last row cannot be made.
--   last: int, how many
SELECT
    100 / (:last::int - n) AS share,
    repeat('x', 200) AS filler
FROM (SELECT generate_series(1, :last::int) AS n) AS numbers;

-- name: stall(last)
-- The last row is never made.
--   last: int, how many
SELECT
    n,
    repeat('x', 200) AS filler,
    CASE
        WHEN n = :last::int THEN pg_sleep(600)::text
    END AS slept
FROM (SELECT generate_series(1, :last::int) AS n) AS numbers;

-- name: list_of_guest(phone_number)
-- Of one guest.
--   phone_number: text, whose
SELECT :phone_number::text AS phone_number;

-- name: add_note()!
-- It writes.
INSERT INTO notes (note) VALUES ('x');

-- name: get_refused()
-- The server refuses it, and quotes a phone number.
SELECT no_such_column_573001234567;
"""


@pytest.fixture(scope="module")
def url(new_database: NewDatabase) -> Iterator[str]:
    with new_database("template1") as made:
        yield made


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    sql_file(folder, QUERIES)
    return folder


@pytest.fixture(scope="module")
def state(url: str, own: Path) -> Iterator[State]:
    made = page_state(url, own)
    with closing(made):
        yield made


@pytest.fixture(scope="module")
def pages(state: State) -> TestClient:
    """A program: it accepts anything."""
    client = page_client(state)
    client.headers["Accept"] = "*/*"
    return client


@pytest.fixture(scope="module")
def address(state: State) -> Iterator[tuple[str, int]]:
    """The pages on a socket."""
    with serving(state) as found:
        yield found


@contextmanager
def serving(state: State) -> Iterator[tuple[str, int]]:
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(build(state), log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


def test_what_the_tests_compare_with(pages: TestClient) -> None:
    read = list(csv.reader(io.StringIO(pages.get("/q/list_people.csv").text)))
    assert read == [
        ["n", "name", "note", "phone_number"],
        ["1", 'Ana, "A"', "", "***4567"],
        ["2", "ñ", "two\nlines", "***4321"],
    ]


@pytest.mark.parametrize("name", ["get_person", "get_nobody", "get_name", "list_long_rows -p last=3"])
@pytest.mark.parametrize("ending", ["csv", "json", "ndjson"])
def test_the_bytes_are_the_shells(pages: TestClient, url: str, own: Path, name: str, ending: str) -> None:
    query, *rest = name.split()
    shell = {"DATABASE_URL": url, "GUESTSQL_QUERIES_DIR": str(own), "GUESTSQL_PACKAGED": "false"}
    expected = invoke("query", "run", query, *rest, "--format", _SHELLS[ending], **shell)
    assert expected.exit_code == 0, expected.stderr
    values = "&".join(rest[1:])
    assert pages.get(f"/q/{query}.{ending}?{values}").content == expected.stdout_bytes


def test_the_values_are_those_of_the_form(pages: TestClient) -> None:
    assert [each["n"] for each in pages.get("/q/list_people.json?least=2&_sort=n").json()] == [2]


@pytest.mark.parametrize(
    ("path", "media_type", "beginning"),
    [
        ("list_people.csv", "text/csv; charset=utf-8", b"n,name"),
        ("list_people.json", "application/json", b"[\n"),
        ("list_people.ndjson", "application/x-ndjson", b'{"n"'),
        ("list_people.svg", "image/svg+xml", b"<svg "),
        ("list_people.png", "image/png", b"\x89PNG"),
    ],
)
def test_types_names_and_headers(pages: TestClient, path: str, media_type: str, beginning: bytes) -> None:
    answer = pages.get(f"/q/{path}")
    is_picture = "image" in media_type
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.content.startswith(beginning)
    assert answer.headers["cache-control"] == "private, max-age=60"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ("etag" in answer.headers) == is_picture
    assert answer.headers.get("content-disposition") == (None if is_picture else f'attachment; filename="{path}"')
    assert ("style-src 'unsafe-inline'" in answer.headers["content-security-policy"]) == is_picture


def test_a_picture_that_is_known_is_not_sent_again(pages: TestClient) -> None:
    first = pages.get("/q/list_people.svg")
    again = pages.get("/q/list_people.svg", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    other = pages.get("/q/list_people.svg?least=2", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200
    assert PHONE not in first.text


@pytest.mark.parametrize(
    ("accept", "ending"),
    [
        ("", ""),
        ("*/*", ""),
        ("text/csv", "csv"),
        ("application/json", "json"),
        ("application/json, text/plain, */*", "json"),
        ("application/x-ndjson", "ndjson"),
        ("application/jsonl", "ndjson"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", ""),
        ("text/html,application/xhtml+xml,image/png,image/svg+xml,*/*;q=0.8", ""),
        ("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", "svg"),
        ("image/*", "svg"),
        ("text/html;q=0.5, text/csv;q=0.9", "csv"),
        ("text/csv; header=present; q=0.9, text/html;q=0.5", "csv"),
        ("TEXT/CSV", "csv"),
        ("text/csv;q=0", ""),
        ("audio/ogg", ""),
        ("text/csv;q=nonsense, ;;;, /, \x00", "csv"),
    ],
)
def test_accept(accept: str, ending: str) -> None:
    assert preferred_ending(accept) == ending


def test_one_address_for_people_and_programs(pages: TestClient) -> None:
    page = pages.get("/q/list_people", headers={"Accept": "text/html"})
    rows = pages.get("/q/list_people", headers={"Accept": "application/json"})
    assert page.headers["content-type"].startswith("text/html")
    assert [each["n"] for each in rows.json()] == [1, 2]
    assert "content-disposition" not in rows.headers
    assert all("Accept" in re.split(r",\s*", each.headers["vary"]) for each in (page, rows))


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("nobody.csv", 404, "nobody"),
        ("list_people.xls", 404, ""),
        ("list_long_rows.csv", 400, "last"),
        ("list_long_rows.csv?last=many", 400, "last"),
        ("list_people.csv?no=1", 400, "no"),
        (f"list_of_guest.csv?phone_number={PHONE}", 400, "phone_number"),
        ("add_note.csv", 403, "writes"),
        ("get_name.svg", 404, "chart"),
        ("get_refused.json", 500, "42703"),
        ("list_until_zero.csv?last=3", 500, "22012"),
    ],
)
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_there_is_no_file_when_something_is_wrong(
    pages: TestClient, path: str, status: int, said: str, accept: str
) -> None:
    answer = pages.get(f"/q/{path}", headers={"Accept": accept})
    assert answer.status_code == status
    assert said in answer.text
    assert PHONE not in answer.text
    assert "SELECT" not in answer.text
    assert answer.headers["content-type"].startswith("text/html" if accept == "text/html" else "text/")
    assert "content-disposition" not in answer.headers


def test_a_value_that_identifies_a_guest_comes_in_a_body(pages: TestClient) -> None:
    answer = pages.post("/q/list_of_guest.csv", data={"phone_number": PHONE})
    assert answer.text == "phone_number\n***4567\n"
    assert answer.headers["cache-control"] == "no-store"


def test_a_database_that_is_away(own: Path) -> None:
    away = page_state(NOWHERE, own)
    with closing(away):
        answer = page_client(away).get("/q/get_name.csv", headers={"Accept": "*/*"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_downloads_that_take_long_do_not_hold_up_pages(url: str, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_PATIENCE_SECONDS", 0.2)
    busy = page_state(url, own)
    with closing(busy):
        with contextmanager(held)(busy):
            answer = page_client(busy).get("/q/get_name.csv")
            assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
            assert page_client(busy).get("/q/get_name").status_code == 200
        assert page_client(busy).get("/q/get_name.csv").status_code == 200


def held(state: State) -> Iterator[None]:
    """Hold every session of downloads."""
    kept = [state.downloads.acquire(PATIENCE) for _ in range(4)]
    for each in kept:
        each.__enter__()
    yield
    for each in kept:
        each.__exit__(None, None, None)


def test_a_long_stream_is_whole(address: tuple[str, int]) -> None:
    status, headers, body = fetched(address, "/q/list_long_rows.ndjson?last=20000")
    assert (status, headers["Transfer-Encoding"], headers.get("ETag")) == (200, "chunked", None)
    assert headers["Cache-Control"] == "private, max-age=60"
    assert [json.loads(line)["n"] for line in body.splitlines()] == list(range(1, 20001))
    assert json.loads(fetched(address, "/q/list_long_rows.json?last=5000")[2])[-1]["n"] == 5000


def test_only_the_head_of_a_stream(address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    connection.request("HEAD", "/q/list_long_rows.csv?last=1000000000")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    connection.close()


@pytest.mark.parametrize("ending", ["csv", "json", "ndjson"])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_an_error_in_the_middle_is_no_complete_file(address: tuple[str, int], ending: str, version: str) -> None:
    with socket.create_connection(address, PATIENCE) as client:
        request = f"GET /q/list_until_zero.{ending}?last=5000 HTTP/{version}\r\nHost: 127.0.0.1\r\n\r\n"
        client.sendall(request.encode())
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"200 OK" in head
    assert body.count(b"xxx") > 100
    assert b'"guestsql: incomplete, the next rows could not be read: SQLSTATE 22012' in body
    if version == "1.1":
        assert not answer.endswith(b"0\r\n\r\n")
        return
    with pytest.raises((csv.Error, json.JSONDecodeError)):
        read_strictly(body.decode(), ending)


def read_strictly(text: str, ending: str) -> None:
    if ending == "csv":
        list(csv.reader(io.StringIO(text), strict=True))
    elif ending == "json":
        json.loads(text)
    else:
        list(map(json.loads, filter(None, text.splitlines())))


def test_a_server_that_is_lost_in_the_middle(address: tuple[str, int], url: str) -> None:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    connection.request("GET", "/q/stall.csv?last=5000")
    answer = connection.getresponse()
    answer.read(1000)
    with psycopg.connect(url, autocommit=True) as admin:
        wait_for(admin, _ASLEEP)
        admin.execute(f"SELECT pg_terminate_backend(pid, 10000) FROM ({_ASLEEP}) AS found")
    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    assert b"57P01" in caught.value.partial
    connection.close()
    assert fetched(address, "/q/get_name.csv")[2] == b"name\nAna\n"


def test_a_client_that_goes_away_ends_its_query_and_frees_its_session(
    address: tuple[str, int], url: str, state: State
) -> None:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    connection.request("GET", "/q/stall.csv?last=5000")
    connection.getresponse().read(1000)
    with psycopg.connect(url, autocommit=True) as admin:
        wait_for(admin, _ASLEEP)
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()
        wait_for(admin, f"SELECT 1 WHERE NOT EXISTS ({_ASLEEP})")
    with contextmanager(held)(state):  # all of them are free
        pass


def test_a_client_that_stops_reading_is_taken_for_gone(
    address: tuple[str, int], url: str, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_response, "_STALLED_SECONDS", 0.05)
    with socket.create_connection(address, PATIENCE) as client, psycopg.connect(url, autocommit=True) as admin:
        client.sendall(b"GET /q/list_long_rows.csv?last=1000000000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert client.recv(10)
        with contextmanager(held)(state):
            wait_for(admin, f"SELECT 1 WHERE NOT EXISTS ({_OPEN})")


def test_a_download_has_an_end(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_response, "_LONGEST_SECONDS", 0.0)
    with pytest.raises(http.client.IncompleteRead) as caught:
        fetched(address, "/q/list_long_rows.csv?last=1000000000")
    assert b'"guestsql: incomplete' in caught.value.partial
    assert b"took longer" in caught.value.partial


_ASLEEP = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
_OPEN = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"


def wait_for(admin: psycopg.Connection[tuple[object, ...]], condition: str) -> None:
    """Wait until a query has a row."""
    admin.execute(f"SET statement_timeout = '{PATIENCE:g}s'")
    admin.execute(f"DO $$BEGIN WHILE NOT EXISTS ({condition}) LOOP PERFORM pg_stat_clear_snapshot(); END LOOP; END$$")


def fetched(address: tuple[str, int], path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()
