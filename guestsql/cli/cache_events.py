"""What the context cache did in a call, read from its log events: asking before or after could be overtaken."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

from guestsql.cli.units import readable_seconds
from guestsql.telemetry.log import logger

__all__ = ["CacheEvents", "watched_cache"]


class CacheEvents(logging.Handler):
    """Collects the events of one call."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._codes: dict[str, float | None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an event's code and the text's age."""
        code = getattr(record, "event", None)
        if isinstance(code, str):
            self._codes[code] = getattr(record, "age_seconds", None)

    @property
    def is_built(self) -> bool:
        """True when the text was built in this call."""
        return "CONTEXT_BUILT" in self._codes

    @property
    def answer(self) -> str:
        """What the cache had."""
        if self.is_built:
            return "miss, built"
        if "CONTEXT_CACHE_STALE" in self._codes:
            return "stale"
        return "miss, waited" if "CONTEXT_CACHE_MISS" in self._codes else "hit"

    @property
    def age(self) -> str:
        """How old the text was; "" for a new one."""
        seconds = self._codes.get("CONTEXT_CACHE_HIT", self._codes.get("CONTEXT_CACHE_STALE"))
        return "" if seconds is None else readable_seconds(round(seconds, 2))


@contextmanager
def watched_cache() -> Generator[CacheEvents]:
    """Collect the events of the calls in the block of code."""
    handler, before = CacheEvents(), logger.level
    logger.addHandler(handler)
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
