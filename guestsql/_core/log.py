"""Log events: the guide's codes, structured fields, phones masked, parameters never."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from guestsql.identity import mask

__all__ = ["event", "logger", "quietly"]

logger = logging.getLogger("guestsql")

_quiet = ContextVar("guestsql_quiet", default=False)


@contextmanager
def quietly() -> Generator[None]:
    """Log what happens meanwhile for debugging only: whoever asks for that tells of a failure in words of its own."""
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
    known: dict[str, object] = {"guest": mask(guest)} if guest else {}
    known |= {name: value for name, value in fields.items() if value is not None}
    shown = "".join(f" {name}={value}" for name, value in known.items())
    logger.log(level, "%s %s%s", code, message, shown, extra={"event": code, **known}, stacklevel=2)
