"""Copies files so that they are safely on disk before anything is deleted."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO

__all__ = ["copy_safely", "file_sha256", "sync_folder", "write_safely"]

_CHUNK_BYTES = 1 << 20


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_safely(source: Path, target: Path) -> None:
    """Copy a file with its times and permissions, and sync it to disk.

    Args:
        source: the file.
        target: the copy; it must not exist yet.

    Raises:
        OSError: the source cannot be read, or the target cannot be written.
    """
    with source.open("rb") as read, _new_file(target) as written:
        shutil.copyfileobj(read, written, _CHUNK_BYTES)
        written.flush()
        shutil.copystat(source, target)
        os.fsync(written.fileno())


def write_safely(target: Path, data: bytes) -> None:
    """Write a new file, and sync it to disk.

    Args:
        target: the file; it must not exist yet.
        data: its bytes.

    Raises:
        OSError: it cannot be written.
    """
    with _new_file(target) as written:
        written.write(data)
        written.flush()
        os.fsync(written.fileno())


def _new_file(target: Path) -> BinaryIO:
    """Open a new file that is never anyone else's to read, whatever the umask: it holds guests."""
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    return os.fdopen(handle, "wb")


def sync_folder(directory: Path) -> None:
    """Sync the names in a folder to disk.

    Args:
        directory: the folder.

    Raises:
        OSError: it cannot be opened.
    """
    if os.name == "nt":
        return  # Windows cannot open a folder; its file system orders changes of names by itself
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
