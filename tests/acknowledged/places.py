"""Servers that may be broken, some on a small disk or with a clock that is moved, and a database for each round."""

from __future__ import annotations

import itertools
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg

from guestsql import GuestDatabase
from guestsql.embedded import PrivateServer
from guestsql.embedded._account import server_account
from guestsql.embedded._binaries import find_binaries
from guestsql.settings import Settings
from tests.campaigns import allow_everything, give_consent
from tests.server import apply_migrations, drop_database, pg_bin, reachable_folder

TEMPLATE = "acknowledged"
# Lost commits are really lost: nothing else writes them to the disk soon. Deadlocks are found soon.
_SETTINGS = {"wal_writer_delay": "10s", "deadlock_timeout": "20ms", "max_connections": "80"}
_SMALL_WAL = {"min_wal_size": "32MB", "max_wal_size": "64MB"}
_DATA_BYTES = 320 << 20
_WAL_BYTES = 128 << 20
_CONTACTS = 300

_numbers = itertools.count(1)


class Unavailable(Exception):
    """This machine cannot do a fault; the message says why."""


@dataclass
class Disk:
    """A small file system.

    Attributes:
        folder: where it is mounted.
    """

    folder: Path

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no room while this lasts."""
        ballast = self.folder / "ballast"
        try:
            with ballast.open("wb") as file:
                for size in (1 << 20, 4096):
                    _fill(file.fileno(), size)
            yield
        finally:
            ballast.unlink(missing_ok=True)


class Clock:
    """The wall clock of processes that are started with `environment`.

    Args:
        folder: for the library that moves it, and the number of seconds.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            raise Unavailable("no C compiler, so no clock can be moved")
        library, self._offset = folder / "clock.so", folder / "offset"
        source = Path(__file__).with_name("clock.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True)
        self._offset.write_bytes(struct.pack("<q", 0))
        self._offset.chmod(0o644)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(self._offset)}

    def move(self, seconds: int) -> None:
        """Set the clock so many seconds ahead of the real one."""
        with self._offset.open("r+b") as file:
            file.write(struct.pack("<q", seconds))


@dataclass
class Place:
    """A server, with a template database for the rounds."""

    server: PrivateServer
    disk: Disk | None = None
    clock: Clock | None = None

    @contextmanager
    def database(self) -> Iterator[str]:
        """A new database; its address."""
        name = f"round_{next(_numbers)}"
        self.server.start()
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy".encode())
        try:
            yield self.server.url(name)
        finally:
            self.server.start()
            drop_database(self.server, name)


class Places:
    """Makes places when they are needed first, and keeps them."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Place, ExitStack]] = {}

    def get(self, kind: str) -> Place:
        """Return the place of a kind: one of PLACES.

        Raises:
            Unavailable: this machine cannot have it.
        """
        if kind not in self._made:
            with ExitStack() as stack:
                place = PLACES[kind](stack)
                _make_template(place.server)
                self._made[kind] = place, stack.pop_all()
        return self._made[kind][0]

    def forget(self, kind: str) -> None:
        """Remove a place that is broken; the next round makes another."""
        if kind in self._made:
            self._made.pop(kind)[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for kind in list(self._made):
            self.forget(kind)


def _make_template(server: PrivateServer) -> None:
    """Every migration, and a campaign with people who may be contacted."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}".encode())
    url = server.url(TEMPLATE)
    apply_migrations(url)
    with psycopg.connect(url, autocommit=True) as connection:
        allow_everything(connection)
        give_consent(connection, *(f"57399{number:07}" for number in range(_CONTACTS)))
    with GuestDatabase(settings=Settings(database_url=url, metrics_seconds=0)) as db:
        made: dict[str, Any] = {"segment": "silent", "parameters": {"silent_days": 0}, "purpose": "marketing"}
        db.create_campaign("offer", account="whatsapp", **made)
        db.plan_campaign("offer")


def _plain(stack: ExitStack) -> Place:
    folder = stack.enter_context(reachable_folder())
    return Place(stack.enter_context(PrivateServer(folder / "server", pg_bin(), settings=_SETTINGS)))


def _small_disk(stack: ExitStack) -> Place:
    """All data on a small disk, and the log elsewhere: a full disk refuses rows, and the server keeps running."""
    disk = _mount(stack, _DATA_BYTES)
    server = stack.enter_context(PrivateServer(disk.folder / "server", pg_bin(), settings=_SETTINGS | _SMALL_WAL))
    _move_log(server, stack.enter_context(reachable_folder()))
    return Place(server, disk)


def _small_wal_disk(stack: ExitStack) -> Place:
    disk = _mount(stack, _WAL_BYTES)
    folder = stack.enter_context(reachable_folder())
    server = stack.enter_context(PrivateServer(folder / "server", pg_bin(), settings=_SETTINGS | _SMALL_WAL))
    _move_log(server, disk.folder)
    return Place(server, disk)


def _moved_clock(stack: ExitStack) -> Place:
    folder = stack.enter_context(reachable_folder())
    clock = Clock(folder)
    programs = _wrap_programs(folder / "bin", clock.environment)
    return Place(stack.enter_context(PrivateServer(folder / "server", programs, settings=_SETTINGS)), clock=clock)


PLACES: dict[str, Callable[[ExitStack], Place]] = {
    "plain": _plain,
    "disk": _small_disk,
    "wal": _small_wal_disk,
    "clock": _moved_clock,
}


def _mount(stack: ExitStack, size: int) -> Disk:
    folder = stack.enter_context(reachable_folder()) / "disk"
    folder.mkdir(mode=0o755)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "guestsql", str(folder)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise Unavailable(f"no small disk can be mounted: {done.stderr.strip()}")
    stack.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
    return Disk(folder)


def _move_log(server: PrivateServer, folder: Path) -> None:
    server.stop()
    log, moved = server.directory / "data" / "pg_wal", folder / "pg_wal"
    shutil.move(log, moved)
    _give_away(moved)
    log.symlink_to(moved)
    server.start()


def _give_away(folder: Path) -> None:
    account = server_account(Path("/nonexistent"))
    if account is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.uid, account.gid)


def _wrap_programs(folder: Path, environment: dict[str, str]) -> Path:
    """PostgreSQL's programs, the server itself with another environment."""
    programs = find_binaries(pg_bin()).bin_dir
    folder.mkdir(mode=0o755)
    for program in programs.iterdir():
        if program.name != "postgres":
            (folder / program.name).symlink_to(program)
    words = " ".join(f"{name}='{value}'" for name, value in environment.items())
    script = folder / "postgres"
    script.write_text(f"#!/bin/sh\n{words} exec '{programs / 'postgres'}' \"$@\"\n")
    script.chmod(0o755)
    return folder


def _fill(file: int, size: int) -> None:
    try:
        while True:
            os.write(file, b"x" * size)
    except OSError:  # full
        return
