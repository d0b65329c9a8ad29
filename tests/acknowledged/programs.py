"""Rounds without writers: an import or a migration that is killed, or whose server is, and that is run again."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from guestsql.migrate import PACKAGED
from tests.acknowledged.checker import Verdict
from tests.acknowledged.faults import FAULTS, Scene
from tests.acknowledged.places import TEMPLATE, Place
from tests.acknowledged.plan import Round
from tests.server import MIGRATIONS, eventually

_ROOT = Path(__file__).parents[2]
_GUESTS = 4000
_WAIT_SECONDS = 120.0
# Exit codes of the shell that say what happened: SQL error, cannot connect.
_FAILURES = {3, 4}
_SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'guestsql' AND pid <> pg_backend_pid()"
)
_LEDGER = "SELECT version FROM guestsql_migrations WHERE series = %s AND version > 0 ORDER BY version"


class Runs:
    """Runs of one command of the shell, until it succeeds.

    Args:
        url: the database.
        folder: for their output.
        command: the words behind `guestsql`.
    """

    def __init__(self, url: str, folder: Path, *command: str) -> None:
        self._url, self._folder, self._command = url, folder, command
        self._number = 0
        self.foreign: list[str] = []

    def start(self) -> subprocess.Popen[bytes]:
        """Start it."""
        self._number += 1
        output, errors = (self._folder / f"{name}-{self._number}" for name in ("out", "err"))
        with output.open("w") as out, errors.open("w") as err:
            return subprocess.Popen(
                [sys.executable, "-m", "guestsql", *self._command],
                stdout=out,
                stderr=err,
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": str(_ROOT), "DATABASE_URL": self._url},
            )

    def wait(self, process: subprocess.Popen[bytes], *, is_killed: bool = False) -> bool:
        """Wait for its end; True if it succeeded. Any other end than an error of the package is noted."""
        code = process.wait(_WAIT_SECONDS)
        errors = (self._folder / f"err-{self._number}").read_text(encoding="utf-8")
        if "Traceback" in errors or (code not in {0, *_FAILURES} and not is_killed):
            self.foreign.append(f"{' '.join(self._command[:2])} ended with {code}: {errors[-500:]}")
        return code == 0

    def finish(self) -> None:
        """Run it until it succeeds."""
        for _ in range(5):
            if self.wait(self.start()):
                return
        raise AssertionError(f"{self._command} does not succeed: {self.foreign}")

    def output(self) -> str:
        """What the last run printed."""
        return (self._folder / f"out-{self._number}").read_text(encoding="utf-8")


def run_import(planned: Round, place: Place, folder: Path) -> Verdict:
    """Import files while it is interrupted; afterwards every record is there, once."""
    files = folder / "bot"
    files.mkdir()
    guests = _write_files(files, random.Random(planned.seed))
    with place.database() as url:
        runs = Runs(url, folder, "legacy", "import", str(files), "--format", "json")
        _interrupt(planned, place, url, runs)
        runs.finish()
        runs.finish()
        again = json.loads(runs.output())
        verify = Runs(url, folder, "legacy", "verify", str(files), "--format", "json")
        is_equal = verify.wait(verify.start())
        with psycopg.connect(url) as connection:
            stored = dict(connection.execute("SELECT phone_number, thread_id FROM known_guests").fetchall())
            ids = connection.execute("SELECT phone_number, count(*) FROM guest_ids GROUP BY 1 HAVING count(*) > 1")
            doubled = [f"ids of {row}" for row in ids.fetchall()]
    lost = [f"guest {guest}: {stored.get(guest)}" for guest, thread in guests.items() if stored.get(guest) != thread]
    if not is_equal:
        lost.append(f"legacy verify: {verify.output()[-300:]}")
    if again["unchanged"] != len(guests):
        doubled.append(f"imported again, {again['unchanged']} of {len(guests)} are unchanged")
    return Verdict(len(guests), 0, lost=lost, doubled=doubled, foreign=runs.foreign + verify.foreign)


def run_migration(planned: Round, place: Place, folder: Path) -> Verdict:
    """Migrate an empty database while it is interrupted; afterwards it is as one that was not."""
    chance = random.Random(f"{planned.seed} doubled")
    with _empty_database(place, f"migrated_{planned.number}") as url:
        runs = Runs(url, folder, "migrate", "up")
        others = Runs(url, folder, "migrate", "up") if chance.random() < 0.5 else None
        beside = None if others is None else others.start()
        _interrupt(planned, place, url, runs)
        if others is not None and beside is not None:
            others.wait(beside)
        runs.finish()
        with psycopg.connect(url) as connection:
            ledger = [version for (version,) in connection.execute(_LEDGER, [PACKAGED])]
        wanted = sorted(int(path.name[:4]) for path in MIGRATIONS.glob("[0-9]*.sql"))
        differences = _dump(place, url) ^ _dump(place, place.server.url(TEMPLATE))
    lost = [f"migration {version}" for version in sorted({*wanted} - {*ledger})]
    lost += [f"the schema differs: {line}" for line in sorted(differences)[:20]]
    doubled = [f"migration {version}" for version in {*ledger} if ledger.count(version) > 1]
    return Verdict(len(wanted), 0, lost=lost, doubled=doubled, foreign=runs.foreign)


PROGRAMS: dict[str, Callable[[Round, Place, Path], Verdict]] = {"import": run_import, "migration": run_migration}


def _interrupt(planned: Round, place: Place, url: str, runs: Runs) -> None:
    """Start it and do a fault at any time behind its connecting, for each fault of the round."""
    chance = random.Random(f"{planned.seed} faults")
    scene = Scene(place.server, url, None, chance, 0.3, [])  # type: ignore[arg-type]
    for step in planned.steps:
        process = runs.start()
        _await_session(url, process)
        time.sleep(chance.uniform(0, step.after / 200))
        if step.fault == "kill_program":
            process.kill()
        else:
            FAULTS[step.fault](scene)
        runs.wait(process, is_killed=step.fault == "kill_program")


def _await_session(url: str, process: subprocess.Popen[bytes]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:

        def is_there() -> bool:
            row = connection.execute(_SESSIONS).fetchone()
            return process.poll() is not None or (row is not None and row[0] > 0)

        eventually(is_there, 60.0)


def _write_files(folder: Path, chance: random.Random) -> dict[str, str]:
    """Write both files of an old bot; the threads by guest."""
    guests = {f"57311{number:07}": f"thread_{chance.randrange(10**9)}" for number in range(_GUESTS)}
    records: list[Any] = [
        [guest, {"threadId": thread, "chatId": f"{guest}@s.whatsapp.net", "userName": "Ana", "labels": ["VIP"]}]
        for guest, thread in guests.items()
    ]
    chance.shuffle(records)
    (folder / "threads.json").write_text(json.dumps(records), encoding="utf-8")
    profiles = [[guest, {"name": "Ana M.", "lastInteraction": "2025-01-03"}] for guest in list(guests)[::7]]
    (folder / "guest_profiles.json").write_text(json.dumps(profiles), encoding="utf-8")
    return guests


@contextmanager
def _empty_database(place: Place, name: str) -> Iterator[str]:
    with psycopg.connect(place.server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    try:
        yield place.server.url(name)
    finally:
        place.server.start()
        with psycopg.connect(place.server.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _dump(place: Place, url: str) -> set[str]:
    """The schema as lines; pg_dump writes no index that is not valid."""
    arguments = ["--schema-only", "--no-owner", "--exclude-table=guestsql_migrations*", url]
    done = place.server.run("pg_dump", arguments)
    assert done.returncode == 0, done.stderr
    lines = {re.sub(r",$", "", line) for line in done.stdout.splitlines() if not line.startswith("\\")}
    return {line for line in lines if not re.search(r"messages_\d{4}_\d\d", line)}
