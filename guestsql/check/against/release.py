"""A release, as far as the database minds: its query files and its migrations."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from guestsql.errors import GuestSQLError, MigrationError
from guestsql.migrate.files import Migration, read_migrations

__all__ = ["Release", "ReleaseError", "SqlFile", "is_file_name", "lay_out", "named_as", "read_folders", "read_laid_out"]


_INTERNAL = "internal/"


class ReleaseError(GuestSQLError):
    """A release cannot be read: no such git ref, no such manifest."""


@dataclass(frozen=True, slots=True)
class SqlFile:
    """A file of a release.

    Attributes:
        name: its path in its folder, such as `context.sql` or `internal/context.sql`.
        shown: how it is named to people: its path, or what `git show` takes.
        data: its content.
    """

    name: str
    shown: Path
    data: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """A release.

    Attributes:
        label: how it is named to people.
        queries: the query files, by name.
        migrations: the migrations, by name.
    """

    label: str
    queries: tuple[SqlFile, ...]
    migrations: tuple[SqlFile, ...]


def read_folders(label: str, queries: Path, migrations: Path) -> Release:
    """Read the release that lies in two folders.

    Args:
        label: how it is named to people.
        queries: the folder of query files.
        migrations: the folder of migrations.

    Raises:
        ReleaseError: a folder or file cannot be read.
    """
    return Release(label, _read_folder(queries), _read_folder(migrations))


def is_file_name(name: str) -> bool:
    """Return True if a path in a folder is an SQL file's, directly in it or in the folder of internal queries."""
    bare = name.removeprefix(_INTERNAL)
    return bare.endswith(".sql") and not bare.startswith(".") and not set(bare) & set("/\\\0")


def lay_out(files: Iterable[SqlFile], folder: Path) -> Path:
    """Write files into a new folder, for what reads folders.

    Returns:
        The folder.
    """
    folder.mkdir()
    for file in files:
        (folder / file.name).write_bytes(file.data)
    return folder


def read_laid_out(files: Iterable[SqlFile], folder: Path) -> list[Migration]:
    """Read migrations that were laid out, under the paths that people know.

    Raises:
        MigrationError: one cannot be used.
    """
    shown = {file.name: file.shown for file in files}
    with named_as(files):
        found = read_migrations(folder)
    return [replace(migration, file=shown[migration.file.name]) for migration in found]


@contextmanager
def named_as(files: Iterable[SqlFile]) -> Generator[None]:
    """Name files as people know them in the errors of what was laid out."""
    shown = {file.name: file.shown for file in files}
    try:
        yield
    except MigrationError as error:
        if error.file is not None:
            error.file = shown.get(error.file.name, error.file)
        raise


def _read_folder(folder: Path) -> tuple[SqlFile, ...]:
    try:
        inside = folder / _INTERNAL
        entries = [*folder.iterdir(), *(inside.iterdir() if inside.is_dir() else ())]
        paths = {path.relative_to(folder).as_posix(): path for path in sorted(entries)}
        return tuple(SqlFile(name, path, path.read_bytes()) for name, path in paths.items() if is_file_name(name))
    except OSError as error:
        message = f"{error.filename or folder}: {error.strerror or error}"
        raise ReleaseError(message, hint="name a readable folder of .sql files") from error
