"""Two releases of an invented hotel, and what really happens when one's queries run on the other's schema."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from guestsql.check import scratch_database
from guestsql.check.against import Comparison, Order, Release, SqlFile, compare_releases
from guestsql.migrate import PACKAGED, Series
from guestsql.settings import Settings
from guestsql.sql import Query, arrange
from guestsql.sql.reading import read_queries

SCHEMA = """\
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE rooms (
    room_id int PRIMARY KEY,
    name text NOT NULL,
    floor int NOT NULL DEFAULT 0,
    note text,
    unused text,
    code varchar(20),
    mood mood,
    status text CONSTRAINT rooms_status CHECK (status IN ('free', 'taken'))
);
CREATE UNIQUE INDEX rooms_code ON rooms (code);
CREATE TABLE stays (
    stay_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id int NOT NULL,
    guest text
);
CREATE VIEW named_rooms AS SELECT room_id, name FROM rooms;
CREATE FUNCTION room_label(room_id int) RETURNS text LANGUAGE sql AS $$ SELECT 'room ' || room_id $$;
"""

QUERIES = """\
-- name: get_room(room_id)^
-- A room.
--   room_id: int, the room
SELECT room_id, name, floor, note FROM rooms WHERE room_id = :room_id::int;

-- name: put_room(room_id, name, code)!
-- Adds a room, or renames the one of a code.
--   room_id: int, the room
--   name: text, its name
--   code: text, its code
INSERT INTO rooms AS known (room_id, name, code) VALUES (:room_id::int, :name::text, :code::text)
ON CONFLICT (code) DO UPDATE SET name = excluded.name
WHERE known.name IS DISTINCT FROM excluded.name;

-- name: set_note(room_id, note)!
-- Writes a note.
--   room_id: int, the room
--   note: text, the note
UPDATE rooms SET note = :note::text WHERE room_id = :room_id::int;

-- name: set_status(room_id, status)!
-- Says how a room is.
--   room_id: int, the room
--   status: text, how it is
UPDATE rooms SET status = :status::text WHERE room_id = :room_id::int;

-- name: get_mood(mood)$
-- How many rooms are of a mood.
--   mood: mood, the mood
SELECT count(*) AS rooms FROM rooms WHERE mood = :mood::mood;

-- name: get_label(room_id)$
-- A room's label.
--   room_id: int, the room
SELECT room_label(:room_id::int) AS label;

-- name: get_name(room_id)$
-- A room's name.
--   room_id: int, the room
SELECT name FROM named_rooms WHERE room_id = :room_id::int;

-- name: add_stay(room_id, guest)$
-- Adds a stay; its number.
--   room_id: int, the room
--   guest: text, who stays
INSERT INTO stays (room_id, guest) VALUES (:room_id::int, :guest::text) RETURNING stay_id;

-- name: remove_room(room_id)!
-- Removes a room.
--   room_id: int, the room
DELETE FROM rooms WHERE room_id = :room_id::int;
"""

SAMPLES: Mapping[str, object] = {
    "room_id": 7,
    "name": "Luna",
    "label": "Luna",
    "code": "A7",
    "note": "quiet",
    "status": "free",
    "mood": "glad",
    "guest": "573000000001",
    "floor": 2,
}


def release(label: str, queries: str, migrations: Sequence[str]) -> Release:
    """A release with one file of queries and numbered migrations."""
    files = [
        SqlFile(f"{number:04d}_step.sql", Path(f"{label}:migrations/{number:04d}_step.sql"), text.encode())
        for number, text in enumerate(migrations, 1)
    ]
    return Release(label, (SqlFile("rooms.sql", Path(f"{label}:queries/rooms.sql"), queries.encode()),), tuple(files))


@dataclass(frozen=True)
class Hotel:
    """Compares releases on a server."""

    url: str

    @contextmanager
    def connect(self, folder: Path) -> Iterator[psycopg.Connection]:
        with scratch_database(Settings(), self.url, [Series(PACKAGED, folder)]) as connection:
            yield connection

    def compare(self, old: Release, new: Release, order: Order = Order.MIGRATIONS_FIRST) -> Comparison:
        return compare_releases(old, new, self.connect, order)

    def failing(self, queries: Release, schema: Release) -> set[str]:
        """The queries of one release that fail on the schema of another when they are really run."""
        with tempfile.TemporaryDirectory() as folder:
            for file in schema.migrations:
                (Path(folder) / file.name).write_bytes(file.data)
            with self.connect(Path(folder)) as connection:
                return {query.name for query in read(queries) if _fails(connection, query)}


def read(release: Release) -> list[Query]:
    """The queries of a release."""
    return [query for file in release.queries for query in read_queries(file.data, file.shown)[0]]


def _fails(connection: psycopg.Connection, query: Query) -> bool:
    values = {each.name: SAMPLES[each.name] for each in query.parameters}
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(query.text.encode(), arrange(query, values))
    except psycopg.Error:
        return True
    return False
