"""A server of one process, for tests and checks. It ends with its owner, even a killed one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from guestsql.embedded import _watchdog
from guestsql.embedded._account import WINDOWS, Account, run, server_account
from guestsql.embedded._binaries import find_binaries, reachable_binaries
from guestsql.embedded._cluster import SUPERUSER, Cluster, Endpoint
from guestsql.embedded._places import make_folder, make_own_folder, reachable, socket_folder, temporary_base
from guestsql.errors import EmbeddedServerError
from guestsql.process import in_forked_child

__all__ = ["PrivateServer"]

_WATCHDOG_SECONDS = 30.0


class PrivateServer:
    """A PostgreSQL server that belongs to this process alone.

    A watchdog process holds the read end of a pipe. However this process ends, the watchdog then kills
    the server and, if the server is ephemeral, removes its folder.

    Args:
        directory: the server's own folder; created if missing. If its account (see `_account`) cannot
            reach it, a temporary folder is used instead, and `directory` is its path.
        pg_bin: folder of PostgreSQL's programs; None means those of the extra `embedded`.
        settings: server settings by name; they override the defaults.
        ephemeral: True: no durability (fsync off, no autovacuum), and `close` removes the folder.

    Attributes:
        directory: the server's own folder.
        superuser: the name of the superuser, who needs no password.
    """

    superuser = SUPERUSER

    def __init__(
        self,
        directory: Path,
        pg_bin: Path | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        ephemeral: bool = True,
    ) -> None:
        self.directory = directory.expanduser().resolve()
        self._pg_bin = pg_bin
        self._settings = dict(settings or {})
        self._ephemeral = ephemeral
        self._cluster: Cluster | None = None
        self._endpoint: Endpoint | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        in_forked_child(self, PrivateServer._leave_to_parent)

    def start(self) -> Self:
        """Create the server if it is new, start it, and wait until it answers.

        Returns:
            The server itself.

        Raises:
            EmbeddedServerError: it cannot be created or started.
        """
        try:
            if self._cluster is None:
                self._cluster = self._prepare()
            if self._watchdog is None:
                self._watchdog = self._start_watchdog(self._cluster)
            self._endpoint = self._cluster.ensure_started()
        except OSError as error:
            self.close()
            raise EmbeddedServerError(f"cannot create a server in {self.directory}: {error}") from error
        except EmbeddedServerError:
            self.close()
            raise
        return self

    def stop(self) -> None:
        """Shut the server down cleanly and keep its data; `start` starts it again."""
        if self._cluster is not None:
            self._cluster.stop()

    def kill(self) -> None:
        """Kill the server with SIGKILL, as a crash would; `start` starts it again."""
        if self._cluster is not None:
            self._cluster.kill()

    def restart(self) -> None:
        """Shut the server down cleanly and start it again, at the same place."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the server for good, and remove its folder if it is ephemeral."""
        cluster, self._cluster, self._endpoint = self._cluster, None, None
        watchdog, self._watchdog = self._watchdog, None
        if cluster is not None:
            if self._ephemeral:
                cluster.end_now()
            else:
                cluster.stop()
        if watchdog is not None and watchdog.stdin is not None:
            watchdog.stdin.close()  # on which it removes the folder
            watchdog.wait(_WATCHDOG_SECONDS)
        elif cluster is not None and self._ephemeral:
            shutil.rmtree(cluster.root, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The postmaster's process id.

        Raises:
            EmbeddedServerError: the server does not run.
        """
        pid = None if self._cluster is None else self._cluster.pid()
        if pid is None:
            raise EmbeddedServerError("the private server is not running", hint="call start()")
        return pid

    @property
    def socket_dir(self) -> Path:
        """The folder of the server's socket: the host to connect to."""
        return Path(self._listening().host)

    @property
    def port(self) -> int:
        """The port; part of the socket's name."""
        return self._listening().port

    @property
    def version(self) -> int:
        """PostgreSQL's major version."""
        return self._made().binaries.major

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._made().log

    def url(self, dbname: str = "postgres") -> str:
        """Return the URL of a database for the superuser."""
        return self._listening().url(dbname)

    def run(self, program: str, arguments: Sequence[str | Path] = ()) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's account.

        Args:
            program: its name, such as "pg_basebackup".
            arguments: its arguments.

        Returns:
            The exit status, stdout and stderr.
        """
        cluster = self._made()
        return run([cluster.binaries.program(program), *arguments], cluster.account)

    def _made(self) -> Cluster:
        if self._cluster is None:
            raise EmbeddedServerError("the private server is not started", hint="call start()")
        return self._cluster

    def _listening(self) -> Endpoint:
        if self._endpoint is None:
            raise EmbeddedServerError("the private server is not started", hint="call start()")
        return self._endpoint

    def _prepare(self) -> Cluster:
        binaries = find_binaries(self._pg_bin)
        account = server_account(self.directory / "data")
        binaries = reachable_binaries(binaries, account)
        if not reachable(self.directory.parent, account):
            self.directory = Path(tempfile.mkdtemp(prefix="guestsql-", dir=temporary_base(account)))
        make_folder(self.directory.parent, account)
        _take_over(self.directory, account)
        return Cluster(self.directory, binaries, account, durable=not self._ephemeral, settings=self._settings)

    def _start_watchdog(self, cluster: Cluster) -> subprocess.Popen[bytes]:
        folders: list[Path] = []
        if self._ephemeral:
            folders = [cluster.root]
            if not WINDOWS and (socket := socket_folder(cluster.root, cluster.account)).parent != cluster.root:
                folders.append(socket)
        command = [sys.executable, "-I", _watchdog.__file__, cluster.data, *folders]
        return subprocess.Popen(  # noqa: S603  # our own script
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _leave_to_parent(self) -> None:
        """In a forked child, neither end the server nor keep it alive; its address stays known."""
        self._cluster = None
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
            self._watchdog.returncode = 0  # not this process's child
        self._watchdog = None


def _take_over(directory: Path, account: Account | None) -> None:
    """Give the folder to the account; refuse one with other files, because `close` removes it."""
    if directory.is_dir() and not (directory / "data" / "PG_VERSION").exists():
        if any(directory.iterdir()):
            raise EmbeddedServerError(f"{directory} is not empty", hint="use a new or an empty folder")
        directory.rmdir()  # created again with the right owner
    make_own_folder(directory, account)
