"""GS802: a query marked `-- segment: NAME` lists people through the view that requires consent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from guestsql.check.answers import Accepted
from guestsql.check.finding import Finding
from guestsql.check.sources import Subject
from guestsql.check.tables import Tables
from guestsql.sql import Operator
from guestsql.sql.head import Mark

__all__ = ["SegmentRule", "vet_segment", "vet_segment_marks"]

RULE = "GS802"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """What a segment must be.

    Attributes:
        view: the view from which its people come.
        key: the column of the view, and of the segment, that identifies a person.
        parameters: what it takes, each a text.
    """

    view: str
    key: str
    parameters: tuple[str, ...]


def vet_segment_marks(subjects: Iterable[Subject]) -> Iterator[Finding]:
    """GS007 for `segment:` marks: a segment has a name, and no other query has the same one."""
    known: dict[str, Subject] = {}
    for subject in subjects:
        for place, mark in enumerate(_marks(subject)):
            message = hint = ""
            if place:
                message, hint = f"{subject.query.name} has two segment: lines", "keep one of them"
            elif not _NAME.fullmatch(mark.text):
                message = f"{mark.text!r} is not a segment's name" if mark.text else "segment: has no name"
                hint = "write -- segment: NAME, with lowercase letters, digits and underscores"
            elif mark.text in known:
                message = f"{known[mark.text].query.name} is the segment {mark.text} already"
                hint = "choose another name"
            else:
                known[mark.text] = subject
            if message:
                yield subject.on(mark.line, mark.column, "GS007", message, hint, width=max(1, len(mark.text)))


def vet_segment(subject: Subject, said: Accepted, tables: Tables, rule: SegmentRule) -> Iterator[Finding]:
    """GS802.

    Args:
        subject: a query that may be a segment.
        said: what the server says of it.
        tables: the columns of tables and views.
        rule: what a segment must be.
    """
    if not _marks(subject):
        return
    if subject.query.operator is not Operator.ROWS:
        yield subject.at_operator(RULE, "a segment is a list", "remove the operator")
    types = {each.name: each.type for each in subject.query.parameters}
    missing = [f":{name}" for name in rule.parameters if types.get(name) != "text"]
    if missing:
        message = f"a segment takes {' and '.join(missing)} as text"
        hint = f"declare the parameter, and compare the column of {rule.view} with it"
        yield subject.at_mark("segment", RULE, message, hint)
    column = next((each for each in said.columns if each.name == rule.key), None)
    origin = None if column is None else tables.columns.get((column.table_oid, column.number))
    if column is None:
        yield subject.at_mark("segment", RULE, f"a segment returns {rule.key}", f"take it from {rule.view}")
    elif origin is None or (origin.table[1], origin.name) != (rule.view, rule.key):
        message = f"the {rule.key} of a segment comes from {rule.view}, which lists only people who consented"
        hint = f"return {rule.view}.{rule.key}; other tables may be in WHERE or in a join, and a UNION hides the origin"
        yield subject.at_mark("segment", RULE, message, hint)


def _marks(subject: Subject) -> list[Mark]:
    return [mark for mark in subject.query.marks if mark.word == "segment"]
