"""The result of a check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guestsql.ops.doctor.target import Target

__all__ = ["Check", "CheckResult", "Diagnosis", "Status", "advise", "fault", "ok", "unknown"]


class Status(StrEnum):
    """How bad it is. Only a fault makes the exit code 1.

    UNKNOWN: the check could not be made, for a reason that is not a fault. SKIPPED: a check that it needs failed.
    """

    OK = "ok"
    ADVICE = "advice"
    FAULT = "fault"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found.

    Attributes:
        status: how bad it is.
        message: what was found.
        advice: how to fix it, or "".
        details: further lines, such as a diff.
    """

    status: Status
    message: str
    advice: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: unique.
        run: runs it.
        needs: names of the checks that must succeed first.
        is_of_guests: True if it concerns the packaged queries or tables: it is left out when `packaged` is False.
    """

    name: str
    run: Callable[[Target], CheckResult]
    needs: tuple[str, ...] = ()
    is_of_guests: bool = False


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A check's result with its name, to be printed.

    Attributes:
        check: the check's name.
        status: how bad it is.
        message: what was found, on one line.
        advice: how to fix it, on one line, or "".
        details: further lines, such as a diff.
    """

    check: str
    status: Status
    message: str
    advice: str
    details: tuple[str, ...] = ()


def ok(message: str) -> CheckResult:
    """Return a result without a problem."""
    return CheckResult(Status.OK, message)


def advise(message: str, advice: str) -> CheckResult:
    """Return a result for what works but could be better."""
    return CheckResult(Status.ADVICE, message, advice)


def fault(message: str, advice: str) -> CheckResult:
    """Return a result for what must be fixed."""
    return CheckResult(Status.FAULT, message, advice)


def unknown(message: str, advice: str = "") -> CheckResult:
    """Return a result for what could not be checked, for a reason that is not a fault."""
    return CheckResult(Status.UNKNOWN, message, advice)
