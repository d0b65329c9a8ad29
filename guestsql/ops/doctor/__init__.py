"""Checks everything from the settings to the last index: what is wrong, and how to fix it."""

from guestsql.ops.doctor.diagnosis import Check, CheckResult, Diagnosis, Status
from guestsql.ops.doctor.run import diagnose
from guestsql.ops.doctor.table import CHECKS
from guestsql.ops.doctor.target import Limits, Target

__all__ = ["CHECKS", "Check", "CheckResult", "Diagnosis", "Limits", "Status", "Target", "diagnose"]
