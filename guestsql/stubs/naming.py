"""Names and types as the stubs have them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from guestsql.check.infer import PythonSignature
from guestsql.sql import Operator

__all__ = ["guarded", "returned", "row_names"]

_BUILTINS = ("bool", "bytearray", "bytes", "float", "int", "list", "memoryview", "str")
_WORD = re.compile(rf"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|(?<![\w.])(?P<name>{'|'.join(_BUILTINS)})(?!\w)")


def row_names(signatures: Iterable[PythonSignature]) -> dict[str, str]:
    """Return the name of the class of each query that returns rows.

    Args:
        signatures: of all queries.

    Returns:
        `GetProfileRow` for `get_profile`, by the names of the queries in their order; none twice.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for signature in sorted(signatures, key=lambda each: each.name):
        if signature.operator not in (Operator.ROWS, Operator.ROW) or not signature.columns:
            continue
        base = "".join(part[:1].upper() + part[1:] for part in signature.name.split("_"))
        name, number = f"{base}Row", 2
        while name in taken:
            name, number = f"{base}Row{number}", number + 1
        taken.add(name)
        found[signature.name] = name
    return found


def returned(signature: PythonSignature, rows: Mapping[str, str]) -> str:
    """Return the type of a query's result.

    Args:
        signature: the query's.
        rows: the names of the classes of rows.
    """
    if signature.operator is Operator.COUNT:
        return "int"
    if signature.operator is Operator.VALUE:
        found = signature.columns[0].annotation if signature.columns else "None"
        can_be_none = signature.is_sure or found.endswith("None") or found == "_typing.Any"
        return found if can_be_none else f"{found} | None"
    name = f"_rows.{rows[signature.name]}" if signature.name in rows else "_typing.Any"
    if signature.operator is Operator.ROWS:
        return f"list[{name}]"
    return name if signature.is_sure or name == "_typing.Any" else f"{name} | None"


def guarded(annotation: str, names: Iterable[str]) -> str:
    """Return a type that means the same where names hide some of Python's own.

    Args:
        annotation: the type.
        names: what else is named in the same class: a column `list`, a query `int`.
    """
    hidden = set(names).intersection(_BUILTINS)
    if not hidden:
        return annotation

    def replaced(found: re.Match[str]) -> str:
        return f"_builtins.{found.group()}" if found["name"] in hidden else found.group()

    return _WORD.sub(replaced, annotation)
