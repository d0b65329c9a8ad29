"""A scanner of PostgreSQL's lexical rules, with psql's `:name` added.

It follows `scan.l` of PostgreSQL 15 to 18 with `standard_conforming_strings = on`: nested block comments,
strings of every kind and their continuation over lines, dollar quotes, quoted identifiers, numbers. What the
server would refuse passes as it is: the server's own message is the better one. The concatenated texts of the
tokens are the text that was read.

A colon before a name begins a parameter, except where PostgreSQL itself has a colon: between the bounds of a
slice, `arr[lo:hi]`, and in `JSON_OBJECT(key: value)`. There it separates when it follows an expression.
Directly behind the `[` of a subscript, `arr[:n]` can be read both ways; who knows the parameters decides.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from guestsql.errors import QueryFileError
from guestsql.sql.lexemes import CONTINUATION, NAME_PART, NUMBER, WORD, WORD_START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["BLANK", "Scanner", "Token", "TokenKind", "line_and_column", "tokenize"]


class TokenKind(enum.Enum):
    """What a token is."""

    SPACE = enum.auto()
    LINE_COMMENT = enum.auto()
    BLOCK_COMMENT = enum.auto()
    STRING = enum.auto()  # of any kind, with all its continuations
    WORD = enum.auto()  # key word or identifier
    QUOTED_WORD = enum.auto()
    NUMBER = enum.auto()
    POSITION = enum.auto()  # $1
    PARAMETER = enum.auto()  # :name
    SEPARATOR = enum.auto()  # the colon of a slice, or of JSON_OBJECT's pairs
    COLON = enum.auto()  # any other lone colon
    OPERATOR = enum.auto()  # also ::, := and ..
    PUNCTUATION = enum.auto()  # ( ) [ ] , .
    SEMICOLON = enum.auto()
    OTHER = enum.auto()  # what PostgreSQL knows nothing of


class Token(NamedTuple):
    """One piece of the text."""

    kind: TokenKind
    text: str
    offset: int

    @property
    def end(self) -> int:
        """Offset of the first character after the token."""
        return self.offset + len(self.text)

    @property
    def is_blank(self) -> bool:
        """True for space and comments, which mean nothing to the server."""
        return self.kind in BLANK


# Tuples, not sets: a member of an Enum hashes slowly, and these are asked for every token.
BLANK = (TokenKind.SPACE, TokenKind.LINE_COMMENT, TokenKind.BLOCK_COMMENT)
_VALUES = (TokenKind.STRING, TokenKind.QUOTED_WORD, TokenKind.NUMBER, TokenKind.POSITION, TokenKind.PARAMETER)

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
_NEVER_LAST = frozenset(_WORDS.split())

# Words that may name a column, and that connect two expressions when they follow one.
_CONNECTING = frozenset({"between", "escape", "value"})

_COMMENT_EDGE = re.compile(r"/\*|\*/")
_WORD = re.compile(WORD)
# psql's names of variables: an identifier without the dollar sign.
_PARAMETER = re.compile(rf":({WORD_START}{NAME_PART}*)")
_NUMBER = re.compile(NUMBER)
_DOLLAR_QUOTE = re.compile(rf"\$(?:{WORD_START}{NAME_PART}*)?\$")
_STRING_START = re.compile(r"(?:[eEbBxXnN]|[uU]&)?'")
_QUOTED_WORD_START = re.compile(r'(?:[uU]&)?"')
# Possessive: what was read as a doubled quote is never taken for the end on second thoughts.
_PLAIN_BODY = re.compile(r"(?:[^']++|'')*+'")
_ESCAPE_BODY = re.compile(r"(?:[^'\\]++|''|\\[\s\S])*+'")
_QUOTED_WORD_BODY = re.compile(r'(?:[^"]++|"")*+"')
_CONTINUATION = re.compile(CONTINUATION)
_OPERATOR = re.compile(r"(?:(?!--|/\*)[-+*/<>=~!@#%^&|`?])+")


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return the line and column of an offset.

    Args:
        text: the whole text, its lines ended by a line feed.
        offset: 0-based, in characters; may be the text's length.

    Returns:
        The line and the column, both 1-based, the column in characters.
    """
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def tokenize(text: str, *, file: Path | None = None) -> list[Token]:
    """Cut SQL into tokens.

    Args:
        text: SQL, any number of statements.
        file: its path, for errors.

    Returns:
        Every token in order, space and comments included; nothing of the text is lost.

    Raises:
        QueryFileError: a string, quoted identifier, comment or dollar quote does not end; the place is its
            beginning.
    """
    return list(Scanner(text, file).tokens())


@dataclass(slots=True)
class _Bracket:
    """An open bracket: whether a colon after an expression separates in it, and what its end means."""

    separates: bool
    ends_expression: bool = True


@dataclass(slots=True)
class _Context:
    """What decides whether a colon begins a parameter: the open brackets and the last tokens that count."""

    brackets: list[_Bracket] = field(default_factory=list[_Bracket])
    recent: tuple[str, str] = ("", "")  # words in lower case, oldest first
    ended: bool = False  # the last token ends an expression
    opened_subscript: bool = False  # the last token is the [ of a subscript

    @property
    def separates(self) -> bool:
        """True when a colon here separates."""
        inside = bool(self.brackets) and self.brackets[-1].separates
        return self.opened_subscript or (inside and self.ended)

    def follow(self, token: Token) -> None:
        self.opened_subscript = False
        folded = token.text.lower() if token.kind is TokenKind.WORD else token.text
        if token.kind is TokenKind.WORD:
            self.ended = self._word_ends(folded)
        elif token.kind is TokenKind.PUNCTUATION:
            self._follow_punctuation(folded)
        else:
            self.ended = token.kind in _VALUES
        self.recent = (self.recent[1], folded)

    def _word_ends(self, word: str) -> bool:
        before = self.recent[-1]
        if before == ".":
            return True
        if word in _CONNECTING:
            return not (self.ended or before == "not")
        if word == "zone":
            return self.recent != ("at", "time")
        return word not in _NEVER_LAST

    def _follow_punctuation(self, mark: str) -> None:
        if mark == "(":
            before = self.recent[-1]
            pairs = before in ("json_object", "json_objectagg")
            self.brackets.append(_Bracket(separates=pairs, ends_expression=before != "operator"))
            self.ended = False
        elif mark == "[":
            self.brackets.append(_Bracket(separates=self.ended))
            self.opened_subscript = self.ended
            self.ended = False
        elif mark in ")]":
            self.ended = self.brackets.pop().ends_expression if self.brackets else True
        else:
            self.ended = False


class Scanner:
    """One pass over one text.

    Args:
        text: SQL.
        file: its path, for errors.
    """

    def __init__(self, text: str, file: Path | None) -> None:
        self.text = text
        self._file = file
        self._context = _Context()

    def tokens(self, offset: int = 0) -> Iterator[Token]:
        """Return the tokens from an offset on, one after the other.

        Raises:
            QueryFileError: what a token opens does not end.
        """
        text = self.text
        length = len(text)
        while offset < length:
            kind, end = self.read(offset)
            token = Token(kind, text[offset:end], offset)
            if kind not in BLANK:
                self._context.follow(token)
            yield token
            offset = end

    def forget(self) -> None:
        """Read the next token as the first of a text: a bracket left open before it means nothing to it."""
        self._context = _Context()

    def read(self, at: int) -> tuple[TokenKind, int]:
        """Return kind and end of the token that begins at an offset.

        Raises:
            QueryFileError: what it opens does not end.
        """
        text = self.text
        char = text[at]
        if char == ":":
            return self._read_colon(at)
        for kind, reader in _READERS.get(char, ()):
            end = reader(self, at)
            if end is not None:
                return kind, end
        if char >= "\x80" and (end := _match(_WORD, text, at)) is not None:
            return TokenKind.WORD, end
        return TokenKind.OTHER, at + 1

    def _read_colon(self, at: int) -> tuple[TokenKind, int]:
        if self.text.startswith(("::", ":="), at):
            return TokenKind.OPERATOR, at + 2
        if self._context.separates:
            return TokenKind.SEPARATOR, at + 1
        end = _match(_PARAMETER, self.text, at)
        return (TokenKind.COLON, at + 1) if end is None else (TokenKind.PARAMETER, end)

    def block_comment(self, at: int) -> int | None:
        """Return the end of a block comment that begins here, if one does."""
        if not self.text.startswith("/*", at):
            return None
        depth = 0
        for edge in _COMMENT_EDGE.finditer(self.text, at):
            depth += 1 if edge.group() == "/*" else -1
            if depth == 0:
                return edge.end()
        raise self._unterminated(at, "block comment", "close it with */; block comments nest")

    def string(self, at: int) -> int | None:
        """Return the end of a string that begins here, if one does."""
        start = _match(_STRING_START, self.text, at)
        if start is None:
            return None
        body = _ESCAPE_BODY if self.text[at] in "eE" else _PLAIN_BODY
        opening = at
        while True:
            end = _match(body, self.text, start)
            if end is None:
                raise self._unterminated(opening, "string", "close it with '; a quote inside it is written ''")
            start = _match(_CONTINUATION, self.text, end)
            if start is None:
                return end
            opening = start - 1

    def quoted_word(self, at: int) -> int | None:
        """Return the end of a quoted word that begins here, if one does."""
        start = _match(_QUOTED_WORD_START, self.text, at)
        if start is None:
            return None
        end = _match(_QUOTED_WORD_BODY, self.text, start)
        if end is None:
            raise self._unterminated(at, "quoted identifier", 'close it with "')
        return end

    def dollar_quote(self, at: int) -> int | None:
        """Return the end of a dollar-quoted string that begins here, if one does."""
        start = _match(_DOLLAR_QUOTE, self.text, at)
        if start is None:
            return None
        tag = self.text[at:start]
        end = self.text.find(tag, start)
        if end < 0:
            raise self._unterminated(at, "dollar quote", f"close it with {tag}")
        return end + len(tag)

    def _unterminated(self, at: int, what: str, hint: str) -> QueryFileError:
        line, column = line_and_column(self.text, at)
        return QueryFileError(
            f"unterminated {what}", file=self._file, line=line, column=column, hint=hint, rule="GS002"
        )


def _match(pattern: re.Pattern[str], text: str, at: int) -> int | None:
    found = pattern.match(text, at)
    return found.end() if found else None


def _by(pattern: str | re.Pattern[str]) -> Callable[[Scanner, int], int | None]:
    match = re.compile(pattern).match

    def read(scanner: Scanner, at: int) -> int | None:
        found = match(scanner.text, at)
        return found.end() if found else None

    return read


_Reader = tuple[TokenKind, "Callable[[Scanner, int], int | None]"]
_STRING_READER: _Reader = (TokenKind.STRING, Scanner.string)
_WORD_READER: _Reader = (TokenKind.WORD, _by(_WORD))
_QUOTED_WORD_READER: _Reader = (TokenKind.QUOTED_WORD, Scanner.quoted_word)
_NUMBER_READER: _Reader = (TokenKind.NUMBER, _by(_NUMBER))
_OPERATOR_READER: _Reader = (TokenKind.OPERATOR, _by(_OPERATOR))

# What a token can be, by its first character, in the order of trying.
_READERS: dict[str, tuple[_Reader, ...]] = {
    **dict.fromkeys(" \t\n\r\f\v", ((TokenKind.SPACE, _by(r"[ \t\n\r\f\v]+")),)),
    **dict.fromkeys("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", (_WORD_READER,)),
    **dict.fromkeys("eEbBxXnN'", (_STRING_READER, _WORD_READER)),
    **dict.fromkeys("uU", (_STRING_READER, _QUOTED_WORD_READER, _WORD_READER)),
    **dict.fromkeys("0123456789", (_NUMBER_READER,)),
    **dict.fromkeys("+*<>=~!@#%^&|`?", (_OPERATOR_READER,)),
    **dict.fromkeys("()[],", ((TokenKind.PUNCTUATION, _by(r"[()\[\],]")),)),
    '"': (_QUOTED_WORD_READER,),
    "-": ((TokenKind.LINE_COMMENT, _by(r"--[^\n\r]*")), _OPERATOR_READER),
    "/": ((TokenKind.BLOCK_COMMENT, Scanner.block_comment), _OPERATOR_READER),
    "$": ((TokenKind.POSITION, _by(r"\$[0-9]+")), (TokenKind.STRING, Scanner.dollar_quote)),
    ".": (_NUMBER_READER, (TokenKind.OPERATOR, _by(r"\.\.")), (TokenKind.PUNCTUATION, _by(r"\."))),
    ";": ((TokenKind.SEMICOLON, _by(";")),),
}
