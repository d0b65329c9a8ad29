"""What a caller gets when an attempt failed and no connection was there for another."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from guestsql.errors import DatabaseError, DatabaseUnavailable, OutcomeUnknown
from guestsql.sql.attempts import Attempts, Policy, Work

NONE_FREE = DatabaseUnavailable("no connection within 30 s")
WORK = Work("set_thread", print)


@dataclass
class Session:
    closed: bool
    has_session: bool = True
    connected_at: float = 0.0
    server: tuple[bytes, bytes, bytes, int] = (b"", b"", b"", 1)


def failed_attempt(
    message: str, *, sqlstate: str | None, undone: bool, policy: Policy, closed: bool = False
) -> Attempts:
    error = DatabaseError(message, sqlstate=sqlstate)
    error.retryable, error.undone = True, undone
    attempts = Attempts(WORK, policy, 0.0)
    attempts.add_session(Session(closed))
    attempts.pause_after(error)
    return attempts


@pytest.mark.parametrize("policy", list(Policy))
def test_what_the_server_said_is_more_informative(policy: Policy) -> None:
    attempts = failed_attempt("cannot execute INSERT", sqlstate="25006", undone=True, policy=policy)
    failure = attempts.outcome_without_connection(NONE_FREE)
    assert (str(failure), type(failure)) == ("cannot execute INSERT", DatabaseError)


@pytest.mark.parametrize("policy", list(Policy))
def test_a_lost_connection_is_less_informative(policy: Policy) -> None:
    attempts = failed_attempt("the connection is lost", sqlstate=None, undone=False, policy=policy, closed=True)
    failure = attempts.outcome_without_connection(NONE_FREE)
    assert "no connection within 30 s" in str(failure)
    assert isinstance(failure, OutcomeUnknown) is (policy is not Policy.REPEAT)


def test_what_a_server_said_that_ended_the_session_is_less_informative() -> None:
    attempts = failed_attempt("terminating", sqlstate="57P01", undone=True, policy=Policy.REPEAT, closed=True)
    assert attempts.outcome_without_connection(NONE_FREE) is NONE_FREE


def test_a_cancelled_call_stays_cancelled() -> None:
    attempts = failed_attempt("cannot execute INSERT", sqlstate="25006", undone=True, policy=Policy.REPEAT)
    cancelled = KeyboardInterrupt()
    assert attempts.outcome_without_connection(cancelled) is cancelled
