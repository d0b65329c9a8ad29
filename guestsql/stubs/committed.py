"""The stubs read back: what Python has been promised."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from guestsql.check.infer import PythonSignature
from guestsql.errors import GuestSQLError
from guestsql.stubs.files import Target
from guestsql.stubs.naming import returned, row_names

__all__ = ["Committed", "Promise", "plain", "promise_of", "read_committed"]


@dataclass(frozen=True, slots=True)
class Promise:
    """What the stubs say of a query.

    Attributes:
        parameters: the type of each, and whether it may be left out.
        returned: the type of its result.
        columns: the types of a row's fields, in order; empty when it returns no rows.
        file: the name of the file with the query, or "".
    """

    parameters: Mapping[str, tuple[str, bool]]
    returned: str
    columns: Mapping[str, str]
    file: str = ""


Committed = Mapping[str, Promise]


def promise_of(signature: PythonSignature) -> Promise:
    """Return what stubs of a query would promise.

    Args:
        signature: the query's, as the server describes it.
    """
    return Promise(
        {each.name: (plain(each.annotation), bool(each.default)) for each in signature.parameters},
        plain(returned(signature, row_names([signature]))),
        {each.name: plain(each.annotation) for each in signature.columns},
        signature.file,
    )


def read_committed(target: Target) -> Committed | None:
    """Read stubs.

    Args:
        target: where they are.

    Returns:
        What they say of each query, by name; None when there are none.

    Raises:
        GuestSQLError: they cannot be read.
    """
    if not target.rows.is_file() or not target.methods.is_file():
        return None
    try:
        rows = ast.parse(target.rows.read_text(encoding="utf-8"))
        methods = ast.parse(target.methods.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise GuestSQLError(f"the stubs in {target.rows.parent} cannot be read: {error}") from error
    fields = {node.name: _fields(node) for node in rows.body if isinstance(node, ast.ClassDef)}
    found: dict[str, Promise] = {}
    for node in methods.body:
        if isinstance(node, ast.ClassDef) and node.name in ("QueryMethods", "Queries"):
            found |= {each.name: _promise(each, fields) for each in node.body if isinstance(each, ast.FunctionDef)}
    return found


def plain(annotation: str) -> str:
    """Return a type in the one form in which two are compared.

    Args:
        annotation: as the stubs have it.
    """
    return ast.unparse(ast.parse(annotation, mode="eval")).replace("_builtins.", "")


def _fields(node: ast.ClassDef) -> dict[str, str]:
    return {
        each.target.id: plain(ast.unparse(each.annotation))
        for each in node.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }


def _promise(node: ast.FunctionDef, fields: Mapping[str, Mapping[str, str]]) -> Promise:
    parameters = {
        each.arg: ("" if each.annotation is None else plain(ast.unparse(each.annotation)), default is not None)
        for each, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    }
    returned = "None" if node.returns is None else plain(ast.unparse(node.returns))
    named = [each.attr for each in ast.walk(node.returns or node) if isinstance(each, ast.Attribute)]
    row = next((name for name in named if name in fields), None)
    doc = ast.get_docstring(node) or ""
    file = next((line.removeprefix("SQL: ") for line in doc.splitlines() if line.startswith("SQL: ")), "")
    return Promise(parameters, returned, {} if row is None else fields[row], file)
