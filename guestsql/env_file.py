"""The `.env` file: the nearest one, from the working directory upwards."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import dotenv

from guestsql.errors import SettingsError

__all__ = ["find_env_file", "read_env_file"]

_NAME = ".env"


def find_env_file(directory: Path | None = None) -> Path | None:
    """Return the nearest `.env`, or None.

    Args:
        directory: where the search starts, then its parents; default the working directory. The home folder is the
            last one searched; outside of it, the root of the file system. In a parent, only a file that belongs to this
            account or to root counts: in a folder that others can write to, such as /tmp, anyone could place one.
    """
    start = (Path.cwd() if directory is None else directory).absolute()
    if (start / _NAME).is_file():
        return start / _NAME
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  Path.home() raises when there is none
    for folder in () if start == home else start.parents:
        if _is_trusted(folder / _NAME):
            return folder / _NAME
        if folder == home:
            break
    return None


def read_env_file(path: Path | None) -> Mapping[str, str | None]:
    """Read a `.env` file; no variables when there is none. A byte order mark is not part of the first name.

    Args:
        path: the file.

    Raises:
        SettingsError: it cannot be read.
    """
    if path is None or not path.is_file():
        return {}
    try:
        return dotenv.dotenv_values(path, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", hint="a .env file is UTF-8 text") from error


def _is_trusted(file: Path) -> bool:
    try:
        return file.is_file() and (not hasattr(os, "geteuid") or file.stat().st_uid in (0, os.geteuid()))
    except OSError:  # the folder is closed to this account
        return False
