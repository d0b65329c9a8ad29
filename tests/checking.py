"""The check on texts: folders of query files, and what is found in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from guestsql.check import Finding, check_files, scratch_database
from guestsql.check.pages import PageRules
from guestsql.check.routed import Route
from guestsql.guests.hooks import KEY_COLUMNS, ROUTE, ROUTED_ELSEWHERE
from guestsql.migrate import PACKAGED, Series
from guestsql.ops.gauges.personal import is_personal_column
from guestsql.settings import Settings
from guestsql.sql import Catalogue, read_packaged
from guestsql.sql.overrides import eject_query
from tests.server import MIGRATIONS

QUERIES = MIGRATIONS.parent / "queries"
MARKED = [file for file in sorted(QUERIES.glob("*.sql")) if "-- on: " in file.read_text(encoding="utf-8")]
"""The packaged files whose queries cover the packaged tables."""
SHIPPED = [*sorted(QUERIES.glob("*.sql")), *sorted(QUERIES.glob("internal/*.sql"))]

EXTRA_SCHEMA = """\
-- Tables for what the shipped schema has none of.
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE rooms (
    hotel_id int NOT NULL,
    room_number int NOT NULL,
    floor int NOT NULL,
    mood mood NOT NULL DEFAULT 'glad',
    is_free boolean NOT NULL DEFAULT TRUE,
    code text UNIQUE,
    PRIMARY KEY (hotel_id, room_number)
);
CREATE UNIQUE INDEX rooms_free_floor ON rooms (floor) WHERE is_free;
CREATE TABLE stays (
    stay_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hotel_id int NOT NULL,
    room_number int NOT NULL,
    phone_number text NOT NULL,
    begins date NOT NULL,
    note varchar(40),
    is_open boolean NOT NULL DEFAULT FALSE,
    FOREIGN KEY (hotel_id, room_number) REFERENCES rooms
);
CREATE TABLE tags (tag_id int PRIMARY KEY, hotel_id int NOT NULL, label varchar(20) NOT NULL);
CREATE UNIQUE INDEX tags_label ON tags (hotel_id, lower(label));
CREATE INDEX stays_open ON stays (begins) WHERE is_open;
CREATE INDEX stays_by_guest ON stays (phone_number, begins);
CREATE TABLE events (happened_on date NOT NULL, id bigint NOT NULL, body jsonb, PRIMARY KEY (happened_on, id))
PARTITION BY RANGE (happened_on);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE events_2027 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
CREATE TABLE "Odd Names" ("Key" int PRIMARY KEY, "select" text, "a.b" text);
CREATE VIEW free_rooms AS SELECT hotel_id, room_number, floor FROM rooms WHERE is_free;
CREATE SEQUENCE tickets;
CREATE TYPE "UserRole" AS ENUM ('ADMIN', 'GUEST');
CREATE TABLE members (id int PRIMARY KEY, role "UserRole" NOT NULL, kind "char" NOT NULL DEFAULT 'a');
"""

GUEST_ROUTE = Route(ROUTE, KEY_COLUMNS, ROUTED_ELSEWHERE)


def override(folder: Path, name: str, edit: Callable[[str], str]) -> Path:
    """Override a packaged query in an own folder; returns the file."""
    file = folder / f"{name}.sql"
    eject_query(read_packaged(*(path.name for path in QUERIES.glob("*.sql")))[name], folder)
    file.write_text(edit(file.read_text(encoding="utf-8")), encoding="utf-8")
    return file


def every_query() -> Catalogue:
    """The packaged queries, the internal ones included."""
    return read_packaged(*(file.relative_to(QUERIES).as_posix() for file in SHIPPED))


def extended_migrations(folder: Path) -> Path:
    """A folder with the shipped migrations and one more."""
    target = folder / "migrations"
    target.mkdir()
    shipped = sorted(MIGRATIONS.glob("*.sql"))
    for path in shipped:
        shutil.copy(path, target)
    number = int(shipped[-1].name[:4]) + 1
    (target / f"{number:04d}_extra.sql").write_text(EXTRA_SCHEMA, encoding="utf-8")
    return target


def check_text(
    url: str, folder: Path, files: Mapping[str, str | bytes], migrations: Path | None = None
) -> list[Finding]:
    """Write files and check all of them."""
    paths: list[Path] = []
    for name, content in files.items():
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    return check_paths(url, paths, migrations=migrations)


def check_paths(
    url: str, paths: Sequence[Path], beside: Sequence[Path] = (), migrations: Path | None = None
) -> list[Finding]:
    """Check files that are there."""
    series = None if migrations is None else [Series(PACKAGED, migrations)]
    pages = PageRules(is_personal_column)
    scratch = scratch_database(Settings(), url, series)
    return check_files(paths, scratch, beside=beside, route=GUEST_ROUTE, pages=pages).findings


def told(findings: Sequence[Finding]) -> list[str]:
    """Findings as lines, for comparing and for reading."""
    return [f"{each.file.name}:{each.line}:{each.column} {each.rule} {each.query}: {each.message}" for each in findings]
