"""The text in which PostgreSQL writes an analysed query (`pg_node_tree`), read into nodes.

`{VAR :varno 1 :varattno 2 …}` is a node, `( … )` a list, `(i 1 2)` a list of numbers, `<>` nothing, and a backslash
precedes a character that would end a word. Which fields a node has differs from major to major, so what is not
there reads as nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

__all__ = ["TreeNode", "parse_tree"]

_TOKEN = re.compile(r"[{}()]|(?:\\.|[^\s\\(){}])+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NUMBERS = ("i", "o", "b", "x")
# The place of a node in the text, its spelling there, and what 16 and newer add.
_PLACES = {
    "location",
    "varnullingrels",
    "varnosyn",
    "varattnosyn",
    "varreturningtype",
    "ressortgroupref",
    "resname",
    "funcformat",
    "relabelformat",
    "coerceformat",
    "convertformat",
    "row_format",
}


@dataclass(slots=True)
class TreeNode:
    """A node of the tree.

    Attributes:
        tag: what it is, such as "VAR".
        fields: text, node, list, or None, by name.
    """

    tag: str
    fields: dict[str, object] = field(default_factory=dict[str, object])

    def text(self, name: str) -> str:
        """Return a field that is a word; "" when it is not there."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """Return a field that is a number; 0 when it is not there."""
        value = self.text(name)
        return int(value) if value.lstrip("-").isdigit() else 0

    def flag(self, name: str) -> bool:
        """Return True if a field is true."""
        return self.text(name) == "true"

    def node(self, name: str) -> TreeNode | None:
        """Return a field that is a node."""
        value = self.fields.get(name)
        return value if isinstance(value, TreeNode) else None

    def items(self, name: str) -> list[object]:
        """Return a field that is a list; empty when it is not there."""
        value = self.fields.get(name)
        return cast("list[object]", value) if isinstance(value, list) else []

    def nodes(self, name: str) -> list[TreeNode]:
        """Return the nodes of a field that is a list."""
        return [item for item in self.items(name) if isinstance(item, TreeNode)]

    def walk(self, *, into_queries: bool = True) -> Iterator[TreeNode]:
        """Yield this node and all below it, also in subqueries unless they are left out."""
        waiting: list[object] = [self]
        while waiting:
            value = waiting.pop()
            if isinstance(value, TreeNode) and (into_queries or value.tag != "QUERY"):
                yield value
                waiting.extend(value.fields.values())
            elif isinstance(value, list):
                waiting.extend(cast("list[object]", value))

    def key(self) -> str:
        """Return a text that is the same for two nodes that mean the same."""
        return f"{self.tag}{_keys(sorted(self.fields.items()))}"


def _keys(fields: list[tuple[str, object]]) -> str:
    return "".join(f" {name} {_key(value)}" for name, value in fields if name not in _PLACES)


def _key(value: object) -> str:
    if isinstance(value, TreeNode):
        return "{" + value.key() + "}"
    if isinstance(value, list):
        return "(" + " ".join(_key(item) for item in cast("list[object]", value)) + ")"
    return str(value)


def parse_tree(text: str) -> object:
    """Read a tree.

    Args:
        text: as the server writes it.

    Returns:
        A node, or nested lists of nodes.
    """
    return _Reader(_TOKEN.findall(text)).value()


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0

    def value(self) -> object:
        word = self._take()
        if word == "{":
            return self._node()
        if word == "(":
            return self._list()
        return None if word == "<>" else _word(word)

    def _take(self) -> str:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _sees(self, *tokens: str) -> bool:
        return self._tokens[self._next] in tokens

    def _node(self) -> TreeNode:
        node = TreeNode(self._take())
        while not self._sees("}"):
            name = self._take()[1:]
            # The first word is the value even when it begins with a colon, as a column's name may.
            value = self.value()
            rest: list[object] = []
            while not self._sees("}") and not self._tokens[self._next].startswith(":"):
                rest.append(self.value())
            # A constant: its length, and its bytes in square brackets.
            node.fields[name] = [value, *rest] if rest else value
        self._next += 1
        return node

    def _list(self) -> list[object]:
        if self._sees(*_NUMBERS):
            self._next += 1
            return self._numbers()
        found: list[object] = []
        while not self._sees(")"):
            found.append(self.value())
        self._next += 1
        return found

    def _numbers(self) -> list[object]:
        found: list[object] = []
        while not self._sees(")"):
            found.append(int(self._take()))
        self._next += 1
        return found


def _word(token: str) -> str:
    bare = token[1:-1] if len(token) > 1 and token[0] == token[-1] == '"' else token
    return _ESCAPED.sub(r"\1", bare) if "\\" in bare else bare
