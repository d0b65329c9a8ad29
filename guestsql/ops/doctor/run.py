"""Tries the checks one after the other; one that fails hides no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg

from guestsql.errors import DatabaseError, DatabaseUnavailable, GuestSQLError, QueryTimeout
from guestsql.ops.doctor.finding import Check, Finding, Status, Verdict, fault, unseen
from guestsql.ops.doctor.patient import Patient
from guestsql.sql.translate import translate

__all__ = ["diagnose"]

_NO_RIGHT = "42501"
_NOT_THERE = ("42P01", "42883", "42703")
_BLOCKING = (Status.FAULT, Status.SKIPPED)


def diagnose(patient: Patient, checks: Sequence[Check]) -> Iterator[Finding]:
    """Try each check.

    Args:
        patient: what is looked at.
        checks: in order; one comes after those that it needs.

    Returns:
        A finding for each, as it is made.
    """
    failed: set[str] = set()
    for check in checks:
        without = [need for need in check.needs if need in failed]
        skipped = Verdict(Status.SKIPPED, f"{', '.join(without)} first")
        verdict = skipped if without else _looked(check, patient)
        if verdict.status in _BLOCKING:
            failed.add(check.name)
        yield Finding(check.name, verdict.status, _one_line(verdict.message), _one_line(verdict.advice))


def _looked(check: Check, patient: Patient) -> Verdict:
    try:
        return check.look(patient)
    except psycopg.Error as error:
        return _refused(translate(error, ""), patient)
    except DatabaseError as error:
        return _refused(error, patient)
    except GuestSQLError as error:
        return fault(str(error), error.hint)
    except OSError as error:
        return unseen(error.strerror or str(error))


def _refused(error: DatabaseError, patient: Patient) -> Verdict:
    if error.sqlstate == _NO_RIGHT:
        return unseen(f"{patient.facts.role_name} may not: {error.message}", "run it as the owner to see it")
    if error.sqlstate in _NOT_THERE:
        return unseen(error.message, "guestsql migrate up")
    patient.let_go()  # a connection whose deadline passed is of no use any more
    if isinstance(error, QueryTimeout):
        return fault(f"no answer within {patient.limits.seconds:g} s: {error.message}", "see sessions and slow queries")
    if isinstance(error, DatabaseUnavailable):
        return fault(error.message, error.hint)
    return fault(error.message, error.hint or "see the server's log")


def _one_line(text: str) -> str:
    return " ".join(text.split())
