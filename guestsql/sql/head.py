"""The one parser of the name line, the marks and the comments of a query file.

::

    -- check: read-only

    -- name: list_inactive_guests(min_days, max_rows)
    -- Guests silent for at least min_days, longest silence first.
    --   min_days: int = 30, days since the guest's last message
    --   max_rows: int = 50, rows at most, e.g. 5
    -- empty: everybody has written lately

The name line is `-- name: verb_noun(parameter, …)` and one operator: none (rows), `^` (a row or None), `$` (a value) or
`!` (a count). It is on a line of its own; blanks before and after `--`, `name` and the colon do not matter.

Each comment line directly below it is, the first that fits,

- a parameter's, when it begins with `word:` and that word is a declared parameter;
- a mark, when the word is one of `MARK_WORDS` (`check`, `empty`, `metrics`, …), however deep it is indented;
- the continuation of an `es:` mark, when it is indented deeper than that;
- a parameter's too when it is indented by two spaces or more, and then it is an error: the parameter is not declared;
- the continuation of a parameter's line, when it is indented deeper than that;
- else the query's doc.

A mark is the query's. `choices:` belongs to the parameter that is described last above it, and so does `es:` when it
is indented by two spaces or more.

In the head of a file, before its first name line, a line with one of these words is a mark too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from guestsql.sql.declaration import LITERAL, Declaration, Parameter, parse_declaration, parse_parameter
from guestsql.sql.rewriting import SyntaxFault

__all__ = [
    "MARK_WORDS",
    "Declaration",
    "Mark",
    "MarkLine",
    "NameLine",
    "WordLine",
    "is_misspelt_name_line",
    "is_name_line",
    "mark_of",
    "name_at",
    "name_lines",
    "parse_doc",
    "parse_name_line",
    "stated_literal",
    "word_line",
]

MARK_WORDS = (
    "cache",
    "chart",
    "check",
    "choices",
    "commit",
    "dashboard",
    "empty",
    "es",
    "metrics",
    "on",
    "overrides",
    "segment",
)


class Mark(NamedTuple):
    """A line that says something to one of the tools.

    Attributes:
        word: one of `MARK_WORDS`.
        text: what follows the colon, or "".
        line: 1-based line in the file.
        column: 1-based column of the text.
        parameter: the parameter that it belongs to; "" for a mark of the query or of the file.
    """

    word: str
    text: str
    line: int
    column: int
    parameter: str = ""


class WordLine(NamedTuple):
    """A comment line that begins with a word and a colon.

    Attributes:
        word: the word.
        rest: what follows the colon.
        indent: how many blanks are between `--` and the word.
        word_at: offset of the word in the line.
        rest_at: offset of the rest in the line.
    """

    word: str
    rest: str
    indent: int
    word_at: int
    rest_at: int


class MarkLine(NamedTuple):
    """A mark among the comments below a name line.

    Attributes:
        offset: of its comment.
        parameter: the parameter that it belongs to, or "".
        more: what further lines add to its text.
    """

    offset: int
    parameter: str
    more: str = ""


class NameLine(NamedTuple):
    """A line of a text that looks like a name line, also in a comment or a string.

    Attributes:
        line: 1-based.
        offset: of its `--` in the text.
        name: the query's name, as far as it is one; may be "".
        is_listed: True when a parameter list begins behind the name.
    """

    line: int
    offset: int
    name: str
    is_listed: bool


_NAME = r"--[ \t]*name[ \t]*:"
_NAME_LINE = re.compile(_NAME)
_NAME_LINES = re.compile(rf"^[ \t]*(?P<line>{_NAME}[ \t]*(?P<name>\w*)(?P<list>[ \t]*\()?.*)$", re.MULTILINE)
_MISSPELT_NAME_LINE = re.compile(r"--[ \t]*name[ \t]*:[ \t]*\w+[ \t]*\(", re.IGNORECASE)
_HAS_PARAMETER_NAME = re.compile(r"\(.*\bname\b")
_COMMENT = re.compile(r"[ \t]*--(?P<indent>[ \t]*)(?P<body>.*)", re.DOTALL)
_WORD_LINE = re.compile(r"(?P<word>[A-Za-z_]\w*)[ \t]*:(?P<rest>(?!:).*)", re.DOTALL)
_STATED = re.compile(rf"(?:^|[\s,;(])e\.g\.\s+(?P<literal>{LITERAL})[).]*\s*$", re.IGNORECASE)
# What indents a line of a parameter.
_DEEP = 2
_RECORD_CLASS = "record_class"
_CHOICES = "choices"
_SPANISH = "es"


def is_name_line(comment: str, above: str = "") -> bool:
    """Return True if a line comment is a name line, not the description of a parameter that is called `name`.

    Args:
        comment: from its `--` on, the first thing in its line.
        above: the name line of which this is one of the comments directly below; "" when it is none.
    """
    if not _NAME_LINE.match(comment):
        return False
    found = _COMMENT.match(comment)
    return found is None or len(found["indent"]) < _DEEP or not _HAS_PARAMETER_NAME.search(above)


def is_misspelt_name_line(comment: str) -> bool:
    """Return True if a line comment is a name line except for its capitals, and is therefore not read as one."""
    return bool(_MISSPELT_NAME_LINE.match(comment)) and not _NAME_LINE.match(comment)


def name_lines(text: str) -> Iterator[NameLine]:
    """Find the lines of a text that look like name lines, also those within comments and strings.

    Args:
        text: a file that may not be readable otherwise; its line ends are line feeds.
    """
    above, expected = "", 0
    for found in _NAME_LINES.finditer(text):
        comment, offset = found["line"], found.start("line")
        between = text[expected : found.start()] if above else ""
        is_below = all(_COMMENT.fullmatch(line) for line in between.splitlines())
        if is_name_line(comment, above if is_below else ""):
            above, expected = comment, found.end() + 1
            line = text.count("\n", 0, offset) + 1
            yield NameLine(line, offset, found["name"], found["list"] is not None)


def name_at(text: str, line: int) -> str:
    """Return the name of the query that a line belongs to, or "".

    Args:
        text: a file, as for `name_lines`.
        line: 1-based.
    """
    name = ""
    for found in name_lines(text):
        if found.line > line:
            break
        name = found.name
    return name


def word_line(line: str) -> WordLine | None:
    """Read a comment line that begins with `word:`; None for any other.

    Args:
        line: with or without the blanks before its `--`.
    """
    comment = _COMMENT.fullmatch(line.rstrip())
    found = None if comment is None else _WORD_LINE.fullmatch(comment["body"])
    if comment is None or found is None:
        return None
    begin = comment.start("body")
    return WordLine(
        found["word"], found["rest"], len(comment["indent"]), begin + found.start("word"), begin + found.start("rest")
    )


def mark_of(line: str, number: int, declared: Collection[str] = (), *, column: int = 1) -> Mark | None:
    """Read a mark; None for any other comment line.

    Args:
        line: the comment line.
        number: its number in the file.
        declared: the parameters of the query that it describes; a parameter's line is not a mark.
        column: 1-based column of the line's first character.
    """
    found = word_line(line)
    if found is None or found.word not in MARK_WORDS or found.word in declared:
        return None
    text = found.rest.strip()
    return Mark(found.word, text, number, column + found.rest_at + len(found.rest) - len(found.rest.lstrip()))


def stated_literal(text: str) -> str | None:
    """Return the literal of the `e.g.` that ends what is said of a parameter, or None.

    Args:
        text: the parameter's text.
    """
    found = _STATED.search(text)
    return None if found is None else found["literal"]


def parse_name_line(line: str) -> Declaration:
    """Read a name line.

    Args:
        line: the comment, from its `--` on.

    Raises:
        SyntaxFault: what is wrong; its offset counts from the beginning of the line.
    """
    head = _NAME_LINE.match(line)
    if head is None:
        raise SyntaxFault(0, "no name line", "write -- name: verb_noun(parameters)")
    return parse_declaration(line, head.end())


def parse_doc(
    lines: list[tuple[int, str]], declared: dict[str, int]
) -> tuple[str, dict[str, Parameter], list[MarkLine]]:
    """Read the comment lines below a name line.

    Args:
        lines: offset and text of each line comment.
        declared: the names of the query's parameters.

    Returns:
        The query's doc, what is said of parameters by name, and where its marks are.

    Raises:
        SyntaxFault: a line of a parameter that is not declared, or that cannot be read.
    """
    prose: list[str] = []
    parameters: dict[str, Parameter] = {}
    marks: list[MarkLine] = []
    last: tuple[str, int] | None = None  # what a deeper line continues: a parameter, or "" for a mark; and its indent
    for offset, line in lines:
        found = word_line(line)
        comment = _COMMENT.match(line)
        indent, body = (0, line) if comment is None else (len(comment["indent"]), comment["body"].rstrip())
        is_mark = mark_of(line, 0, declared) is not None
        if found and found.word == _RECORD_CLASS and _RECORD_CLASS not in declared:
            raise SyntaxFault(
                offset + found.word_at,
                "aiosql's record_class is not supported",
                "remove the line: rows are named tuples, and guestsql stubs writes their classes",
            )
        if found and (found.word in declared or (found.indent >= _DEEP and not is_mark)):
            name = found.word
            _check_documented(offset + found.word_at, name, declared, parameters)
            parameters[name] = parse_parameter(name, found.rest, offset + found.rest_at)
            last = (name, found.indent)
        elif found and is_mark:
            marks.append(MarkLine(offset, _owner(found, parameters)))
            last = ("", indent) if found.word == _SPANISH else None
        elif last is not None and body and indent > last[1]:
            if last[0]:
                parameters[last[0]] = _continued(parameters[last[0]], body)
            else:
                marks[-1] = marks[-1]._replace(more=f"{marks[-1].more} {body}")
        else:
            prose.append(body)
            last = None
    return "\n".join(prose).strip("\n"), parameters, marks


def _owner(mark: WordLine, described: dict[str, Parameter]) -> str:
    is_parameters = mark.word == _CHOICES or (mark.word == _SPANISH and mark.indent >= _DEEP)
    return next(reversed(described), "") if is_parameters else ""


def _check_documented(at: int, name: str, declared: dict[str, int], known: dict[str, Parameter]) -> None:
    if name not in declared:
        raise SyntaxFault(
            at,
            f"a line describes {name}, which is not in the parameter list",
            "add it to the list, or indent the line by one space when it is prose",
        )
    if name in known:
        raise SyntaxFault(at, f"parameter {name} is described twice", "keep one line")


def _continued(parameter: Parameter, text: str) -> Parameter:
    doc = f"{parameter.doc} {text}".strip()
    return Parameter(parameter.name, parameter.type, parameter.default, doc)
