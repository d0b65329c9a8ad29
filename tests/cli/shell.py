"""Ways to run the shell: in this process, in one of its own, and on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from click.testing import CliRunner, Result

from guestsql.cli.main import guestsql
from guestsql.embedded import PrivateServer
from tests.server import drop_database
from tests.through_pooler import pooled, variables_behind

ROOT = Path(__file__).parent.parent.parent


def invoke(*arguments: str, stdin: str = "", **environment: str) -> Result:
    """Run a command in this process, without a terminal."""
    return CliRunner().invoke(guestsql, arguments, input=stdin, env=variables_behind(environment))


def spawn(*arguments: str, to: int = subprocess.PIPE, **environment: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own, with pipes, or with its output to a file."""
    return subprocess.Popen(
        [sys.executable, "-m", "guestsql", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=to,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(environment),
    )


@dataclass
class Seen:
    """What a terminal showed, and the exit code."""

    text: str
    exit_code: int


def on_terminal(*arguments: str, answer: str = "", **environment: str) -> Seen:
    """Run a command on a terminal of 80 columns, typing an answer ahead."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "guestsql", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=_environment({"TERM": "xterm-256color", **environment}),
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    guard = threading.Timer(60, process.kill)  # a question without an answer must not hold up the tests
    guard.start()
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    guard.cancel()
    os.close(ours)
    return Seen(shown.decode(), process.wait())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that the other side is closed
        return b""


def _environment(extra: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**kept, "PYTHONPATH": str(ROOT), **variables_behind(extra)}


@contextmanager
def cloned(server: PrivateServer, template: str, name: str) -> Iterator[str]:
    """A migrated database for a whole module, whose tests leave nothing behind in it; its URL."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"'.encode())
    try:
        yield pooled(server.url(name))
    finally:
        drop_database(server, name)
