"""Log events: the guide's codes, structured fields, phones masked, parameters never."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["event", "logger", "mask_guests_with", "quietly"]

logger = logging.getLogger("guestsql")

_quiet = ContextVar("guestsql_quiet", default=False)


def _hide(guest: str) -> str:
    """Until a mask is registered, no part of a key is written."""
    del guest
    return "***"


_masks: list[Callable[[str], str]] = [_hide]


def mask_guests_with(mask: Callable[[str], str]) -> None:
    """Register how the key of a guest is masked.

    Args:
        mask: returns what may be logged of a key.
    """
    _masks[0] = mask


@contextmanager
def quietly() -> Generator[None]:
    """Log what happens meanwhile at DEBUG level: the caller reports a failure itself."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def event(level: int, code: str, message: str, *, guest: str | None = None, **fields: object) -> None:
    """Log one event.

    Args:
        level: a level of `logging`.
        code: the event's code, such as `CONTEXT_CACHE_HIT`; also the record's attribute `event`.
        message: what happened, in words.
        guest: a guest's key, masked before it is written.
        **fields: attributes of the record and `name=value` in its text; None is left out.
    """
    if not logger.isEnabledFor(level):
        return
    if _quiet.get():
        level = logging.DEBUG
    known: dict[str, object] = {"guest": _masks[0](guest)} if guest else {}
    known |= {name: value for name, value in fields.items() if value is not None}
    shown = "".join(f" {name}={value}" for name, value in known.items())
    logger.log(level, "%s %s%s", code, message, shown, extra={"event": code, **known}, stacklevel=2)
