"""Rules about what psql makes of a file: GS108."""

from __future__ import annotations

from collections.abc import Iterator

from guestsql.check.finding import Finding
from guestsql.check.sources import Source, Subject
from guestsql.errors import QueryFileError
from guestsql.sql import TokenKind, tokenize
from guestsql.sql.psql import misread_colons

__all__ = ["vet_for_psql"]


def vet_for_psql(source: Source) -> Iterator[Finding]:
    """GS108: psql, given the file and a value for every parameter of it, runs the same statements.

    Args:
        source: the file.
    """
    names = {parameter.name for subject in source.subjects for parameter in subject.query.parameters}
    for subject in source.subjects:
        yield from _colons(subject, names)
        if not _is_closed(subject):
            yield subject.at(
                len(subject.query.source) - 1,
                "GS108",
                f"psql reads the next query as a part of {subject.query.name}",
                "end it with ;",
            )


def _colons(subject: Subject, names: set[str]) -> Iterator[Finding]:
    for offset, name in misread_colons(subject.query, names):
        yield subject.at(
            offset,
            "GS108",
            f"psql replaces the colon and what follows it with the value of the parameter {name}",
            "put a space after the colon",
        )


def _is_closed(subject: Subject) -> bool:
    """Return True if a semicolon is between a query and the next name line; the last query needs none."""
    line, column = subject.place(len(subject.query.source))
    for following in subject.source.heads:
        if following <= line:
            continue
        between = [subject.source.line(line)[column - 1 :]]
        between += [subject.source.line(number) for number in range(line + 1, following)]
        try:
            return any(token.kind is TokenKind.SEMICOLON for token in tokenize("\n".join(between)))
        except QueryFileError:
            continue  # the name line is in a block comment, or another rule reports what is not closed
    return True
