"""Where a statement ends: a semicolon in brackets or in a routine's BEGIN ATOMIC … END does not end it."""

from __future__ import annotations

from guestsql.sql.scanner import Token, TokenKind

__all__ = ["BRACKETS", "Depth"]

BRACKETS = {"(": 1, "[": 1, ")": -1, "]": -1}
"""What each adds to the depth, which is never below 0: one that closes nothing does not make up for a later one."""


class Depth:
    """How deeply a token of one statement is nested in brackets and in a body of BEGIN ATOMIC."""

    def __init__(self) -> None:
        self._brackets = 0
        self._blocks = 0
        self._words: list[str] = []

    @property
    def is_outside(self) -> bool:
        """Return True if a semicolon here would end the statement."""
        return self._brackets == 0 and self._blocks <= 0

    def follow(self, token: Token) -> None:
        """Take the next token of the statement that is neither blank nor a comment."""
        if token.text in BRACKETS:
            self._brackets = max(0, self._brackets + BRACKETS[token.text])
        elif token.kind is TokenKind.WORD:
            self._follow_word(token.text.lower())

    def _follow_word(self, word: str) -> None:
        if word == "atomic" and self._words[-1:] == ["begin"] and self._makes_routine:
            self._blocks = 1
        elif self._blocks and word == "case":
            self._blocks += 1
        elif self._blocks and word == "end":
            self._blocks -= 1
        self._words.append(word)

    @property
    def _makes_routine(self) -> bool:
        return self._words[:1] == ["create"] and not {"function", "procedure"}.isdisjoint(self._words[1:4])
