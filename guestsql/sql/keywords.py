"""PostgreSQL's key words, as far as they tell whether an expression can end with one."""

from __future__ import annotations

__all__ = ["CONNECTING", "NEVER_LAST"]

# pg_get_keywords() of PostgreSQL 15 and 18: categories R (reserved) and T (reserved, can be function or
# type name), without those that are a value or end an operator: CURRENT_DATE, END, NULL, ISNULL, …
_WORDS = """
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint
    create deferrable desc distinct do else except fetch for foreign from grant group having in initially
    intersect into lateral leading limit not offset on only or order placing primary references returning
    select some symmetric table then to trailing union unique using variadic when where window with

    authorization binary collation concurrently cross freeze full ilike inner is join left like natural
    outer overlaps right similar tablesample verbose
"""
NEVER_LAST = frozenset(_WORDS.split())

# Words that may name a column, and that connect two expressions when they stand after one.
CONNECTING = frozenset({"between", "escape", "value"})
