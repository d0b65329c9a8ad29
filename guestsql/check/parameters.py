"""Rules about a query's parameters that need only its text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from guestsql.check.finding import Finding
from guestsql.check.sources import Source, Subject
from guestsql.check.words import Word, Words
from guestsql.sql import TokenKind

__all__ = ["quoted_unused", "uncast_parameters", "vet_parameters"]

_COLON_NAME = re.compile(r"(?<![:\w]):(?P<name>[a-z_]\w*)")
_QUOTED_HINT = (
    "nothing inside quotes is replaced: write :{0}::type outside, such as make_interval(secs => :{0}::float8)"
)


def vet_parameters(subject: Subject) -> Iterator[Finding]:
    """GS103, GS104 and GS105."""
    query = subject.query
    for parameter in query.parameters:
        if parameter.type is None:
            yield subject.at_parameter(
                parameter.name,
                "GS103",
                f"parameter {parameter.name} has no type",
                f"below the name write --   {parameter.name}: type, what it is",
            )
    yield from _uncast(subject)
    yield from _quoted(subject)


def uncast_parameters(subject: Subject) -> set[str]:
    """Return the names of the parameters that are not cast somewhere."""
    known = {parameter.name: parameter.type for parameter in subject.query.parameters}
    return {name for index, name in _uses(subject.words, known) if not _is_cast(subject.words, index)}


def _uncast(subject: Subject) -> Iterator[Finding]:
    types = {parameter.name: parameter.type for parameter in subject.query.parameters}
    reported: set[str] = set()
    for index, name in _uses(subject.words, types):
        if name in reported or _is_cast(subject.words, index):
            continue
        reported.add(name)
        word = subject.words[index]
        yield subject.at(
            word.offset,
            "GS104",
            f"parameter {name} is not cast here: its type would depend on the value that is sent",
            f"write :{name}::{types[name] or 'type'}",
            width=len(word.text),
        )


def _uses(words: Words, known: dict[str, str | None]) -> Iterator[tuple[int, str]]:
    for index, word in enumerate(words):
        if word.kind is TokenKind.PARAMETER and word.text[1:] in known:
            yield index, word.text[1:]
        elif word.kind is TokenKind.SEPARATOR and words[index - 1].text == "[" and words[index + 1].text in known:
            yield index + 1, words[index + 1].text


def _is_cast(words: Words, index: int) -> bool:
    """Return True if a value is cast first: `::` after it or its parentheses, or CAST around it."""
    last = index
    first = index
    while words[first - 1].text == "(" and words[last + 1].text == ")" and words[first - 2].kind is not TokenKind.WORD:
        first, last = first - 1, last + 1
    if words[last + 1].text == "::":
        return True
    if words[last + 1].folded == "as" and words[first - 1].text == "(" and words[first - 2].folded == "cast":
        return True
    # cast((:x) AS text): the parentheses directly follow CAST's own.
    return words[first - 1].text == "(" and words[last + 1].text == ")" and _is_cast_around(words, first - 1, last + 1)


def _is_cast_around(words: Words, first: int, last: int) -> bool:
    return words[last + 1].text == "::" and words[first - 1].kind is not TokenKind.WORD


def _quoted(subject: Subject) -> Iterator[Finding]:
    declared = {parameter.name for parameter in subject.query.parameters}
    for word in subject.words:
        if word.kind is TokenKind.STRING and (found := _in_quotes(word, declared)) is not None:
            name = found["name"]
            yield subject.at(
                word.offset + found.start("name") - 1,
                "GS105",
                f"parameter {name} is inside quotes: its value is not inserted there",
                _QUOTED_HINT.format(name),
                width=len(name) + 1,
            )


def _in_quotes(word: Word, declared: set[str]) -> re.Match[str] | None:
    """The first parameter in a string; what is none of the query's is a text like another: ':p', 'total :total'."""
    return next((found for found in _COLON_NAME.finditer(word.text) if found["name"] in declared), None)


def quoted_unused(source: Source, finding: Finding) -> Finding:
    """Return GS105 in place of GS102 when the only use of a parameter is inside quotes.

    Args:
        source: the file.
        finding: GS102.
    """
    found = re.match(r"parameter (\w+) of query", finding.message)
    if found is None:
        return finding
    name = found[1]
    use = re.compile(rf"'[^']*?(?<![:\w])(?P<use>:{name})\b[^']*'")
    for number in range(finding.line + 1, len(source.lines) + 1):
        line = source.line(number)
        if number in source.heads:
            break
        quoted = None if line.lstrip().startswith("--") else use.search(line)
        if quoted:
            message = f"parameter {name} is inside quotes: its value is not inserted there"
            hint = _QUOTED_HINT.format(name)
            column = quoted.start("use") + 1
            return Finding(source.file, number, column, "GS105", message, finding.query, hint, len(name) + 1)
    return finding
