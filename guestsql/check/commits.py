"""The mark `commit: async`: GS007 for one that cannot be read, and GS905 for one without effect."""

from __future__ import annotations

from collections.abc import Iterator

from guestsql.check.finding import Finding
from guestsql.check.sources import Subject
from guestsql.sql.hooks import hooks_of
from guestsql.sql.operation import is_write

__all__ = ["vet_commit"]


def vet_commit(subject: Subject) -> Iterator[Finding]:
    """GS007 and GS905 for the `commit:` lines of a query."""
    query = subject.query
    marks = [mark for mark in query.marks if mark.word == "commit"]
    for number, mark in enumerate(marks):
        if number:
            rule, message, hint = "GS007", "a second commit: line", "keep one of them"
        elif mark.text != "async":
            rule, message, hint = "GS007", f"commit: {mark.text!r} cannot be read", "write -- commit: async"
        elif hooks_of(query):
            rule, hint = "GS905", "remove the line"
            message = f"commit: has no effect, because {query.name} runs in another method's transaction"
        elif not is_write(query.tokens):
            rule, hint = "GS905", "remove the line"
            message = f"commit: has no effect, because {query.name} is no INSERT, UPDATE, DELETE or MERGE"
        else:
            continue
        yield subject.on(mark.line, mark.column, rule, message, hint, width=max(1, len(mark.text)))
