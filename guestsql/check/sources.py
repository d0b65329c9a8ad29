"""The files under check: read so that one broken query hides no other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from guestsql.check.faults import Fault, fault_of
from guestsql.check.finding import Finding
from guestsql.check.marks import FileMarks, QueryMarks, read_file_marks, read_query_marks
from guestsql.check.words import Words, read_words
from guestsql.sql import Query, TokenKind, tokenize
from guestsql.sql.head import mark_of, name_at, name_lines, word_line
from guestsql.sql.reading import read_queries

__all__ = ["Source", "Subject", "read_sources", "read_texts"]


@dataclass(frozen=True)
class Subject:
    """A query under check.

    Attributes:
        query: the query.
        source: its file.
        marks: the check's marks in its comments.
    """

    query: Query
    source: Source
    marks: QueryMarks

    @cached_property
    def words(self) -> Words:
        """Its tokens that count."""
        return read_words(self.query.tokens)

    @cached_property
    def _begin(self) -> tuple[int, int]:
        return self.query.locate(1)

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column in the file of an offset in the query's source."""
        line, column = self._begin
        before = self.query.source[:offset]
        if "\n" in before:
            return line + before.count("\n"), offset - before.rfind("\n")
        return line, column + offset

    def at(self, offset: int, rule: str, message: str, hint: str = "", *, width: int = 1) -> Finding:
        """Return a finding at an offset in the query's source."""
        line, column = self.place(offset)
        return self.on(line, column, rule, message, hint, width=width)

    def on(self, line: int, column: int, rule: str, message: str, hint: str = "", *, width: int = 1) -> Finding:
        """Return a finding at a place in the file."""
        return Finding(self.query.file, line, column, rule, message, self.query.name, hint, width)

    def at_name(self, rule: str, message: str, hint: str = "") -> Finding:
        """Return a finding at the query's name."""
        column = self.source.line(self.query.line).index(self.query.name) + 1
        return self.on(self.query.line, column, rule, message, hint, width=len(self.query.name))

    def at_mark(self, word: str, rule: str, message: str, hint: str = "", details: tuple[str, ...] = ()) -> Finding:
        """Return a finding at a mark below the query's name, or at its name."""
        mark = next((each for each in self.query.marks if each.word == word), None)
        found = (
            self.at_name(rule, message, hint) if mark is None else self.on(mark.line, mark.column, rule, message, hint)
        )
        return replace(found, details=details)

    def at_operator(self, rule: str, message: str, hint: str = "") -> Finding:
        """Return a finding at the operator after the query's parameters, or where one would be."""
        column = self.source.line(self.query.line).index(")") + 2
        return self.on(self.query.line, column, rule, message, hint)

    def at_parameter(self, name: str, rule: str, message: str, hint: str = "") -> Finding:
        """Return a finding at the line that describes a parameter, or at its name in the list."""
        for number, line in self.source.comments_below(self.query.line):
            found = word_line(line)
            if found is not None and found.word == name:
                return self.on(number, found.word_at + 1, rule, message, hint, width=len(name))
        listed = re.search(rf"\(.*?\b(?P<name>{re.escape(name)})\b", self.source.line(self.query.line))
        column = listed.start("name") + 1 if listed else 1
        return self.on(self.query.line, column, rule, message, hint, width=len(name))


@dataclass(frozen=True)
class Source:
    """A file under check.

    Attributes:
        file: its path.
        text: its content, line ends made line feeds; "" when it cannot be read.
        queries: its queries without a fault, in order.
        faults: the first fault of each other query, and what concerns the whole file.
    """

    file: Path
    text: str
    queries: Sequence[Query] = ()
    faults: Sequence[Fault] = field(default=())

    @cached_property
    def lines(self) -> list[str]:
        """The file's lines."""
        return self.text.split("\n")

    def line(self, number: int) -> str:
        """Return a line by its number, 1 or more; "" when there is none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    @cached_property
    def heads(self) -> list[int]:
        """Numbers of the lines that look like a name line, also of queries with a fault, and within comments."""
        return [found.line for found in name_lines(self.text)]

    @cached_property
    def subjects(self) -> list[Subject]:
        """The queries, with the check's marks in their comments."""
        return [
            Subject(query, self, read_query_marks(query.marks, self.comments_below(query.line)))
            for query in self.queries
        ]

    @cached_property
    def marks(self) -> FileMarks:
        """The marks in the head of the file."""
        above = self.lines[: min(self.heads, default=len(self.lines) + 1) - 1]
        found = (mark_of(line, number) for number, line in enumerate(above, 1))
        return read_file_marks(mark for mark in found if mark is not None)

    def name_at(self, number: int) -> str:
        """Return the name of the query of a line, or ""."""
        return name_at(self.text, number)

    def comments_below(self, number: int) -> list[tuple[int, str]]:
        """Return number and text of the comment lines directly below a line."""
        found: list[tuple[int, str]] = []
        while self.line(number + 1).lstrip().startswith("--"):
            number += 1
            found.append((number, self.line(number)))
        return found

    def finding(self, line: int, column: int, rule: str, message: str, hint: str = "", *, query: str = "") -> Finding:
        """Return a finding at a place in the file."""
        return Finding(self.file, line, column, rule, message, query, hint)


def read_sources(files: Iterable[Path]) -> list[Source]:
    """Read files; what is wrong with one is among its faults."""
    return [_read(file) for file in files]


def read_texts(files: Iterable[Path]) -> list[Source]:
    """Read files that hold no queries, such as migrations."""
    return [Source(file, file.read_text(encoding="utf-8-sig").replace("\r\n", "\n")) for file in sorted(files)]


def _read(file: Path) -> Source:
    try:
        data = file.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        return Source(file, "", faults=[Fault("GS001", 1, 1, message, "name a readable .sql file")])
    queries, errors = read_queries(data, file)
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    faults = [fault_of(error, text) for error in errors]
    if any(fault.rule == "GS001" for fault in faults):
        return Source(file, text, faults=faults)
    if any(fault.rule == "GS002" for fault in faults) or _swallows(text, queries):
        queries, faults = _read_apart(text, file)
    return Source(file, text, queries, faults)


def _swallows(text: str, queries: Iterable[Query]) -> bool:
    """Return True if a string holds a name line: a quote opened by mistake was closed by another string's quote.

    A dollar quote or a block comment may hold a name line.
    """
    listed = {found.line: found.offset for found in name_lines(text) if found.is_listed}
    unread = [offset for line, offset in listed.items() if line not in {query.line for query in queries}]
    if not unread:
        return False  # most often, and without reading the file once more
    return any(
        token.kind in (TokenKind.STRING, TokenKind.QUOTED_WORD)
        and not token.text.startswith("$")
        and any(token.offset < offset < token.end for offset in unread)
        for token in tokenize(text)
    )


def _read_apart(text: str, file: Path) -> tuple[list[Query], list[Fault]]:
    """Read each query as if it stood alone, at its place."""
    starts = [text.rfind("\n", 0, found.offset) + 1 for found in name_lines(text)]
    queries: list[Query] = []
    faults: list[Fault] = []
    for begin, end in zip([0, *starts], [*starts, len(text)], strict=True):
        above = "\n" * text.count("\n", 0, begin)
        found, errors = read_queries((above + text[begin:end]).encode(), file)
        queries += found
        faults += [fault_of(error, text) for error in errors]
    return queries, faults
