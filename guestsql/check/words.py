"""A statement as its tokens that count, each with its depth of parentheses: what the rules about the text read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from guestsql.sql import Token, TokenKind

__all__ = ["Word", "Words", "read_words"]


@dataclass(frozen=True, slots=True)
class Word:
    """A token.

    Attributes:
        kind: what it is.
        text: as it is written.
        folded: key words and unquoted identifiers in lower case; anything else as it is written.
        offset: 0-based, in characters, in the query's source.
        depth: how many parentheses are open around it; a parenthesis has the depth of what it encloses.
    """

    kind: TokenKind
    text: str
    folded: str
    offset: int
    depth: int


class Words(Sequence[Word]):
    """The tokens of a statement that count.

    Args:
        words: in order.
    """

    _NONE = Word(TokenKind.SPACE, "", "", 0, 0)

    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words

    def __getitem__(self, index: int) -> Word:  # type: ignore[override]  # no slices are taken
        """Return a token; outside the statement one that is nothing."""
        return self._words[index] if 0 <= index < len(self._words) else self._NONE

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[Word]:
        return iter(self._words)

    def find(self, *folded: str, depth: int | None = None) -> int | None:
        """Return the index of the first of some key words.

        Args:
            folded: in lower case.
            depth: only there; None is anywhere.
        """
        for index, word in enumerate(self._words):
            if word.kind is TokenKind.WORD and word.folded in folded and depth in (None, word.depth):
                return index
        return None

    def has(self, *folded: str) -> bool:
        """Return True if the statement has one of some key words."""
        return self.find(*folded) is not None

    def opening(self, index: int) -> int:
        """Return the index of the parenthesis that encloses a token, or -1."""
        depth = self[index].depth
        for before in range(index - 1, -1, -1):
            word = self._words[before]
            if word.text in ("(", "[") and word.depth == depth:
                return before
        return -1

    def closing(self, index: int) -> int:
        """Return the index of the parenthesis that closes the one at an index, or the statement's length."""
        depth = self[index].depth
        for after in range(index + 1, len(self._words)):
            if self._words[after].text in (")", "]") and self._words[after].depth == depth:
                return after
        return len(self._words)


def read_words(tokens: Sequence[Token]) -> Words:
    """Return the tokens of a statement that count.

    Args:
        tokens: the statement's.
    """
    return Words(list(_words(tokens)))


def _words(tokens: Sequence[Token]) -> Iterator[Word]:
    depth = 0
    for token in tokens:
        if token.is_blank:
            continue
        if token.text in ("(", "["):
            depth += 1
        folded = token.text.lower() if token.kind is TokenKind.WORD else token.text
        yield Word(token.kind, token.text, folded, token.offset, depth)
        if token.text in (")", "]"):
            depth -= 1
