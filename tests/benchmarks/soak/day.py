"""The messages of a hotel's day: few at night, most in the evening, in conversations, with two bursts."""

from __future__ import annotations

import random
from collections.abc import Iterator

__all__ = ["DAY_SECONDS", "guest_number", "messages_of_a_day"]

DAY_SECONDS = 86_400.0
_HOURS = (2, 1, 1, 1, 1, 2, 5, 9, 12, 14, 15, 16, 15, 13, 12, 13, 14, 16, 18, 19, 17, 13, 8, 4)
_MOST_IN_A_CONVERSATION = 6
_BETWEEN_SECONDS = 60.0
# A campaign is sent, or a flight is cancelled: within ten minutes, so much of a day's messages.
_BURSTS = ((11.0, 0.05), (19.5, 0.05))
_BURST_SECONDS = 600.0


def messages_of_a_day(messages: int, guests: int, chance: random.Random) -> list[tuple[float, str]]:
    """Return the second of the day and the guest of each message, the first one first.

    Args:
        messages: how many, about.
        guests: how many guests there are.
        chance: decides who writes, and when.
    """
    found: list[tuple[float, str]] = []
    for hour, share in _BURSTS:
        found.extend(
            (hour * 3600 + chance.random() * _BURST_SECONDS, guest_number(chance.randrange(guests)))
            for _ in range(int(messages * share))
        )
    while len(found) < messages:
        found.extend(_conversation(guests, chance))
    return sorted(found)


def guest_number(number: int) -> str:
    """Return the phone number of a guest."""
    return f"5730{number:08}"


def _conversation(guests: int, chance: random.Random) -> Iterator[tuple[float, str]]:
    guest = guest_number(chance.randrange(guests))
    (hour,) = chance.choices(range(24), _HOURS)
    second = (hour + chance.random()) * 3600
    for _ in range(chance.randint(1, _MOST_IN_A_CONVERSATION)):
        if second < DAY_SECONDS:
            yield second, guest
        second += chance.expovariate(1 / _BETWEEN_SECONDS)
