"""Deploys during the load: a new process is ready before the old one ends; the second one migrates the schema first."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.benchmarks.soak.bots import Answers, Bot

__all__ = ["Fleet"]

_OVERLAP_SECONDS = 2.0
_MIGRATIONS = {
    "0001_guest_rooms.sql": "ALTER TABLE guest_profiles ADD COLUMN room text;\n",
    "0002_guest_rooms_index.sql": (
        "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS guest_profiles_room ON guest_profiles (room);\n"
    ),
}


class Fleet:
    """Two bots, of which one is replaced by each deploy.

    Args:
        url: of the database.
        answers: what they have answered.

    Attributes:
        first: the one that runs from the beginning to the end.
        exit_codes: of those that have ended.
        errors: deploys that failed.
        migration_seconds: how long the migrations took.
    """

    def __init__(self, url: str, answers: Answers) -> None:
        self._url = url
        self._answers = answers
        self._lock = threading.Lock()
        self._deploys: list[threading.Thread] = []
        self.exit_codes: list[int] = []
        self.errors: list[Exception] = []
        self.migration_seconds = 0.0
        self.first = Bot(url, answers)
        self._bots = [self.first, Bot(url, answers)]

    def deliver(self, number: int, guest: str, due: float) -> None:
        """Give a message to one of the bots."""
        with self._lock:
            self._bots[number % len(self._bots)].deliver(number, guest, due)

    def deploy(self, *, migrates: bool) -> None:
        """Begin a deploy, beside the load."""
        thread = threading.Thread(target=self._deploy, args=(migrates,), daemon=True)
        self._deploys.append(thread)
        thread.start()

    def end(self) -> None:
        """Wait for the deploys, and end all bots."""
        for deploy in self._deploys:
            deploy.join()
        with self._lock:
            ending, self._bots = self._bots, []
        self.exit_codes += [bot.end() for bot in ending]

    def kill(self) -> None:
        """End what still runs."""
        for bot in self._bots:
            bot.__exit__()

    def _deploy(self, migrates: bool) -> None:
        try:
            if migrates:
                self._migrate()
            new = Bot(self._url, self._answers)
            with self._lock:
                self._bots.append(new)
            time.sleep(_OVERLAP_SECONDS)
            with self._lock:
                old = self._bots.pop(1)
            self.exit_codes.append(old.end())
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            self.errors.append(error)

    def _migrate(self) -> None:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            for name, text in _MIGRATIONS.items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
            command = [sys.executable, "-m", "guestsql", "migrate", "up"]
            given = {"DATABASE_URL": self._url, "GUESTSQL_MIGRATIONS_DIR": folder}
            subprocess.run(command, env={**os.environ, **given}, check=True, stdout=subprocess.DEVNULL)
        self.migration_seconds = time.monotonic() - started
