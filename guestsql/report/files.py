"""Writes files that others may be reading: whole, in one step, for the owner only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["write_file"]


def write_file(path: Path, content: bytes) -> None:
    """Write a file, or replace it, in one step. Its folder is created; the mode is 0600.

    Args:
        path: of the file; a link is followed.
        content: all of it.

    Raises:
        OSError: the file or its folder cannot be written, or it is there and no regular file.
    """
    target = Path(os.path.realpath(path))  # unlike resolve, it leaves a loop of links to what follows
    if target.exists() and not target.is_file():
        raise FileExistsError(f"{target} is not a regular file")
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
