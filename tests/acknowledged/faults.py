"""Faults: each is done once to a scene, while its writers work. Afterwards the server answers again."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from guestsql.embedded import PrivateServer
from tests.acknowledged.network import HarmingProxy
from tests.acknowledged.places import Clock, Disk
from tests.acknowledged.writers import Writers
from tests.server import eventually
from tests.unreplicated import waiting, without_standby

_OTHERS = (
    "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    " AND datname = current_database()"
)
_CANNOT_CONNECT = (psycopg.OperationalError, OSError)


@dataclass
class Scene:
    """What a fault can act on.

    Attributes:
        server: the writers' server.
        url: its database, not by way of the proxy.
        writers: who works there.
        chance: of this fault.
        seconds: how long a fault lasts that has an end.
        found: what the fault itself has found wrong.
        proxy, disk, clock: where there is one.
    """

    server: PrivateServer
    url: str
    writers: Writers
    chance: random.Random
    seconds: float
    found: list[str]
    proxy: HarmingProxy | None = None
    disk: Disk | None = None
    clock: Clock | None = None

    def connect(self) -> psycopg.Connection[Any]:
        """Connect as a superuser, as soon as the server answers."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return psycopg.connect(self.url, autocommit=True, connect_timeout=10)
            except _CANNOT_CONNECT:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


# -- the server ----------------------------------------------------------------------------------------


def kill_server(scene: Scene) -> None:
    scene.server.kill()
    scene.server.start()


def stop_at_once(scene: Scene) -> None:
    """As `pg_ctl stop -m immediate`; the next clients use the numbers of lost transactions again."""
    done = scene.server.run("pg_ctl", ["stop", "-m", "immediate", "-w", "-D", scene.server.directory / "data"])
    assert done.returncode == 0, done.stderr
    scene.server.start()
    with scene.connect() as connection:
        for _ in range(20):
            connection.execute("SELECT pg_current_xact_id()")


def restart(scene: Scene) -> None:
    scene.server.restart()


def kill_backend(scene: Scene) -> None:
    """One session's process is killed, as the kernel does when memory is short: the server ends all of them.

    It lets clients connect until it has noticed, so this waits until its own session has ended too.
    """
    with closing(scene.connect()) as connection, suppress(psycopg.OperationalError):
        while True:
            found = [pid for (pid,) in connection.execute(f"SELECT pid {_OTHERS}".encode())]
            if found:
                _send(scene.chance.choice(found), signal.SIGKILL)
            time.sleep(0.05)
    scene.connect().close()


def terminate_sessions(scene: Scene) -> None:
    with scene.connect() as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}".encode())


def cancel_statements(scene: Scene) -> None:
    with scene.connect() as connection:
        for _ in range(20):
            connection.execute(f"SELECT pg_cancel_backend(pid) {_OTHERS} AND state = 'active'".encode())
            time.sleep(0.01)


def refuse_writes(scene: Scene) -> None:
    """As on a standby that is promoted later."""
    _while_set(scene, "default_transaction_read_only = on")


def short_timeouts(scene: Scene) -> None:
    """The server's own timeouts, while another session holds locks again and again."""
    with ExitStack() as stack:
        stack.callback(_lock_rows, scene, scene.seconds / 2)
        _while_set(scene, "statement_timeout = '30ms'", "lock_timeout = '15ms'")


def lock_table(scene: Scene) -> None:
    with scene.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE guest_profiles IN EXCLUSIVE MODE")
        time.sleep(scene.seconds)


def deadlocks(scene: Scene) -> None:
    """Another session locks the same guests, in any order."""
    _lock_rows(scene, scene.seconds)


def too_many_clients(scene: Scene) -> None:
    """Others take every connection of the server."""
    with ExitStack() as stack:
        watcher = stack.enter_context(scene.connect())
        until = time.monotonic() + scene.seconds
        watcher.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}".encode())
        while time.monotonic() < until:
            try:
                stack.enter_context(psycopg.connect(scene.url, connect_timeout=5))
            except psycopg.OperationalError:
                time.sleep(0.02)


def lose_standby(scene: Scene) -> None:
    """The synchronous standby is away, and waits for it are cancelled: nothing is acknowledged meanwhile."""
    with scene.connect() as watcher, without_standby(watcher):
        # A message that was claimed before may end without a write of its own.
        before = scene.writers.notes().times
        for _ in range(8):
            eventually(lambda: waiting(watcher))
            how = scene.chance.choice(["pg_cancel_backend", "pg_terminate_backend"])
            for pid in waiting(watcher):
                watcher.execute(f"SELECT {how}(%s)".encode(), [pid])
            time.sleep(scene.chance.uniform(0, 0.1))
        after = scene.writers.notes().times
    for place, times in after["done"].items():
        began = after["sent"][place] - before["sent"][place]
        ended = times - before["done"][place]
        pending = before["sent"][place] - before["done"][place] - before["failed"][place]
        if began and ended > max(pending, 0):
            scene.found.append(f"{place}: acknowledged {ended} times without a standby")


def _while_set(scene: Scene, *settings: str) -> None:
    """Set something for the database's new sessions while this lasts."""
    names = [setting.partition(" ")[0] for setting in settings]
    with scene.connect() as connection:
        database = connection.info.dbname
        connection.execute("SET default_transaction_read_only = off")
        try:
            for setting in settings:
                connection.execute(f"ALTER DATABASE {database} SET {setting}".encode())
            connection.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}".encode())
            time.sleep(scene.seconds)
        finally:
            for name in names:
                connection.execute(f"ALTER DATABASE {database} RESET {name}".encode())
            connection.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}".encode())


def _lock_rows(scene: Scene, seconds: float) -> None:
    until = time.monotonic() + seconds
    with scene.connect() as connection:
        while time.monotonic() < until:
            with suppress(psycopg.errors.DeadlockDetected, psycopg.errors.QueryCanceled), connection.transaction():
                for _ in range(4):
                    connection.execute(
                        "SELECT FROM guest_profiles WHERE phone_number IN"
                        " (SELECT phone_number FROM guest_profiles ORDER BY random() LIMIT 2) FOR UPDATE"
                    )
                    time.sleep(0.01)


# -- the network ---------------------------------------------------------------------------------------


def _harm(how: str) -> Callable[[Scene], None]:
    def fault(scene: Scene) -> None:
        proxy = scene.proxy
        assert proxy is not None
        proxy.harm(how, scene.chance.randint(3, 12), scene.seconds)
        eventually(proxy.is_idle, 60.0)

    fault.__name__ = f"cut_{how}"
    return fault


def cut_commit(scene: Scene) -> None:
    """Transactions lose their connection before, during or after their COMMIT."""
    proxy = scene.proxy
    assert proxy is not None
    for _ in range(6):
        proxy.harm(scene.chance.choice(["before", "during", "after"]), 1, at=b"COMMIT")
    eventually(proxy.is_idle, 60.0)


def strand_sessions(scene: Scene) -> None:
    """Sessions stop while they lose their clients, and go on when these have repeated what was not answered."""
    assert scene.proxy is not None
    with scene.connect() as connection:
        stranded = [pid for (pid,) in connection.execute(f"SELECT pid {_OTHERS}".encode())]
        for pid in stranded:
            _send(pid, signal.SIGSTOP)
        try:
            time.sleep(0.2)  # each client has sent something by now
            scene.proxy.cut_all()
            time.sleep(scene.seconds)
        finally:
            for pid in stranded:
                _send(pid, signal.SIGCONT)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def refuse_connections(scene: Scene) -> None:
    proxy = scene.proxy
    assert proxy is not None
    proxy.is_closed = True
    proxy.cut_all()
    time.sleep(scene.seconds)
    proxy.is_closed = False


# -- the writers ---------------------------------------------------------------------------------------


def kill_writer(scene: Scene) -> None:
    scene.writers.kill(scene.chance)


def stop_writers(scene: Scene) -> None:
    """Longer than their leases: others take over what they do."""
    face = scene.chance.choice(["sync", "async"])
    scene.writers.signal(signal.SIGSTOP, face)
    time.sleep(1.5)
    scene.writers.signal(signal.SIGCONT, face)


def fork(scene: Scene) -> None:
    scene.writers.signal(signal.SIGUSR2, "sync")


# -- the disk and the clock ----------------------------------------------------------------------------


def fill_disk(scene: Scene) -> None:
    assert scene.disk is not None
    with scene.disk.full():
        time.sleep(scene.seconds)


def fill_wal_disk(scene: Scene) -> None:
    """The server panics as soon as it needs another file of its log, and cannot start again before there is room."""
    assert scene.disk is not None
    with scene.disk.full():
        with suppress(psycopg.Error), psycopg.connect(scene.url, autocommit=True) as connection:
            for _ in range(20):
                connection.execute("SELECT pg_switch_wal(), pg_logical_emit_message(true, '', repeat('x', 100000))")
        time.sleep(scene.seconds)
    scene.server.start()
    scene.connect().close()


def move_clock(scene: Scene) -> None:
    assert scene.clock is not None
    scene.clock.move(scene.chance.choice([-7200, -3600, -30, -2, 2, 30, 3600, 7200]))


FAULTS: dict[str, Callable[[Scene], None]] = {
    each.__name__: each
    for each in (
        kill_server,
        stop_at_once,
        restart,
        kill_backend,
        terminate_sessions,
        cancel_statements,
        refuse_writes,
        short_timeouts,
        lock_table,
        deadlocks,
        too_many_clients,
        lose_standby,
        *map(_harm, ("before", "half", "during", "after", "hang", "silence")),
        cut_commit,
        strand_sessions,
        refuse_connections,
        kill_writer,
        stop_writers,
        fork,
        fill_disk,
        fill_wal_disk,
        move_clock,
    )
}
