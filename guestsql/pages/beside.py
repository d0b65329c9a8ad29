"""What is beside a query's result: its plan, its last day, findings of the check, its columns, and calls to copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from guestsql.adhoc.explain import NoPlan, ask_plan
from guestsql.adhoc.parameters import ParameterError
from guestsql.adhoc.python_call import python_call
from guestsql.adhoc.session import QuerySession
from guestsql.adhoc.target import Target
from guestsql.adhoc.values import plain_text
from guestsql.errors import GuestSQLError
from guestsql.pages.columns import ReturnedColumn, ReturnedColumns, read_columns, with_result
from guestsql.pages.last_day import LastDay, Sparkline, read_last_day, sparkline
from guestsql.pages.masking import Masking
from guestsql.pages.plan_tree import PlanTree, plan_trees
from guestsql.pages.remembered import Part, Remembered
from guestsql.pages.vetted import Vetted, file_version, vet_file
from guestsql.settings import Settings
from guestsql.sql import Query
from guestsql.sql.psql import psql_preamble, psql_query
from guestsql.sql.samples import Sample, sample_values

__all__ = ["Beside", "BesideReader", "Plan"]

_THREADS = 2
_FRESH_SECONDS = 60.0
# A migration may fix what the check found.
_CHECK_SECONDS = 300.0
_TIMEOUT_SECONDS = 5.0
# For all parts together, when they are asked for the first time.
_WAIT_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a query, or why there is none.

    Attributes:
        trees: the plans, most often one.
        is_generic: True for a plan without values.
        failure: why there is no plan, or "".
    """

    trees: tuple[PlanTree, ...] = ()
    is_generic: bool = False
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Beside:
    """What a page shows beside a result. Of a part that is not ready, the page says so.

    Attributes:
        columns: what is returned.
        last_day: calls, errors and percentiles.
        sparkline: the same as a picture; None without a call.
        findings: the findings of the query's file.
        plan: the plan; None if it is not asked for.
        python: a program that calls the query.
        psql: a command of a shell that runs it.
    """

    columns: Part[tuple[ReturnedColumn, ...]]
    last_day: Part[LastDay]
    sparkline: Sparkline | None
    findings: Part[Vetted]
    plan: Plan | None
    python: str
    psql: str


class BesideReader:
    """Reads what is beside a result. Only the plan is read while the page waits.

    Args:
        settings: where stubs and own queries are.
        target: the server.
        session: opens a session of it, which may be one of a pool's.
        masking: which parameters identify a guest.
        wait_seconds: how long a page waits for what is asked for the first time.
    """

    def __init__(
        self,
        settings: Settings,
        target: Target,
        session: Callable[[], AbstractContextManager[QuerySession]],
        masking: Masking,
        *,
        wait_seconds: float = _WAIT_SECONDS,
    ) -> None:
        self._settings = settings
        self._target = target
        self._session = session
        self._masking = masking
        self._wait_seconds = wait_seconds
        self._remembered = Remembered(_THREADS)

    def read(
        self,
        query: Query,
        catalogue: Mapping[str, Query],
        values: Mapping[str, str | None],
        rows: Sequence[Sequence[Any]] = (),
        *,
        is_planned: bool = False,
    ) -> Beside:
        """Read what is beside the result of a query.

        Args:
            query: from the catalogue.
            catalogue: all queries; their comments have sample values.
            values: the parameters that are given; those without a value get a sample in the calls to copy.
            rows: the result; none if it was not run.
            is_planned: True reads the plan.
        """
        self._last_day(query, wait_seconds=0)  # so that both are read side by side
        until = monotonic() + self._wait_seconds
        columns = self._columns(query, wait_seconds=self._wait_seconds)
        last_day = self._last_day(query, wait_seconds=max(0.0, until - monotonic()))
        shown_values = {name: value for name, value in values.items() if not self._masking.is_personal(name)}
        calls = _Calls.of(query, catalogue, shown_values, columns.value)
        known = columns.value
        shown = None if known is None else with_result(known.columns, rows)
        day = last_day.value
        return Beside(
            columns=Part(shown, columns.failure),
            last_day=last_day,
            sparkline=sparkline(day.hours) if day is not None and day.calls else None,
            findings=self._findings(query, catalogue, wait_seconds=max(0.0, until - monotonic())),
            plan=self._plan(query, values) if is_planned else None,
            python=calls.python(self._settings),
            psql=calls.psql(),
        )

    def close(self) -> None:
        """Start nothing more in the background."""
        self._remembered.close()

    def _columns(self, query: Query, *, wait_seconds: float) -> Part[ReturnedColumns]:
        def work() -> ReturnedColumns:
            with self._session() as session:
                return read_columns(session, query, self._settings, _TIMEOUT_SECONDS)

        key = ("columns", query.file, query.text)
        return self._remembered.ask(key, work, fresh_seconds=_CHECK_SECONDS, wait_seconds=wait_seconds)

    def _last_day(self, query: Query, *, wait_seconds: float) -> Part[LastDay]:
        def work() -> LastDay:
            with self._session() as session:
                return read_last_day(session, query.name, _TIMEOUT_SECONDS)

        key = ("day", query.name)
        return self._remembered.ask(key, work, fresh_seconds=_FRESH_SECONDS, wait_seconds=wait_seconds)

    def _findings(self, query: Query, catalogue: Mapping[str, Query], *, wait_seconds: float) -> Part[Vetted]:
        def work() -> Vetted:
            return vet_file(self._target, query.file, catalogue)

        key = ("check", query.file, file_version(query.file))
        return self._remembered.ask(key, work, fresh_seconds=_CHECK_SECONDS, wait_seconds=wait_seconds)

    def _plan(self, query: Query, values: Mapping[str, str | None]) -> Plan:
        is_complete = all(each.name in values for each in query.parameters)
        # The server puts values into conditions: a guest's id is in no plan.
        is_personal = any(self._masking.is_personal(each.name) for each in query.parameters)
        given = values if is_complete and not is_personal else None
        try:
            with self._session() as session:
                text = ask_plan(session, query, given, self._settings.deadline_seconds)
        except (GuestSQLError, NoPlan, ParameterError) as error:
            return Plan(failure=self._masking.text(plain_text(str(error))))
        return Plan(tuple(plan_trees(text)), is_generic=given is None and bool(query.parameters))


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls of a query to copy; a guest's id is replaced by a sample."""

    query: Query
    samples: Mapping[str, Sample]

    @classmethod
    def of(
        cls,
        query: Query,
        catalogue: Mapping[str, Query],
        values: Mapping[str, str | None],
        known: ReturnedColumns | None,
    ) -> _Calls:
        # The comments of all other queries are read only for a value that is not given.
        beside = () if all(each.name in values for each in query.parameters) else catalogue.values()
        samples = sample_values(query, beside, known.base_types if known is not None else None)
        given = {name: replace(each, value=values[name]) for name, each in samples.items() if name in values}
        return cls(query, {**samples, **given})

    def python(self, settings: Settings) -> str:
        return python_call(self.query, self.samples, None if settings.packaged else settings.queries_dir)

    def psql(self) -> str:
        """A command with its input: no value needs the shell's quotes."""
        text = psql_preamble([self.query], self.samples) + psql_query(self.query)
        lines, end = set(text.splitlines()), "SQL"
        while end in lines:
            end += "_"
        return f"psql \"$DATABASE_URL\" -X -v ON_ERROR_STOP=1 <<'{end}'\n{text}{end}\n"
