"""Run the examples of pages and compare what they print; with --write put what they print into the pages.

A page is read from top to bottom, in an empty folder:

- A block whose first line is a comment with a path, such as `-- queries/bookings.sql` or `# bot.py`, is written to it.
- In a `console` block each line that begins with `$ ` is run by bash; what follows is what it prints, stderr included.
  A command that fails is an error, unless the page shows its exit code: `$ guestsql check; echo "exit $?"`.

Times, durations, sizes and spacing may differ from run to run. A line `…` means any number of lines.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from guestsql.embedded import EmbeddedServer

ROOT = Path(__file__).resolve().parent.parent
# What a page calls the folder in which its commands are run.
_SHOWN_FOLDER = "/home/ana/hotel"
_TIMEOUT_SECONDS = 120
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH_COMMENT = re.compile(r"(?:--|#|//) ([\w./-]+\.\w+)\n")
_ANY_LINES = "…"
_VARYING = re.compile(
    r"""
    \d{4}-\d\d-\d\d(?:[ T]\d\d[:-]\d\d(?:[:-]\d\d)?(?:[.-]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?  # a date, a time
    | \b\d\d:\d\d(?::\d\d)?\b                                                       # a time of the day
    | \b\d+\ (?:d(?:\ \d+\ h)?|h(?:\ \d+\ min)?|min(?:\ \d+\ s)?)\b                 # a duration of up to two units
    | \b\d+(?:\.\d+)?\s?(?:µs|ms|s|B|kB|KB|MB|GB)\b                                 # a short duration, a size
    | \b\d+\.\d+\b                                                                  # a measured number
    | \b\d{5,9}\b                                                                   # a number of bytes; no phone
    | \bsha256:[0-9a-f]+                                                             # a digest
    | \b\d+(?=\ queries\b)                                                          # of the package, in each release
    """,
    re.VERBOSE,
)


class PageError(Exception):
    """An example of a page fails."""


@dataclass(frozen=True)
class Places:
    """Where the commands of a page run.

    Attributes:
        folder: an empty folder, the working directory.
        library: a folder from which Python imports guestsql; None is the checkout.
        home: GUESTSQL_HOME, where the account of the embedded server gets.
    """

    folder: Path
    library: Path | None
    home: Path


def run_page(text: str, places: Places) -> str:
    """Run a page.

    Args:
        text: the page.
        places: where.

    Returns:
        The page with what its commands print now; the page itself where only times or spacing differ.

    Raises:
        PageError: a command fails.
    """
    environment = _environment(places)

    def made(block: re.Match[str]) -> str:
        language, code = block.groups()
        if language == "console":
            return f"```console\n{''.join(_run_block(code, places.folder, environment))}```"
        if named := _PATH_COMMENT.match(code):
            file = places.folder / named[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(code, encoding="utf-8")
        return block[0]

    pg_bin = os.environ.get("GUESTSQL_PG_BIN")
    # Held, so that the commands need not start and stop it one after the other.
    with EmbeddedServer(Path(environment["GUESTSQL_HOME"]), Path(pg_bin) if pg_bin else None):
        return _BLOCK.sub(made, text)


def _run_block(code: str, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    for command, shown in _commands(code):
        found = _run(command, folder, environment)
        yield f"$ {command}\n{shown if _is_alike(shown, found) else _shortened(shown, found)}"


def _commands(code: str) -> Iterator[tuple[str, str]]:
    """The commands of a block, each with the output that the page shows."""
    parts = re.split(r"^\$ ((?:.*\\\n)*.*)\n", code, flags=re.MULTILINE)
    if parts[0].strip():
        raise PageError(f"a console block does not begin with a command: {parts[0]}")
    yield from zip(parts[1::2], parts[2::2], strict=True)


def _run(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(  # noqa: S603  the pages of this repository
        ["/bin/bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise PageError(f"exit {done.returncode} of: {command}\n{done.stdout}")
    lines = done.stdout.replace(str(folder), _SHOWN_FOLDER).splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _is_alike(shown: str, found: str) -> bool:
    pattern = "".join(
        r"(?:.*\n)*?" if line == _ANY_LINES else re.escape(line) + r"\n" for line in _steady(shown).splitlines()
    )
    return re.fullmatch(pattern, _steady(found)) is not None


def _shortened(shown: str, found: str) -> str:
    """New output, of which as many lines are left out as the page leaves out, between its first and its last lines."""
    kept, lines = shown.splitlines(keepends=True), found.splitlines(keepends=True)
    marks = [number for number, line in enumerate(kept) if line.strip() == _ANY_LINES]
    if not marks:
        return found
    first, last = marks[0], len(kept) - marks[-1] - 1
    return "".join([*lines[:first], f"{_ANY_LINES}\n", *lines[max(first, len(lines) - last) :]])


def _steady(text: str) -> str:
    """Output without what differs from run to run; a table is as wide as its widest value."""
    without_times = _VARYING.sub("0", text)
    return re.sub(r"[ \u2500]+", " ", re.sub(r" +$", "", without_times, flags=re.MULTILINE))


def _environment(places: Places) -> dict[str, str]:
    """The environment of a user with guestsql on the PATH, tables as on a terminal of 80 columns."""
    programs = places.home / "programs"
    programs.mkdir(parents=True, exist_ok=True)
    for name, words in {"guestsql": "-m guestsql", "mypy": "-m mypy", "pytest": "-m pytest", "python": ""}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    environment = {
        "COLUMNS": "80",
        "GUESTSQL_FORMAT": "table",
        "GUESTSQL_HOME": str(places.home / "embedded"),
        "HOME": str(places.home),
        "LANG": "C.UTF-8",
        "PATH": f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "PYTHONPATH": str(places.library or ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return environment | {name: os.environ[name] for name in ("GUESTSQL_PG_BIN",) if name in os.environ}


@contextmanager
def _temporary_places() -> Iterator[Places]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        base = Path(name)
        base.chmod(0o755)
        (base / "hotel").mkdir()
        yield Places(base / "hotel", None, base)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the pages")
    parser.add_argument("pages", nargs="+", type=Path)
    arguments = parser.parse_args()
    code = 0
    for page in arguments.pages:
        text = page.read_text(encoding="utf-8")
        with _temporary_places() as places:
            made = run_page(text, places)
        if arguments.write:
            page.write_text(made, encoding="utf-8")
        elif made != text:
            code = 1
            lines = difflib.unified_diff(text.splitlines(), made.splitlines(), str(page), "run now", n=1, lineterm="")
            print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
