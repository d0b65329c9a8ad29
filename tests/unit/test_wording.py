from __future__ import annotations

import pytest

from guestsql.wording import counted


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (0, ("guest",), "0 guests"),
        (1, ("guest",), "1 guest"),
        (1024, ("guest",), "1,024 guests"),
        (1, ("query", "queries"), "1 query"),
        (2, ("query", "queries"), "2 queries"),
    ],
)
def test_a_number_has_the_noun_that_fits_it(number: int, nouns: tuple[str, ...], text: str) -> None:
    assert counted(number, *nouns) == text
