"""Concurrent runs of one query with the same values share one execution."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock
from time import monotonic

from guestsql.adhoc.parameters import ParameterError
from guestsql.adhoc.session import Result
from guestsql.errors import GuestSQLError, QueryTimeout
from guestsql.sql import Query

__all__ = ["SharedRuns"]


@dataclass(eq=False, slots=True)
class _Run:
    """An execution that others may wait for; the query is kept, so that no other one gets its `id`."""

    query: Query
    ended: Event = field(default_factory=Event)
    result: Result | None = None
    error: GuestSQLError | ParameterError | None = None


_Key = tuple[int, frozenset[tuple[str, str | None]]]


class SharedRuns:
    """Runs queries, each once for all who ask while it runs. A result is not kept after that."""

    def __init__(self) -> None:
        self._runs: dict[_Key, _Run] = {}
        self._lock = Lock()

    def run(
        self, query: Query, parameters: Mapping[str, str | None], execute: Callable[[], Result], seconds: float
    ) -> Result:
        """Return the result of a query, from another thread's execution if that has begun and has not ended.

        Args:
            query: the object of a catalogue: the query of the same name in a reloaded catalogue is another one.
            parameters: a value for each of its parameters.
            execute: runs it, within a time of its own; called in this thread unless there is an execution to wait for.
            seconds: how long to wait for another thread's execution, above 0.

        Returns:
            The result, shared: not to be changed.

        Raises:
            QueryTimeout: the other thread's execution did not end in time.
            GuestSQLError, ParameterError: as `execute` raised it, in whichever thread.
        """
        key = id(query), frozenset(parameters.items())
        deadline = monotonic() + seconds
        while True:
            with self._lock:
                run = self._runs.get(key)
                if run is None:
                    own = self._runs[key] = _Run(query)
                    break
            if not run.ended.wait(max(0.0, deadline - monotonic())):
                message = "the deadline passed while another request waited for the same result"
                raise QueryTimeout(message, query=query.name, hint="repeat it in a moment")
            if run.error is not None:
                # A copy each: a caller may add to its hint, and raising it adds a traceback.
                raise copy.copy(run.error) from run.error
            if run.result is not None:
                return run.result
            # The other thread was interrupted, which says nothing about the query.
        return self._execute(key, own, execute)

    def _execute(self, key: _Key, run: _Run, execute: Callable[[], Result]) -> Result:
        try:
            run.result = execute()
        except (GuestSQLError, ParameterError) as error:
            run.error = error
            raise
        finally:
            with self._lock:
                del self._runs[key]
            run.ended.set()
        return run.result
