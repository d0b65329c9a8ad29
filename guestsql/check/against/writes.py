"""The columns that a statement writes, found from its tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from guestsql.check.words import Words
from guestsql.sql import TokenKind

__all__ = ["Write", "read_writes"]

_NAMES = (TokenKind.WORD, TokenKind.QUOTED_WORD)


@dataclass(frozen=True, slots=True)
class Write:
    """A part of a statement that writes.

    Attributes:
        schema: the schema of the table as it is written, or "".
        table: the table's or view's name.
        operation: "Insert", "Update" or "Merge", as the plan calls it.
        inserted: the columns that an INSERT names, or None when it names none; empty for others.
        updated: the columns that a SET names.
    """

    schema: str
    table: str
    operation: str
    inserted: frozenset[str] | None
    updated: frozenset[str]


def read_writes(words: Words) -> list[Write]:
    """Return the parts of a statement that insert, update or merge, in order."""
    return [write for index in range(len(words)) if (write := _write(words, index)) is not None]


def _write(words: Words, index: int) -> Write | None:
    word, after = words[index].folded, words[index + 1].folded
    if words[index].kind is not TokenKind.WORD or words[index - 1].text == ".":
        return None
    if word == "insert" and after == "into":
        return _insert(words, index)
    if word == "merge" and after == "into":
        return _merge(words, index)
    if word == "update" and words[index - 1].folded in ("", "(", ")", "as"):
        begin = index + 2 if after == "only" else index + 1
        schema, table, end = _name(words, begin)
        begins = _find(words, end, words[index].depth, "set") if table else None
        return None if begins is None else Write(schema, table, "Update", frozenset(), _assigned(words, begins))
    return None


def _insert(words: Words, index: int) -> Write:
    schema, table, end = _name(words, index + 2)
    if words[end].folded == "as":
        end += 2
    inserted: frozenset[str] | None = None
    if words[end].text == "(" and words[end + 1].folded not in ("select", "with", "values", "("):
        inserted = frozenset(_listed(words, end))
    updated: frozenset[str] = frozenset()
    conflict = _find(words, end, words[index].depth, "conflict")
    begins = None if conflict is None else _find(words, conflict, words[index].depth, "set")
    if begins is not None:
        updated = _assigned(words, begins)
    return Write(schema, table, "Insert", inserted, updated)


def _merge(words: Words, index: int) -> Write:
    depth = words[index].depth
    schema, table, end = _name(words, index + 2)
    inserted: frozenset[str] | None = None
    updated: set[str] = set()
    for at in range(end, len(words)):
        if words[at].depth != depth or words[at - 1].folded != "then":
            continue
        if words[at].folded == "insert":
            named = frozenset(_listed(words, at + 1)) if words[at + 1].text == "(" else frozenset[str]()
            inserted = named if inserted is None else inserted & named
        elif words[at].folded == "update":
            updated |= _assigned(words, at + 1)
    return Write(schema, table, "Merge", inserted, frozenset(updated))


def _name(words: Words, index: int) -> tuple[str, str, int]:
    """Return the schema and name that begin at a word, and the word after them."""
    if words[index].kind not in _NAMES:
        return "", "", index
    if words[index + 1].text == ".":
        return _plain(words, index), _plain(words, index + 2), index + 3
    return "", _plain(words, index), index + 1


def _plain(words: Words, index: int) -> str:
    word = words[index]
    return word.text[1:-1].replace('""', '"') if word.kind is TokenKind.QUOTED_WORD else word.folded


def _find(words: Words, index: int, depth: int, folded: str) -> int | None:
    """Return where a key word follows a word, at a depth, before the parentheses around it end."""
    for at in range(index, len(words)):
        word = words[at]
        if word.depth < depth or (word.depth == depth and word.text == ")"):
            return None
        if word.depth == depth and word.kind is TokenKind.WORD and word.folded == folded:
            return at
    return None


def _listed(words: Words, opening: int) -> Iterator[str]:
    """Return the names in parentheses; a subscript or a field after one does not count."""
    depth = words[opening].depth
    for at in range(opening + 1, words.closing(opening)):
        if words[at].depth == depth and words[at].kind in _NAMES and words[at - 1].text in ("(", ","):
            yield _plain(words, at)


def _assigned(words: Words, begins: int) -> frozenset[str]:
    """Return the columns that the SET at a word names."""
    depth = words[begins].depth
    found: set[str] = set()
    for at in range(begins + 1, len(words)):
        if words[at].depth < depth or _ends(words, at, depth):
            break
        is_first = words[at - 1].depth == depth and (at - 1 == begins or words[at - 1].text == ",")
        if is_first and words[at].text == "(":
            found.update(_listed(words, at))
        elif is_first and words[at].kind in _NAMES:
            found.add(_plain(words, at))
    return frozenset(found)


def _ends(words: Words, at: int, depth: int) -> bool:
    word = words[at]
    if word.depth != depth:
        return False
    if word.text == ")" or word.folded in ("where", "returning"):
        return True
    if word.folded == "from":
        return words[at - 1].folded != "distinct"  # IS DISTINCT FROM
    return word.folded == "when" and "matched" in (words[at + 1].folded, words[at + 2].folded)
