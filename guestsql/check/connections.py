"""GS404 and GS405: what a query leaves in its connection, and what it would transfer outside of rows."""

from __future__ import annotations

from collections.abc import Iterator

from guestsql.check.finding import Finding
from guestsql.check.sources import Subject
from guestsql.check.words import Word, Words
from guestsql.sql import TokenKind

__all__ = ["vet_connection"]

_TRANSACTION = "use db.transaction()"
_PREPARED = "remove it: guestsql prepares statements by itself"
_LISTENING = "listen on a connection of your own"
_LEFT = {
    "abort": _TRANSACTION,
    "begin": _TRANSACTION,
    "commit": _TRANSACTION,
    "deallocate": _PREPARED,
    "discard": "remove it: another call may need what it discards",
    "end": _TRANSACTION,
    "listen": _LISTENING,
    "load": "set session_preload_libraries for the role or the database",
    "prepare": _PREPARED,
    "release": _TRANSACTION,
    "reset": "remove it, and write SET LOCAL for what it resets",
    "rollback": _TRANSACTION,
    "savepoint": _TRANSACTION,
    "start": _TRANSACTION,
    "unlisten": _LISTENING,
}
_SET = "write SET LOCAL and call it in a transaction, or set it for the role: ALTER ROLE … SET"
_OF_A_TRANSACTION = ("local", "transaction", "constraints")
_STREAMS = {("from", "stdin"), ("to", "stdout"), ("from", "stdout"), ("to", "stdin")}


def vet_connection(subject: Subject) -> Iterator[Finding]:
    """GS404 and GS405.

    Args:
        subject: a query.
    """
    words = subject.words
    left = _left(words)
    if left is not None:
        word, hint = left
        message = f"{word.text} outlives the call: its connection is used for other calls"
        yield subject.at(word.offset, "GS404", message, hint, width=len(word.text))
    copied = _copied(words)
    if copied is not None:
        message = f"COPY {'FROM STDIN' if copied.folded == 'stdin' else 'TO STDOUT'} cannot be called as a query"
        hint = "write SELECT or INSERT; for files use psql, or psycopg's cursor.copy() on a connection of your own"
        yield subject.at(copied.offset, "GS405", message, hint, width=len(copied.text))


def _left(words: Words) -> tuple[Word, str] | None:
    """Return the word for what stays in the connection, and how to do without."""
    first, second = words[0], words[1]
    if first.folded == "set":
        return None if second.folded in _OF_A_TRANSACTION else (first, _SET)
    if first.folded == "declare":
        held = next((word for index, word in enumerate(words) if _is_hold(words, index)), None)
        return None if held is None else (held, "remove WITH HOLD, and read the cursor in one transaction")
    if first.folded in _LEFT:
        return first, _LEFT[first.folded]
    for index, word in enumerate(words):
        if word.folded == "set_config" and words[index + 1].text == "(":
            last = words[words.closing(index + 1) - 1]
            if last.folded == "false":
                return word, "write TRUE as its last argument, and call it in a transaction"
    return None


def _is_hold(words: Words, index: int) -> bool:
    return words[index].folded == "hold" and words[index - 1].folded == "with"


def _copied(words: Words) -> Word | None:
    """Return STDIN or STDOUT of a COPY."""
    if words[0].folded != "copy":
        return None
    for index, word in enumerate(words):
        before = words[index - 1].folded if index else ""
        if word.kind is TokenKind.WORD and word.depth == 0 and (before, word.folded) in _STREAMS:
            return word
    return None
