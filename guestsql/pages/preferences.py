"""The headers Accept and Accept-Language: what a client prefers, with qualities, as RFC 9110 describes them."""

from __future__ import annotations

import re

__all__ = ["qualities"]

_PART = re.compile(r"\s*(?P<name>[\w!#$&^.+*/-]+)\s*(?P<parameters>(?:;[^;]*)*)")
_QUALITY = re.compile(r";\s*q\s*=\s*(?P<quality>[01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE)
# A header may be long, and each of its parts is compared with what is offered.
_MOST_PARTS = 50


def qualities(header: str) -> dict[str, float]:
    """Return what a client accepts, in lower case and in the order of the header, each with its quality from 0 to 1.

    Args:
        header: such as `es-CO, es;q=0.9` or `text/csv, */*;q=0.1`. What cannot be read is ignored: a part, or only its
            quality, which is then 1.
    """
    found: dict[str, float] = {}
    for part in header.split(",")[:_MOST_PARTS]:
        if read := _PART.fullmatch(part):
            quality = _QUALITY.search(read["parameters"])
            found[read["name"].lower()] = min(1.0, float(quality["quality"])) if quality else 1.0
    return found
