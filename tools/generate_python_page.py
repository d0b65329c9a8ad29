"""Generate docs/python.md from tools/python_page.md and the docstrings; with --check only compare.

The template holds the order, the prose and the examples. A line `{{ methods get_profile … }}` in it becomes the
reference of these methods, `{{ fields GuestProfile }}` a table of a value's fields; see `_MAKERS`. A method or an error
that is in no line, and whatever a docstring leaves out, is an error: the page is whole, or it is not made.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import guestsql
from guestsql import GuestDatabase, errors
from guestsql.sql._sync.queries import Queries

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "tools" / "python_page.md"
PAGE = ROOT / "docs" / "python.md"
HEADER = "<!-- Generated from tools/python_page.md and the docstrings by `make docs`. Do not edit. -->\n"

_WIDTH = 138
_LONGEST_SIGNATURE = 100
_SECTION = re.compile(r"(Args|Attributes|Raises|Returns):")
_ITEM = re.compile(r"(\w+): (.*)")
_PLACE = re.compile(r"^\{\{ (\w+) ([\w ]+) \}\}$", re.MULTILINE)
# Said once, at the head of the page.
_ANY_SPELLING = "any spelling of a WhatsApp id."
# What only marks a default, and what has no public name.
_SPELT = {
    " | Raise": "",
    "Builder": "Callable[[GuestProfile], str]",
    "ThreadFactory": "Callable[[], str]",
    "Generator[TransactionT]": "ContextManager[GuestTransaction]",
    "TransactionT": "GuestTransaction",
    "Result[Answer]": "Answer",
}
# What is no method, documented by its class.
_ATTRIBUTES: dict[str, type[Any]] = {"queries": Queries}


class PageError(Exception):
    """The page cannot be made: the template or a docstring is not whole."""


@dataclass
class Doc:
    """A docstring by its parts.

    Attributes:
        paragraphs: the text before all sections, each paragraph on one line.
        returns: what is returned, or "".
        items: the entries of `Args`, `Raises` and `Attributes`, by name.
        sql: the query file, or "".
    """

    paragraphs: list[str] = field(default_factory=list[str])
    returns: str = ""
    items: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    sql: str = ""


def parse(text: str, name: str) -> Doc:
    """Split a Google-style docstring.

    Args:
        text: the docstring, its indentation taken off.
        name: whose it is, for the error.

    Raises:
        PageError: a section does not begin with an entry.
    """
    doc = Doc()
    for block in re.split(r"\n\s*\n", text.strip()):
        first, *rest = block.split("\n")
        section = _SECTION.fullmatch(first)
        lines = textwrap.dedent("\n".join(rest)).split("\n")
        if first.startswith("SQL: "):
            doc.sql = first.removeprefix("SQL: ")
        elif section is None:
            doc.paragraphs.append(_joined([first, *rest]))
        elif section[1] == "Returns":
            doc.returns = _joined(lines)
        else:
            doc.items[section[1]] = _items(lines, f"{section[1]} of {name}")
    return doc


def make_page(template: str) -> str:
    """Return the page.

    Args:
        template: text with the lines to be replaced.

    Raises:
        PageError: something public is missing, or documented twice, or is not said in a docstring.
    """
    named: dict[str, list[str]] = {kind: [] for kind in _MAKERS}

    def made(place: re.Match[str]) -> str:
        kind, names = place[1], place[2].split()
        if kind not in _MAKERS:
            raise PageError(f"the template asks for {kind!r}; there are {', '.join(_MAKERS)}")
        named[kind] += names
        return _MAKERS[kind](names)

    page = _PLACE.sub(made, template)
    for kind in ("overview", "methods"):
        _compare(kind, named[kind], _public_methods())
    _compare("errors", named["errors"], errors.__all__)
    return HEADER + "\n" + page


def _methods(names: Sequence[str]) -> str:
    return "\n\n".join(_method(name) for name in names)


def _method(name: str) -> str:
    method = getattr(GuestDatabase, name, None)
    if method is None:
        raise PageError(f"GuestDatabase has no {name}")
    doc = _doc_of(method, name)
    signature = inspect.signature(method)
    parameters = list(signature.parameters.values())[1:]
    returned = _spelt(signature.return_annotation)
    if not doc.returns and returned != "None":
        raise PageError(f"the docstring of {name} has no Returns")
    bullets = _argument_bullets(name, doc, [parameter.name for parameter in parameters])
    bullets.append(f"**returns** {doc.returns or 'None.'}")
    bullets += _raises_bullets(doc)
    if doc.sql:
        bullets.append("SQL: " + ", ".join(f"[{path}](../{path})" for path in doc.sql.split(", ")))
    head = _signature(f"def {name}", parameters, f" -> {returned}")
    return _entry(f"### {name}", head, doc.paragraphs, bullets)


def _class(names: Sequence[str]) -> str:
    return "\n\n".join(_constructor(getattr(guestsql, name)) for name in names)


def _constructor(cls: type[Any]) -> str:
    doc = _doc_of(cls, cls.__name__)
    parameters = list(inspect.signature(cls).parameters.values())
    bullets = _argument_bullets(cls.__name__, doc, [parameter.name for parameter in parameters])
    bullets += _raises_bullets(doc)
    return _entry("", _signature(cls.__name__, parameters, ""), doc.paragraphs, bullets)


def _attribute(names: Sequence[str]) -> str:
    docs = [_doc_of(_ATTRIBUTES[name], name) for name in names]
    return "\n\n".join(_entry("", "", doc.paragraphs, _raises_bullets(doc)) for doc in docs)


def _overview(names: Sequence[str]) -> str:
    rows = [(f"[{name}](#{name})", _doc_of(getattr(GuestDatabase, name), name).paragraphs[0]) for name in names]
    return _table(("method", "does"), rows)


def _fields(names: Sequence[str]) -> str:
    return "\n\n".join(_fields_of(getattr(guestsql, name)) for name in names)


def _fields_of(cls: type[Any]) -> str:
    said = _doc_of(cls, cls.__name__).items.get("Attributes", {})
    kinds = {name: each.type for name, each in cls.__dataclass_fields__.items()}
    _compare(f"fields of {cls.__name__}", list(said), list(kinds))
    return _table(("field", "type", "meaning"), [(f"`{name}`", f"`{kinds[name]}`", said[name]) for name in kinds])


def _errors(names: Sequence[str]) -> str:
    kinds = [getattr(errors, name) for name in names]
    owners: dict[tuple[str, str], list[str]] = {}
    for kind in kinds:
        for said in _attributes_of(kind).items():
            owners.setdefault(said, []).append(f"`{kind.__name__}`")
    table = _table(("error", "is a", "when", "`retryable`", "what to do"), map(_error, kinds))
    attributes = [(f"`{name}`", ", ".join(of), text) for (name, text), of in owners.items()]
    return f"{table}\n\n{_table(('attribute', 'of', 'meaning'), attributes)}"


def _error(kind: type[errors.GuestSQLError]) -> tuple[str, ...]:
    when, *advice = _doc_of(kind, kind.__name__).paragraphs
    if not advice:
        raise PageError(f"the docstring of {kind.__name__} does not say what to do")
    parent = next(base.__name__ for base in kind.__mro__[1:] if not base.__name__.startswith("_"))
    return f"`{kind.__name__}`", f"`{parent}`", when, "yes" if kind.retryable else "no", " ".join(advice)


def _attributes_of(kind: type[errors.GuestSQLError]) -> dict[str, str]:
    """What a class adds; the attributes of a private base are those of each class under it."""
    private = [base for base in kind.__bases__ if base.__name__.startswith("_")]
    own = [_doc_of(cls, cls.__name__).items.get("Attributes", {}) for cls in (*private, kind)]
    return {name: text for items in own for name, text in items.items()}


_MAKERS: dict[str, Callable[[Sequence[str]], str]] = {
    "attribute": _attribute,
    "class": _class,
    "errors": _errors,
    "fields": _fields,
    "methods": _methods,
    "overview": _overview,
}


def _public_methods() -> list[str]:
    return [name for name, _ in inspect.getmembers(GuestDatabase, inspect.isfunction) if not name.startswith("_")]


def _doc_of(thing: object, name: str) -> Doc:
    text = thing.__doc__
    if not text:
        raise PageError(f"{name} has no docstring")
    return parse(inspect.cleandoc(text), name)


def _argument_bullets(name: str, doc: Doc, parameters: list[str]) -> list[str]:
    said = doc.items.get("Args", {})
    _compare(f"arguments of {name}", list(said), parameters)
    return [f"`{parameter}`: {said[parameter]}" for parameter in parameters if said[parameter] != _ANY_SPELLING]


def _raises_bullets(doc: Doc) -> list[str]:
    return [f"**raises** `{name}`: {text}" for name, text in doc.items.get("Raises", {}).items()]


def _entry(title: str, code: str, paragraphs: Iterable[str], bullets: Iterable[str]) -> str:
    listed = "\n".join(_wrapped(bullet, "- ", "  ") for bullet in bullets)
    block = f"```pyi\n{code}\n```" if code else ""
    return "\n\n".join(part for part in (title, block, *map(_wrapped, paragraphs), listed) if part)


def _signature(head: str, parameters: list[inspect.Parameter], tail: str) -> str:
    shown: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        shown.append(f"{parameter.name}: {_spelt(parameter.annotation)}{default}")
    line = f"{head}({', '.join(shown)}){tail}"
    if len(line) <= _LONGEST_SIGNATURE:
        return line
    return f"{head}(\n" + "".join(f"    {each},\n" for each in shown) + f"){tail}"


def _spelt(annotation: str) -> str:
    for name, spelling in _SPELT.items():
        annotation = annotation.replace(name, spelling)
    return annotation


def _items(lines: list[str], what: str) -> dict[str, str]:
    items: dict[str, str] = {}
    name = ""
    for line in lines:
        found = None if line.startswith(" ") else _ITEM.fullmatch(line)
        if found is not None:
            name, items[found[1]] = found[1], found[2]
        elif name:
            items[name] += " " + line.strip()
        else:
            raise PageError(f"{what}: no entry begins with {line!r}")
    return items


def _compare(what: str, found: Iterable[str], expected: Iterable[str]) -> None:
    if sorted(found) != sorted(expected):
        missing, needless = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
        raise PageError(f"{what}: missing {missing}, not known {needless}, or one of them twice")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_linked(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _wrapped(text: str, first: str = "", rest: str = "") -> str:
    return textwrap.fill(
        _linked(text),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _linked(text: str) -> str:
    return re.sub(r"(?<!\[)docs/([\w-]+\.md)", r"[docs/\1](\1)", text)


def _joined(lines: Iterable[str]) -> str:
    return " ".join(line.strip() for line in lines)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on any difference")
    check = parser.parse_args().check
    made = make_page(TEMPLATE.read_text(encoding="utf-8"))
    if not check:
        PAGE.write_text(made, encoding="utf-8")
        return 0
    kept = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    lines = difflib.unified_diff(kept.splitlines(), made.splitlines(), "docs/python.md", "generated", n=1, lineterm="")
    print("\n".join(lines) or "docs/python.md is what `make docs` generates")
    return int(made != kept)


if __name__ == "__main__":
    sys.exit(main())
