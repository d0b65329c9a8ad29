"""The methods that run the queries marked with their name: those about a whole person.

A new one is one line here, and a method that runs it.
"""

from __future__ import annotations

from guestsql.sql.declaration import Operator
from guestsql.sql.hooks import Hook

__all__ = ["GUEST_TABLE", "HOOKS", "KEY_COLUMNS", "KEY_COMMENT", "ROUTE", "ROUTED_ELSEWHERE"]

_HOOKS = (
    Hook("export_guest", ("phone_number",), (Operator.ROWS, Operator.ROW)),
    Hook("forget_guest", ("phone_number", "operation_id", "subject_hash", "id_hashes"), (Operator.COUNT,)),
    Hook("archive_guest", ("phone_numbers",), (Operator.COUNT,), is_for_all=False),
    Hook("return_guest", ("phone_numbers",), (Operator.COUNT,), is_for_all=False),
    Hook("merge_guests", ("keep", "duplicate", "operation_id"), (Operator.COUNT,)),
)
HOOKS = {hook.name: hook for hook in _HOOKS}

GUEST_TABLE = "guest_profiles"
"""A row leaves it when its guest is archived: a table with a foreign key to it needs every hook."""

KEY_COLUMNS = ("phone_number", "guest_phone", "guest_phone_number", "guest_key")
"""A text column with one of these names holds a guest's key, as `guestsql check` sees it; so does a foreign key."""

KEY_COMMENT = "guest key"
"""So does a text column whose comment begins so."""

ROUTE = "guest"
"""What `-- check: routed guest` names: rows distributed by the columns above."""

ROUTED_ELSEWHERE = {
    "guest_ids": ("id",),
    # It must find a message that is delivered again, from any sender: the one table that no guest's key can distribute.
    "operations": ("source", "operation_id"),
}
"""The tables that are distributed by other columns."""
