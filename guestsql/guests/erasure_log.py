"""The log of erasures outside the database (`GUESTSQL_ERASURE_LOG`): a restored dump brings erased guests back.

One JSON object a line, with hashes only. An erasure is appended and on disk before it is committed; if it is rolled
back after that, a second line says so. Several processes may append at once: each line is one write at the end of the
file. A process that is killed meanwhile may leave part of a line, which the next line does not continue.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from guestsql.errors import GuestSQLError, SettingsError
from guestsql.telemetry.log import event

__all__ = ["ErasureLog", "LoggedErasure", "LoggedErasures"]

_OWNER_ONLY = 0o600
_HINT = "nothing was erased: free the disk, or let this process append to the file that GUESTSQL_ERASURE_LOG names"


@dataclass(frozen=True, slots=True)
class LoggedErasure:
    """One erasure.

    Attributes:
        erasure_id: its id in the table erasures.
        at: when the guest was erased, by the server's clock.
        key_id: what distinguishes the key of the hashes; None for the database's salt.
        keys: hashes of the guest's key and of the keys merged into it, each with the time from which a later guest has
            had the same key; None if no later guest has.
        ids: hashes of the other ids that led to the guest.
        others: hashes that only an import of old files needs.
        rows: rows erased, by table.
    """

    erasure_id: str
    at: datetime
    key_id: str | None
    keys: Mapping[str, datetime | None]
    ids: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict[str, int])

    def line(self) -> str:
        """Return it as a line of the log."""
        keys = {hashed: None if until is None else until.isoformat() for hashed, until in self.keys.items()}
        return json.dumps(
            {
                "erasure": self.erasure_id,
                "at": self.at.isoformat(),
                "key": self.key_id,
                "keys": keys,
                "ids": list(self.ids),
                "others": list(self.others),
                "rows": dict(self.rows),
            }
        )

    def parameters(self) -> dict[str, dict[str, object]]:
        """Return the parameters of the queries that enter it into a database, by query."""
        found = sorted(map(bytes.fromhex, {*self.keys, *self.ids}))
        hashes = sorted(map(bytes.fromhex, {*self.keys, *self.ids, *self.others}))
        known = {"erased_at": self.at, "key_id": self.key_id}
        record = {"erasure_id": self.erasure_id, "reason": "request", "erased_rows": json.dumps(dict(self.rows))}
        return {
            "remember_erasure": {**known, "id_hashes": hashes},
            "record_erasure": {**known, **record, "id_hashes": found},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LoggedErasure:
        """Return what a line says.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        keys = {str(hashed): None if until is None else _time(until) for hashed, until in value["keys"].items()}
        rows = {str(table): int(count) for table, count in value["rows"].items()}
        key_id = None if value["key"] is None else str(value["key"])
        ids, others = tuple(map(str, value["ids"])), tuple(map(str, value["others"]))
        for hashed in (*keys, *ids, *others):
            bytes.fromhex(hashed)
        return cls(str(value["erasure"]), _time(value["at"]), key_id, keys, ids, others, rows)


@dataclass(slots=True)
class LoggedErasures:
    """What a log says.

    Attributes:
        by_id: the erasures that were not undone, by id.
        unreadable: the numbers of the lines that could not be read.
    """

    by_id: dict[str, LoggedErasure] = field(default_factory=dict[str, LoggedErasure])
    unreadable: list[int] = field(default_factory=list[int])


class ErasureLog:
    """A log of erasures.

    Args:
        path: the file; it is created when the first guest is erased, for its owner only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, erasure: LoggedErasure) -> None:
        """Append an erasure that is about to be committed.

        Raises:
            SettingsError: it could not be written to disk.
        """
        self._append(erasure.line())

    def undo(self, erasure_id: str) -> None:
        """Append that an erasure was rolled back. A failure is logged: the erasure stays in the log as it is."""
        try:
            self._append(json.dumps({"erasure": erasure_id, "undone": True}))
        except GuestSQLError as error:
            event(logging.ERROR, "ERASURE_LOG_WRONG", f"an erasure that failed stays in the log: {error.message}")

    def read(self) -> LoggedErasures:
        """Return the erasures of the log.

        Raises:
            SettingsError: there is no such file, or it cannot be read.
        """
        found = LoggedErasures()
        try:
            with self._path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        _read_line(line, number, found)
        except OSError as error:
            hint = "name the file with --log, or set GUESTSQL_ERASURE_LOG"
            raise SettingsError(
                f"the log of erasures {self._path} cannot be read: {error.strerror}", hint=hint
            ) from error
        return found

    def _append(self, line: str) -> None:
        try:
            self._write(f"{line}\n".encode())
        except OSError as error:
            reason = error.strerror or error
            raise SettingsError(
                f"GUESTSQL_ERASURE_LOG: {self._path} cannot be written: {reason}", hint=_HINT
            ) from error

    def _write(self, line: bytes) -> None:
        is_new = not self._path.exists()
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), _OWNER_ONLY)
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line  # a process was killed while it wrote
            if os.write(file, line) < len(line):
                raise OSError(0, "only a part was written; perhaps the disk is full")
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            _sync_folder(self._path.parent)


def _sync_folder(folder: Path) -> None:
    """Let the file's name survive a crash, too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _read_line(line: bytes, number: int, found: LoggedErasures) -> None:
    try:
        value = json.loads(line)
        if value.get("undone") is True:
            found.by_id.pop(str(value["erasure"]), None)
        else:
            erasure = LoggedErasure.from_json(value)
            found.by_id[erasure.erasure_id] = erasure
    except (AttributeError, KeyError, TypeError, ValueError):
        found.unreadable.append(number)


def _time(text: object) -> datetime:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at
