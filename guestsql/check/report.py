"""Findings as text for people, as JSON, and as GitHub's annotations."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from guestsql.check.finding import Finding
from guestsql.check.rules import RULES, is_advisory
from guestsql.check.sources import Source

__all__ = ["as_github", "as_json", "as_text"]


def as_text(findings: Iterable[Finding], sources: Iterable[Source]) -> Iterator[str]:
    """Yield each finding with its line of the file, a caret and a hint.

    Args:
        findings: in the order of printing.
        sources: the files, for their lines.
    """
    texts: Mapping[Path, Source] = {source.file: source for source in sources}
    for finding in findings:
        details = "".join(f"    {line}\n" for line in finding.details)
        yield f"{_place(finding)}: {finding.rule}: {finding.message}\n{_excerpt(finding, texts)}{details}"


def as_json(findings: Iterable[Finding]) -> str:
    """Return an array of objects."""
    return json.dumps([_fields(finding) for finding in findings], ensure_ascii=False, indent=2)


def as_github(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield a workflow command for each finding."""
    for finding in findings:
        place = f"file={_property(str(finding.file))},line={finding.line},col={finding.column}"
        title = _property(f"{finding.rule}: {RULES[finding.rule]}")
        text = f"{finding.message} ({finding.hint})" if finding.hint else finding.message
        text = "\n".join([text, *finding.details])
        level = "warning" if is_advisory(finding.rule) else "error"
        yield f"::{level} {place},title={title}::{_data(text)}"


def _place(finding: Finding) -> str:
    return f"{finding.file}:{finding.line}:{finding.column}"


def _fields(finding: Finding) -> dict[str, object]:
    return {
        "file": str(finding.file),
        "line": finding.line,
        "column": finding.column,
        "rule": finding.rule,
        "message": finding.message,
        "query": finding.query,
        **({"details": list(finding.details)} if finding.details else {}),
    }


def _excerpt(finding: Finding, sources: Mapping[Path, Source]) -> str:
    source = sources.get(finding.file)
    line = "" if source is None else source.line(finding.line)
    margin = " " * len(str(finding.line))
    hint = f"{margin} = hint: {finding.hint}\n" if finding.hint else ""
    if not line.strip():
        return hint
    begin = finding.column - 1
    # A tab before the caret stays a tab, so that the caret is below its place.
    before = "".join("\t" if char == "\t" else " " * _cells(char) for char in line[:begin])
    carets = "^" * max(1, sum(_cells(char) for char in line[begin : begin + finding.width]))
    line = line.replace("\r", " ")  # a terminal would go back to the line's begin
    return f"{margin} |\n{finding.line} | {line}\n{margin} | {before}{carets}\n{hint}"


def _cells(char: str) -> int:
    """How many cells of a terminal a character takes."""
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
