"""Removes the parentheses around a statement."""

from __future__ import annotations

from dataclasses import replace

from guestsql.check.words import Word, Words

__all__ = ["without_parentheses"]

_BEGINS = {"select", "values", "table", "insert", "update", "delete", "merge"}
# What may follow the closing parenthesis and belongs to the same statement; UNION makes another.
_MAY_FOLLOW = {"", ";", "order", "limit", "offset", "fetch", "for"}


def without_parentheses(words: Words) -> Words:
    """Remove the parentheses around a whole statement, also after its WITH queries.

    Args:
        words: the statement's tokens.

    Returns:
        The tokens, each less deep by the parentheses that are gone; the same when there are none.
    """
    while (first := _first_parenthesis(words)) is not None:
        last = words.closing(first)
        if words[last + 1].folded not in _MAY_FOLLOW:
            return words
        inner = [replace(word, depth=word.depth - 1) for word in list(words)[first + 1 : last]]
        words = Words([*list(words)[:first], *inner, *list(words)[last + 1 :]])
    return words


def _first_parenthesis(words: Words) -> int | None:
    """Return the index of the parenthesis that the statement begins with."""
    if words[0].text == "(":
        return 0
    if words[0].folded != "with":
        return None
    for index, word in enumerate(words):
        if word.depth == 0 and word.folded in _BEGINS:
            return None
        if word.depth == 1 and word.text == "(" and _ends_with_query(words[index - 1]):
            return index
    return None


def _ends_with_query(before: Word) -> bool:
    return before.depth == 1 and before.text == ")"
