"""What pg_dump says of a database, so that two can be compared."""

from __future__ import annotations

import subprocess

from guestsql.embedded._binaries import find_binaries
from tests.server import pg_bin

_NO_PARENTHESES = str.maketrans("", "", "()")


def run_program(name: str, *arguments: str, fed: str = "") -> str:
    """Run a client program of the server under test, and return what it prints."""
    program = find_binaries(pg_bin()).program(name)
    done = subprocess.run([program, *arguments], input=fed.encode(), capture_output=True, check=True)
    return done.stdout.decode()  # as it is: a text may hold other line ends


def dumped(url: str, *options: str) -> list[str]:
    """The statements that make a database."""
    lines = run_program("pg_dump", *options, url).split("\n")
    # \restrict has another word each time, and a restored condition other parentheses.
    return [line.translate(_NO_PARENTHESES) for line in lines if line and not line.startswith(("--", "\\"))]
