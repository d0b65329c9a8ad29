"""The guests and texts that every peer holds, and the builder that makes a text."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from dataclasses import dataclass
from functools import cache

import psycopg

GUESTS = [f"57300{number:07d}" for number in range(20_000)]
"""All whose texts are stored."""
READ, WRITTEN = GUESTS[:2_000], GUESTS[2_000:4_000]
"""Those in conversation: whose texts are read, and stay fresh, and whose texts expire and are written."""
CHANGES = itertools.count()
"""Values to write: each is new, or there would be nothing to change."""
TTL_SECONDS = 3600
POOL = 10
"""Connections of every peer with a pool: the default of guestsql."""
_WORDS = [
    "habitación",
    "doble",
    "con",
    "vista",
    "al",
    "mar,",
    "llegada",
    "tarde,",
    "desayuno",
    "incluido,",
    "viaja",
    "con",
    "su",
    "familia,",
    "prefiere",
    "WhatsApp",
]

_FILL = """
INSERT INTO guest_profiles (phone_number, user_name, context_cache, last_context_update)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]) CROSS JOIN statement_timestamp()
"""


@cache
def text_of(key: str) -> str:
    """The context of a guest: 600 characters, about as long as a short memory of a conversation."""
    chance = random.Random(key)
    text = f"[Ana {key[-4:]} | VIP, cotización]\n\n"
    while len(text) < 600:
        text += chance.choice(_WORDS) + " "
    return text[:600]


def name_of(key: str) -> str:
    """The guest's name."""
    return f"Ana {key[-4:]}"


def fill(connection: psycopg.Connection[tuple[object, ...]], keys: list[str]) -> None:
    """Insert the guests with fresh texts."""
    connection.execute(_FILL, [keys, [name_of(key) for key in keys], [text_of(key) for key in keys]])


@dataclass
class Builder:
    """Makes texts, and counts how often.

    Attributes:
        seconds: how long one takes.
        built: how many were made.
    """

    seconds: float = 0.0
    built: int = 0

    def __call__(self, key: str) -> str:
        self.built += 1
        if self.seconds:
            time.sleep(self.seconds)
        return text_of(key)

    async def asynchronous(self, key: str) -> str:
        """Make a text in a task."""
        self.built += 1
        if self.seconds:
            await asyncio.sleep(self.seconds)
        return text_of(key)
