"""A process that uses a server, for tests that share one or kill its user.

Arguments: `shared` or `private`, the folder, the folder of programs or "", and optionally the ids of the
user and group to become. Prints one line when the server answers; leaves when a line comes in.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg

from guestsql.embedded import EmbeddedServer, PrivateServer


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _shared(folder: Path, pg_bin: Path | None) -> None:
    server = EmbeddedServer(folder, pg_bin)
    _say(server.acquire())
    if sys.stdin.readline().strip() != "exit":
        server.release()


def _private(folder: Path, pg_bin: Path | None) -> None:
    with PrivateServer(folder, pg_bin) as server:
        _say(f"{server.pid} {server.directory}")
        sys.stdin.readline()


def _main(kind: str, folder: str, pg_bin: str, *ids: str) -> None:
    if ids:  # after the imports, which the other account may have no right to read
        psycopg.conninfo.make_conninfo("")
        os.setgroups([])
        os.setgid(int(ids[1]))
        os.setuid(int(ids[0]))
    programs = Path(pg_bin) if pg_bin else None
    (_shared if kind == "shared" else _private)(Path(folder), programs)


if __name__ == "__main__":
    _main(*sys.argv[1:])
