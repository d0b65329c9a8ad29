"""A file's text read at once or in small pieces, for tests."""

from __future__ import annotations

from pathlib import Path

from guestsql.legacy.reading.file_reader import Damage, FileReader, RawRecord
from guestsql.legacy.reading.files import LegacyFile, Source


def read_file(path: Path, **options: int) -> list[RawRecord | Damage]:
    """All records of a file that is taken for threads.json."""
    return [*FileReader(LegacyFile(path, "threads.json", Source.THREADS), **options).records()]


def shown(found: list[RawRecord | Damage]) -> list[tuple[object, ...]]:
    """What matters of each."""
    return [(f.pointer, f.key, f.value) if isinstance(f, RawRecord) else (f.pointer, f.reason) for f in found]
