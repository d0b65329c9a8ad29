"""Writer processes from outside: start, stop, kill, and wait until they have got more answers."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.acknowledged.journal import Notes, read_journals
from tests.acknowledged.works import WORKS
from tests.server import eventually

_ROOT = Path(__file__).parents[2]
_END_SECONDS = 180.0
_MORE_SECONDS = 150.0


@dataclass
class Order:
    """How writers work.

    Attributes:
        faces: the class of each process: sync or async.
        works: names of WORKS, one thread each.
        settings: of the databases.
    """

    faces: list[str] = field(default_factory=lambda: ["sync", "async"])
    works: list[str] = field(default_factory=lambda: [*WORKS, "contexts"])
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


class Writers:
    """The writers of a round.

    Args:
        url: the database's address.
        folder: for the journals.
        order: how they work.
        seed: of their choices.
    """

    def __init__(self, url: str, folder: Path, order: Order, seed: str) -> None:
        self._folder, self._order, self._seed = folder, order, seed
        known = {"deadline_seconds": 60.0, "lease_seconds": 1.0, "flush_seconds": 0.05, "metrics_seconds": 0.2}
        self._settings = {"database_url": url, "pool_max": 6, **known, **order.settings}
        self._journals: list[Path] = []
        self._read: dict[Path, int] = {}
        self._done = 0
        self.running: list[tuple[str, subprocess.Popen[str]]] = []

    def start(self) -> None:
        """Start a process for each face, and wait until they work."""
        started = [self._launch(face) for face in self._order.faces]
        for process in started:
            self._await_ready(process)

    def _launch(self, face: str) -> subprocess.Popen[str]:
        number = len(self._journals)
        journal = self._folder / f"journal-{number}"
        journal.touch()
        self._journals.append(journal)
        order = {
            "face": face,
            "works": self._order.works,
            "settings": self._settings,
            "journal": str(journal),
            "counters": str(self._folder / "counters"),
            "number": number,
            "seed": f"{self._seed} {number}",
        }
        with (self._folder / f"stderr-{number}").open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "tests.acknowledged.writer", json.dumps(order)],
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                env={**os.environ, "PYTHONPATH": str(_ROOT), **self._order.environment},
                start_new_session=True,
            )
        self.running.append((face, process))
        return process

    def _await_ready(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise AssertionError(f"a writer did not start: {self.errors()}")

    def wait_for_more(self, number: int) -> None:
        """Wait until so many effects more are acknowledged."""
        wanted = self.acknowledged() + number
        eventually(lambda: self.acknowledged() >= wanted or not self._all_run(), _MORE_SECONDS)
        assert self._all_run(), f"a writer has ended: {self.errors()}"

    def acknowledged(self) -> int:
        """How many effects have been acknowledged so far."""
        for journal in self._journals:
            with journal.open("rb") as file:
                file.seek(self._read.get(journal, 0))
                text = file.read()
            complete = text[: text.rfind(b"\n") + 1]
            self._read[journal] = self._read.get(journal, 0) + len(complete)
            self._done += sum(line.startswith(b"done ") for line in complete.splitlines())
        return self._done

    def sizes(self) -> dict[Path, int]:
        """How long each journal is now."""
        return {journal: journal.stat().st_size for journal in self._journals}

    def kill(self, chance: random.Random) -> None:
        """Kill a process with SIGKILL, and start another in its place."""
        face, process = self.running.pop(chance.randrange(len(self.running)))
        process.kill()
        _end(process)
        self._await_ready(self._launch(face))

    def signal(self, number: int, face: str = "") -> None:
        """Send a signal to all processes, or to those of one face."""
        for known, process in self.running:
            if face in {"", known}:
                process.send_signal(number)

    def stop(self) -> None:
        """Have all of them end cleanly: they write what they have buffered."""
        self.signal(signal.SIGUSR1)
        for _, process in self.running:
            code = process.wait(_END_SECONDS)
            assert code == 0, f"a writer ended with {code}: {self.errors()}"
            _end(process)
        self.running.clear()

    def notes(self) -> Notes:
        """What the journals say."""
        return read_journals(self._journals)

    def errors(self) -> str:
        """What the processes wrote to stderr."""
        return "".join(path.read_text(encoding="utf-8") for path in sorted(self._folder.glob("stderr-*")))[-3000:]

    def _all_run(self) -> bool:
        return all(process.poll() is None for _, process in self.running)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _, process in self.running:
            with suppress(ProcessLookupError):  # the children that it forked may live longer
                os.killpg(process.pid, signal.SIGKILL)
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.wait(_END_SECONDS)
    if process.stdout is not None:
        process.stdout.close()
