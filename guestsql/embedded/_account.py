"""The account that a server runs under, and how to run programs as this account.

PostgreSQL refuses to run as root, so root uses an unprivileged account; other users run the programs
themselves.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guestsql.errors import EmbeddedServerError

__all__ = ["WINDOWS", "Account", "can", "is_root", "run", "server_account"]

WINDOWS = sys.platform == "win32"
_CANDIDATES = ("postgres", "nobody")
# No other variable is passed on: PG* variables would redirect the programs, and DATABASE_URL is a secret.
_KEPT_VARIABLES = (
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SYSTEMROOT",
    "COMSPEC",
    "TEMP",
    "TMP",
    "TMPDIR",
    "USERNAME",
    "USERPROFILE",
)


@dataclass(frozen=True, slots=True)
class Account:
    """An operating-system account.

    Attributes:
        name: its name, for messages.
        uid: user id.
        gid: primary group id.
    """

    name: str
    uid: int
    gid: int


def is_root() -> bool:
    """Return True when this process is root."""
    return not WINDOWS and os.geteuid() == 0


def server_account(data: Path) -> Account | None:
    """Choose the account for the server of a data directory.

    Args:
        data: the data directory. If it exists, its owner is chosen, so that an account which is added to
            the machine later does not make the data unreachable.

    Returns:
        The account, or None when programs run as the caller.

    Raises:
        EmbeddedServerError: this is root, and there is no account to run the server.
    """
    if not is_root():
        return None
    import pwd  # noqa: PLC0415  # does not exist on Windows

    if data.exists() and (owner := data.stat().st_uid) != 0:
        try:
            entry = pwd.getpwuid(owner)
        except KeyError:
            return Account(str(owner), owner, data.stat().st_gid)
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError(
        "PostgreSQL does not run as root, and there is no account postgres or nobody",
        hint="run guestsql as an ordinary user, or set DATABASE_URL",
    )


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def run(
    command: Sequence[str | Path],
    account: Account | None,
    *,
    stdin: str = "",
    timeout: float = 120.0,
    detach: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a program as the account, in a clean environment, and wait for it.

    Args:
        command: the program and its arguments.
        account: who runs it; None is the caller.
        stdin: its input.
        timeout: how long it may take, in seconds.
        detach: put it into a session of its own, out of reach of the terminal's Ctrl-C.

    Returns:
        The exit status, and stdout and stderr as text.

    Raises:
        EmbeddedServerError: it could not run, or took too long.
    """
    options: dict[str, Any] = {}
    if not WINDOWS:
        options = {"umask": 0o077, "cwd": "/", "start_new_session": detach}
    if account is not None:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    try:
        return subprocess.run(  # noqa: S603  # our own command, no shell
            [str(part) for part in command],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=_environment(),
            timeout=timeout,
            check=False,
            **options,
        )
    except (OSError, subprocess.SubprocessError) as error:
        who = f" as {account.name}" if account else ""
        raise EmbeddedServerError(
            f"cannot run {command[0]}{who}: {error}",
            hint="set GUESTSQL_PG_BIN to a folder of PostgreSQL programs, or set DATABASE_URL",
        ) from error


def can(test: str, path: Path, account: Account | None) -> bool:
    """Check with the system what the account may do: mode bits alone miss access lists and mounts.

    Args:
        test: `-x`, `-r` or `-w`, as for the shell's `test`.
        path: the file or folder.
        account: who asks; None is the caller.

    Returns:
        True when it may.
    """
    return run(["/bin/sh", "-c", f'test {test} "$1"', "sh", path], account).returncode == 0
