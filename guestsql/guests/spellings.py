"""National spellings: the other way in which WhatsApp, and people, write the same phone number.

The SQL function guestsql_spellings has the same rules: a change of one needs a migration. Only numbers that cannot
belong to two people have a second spelling. A guest's key is the spelling that was seen first: no library decides it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["RULES", "Rule", "spellings"]


class Rule(NamedTuple):
    """Two spellings of the numbers of a country.

    Attributes:
        shorter: a pattern of the shorter spelling; its groups are what both have in common.
        longer: likewise of the longer one.
        inserted: the digit that the longer one has between the groups.
        source: the regulation.
    """

    shorter: re.Pattern[str]
    longer: re.Pattern[str]
    inserted: str
    source: str


def _rule(head: str, inserted: str, tail: str, source: str) -> Rule:
    return Rule(
        re.compile(f"({head})({tail})", re.ASCII), re.compile(f"({head}){inserted}({tail})", re.ASCII), inserted, source
    )


RULES = (
    _rule(
        "52",
        "1",
        "[2-9][0-9]{9}",
        "Mexico: the 1 before a mobile number has not been dialled since 2019-08-03. Plan Técnico Fundamental de "
        "Numeración, Instituto Federal de Telecomunicaciones, Diario Oficial de la Federación, 2018-05-11",
    ),
    _rule(
        "54",
        "9",
        "[1-3][0-9]{9}",
        "Argentina: the 9 marks a call to a mobile from abroad, and the number has 10 digits without it. Plan "
        "Fundamental de Numeración Nacional, Secretaría de Comunicaciones, Resolución 46/97",
    ),
    _rule(
        "55[1-9]{2}",
        "9",
        "[689][0-9]{7}",
        "Brazil: the 9 was put before mobile numbers of 8 digits, area by area, from 2012 to 2016. Anatel, Resolução "
        "553/2010. Numbers with a 7 are left out: trunked radio kept 8 digits, so both may exist",
    ),
)
"""The exceptions: every other number has one spelling."""


def spellings(key: str) -> tuple[str, ...]:
    """Return the spellings of an id, the given one first; one for an id that is not a phone of `RULES`.

    Args:
        key: what `canonical_user_id` returns.
    """
    for rule in RULES:
        if found := rule.shorter.fullmatch(key):
            return key, f"{found[1]}{rule.inserted}{found[2]}"
        if found := rule.longer.fullmatch(key):
            return key, found[1] + found[2]
    return (key,)
