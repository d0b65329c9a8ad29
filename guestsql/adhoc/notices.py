"""What a command reports while it reaches its server. Only the caller knows where a person reads it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

__all__ = ["SILENT", "Notices"]


def _drop(_text: str) -> None:
    pass


def _keep_quiet(_what: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Notices:
    """Where to report what happens before a query runs.

    Attributes:
        say: shows a message.
        waiting: a context that shows what is waited for, if that takes long.
    """

    say: Callable[[str], None] = _drop
    waiting: Callable[[str], AbstractContextManager[None]] = _keep_quiet


SILENT = Notices()
"""Reports nothing."""
