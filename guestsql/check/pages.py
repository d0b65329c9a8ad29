"""The marks of pages: GS007 for one that cannot be read, and GS901 to GS905 for one that cannot work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from guestsql.charts.fit import unsuitable_columns
from guestsql.charts.mark import ChartFault, ChartMark, read_chart
from guestsql.check.answers import Accepted
from guestsql.check.finding import Finding
from guestsql.check.sources import Source, Subject
from guestsql.sql import Operator, Query
from guestsql.sql.describe import ResultColumn
from guestsql.sql.head import Mark
from guestsql.sql.page_marks import is_dashboard, read_seconds

__all__ = ["PageRules", "charted", "vet_file_marks", "vet_page_columns", "vet_page_marks"]

_OF_PAGES = ("cache", "chart", "choices", "dashboard")
_OF_QUERIES = (*_OF_PAGES, "commit", "metrics", "on", "overrides", "segment")
_FORMS = {
    "cache": "write a number and s, m or h, such as -- cache: 60s",
    "dashboard": "write -- dashboard: NAME, with lowercase letters, digits, _ and -",
    "choices": "write -- choices: QUERY below the line of a parameter",
}


@dataclass(frozen=True, slots=True)
class PageRules:
    """What the rules about pages need beside the files.

    Attributes:
        is_personal: whether a column of that name identifies a guest.
        others: queries that are not under check but may be named in a mark, by name.
    """

    is_personal: Callable[[str], bool]
    others: Mapping[str, Query] = field(default_factory=dict[str, Query])


def vet_file_marks(source: Source) -> Iterator[Finding]:
    """GS007 for a mark of a query in the head of a file, where it has no effect."""
    marks = source.queries[0].file_marks if source.queries else ()
    for mark in marks:
        if mark.word in _OF_QUERIES:
            message = f"{mark.word}: belongs to a query, and this is the head of the file"
            yield source.finding(mark.line, mark.column, "GS007", message, "move the line below a query's name")


def vet_page_marks(subjects: Sequence[Subject], rules: PageRules) -> Iterator[Finding]:
    """GS007, GS903, GS904 and GS905: what the text alone shows.

    Args:
        subjects: all queries.
        rules: what is known beside them.
    """
    known = {**rules.others, **{subject.query.name: subject.query for subject in subjects}}
    for subject in subjects:
        seen: dict[tuple[str, str], Mark] = {}
        for mark in subject.query.marks:
            if mark.word not in _OF_PAGES:
                continue
            if seen.setdefault((mark.word, mark.parameter), mark) is not mark:
                yield _at(subject, mark, "GS007", f"a second {mark.word}: line", "keep one of them")
            elif subject.query.operator is Operator.COUNT:
                message = f"{mark.word}: has no effect, because {subject.query.name} writes, and pages only read"
                yield _at(subject, mark, "GS905", message, "remove the line")
            elif mark.word == "choices":
                yield from _choices(subject, mark, known)
            else:
                yield from _of_query(subject, mark)


def _of_query(subject: Subject, mark: Mark) -> Iterator[Finding]:
    unread = _unreadable(mark)
    required = [each.name for each in subject.query.parameters if each.default is None]
    if unread is not None:
        yield _at(subject, mark, "GS007", *unread)
    elif mark.word == "dashboard" and required:
        message = f"a dashboard has no value for {required[0]}, which {subject.query.name} requires"
        yield _at(subject, mark, "GS904", message, "give the parameter a default, or remove the line")


def _unreadable(mark: Mark) -> tuple[str, str] | None:
    """Message and hint for a mark of a query that cannot be read."""
    if mark.word == "chart":
        try:
            read_chart(mark.text)
        except ChartFault as fault:
            return str(fault), fault.hint
        return None
    is_read = is_dashboard(mark.text) if mark.word == "dashboard" else read_seconds(mark.text) is not None
    return None if is_read else (f"{mark.word}: {mark.text!r} cannot be read", _FORMS[mark.word])


def _choices(subject: Subject, mark: Mark, known: Mapping[str, Query]) -> Iterator[Finding]:
    named = known.get(mark.text)
    required = [] if named is None else [each.name for each in named.parameters if each.default is None]
    if not mark.parameter:
        yield _at(subject, mark, "GS007", "choices: belongs to a parameter, and none is above it", _FORMS["choices"])
    elif named is None:
        message = f"no query is named {mark.text!r}" if mark.text else "choices: names no query"
        yield _at(subject, mark, "GS903", message, "name a query of rows whose first column has the values")
    elif named.operator is not Operator.ROWS:
        yield _at(subject, mark, "GS903", f"{named.name} returns no list", "name a query of rows")
    elif required:
        message = f"a form has no value for {required[0]}, which {named.name} requires"
        yield _at(subject, mark, "GS903", message, "give the parameter a default, or name another query")


def charted(subjects: Sequence[Subject], said: Sequence[object]) -> dict[str, tuple[ResultColumn, ...]]:
    """Return the columns of the queries whose marks of pages need them, by name.

    Args:
        subjects: all queries.
        said: the server's answer to each.
    """
    wanted = {mark.text for subject in subjects for mark in subject.query.marks if mark.word == "choices"}
    wanted |= {subject.query.name for subject in subjects for mark in subject.query.marks if mark.word == "chart"}
    return {
        subject.query.name: answer.columns
        for subject, answer in zip(subjects, said, strict=True)
        if subject.query.name in wanted and isinstance(answer, Accepted)
    }


def vet_page_columns(
    subject: Subject,
    columns: Mapping[str, Sequence[ResultColumn]],
    type_names: Mapping[int, str],
    rules: PageRules,
) -> Iterator[Finding]:
    """GS901 and GS902: a chart fits the columns, and neither it nor a list of choices shows who a guest is.

    Args:
        subject: a query.
        columns: those of `charted`.
        type_names: how SQL writes each of their types.
        rules: which columns are personal.
    """
    for mark in subject.query.marks:
        if mark.word == "choices" and mark.parameter:
            personal = [each.name for each in columns.get(mark.text, ())[:2] if rules.is_personal(each.name)]
            if personal:
                yield _personal(subject, mark, f"the choices of {mark.parameter} are", personal[0])
    found = _first_chart(subject.query)
    if found is None or subject.query.operator is Operator.COUNT or subject.query.name not in columns:
        return
    mark, chart = found
    returned = [(each.name, type_names[each.type_oid]) for each in columns[subject.query.name]]
    for each in unsuitable_columns(chart, returned):
        yield _at(subject, mark, "GS901", each.message, each.hint)
    drawn = chart.columns or [name for name, _ in returned]
    for name in drawn:
        if rules.is_personal(name):
            yield _personal(subject, mark, "the chart shows", name)


def _first_chart(query: Query) -> tuple[Mark, ChartMark] | None:
    for mark in query.marks:
        if mark.word == "chart":
            try:
                return mark, read_chart(mark.text)
            except ChartFault:  # reported already
                return None
    return None


def _personal(subject: Subject, mark: Mark, what: str, column: str) -> Finding:
    hint = "choose columns that name no guest; if the name is harmless, suppress the rule and say why"
    return _at(subject, mark, "GS902", f"{what} {column}, which identifies a guest", hint)


def _at(subject: Subject, mark: Mark, rule: str, message: str, hint: str) -> Finding:
    return subject.on(mark.line, mark.column, rule, message, hint, width=max(1, len(mark.text)))
