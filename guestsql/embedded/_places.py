"""Where a server's files are: in a place that the server's account can reach.

An ordinary user's server is in the home itself. Root's server runs as another account, which cannot enter
a private folder such as /root. If that account cannot enter a folder above the home, the server is in
`/var/lib/guestsql-<hash of the home>` instead (`/var/db` if there is no `/var/lib`, else the folder for
temporary files). Permissions of existing folders never change. Once chosen, that place is kept.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from guestsql.embedded._account import WINDOWS, Account, can
from guestsql.errors import EmbeddedServerError

__all__ = [
    "make_folder",
    "make_own_folder",
    "reachable",
    "server_base",
    "socket_folder",
    "system_base",
    "temporary_base",
]

# The shortest limit of the platforms (macOS): sun_path holds 104 bytes with its final NUL.
_MAX_SOCKET_PATH = 103
_SOCKET_NAME = ".s.PGSQL.5432"
# libpq splits a host at commas; the others would need escapes in two syntaxes at once.
_UNSAFE_IN_HOST = frozenset(',"\n\r')


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def reachable(path: Path, account: Account | None) -> bool:
    """Return True when the account can enter `path`, or the nearest existing folder above it."""
    if account is None:
        return True
    return can("-x", _nearest_folder(path), account)


def _nearest_folder(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    if not path.is_dir():
        raise NotADirectoryError(f"{path} is a file")
    return path


def make_folder(path: Path, account: Account | None) -> None:
    """Create a folder and its parents; for root, every account can enter the new parents.

    Args:
        path: the folder; nothing happens if it exists.
        account: who has to enter it; None is the caller.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        if account is not None:
            folder.chmod(0o755)


def server_base(home: Path, account: Account | None) -> Path:
    """Choose and create the folder for the servers of a home.

    Args:
        home: `Settings.home`, absolute and resolved.
        account: who runs the server; None is the caller.

    Returns:
        The home itself, or its replacement if the account cannot reach the home.

    Raises:
        EmbeddedServerError: the replacement does not belong to root.
    """
    if account is None:
        make_folder(home, None)
        return home
    name = _digest(home)
    if any(_is_roots(folder / f"guestsql-{name}") for folder in _system_folders()):
        return system_base(name, account)
    if reachable(home, account):
        make_folder(home, account)
        return home
    return system_base(name, account)


def _system_folders() -> list[Path]:
    return [Path("/var/lib"), Path("/var/db"), Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108  # owner is checked


def _is_roots(folder: Path) -> bool:
    return folder.is_dir() and folder.lstat().st_uid == 0


def system_base(name: str, account: Account) -> Path:
    """Create `guestsql-<name>` in the system's folder for data: owned by root, every account can enter it.

    Args:
        name: distinguishes it from others.
        account: who has to reach it.

    Returns:
        The folder.

    Raises:
        EmbeddedServerError: there is no such place, or someone else created the folder.
    """
    for folder in _system_folders():
        if not folder.is_dir() or not reachable(folder, account) or not os.access(folder, os.W_OK):
            continue
        base = folder / f"guestsql-{name}"
        base.mkdir(mode=0o755, exist_ok=True)
        _require_own(base, 0, 0o022)
        base.chmod(0o755)
        return base
    raise EmbeddedServerError(
        f"no folder that the account {account.name} can reach",
        hint="set GUESTSQL_HOME to a folder that it can enter, or run guestsql as an ordinary user",
    )


def temporary_base(account: Account | None) -> Path:
    """Return the folder for temporary files, or /tmp if the account cannot reach it."""
    folder = Path(tempfile.gettempdir()).resolve()
    return folder if reachable(folder, account) else Path("/tmp")  # noqa: S108  # mkdtemp is used in it


def _require_own(folder: Path, uid: int, forbidden: int) -> None:
    """Refuse a folder that someone else could have created or can write to."""
    status = folder.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == uid and not status.st_mode & forbidden:
        return
    raise EmbeddedServerError(
        f"{folder} is not a folder of the server's own account, or is open to others",
        hint="remove it, or set GUESTSQL_HOME to another folder",
    )


def socket_folder(root: Path, account: Account | None) -> Path:
    """Choose and create the folder for the server's socket, which only its account can enter.

    Args:
        root: the server's own folder.
        account: who runs the server; None is the caller.

    Returns:
        `root/run`, or a temporary folder named after `root` if that path is too long for a socket or has
        a character that ends a host for libpq.

    Raises:
        EmbeddedServerError: someone else created the folder.
    """
    uid = account.uid if account else os.geteuid()
    folder = root / "run"
    if not _fits(folder):
        name = f"guestsql-{uid}-{_digest(root)}"
        candidates = [temporary_base(account) / name, Path("/tmp") / name]  # noqa: S108  # owner is checked
        folder = next(candidate for candidate in candidates if _fits(candidate))
    make_own_folder(folder, account)
    return folder


def make_own_folder(folder: Path, account: Account | None) -> None:
    """Create a folder that only the account can enter, or check that an existing one is like that.

    Args:
        folder: the folder; its parent exists.
        account: its owner; None is the caller.

    Raises:
        EmbeddedServerError: it exists and belongs to someone else, or is open to others.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        if account is not None:
            os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    if not WINDOWS:
        _require_own(folder, account.uid if account else os.geteuid(), 0o077)


def _fits(folder: Path) -> bool:
    text = str(folder)
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False
    return size + 1 + len(_SOCKET_NAME) <= _MAX_SOCKET_PATH and not _UNSAFE_IN_HOST & set(text)
