"""From a variable's text to a setting's value; an unusable one raises SettingsError, which names the variable."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from guestsql.errors import SettingsError

__all__ = [
    "as_count",
    "as_flag",
    "as_folder",
    "as_list",
    "as_path",
    "as_region",
    "as_seconds",
    "as_text",
    "as_zone",
    "quoted",
]

_ADDRESS = re.compile(r"://|\bpassword\s*=", re.IGNORECASE)
_FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def quoted(value: str) -> str:
    """Return a value for an error message, but no address: in the wrong variable it may hold a password.

    The cause of such an error quotes the value too, so it is left out.
    """
    return "an address" if "://" in value or "password" in value.lower() else repr(value)


def _refuse_address(variable: str, value: str) -> None:
    """Refuse an address in the wrong variable: unlike that of an address, the value of this one is shown."""
    if _ADDRESS.search(value):
        raise SettingsError(f"{variable} holds an address", hint="addresses belong in DATABASE_URL and the like")


def as_text(_variable: str, value: str) -> str:
    """Return the value as it is."""
    return value


def as_region(_variable: str, value: str) -> str:
    """Return a region in capital letters."""
    return value.upper()


def as_path(variable: str, value: str) -> Path:
    """Return a path; `~` is the home folder."""
    _refuse_address(variable, value)
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise SettingsError(f"{variable}: the home folder in {quoted(value)} is unknown") from None


def as_folder(variable: str, value: str) -> Path:
    """Return a folder that exists."""
    path = as_path(variable, value)
    if not os.path.isdir(path):  # noqa: PTH112  unlike Path.is_dir, False for a name that is too long
        hint = "unset it, or name a folder that exists"
        raise SettingsError(f"{variable}: {quoted(value)} is not a folder", hint=hint)
    return path


def as_flag(variable: str, value: str) -> bool:
    """Return True or False."""
    try:
        return _FLAGS[value.lower()]
    except KeyError:
        raise SettingsError(f"{variable}: {quoted(value)} is neither true nor false") from None


def as_list(variable: str, value: str) -> tuple[str, ...]:
    """Return the parts between commas."""
    _refuse_address(variable, value)
    return tuple(part.strip() for part in value.split(",") if part.strip())


def as_zone(variable: str, value: str) -> ZoneInfo:
    """Return a time zone."""
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"{variable}: no time zone is named {quoted(value)}", hint="use an IANA name such as America/Bogota"
        ) from None


def as_seconds(variable: str, value: str) -> float:
    """Return a finite number of seconds."""
    try:
        seconds = float(value)
    except ValueError:
        raise SettingsError(f"{variable}: {quoted(value)} is not a number of seconds") from None
    if not math.isfinite(seconds):
        raise SettingsError(f"{variable}: {quoted(value)} is not a finite number of seconds")
    return seconds


def as_count(variable: str, value: str) -> int:
    """Return a whole number."""
    try:
        return int(value)
    except ValueError:
        raise SettingsError(f"{variable}: {quoted(value)} is not a whole number") from None
