"""The import of the old bot's files against the guide's loop, and against COPY alone of the same bytes.

GUESTSQL_BENCH_GUESTS=1000000 is the long form. The server writes to a disk and waits for it, as a real one does: the
loop commits every row, the import once.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

import psycopg
import pytest

from guestsql.embedded import PrivateServer
from guestsql.legacy.importing.staging import COPY_STAGING, FileStager
from guestsql.legacy.reading.excluded import Excluded
from guestsql.legacy.reading.files import find_files
from tests.server import apply_migrations, pg_bin

GUESTS = int(os.environ.get("GUESTSQL_BENCH_GUESTS", "200000"))
SAMPLE = 2000
TURNS = 3

_OPEN = "CREATE TEMPORARY TABLE legacy_staging (LIKE legacy_staging) ON COMMIT DROP"

# Step 4 of the guide: one statement a guest, each its own transaction, profile_data the whole record.
_UPSERT = """
INSERT INTO guest_profiles (phone_number, chat_id, user_name, labels, profile_data)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (phone_number) DO UPDATE SET
    user_name = EXCLUDED.user_name,
    labels = EXCLUDED.labels,
    profile_data = EXCLUDED.profile_data,
    updated_at = CURRENT_TIMESTAMP
"""

_IMPORT = """
import json, sys
from pathlib import Path
from statistics import median
from time import perf_counter
from guestsql.legacy import import_directory
from guestsql.settings import Settings
started = perf_counter()
report = import_directory(Path(sys.argv[1]), settings=Settings(), url=sys.argv[2])
seconds = perf_counter() - started
print(json.dumps([seconds, report.inserted, report.peak_memory_bytes]))
"""


@pytest.fixture(scope="module")
def disk_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database on a server that waits for its disk."""
    folder = tmp_path_factory.mktemp("server")
    with PrivateServer(folder, pg_bin(), ephemeral=False) as server:
        apply_migrations(server.url())
        yield server.url()


def _record(number: int) -> tuple[str, dict[str, object]]:
    phone = f"57300{number:07}"
    day, hour = 1 + number % 28, number % 24
    labels = [{"id": str(number % 9), "name": ["cotización", "Colega Jefe", "VIP"][number % 3], "color": "#00ff00"}]
    return phone, {
        "threadId": f"thread_{number:024}",
        "chatId": f"{phone}@s.whatsapp.net",
        "userName": f"Invitado {number}",
        "createdAt": f"2025-01-{day:02}T{hour:02}:00:00.000Z",
        "lastActivity": f"2025-06-{day:02}T{hour:02}:10:00.123Z",
        "name": f"Contacto Núñez {number}",
        "labels": labels if number % 3 else [],
    }


def _write(folder: Path, guests: int, *, each: int) -> None:
    """Write threads.json with all guests in no order, and guest_profiles.json with one of so many."""
    folder.mkdir()
    numbers = list(range(guests))
    random.Random(1).shuffle(numbers)
    with (folder / "threads.json").open("w", encoding="utf-8") as file:
        file.write("[")
        for place, number in enumerate(numbers):
            file.write("," * (place > 0) + json.dumps(_record(number), ensure_ascii=False, separators=(",", ":")))
        file.write("]")
    profiles = [
        (phone, {"name": record["userName"], "lastInteraction": record["createdAt"]})
        for phone, record in map(_record, range(0, guests, each))
    ]
    (folder / "guest_profiles.json").write_text(json.dumps(profiles, separators=(",", ":")), encoding="utf-8")


def _import(folder: Path, url: str, guests: int) -> tuple[float, int]:
    """Import in a process of its own; the seconds, and the most memory it held."""
    _truncate(url)
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-c", _IMPORT, str(folder), url]
    done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(root)})
    seconds, inserted, peak = json.loads(done.stdout)
    assert inserted == guests
    return seconds, peak


def _truncate(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE guest_profiles CASCADE")
        connection.execute("CHECKPOINT")


def _copy_alone(folder: Path, url: str) -> float:
    """The seconds that COPY of the import's bytes into its staging table takes, everything made before.

    With the room for temporary tables that an import asks for: it is the faster way.
    """
    files = enumerate(find_files(folder), start=1)
    stagers = [FileStager(number, file, Excluded(frozenset()), datetime.now(UTC)) for number, file in files]
    blocks = [block.encode() for stager in stagers for block in stager.blocks()]
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL temp_buffers = '192MB'")
        connection.execute(_OPEN)
        started = perf_counter()
        with connection.cursor().copy(COPY_STAGING) as copy:
            for block in blocks:
                copy.write(block)
        return perf_counter() - started


def _row_by_row(url: str) -> float:
    """The seconds a guest takes in the guide's loop."""
    _truncate(url)
    rows = [
        (phone, record["chatId"], record["userName"], ["VIP"], json.dumps(record))
        for phone, record in map(_record, range(SAMPLE))
    ]
    with psycopg.connect(url, autocommit=True) as connection:
        started = perf_counter()
        for row in rows:
            connection.execute(_UPSERT, row)
        return (perf_counter() - started) / SAMPLE


def _turns(folder: Path, url: str) -> list[tuple[float, float, int]]:
    """COPY alone and the import in turns, so that what else the machine does falls on both alike."""
    return [(_copy_alone(folder, url), *_import(folder, url, GUESTS)) for _ in range(TURNS)]


def bench_legacy_import(tmp_path: Path, disk_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path / "few", GUESTS, each=20)
    _write(tmp_path / "all", GUESTS, each=1)
    _write(tmp_path / "quarter", GUESTS // 4, each=20)
    loop = _row_by_row(disk_url) * GUESTS
    turns = _turns(tmp_path / "few", disk_url)
    copy, seconds, peak = (min(turn[part] for turn in turns) for part in range(3))
    small = min(_import(tmp_path / "quarter", disk_url, GUESTS // 4)[0] for _ in range(TURNS))
    in_both = _turns(tmp_path / "all", disk_url)
    few, every = (median(seconds / copy for copy, seconds, _ in each) for each in (turns, in_both))
    lines = (
        f"import of {GUESTS} guests: {seconds:.1f} s, {GUESTS / seconds:.0f} a second, {peak / 1e6:.0f} MB (aim 200)",
        f"the guide's loop, {SAMPLE} of them timed: {loop / seconds:.1f} x as long (aim 12)",
        f"COPY alone, {copy:.2f} s: the import takes {few:.2f} x, the middle of {TURNS} turns (aim 6)",
        f"the same with every guest in both files: {every:.2f} x",
        f"a guest, against an import of a quarter of them: {seconds / 4 / small:.2f} x (1 is linear)",
    )
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert peak < 200_000_000
