"""Rules about the text between the queries, about names, and about the marks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from guestsql.check.finding import Finding
from guestsql.check.marks import BadMark
from guestsql.check.sources import Source
from guestsql.errors import QueryFileError
from guestsql.sql import TokenKind, tokenize
from guestsql.sql.head import name_lines

__all__ = ["vet_names", "vet_text"]

_PROSE = re.compile(r"--.*\w")


def vet_names(sources: Sequence[Source]) -> Iterator[Finding]:
    """GS005: a name is unique in a folder; an own folder beside the packaged one is another rule's."""
    first: dict[tuple[Path, str], str] = {}
    for source in sources:
        for subject in source.subjects:
            name, place = subject.query.name, f"{source.file}:{subject.query.line}"
            known = first.setdefault((source.file.parent, name), place)
            if known != place:
                message = f"query {name} is defined here and at {known}"
                yield subject.at_name("GS005", message, "a name must be unique in the whole folder: rename one")


def vet_text(source: Source) -> Iterator[Finding]:
    """The faults of the reader, GS006 and GS007."""
    for fault in source.faults:
        yield source.finding(fault.line, fault.column, fault.rule, fault.message, fault.hint, query=fault.query)
    for bad in source.marks.bad:
        yield _bad(source, bad, "")
    for subject in source.subjects:
        for bad in subject.marks.bad:
            yield _bad(source, bad, subject.query.name)
    yield from _comments_above(source)


def _bad(source: Source, bad: BadMark, query: str) -> Finding:
    return source.finding(bad.line, bad.column, "GS007", bad.message, bad.hint, query=query)


def _comments_above(source: Source) -> Iterator[Finding]:
    """GS006: comments directly above a name line, which belong to the query before it or to none."""
    for number, name in _name_lines(source):
        above = list(_adjacent(source, number))
        if not any(_PROSE.match(source.line(line)) for line in above):
            continue
        first = min(above)
        if _is_head(source, first) and source.comments_below(number):
            continue  # the head of the file, and the query has a text of its own
        yield source.finding(
            first,
            1,
            "GS006",
            f"this comment is above the name of {name}: it belongs to the query before it, or to none",
            f"put it below the line -- name: {name}(…), or leave a blank line below it if it is a heading",
            query=name,
        )


def _name_lines(source: Source) -> Iterator[tuple[int, str]]:
    """Yield number and name of each name line outside comments and strings."""
    inside = _lines_inside(source.text)
    for found in name_lines(source.text):
        if found.name and found.line not in inside:
            yield found.line, found.name


def _lines_inside(text: str) -> set[int]:
    """The lines that begin within a block comment or a string; none when the file cannot be cut."""
    try:
        tokens = tokenize(text)
    except QueryFileError:
        return set()
    inside: set[int] = set()
    for token in tokens:
        if token.kind in (TokenKind.BLOCK_COMMENT, TokenKind.STRING) and "\n" in token.text:
            first = text.count("\n", 0, token.offset) + 1
            inside.update(range(first + 1, first + 1 + token.text.count("\n")))
    return inside


def _adjacent(source: Source, number: int) -> Iterable[int]:
    """The comment lines directly above a line, from below."""
    while number - 1 not in source.heads and source.line(number - 1).lstrip().startswith("--"):
        number -= 1
        yield number


def _is_head(source: Source, number: int) -> bool:
    """Return True if a comment is the first thing in its file."""
    return not any(line.strip() for line in source.lines[: number - 1])
