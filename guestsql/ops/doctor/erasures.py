"""Erasures: do they survive a copy and a restore of the database?"""

from __future__ import annotations

from pathlib import Path

from guestsql.guests.erasure import ErasureKey
from guestsql.ops.doctor.diagnosis import CheckResult, advise, fault, ok
from guestsql.ops.doctor.target import Target

__all__ = ["erasures"]

_NOT_THE_OWNERS = 0o077


def erasures(target: Target) -> CheckResult:
    """Are erased ids hashed with a known key, and logged outside the database?"""
    settings = target.settings
    key = ErasureKey(settings.erasure_key)
    found = target.ask("get_erasure_troubles", key_ids=key.key_ids)
    if found.unknown:
        return fault(
            f"erased ids that cannot be recognised, because they were hashed with another key: {found.unknown:,}",
            "add that key to GUESTSQL_ERASURE_KEY, after the current one and a comma",
        )
    if not found.erased:
        return ok("no guest was erased")
    if key.key_id is None:
        return advise(
            "GUESTSQL_ERASURE_KEY is not set: a copy of the database suffices to find erased phone numbers by trying",
            "GUESTSQL_ERASURE_KEY=$(openssl rand -hex 32); keep it outside the database (docs/privacy.md)",
        )
    if settings.erasure_log is None:
        return advise(
            "GUESTSQL_ERASURE_LOG is not set: a restored dump brings erased guests back",
            "name a file outside the database and its backups (docs/privacy.md)",
        )
    return _log(settings.erasure_log)


def _log(log: Path) -> CheckResult:
    if not log.exists():
        return advise(f"guests were erased, and their log {log} does not exist here", "see docs/privacy.md")
    if log.stat().st_mode & _NOT_THE_OWNERS:
        return advise(f"others than its owner may read or write {log}", f"chmod 600 {log}")
    return ok("erasures have a key and a log outside the database")
