"""Rules that compare what a query returns with its operator."""

from __future__ import annotations

from collections.abc import Iterator

from guestsql.check.answers import Accepted
from guestsql.check.finding import Finding
from guestsql.check.identity import Bound, RowJudge
from guestsql.check.infer.scope import Scope
from guestsql.check.order import order_by
from guestsql.check.sources import Subject
from guestsql.check.tables import Tables
from guestsql.sql import Operator
from guestsql.sql.describe import ResultColumn
from guestsql.sql.hooks import hooks_of

__all__ = ["vet_returned"]

_MANY = (Bound.SOME, Bound.CATALOGUE, Bound.GROWS)
_NAMES = {Operator.ROWS: "a list", Operator.ROW: "a row (^)", Operator.VALUE: "a value ($)"}


def vet_returned(
    subject: Subject, said: Accepted, tables: Tables, scope: Scope | None, judge: RowJudge
) -> Iterator[Finding]:
    """GS302 to GS308.

    Args:
        subject: the query.
        said: what the server says of it.
        tables: the columns of tables.
        scope: the query as the server has understood it, or None.
        judge: judges its rows.
    """
    returns = bool(said.columns) or _returns_empty_rows(said)
    operator = subject.query.operator
    if operator is Operator.COUNT:
        if returns:
            hint = "remove the !, or the RETURNING"
            yield subject.at_operator("GS303", "it returns rows, but ! says that only their number is wanted", hint)
    elif not returns:
        message = f"it returns no rows, but its operator promises {_NAMES[operator]}"
        yield subject.at_operator("GS304", message, "write ! after the list of parameters, or add RETURNING")
    elif operator is Operator.ROWS:
        yield from _vet_list(subject, said, scope, judge)
    else:
        yield from _vet_one(subject, said, scope, judge)
    yield from _vet_names(subject, said.columns, tables)


def _returns_empty_rows(said: Accepted) -> bool:
    """SELECT without columns returns rows all the same."""
    return said.by_index is not None and said.by_index.kind != "ModifyTable"


def _vet_one(subject: Subject, said: Accepted, scope: Scope | None, judge: RowJudge) -> Iterator[Finding]:
    mark = subject.query.operator.value
    if subject.query.operator is Operator.VALUE and len(said.columns) > 1:
        names = ", ".join(column.name for column in said.columns)
        message = f"it returns {len(said.columns)} columns ({names}), but $ returns one value"
        yield subject.at_operator("GS305", message, "return one column, or write ^ for the whole row")
    if scope is not None and judge.bound(scope) in _MANY:
        yield subject.at_operator(
            "GS302",
            f"it may return many rows, but {mark} returns only the first",
            "compare a whole unique key with =, add ORDER BY and LIMIT 1, or remove the operator to return a list",
        )


def _vet_list(subject: Subject, said: Accepted, scope: Scope | None, judge: RowJudge) -> Iterator[Finding]:
    if said.by_index is None or said.by_index.kind == "ModifyTable":
        return  # RETURNING can be neither ordered nor limited
    bound = Bound.UNKNOWN if scope is None else judge.bound(scope)
    if bound is Bound.ONE:
        return
    yield from _vet_order(subject, scope, judge)
    if bound is Bound.GROWS and not hooks_of(subject.query):  # an export is complete
        begin = _last_select(subject)
        hint = "end it with LIMIT :max_rows::int, and declare --   max_rows: int = 50, rows at most"
        yield subject.at(begin, "GS307", "the list has no LIMIT and grows with its tables", hint, width=6)


def _vet_order(subject: Subject, scope: Scope | None, judge: RowJudge) -> Iterator[Finding]:
    found = order_by(subject.words)
    if found is None:
        message = "the list has no ORDER BY: its rows come in any order"
        yield subject.at(_last_select(subject), "GS306", message, "order it by something unique", width=6)
    elif scope is not None and judge.order_is_total(scope) is False:
        yield subject.at(
            subject.words[found].offset,
            "GS306",
            "the order is not total: rows that agree in it come in any order",
            "add the columns of a unique key at the end",
            width=5,
        )


def _last_select(subject: Subject) -> int:
    """Return the offset of the statement's own SELECT, after its WITH queries."""
    for word in subject.words:
        if word.depth == 0 and word.folded in ("select", "values", "table"):
            return word.offset
    return subject.words[0].offset


def _vet_names(subject: Subject, columns: tuple[ResultColumn, ...], tables: Tables) -> Iterator[Finding]:
    """GS308: `chat_id thread_id` without a comma is chat_id under another column's name."""
    for column in columns:
        origin = tables.columns.get((column.table_oid, column.number))
        if origin is None or origin.name == column.name or column.name not in tables.columns_of(origin.table[1]):
            continue
        words = subject.words
        for index, word in enumerate(words):
            if _bare(word.text) == column.name and _bare(words[index - 1].text) == origin.name:
                message = f"column {origin.name} is returned under the name of another column, {column.name}"
                hint = f"a comma is missing, or write {origin.name} AS {column.name}"
                yield subject.at(word.offset, "GS308", message, hint, width=len(word.text))
                break


def _bare(text: str) -> str:
    return text[1:-1] if text.startswith('"') else text.lower()
