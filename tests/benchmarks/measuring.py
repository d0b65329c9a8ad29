"""What the measuring commands share: works in turn, percentiles, WAL, and their figures in docs/.

A command measures, then calls `write_figures`, `write_chart` and `replace_section`: no figure of a page is typed in.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
import shutil
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import LiteralString

import psutil
import psycopg

from guestsql.charts.mark import read_chart
from guestsql.charts.render import svg
from guestsql.charts.specification import specification
from guestsql.embedded import PrivateServer
from guestsql.embedded._account import server_account
from guestsql.embedded._binaries import find_binaries
from guestsql.embedded._places import temporary_base
from guestsql.embedded._postmaster import find_postmaster
from tests.server import pg_bin

__all__ = [
    "DOCS",
    "Wal",
    "Work",
    "cores_apart",
    "disk_server",
    "in_turn",
    "machine",
    "percentiles",
    "replace_section",
    "server_apart",
    "table",
    "timed",
    "timed_async",
    "wal_bytes",
    "write_chart",
    "write_figures",
]

DOCS = Path(__file__).resolve().parents[2] / "docs"
_POSITION: LiteralString = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"

Work = Callable[[int], Iterable[float]]
"""Does its operation so many times, and returns the seconds of each."""


def timed(operation: Callable[[], object]) -> Work:
    """Return the work that calls an operation and times each call."""

    def work(calls: int) -> list[float]:
        seconds = []
        for _ in range(calls):
            started = perf_counter()
            operation()
            seconds.append(perf_counter() - started)
        return seconds

    return work


def timed_async(loop: asyncio.AbstractEventLoop, operation: Callable[[], Awaitable[object]]) -> Work:
    """Return the work that awaits an operation in a loop, one call after another, and times each."""

    async def run(calls: int) -> list[float]:
        seconds = []
        for _ in range(calls):
            started = perf_counter()
            await operation()
            seconds.append(perf_counter() - started)
        return seconds

    return lambda calls: loop.run_until_complete(run(calls))


def in_turn(works: Mapping[str, Work], *, seconds: float, calls: int = 10, rounds: int = 3) -> dict[str, list[float]]:
    """Run works in turn, so that what disturbs the machine disturbs all of them alike.

    Args:
        works: by name. Each round begins with another one.
        seconds: for how long, together.
        calls: of each work by round.
        rounds: how many at least, however long they take. One before them is not counted.

    Returns:
        The seconds of every call, by name.
    """
    names = list(works)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        works[name](calls)
    deadline = perf_counter() + seconds
    done = 0
    while done < rounds or perf_counter() < deadline:
        first = done % len(names)
        for name in names[first:] + names[:first]:
            taken[name].extend(works[name](calls))
        done += 1
    return taken


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return the 10th, 50th and 95th percentile of times, in the unit of the times."""
    if len(seconds) == 1:
        return dict.fromkeys(("p10", "p50", "p95"), seconds[0])
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return {"p10": cuts[1], "p50": cuts[9], "p95": cuts[18]}


class Wal:
    """The bytes of WAL that were written in a block of `wal_bytes`; known after it."""

    bytes: int = 0


@contextmanager
def wal_bytes(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[Wal]:
    """Measure the WAL that the server writes during the block, for any client.

    Args:
        connection: to the server, in autocommit, and not used by what is measured.
    """
    wal = Wal()
    before = _position(connection)
    yield wal
    wal.bytes = _position(connection) - before


def _position(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    row = connection.execute(_POSITION).fetchone()
    assert row is not None
    return int(str(row[0]))


def _cores() -> list[int]:
    """Those that this process may use; none where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextmanager
def cores_apart() -> Iterator[Callable[[], None]]:
    """Keep servers that are started in the block away from the core of this process.

    A call takes half the time when the server's process happens to share the client's core. Which connections do
    changes from run to run; those to a server on another machine never do.

    Yields:
        What to call when the servers run, before the first connection.
    """
    cores = _cores()
    if len(cores) <= 1:
        yield lambda: None
        return
    os.sched_setaffinity(0, cores[1:])  # their processes inherit it
    try:
        yield lambda: os.sched_setaffinity(0, cores[:1])
    finally:
        os.sched_setaffinity(0, cores)


@contextmanager
def server_apart(server: PrivateServer) -> Iterator[None]:
    """Keep the new sessions of a running server away from the core of this process, as `cores_apart` does.

    Args:
        server: whose sessions.
    """
    cores = _cores()
    postmaster = find_postmaster(server.directory / "data")
    if len(cores) <= 1 or postmaster is None:
        yield
        return
    postmaster.cpu_affinity(cores[1:])
    os.sched_setaffinity(0, cores[:1])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        postmaster.cpu_affinity(cores)


@contextmanager
def disk_server(**settings: str) -> Iterator[PrivateServer]:
    """A server as in production: its data on a disk, fsync and autovacuum on; gone at the end.

    Args:
        settings: of the server, by name.
    """
    account = server_account(Path("/nonexistent"))
    folder = Path(tempfile.mkdtemp(prefix="guestsql-bench-", dir=temporary_base(account)))
    folder.chmod(0o755)
    try:
        with PrivateServer(folder / "server", pg_bin(), settings=settings, ephemeral=False) as server:
            yield server
    finally:
        shutil.rmtree(folder)


def machine() -> dict[str, object]:
    """Return what figures are quoted with: the processor, memory, versions and the date."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        "postgresql": find_binaries(pg_bin()).version,
        "psycopg": f"{psycopg.__version__} {psycopg.pq.__impl__}",
        "date": datetime.now(UTC).date().isoformat(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except FileNotFoundError:  # not Linux
        return platform.processor() or platform.machine()
    found = re.search(r"model name\s*:\s*(.+)", lines)
    return platform.machine() if found is None else found[1]


def write_figures(name: str, data: object) -> Path:
    """Write docs/figures/NAME.json; a command that is interrupted leaves the file of its last call."""
    return _write(DOCS / "figures" / f"{name}.json", json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def write_chart(
    name: str,
    chart_mark: str,
    rows: Sequence[Mapping[str, object]],
    *,
    title: str = "",
    labels: Mapping[str, str] | None = None,
    width: int = 720,
) -> Path:
    """Draw docs/figures/NAME.svg.

    Args:
        name: of the file.
        chart_mark: as in a query file, such as `line x=guests y=hit,miss`.
        rows: by column; the columns are those of the first row.
        title: above the plot.
        labels: what columns are called.
        width: of the picture in CSS pixels.
    """
    columns = list(rows[0])
    values = [[row[column] for column in columns] for row in rows]
    spec = specification(read_chart(chart_mark), columns, values, zone=UTC, width=width, title=title, labels=labels)
    return _write(DOCS / "figures" / f"{name}.svg", svg(spec) + "\n")


def replace_section(page: Path, name: str, markdown: str) -> None:
    """Replace what is between the lines `<!-- NAME -->` and `<!-- /NAME -->` of a page.

    Raises:
        ValueError: the page has no such lines.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, opened, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"{page} has no section {name}: write {begin.strip()} and {end} on lines of their own")
    _write(page, f"{before}{begin}{markdown.strip()}\n{end}{after}")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of Markdown; None is an empty cell."""
    lines = [list(head), ["---"] * len(head)]
    lines += [["" if cell is None else str(cell) for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path
