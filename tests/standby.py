"""Primaries and standbys: a standby beside a server, and a group of servers in which a standby takes over."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

from guestsql.embedded import PrivateServer
from guestsql.embedded._account import server_account
from guestsql.embedded._places import make_own_folder, socket_folder
from tests.server import apply_migrations, eventually, fast_folder, pg_bin

__all__ = ["ServerGroup", "replayed", "server_group", "several_hosts", "standby_of", "wal_position"]

_SETTINGS = {"shared_preload_libraries": "", "wal_retrieve_retry_interval": "100ms", "wal_keep_size": "128MB"}


def several_hosts(*places: tuple[str, str], dbname: str, **known: str) -> str:
    """An address that names several places."""
    hosts, ports = zip(*places, strict=True)
    given = {"host": ",".join(hosts), "port": ",".join(ports), "user": "postgres", "dbname": dbname, **known}
    return " ".join(f"{name}='{value}'" for name, value in given.items())


@contextmanager
def standby_of(primary: PrivateServer) -> Iterator[PrivateServer]:
    """A standby in the folder of its primary, by a slot of its own."""
    directory = primary.directory / "standby"
    source = f"host={primary.socket_dir} port={primary.port} user={primary.superuser} application_name=standby_1"
    _copy(primary, directory, source, "-C", "-S", "slot_1")
    with PrivateServer(directory, pg_bin(), settings={"shared_preload_libraries": ""}) as server:
        yield server


def wal_position(primary: PrivateServer) -> int:
    """How far a primary has written, in bytes of the log."""
    return _number(primary, "SELECT (pg_current_wal_flush_lsn() - '0/0')::int8")


def replayed(standby: PrivateServer) -> int:
    """How far a standby has replayed, in bytes of the log."""
    return _number(standby, "SELECT (pg_last_wal_replay_lsn() - '0/0')::int8")


def _copy(source: PrivateServer, directory: Path, conninfo: str, *options: str) -> None:
    arguments = ["-D", directory / "data", "-d", conninfo, "-R", "-X", "stream", "-c", "fast", "--no-sync", *options]
    done = source.run("pg_basebackup", arguments)
    assert done.returncode == 0, done.stderr


def _number(server: PrivateServer, query: str) -> int:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0] or 0)


class ServerGroup:
    """A primary and its standbys. Each keeps its place, so that one address names them all, and any may be the primary.

    Args:
        folder: an empty folder that the servers' account can reach.
        number: how many servers.
        is_synchronous: True if a commit waits for one of the standbys, whichever it is.
    """

    def __init__(self, folder: Path, number: int, *, is_synchronous: bool) -> None:
        # From the beginning: a reloaded setting would hold some time after the reload.
        synchronous = {"synchronous_standby_names": "ANY 1 (*)"} if is_synchronous else {}
        self._settings: Mapping[str, str] = {**_SETTINGS, **synchronous}
        self._folders = [folder / f"server_{place}" for place in range(number)]
        first, *others = self._folders
        self._killed: PrivateServer | None = None
        self._servers: dict[Path, PrivateServer] = {}
        self.primary = self._start(first)
        self._places = [(str(self.primary.socket_dir), str(self.primary.port))]
        for each in others:
            account = server_account(each / "data")
            make_own_folder(each, account)
            self._places.append((str(socket_folder(each, account)), str(self.primary.port)))
        for each in others:
            self._join(each)
        apply_migrations(self.primary.url())
        self.wait_for_standbys()

    def url(self, target: str = "read-write") -> str:
        """The address of all servers.

        Args:
            target: which of them is wanted, as in `target_session_attrs`.
        """
        return several_hosts(*self._places, dbname="postgres", target_session_attrs=target)

    @property
    def standbys(self) -> list[PrivateServer]:
        """The running servers that are not the primary."""
        return [server for server in self._servers.values() if server is not self.primary]

    def fail_over(self, to: PrivateServer | None = None) -> tuple[float, float]:
        """Kill the primary with SIGKILL, and promote a standby.

        Args:
            to: the standby; None for the one that has the most.

        Returns:
            When the last process of the primary was killed, and when the promotion was complete, in seconds of
            `time.monotonic()`.
        """
        self._killed = self.primary
        self._killed.kill()
        killed_at = time.monotonic()
        self._servers = {folder: server for folder, server in self._servers.items() if server is not self._killed}
        self.primary = to or max(self._servers.values(), key=_received)
        with psycopg.connect(self.primary.url(), autocommit=True) as connection:
            if not self.standbys:  # as a manager does: nothing can confirm a commit until a server is rebuilt
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
                connection.execute("SELECT pg_reload_conf()")
            assert connection.execute("SELECT pg_promote()").fetchone() == (True,)
        return killed_at, time.monotonic()

    def rebuild(self) -> None:
        """Make the server that was killed a standby of the primary, and wait until it streams."""
        self._close_killed()
        for folder in self._folders:
            if folder not in self._servers:
                self._join(folder)
        self.wait_for_standbys()

    def wait_for_standbys(self) -> None:
        """Wait until every standby has replayed what the primary has written."""
        written = wal_position(self.primary)
        for standby in self.standbys:
            eventually(lambda standby=standby: replayed(standby) >= written)

    def close(self) -> None:
        """End all servers."""
        self._close_killed()
        for server in self._servers.values():
            server.close()

    def _close_killed(self) -> None:
        if self._killed is not None:
            self._killed.close()
            self._killed = None

    def _start(self, folder: Path) -> PrivateServer:
        server = self._servers[folder] = PrivateServer(folder, pg_bin(), settings=self._settings).start()
        return server

    def _join(self, folder: Path) -> None:
        """Make a standby of the primary, and of whichever server will be the primary."""
        make_own_folder(folder, server_account(folder / "data"))
        _copy(self.primary, folder, self.url())
        self._start(folder)


@contextmanager
def server_group(number: int = 2, *, is_synchronous: bool = False) -> Iterator[ServerGroup]:
    """A primary with its standbys in new folders, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="guestsql-test-", dir=fast_folder()))
    folder.chmod(0o755)
    group: ServerGroup | None = None
    try:
        group = ServerGroup(folder, number, is_synchronous=is_synchronous)
        yield group
    finally:
        if group is not None:
            group.close()
        shutil.rmtree(folder, ignore_errors=True)


def _received(standby: PrivateServer) -> int:
    return _number(standby, "SELECT (pg_last_wal_receive_lsn() - '0/0')::int8")
