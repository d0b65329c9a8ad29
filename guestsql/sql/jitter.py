"""Random times: processes that were started together do not do everything together."""

from __future__ import annotations

import random

__all__ = ["jitter"]

# Not the generator of `random`: a program may have seeded that one for numbers of its own.
_random = random.SystemRandom()


def jitter(least: float, most: float) -> float:
    """Return a random number of seconds.

    Args:
        least: seconds.
        most: seconds, at least `least`.
    """
    return _random.uniform(least, most)
