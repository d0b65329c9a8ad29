"""A PgBouncer in front of the test server, and the whole suite through one."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from guestsql.embedded import PrivateServer
from guestsql.embedded._account import server_account
from tests.server import eventually, reachable_folder

SERVERS = 3
"""The server connections of each database."""

FETCHED = Path(__file__).parent.parent / ".pgbouncer" / "pgbouncer"
"""Where tools/fetch_pgbouncer.sh puts a newer one."""

_SETTINGS = """
[databases]
* = host={server.socket_dir} port={server.port} auth_user={server.superuser}
[pgbouncer]
unix_socket_dir = {folder}
listen_addr =
listen_port = 6432
auth_type = trust
auth_file = {folder}/users
auth_query = SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = $1
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 500
{more}
"""
# It ends with its standard input, that is with pytest, however that ends.
_WATCHED = '"$1" "$2" & pid=$!; cat; kill "$pid"; wait'

Version = tuple[int, int]


@cache
def _version(program: str) -> Version:
    done = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    found = re.search(r"(\d+)\.(\d+)", done.stdout)
    assert found is not None, done.stdout
    return int(found[1]), int(found[2])


def _programs() -> list[str]:
    installed = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    return [*filter(None, [installed]), *([str(FETCHED)] if FETCHED.exists() else [])]


def find_bouncer(version: str = "") -> str | None:
    """The program of that version such as 1.24, by default the first one; None where there is none."""
    fitting = (each for each in _programs() if not version or "{}.{}".format(*_version(each)) == version)
    return next(fitting, None)


def find_keeping() -> str | None:
    """A program that can keep prepared statements for each client, 1.22 or newer; None where there is none."""
    return next((each for each in _programs() if _version(each) >= (1, 22)), None)


def bouncer_version() -> Version:
    """The version of the program that a test gets by default."""
    program = find_bouncer()
    assert program is not None
    return _version(program)


@dataclass(frozen=True)
class Bouncer:
    """A running PgBouncer.

    Attributes:
        folder: where its socket is.
        server: the server behind it.
    """

    folder: Path
    server: PrivateServer

    def url(self, url: str) -> str:
        """The address of the same database by way of the pooler."""
        known = conninfo_to_dict(url)
        return f"postgresql://{quote(str(known['user']))}@/{known['dbname']}?host={quote(str(self.folder))}&port=6432"

    def direct(self, url: str) -> str:
        """The server's own address of the same database; another server's address stays as it is."""
        if str(self.folder) not in url and quote(str(self.folder)) not in url:
            return url
        return make_conninfo(url, host=str(self.server.socket_dir), port=self.server.port)


@contextmanager
def bouncer(
    server: PrivateServer,
    mode: str = "transaction",
    *,
    size: int = SERVERS,
    more: str = "",
    program: str | None = None,
) -> Iterator[Bouncer]:
    """A PgBouncer in front of every database of a server, run by an account that is not root."""
    program = program or find_bouncer()
    assert program is not None
    account = server_account(Path("/nonexistent"))
    with reachable_folder() as folder:
        settings = folder / "pgbouncer.ini"
        settings.write_text(_SETTINGS.format(server=server, folder=folder, mode=mode, size=size, more=more))
        (folder / "users").write_text(f'"{server.superuser}" ""\n')
        if account is not None:
            shutil.chown(folder, account.uid, account.gid)
        log = (folder / "log").open("w")
        process = subprocess.Popen(
            ["sh", "-c", _WATCHED, "sh", program, str(settings)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            **({} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}),
        )
        try:
            made = Bouncer(folder, server)
            eventually(lambda: process.poll() is not None or _answers(made.url(server.url())))
            assert process.poll() is None, (folder / "log").read_text()
            yield made
        finally:
            process.communicate()
            log.close()


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
