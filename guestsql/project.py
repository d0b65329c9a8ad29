"""The `[tool.guestsql]` table of a pyproject.toml: where a project keeps its own SQL."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from guestsql.errors import SettingsError

__all__ = ["Project", "read_project"]

_FILE = "pyproject.toml"
_PATHS = ("queries", "migrations", "stubs")
_FLAGS = ("packaged",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One `[tool.guestsql]` table. Its paths are relative to the pyproject.toml.

    Attributes:
        file: the pyproject.toml, or None when there is no such table.
        queries: the folder of the project's own queries, or None.
        migrations: the folder of its own migrations, or None.
        stubs: the package into which `guestsql stubs` writes the types of its queries, or None.
        packaged: False for a project that uses none of guestsql's guest tables: neither the packaged queries nor the
            packaged migrations.
    """

    file: Path | None = None
    queries: Path | None = None
    migrations: Path | None = None
    stubs: Path | None = None
    packaged: bool = True

    def existing_folder(self, key: Literal["queries", "migrations"]) -> Path | None:
        """Return a folder of the table, or None when the table does not set it.

        Args:
            key: which one.

        Raises:
            SettingsError: the folder does not exist.
        """
        path: Path | None = getattr(self, key)
        if path is None or os.path.isdir(path):  # noqa: PTH112  unlike Path.is_dir, False for a name that is too long
            return path
        raise SettingsError(
            f"{self.file}: [tool.guestsql] {key}: {path} is not a folder",
            hint="create it, correct the path (it is relative to that file), or remove the key",
        )


def read_project(directory: Path | None = None) -> Project:
    """Read the nearest `[tool.guestsql]` table.

    Args:
        directory: where the search starts, then its parents; default the working directory.

    Returns:
        The table; `Project()` when no pyproject.toml has one.

    Raises:
        SettingsError: a pyproject.toml that mentions guestsql cannot be read, or its table has an unknown key or a
            value of the wrong type.
    """
    start = (Path.cwd() if directory is None else directory).absolute()
    for folder in (start, *start.parents):
        table = _table(folder / _FILE)
        if table is not None:
            return _project(folder / _FILE, table)
    return Project()


def _table(file: Path) -> dict[str, Any] | None:
    """The file's table, or None. A broken file of another program does not concern this one."""
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    if "guestsql" not in text:
        return None
    try:
        tools: object = tomllib.loads(text).get("tool")
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error
    found: object = cast("dict[str, Any]", tools).get("guestsql") if isinstance(tools, dict) else None
    if found is None:
        return None
    if isinstance(found, dict):
        return cast("dict[str, Any]", found)
    raise SettingsError(f"{file}: tool.guestsql is not a table", hint="write [tool.guestsql] on a line of its own")


def _project(file: Path, table: dict[str, Any]) -> Project:
    unknown = sorted(table.keys() - {*_PATHS, *_FLAGS})
    if unknown:
        raise SettingsError(
            f"{file}: [tool.guestsql] has an unknown key: {', '.join(unknown)}",
            hint=f"the keys are {', '.join((*_PATHS, *_FLAGS))}",
        )
    for key, value in table.items():
        kind, article = (str, "a string") if key in _PATHS else (bool, "true or false")
        if not isinstance(value, kind) or value == "":
            raise SettingsError(f"{file}: [tool.guestsql] {key} must be {article}, not {value!r}")
    paths = {key: file.parent / table[key] for key in _PATHS if key in table}
    return Project(file=file, **paths, **{key: table[key] for key in _FLAGS if key in table})
