"""Packages of the extras, which a command may lack."""

from __future__ import annotations

import importlib.util

from guestsql.errors import SettingsError

__all__ = ["missing_packages", "require_packages"]


def missing_packages(names: tuple[str, ...]) -> list[str]:
    """Return which of the packages are not installed.

    Args:
        names: as they are imported.
    """
    return [name for name in names if importlib.util.find_spec(name) is None]


def require_packages(names: tuple[str, ...], extra: str) -> None:
    """Check that packages are installed.

    Args:
        names: as they are imported.
        extra: the extra that has them.

    Raises:
        SettingsError: one is missing; the hint installs the extra.
    """
    if missing := missing_packages(names):
        raise SettingsError(f"{missing[0]} is not installed", hint=f"pip install 'guestsql[{extra}]'")
