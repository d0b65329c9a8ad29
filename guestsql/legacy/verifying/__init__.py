"""The comparison of files and database. It shares no code with the import, so that it can find its mistakes."""

from __future__ import annotations

from guestsql.legacy.verifying.directory import KeptReject, VerifyReport, verify_directory
from guestsql.legacy.verifying.guest import Difference

__all__ = ["Difference", "KeptReject", "VerifyReport", "verify_directory"]
