"""From the bytes of one file to its queries."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guestsql.errors import QueryFileError
from guestsql.sql.declaration import Parameter
from guestsql.sql.depth import Depth
from guestsql.sql.head import (
    Declaration,
    Mark,
    MarkLine,
    is_misspelt_name_line,
    is_name_line,
    mark_of,
    parse_doc,
    parse_name_line,
)
from guestsql.sql.page_marks import marked_parameter
from guestsql.sql.query import Query
from guestsql.sql.rewriting import SyntaxFault, rewrite
from guestsql.sql.scanner import BLANK, Scanner, Token, TokenKind, line_and_column
from guestsql.sql.type_names import plain_type

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["read_queries"]


# The tag, `q=name`, is at both ends of the text, because each view keeps only one of them. Tried with a
# statement of 3,000 characters, prepared and not, as SELECT, WITH and INSERT … RETURNING:
#
#                               pg_stat_activity       pg_stat_statements
#                               PG 15      PG 18       PG 15      PG 18
#   /* q=name */ or --, before  kept       kept        kept       cut off (starts at the first token)
#   -- q=name, behind           truncated  truncated   kept       kept
#
# pg_stat_activity ends at track_activity_query_size, 1,024 bytes unless set otherwise.
_TAG_BEFORE = "/* q={name} */ "
_TAG_BEHIND = "\n-- q={name}"


@dataclass(slots=True)
class _Part:
    """One query in the file: its name line, the comments below it, and what follows them."""

    head: Token
    comments: list[Token] = field(default_factory=list[Token])
    sql: list[Token] = field(default_factory=list[Token])


def read_queries(data: bytes, file: Path) -> tuple[list[Query], list[QueryFileError]]:
    """Read one file; a file without a fault that is read again as it was costs nothing.

    Args:
        data: its content, UTF-8; a byte order mark and line ends of Windows are accepted.
        file: its path, for the queries and the errors.

    Returns:
        The queries without a fault, in order, and the first error of each of the others. A file that cannot be
        cut into tokens has one error and no query.
    """
    known = _faultless.get(file)
    if known is not None and known[0] == data:
        return list(known[1]), []
    queries, errors = _read(data, file)
    if not errors:
        _faultless[file] = data, tuple(queries)
    return queries, errors


# What was read last of each file. The packaged ones take a fifth of a second, and every database of a process, every
# look at a folder and every check reads them.
_faultless: dict[Path, tuple[bytes, tuple[Query, ...]]] = {}


def _read(data: bytes, file: Path) -> tuple[list[Query], list[QueryFileError]]:
    try:
        text = _decode(data, file)
        preamble, parts = _split(Scanner(text, file))
    except QueryFileError as error:
        return [], [error]
    queries: list[Query] = []
    errors: list[QueryFileError] = []
    try:
        _check_preamble(preamble)
    except SyntaxFault as fault:
        errors.append(_error(fault, text, file))
    file_marks = tuple(_marks_of_file(preamble, text))
    for part in parts:
        try:
            queries.append(_read_query(part, text, file, file_marks))
        except SyntaxFault as fault:
            errors.append(_error(fault, text, file))
    return queries, errors


def _decode(data: bytes, file: Path) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        line, column = line_and_column(before, len(before))
        raise QueryFileError(
            f"not UTF-8: byte 0x{error.object[error.start]:02x}",
            file=file,
            line=line,
            column=column,
            hint="save the file as UTF-8",
            rule="GS001",
        ) from error
    text = text.replace("\r\n", "\n")
    if "\0" in text:
        line, column = line_and_column(text, text.index("\0"))
        raise QueryFileError("NUL character", file=file, line=line, column=column, hint="remove it", rule="GS001")
    return text


def _error(fault: SyntaxFault, text: str, file: Path) -> QueryFileError:
    line, column = line_and_column(text, fault.offset)
    return QueryFileError(fault.message, file=file, line=line, column=column, hint=fault.hint, rule=fault.rule)


def _split(scanner: Scanner) -> tuple[list[Token], list[_Part]]:
    """Cut a file at its name lines; what precedes the first is the preamble."""
    preamble: list[Token] = []
    parts: list[_Part] = []
    before: Token | None = None
    below_head = False  # nothing but comment lines since the name line
    for token in scanner.tokens():
        is_comment = token.kind is TokenKind.LINE_COMMENT
        if is_comment and _is_name_line(token, before, parts[-1] if below_head else None):
            scanner.forget()
            parts.append(_Part(token))
            below_head = True
        elif not parts:
            preamble.append(token)
        elif below_head and is_comment:
            parts[-1].comments.append(token)
            parts[-1].sql.clear()
        else:
            below_head = below_head and token.kind is TokenKind.SPACE and token.text.count("\n") <= 1
            parts[-1].sql.append(token)
        before = token
    return preamble, parts


def _is_name_line(token: Token, before: Token | None, open_part: _Part | None) -> bool:
    begins_line = before is None or (before.kind is TokenKind.SPACE and ("\n" in before.text or before.offset == 0))
    return begins_line and is_name_line(token.text, "" if open_part is None else open_part.head.text)


def _check_preamble(tokens: Sequence[Token]) -> None:
    for token in tokens:
        if not token.is_blank:
            raise SyntaxFault(
                token.offset,
                "SQL before the first name line",
                "begin the query with -- name: verb_noun(parameters)",
                "GS004",
            )
        _refuse_misspelt(token)


def _refuse_misspelt(token: Token) -> None:
    if token.kind is TokenKind.LINE_COMMENT and is_misspelt_name_line(token.text):
        raise SyntaxFault(token.offset, "a name line that is not read as one", "write -- name: in lower case")


def _marks_of_file(tokens: Sequence[Token], text: str) -> Iterator[Mark]:
    for token in tokens:
        if token.kind is TokenKind.LINE_COMMENT and (mark := mark_of(token.text, 0)) is not None:
            line, column = line_and_column(text, token.offset)
            yield mark._replace(line=line, column=column + mark.column - 1)


def _marks_of_query(found: Iterable[MarkLine], comments: Mapping[int, str], text: str) -> Iterator[Mark]:
    for offset, parameter, more in found:
        line, column = line_and_column(text, offset)
        mark = mark_of(comments[offset], line, column=column)
        if mark is not None:
            yield mark._replace(text=f"{mark.text}{more}".strip(), parameter=parameter)


def _read_query(part: _Part, text: str, file: Path, file_marks: tuple[Mark, ...]) -> Query:
    with _counted_from(part.head.offset):
        declaration = parse_name_line(part.head.text)
    comments = {token.offset: token.text for token in part.comments}
    doc, described, found = parse_doc(list(comments.items()), declaration.parameters)
    marks = tuple(_marks_of_query(found, comments, text))
    begin, tokens = _statement(part, declaration.name)
    hint, rest = _leading_hint(tokens)
    rewritten = rewrite(
        rest,
        frozenset(declaration.parameters),
        begin,
        head=hint + _TAG_BEFORE.format(name=declaration.name),
        tail=_TAG_BEHIND.format(name=declaration.name),
    )
    with _counted_from(part.head.offset):
        _check_use(declaration, rewritten.positional)
    line, column = line_and_column(text, part.head.offset)
    return Query(
        name=declaration.name,
        operator=declaration.operator,
        parameters=tuple(
            marked_parameter(described.get(name, Parameter(name)), marks) for name in declaration.parameters
        ),
        doc=doc,
        file=file,
        line=line,
        column=column,
        source=text[begin : tokens[-1].end],
        text=rewritten.text,
        positional=rewritten.positional,
        json=_json_places(rewritten.positional, described, rest),
        marks=marks,
        file_marks=file_marks,
        _source_place=line_and_column(text, begin),
        _segments=rewritten.segments,
    )


def _json_places(
    positional: Sequence[str], described: Mapping[str, Parameter], tokens: Sequence[Token]
) -> tuple[tuple[int, str], ...]:
    """The parameters that are JSON by their comment, or else by their cast."""
    counting = [token for token in tokens if not token.is_blank]
    types = {
        name.text[1:]: type_.text
        for name, cast, type_ in zip(counting, counting[1:], counting[2:], strict=False)
        if name.kind is TokenKind.PARAMETER and cast.text == "::"
    }
    types |= {name: each.type for name, each in described.items() if each.type is not None}
    plain = [plain_type(types.get(name)) for name in positional]
    return tuple((place, type_) for place, type_ in enumerate(plain) if type_ in ("json", "jsonb"))


@contextmanager
def _counted_from(begin: int) -> Generator[None]:
    """Shift the place of a fault that is counted from the beginning of a part."""
    try:
        yield
    except SyntaxFault as fault:
        raise SyntaxFault(fault.offset + begin, fault.message, fault.hint, fault.rule) from None


def _statement(part: _Part, name: str) -> tuple[int, list[Token]]:
    """Where the one statement of a query begins, and its tokens."""
    sql = part.sql[1:] if part.sql and part.sql[0].kind is TokenKind.SPACE else part.sql
    begin = sql[0].offset if sql else part.head.end
    length = _statement_length(sql, name)
    if not length:
        raise SyntaxFault(part.head.offset, f"query {name} is empty", "write the SQL below its name line", "GS004")
    return begin, sql[:length]


def _statement_length(tokens: Sequence[Token], name: str) -> int:
    """Number of tokens up to the last that counts, without the final semicolon."""
    depth = Depth()
    length = 0
    finished = False
    for index, token in enumerate(tokens, 1):
        kind = token.kind
        if kind in BLANK:
            if kind is TokenKind.LINE_COMMENT:
                _refuse_misspelt(token)
            continue
        depth.follow(token)
        if kind is TokenKind.SEMICOLON and depth.is_outside:
            finished = True
        elif finished:
            raise SyntaxFault(
                token.offset,
                f"query {name} has more than one statement",
                "give each statement its own name line; a ; in a text or comment is fine",
                "GS004",
            )
        else:
            length = index
    return length


def _leading_hint(tokens: list[Token]) -> tuple[str, list[Token]]:
    """Part the hints of pg_hint_plan, which must stay the first comment, from the rest."""
    if tokens[0].text.startswith("/*+"):
        return f"{tokens[0].text} ", tokens[1:]
    return "", tokens


def _check_use(declaration: Declaration, used: tuple[str, ...]) -> None:
    for name, offset in declaration.parameters.items():
        if name not in used:
            raise SyntaxFault(
                offset,
                f"parameter {name} of query {declaration.name} is not used",
                f"write :{name} outside quotes and comments, in a slice [1: :{name}], or take it off the list",
                "GS102",
            )
