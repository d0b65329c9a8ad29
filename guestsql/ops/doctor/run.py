"""Runs the checks one after another. A check that fails does not prevent the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg

from guestsql.errors import DatabaseError, DatabaseUnavailable, GuestSQLError, QueryTimeout
from guestsql.ops.doctor.diagnosis import Check, CheckResult, Diagnosis, Status, fault, unknown
from guestsql.ops.doctor.target import Target
from guestsql.sql.translate import translate

__all__ = ["diagnose"]

_INSUFFICIENT_PRIVILEGE = "42501"
_UNDEFINED = ("42P01", "42883", "42703")
_BLOCKING = (Status.FAULT, Status.SKIPPED)


def diagnose(target: Target, checks: Sequence[Check]) -> Iterator[Diagnosis]:
    """Run checks.

    Args:
        target: what is checked.
        checks: the checks, each after those that it needs.

    Yields:
        One diagnosis for each check, as soon as it is known; without `packaged`, none for those of guests.
    """
    failed: set[str] = set()
    for check in checks:
        if check.is_of_guests and not target.settings.packaged:
            continue
        missing = [need for need in check.needs if need in failed]
        skipped = CheckResult(Status.SKIPPED, f"needs {' and '.join(missing)}")
        result = skipped if missing else _run(check, target)
        if result.status in _BLOCKING:
            failed.add(check.name)
        message, advice = _one_line(result.message), _one_line(result.advice)
        yield Diagnosis(check.name, result.status, message, advice, result.details)


def _run(check: Check, target: Target) -> CheckResult:
    try:
        return check.run(target)
    except psycopg.Error as error:
        return _rejected(translate(error, ""), target)
    except DatabaseError as error:
        return _rejected(error, target)
    except GuestSQLError as error:
        return fault(str(error), error.hint)
    except OSError as error:
        return unknown(error.strerror or str(error))


def _rejected(error: DatabaseError, target: Target) -> CheckResult:
    if error.sqlstate == _INSUFFICIENT_PRIVILEGE:
        return unknown(
            f"{target.facts.role_name} may not: {error.message}", "run guestsql doctor as the owner to check it"
        )
    if error.sqlstate in _UNDEFINED:
        return unknown(error.message, "guestsql migrate up")
    target.disconnect()  # it is unusable once its deadline has passed
    if isinstance(error, QueryTimeout):
        return fault(
            f"no answer within {target.limits.seconds:g} s: {error.message}", "see the checks sessions and slow queries"
        )
    if isinstance(error, DatabaseUnavailable):
        return fault(error.message, error.hint)
    return fault(error.message, error.hint or "see the server's log")


def _one_line(text: str) -> str:
    return " ".join(text.split())
