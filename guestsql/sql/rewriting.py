"""From `:name` to `$n`: the text for the server, and the way back from its positions."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from guestsql.sql.scanner import Token, TokenKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Rewritten", "Segment", "SyntaxFault", "name_positions", "rewrite", "source_offset"]


_RULED = (TokenKind.PARAMETER, TokenKind.SEPARATOR, TokenKind.COLON, TokenKind.POSITION)


class SyntaxFault(Exception):
    """A fault in the text of a query; it never leaves this package: a QueryFileError is made from it.

    Attributes:
        offset: of the place, as the tokens count.
        message: what is wrong.
        hint: how to correct it.
        rule: the rule of `guestsql check` that is broken.
    """

    def __init__(self, offset: int, message: str, hint: str, rule: str = "GS003") -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.hint = hint
        self.rule = rule


class Segment(NamedTuple):
    """A stretch of the server's text: where it begins there, and in the source."""

    start: int
    source: int
    copied: bool  # False: `$n`, written in the place of one `:name`


class Rewritten(NamedTuple):
    """SQL with `$n`.

    Attributes:
        text: the SQL.
        positional: names of the parameters in the order of `$1`, `$2`, ….
        segments: in order, the way back to the source.
    """

    text: str
    positional: tuple[str, ...]
    segments: tuple[Segment, ...]


def rewrite(
    tokens: Sequence[Token], declared: frozenset[str], begin: int = 0, *, head: str = "", tail: str = ""
) -> Rewritten:
    """Put `$n` for each `:name`, numbered in order of first use.

    Args:
        tokens: the source's tokens.
        declared: the names that are parameters.
        begin: offset of the source's first character, as the tokens count.
        head: put before the text.
        tail: put behind it.

    Returns:
        The text, whose every character outside `head` and `tail` leads back to the source.

    Raises:
        SyntaxFault: the first name that is not declared, or parameter that is not written `:name`.
    """
    numbers: dict[str, int] = {}
    segments: list[Segment] = []
    text = head
    after_number = False
    for offset, piece, name in _pieces(tokens, declared):
        written = piece if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"
        if (after_number or name is not None) and _glues(text[-1:]) and _glues(written[0]):
            text += " "
        segments.append(Segment(len(text), offset - begin, name is None))
        text += written
        after_number = name is not None
    return Rewritten(text + tail, tuple(numbers), tuple(segments))


def name_positions(message: str, positional: Sequence[str]) -> str:
    """Put `:name` for each `$n` of a message: `$1` means nothing in the file.

    Args:
        message: the server's.
        positional: the names of the parameters in the order of `$1`, `$2`, ….
    """

    def name(found: re.Match[str]) -> str:
        number = int(found[1])
        return f":{positional[number - 1]}" if 0 < number <= len(positional) else found[0]

    return re.sub(r"\$(\d+)", name, message)


def source_offset(segments: Sequence[Segment], offset: int) -> int:
    """Return where a character of the server's text is in the source.

    Args:
        segments: of the rewritten text.
        offset: 0-based offset in the rewritten text; before the first segment counts as its beginning.
    """
    if not segments:
        return 0
    segment = segments[max(0, bisect_right(segments, offset, key=lambda each: each.start) - 1)]
    return segment.source + (max(0, offset - segment.start) if segment.copied else 0)


def _pieces(tokens: Sequence[Token], declared: frozenset[str]) -> Iterator[tuple[int, str, str | None]]:
    """Offset, text and name of each parameter, and of each stretch between two; its name is None."""
    stretch: list[str] = []
    begin = tokens[0].offset if tokens else 0
    skip = False
    for index, token in enumerate(tokens):
        if skip:
            skip = False
            continue
        name: str | None = None
        if token.kind in _RULED:
            name, skip = _ruled(tokens, index, declared)
        if name is None:
            stretch.append(token.text)
            continue
        if stretch:
            yield begin, "".join(stretch), None
            stretch.clear()
        yield token.offset, token.text, name
        begin = tokens[index + skip].end
    if stretch:
        yield begin, "".join(stretch), None


def _ruled(tokens: Sequence[Token], index: int, declared: frozenset[str]) -> tuple[str | None, bool]:
    """The parameter that begins here, or None; and whether its name is the next token."""
    token = tokens[index]
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    if token.kind is TokenKind.PARAMETER:
        return _checked(token, declared), False
    if token.kind is TokenKind.POSITION:
        raise SyntaxFault(token.offset, f"{token.text} in a query file", "write :name, and declare the name", "GS101")
    if token.kind is TokenKind.COLON:
        _refuse_psql_forms(token, following)
    elif following is not None and following.text in declared:
        before = next((each.text for each in reversed(tokens[:index]) if not each.is_blank), "")
        if before == "[":
            return following.text, True
    return None, False


def _checked(token: Token, declared: frozenset[str]) -> str:
    name = token.text[1:]
    if name in declared:
        return name
    if name.lower() in declared:
        raise SyntaxFault(token.offset, f"undeclared parameter :{name}", f"it is declared as {name.lower()}", "GS101")
    known = ", ".join(sorted(declared)) or "none"
    raise SyntaxFault(
        token.offset,
        f"undeclared parameter :{name}",
        f"add it to the list in the name line; declared there: {known}",
        "GS101",
    )


def _refuse_psql_forms(token: Token, following: Token | None) -> None:
    if following is not None and following.text[0] in "'\"{":
        raise SyntaxFault(
            token.offset,
            f"psql's form :{following.text[0]} in a query file",
            "write :name; the driver sends the value apart from the text, so nothing needs quoting",
            "GS101",
        )


def _glues(char: str) -> bool:
    """True when the character and `$1` side by side could be read as one token."""
    return char.isalnum() or char in {"_", "$"} or char >= "\x80"
