"""A call of a query in Python, to be copied."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from pathlib import Path

from guestsql.sql import Operator, Query
from guestsql.sql.samples import Sample
from guestsql.sql.type_names import element_type, plain_type

__all__ = ["python_call"]

_RESULTS = {Operator.ROWS: "rows", Operator.ROW: "row", Operator.VALUE: "value", Operator.COUNT: "count"}
_LINE = 100
_ELEMENT = re.compile(r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^",{}\\\s][^",{}\\]*))\s*(?:,|$)', re.DOTALL)


def python_call(query: Query, samples: Mapping[str, Sample], folder: Path | None = None) -> str:
    """Return a program that calls a query: imports, and a `with` block.

    Args:
        query: from a catalogue.
        samples: a value for each parameter.
        folder: the only folder of `.sql` files; None when the packaged queries are used, too.
    """
    opened = "GuestDatabase()" if folder is None else f"Database(queries={_quoted(str(folder))})"
    imports: set[str] = set()
    arguments = [f"{name}={_python(each.value, each.type, imports)}" for name, each in samples.items()]
    head = f"    {_RESULTS[query.operator]} = db.queries.{query.name}("
    call = f"{head}{', '.join(arguments)})"
    if len(call) > _LINE:
        call = "\n".join([head, *(f"        {argument}," for argument in arguments), "    )"])
    lines = [*sorted(imports), f"from guestsql import {opened.partition('(')[0]}"]
    gap = [""] if imports else []
    return "\n".join([*lines[:-1], *gap, lines[-1], "", f"with {opened} as db:", call]) + "\n"


def _python(value: str | None, type_: str | None, imports: set[str]) -> str:
    if value is None:
        return "None"
    element = element_type(type_)
    if element is not None:
        elements = _elements(value)
        return _quoted(value) if elements is None else f"[{', '.join(_python(e, element, imports) for e in elements)}]"
    plain = plain_type(type_)
    writer = _WRITERS.get(plain)
    if writer is not None:
        try:
            written, needed = writer(value)
        except ValueError:  # `infinity`, which Python has no value for; the text is converted by the cast
            return _quoted(value)
        imports.update(needed)
        return written
    return _quoted(value)


def _elements(literal: str) -> list[str | None] | None:
    """The elements of an array literal of one dimension; None when it is another."""
    inner = literal.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        return None
    found: list[str | None] = []
    inner, at = inner[1:-1].strip(), 0
    while at < len(inner):
        match = _ELEMENT.match(inner, at)
        if match is None:
            return None
        bare = match["bare"]
        if bare is None:
            found.append(re.sub(r"\\(.)", r"\1", match["quoted"], flags=re.DOTALL))
        else:
            found.append(None if bare.strip().lower() == "null" else bare.strip())
        at = match.end()
    return found


Writer = Callable[[str], tuple[str, tuple[str, ...]]]


def _integer(value: str) -> tuple[str, tuple[str, ...]]:
    return str(int(value)), ()


def _float(value: str) -> tuple[str, tuple[str, ...]]:
    number = float(value)
    # repr of NaN and infinity is no Python.
    return (repr(number), ()) if number - number == 0 else (f"float({_quoted(value)})", ())


def _decimal(value: str) -> tuple[str, tuple[str, ...]]:
    return f"Decimal({_quoted(value)})", ("from decimal import Decimal",)


def _boolean(value: str) -> tuple[str, tuple[str, ...]]:
    if value.lower() not in ("true", "false"):
        raise ValueError(value)
    return value.capitalize(), ()


def _date(value: str) -> tuple[str, tuple[str, ...]]:
    day = date.fromisoformat(value)
    return f"date({day.year}, {day.month}, {day.day})", ("from datetime import date",)


def _datetime(value: str) -> tuple[str, tuple[str, ...]]:
    datetime.fromisoformat(value)
    return f"datetime.fromisoformat({_quoted(value)})", ("from datetime import datetime",)


def _time(value: str) -> tuple[str, tuple[str, ...]]:
    time.fromisoformat(value)
    return f"time.fromisoformat({_quoted(value)})", ("from datetime import time",)


def _interval(value: str) -> tuple[str, tuple[str, ...]]:
    found = re.fullmatch(r"(\d+) (day|hour|minute|second)s?", value)
    if found is None:
        raise ValueError(value)
    return f"timedelta({found[2]}s={int(found[1])})", ("from datetime import timedelta",)


def _uuid(value: str) -> tuple[str, tuple[str, ...]]:
    return f"UUID({_quoted(value)})", ("from uuid import UUID",)


def _bytes(value: str) -> tuple[str, tuple[str, ...]]:
    if not value.startswith("\\x"):
        raise ValueError(value)
    return f"bytes.fromhex({_quoted(bytes.fromhex(value[2:]).hex())})", ()


_WRITERS: dict[str, Writer] = {
    "smallint": _integer,
    "integer": _integer,
    "bigint": _integer,
    "real": _float,
    "double precision": _float,
    "numeric": _decimal,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _datetime,
    "timestamptz": _datetime,
    "time": _time,
    "timetz": _time,
    "interval": _interval,
    "uuid": _uuid,
    "bytea": _bytes,
}


def _quoted(text: str) -> str:
    """A text as Python writes it; it neither ends nor begins a comment of SQL, in which it may stand."""
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted.replace("*/", "*\\u002f").replace("/*", "\\u002f*")
