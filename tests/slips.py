"""Slips made mechanically in the shipped query files: what a hurried hand does, with the rule that has to catch it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice, zip_longest
from typing import TypeVar

from guestsql.check.sources import read_sources
from tests.checking import QUERIES, SHIPPED

# Of a query upon a temporary table the server knows nothing, so demo.sql is left out.
FILES = tuple(path.relative_to(QUERIES).with_suffix("").as_posix() for path in SHIPPED if path.stem != "demo")
# Of each kind so many, from as many files as have a place for it: all that there are would be three thousand, take
# a minute, and grow with every query that is added.
PER_KIND = 4

T = TypeVar("T")


@dataclass(frozen=True)
class Slip:
    """One slip.

    Attributes:
        kind: what was done.
        file: the file's name.
        query: where.
        text: the file with the slip.
        rule: what has to be found.
        line: and at which line.
        also: rules that the same slip breaks as well.
    """

    kind: str
    file: str
    query: str
    text: str
    rule: str
    line: int
    also: frozenset[str]


@dataclass(frozen=True)
class Block:
    """A query in its file: the name line and all up to the next."""

    file: str
    name: str
    line: int
    lines: list[str]
    before: list[str]
    after: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def operator(self) -> str:
        return self.lines[0].rpartition(")")[2]

    @property
    def body(self) -> int:
        """Index of the first line of SQL."""
        return next((index for index, line in enumerate(self.lines) if not line.startswith("--")), len(self.lines))

    def first(self, pattern: str) -> int | None:
        """Index of the first line of SQL that has a pattern."""
        return next((index for index, _ in self.find(pattern)), None)

    def find(self, pattern: str) -> Iterator[tuple[int, re.Match[str]]]:
        """Index and match of each line of SQL that has a pattern."""
        for index in range(self.body, len(self.lines)):
            found = re.search(pattern, self.lines[index])
            if found and "--" not in self.lines[index]:
                yield index, found


# The lines after the slip, the rule, the index of the line where it is found, and further rules.
Made = tuple[list[str], str, int, set[str]]
Kind = Callable[[Block], Iterator[Made]]


def blocks() -> Iterator[Block]:
    """Each query in its file, of which the head and the neighbours are left, all at their lines.

    To check three queries for each slip instead of forty takes a tenth of the time.
    """
    for name in FILES:
        source = read_sources([QUERIES / f"{name}.sql"])[0]
        heads = [query.line - 1 for query in source.queries]
        ends = [*heads[1:], len(source.lines)]
        for number, query in enumerate(source.queries):
            begin, end = heads[number], ends[number]
            first = heads[max(number - 1, 0)]
            last = ends[min(number + 1, len(ends) - 1)]
            kept = [line if at < heads[0] or first <= at < last else "" for at, line in enumerate(source.lines)]
            yield Block(source.file.name, query.name, begin + 1, kept[begin:end], kept[:begin], kept[end:])


def slips(kinds: Mapping[str, Kind] | None = None, per_kind: int = PER_KIND) -> list[Slip]:
    """All of some kinds, a few of each, no query twice in a kind."""
    made: list[Slip] = []
    by_file = [list(group) for _, group in groupby(blocks(), key=lambda block: block.file)]
    for number, (name, kind) in enumerate((kinds or KINDS).items()):
        # One query of each file, then a second one of each. The files with the fewest slips so far come first, since a
        # small file has places for few kinds.
        so_far = Counter(slip.file for slip in made)
        files = sorted(_turned(by_file, number), key=lambda group: so_far[group[0].file])
        rounds = zip_longest(*(_turned(group, number) for group in files))
        chosen = (block for turn in rounds for block in turn if block is not None)
        made += islice(_made(name, kind, chosen), per_kind)
    return made


def _turned(items: list[T], number: int) -> list[T]:
    first = number % len(items)
    return [*items[first:], *items[:first]]


def _made(name: str, kind: Kind, chosen: Iterable[Block]) -> Iterator[Slip]:
    for block in chosen:
        for lines, rule, index, also in islice(kind(block), 1):
            text = "\n".join([*block.before, *lines, *block.after])
            yield Slip(name, block.file, block.name, text, rule, block.line + index, frozenset(also))


def _at(lines: list[str], pattern: str, start: int = 0) -> int | None:
    """Index of the first line that begins with a pattern."""
    return next((n for n in range(start, len(lines)) if re.match(pattern, lines[n])), None)


def _parameters(block: Block) -> list[str]:
    return re.findall(r"\w+", block.lines[0].partition("(")[2].partition(")")[0])


def _with(block: Block, index: int, line: str) -> list[str]:
    return [*block.lines[:index], line, *block.lines[index + 1 :]]


def _without(block: Block, first: int, last: int | None = None) -> list[str]:
    return [*block.lines[:first], *block.lines[(first if last is None else last) + 1 :]]


def _replaced(pattern: str, by: str, rule: str, *also: str) -> Kind:
    """A slip within one line of SQL, found on that line."""

    def kind(block: Block) -> Iterator[Made]:
        for index, _ in block.find(pattern):
            yield _with(block, index, re.sub(pattern, by, block.lines[index], count=1)), rule, index, set(also)

    return kind


def _head(pattern: str, by: str, rule: str, *also: str) -> Kind:
    """A slip in the name line."""

    def kind(block: Block) -> Iterator[Made]:
        if re.search(pattern, block.lines[0]):
            yield _with(block, 0, re.sub(pattern, by, block.lines[0], count=1)), rule, 0, set(also)

    return kind


def _described(pattern: str, by: str, rule: str, *also: str, where: Callable[[Block], bool] = lambda _: True) -> Kind:
    """A slip in the line of a parameter."""

    def kind(block: Block) -> Iterator[Made]:
        for index in range(1, block.body):
            if re.search(pattern, block.lines[index]) and where(block):
                yield _with(block, index, re.sub(pattern, by, block.lines[index], count=1)), rule, index, set(also)

    return kind


def _unterminated(block: Block) -> Iterator[Made]:
    """Not where an apostrophe in a comment below would close the string."""
    quotes = [index for index, _ in block.find("'")]
    if quotes and not any(line.count("'") % 2 for line in block.lines[block.body :]):
        index = quotes[-1]
        at = block.lines[index].rindex("'")
        yield _with(block, index, block.lines[index][:at] + block.lines[index][at + 1 :]), "GS002", index, set()


def _open_comment(block: Block) -> Iterator[Made]:
    index = block.body + 1
    if index < len(block.lines) and block.lines[index].strip():
        yield _with(block, index, f"    /* later {block.lines[index].strip()}"), "GS002", index, set()


def _missing_comma(block: Block) -> Iterator[Made]:
    if block.file in ("context.sql", "guests.sql", "threads.sql"):
        for index, _ in block.find(r"^    (?:known\.)?chat_id,$"):
            if block.operator == "^" and "thread_id" in "".join(block.lines[index + 1 : index + 2]):
                last = block.lines[index + 1].replace("known.", "")
                lines = _with(block, index, block.lines[index].rstrip(","))
                yield [*lines[: index + 1], last, *lines[index + 2 :]], "GS308", index + 1, set()


def _misspelt_function(block: Block) -> Iterator[Made]:
    pattern = r"\b(statement_timestamp|to_char|make_interval|array_to_string)\("
    for index, found in block.find(pattern):
        # Of what a CREATE says the server reads no more than the syntax before it is run.
        if not block.lines[block.body].startswith("CREATE"):
            yield _with(block, index, block.lines[index].replace(found[0], f"{found[1]}x(", 1)), "GS204", index, set()


def _no_semicolon(block: Block) -> Iterator[Made]:
    end = block.first(r";$")
    if end is not None and any(line.startswith("-- name:") for line in block.after):
        yield _with(block, end, block.lines[end][:-1]), "GS108", end, set()


def _aggregated(block: Block) -> Iterator[Made]:
    for index, _ in block.find(r"^    (?:\w+\.)?(?:thread_id|name|kind|bytes|reason),$"):
        head = next(line for line in reversed(block.lines[:index]) if not line.startswith(" "))
        if head == "SELECT":
            column = block.lines[index].strip().rstrip(",")
            yield _with(block, index, f"    max(max({column})),"), "GS206", index, set()


def _trailing_comma(block: Block) -> Iterator[Made]:
    for index, _ in block.find(r"^FROM guest_profiles"):
        if index > block.body and not block.lines[index - 1].endswith(","):
            yield _with(block, index - 1, block.lines[index - 1] + ","), "GS201", index, set()


def _moved_doc(block: Block) -> Iterator[Made]:
    if block.body > 1 and block.before and not block.before[-1].strip():
        lines = block.lines
        yield [lines[1], lines[0], *lines[2:]], "GS006", 0, {"GS007", "GS003"}


def _second_statement(block: Block) -> Iterator[Made]:
    ends = [index for index, _ in block.find(r";$")]
    if ends:
        last = ends[-1]
        yield [*block.lines[: last + 1], "SELECT 1;", *block.lines[last + 1 :]], "GS004", last + 1, set()


def _no_sql(block: Block) -> Iterator[Made]:
    yield [*block.lines[: block.body], ""], "GS004", 0, set()


def _undeclared(block: Block) -> Iterator[Made]:
    names = _parameters(block)
    described = _at(block.lines[: block.body], rf"--   {names[-1]}:") if len(names) > 1 else None
    if described is not None:
        end = _at(block.lines, r"(?!--     )", described + 1) or block.body
        lines = _without(block, described, end - 1)
        lines[0] = lines[0].replace(f", {names[-1]})", ")")
        index = _at(lines, rf"(?!--).*(?<!:):{names[-1]}\b")
        if index is not None:
            yield lines, "GS101", index, set()


def _duplicate(block: Block) -> Iterator[Made]:
    earlier = [found[1] for line in block.before if (found := re.match(r"-- name: (\w+)", line))]
    if earlier:
        yield _with(block, 0, block.lines[0].replace(block.name, earlier[-1], 1)), "GS005", 0, set()


def _retyped(old: str, new: str, name: str) -> Kind:
    """Another type in the comment and in every cast of one query, where others use the name too."""

    def kind(block: Block) -> Iterator[Made]:
        for index in range(1, block.body):
            line = block.lines[index]
            if line.startswith(f"--   {name}: {old}") and any(f"--   {name}: {old}" in each for each in block.before):
                lines = [each.replace(f":{name}::{old}", f":{name}::{new}") for each in block.lines]
                lines[index] = line.replace(f": {old}", f": {new}", 1)
                yield lines, "GS106", index, set()

    return kind


def _star(first: str) -> Kind:
    def kind(block: Block) -> Iterator[Made]:
        for index, _ in block.find(rf"^{first}$"):
            end = _at(block.lines, r"(?!    [\w.]+,?;?$)", index + 1) or len(block.lines)
            tail = ";" if block.lines[end - 1].endswith(";") else ""
            if end > index + 2 and (tail or "".join(block.lines[end : end + 1]).startswith("FROM")):
                lines = [*block.lines[:index], f"{first} *{tail}", *block.lines[end:]]
                yield lines, "GS301", index, {"GS308"}

    return kind


def _operator(old: str, new: str, rule: str, *also: str, needs: str = "", lacks: str = "\0") -> Kind:
    def kind(block: Block) -> Iterator[Made]:
        if block.operator == old and re.search(needs, block.text, re.MULTILINE) and lacks not in block.text:
            yield _with(block, 0, block.lines[0].rpartition(")")[0] + ")" + new), rule, 0, set(also)

    return kind


def _many(block: Block) -> Iterator[Made]:
    for index, _ in block.find(r"^WHERE phone_number = (coalesce\()?\($"):
        if block.operator in ("^", "$") and "allow GS302" not in block.text:
            line = block.lines[index].replace("phone_number = ", "phone_number >= ")
            yield _with(block, index, line), "GS302", 0, {"GS502"}


def _no_where(block: Block) -> Iterator[Made]:
    for index, _ in block.find(r"^    DELETE FROM"):
        end = _at(block.lines, r"    RETURNING", index)
        lines = [] if end is None else _without(block, index + 1, end - 1)
        if lines and all(re.search(rf"(?<!:):{name}\b", "\n".join(lines)) for name in _parameters(block)):
            yield lines, "GS402", index, {"GS501"}
    for index, _ in block.find(r"^WHERE phone_number = :phone_number::text;$"):
        if block.lines[block.body].startswith("UPDATE guest_profiles"):
            lines = _with(block, index, "    thread_id = :phone_number::text;")
            lines[index - 1] += ","
            yield lines, "GS402", block.body, {"GS501"}


def _no_order(block: Block) -> Iterator[Made]:
    for index, _ in block.find(r"^ORDER BY"):
        end = _at(block.lines, r"LIMIT|OFFSET|FOR ", index)
        end = next((n for n, _ in block.find(r";$") if n >= index), index) if end is None else end - 1
        lines = _without(block, index, end)
        if block.lines[end].endswith(";"):
            lines[index - 1] += ";"
        select = _at(lines, r"SELECT\b")
        if block.operator == "" and select is not None and "allow GS306" not in block.text:
            yield lines, "GS306", select, set()


def _partial_order(block: Block) -> Iterator[Made]:
    """What decides between two rows is taken away, or replaced by what does not."""
    for index, found in block.find(r"^ORDER BY (phone_number|version|table_name|keys\.indexrelid);"):
        by = {"phone_number": "memory_enabled", "version": "applied_at", "table_name": "erased_rows"}
        # known_guests is a union of two tables: no key is known to be its.
        if block.operator == "" and not re.search("UNION|known_guests", block.text):
            yield _with(block, index, f"ORDER BY {by.get(found[1], 'keys.indrelid')};"), "GS306", index, set()
    order = _at(block.lines, r"ORDER BY$")
    for index, _ in block.find(r"^    (?:phone_number|kind)( ASC)?$"):
        if block.operator == "" and order is not None and order < index - 1:
            lines = _without(block, index)
            lines[index - 1] = lines[index - 1].rstrip(",")
            yield lines, "GS306", order, set()


def _no_limit(block: Block) -> Iterator[Made]:
    """A list of one of our own tables: what the server's views and functions hold does not grow from day to day."""
    select = _at(block.lines, r"SELECT\b")
    table = block.first(r"^FROM (?:\w+_minutes|legacy_\w+|guest_profiles|guest_figures|scaled_contexts)\b")
    for index, _ in block.find(r"^LIMIT"):
        # How many minutes, hours, days or labels there are is not in the plan.
        is_grouped = re.search(r"date_trunc\(:unit|unnest\(", block.text)
        if block.operator == "" and select is not None and table is not None and not is_grouped:
            yield _with(block, index, block.lines[index].replace("LIMIT", "OFFSET")), "GS307", select, {"GS501"}


def _unexcepted(block: Block) -> Iterator[Made]:
    """Each rule is reported at its own place: the name, the list, the order, the table."""
    places = {"GS302": r"-- name:", "GS306": r"ORDER BY", "GS307": r"SELECT\b", "GS501": r"\s*FROM guest_profiles"}
    for index in range(1, block.body):
        found = re.match(r"-- check: allow (GS\d+)", block.lines[index])
        lines = _without(block, index)
        place = _at(lines, places[found[1]]) if found and found[1] in places else None
        if found and place is not None and "guest_ids" not in block.text:  # of two tables either may be found
            yield lines, found[1], place, set()


def _large(block: Block) -> Iterator[Made]:
    """An expression around the key, which no index holds."""
    for index, _ in block.find(r"^(?:WHERE|    )\s*phone_number = :phone_number::text"):
        line = block.lines[index].replace("phone_number = ", "lower(phone_number) = ")
        table = block.first(r"^(?:FROM|UPDATE) guest_profiles")
        if table is not None and block.first(r"^WITH") is None:
            yield _with(block, index, line), "GS501", table, {"GS302", "GS502"}


def _hot(block: Block) -> Iterator[Made]:
    """A query that reads a whole table becomes hot."""
    allowed = _at(block.lines[: block.body], r"-- check: allow GS501")
    table = block.first(r"^\s*FROM guest_profiles")
    if allowed is not None and table is not None and "guest_ids" not in block.text:
        yield _with(block, allowed, "-- check: hot"), "GS501", table, set()


def _hot_range(block: Block) -> Iterator[Made]:
    """A query of one row becomes, or is, a hot one, and reads a range."""
    table = block.first(r"^FROM guest_profiles")
    at = block.first(r"^(?:WHERE|   ) phone_number = ")
    if table is None or at is None or block.body < 2 or block.first(r"^WITH") is not None:
        return
    lines = _with(block, at, block.lines[at].replace("phone_number = ", "phone_number > "))
    if _at(lines, r"-- check: hot") is not None:
        yield lines, "GS502", table, {"GS302", "GS307"}
    elif "ANY" not in block.lines[at]:
        yield [*lines[:2], "-- check: hot", *lines[2:]], "GS502", table + 1, {"GS302", "GS307"}


def _marked(line: str, rule: str, *also: str) -> Kind:
    def kind(block: Block) -> Iterator[Made]:
        if "check:" not in block.text and block.body > 1:
            yield [*block.lines[:2], line, *block.lines[2:]], rule, 2, set(also)

    return kind


def _no_reason(block: Block) -> Iterator[Made]:
    for index in range(1, block.body):
        if "-- check: allow" in block.lines[index]:
            yield _with(block, index, block.lines[index].partition(",")[0]), "GS007", index, set()


def _writes_when_reading(block: Block) -> Iterator[Made]:
    """In a file of queries that only read."""
    head = _at(block.before, r"-- check: read-only$")
    if head is None:
        return
    end = block.first(r";$")
    one_table = block.first(r"^FROM (?:guest_figures|guestsql_migrations|legacy_imports)\b")
    not_lockable = block.first(r"^(?:WITH|GROUP|UNION)|\b(?:count|sum|min|max)\(")
    if one_table is not None and end is not None and not_lockable is None:
        line = block.lines[end].rstrip(";")
        yield [*block.lines[:end], line, "FOR UPDATE;", *block.lines[end + 1 :]], "GS401", end + 1, set()
    written = "WITH gone AS (DELETE FROM guest_days WHERE day < '2000-01-01' RETURNING day)"
    if block.lines[block.body] == "SELECT":
        yield [*block.lines[: block.body], written, *block.lines[block.body :]], "GS401", block.body, set()


def _quoted(block: Block) -> Iterator[Made]:
    for index, found in block.find(r"(?<!:):(\w+)::(?!\w+\[)"):
        line = block.lines[index]
        yield _with(block, index, line.replace(found[0], f"':{found[1]}'::", 1)), "GS105", index, set()


def _mistyped_key(block: Block) -> Iterator[Made]:
    for index, _ in block.find(r"^(?:WHERE|    )\s*phone_number = :phone_number::text(?!,)"):
        if block.text.count(":phone_number::") == 1:
            lines = _with(block, index, block.lines[index].replace("::text", "::bigint", 1))
            lines = [line.replace("--   phone_number: text", "--   phone_number: bigint") for line in lines]
            yield lines, "GS204", index, {"GS106"}


# A query whose tables another one makes is not prepared, so what it returns is unknown.
_UNPREPARED = "check: allow GS202"

KINDS: dict[str, Kind] = {
    "table misspelt": _replaced(r"\b(FROM|UPDATE|INTO) guest_profiles\b", r"\1 guest_profile", "GS202"),
    "column misspelt": _replaced(r"^    (phone_number|thread_id|context_cache),$", r"    \1x,", "GS203"),
    "column in a condition misspelt": _replaced(r"WHERE phone_number = ", "WHERE phone_numer = ", "GS203"),
    "function misspelt": _misspelt_function,
    "text in double quotes": _replaced(r"'(HH24:MI|usuario|g|advisory)'", r'"\1"', "GS203"),
    "SELECT misspelt": _replaced(r"^SELECT$", "SELCT", "GS201"),
    "UPDATE misspelt": _replaced(r"^UPDATE guest_profiles$", "UPDTE guest_profiles", "GS201"),
    "ORDER BY misspelt": _replaced(r"^ORDER BY ", "ORDR BY ", "GS201"),
    "one bracket too many": _replaced(r"^(WHERE .*);$", r"\1);", "GS201"),
    "comma before FROM": _trailing_comma,
    "comma missing": _missing_comma,
    "type misspelt": _replaced(r"::(text|uuid|bigint)\b(?!\[)", r"::\1t", "GS205"),
    "key compared with a number": _mistyped_key,
    "aggregate of an aggregate": _aggregated,
    "quote forgotten": _unterminated,
    "comment not closed": _open_comment,
    "operator unknown": _head(r"\)[$^!]$", ")?", "GS003"),
    "parameter list missing": _head(r"\(.*", "", "GS003"),
    "name in capitals": _head(r"name: [a-z]+_", "name: Get_", "GS003"),
    "name line misspelt": _head(r"-- name:", "-- Name:", "GS003", "GS004", "GS006", "GS007"),
    "two statements": _second_statement,
    "semicolon forgotten": _no_semicolon,
    "SQL gone": _no_sql,
    "name copied": _duplicate,
    "text above the name": _moved_doc,
    "parameter not declared": _undeclared,
    "parameter misspelt": _replaced(r":(phone_number|lease|labels|tokens)::", r":\1s_::", "GS101"),
    "parameter as in psql": _replaced(r"(?<!:):(\w+)::text", r":'\1'::text", "GS101"),
    "parameter as $1": _replaced(r"(?<!:):\w+::text\b", "$1::text", "GS101"),
    "parameter not used": _head(r"\((\w+)", r"(spare, \1", "GS102"),
    "parameter without type": _described(r"(--   \w+: )[a-z0-9\[\]]+", r"\1", "GS103"),
    "parameter not cast": _replaced(r":(phone_number|lease|epoch|tokens|thread_id|timezone)::\w+", r":\1", "GS104"),
    "parameter in quotes": _quoted,
    "key of another type": _retyped("text", "varchar", "phone_number"),
    "seconds of another type": _retyped("float8", "numeric", "min_seconds"),
    "comment of another type": _described(r"(--   \w+: )(text|uuid)\b(?!\[)", r"\1date", "GS107"),
    "type in a comment misspelt": _described(r"(--   \w+: \w+)\b(?!\[)", r"\1x", "GS205"),
    "SELECT *": _star("SELECT"),
    "RETURNING *": _star("RETURNING"),
    "count for a row": _operator("^", "!", "GS303"),
    "count for a list": _operator("", "!", "GS303"),
    "row for a write": _operator("!", "^", "GS304", needs=r"^(INSERT|UPDATE)", lacks=_UNPREPARED),
    "list for a write": _operator("!", "", "GS304", needs=r"^(INSERT|UPDATE|CREATE)", lacks=_UNPREPARED),
    "value of many columns": _operator("^", "$", "GS305", lacks="check: allow GS302"),
    "row of a list": _operator("", "^", "GS302", "GS008"),
    "many instead of one": _many,
    "WHERE forgotten": _no_where,
    "ORDER BY forgotten": _no_order,
    "order not total": _partial_order,
    "LIMIT forgotten": _no_limit,
    "exception taken away": _unexcepted,
    "now()": _replaced(r"statement_timestamp\(\)", "now()", "GS403"),
    "CURRENT_TIMESTAMP": _replaced(r"statement_timestamp\(\)", "CURRENT_TIMESTAMP", "GS403"),
    "'now'": _replaced(r"statement_timestamp\(\)", "'now'::timestamptz", "GS403"),
    "write in a reading file": _writes_when_reading,
    "expression around the key": _large,
    "whole table read": _hot,
    "hot range": _hot_range,
    "unused suppression": _marked("-- check: allow GS305, because it was so once", "GS008"),
    "suppression of an unknown rule": _marked("-- check: allow GS999, because it was so once", "GS007"),
    "mark misspelt": _marked("-- check: warm", "GS007"),
    "suppression without a reason": _no_reason,
}


def _output(pattern: str, by: str | None, rule: str, *also: str) -> Kind:
    """A slip in the last list of what a query returns, one column a line; None takes the line away."""

    def kind(block: Block) -> Iterator[Made]:
        if block.operator not in ("", "^"):
            return
        heads = [index for index, _ in block.find(r"^(SELECT|RETURNING)$")]
        for index in range((heads or [len(block.lines)])[-1] + 1, len(block.lines) - 1):
            if block.lines[index].startswith(("FROM", "WHERE")):
                return
            if re.search(pattern, block.lines[index]):
                if by is None:
                    yield _without(block, index), rule, 0, set(also)
                else:
                    line = re.sub(pattern, by, block.lines[index], count=1)
                    yield _with(block, index, line), rule, index, set(also)

    return kind


def _renamed_parameter(block: Block) -> Iterator[Made]:
    for index in range(1, block.body):
        if block.lines[index].startswith("--   phone_number: "):
            lines = [re.sub(r":phone_number\b", ":phone", line) for line in block.lines]
            lines[0] = re.sub(r"\bphone_number\b", "phone", lines[0])
            lines[index] = lines[index].replace("phone_number", "phone", 1)
            yield lines, "GS602", index, set()


def _recast(block: Block) -> Iterator[Made]:
    for index in range(1, block.body):
        if block.lines[index].startswith("--   ttl_seconds: float8"):
            lines = [line.replace(":ttl_seconds::float8", ":ttl_seconds::int") for line in block.lines]
            lines[index] = lines[index].replace("float8", "int")
            yield lines, "GS602", index, {"GS106"}


# Slips that break what the stubs have promised.
PROMISE_KINDS: dict[str, Kind] = {
    "column renamed": _output(r"^    (user_name|context_cache|version),$", r"    \1 AS other_name,", "GS601"),
    "column taken away": _output(r"^    (user_name|context_cache|checksum),$", None, "GS601"),
    "column of another type": _output(
        r"^    (total_interactions|memory_enabled|version),$", r"    \1::text AS \1,", "GS601"
    ),
    "column may be NULL": _output(
        r"^    (phone_number|memory_enabled|name),$", r"    nullif(\1, \1) AS \1,", "GS601", "GS306"
    ),
    "column is NULL for the writer": _output(
        r"^    (phone_number|memory_enabled|name),$", r'    \1 AS "\1?",', "GS601"
    ),
    "column is never NULL for the writer": _output(r"^    (user_name|context_cache),$", r'    \1 AS "\1!",', "GS601"),
    "parameter renamed": _renamed_parameter,
    "parameter of another type": _recast,
    "default taken away": _described(r"(--   (?:max_rows|ttl_seconds|timezone): \w+) = [^,]+", r"\1", "GS602"),
    "parameter no longer NULL": _described(r"; NULL leaves.*", "", "GS602"),
    "parameter may be NULL": _described(r"(--   phone_number: text, )", r"\1NULL for nobody, ", "GS602"),
    "list for a row": _operator("^", "", "GS603", "GS306", "GS307", lacks="check: allow"),
}
