"""What a check says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guestsql.ops.doctor.patient import Patient

__all__ = ["Check", "Finding", "Status", "Verdict", "advise", "fault", "fine", "unseen"]


class Status(StrEnum):
    """How bad it is. Only a fault makes the exit code 1."""

    OK = "ok"
    ADVICE = "advice"
    FAULT = "fault"
    UNSEEN = "could not look"
    SKIPPED = "not tried"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found.

    Attributes:
        status: how bad it is.
        message: what was seen, on one line.
        advice: what to do, or "".
    """

    status: Status
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is tried.

    Attributes:
        name: unique.
        look: tries it.
        needs: checks without whose success this one means nothing.
    """

    name: str
    look: Callable[[Patient], Verdict]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's verdict, to be printed.

    Attributes:
        check: the check's name.
        status: how bad it is.
        message: what was seen.
        advice: what to do, or "".
    """

    check: str
    status: Status
    message: str
    advice: str


def fine(message: str) -> Verdict:
    """All is well."""
    return Verdict(Status.OK, message)


def advise(message: str, advice: str) -> Verdict:
    """It works, and could be better."""
    return Verdict(Status.ADVICE, message, advice)


def fault(message: str, advice: str) -> Verdict:
    """It is to be mended."""
    return Verdict(Status.FAULT, message, advice)


def unseen(message: str, advice: str = "") -> Verdict:
    """It could not be looked at, for a reason that is no fault."""
    return Verdict(Status.UNSEEN, message, advice)
