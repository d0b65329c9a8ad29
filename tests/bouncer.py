"""A PgBouncer in front of the test server."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from guestsql.embedded import PrivateServer
from guestsql.embedded._account import server_account
from tests.server import eventually, reachable_folder

SERVERS = 3
"""The server connections of each database."""

_SETTINGS = """
[databases]
* = host={server.socket_dir} port={server.port} user={server.superuser}
[pgbouncer]
unix_socket_dir = {folder}
listen_addr =
listen_port = 6432
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 500
{more}
"""
# It ends with its standard input, that is with pytest, however that ends.
_WATCHED = '"$1" "$2" & pid=$!; cat; kill "$pid"; wait'


def find_bouncer() -> str | None:
    """The program, or None where it is not installed."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


def keeps_statements() -> bool:
    """Tell whether the program can keep prepared statements for each client: 1.22 and newer."""
    program = find_bouncer()
    if program is None:
        return False
    done = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    version = re.search(r"(\d+)\.(\d+)", done.stdout)
    return version is not None and tuple(map(int, version.groups())) >= (1, 22)


@dataclass(frozen=True)
class Bouncer:
    """A running PgBouncer.

    Attributes:
        folder: where its socket is.
    """

    folder: Path

    def url(self, url: str) -> str:
        """The address of the same database by way of the pooler."""
        known = conninfo_to_dict(url)
        return f"postgresql://{quote(str(known['user']))}@/{known['dbname']}?host={quote(str(self.folder))}&port=6432"


@contextmanager
def bouncer(
    server: PrivateServer, mode: str = "transaction", *, size: int = SERVERS, more: str = ""
) -> Iterator[Bouncer]:
    """A PgBouncer in front of every database of a server, run by an account that is not root."""
    program = find_bouncer()
    assert program is not None
    account = server_account(Path("/nonexistent"))
    with reachable_folder() as folder:
        settings = folder / "pgbouncer.ini"
        settings.write_text(_SETTINGS.format(server=server, folder=folder, mode=mode, size=size, more=more))
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
            made = Bouncer(folder)
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
