"""One data directory and its server: create, start, find, stop. Nothing here is shared or counted."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from guestsql.embedded._account import WINDOWS, Account, run
from guestsql.embedded._binaries import Binaries
from guestsql.embedded._conf import INCLUDE_LINE, conf_text, free_port, initdb_arguments
from guestsql.embedded._places import socket_folder
from guestsql.embedded._postmaster import (
    answers,
    end_now,
    find_postmaster,
    is_alive,
    kill_all,
    read_pid_file,
    wait_gone,
)
from guestsql.errors import EmbeddedServerError

__all__ = ["SUPERUSER", "Cluster", "Endpoint"]

SUPERUSER = "postgres"
_PORT = 5432
_START_SECONDS = 60.0
_FAST_STOP_SECONDS = 30.0
_LOG_LINES = 12
_LOG_BYTES_KEPT = 4 * 1024 * 1024
# From a new server's log while processes of a killed one still hold its memory.
_STILL_IN_USE = "shared memory block"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens.

    Attributes:
        host: the folder of its socket, or an address.
        port: its port, also part of the socket's name.
        password: the superuser's, or None where none is needed.
    """

    host: str
    port: int
    password: str | None = field(default=None, repr=False)

    def url(self, dbname: str) -> str:
        """Return the URL of a database for the superuser."""
        user = SUPERUSER if self.password is None else f"{SUPERUSER}:{quote(self.password, safe='')}"
        database = quote(dbname, safe="")
        if self.host.startswith("/"):
            return f"postgresql://{user}@/{database}?host={quote(self.host, safe='')}&port={self.port}"
        return f"postgresql://{user}@{self.host}:{self.port}/{database}"


class Cluster:
    """A data directory below `root`, with its log and its socket.

    Args:
        root: the server's own folder, which belongs to the account.
        binaries: programs that the account can run.
        account: who runs the server; None is the caller.
        durable: False trades durability for speed, for data that may be lost.
        settings: further server settings by name; they override the defaults.
    """

    def __init__(
        self,
        root: Path,
        binaries: Binaries,
        account: Account | None,
        *,
        durable: bool,
        settings: Mapping[str, str],
    ) -> None:
        self.root = root
        self.data = root / "data"
        self.log = root / "server.log"
        self.binaries = binaries
        self.account = account
        self._durable = durable
        self._settings = dict(settings)

    def find(self) -> Endpoint | None:
        """Return where the running server listens, or None when none is running."""
        if find_postmaster(self.data) is None:
            return None
        pid_file = read_pid_file(self.data)
        if pid_file is None or pid_file.port is None:
            return None
        return Endpoint(pid_file.socket_folder or "127.0.0.1", pid_file.port, self._password())

    def pid(self) -> int | None:
        """Return the postmaster's process id, or None when none is running."""
        process = find_postmaster(self.data)
        return None if process is None else process.pid

    def ensure_started(self) -> Endpoint:
        """Find the running server, or create and start one, and wait until it answers.

        Returns:
            Where it listens.

        Raises:
            EmbeddedServerError: it cannot be created or started; quotes the end of the server's log.
        """
        process = find_postmaster(self.data)
        if process is not None:
            try:
                return self._wait_ready(process, time.monotonic() + _START_SECONDS, self._log_size())
            except EmbeddedServerError:
                if is_alive(process):
                    raise  # otherwise it was stopping
        self._initialise()
        return self._start()

    def stop(self) -> None:
        """Stop the server if it is running: end the sessions, write all data."""
        process = find_postmaster(self.data)
        if process is None:
            return
        if WINDOWS:
            run([self.binaries.program("pg_ctl"), "stop", "-D", self.data, "-m", "fast"], self.account)
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            if not wait_gone(process, _FAST_STOP_SECONDS):
                end_now(process)

    def kill(self) -> None:
        """Kill the server with all its processes, as a crash would."""
        process = find_postmaster(self.data)
        if process is not None:
            kill_all(process)

    def end_now(self) -> None:
        """End the server at once, for data that is no longer needed."""
        process = find_postmaster(self.data)
        if process is not None:
            end_now(process)

    def create_database(self, endpoint: Endpoint, dbname: str) -> None:
        """Create a database unless it exists.

        Args:
            endpoint: where the server listens.
            dbname: the database.

        Raises:
            EmbeddedServerError: it cannot be created.
        """
        try:
            psycopg.connect(endpoint.url(dbname), connect_timeout=10).close()
        except psycopg.OperationalError as error:
            # libpq gives no SQLSTATE for a refused connection.
            if "does not exist" not in str(error):
                raise EmbeddedServerError(f"the server refuses a connection: {error}") from error
        else:
            return
        program = self.binaries.program("createdb")
        made = run([program, "--maintenance-db", endpoint.url("postgres"), dbname], None)
        if made.returncode != 0 and "already exists" not in made.stderr:
            raise EmbeddedServerError(f"cannot create the database {dbname}: {made.stderr.strip()}")

    # -- creating ------------------------------------------------------------------------------------

    def _initialise(self) -> None:
        """Run initdb in a folder of its own and rename it, so that an incomplete cluster is never used."""
        for leftover in self.root.glob("data.partial-*"):
            shutil.rmtree(leftover, ignore_errors=True)  # its initdb may still be ending
        if (self.data / "PG_VERSION").exists():
            return
        partial = self.root / f"data.partial-{secrets.token_hex(4)}"
        arguments = initdb_arguments(self.binaries.major, durable=self._durable)
        if WINDOWS:
            password_file = self.root / "password"
            password_file.write_text(secrets.token_urlsafe(24), encoding="utf-8")
            arguments += ["--pwfile", str(password_file)]
        done = run([self.binaries.program("initdb"), "-D", partial, *arguments], self.account)
        if done.returncode != 0:
            shutil.rmtree(partial, ignore_errors=True)
            raise EmbeddedServerError(
                f"initdb failed in {self.root}: {(done.stderr or done.stdout).strip()}",
                hint="fix this, or set GUESTSQL_HOME to another folder, or set DATABASE_URL",
            )
        self._append(partial / "postgresql.conf", INCLUDE_LINE)
        partial.rename(self.data)

    def _password(self) -> str | None:
        return (self.root / "password").read_text(encoding="utf-8") if WINDOWS else None

    # -- starting ----------------------------------------------------------------------------------

    def _start(self) -> Endpoint:
        deadline = time.monotonic() + _START_SECONDS
        folder = None if WINDOWS else socket_folder(self.root, self.account)
        self._write_conf(folder)
        self._rotate_log()
        while True:
            self._clear_stale(folder)
            log_start = self._log_size()
            try:
                return self._wait_ready(self._launch(log_start), deadline, log_start)
            except _StillInUse:
                if time.monotonic() > deadline:
                    raise
                self._kill_orphans()
                time.sleep(0.1)

    def _write_conf(self, folder: Path | None) -> None:
        port = free_port() if folder is None else _PORT
        text = conf_text(folder, port, durable=self._durable, settings=self._settings)
        conf = self.data / "guestsql.conf"
        conf.unlink(missing_ok=True)
        self._append(conf, text)

    def _append(self, path: Path, text: str) -> None:
        """Append to a file of the server as its account: root must not follow a link that was planted there."""
        if self.account is None:
            with path.open("a", encoding="utf-8") as file:
                file.write(text)
            return
        wrote = run(["/bin/sh", "-c", 'cat >>"$1"', "sh", path], self.account, stdin=text)
        if wrote.returncode != 0:
            raise EmbeddedServerError(f"cannot write {path}: {wrote.stderr.strip()}")

    def _log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def _rotate_log(self) -> None:
        if self._log_size() > _LOG_BYTES_KEPT:
            self.log.replace(self.log.with_name("server.log.1"))

    def _clear_stale(self, folder: Path | None) -> None:
        """Remove files of a killed server that would stop a new one; no server is running."""
        stale = [self.data / "postmaster.pid"]
        if folder is not None:
            if answers(folder / f".s.PGSQL.{_PORT}"):
                raise EmbeddedServerError(
                    f"a server that is not visible here, for example in another container, runs in {self.root}",
                    hint="give each container its own GUESTSQL_HOME, or set DATABASE_URL",
                )
            stale += [path for path in folder.iterdir() if path.name.startswith(".s.PGSQL.")]
        for path in stale:
            path.unlink(missing_ok=True)

    def _launch(self, log_start: int) -> psutil.Process | None:
        """Start the postmaster detached from this process, which it may outlive."""
        postgres = self.binaries.program("postgres")
        if WINDOWS:
            # pg_ctl drops administrator rights, which PostgreSQL refuses like root's.
            pg_ctl = self.binaries.program("pg_ctl")
            run([pg_ctl, "start", "-W", "-D", self.data, "-l", self.log], self.account)
            return None
        script = '"$1" -D "$2" </dev/null >>"$3" 2>&1 & echo $!'
        started = run(["/bin/sh", "-c", script, "sh", postgres, self.data, self.log], self.account, detach=True)
        try:
            return psutil.Process(int(started.stdout))
        except (psutil.NoSuchProcess, ValueError) as error:
            raise self._failure(log_start) from error  # it has ended already

    def _wait_ready(self, process: psutil.Process | None, deadline: float, log_start: int) -> Endpoint:
        """Try to connect until the server answers, its process ends, or the deadline passes."""
        problem = "it does not answer"
        while time.monotonic() < deadline:
            endpoint = self.find()
            if endpoint is not None:
                try:
                    psycopg.connect(endpoint.url("postgres"), connect_timeout=10).close()
                except psycopg.OperationalError as error:
                    problem = str(error)
                else:
                    return endpoint
            elif process is not None and not is_alive(process):
                raise self._failure(log_start)
            time.sleep(0.02)
        raise self._failure(log_start, problem)

    def _failure(self, log_start: int, problem: str = "") -> EmbeddedServerError:
        with contextlib.suppress(OSError):
            descriptor = os.open(self.log, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
            with open(descriptor, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # a descriptor
                file.seek(log_start)
                problem = "\n".join([problem, *file.read().splitlines()[-_LOG_LINES:]]).strip()
        kind = _StillInUse if _STILL_IN_USE in problem else EmbeddedServerError
        return kind(
            f"PostgreSQL {self.binaries.version} does not start; the end of {self.log}:\n{problem}",
            hint="fix this, or set GUESTSQL_HOME to another folder, or set DATABASE_URL",
        )

    def _kill_orphans(self) -> None:
        """Kill server processes that outlived their killed postmaster, as far as they are visible."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.name().startswith("postgres") and Path(process.cwd()) == self.data:
                    process.kill()


class _StillInUse(EmbeddedServerError):
    """Processes of a killed server have not ended yet."""
