"""A process that ends a private server after the server's owner has ended, for whatever reason.

Run as a script. Its stdin is a pipe that only the owner has open for writing: it ends when the owner ends.
Arguments: the data directory, then the folders to remove.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import time
from pathlib import Path

import psutil

_GIVE_UP_SECONDS = 10.0
_QUIT_SECONDS = 3.0
# PostgreSQL's immediate shutdown; unlike a kill it releases shared memory. Windows has no such signal.
_QUIT = getattr(signal, "SIGQUIT", signal.SIGTERM)


def _users(data: str) -> list[psutil.Process]:
    """Return postmaster and initdb processes of the data directory."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and any(
                part == data or part.startswith(f"{data}.partial-") for part in process.cmdline()[1:]
            ):
                found.append(process)
    return [process for process in found if process.pid != psutil.Process().pid]


def _end(data: str) -> None:
    start = time.monotonic()
    asked: set[int] = set()
    while (waited := time.monotonic() - start) < _GIVE_UP_SECONDS and (processes := _users(data)):
        for process in processes:
            with contextlib.suppress(psutil.Error):
                if waited < _QUIT_SECONDS and process.name().startswith("postgres"):
                    if process.pid not in asked:
                        process.send_signal(_QUIT)
                        asked.add(process.pid)
                else:
                    for victim in (process, *process.children(recursive=True)):
                        victim.kill()
        time.sleep(0.02)


def _main(data: str, folders: list[str]) -> None:
    sys.stdin.buffer.read()
    _end(data)
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while folders and time.monotonic() < deadline:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        folders = [folder for folder in folders if Path(folder).exists()]
        time.sleep(0.05)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
