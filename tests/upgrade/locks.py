"""How long each migration keeps writers from a table with many rows: `make migration-locks`.

Every file is applied by the runner, to a database with so many guests, while programs write. For each file two times
are measured: for how long it holds a lock that keeps writers from a table that was there before, as another session
sees it every few milliseconds, and the longest wait of a write. A write may also wait for the disk or the processor, so
the lock decides.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter, sleep
from typing import Any, LiteralString

import psycopg

from guestsql.migrate import PACKAGED, Runner, Series
from guestsql.settings import Settings
from tests.benchmarks.measuring import DOCS, disk_server, machine, replace_section, table, write_figures
from tests.server import MIGRATIONS

__all__ = ["BLOCKING", "MigrationTimes", "measure"]

MOST_SECONDS = 1.0
BLOCKING = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
"""The locks of a table that keep writers from it."""
_LOOK_SECONDS = 0.005
_WRITERS = 2
_PAUSE_SECONDS = 0.002
_FIRST_KEY = 573000000000

# What is there when the next migration comes. One guest in ten has the threads of an import. No release before 0035
# archived guests: until then there are only rows that were written by hand.
_ROWS: dict[int, LiteralString] = {
    1: """
INSERT INTO guest_profiles (
    phone_number, user_name, labels, thread_id, thread_tokens, last_interaction, total_interactions, profile_data
)
SELECT
    (573000000000 + number)::text,
    'Ana ' || number,
    '{VIP}',
    'thread_' || number,
    100,
    statement_timestamp() - make_interval(mins => number::int %% 100000),
    5,
    CASE
        WHEN number %% 10 = 0 THEN '{"legacy": {"threads.json": {"key": {"previousThreads": ["old"]}}}}'::jsonb
        ELSE '{}'
    END
FROM generate_series(1, %(guests)s::bigint) AS numbers (number)""",
    2: """
INSERT INTO historical_clients (phone_number, user_name, total_interactions, last_interaction, archived_at)
SELECT
    (575000000000 + number)::text,
    'Luis ' || number,
    3,
    '2025-01-01 12:00+00',
    '2025-06-01 12:00+00'
FROM generate_series(1, 1000) AS numbers (number)""",
    16: """
INSERT INTO operations (source, operation_id)
SELECT 'guestsql', 'operation_' || number
FROM generate_series(1, %(guests)s::bigint) AS numbers (number)""",
    21: """
INSERT INTO messages (sent_at, gateway, message_id, phone_number, direction)
SELECT statement_timestamp(), 'whatsapp', 'message_' || number, (573000000000 + number)::text, 'in'
FROM generate_series(1, %(guests)s::bigint) AS numbers (number)""",
    22: """
INSERT INTO outbox (phone_number, payload)
SELECT (573000000000 + number)::text, '{}'
FROM generate_series(1, %(guests)s::bigint / 10) AS numbers (number)""",
    # As of guests who were erased while 0024 ran.
    27: """
INSERT INTO guest_ids (id, phone_number, source)
SELECT
    (576000000000 + number)::text,
    (576000000000 + number)::text,
    'guest'
FROM generate_series(1, 1000) AS numbers (number)""",
    36: """
INSERT INTO historical_clients (phone_number, user_name, total_interactions, last_interaction, archived_at)
SELECT
    (574000000000 + number)::text,
    'Luis ' || number,
    3,
    '2025-01-01 12:00+00',
    '2025-06-01 12:00+00'
FROM generate_series(1, %(guests)s::bigint / 2) AS numbers (number)""",
}
_WRITE: LiteralString = "UPDATE guest_profiles SET total_interactions = total_interactions + 1 WHERE phone_number = %s"
_TABLES: LiteralString = """
SELECT relations.oid::bigint
FROM pg_class AS relations
WHERE relations.relkind IN ('r', 'p') AND relations.relnamespace = 'public'::regnamespace"""
_HELD: LiteralString = """
SELECT DISTINCT locks.relation::regclass::text
FROM pg_locks AS locks
INNER JOIN pg_stat_activity AS sessions USING (pid)
WHERE
    locks.granted
    AND locks.mode = ANY(%s)
    AND locks.relation::bigint = ANY(%s)
    AND sessions.datname = current_database()
    AND sessions.backend_type = 'client backend'"""


@dataclass
class MigrationTimes:
    """What was measured of one file.

    Attributes:
        name: of the file.
        seconds: that it took.
        held: for how long each table was kept from writers, by name.
        waited: the longest write meanwhile, in seconds.
    """

    name: str
    seconds: float = 0.0
    held: dict[str, float] = field(default_factory=dict[str, float])
    waited: float = 0.0

    @property
    def longest(self) -> tuple[float, str]:
        """The longest time, and its table; 0 for a file that keeps no one from any."""
        return max(((seconds, name) for name, seconds in self.held.items()), default=(0.0, ""))


@contextmanager
def _in_background(*works: Any) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(stop,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _writer(url: str, guests: int, times: MigrationTimes, seed: int) -> Any:
    def work(stop: threading.Event) -> None:
        numbers = Random(seed)
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.wait(_PAUSE_SECONDS):
                started = perf_counter()
                connection.execute(_WRITE, [str(_FIRST_KEY + numbers.randint(1, guests))])
                times.waited = max(times.waited, perf_counter() - started)

    return work


def _watcher(url: str, times: MigrationTimes) -> Any:
    def work(stop: threading.Event) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            first: dict[str, float] = {}
            while not stop.wait(_LOOK_SECONDS):
                now = perf_counter()
                found = {name for (name,) in connection.execute(_HELD, [list(BLOCKING), known])}
                for name in found:
                    first.setdefault(name, now)
                    times.held[name] = max(times.held.get(name, 0.0), perf_counter() - first[name])
                for name in first.keys() - found:
                    del first[name]

    with psycopg.connect(url) as connection:
        known = [oid for (oid,) in connection.execute(_TABLES)]
    return work


def measure(url: str, guests: int) -> Iterator[MigrationTimes]:
    """Apply the packaged migrations one by one to an empty database while programs write.

    Args:
        url: of the database.
        guests: how many there are from the first migration on.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, file in enumerate(sorted(MIGRATIONS.glob("*.sql")), 1):
            shutil.copy(file, folder)
            times = MigrationTimes(file.name)
            writers = [_writer(url, guests, times, seed) for seed in range(_WRITERS)] if number > 1 else []
            with _in_background(_watcher(url, times), *writers):
                sleep(5 * _LOOK_SECONDS)
                started = perf_counter()
                Runner(Settings(), url, [Series(PACKAGED, folder)]).up()
                times.seconds = perf_counter() - started
            yield times
            if number in _ROWS:
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute(_ROWS[number], {"guests": guests})
                    connection.execute("VACUUM ANALYZE")


def _report(found: list[MigrationTimes], guests: int) -> None:
    rows = [
        (f"`{each.name}`", round(each.seconds * 1000), *_longest(each), round(each.waited * 1000))
        for each in found
        if each.longest[0] or each.seconds >= MOST_SECONDS
    ]
    head = ("migration", "took, ms", "kept writers out, ms", "of the table", "longest write, ms")
    about = machine()
    text = (
        f"{guests:,} guests, two programs that write; {about['cores']} cores, PostgreSQL {about['postgresql']},"
        f" {about['date']}. Files that keep no writer out and take less than a second are left out.\n\n"
        f"{table(head, rows)}"
    )
    write_figures(
        "migration-locks", {"machine": about, "guests": guests, "migrations": [each.__dict__ for each in found]}
    )
    replace_section(DOCS / "benchmarks.md", "migration-locks", text)


def _longest(times: MigrationTimes) -> tuple[int, str]:
    seconds, name = times.longest
    return round(seconds * 1000), f"`{name}`" if name else ""


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Measure, write docs/figures/migration-locks.json and the table of docs/benchmarks.md; 1 if one takes too long."""
    guests = int(os.environ.get("GUESTS", "1000000"))
    found: list[MigrationTimes] = []
    with disk_server(max_wal_size="8GB") as server:
        for times in measure(server.url(), guests):
            found.append(times)
            seconds, name = times.longest
            _say(
                f"{times.name:40} {times.seconds:7.2f} s, kept writers out {seconds:6.3f} s {name},"
                f" longest write {times.waited:6.3f} s"
            )
    _report(found, guests)
    late = [each.name for each in found if each.longest[0] > MOST_SECONDS]
    _say(" ".join([f"{len(late)} of {len(found)} keep writers out for more than {MOST_SECONDS:g} s", *late]))
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
