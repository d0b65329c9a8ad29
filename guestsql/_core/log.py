"""Log events: the guide's codes, structured fields, phones masked, parameters never."""

from __future__ import annotations

import logging

from guestsql.identity import mask

__all__ = ["event", "logger"]

logger = logging.getLogger("guestsql")


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
    known: dict[str, object] = {"guest": mask(guest)} if guest else {}
    known |= {name: value for name, value in fields.items() if value is not None}
    shown = "".join(f" {name}={value}" for name, value in known.items())
    logger.log(level, "%s %s%s", code, message, shown, extra={"event": code, **known}, stacklevel=2)
