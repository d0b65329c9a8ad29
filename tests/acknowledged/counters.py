"""The names that were acknowledged, one number for each thread of each writer, in memory that all of them share."""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

_SLOTS = 999
_BYTES = 8


class Counters:
    """Numbers that only grow; each is written by one thread and read by all.

    Args:
        path: the file behind the memory; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(file, _SLOTS * _BYTES)
        self._memory = mmap.mmap(file, _SLOTS * _BYTES)
        os.close(file)

    @staticmethod
    def guest(slot: int) -> str:
        """The guest whose name has this number."""
        return f"5730010{slot:05}"

    def set(self, slot: int, number: int) -> None:
        struct.pack_into("<q", self._memory, slot * _BYTES, number)

    def read(self) -> dict[str, int]:
        """The numbers by guest; those that were acknowledged before the call are in it."""
        numbers = struct.unpack(f"<{_SLOTS}q", self._memory[:])
        return {self.guest(slot): number for slot, number in enumerate(numbers) if number}
