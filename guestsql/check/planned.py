"""Rules about what the plan does: GS401, GS501 and GS502."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from guestsql.check.answers import Accepted
from guestsql.check.equalities import equalities
from guestsql.check.finding import Finding
from guestsql.check.identity import Bound
from guestsql.check.scans import bound_of_scan
from guestsql.check.sources import Subject
from guestsql.check.tables import Tables
from guestsql.check.words import Word
from guestsql.sql import TokenKind
from guestsql.sql.plan import PlanNode

__all__ = ["SCANS", "table_word", "vet_plan", "vet_read_only"]

_READING_COMMANDS = {"show", "explain", "select", "with", "values", "table", "("}
_CHANGING = {"insert", "update", "delete", "merge"}
_CHANGING_CALLS = {"nextval", "setval", "lo_create", "lo_unlink", "pg_notify"}
SCANS = frozenset({"Seq Scan", "Sample Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan"})
"""The kinds of nodes that read a table."""
# Nodes that pass rows on as they come: a LIMIT above stops the scan below.
_STREAMS = {
    "Incremental Sort",
    "Subquery Scan",
    "LockRows",
    "Result",
    "Nested Loop",
    "Append",
    "Merge Append",
    "Unique",
}


def vet_read_only(subject: Subject, said: Accepted) -> Iterator[Finding]:
    """GS401: nothing is written, locked or drawn from a sequence."""
    if not subject.source.marks.is_read_only:
        return
    word = _writing_word(subject, said)
    if word is not None:
        yield subject.at(
            word.offset,
            "GS401",
            f"{subject.query.name} writes, but its file is marked read-only",
            "move it to another file, or remove the line -- check: read-only",
            width=len(word.text),
        )


def _writing_word(subject: Subject, said: Accepted) -> Word | None:
    words = subject.words
    for word, following in zip(words, [*list(words)[1:], None], strict=True):
        if word.folded in _CHANGING_CALLS and following is not None and following.text == "(":
            return word
    if said.by_index is None:
        return None if words[0].folded in _READING_COMMANDS else words[0]
    kinds = {node.kind for node in said.by_index.walk()}
    if "ModifyTable" in kinds:
        return _first(subject, _CHANGING) or words[0]
    if "LockRows" in kinds:
        return next(
            (
                word
                for index, word in enumerate(words)
                if word.folded == "for" and words[index + 1].folded in ("update", "share", "no", "key")
            ),
            words[0],
        )
    return None


def _first(subject: Subject, folded: AbstractSet[str]) -> Word | None:
    index = subject.words.find(*folded)
    return None if index is None else subject.words[index]


def vet_plan(subject: Subject, said: Accepted, tables: Tables, large: AbstractSet[str]) -> Iterator[Finding]:
    """GS501 for the tables that are marked large, GS502 for a query that is marked hot.

    Args:
        subject: the query.
        said: what the server says of it.
        tables: the unique keys.
        large: names of tables, with or without schema.
    """
    if said.by_index is None:
        return
    reported: set[tuple[str, str]] = set()
    for node, limited in _scans(said.by_index, subject, limited=False):
        # A plan reads partitions; marked, and named in the query, is their table.
        schema, table = tables.roots.get((node.schema, node.relation), (node.schema, node.relation))
        scanned = (table, node.alias if table == node.relation else "")
        if scanned in reported:
            continue
        is_large = table in large or f"{schema}.{table}" in large
        if is_large and _reads_whole(node, limited=limited, tables=tables):
            reported.add(scanned)
            yield _read_whole(subject, node, table)
        elif subject.marks.is_hot and _grows(node, tables, limited=limited):
            reported.add(scanned)
            yield _grown(subject, node, table)


def _scans(node: PlanNode, subject: Subject, *, limited: bool) -> Iterator[tuple[PlanNode, bool]]:
    """Yield each scan, and whether a LIMIT stops it after some rows."""
    if node.kind in SCANS and node.relation:
        yield node, limited
    for other in node.subplans:
        # Of an InitPlan that is a bare scan one row is asked for: EXISTS.
        exists = other.text("Parent Relationship") == "InitPlan" and other.kind in SCANS
        yield from _scans(other, subject, limited=exists and not other.text("Subplan Name").startswith("CTE "))
    if node.kind == "Limit":
        below = subject.words.has("limit", "fetch") or not subject.words.has("offset")
    else:
        below = limited and node.kind in _STREAMS
    for child in node.inputs:
        yield from _scans(child, subject, limited=below)


def _reads_whole(node: PlanNode, *, limited: bool, tables: Tables) -> bool:
    if node.kind in ("Seq Scan", "Sample Scan"):
        return bool(node.text("Filter")) or not limited
    steps = [each for each in node.walk() if each.text("Index Name")]
    if all(each.text("Index Cond") or each.text("Index Name") in tables.partial_indexes for each in steps):
        return False
    return not limited or _seeks(node, tables)


def _seeks(node: PlanNode, tables: Tables) -> bool:
    """Return True if a filter looks for one value among many."""
    table = (node.schema, node.relation)
    return any(not each.others and not tables.has_few_values(table, each.column) for each in equalities(node))


def _grows(node: PlanNode, tables: Tables, *, limited: bool) -> bool:
    if bound_of_scan(node, tables) is not Bound.GROWS:
        return False
    return not limited or bool(node.text("Filter"))


def _read_whole(subject: Subject, node: PlanNode, table: str) -> Finding:
    word = table_word(subject, node, table)
    condition = node.text("Filter")
    hint = (
        f"no index serves {condition}: add one, or change the condition"
        if condition
        else "read fewer rows, using an index"
    )
    message = f"{table} is marked large, but the query reads all of it"
    return subject.at(word.offset, "GS501", message, hint, width=len(word.text))


def _grown(subject: Subject, node: PlanNode, table: str) -> Finding:
    word = table_word(subject, node, table)
    message = f"the query is marked hot, but the rows that it reads from {table} grow with the table"
    hint = "compare a whole unique key with =, or end an index scan with LIMIT"
    return subject.at(word.offset, "GS502", message, hint, width=len(word.text))


def table_word(subject: Subject, node: PlanNode, table: str) -> Word:
    """Return the table's name in the text, that with the scan's alias if there are more.

    Args:
        subject: the query.
        node: a node that reads or writes the table.
        table: its name.
    """
    words = subject.words
    found = [
        index
        for index, word in enumerate(words)
        if word.kind in (TokenKind.WORD, TokenKind.QUOTED_WORD) and word.folded.strip('"') == table
        if words[index + 1].text != "." and words[index - 1].folded != "as"
    ]
    for index in found:
        behind = index + 2 if words[index + 1].folded == "as" else index + 1
        if words[behind].folded.strip('"') == node.alias:
            return words[index]
    return words[found[0]] if found else words[0]
