"""Rules about a statement that need only its tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator

from guestsql.check.finding import Finding
from guestsql.check.sources import Subject
from guestsql.check.words import Word, Words
from guestsql.sql import TokenKind

__all__ = ["vet_statement"]

_STANDING = {"current_timestamp", "localtimestamp", "current_time", "localtime", "current_date"}
_STANDING_CALLS = {"now", "transaction_timestamp"}
_STANDING_STRING = re.compile(r"'\s*(?:now|today|tomorrow|yesterday)\s*'", re.IGNORECASE)
_TIME_TYPES = {"timestamp", "timestamptz", "date", "time", "timetz"}
_CLOCK_HINT = "write statement_timestamp()"


def vet_statement(subject: Subject) -> Iterator[Finding]:
    """GS301, GS402 and GS403."""
    yield from _stars(subject)
    yield from _without_where(subject)
    yield from _standing_clocks(subject)


def _stars(subject: Subject) -> Iterator[Finding]:
    words = subject.words
    hint = "name the columns: one that is added or moved must not change what the query returns"
    for index, word in enumerate(words):
        if word.kind is TokenKind.OPERATOR and word.text == "*" and _is_star(words, index):
            yield subject.at(word.offset, "GS301", "all columns, whatever they are", hint)
        elif word.folded == "table" and words[index - 1].text in ("", "(") and words[index + 1].kind in _NAMES:
            yield subject.at(word.offset, "GS301", "TABLE returns all columns, whatever they are", hint, width=5)


_NAMES = (TokenKind.WORD, TokenKind.QUOTED_WORD)
_LIST_BEGINS = {"select", "distinct", "returning", ","}


def _is_star(words: Words, index: int) -> bool:
    """Return True if a star means all columns, in the list of a SELECT or a RETURNING."""
    before = index - 1
    if words[before].text == ".":
        before -= 1
        while words[before - 1].text == ".":
            before -= 2
        before -= 1
        if words[before].folded not in _LIST_BEGINS and not _ends_distinct_on(words, before):
            return False
    elif words[before].folded not in _LIST_BEGINS and not _ends_distinct_on(words, before):
        return False
    begin = _list_begin(words, index)
    return begin is not None and not _is_exists(words, begin)


def _ends_distinct_on(words: Words, index: int) -> bool:
    if words[index].text != ")":
        return words[index].folded == "all" and words[index - 1].folded == "select"
    opening = words.opening(index)
    return words[opening - 1].folded == "on" and words[opening - 2].folded == "distinct"


def _list_begin(words: Words, index: int) -> int | None:
    """Return the SELECT or RETURNING whose list has a token, at its own depth; None elsewhere."""
    depth = words[index].depth
    for before in range(index - 1, -1, -1):
        word = words[before]
        if word.depth < depth or (word.depth == depth and word.text == "("):
            return None
        if word.depth == depth and word.folded in ("select", "returning"):
            return before
        if word.depth == depth and word.folded in ("from", "where", "by", "values", "set"):
            return None
    return None


def _is_exists(words: Words, index: int) -> bool:
    """EXISTS (SELECT * …) returns no column."""
    return words[index - 1].text == "(" and words[index - 2].folded == "exists"


def _without_where(subject: Subject) -> Iterator[Finding]:
    words = subject.words
    for index, word in enumerate(words):
        if not _begins_change(words, index):
            continue
        if not _has_where(words, index):
            yield subject.at(
                word.offset,
                "GS402",
                f"{word.text.upper()} without WHERE changes every row",
                "add a WHERE; if every row is meant, write WHERE TRUE",
                width=len(word.text),
            )


def _begins_change(words: Words, index: int) -> bool:
    word, before, after = words[index], words[index - 1], words[index + 1]
    if word.folded == "delete":
        return before.text in ("", "(", ")") and after.folded == "from"
    if word.folded != "update" or before.text not in ("", "(", ")"):
        return False
    return after.kind in _NAMES and any(
        each.folded == "set" and each.depth == word.depth for each in _rest(words, index)
    )


def _has_where(words: Words, index: int) -> bool:
    return any(each.folded == "where" and each.depth == words[index].depth for each in _rest(words, index))


def _rest(words: Words, index: int) -> Iterator[Word]:
    """Yield what follows a token up to the end of the parentheses around it."""
    depth = words[index].depth
    for after in range(index + 1, len(words)):
        word = words[after]
        if word.depth < depth or (word.depth == depth and word.text == ")"):
            return
        yield word


def _standing_clocks(subject: Subject) -> Iterator[Finding]:
    words = subject.words
    for index, word in enumerate(words):
        if word.kind is TokenKind.WORD and _is_standing(words, index):
            message = f"{word.text} does not advance inside a transaction"
            hint = f"{_CLOCK_HINT}::date" if word.folded == "current_date" else _CLOCK_HINT
            yield subject.at(word.offset, "GS403", message, hint, width=len(word.text))
        elif word.kind is TokenKind.STRING and _STANDING_STRING.fullmatch(word.text) and _is_time(words, index):
            message = f"{word.text} is evaluated once, when the statement is prepared, and keeps that value"
            yield subject.at(word.offset, "GS403", message, _CLOCK_HINT, width=len(word.text))


def _is_standing(words: Words, index: int) -> bool:
    folded, before, after = words[index].folded, words[index - 1], words[index + 1]
    if before.text == ".":
        return folded in _STANDING_CALLS and after.text == "(" and words[index - 2].folded == "pg_catalog"
    if folded in _STANDING_CALLS:
        return after.text == "("
    # Reserved words, but after AS they may name a column.
    return folded in _STANDING and before.folded != "as"


def _is_time(words: Words, index: int) -> bool:
    """Return True if a string becomes a time: by `::`, CAST, the type before it, or the type as a function."""
    before, after = words[index - 1], words[index + 1]
    if after.text == "::":
        return _type_at(words, index + 2) in _TIME_TYPES
    if before.text == "(" and words[index - 2].folded == "cast":
        return after.folded == "as" and _type_at(words, index + 2) in _TIME_TYPES
    if before.text == "(" and after.text == ")":
        return words[index - 2].folded in _TIME_TYPES and words[index - 3].text != "::"
    return before.folded in _TIME_TYPES and words[index - 2].text != "::"


def _type_at(words: Words, index: int) -> str:
    is_qualified = words[index].folded == "pg_catalog" and words[index + 1].text == "."
    return words[index + 2 if is_qualified else index].folded
