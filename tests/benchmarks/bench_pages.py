"""`guestsql serve`: a page of 50 rows against its query, 100 requests at once, and the memory of a long download.

The page and the query alone run in turn. GUESTSQL_BENCH_ROWS sets another number of rows for the download.
"""

from __future__ import annotations

import http.client
import os
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from time import perf_counter
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.cli.shell import spawn

ROUNDS = 40
AT_ONCE = 100
ROWS = int(os.environ.get("GUESTSQL_BENCH_ROWS", "1000000"))
MOST_GROWTH_MEGABYTES = 20

_QUERIES = """
-- name: list_nights(max_rows)
-- Nights by unit.
--   max_rows: int = 50, rows at most
SELECT unit, kind, nights, first_day, note FROM nights ORDER BY nights DESC LIMIT :max_rows::int;

-- name: list_charted_nights(max_rows)
-- Nights by unit, with a chart.
-- chart: bar x=unit y=nights
--   max_rows: int = 50, rows at most
SELECT unit, kind, nights, first_day, note FROM nights ORDER BY nights DESC LIMIT :max_rows::int;

-- name: list_many(max_rows)
-- Many rows.
--   max_rows: int, rows at most
SELECT number, md5(number::text) AS code, 'a text of some length' AS note
FROM generate_series(1, :max_rows::int) AS number;
"""
_TABLE = """
CREATE TABLE nights AS
SELECT
    'Unit ' || number AS unit, 'kind ' || number % 7 AS kind, number * 7919 % 1000 AS nights,
    DATE '2026-01-01' + number % 300 AS first_day, md5(number::text) AS note
FROM generate_series(1, 20000) AS number
"""
_QUERY = "SELECT unit, kind, nights, first_day, note FROM nights ORDER BY nights DESC LIMIT 50"


@dataclass
class Server:
    """A running `guestsql serve`."""

    process: subprocess.Popen[str]
    host: str

    def connect(self) -> closing[http.client.HTTPConnection]:
        """A connection that stays open between requests."""
        return closing(http.client.HTTPConnection(self.host, timeout=60))

    def peak_megabytes(self) -> float:
        """The most memory that the process has had since `reset_peak`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def reset_peak(self) -> None:
        """Let the peak begin at what the process has now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")


@pytest.fixture
def pages(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_TABLE)
        connection.execute("GRANT SELECT ON nights TO guestsql_monitor")
        connection.execute("VACUUM ANALYZE nights")
    folder = tmp_path / "queries"
    folder.mkdir()
    (folder / "own.sql").write_text(_QUERIES, encoding="utf-8")
    process = spawn("serve", "--port=0", DATABASE_URL=database_url, GUESTSQL_QUERIES_DIR=str(folder))
    with process, ThreadPoolExecutor(1) as reader:
        try:
            assert process.stderr is not None
            found = re.search(r"listening on (http://\S+)", process.stderr.readline())
            assert found is not None
            # What it logs of each request must not fill the pipe.
            reader.submit(process.stderr.read)
            yield Server(process, urlsplit(found[1]).netloc)
        finally:
            process.terminate()


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


@pytest.mark.parametrize("name", ["list_nights", "list_charted_nights"])
def bench_page(pages: Server, database_url: str, capsys: pytest.CaptureFixture[str], name: str) -> None:
    queries: list[float] = []
    answers: list[float] = []
    with pages.connect() as browser, psycopg.connect(database_url, autocommit=True) as connection:
        for _ in range(ROUNDS):
            queries.append(_seconds(lambda: connection.execute(_QUERY).fetchall()) * 1000)
            answers.append(_seconds(lambda: _get(browser, f"/q/{name}")) * 1000)
        status, page = _get(browser, f"/q/{name}")
    assert status == 200
    assert b">50 rows<" in page
    query, answer = statistics.median(queries[3:]), statistics.median(answers[3:])
    aim = 3 * query + 10
    with capsys.disabled():
        sys.stdout.write(f"\n/q/{name}: the query {query:.1f} ms, its page {answer:.1f} ms, aim {aim:.1f} ms\n")
    assert answer <= aim


def bench_requests_at_once(pages: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Half of them ask for the same, which one execution answers."""
    begin = Barrier(AT_ONCE)

    def ask(number: int) -> int:
        with pages.connect() as browser:
            begin.wait()
            return _get(browser, f"/q/list_nights?max_rows={50 if number % 2 else number + 1}")[0]

    with ThreadPoolExecutor(AT_ONCE) as visitors:
        started = perf_counter()
        statuses = Counter(visitors.map(ask, range(AT_ONCE)))
        seconds = perf_counter() - started
    with capsys.disabled():
        sys.stdout.write(f"\n{AT_ONCE} requests at once: {dict(statuses)} within {seconds:.1f} s\n")
    assert statuses == {200: AT_ONCE}


@pytest.mark.parametrize("ending", ["csv", "json", "ndjson"])
def bench_download(pages: Server, capsys: pytest.CaptureFixture[str], ending: str) -> None:
    with pages.connect() as browser:
        _read_all(browser, f"/q/list_many.{ending}?max_rows=20000")
        pages.reset_peak()
        before = pages.peak_megabytes()
        started = perf_counter()
        size = _read_all(browser, f"/q/list_many.{ending}?max_rows={ROWS}")
        seconds = perf_counter() - started
    growth = pages.peak_megabytes() - before
    with capsys.disabled():
        sys.stdout.write(
            f"\n{ROWS} rows as {ending}: {size / 1e6:.0f} MB in {seconds:.1f} s, memory of {before:.0f} MB"
            f" grew by {growth:.1f} MB at most (aim {MOST_GROWTH_MEGABYTES})\n"
        )
    assert growth < MOST_GROWTH_MEGABYTES


def _read_all(connection: http.client.HTTPConnection, path: str) -> int:
    """Read a download without keeping it; returns its size. A download that breaks off raises."""
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200
    size = 0
    while chunk := answer.read(1 << 16):
        size += len(chunk)
    return size
