"""Turns a statement that the server refuses into a finding at its place in the file."""

from __future__ import annotations

import difflib
import re

from guestsql.check.answers import Refused
from guestsql.check.finding import Finding
from guestsql.check.sources import Subject
from guestsql.check.tables import Tables
from guestsql.sql.rewriting import name_positions

__all__ = ["refused"]

_RULES = {
    "42601": "GS201",  # syntax_error
    "42P01": "GS202",  # undefined_table
    "42703": "GS203",  # undefined_column
    "42883": "GS204",  # undefined_function, and operators
    "42704": "GS205",  # undefined_object
    "3F000": "GS205",  # invalid_schema_name
}
_OTHER = "GS206"
_TOKEN = re.compile(r"[\w$]+(?:\.[\w$]+)*|\"(?:[^\"]|\"\")*\"|\S")


def refused(subject: Subject, refusal: Refused, tables: Tables) -> Finding:
    """Return what the server said, in the file's own places.

    Args:
        subject: the query.
        refusal: the server's.
        tables: for names that were meant.
    """
    rule = _RULES.get(refusal.sqlstate, _OTHER)
    line, column = subject.query.locate(refusal.position or 1)
    text = subject.source.line(line)
    found = _TOKEN.match(text, column - 1)
    token = found.group() if found else ""
    hint = refusal.hint or _meant(rule, token, tables)
    message = name_positions(refusal.message, subject.query.positional)
    return subject.on(line, column, rule, message, hint, width=max(1, len(token)))


def _meant(rule: str, token: str, tables: Tables) -> str:
    known: set[str] = set()
    if rule == "GS202":
        known = tables.tables
    elif rule == "GS203":
        known = {column.name for column in tables.columns.values()}
    near = difflib.get_close_matches(token.strip('"').rpartition(".")[2].lower(), sorted(known), n=1)
    return f"did you mean {near[0]}?" if near else ""
