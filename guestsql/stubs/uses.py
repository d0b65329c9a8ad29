"""Where Python uses a query, its parameters and the fields of its rows.

As far as the text shows: calls of `….queries.name(…)`, of a variable that holds `….queries`, and of
anything that is given the query's name as a text; fields of variables that such a call was assigned to or is looped
over, in the same function, and of arguments that are annotated with the class of the rows.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

__all__ = ["Uses"]

_SKIPPED = {"__pycache__", "build", "dist", "node_modules", "site-packages", "venv"}
_SHOWN = 5
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True)
class _Found:
    """What one file has of one query: lines of calls, of keywords and of fields."""

    calls: list[int] = field(default_factory=list[int])
    keywords: dict[str, list[int]] = field(default_factory=dict[str, "list[int]"])
    fields: dict[str, list[int]] = field(default_factory=dict[str, "list[int]"])


class Uses:
    """The Python sources of a project; none is read before it is needed.

    Args:
        root: the folder, or a file; hidden folders, virtual environments and what was built are left out.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._trees: dict[Path, ast.Module | None] = {}

    @cached_property
    def _texts(self) -> dict[Path, str]:
        texts: dict[Path, str] = {}
        for path in _sources(self._root):
            try:
                texts[path] = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue  # what cannot be read uses nothing
        return texts

    def places_of(self, query: str, row: str, *, column: str = "", parameter: str = "") -> str:
        """Return the places as one would name them: `; used in bot.py:3, bot.py:9`; or that there are none.

        Args:
            query: its name.
            row: the name of the class of its rows, or "".
            column: only where this field is used; if that is nowhere, every call.
            parameter: likewise.
        """
        places: list[str] = []
        calls: list[str] = []
        for path in self._texts:
            found = self._found(path, query, row)
            if found is None:
                continue
            lines = found.fields.get(column, []) if column else found.keywords.get(parameter, [])
            places += [f"{path}:{line}" for line in sorted(set(lines))]
            calls += [f"{path}:{line}" for line in sorted(set(found.calls))]
        return _listed("used in", places) or _listed("called in", calls) or f"; no use found below {self._root}"

    def _found(self, path: Path, query: str, row: str) -> _Found | None:
        text = self._texts[path]
        if query not in text and (not row or row not in text):
            return None
        if path not in self._trees:
            self._trees[path] = _parsed(text)
        tree = self._trees[path]
        return None if tree is None else _Reader(tree, query, row).read()


def _listed(verb: str, places: Sequence[str]) -> str:
    if not places:
        return ""
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return f"; {verb} {', '.join(places[:_SHOWN])}{more}"


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _sources(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    try:
        entries = sorted(root.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _SKIPPED or entry.is_symlink():
            continue
        if entry.is_dir():
            if not (entry / "pyvenv.cfg").exists():
                yield from _sources(entry)
        elif entry.suffix == ".py":
            yield entry


class _Reader:
    """Finds one query in one file."""

    def __init__(self, tree: ast.Module, query: str, row: str) -> None:
        self._tree = tree
        self._query = query
        self._row = row
        self._found = _Found()
        self._aliases = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute) and node.value.attr == "queries"
            for name in _names(node.targets)
        }

    def read(self) -> _Found:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Attribute) and self._is_method(node):
                self._found.calls.append(node.lineno)
            elif isinstance(node, ast.Call):
                self._read_call(node)
        for scope in self._scopes():
            rows = set(self._rows(scope))
            for node in _within(scope):
                if isinstance(node, ast.Attribute) and (self._is_row(node.value, rows)):
                    self._found.fields.setdefault(node.attr, []).append(node.lineno)
        return self._found

    def _scopes(self) -> Iterator[ast.AST]:
        yield self._tree
        yield from (node for node in ast.walk(self._tree) if isinstance(node, _Function))

    def _is_method(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Attribute) or node.attr != self._query:
            return False
        owner = node.value
        if isinstance(owner, ast.Name):
            return owner.id == "queries" or owner.id in self._aliases
        return isinstance(owner, ast.Attribute) and owner.attr in ("queries", "_queries")

    def _is_call(self, node: ast.AST | None) -> bool:
        inner = node
        while isinstance(inner, ast.Await | ast.Subscript):
            inner = inner.value
        if not isinstance(inner, ast.Call):
            return False
        return self._is_method(inner.func) or any(_is_text(each, self._query) for each in inner.args)

    def _read_call(self, node: ast.Call) -> None:
        if not self._is_call(node):
            return
        if not self._is_method(node.func):
            self._found.calls.append(node.lineno)
        for keyword in node.keywords:
            if keyword.arg is not None:
                self._found.keywords.setdefault(keyword.arg, []).append(keyword.lineno)
        for each in node.args:  # call("name", {"parameter": …})
            if isinstance(each, ast.Dict):
                for key in each.keys:
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        self._found.keywords.setdefault(key.value, []).append(key.lineno)

    def _is_row(self, node: ast.AST, rows: set[str]) -> bool:
        if isinstance(node, ast.Name):
            return node.id in rows
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            return node.value.id in rows
        return self._is_call(node)

    def _rows(self, scope: ast.AST) -> Iterator[str]:
        """The variables of a function that hold rows, or lists of them."""
        if isinstance(scope, _Function):
            for argument in [*scope.args.args, *scope.args.kwonlyargs, *scope.args.posonlyargs]:
                if argument.annotation is not None and self._is_annotated(argument.annotation):
                    yield argument.arg
        held: set[str] = set()
        nodes = list(_within(scope))
        for _ in range(2):  # a list first, then what loops over it
            for node in nodes:
                held.update(self._bound(node, held))
        yield from held

    def _bound(self, node: ast.AST, held: set[str]) -> Iterable[str]:
        if isinstance(node, ast.Assign) and self._is_call(node.value):
            return _names(node.targets)
        if isinstance(node, ast.AnnAssign) and (self._is_call(node.value) or self._is_annotated(node.annotation)):
            return _names([node.target])
        if isinstance(node, ast.NamedExpr) and self._is_call(node.value):
            return _names([node.target])
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            source = node.iter
            if self._is_call(source) or (isinstance(source, ast.Name) and source.id in held):
                return _names([node.target])
        return ()

    def _is_annotated(self, annotation: ast.AST) -> bool:
        return bool(self._row) and any(
            (isinstance(node, ast.Name) and node.id == self._row)
            or (isinstance(node, ast.Attribute) and node.attr == self._row)
            or (isinstance(node, ast.Constant) and isinstance(node.value, str) and self._row in node.value)
            for node in ast.walk(annotation)
        )


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """What is in a scope, without the functions in it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _Function):
            waiting.extend(ast.iter_child_nodes(node))


def _names(targets: Iterable[ast.AST]) -> list[str]:
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_text(node: ast.AST, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text
