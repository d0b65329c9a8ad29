"""`guestsql stubs`: types for every query, written from what the server says of it, and read back."""

from guestsql.stubs.committed import Committed, read_committed
from guestsql.stubs.digest import digest_of
from guestsql.stubs.files import Drift, Target, drift_of, is_fresh, write
from guestsql.stubs.overrides import OverridesVet
from guestsql.stubs.uses import Uses
from guestsql.stubs.vet import StubsVet

__all__ = [
    "Committed",
    "Drift",
    "OverridesVet",
    "StubsVet",
    "Target",
    "Uses",
    "digest_of",
    "drift_of",
    "is_fresh",
    "read_committed",
    "write",
]
