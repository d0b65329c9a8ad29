"""What a caller gets when an attempt failed and no connection was there for another."""

from __future__ import annotations

import pytest

from guestsql.errors import DatabaseError, DatabaseUnavailable, OutcomeUnknown
from guestsql.sql.attempts import Attempts, Policy, Work

NONE_FREE = DatabaseUnavailable("no connection within 30 s")
WORK = Work("set_thread", print)


def failed_attempt(message: str, *, sqlstate: str | None, undone: bool, policy: Policy) -> Attempts:
    error = DatabaseError(message, sqlstate=sqlstate)
    error.retryable, error.undone = True, undone
    attempts = Attempts(WORK, policy, 0.0)
    attempts.pause_after(error)
    return attempts


@pytest.mark.parametrize("policy", list(Policy))
def test_what_the_server_said_is_more_informative(policy: Policy) -> None:
    attempts = failed_attempt("cannot execute INSERT", sqlstate="25006", undone=True, policy=policy)
    failure = attempts.outcome_without_connection(NONE_FREE)
    assert (str(failure), type(failure)) == ("cannot execute INSERT", DatabaseError)


@pytest.mark.parametrize("policy", list(Policy))
def test_a_lost_connection_is_less_informative(policy: Policy) -> None:
    attempts = failed_attempt("the connection is lost", sqlstate=None, undone=False, policy=policy)
    failure = attempts.outcome_without_connection(NONE_FREE)
    assert "no connection within 30 s" in str(failure)
    assert isinstance(failure, OutcomeUnknown) is (policy is not Policy.REPEAT)


def test_a_cancelled_call_stays_cancelled() -> None:
    attempts = failed_attempt("cannot execute INSERT", sqlstate="25006", undone=True, policy=Policy.REPEAT)
    cancelled = KeyboardInterrupt()
    assert attempts.outcome_without_connection(cancelled) is cancelled
