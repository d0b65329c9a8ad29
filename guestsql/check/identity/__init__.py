"""What tells a query's rows apart: derived from keys and the query as the server has understood it, not from a plan."""

from __future__ import annotations

from guestsql.check.identity.judge import RowJudge
from guestsql.check.identity.level import Bound

__all__ = ["Bound", "RowJudge"]
