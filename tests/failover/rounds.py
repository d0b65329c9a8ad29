"""Fail-over rounds: bots write without a pause while the primary is killed and a standby promoted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.server import eventually
from tests.standby import ServerGroup

__all__ = ["Bots", "Found", "Round", "pages_of", "run_round"]

_ROOT = Path(__file__).parents[2]
_STORED = {
    "tokens": "SELECT thread_id, thread_tokens FROM guest_profiles WHERE thread_id IS NOT NULL"
    " UNION ALL SELECT thread_id, tokens FROM guest_threads",
    "message": "SELECT message_id, count(*) FROM messages WHERE direction = 'in' GROUP BY 1",
}


@dataclass
class Found:
    """What the journals and the database say together.

    Attributes:
        acknowledged: writes that were acknowledged.
        lost: when each acknowledged write that is not stored was acknowledged, in seconds of `time.monotonic()`.
        doubled: writes that are stored more than once, or although their error says that they are not.
        reads: contexts that a process has read after it had renamed their guest.
        stale: those that had an older name.
    """

    acknowledged: int = 0
    lost: list[float] = field(default_factory=list)
    doubled: int = 0
    reads: int = 0
    stale: int = 0


@dataclass(frozen=True)
class Round:
    """One fail-over.

    Attributes:
        promotion: seconds from the kill to the end of the promotion.
        recovery: seconds from there until every process had a write acknowledged again, and the pages answered.
        killed_at: when the last process of the primary was killed, in seconds of `time.monotonic()`.
    """

    promotion: float
    recovery: float
    killed_at: float


class Bots:
    """Processes of bot.py, and their journals.

    Args:
        group: the servers that they write to.
        folder: for the journals.
        writers: callers of each process that write.
        readers: callers of each process that rename a guest and read its context.
    """

    def __init__(self, group: ServerGroup, folder: Path, *, writers: int = 2, readers: int = 2) -> None:
        self._addresses = [group.url(), group.url("standby")]
        self._callers = [str(writers), str(readers)]
        self._folder = folder
        self._running: list[subprocess.Popen[str]] = []
        self._journals: list[Path] = []

    def start(self, *kinds: str) -> None:
        """Start a process of each kind, sync or async, and wait until they write."""
        for kind in kinds:
            number = len(self._journals)
            journal = self._folder / f"journal-{number}"
            journal.touch()
            self._journals.append(journal)
            program = Path(__file__).with_name("bot.py")
            arguments = [kind, *self._addresses, str(journal), str(number), *self._callers]
            environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
            command = [sys.executable, "-W", "error", str(program), *arguments]
            self._running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment))
        self.wait_since(0.0)

    def wait_since(self, since: float) -> float:
        """Wait until every process had a call acknowledged since a time; return when the last of them had."""
        firsts: dict[Path, float] = {}

        def all_have() -> bool:
            for journal in self._journals:
                if journal not in firsts and (times := [at for at, _ in _good(journal) if at > since]):
                    firsts[journal] = times[0]
            return len(firsts) == len(self._journals)

        eventually(all_have, 120.0, every=0.05)
        return max(firsts.values())

    def wait_for(self, number: int) -> None:
        """Wait until so many calls more were acknowledged."""
        wanted = self.count() + number
        eventually(lambda: self.count() >= wanted, 3600.0, every=0.1)

    def count(self) -> int:
        """How many calls were acknowledged."""
        texts = [journal.read_bytes() for journal in self._journals]
        return sum(text.count(b" done ") + text.count(b" read ") for text in texts)

    def stop(self) -> None:
        """Have all of them end cleanly."""
        for process in self._running:
            process.send_signal(signal.SIGUSR1)
        for process in self._running:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
        self._running.clear()

    def compare(self, connection: psycopg.Connection[Any]) -> Found:
        """Compare the journals with the database, when the processes have ended."""
        stored = {work: Counter(dict(connection.execute(query.encode()).fetchall())) for work, query in _STORED.items()}
        found = Found()
        for journal in self._journals:
            refused: set[tuple[str, str]] = set()
            for line in journal.read_text().splitlines():
                at, event, work, key = line.split()
                if event == "done":
                    found.acknowledged += 1
                    found.lost += [float(at)] if stored[work][key] == 0 else []
                found.doubled += event == "sent" and stored[work][key] > 1
                found.reads += event in {"read", "stale"}
                found.stale += event == "stale"
                if event == "failed":
                    refused.add((work, key))
            found.doubled += sum(stored[work][key] > 0 for work, key in refused)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.kill()
            process.communicate(timeout=60)


def _good(journal: Path) -> Iterator[tuple[float, str]]:
    """The calls of a process that were acknowledged; the last line may be incomplete."""
    for line in journal.read_text().splitlines(keepends=True):
        words = line.split()
        if line.endswith("\n") and words[1] in {"done", "read"}:
            yield float(words[0]), words[1]


class Pages:
    """`guestsql serve` on the primary, whichever server that is.

    Args:
        url: where it listens.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def wait(self) -> float:
        """Wait until a query's page has its rows; return when it had."""
        eventually(self._answers, 120.0, every=0.05)
        return time.monotonic()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/q/get_profile_totals.json", timeout=20) as answer:
                return b"total_profiles" in answer.read()
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def pages_of(url: str) -> Iterator[Pages]:
    """Serve the pages of a database meanwhile."""
    command = [sys.executable, "-m", "guestsql", "serve", "--port", "0", "--primary"]
    environment = {**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            found = re.search(r"http://\S+", process.stderr.readline())
            assert found is not None
            yield Pages(found[0])
        finally:
            process.kill()


def run_round(group: ServerGroup, bots: Bots, pages: Pages | None = None) -> Round:
    """Kill the primary while the bots write, promote a standby, and wait until everything works again."""
    bots.wait_for(30)
    killed_at, promoted_at = group.fail_over()
    recovered_at = bots.wait_since(promoted_at)
    if pages is not None:
        recovered_at = max(recovered_at, pages.wait())
    return Round(promoted_at - killed_at, recovered_at - promoted_at, killed_at)
