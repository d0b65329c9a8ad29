"""The statements that the drivers run: those of guestsql, and the least that answers the question."""

from __future__ import annotations

from guestsql.sql import read_packaged
from tests.benchmarks.peers.contents import TTL_SECONDS

_QUERIES = read_packaged("context.sql", "internal/guests.sql")
_GIVEN: dict[str, object] = {
    "cleared": [],
    "chat_id": None,
    "user_name": None,
    "contact_name": None,
    "labels": None,
    "memory_enabled": None,
}

EXPIRE = "UPDATE guest_profiles SET last_context_update = NULL WHERE phone_number = $1"
PUBLISH = """
UPDATE guest_profiles SET context_cache = $2, last_context_update = statement_timestamp() WHERE phone_number = $1
"""
_FRESH = "coalesce(last_context_update > statement_timestamp() - make_interval(secs => $2), FALSE) AS is_fresh"
TEXT = f"SELECT context_cache, {_FRESH} FROM guest_profiles WHERE phone_number = $1"
TEXTS = f"SELECT context_cache, {_FRESH} FROM guest_profiles WHERE phone_number = ANY($1)"


def is_fresh(stored_at: float | None, answered_at: float) -> bool:
    """What a driver makes of the two times of LOOKUP."""
    return stored_at is not None and 0 <= answered_at - stored_at < TTL_SECONDS


class Statement:
    """A packaged query as a driver takes it: its text, and values by place.

    Attributes:
        text: with `$1`, `$2`, ….
    """

    def __init__(self, name: str) -> None:
        self._positional = _QUERIES[name].positional
        self.text = _QUERIES[name].text

    def values(self, **given: object) -> list[object]:
        """Return the values of the parameters; those of a call are the same every time except for these."""
        known = {**_GIVEN, **given}
        return [known[name] for name in self._positional]


LOOKUP = Statement("lookup_context")
LOOKUPS = Statement("lookup_contexts")
UPSERT = Statement("upsert_profile")
