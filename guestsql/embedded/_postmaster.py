"""The postmaster as a process: read its pid file, check that it is alive, wait for its end."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["PidFile", "answers", "end_now", "find_postmaster", "is_alive", "kill_all", "read_pid_file", "wait_gone"]

_KILL_SECONDS = 10.0
_QUIT_SECONDS = 5.0
_PORT_LINE, _SOCKET_LINE = 3, 4


@dataclass(frozen=True, slots=True)
class PidFile:
    """The content of `postmaster.pid`.

    Attributes:
        pid: the postmaster's process id.
        port: its port, or None while it is not yet written.
        socket_folder: the folder of its socket, or "".
    """

    pid: int
    port: int | None
    socket_folder: str


def read_pid_file(data: Path) -> PidFile | None:
    """Read `postmaster.pid` of a data directory; None if it does not exist or is not yet written."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        pid = int(lines[0])
        port = int(lines[_PORT_LINE]) if len(lines) > _SOCKET_LINE + 1 else None
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return PidFile(pid, port, lines[_SOCKET_LINE] if port is not None else "")


def find_postmaster(data: Path) -> psutil.Process | None:
    """Return the running postmaster of a data directory, or None.

    A pid file alone is no proof: after a kill, the number may belong to another process, so the command
    line must name the directory.
    """
    pid_file = read_pid_file(data)
    if pid_file is None:
        return None
    try:
        process = psutil.Process(pid_file.pid)
        return process if is_alive(process) and _serves(process, data) else None
    except psutil.NoSuchProcess:
        return None


def _serves(process: psutil.Process, data: Path) -> bool:
    try:
        return str(data) in process.cmdline()
    except psutil.AccessDenied:  # another account's, on a system that hides those
        return process.name().startswith("postgres")


def is_alive(process: psutil.Process) -> bool:
    """Return True when a process is running; a zombie is not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def answers(path: Path) -> bool:
    """Return True when a process listens on a unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def wait_gone(process: psutil.Process, seconds: float) -> bool:
    """Wait until a process, which need not be a child, has ended.

    Args:
        process: the process.
        seconds: the longest time to wait.

    Returns:
        False if it is still running.
    """
    deadline = time.monotonic() + seconds
    while is_alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def kill_all(postmaster: psutil.Process) -> None:
    """Kill a postmaster and its children with SIGKILL, and wait for their end."""
    children: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        children = postmaster.children(recursive=True)
    for process in (postmaster, *children):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    for process in (postmaster, *children):
        wait_gone(process, _KILL_SECONDS)


def end_now(postmaster: psutil.Process) -> None:
    """End a server at once, without a clean shutdown; unlike a kill, this releases its shared memory."""
    with contextlib.suppress(psutil.NoSuchProcess):
        postmaster.send_signal(getattr(signal, "SIGQUIT", signal.SIGTERM))  # Windows has no SIGQUIT
    if not wait_gone(postmaster, _QUIT_SECONDS):
        kill_all(postmaster)
