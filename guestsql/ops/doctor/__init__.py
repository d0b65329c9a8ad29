"""What is wrong, and how to mend it: tried from the settings to the last index, each with its verdict."""

from guestsql.ops.doctor.finding import Check, Finding, Status, Verdict
from guestsql.ops.doctor.patient import Limits, Patient
from guestsql.ops.doctor.run import diagnose
from guestsql.ops.doctor.table import CHECKS

__all__ = ["CHECKS", "Check", "Finding", "Limits", "Patient", "Status", "Verdict", "diagnose"]
