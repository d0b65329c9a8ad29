"""The embedded server: one server for all processes with the same home.

Two lock files are beside a server's folder. `postgres-18.lock` is held while a process checks, starts or
stops the server. Every process that uses the server holds a read lock on `postgres-18.users`. A process
that leaves and gets the write lock was the last one, and stops the server. The system releases the locks
of a process that dies, so a process that was killed with -9 does not count, and a reused process id does
no harm.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from fasteners import InterProcessLock, InterProcessReaderWriterLock  # type: ignore[import-untyped]  # has no marker

from guestsql.embedded._account import Account, is_root, server_account
from guestsql.embedded._binaries import Binaries, find_binaries, reachable_binaries
from guestsql.embedded._cluster import Cluster
from guestsql.embedded._places import make_own_folder, server_base
from guestsql.errors import EmbeddedServerError
from guestsql.process import at_worker_end, in_forked_child

__all__ = ["EmbeddedServer", "Place"]

DATABASE = "guestsql"
_LOCK_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the embedded server keeps its files.

    Attributes:
        folder: the server's own folder. For root it may be outside the home, if the server's account cannot reach that.
        has_data: True when there is a data directory.
    """

    folder: Path
    has_data: bool


class EmbeddedServer:
    """The shared server of a home; a context manager that returns the URL.

    Safe to use from many threads; the uses in one process are counted. A process that ends leaves the
    server. If every process was killed with -9, the server keeps running until the next one leaves.

    Args:
        home: where it keeps its data (`Settings.home`); one server for each major version.
        pg_bin: folder of PostgreSQL's programs; None means those of the extra `embedded`.
        database: the database of the URL; created if it does not exist.
    """

    def __init__(self, home: Path, pg_bin: Path | None = None, *, database: str = DATABASE) -> None:
        self._home = home
        self._pg_bin = pg_bin
        self._database = database
        self._uses: list[_Member] = []
        in_forked_child(self, EmbeddedServer._leave_to_parent)

    def acquire(self) -> str:
        """Join the server; create and start it if necessary, also after it was killed.

        Returns:
            The URL of its database.

        Raises:
            EmbeddedServerError: no programs, or the server cannot be created or started.
        """
        with self._setting_up():
            member = _members.of(*_found(self._home, self._pg_bin))
            url = member.join(self._database)
        self._uses.append(member)
        return url

    def place(self) -> Place:
        """Return where its files are, or will be.

        Raises:
            EmbeddedServerError: no programs, or no folder for it.
        """
        with self._setting_up():
            root, _, _ = _found(self._home, self._pg_bin)
            return Place(root, (root / "data" / "PG_VERSION").exists())

    def release(self) -> None:
        """Leave the server as often as it was joined; the last one to leave stops it."""
        if self._uses:
            self._uses.pop().leave()

    @contextlib.contextmanager
    def _setting_up(self) -> Generator[None]:
        try:
            yield
        except (OSError, threading.ThreadError) as error:
            raise EmbeddedServerError(
                f"cannot set up the embedded server in {self._home}: {error}",
                hint="set GUESTSQL_HOME to a folder that you can write to, or set DATABASE_URL",
            ) from error

    def __enter__(self) -> str:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _leave_to_parent(self) -> None:
        self._uses.clear()


class _Member:
    """This process's membership of one server, counted."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock_path = _lock_file(cluster.root, "lock")
        self._users_path = _lock_file(cluster.root, "users")
        self._begin()
        in_forked_child(self, _Member._renew)

    def _begin(self) -> None:
        self._count = 0
        self._guard = threading.Lock()
        self._lock = InterProcessLock(self._lock_path)
        self._users = InterProcessReaderWriterLock(self._users_path)

    def _renew(self) -> None:
        """Start without uses in a forked child: the locks belong to the parent, the child only has their open files."""
        for lock in (self._lock, self._users):
            if lock.lockfile is not None:
                lock.lockfile.close()  # closed later, it could release a lock of the child
        self._begin()

    def join(self, database: str) -> str:
        with self._guard, self._exclusive():
            endpoint = self._cluster.ensure_started()
            self._cluster.create_database(endpoint, database)
            if self._count == 0:
                self._users.acquire_read_lock(timeout=_LOCK_SECONDS)
            self._count += 1
            at_worker_end(_members.leave_at_exit, priority=0)
        return endpoint.url(database)

    def leave(self) -> None:
        with self._guard:
            if self._count == 0:  # already left at exit
                return
            self._count -= 1
            if self._count == 0:
                with self._exclusive():
                    self._leave_for_good()

    def leave_at_exit(self) -> None:
        with self._guard:
            self._count = min(self._count, 1)
        self.leave()

    def _leave_for_good(self) -> None:
        self._users.release_read_lock()
        last = self._users.acquire_write_lock(blocking=False)
        try:
            if last:
                self._cluster.stop()
        finally:
            if last:
                self._users.release_write_lock()
            elif self._users.lockfile is not None:
                self._users.lockfile.close()
                self._users.lockfile = None

    @contextlib.contextmanager
    def _exclusive(self) -> Generator[None]:
        if not self._lock.acquire(timeout=_LOCK_SECONDS):
            raise EmbeddedServerError(
                f"another process has held {self._lock_path} for {_LOCK_SECONDS:.0f} seconds",
                hint="end the guestsql process that hangs, or set DATABASE_URL",
            )
        try:
            yield
        finally:
            self._lock.release()


def _lock_file(root: Path, kind: str) -> Path:
    """Create a lock file beside the server's folder with the owner of the home, which need not be root."""
    path = root.with_name(f"{root.name}.{kind}")
    path.touch()
    if is_root():
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    return path


class _Members:
    """This process's memberships, one for each server."""

    def __init__(self) -> None:
        self._known: dict[Path, _Member] = {}
        self._begin()
        in_forked_child(self, _Members._begin)

    def _begin(self) -> None:
        self._guard = threading.Lock()

    def of(self, root: Path, binaries: Binaries, account: Account | None) -> _Member:
        """Return the membership of the server in a folder, created on the first call."""
        with self._guard:
            if root not in self._known:
                make_own_folder(root, account)
                cluster = Cluster(root, reachable_binaries(binaries, account), account, durable=True, settings={})
                self._known[root] = _Member(cluster)
            return self._known[root]

    def leave_at_exit(self) -> None:
        for member in list(self._known.values()):
            member.leave_at_exit()


_members = _Members()
atexit.register(_members.leave_at_exit)


def _found(home: Path, pg_bin: Path | None) -> tuple[Path, Binaries, Account | None]:
    """Return the folder of the home's server, its programs, and who runs it."""
    binaries = find_binaries(pg_bin)
    home = home.expanduser().resolve()
    name = f"postgres-{binaries.major}"
    account = server_account(home / name / "data")
    base = server_base(home, account)
    if account is not None:
        account = server_account(base / name / "data")
    return base / name, binaries, account
