"""Migration files: reading, checking, numbering. Nothing here needs a database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from guestsql.errors import MigrationError
from guestsql.migrate.concurrent import hint_outside
from guestsql.migrate.text import Statement, checksum, normalise, pieces, place
from guestsql.sql.pieces import SEPARATOR, Piece

__all__ = [
    "LAST_NUMBER",
    "OWN",
    "PACKAGED",
    "Migration",
    "default_directory",
    "file_label",
    "new_migration",
    "read_migration",
    "read_migrations",
]

PACKAGED = "guestsql"
"""The series of the migrations that come with this package, as the ledger spells it."""
OWN = "own"
"""The series of the project's own migrations."""

LAST_NUMBER = 9999
"""The highest of the four-digit numbers; a timestamp is above it."""

_FILE_NAME = re.compile(r"(?:(?P<version>[0-9]{4}|[0-9]{14})|R)_(?P<name>[a-z][a-z0-9]*(?:_[a-z0-9]+)*)\.sql")
_NO_TRANSACTION = re.compile(r"--[ \t]*no-transaction\b")
# Blank lines and lines of comments at the top of a file.
_HEAD = re.compile(r"(?:[ \t\r]*(?:--[^\n]*)?(?:\n|\Z))*")
_REPLACES = re.compile(r"^[ \t]*--[ \t]*replaces:[ \t]*(?P<checksum>.*?)\s*$", re.MULTILINE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME_HINT = (
    "name it NNNN_lower_snake.sql, such as 0007_guest_notes.sql; YYYYMMDDhhmmss_lower_snake.sql; or R_lower_snake.sql, "
    "which runs again when its text changes"
)
_TIMESTAMP = "%Y%m%d%H%M%S"

_CONTROL = (
    ("begin",),
    ("start", "transaction"),
    ("commit",),
    ("end",),
    ("rollback",),
    ("abort",),
    ("prepare", "transaction"),
    ("savepoint",),
    ("release",),
)
_CONTROL_WORD = re.compile("|".join(words[0] for words in _CONTROL), re.IGNORECASE)

_TEMPLATE = """\
-- {title}.
--
-- Runs in one transaction, with a lock_timeout. Never edit it once it is applied. Write a statement that cannot run in
-- a transaction (CREATE INDEX CONCURRENTLY IF NOT EXISTS ...) alone in a file with this first line:
-- no-transaction
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of a series of migrations.

    Attributes:
        series: `guestsql` for the packaged series, `own` for the project's own.
        version: its number or timestamp, 1 or more; 0 for a repeatable file.
        name: the file's name without number and suffix.
        file: its path.
        text: the file as it is, without a byte order mark.
        body: the text without comments and blank space, in which two versions of a file are compared.
        checksum: SHA-256 of body, hexadecimal.
        accepted: the checksums that the ledger may have for it: its own, and those of `-- replaces:` lines.
        transactional: False when its first line is `-- no-transaction`.
        statements: its statements, at least one; exactly one when it is not transactional.
    """

    series: str
    version: int
    name: str
    file: Path
    text: str
    body: str
    checksum: str
    accepted: frozenset[str]
    transactional: bool
    statements: tuple[Statement, ...]

    @property
    def key(self) -> tuple[str, int, str]:
        """What identifies it in the ledger: the series, the number, and for a repeatable file the name."""
        return self.series, self.version, "" if self.version else self.name


def file_label(version: int, name: str) -> str:
    """Return a migration's file name without its suffix.

    Args:
        version: its number or timestamp; 0 for a repeatable file.
        name: its name.
    """
    return f"{version:04d}_{name}" if version else f"R_{name}"


def default_directory() -> Path:
    """Return the folder of migrations: the one that a wheel carries, else the source tree's."""
    package = Path(__file__).resolve().parent.parent
    carried = package / "migrations"
    return carried if carried.is_dir() else package.parent / "migrations"


def read_migrations(directory: Path | None = None, series: str = PACKAGED) -> list[Migration]:
    """Read and check every `*.sql` file of a folder; ignore other files and hidden ones.

    Args:
        directory: the folder; default `default_directory()`.
        series: the series that the folder is.

    Returns:
        The numbered migrations by number, then the repeatable ones by name. A number may be missing: what that means
        depends on the ledger.

    Raises:
        MigrationError: the folder does not exist or has no migration, a bad name, a number used twice, or a file that
            `read_migration` refuses.
    """
    folder = default_directory() if directory is None else directory
    migrations = [read_migration(path, series) for path in _unique_paths(folder)]
    if not migrations:
        hint = "write the first one with guestsql migrate new NAME"
        raise MigrationError("no migrations in this folder", file=folder, hint=hint)
    return sorted(migrations, key=lambda found: (found.version == 0, found.version, found.name))


def read_migration(path: Path, series: str = PACKAGED) -> Migration:
    """Read and check one file.

    Args:
        path: `…/NNNN_lower_snake.sql`, `…/YYYYMMDDhhmmss_lower_snake.sql` or `…/R_lower_snake.sql`.
        series: the series that it belongs to.

    Raises:
        MigrationError: a bad name, no statement, text that is not UTF-8 or does not end what it opened, a statement
            that begins or ends a transaction, a psql command, COPY with inline data, or a `-- no-transaction` that is
            not exactly one statement which may be run again, or a `-- replaces:` without the checksum of another text.
    """
    return _parsed(path, series, _number_and_name(path), _read_text(path))


# A check reads the packaged files several times, a program with tests for every test.
@lru_cache(maxsize=128)
def _parsed(path: Path, series: str, named: tuple[int, str], text: str) -> Migration:
    version, name = named
    statements: list[Statement] = []
    body = normalise(_read_pieces(path, text, statements))
    transactional = _NO_TRANSACTION.match(text) is None
    _check_statements(path, text, statements, transactional=transactional)
    own = checksum(body)
    accepted = frozenset([own, *_replaced(path, text, own, is_repeatable=not version)])
    return Migration(series, version, name, path, text, body, own, accepted, transactional, tuple(statements))


def new_migration(name: str, directory: Path, *, now: datetime | None = None) -> Path:
    """Create the next file of a folder. It holds only comments: `up` accepts it when it has a statement.

    The next file has the next number; where the newest file has a timestamp, a timestamp.

    Args:
        name: what it does, in a few words; letters, digits, blanks, hyphens and underscores.
        directory: the folder.
        now: the time for a timestamp; default the present.

    Returns:
        The new file's path.

    Raises:
        MigrationError: an unusable name, no such folder, a bad name in it, or no number left.
    """
    slug = re.sub(r"[\s_-]+", "_", name.strip().lower()).strip("_")
    newest = max((_number_and_name(path)[0] for path in _unique_paths(directory)), default=0)
    path = directory / f"{file_label(_next_version(newest, now or datetime.now(UTC)), slug)}.sql"
    if not _FILE_NAME.fullmatch(path.name):
        raise MigrationError(
            f"no migration can be named {name!r}", hint="use letters a-z, digits and _, beginning with a letter"
        )
    title = slug.replace("_", " ").capitalize()
    with path.open("x", encoding="utf-8") as file:
        file.write(_TEMPLATE.format(title=title))
    return path


def _next_version(newest: int, now: datetime) -> int:
    if newest < LAST_NUMBER:
        return newest + 1
    after_newest = now if newest == LAST_NUMBER else _time(str(newest)) + timedelta(seconds=1)
    return int(max(now, after_newest).strftime(_TIMESTAMP))


def _time(digits: str) -> datetime:
    return datetime.strptime(digits, _TIMESTAMP).replace(tzinfo=UTC)


def _unique_paths(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise MigrationError("no such folder of migrations", file=folder)
    paths = sorted(path for path in folder.glob("*.sql") if not path.name.startswith("."))
    seen: dict[int, Path] = {}
    for path in paths:
        version = _number_and_name(path)[0]
        if version and version in seen:
            raise MigrationError(
                f"number {version:04d} is used twice: also by {seen[version].name}",
                file=path,
                hint="give the one that is not applied yet the next free number",
            )
        seen[version] = path
    return paths


def _number_and_name(path: Path) -> tuple[int, str]:
    """The number, 0 for a repeatable file, and the name."""
    match = _FILE_NAME.fullmatch(path.name)
    if match is None:
        raise MigrationError("not the name of a migration", file=path, hint=_NAME_HINT)
    digits = match["version"]
    if digits is None:
        return 0, match["name"]
    version = int(digits)
    if version == 0:
        raise MigrationError("the numbers begin with 0001", file=path, hint=_NAME_HINT)
    if len(digits) > len(str(LAST_NUMBER)):
        try:
            _time(digits)
        except ValueError:
            raise MigrationError(f"{digits} is not a time", file=path, hint=_NAME_HINT) from None
    return version, match["name"]


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MigrationError(f"cannot be read: {error.strerror}", file=path) from error
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MigrationError("not UTF-8", file=path, line=line, hint="save the file as UTF-8") from error
    if "\0" in text:
        line, column = place(text, text.index("\0"))
        raise MigrationError("a NUL character ends the text for the server", file=path, line=line, column=column)
    return text


def _read_pieces(path: Path, text: str, statements: list[Statement]) -> Iterator[Piece]:
    """Add the file's statements to a list, and refuse client commands before anything after them is read."""
    for piece in pieces(text, path):
        if piece.tokens != ";":
            statement = Statement(piece.begin, piece.end, text)
            _refuse_client_commands(path, text, statement, piece)
            statements.append(statement)
        yield piece


def _refuse_client_commands(path: Path, text: str, statement: Statement, piece: Piece) -> None:
    """Refuse COPY with inline data, whose lines are not SQL, and psql commands."""
    if statement.begins("copy") and not {"stdin", "stdout"}.isdisjoint(piece.tokens.lower().split(SEPARATOR)):
        message = "a migration cannot contain COPY with the client's data"
        raise _at(path, text, statement.offset, message, "write its rows as INSERT")
    if "\\" in piece.tokens and "\\" in piece.tokens.split(SEPARATOR):
        offset = next(token.offset for token in statement.scanned() if token.text == "\\")
        raise _at(
            path, text, offset, "a psql command, which the server does not know", "write it as SQL, or leave it out"
        )


def _check_statements(path: Path, text: str, statements: list[Statement], *, transactional: bool) -> None:
    if not statements:
        raise MigrationError("no statement in this file", file=path, hint="fill it, or delete it")
    for offset, message, hint in _objections(statements, transactional=transactional):
        raise _at(path, text, offset, message, hint)


def _replaced(path: Path, text: str, own: str, *, is_repeatable: bool) -> Iterator[str]:
    """The checksums of the texts that a corrected file had before."""
    head = _HEAD.match(text)
    for line in _REPLACES.finditer(text, 0, 0 if head is None else head.end()):
        found = line["checksum"]
        if is_repeatable:
            message = "-- replaces: in a repeatable file"
            hint = "leave the line out: the file runs again when its text changes"
        elif not _SHA256.fullmatch(found):
            message = "-- replaces: is followed by the checksum of the file's earlier text, and nothing else"
            hint = "copy the 64 digits from the column checksum of guestsql_migrations"
        elif found == own:
            message, hint = "-- replaces: names the text of this file itself", "leave the line out"
        else:
            yield found
            continue
        raise _at(path, text, line.start("checksum"), message, hint)


def _objections(statements: list[Statement], *, transactional: bool) -> Iterator[tuple[int, str, str]]:
    """Offset, message and hint of everything that a file must not have."""
    if not transactional:
        if len(statements) > 1:
            yield (
                statements[1].offset,
                "a file with -- no-transaction has exactly one statement; this is the second",
                "give each its own file: a failure between them would leave the work half done",
            )
        if hint := hint_outside(statements[0]):
            yield statements[0].offset, "outside a transaction, only a statement that can run twice is safe", hint
    for statement in statements:
        if _CONTROL_WORD.match(statement.file_text, statement.offset) and any(
            statement.begins(*words) for words in _CONTROL
        ):
            yield (
                statement.offset,
                f"{statement.words[0].upper()} inside a migration",
                "the runner puts one transaction around the whole file; leave it out",
            )


def _at(path: Path, text: str, offset: int, message: str, hint: str) -> MigrationError:
    line, column = place(text, offset)
    return MigrationError(message, file=path, line=line, column=column, hint=hint)
