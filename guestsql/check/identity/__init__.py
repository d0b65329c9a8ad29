"""What distinguishes a query's rows, derived from keys and the analysed query, not from a plan."""

from __future__ import annotations

from guestsql.check.identity.judge import RowJudge
from guestsql.check.identity.level import Bound

__all__ = ["Bound", "RowJudge"]
