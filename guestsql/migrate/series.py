"""The series of migrations of one database: the packaged one first, then the project's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from guestsql.errors import MigrationError, SettingsError
from guestsql.migrate.files import OWN, PACKAGED, Migration, default_directory, read_migrations
from guestsql.settings import Settings

__all__ = ["Series", "available_series", "configured_migrations", "configured_series", "read_series"]

_HOW_TO_CONFIGURE = 'set GUESTSQL_MIGRATIONS_DIR, or migrations = "…" below [tool.guestsql] in pyproject.toml'


@dataclass(frozen=True, slots=True)
class Series:
    """A folder of migrations that is numbered by itself.

    Attributes:
        name: `guestsql` for the packaged series, `own` for the project's own.
        directory: its folder.
    """

    name: str
    directory: Path


def configured_series(settings: Settings) -> tuple[Series, ...]:
    """Return the series of the settings, in the order in which they run.

    Args:
        settings: `packaged` and `migrations_dir` count.

    Raises:
        SettingsError: there is no series, or the own folder is the packaged one.
    """
    found = available_series(settings)
    if not found:
        raise SettingsError(
            "no migrations: packaged is false, and no folder of your own is configured", hint=_HOW_TO_CONFIGURE
        )
    return found


def available_series(settings: Settings) -> tuple[Series, ...]:
    """Return the series of the settings, as `configured_series`; none for a project whose tables other tools create.

    Raises:
        SettingsError: the own folder is the packaged one.
    """
    packaged, own = default_directory(), settings.migrations_dir
    if own is not None and own.resolve() == packaged.resolve():
        raise SettingsError(
            f"{own} is the folder of the packaged migrations, which are applied anyway",
            hint="name a folder of your own, or remove the setting",
        )
    found = [Series(PACKAGED, packaged)] if settings.packaged else []
    if own is not None:
        found.append(Series(OWN, own))
    return tuple(found)


def configured_migrations(settings: Settings) -> list[Migration]:
    """Read the migrations of the settings, in the order in which they run.

    Returns:
        The migrations; none for a project whose tables other tools create: `packaged` is False, and it has no own
        folder.

    Raises:
        SettingsError: the own folder is the packaged one.
        MigrationError: a file cannot be used.
    """
    return read_series(available_series(settings))


def read_series(series: Iterable[Series]) -> list[Migration]:
    """Read series, in the order in which they run.

    Raises:
        MigrationError: a file cannot be used, or one series has a copy of a file of another.
    """
    found = [migration for each in series for migration in read_migrations(each.directory, each.name)]
    packaged = {checksum for migration in found if migration.series == PACKAGED for checksum in migration.accepted}
    copies = [migration for migration in found if migration.series != PACKAGED and migration.checksum in packaged]
    if copies:
        raise MigrationError(
            f"copies of packaged migrations: {', '.join(copy.file.name for copy in copies)}",
            file=copies[0].file.parent,
            hint="delete them: the packaged series runs by itself, before your own",
        )
    return found
