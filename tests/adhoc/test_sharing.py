"""Runs that share one execution: results, errors, deadlines, and an execution that is interrupted."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from guestsql.adhoc.parameters import ParameterError
from guestsql.adhoc.session import Result
from guestsql.adhoc.sharing import SharedRuns
from guestsql.errors import DatabaseError, QueryTimeout

PATIENCE = 30.0
RESULT = Result(("n",), [(1,)], 1)


class Execution:
    """An execution that lasts until it is let go, and what it does then."""

    def __init__(self, ends):
        self.ends = ends
        self.count = 0
        self.began = threading.Event()
        self.let_go = threading.Event()

    def __call__(self):
        self.count += 1
        self.began.set()
        assert self.let_go.wait(PATIENCE)
        end = self.ends.pop(0)
        if isinstance(end, BaseException):
            raise end
        return end


def shared(queries, execution, callers, *, seconds=PATIENCE):
    """The outcomes of callers that all ask while the first one's execution runs."""
    runs, query = SharedRuns(), queries["get_name"]
    with ThreadPoolExecutor(callers) as threads:
        first = threads.submit(runs.run, query, {"a": "1"}, execution, seconds)
        assert execution.began.wait(PATIENCE)
        (run,) = runs._runs.values()
        others = [threads.submit(runs.run, query, {"a": "1"}, execution, seconds) for _ in range(callers - 1)]
        while len(run.ended._cond._waiters) < callers - 1:
            assert not any(each.done() for each in others)
        execution.let_go.set()
        return [each.exception(PATIENCE) or each.result() for each in (first, *others)]


def test_callers_at_once_share_one_execution(queries):
    execution = Execution([RESULT])
    assert shared(queries, execution, 4) == [RESULT] * 4
    assert execution.count == 1


@pytest.mark.parametrize(
    "error",
    [DatabaseError("no such table", query="q", sqlstate="42P01", hint="h"), ParameterError("a", "not a number")],
)
def test_an_error_is_shared_and_each_has_a_copy(queries, error):
    execution = Execution([error])
    outcomes = shared(queries, execution, 3)
    assert execution.count == 1
    assert len({id(each) for each in outcomes}) == 3
    assert [(type(each), str(each), vars(each)) for each in outcomes] == [(type(error), str(error), vars(error))] * 3


def test_an_interrupted_execution_is_taken_over(queries):
    execution = Execution([KeyboardInterrupt(), RESULT])
    outcomes = shared(queries, execution, 2)
    assert isinstance(outcomes[0], KeyboardInterrupt)
    assert outcomes[1] == RESULT
    assert execution.count == 2


def test_who_waits_too_long_leaves_and_the_others_get_the_result(queries):
    runs, query, execution = SharedRuns(), queries["get_name"], Execution([RESULT])
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(runs.run, query, {}, execution, PATIENCE)
        assert execution.began.wait(PATIENCE)
        with pytest.raises(QueryTimeout):
            runs.run(query, {}, execution, 0.001)
        execution.let_go.set()
        assert first.result(PATIENCE) == RESULT
    assert execution.count == 1


def test_other_values_other_queries_and_later_runs_are_not_shared(queries):
    runs, execution = SharedRuns(), Execution([RESULT])
    once = lambda: Result(("n",), [(2,)], 1)  # noqa: E731
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(runs.run, queries["get_name"], {"a": "1"}, execution, PATIENCE)
        assert execution.began.wait(PATIENCE)
        for query, values in (("get_name", {"a": None}), ("get_name", {}), ("get_session", {"a": "1"})):
            assert runs.run(queries[query], values, once, PATIENCE).rows == [(2,)]
        execution.let_go.set()
        first.result(PATIENCE)
    assert runs.run(queries["get_name"], {"a": "1"}, once, PATIENCE).rows == [(2,)]
