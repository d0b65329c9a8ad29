"""The report as one HTML file: styles and pictures are in it, and it refers to nothing outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from guestsql.pages.pictures import picture_address
from guestsql.pages.templating import templates_of
from guestsql.report.panels import NARROW, WIDE, Reader
from guestsql.report.reading import ReadChapter
from guestsql.report.selection import REPORT

__all__ = ["write_page"]

_FOLDER = Path(__file__).parent


def write_page(chapters: Sequence[ReadChapter], reader: Reader, now: datetime) -> str:
    """Return the report as HTML.

    Args:
        chapters: what it shows, one or more.
        reader: whom it is for.
        now: when it was made, with a zone.
    """
    language = reader.language
    return (
        _environment()
        .get_template("report.html")
        .render(
            _=language.gettext,
            ngettext=language.ngettext,
            language=language,
            style=_style(),
            chapters=chapters,
            periods=_periods(reader, now) if any(each.name == REPORT for each in chapters) else None,
            made=language.moment(now, reader.zone, seconds=False),
            zone=reader.zone.key,
            picture=picture_address,
            narrow=NARROW,
            wide=WIDE,
        )
    )


def _periods(reader: Reader, now: datetime) -> Mapping[str, str]:
    """Both periods as texts: whole days of the hotel up to yesterday, and as many before."""
    today = now.astimezone(reader.zone).date()
    middle, since = (today - timedelta(days=reader.days * number) for number in (1, 2))
    return {"now": _span(middle, today, reader), "before": _span(since, middle, reader)}


def _span(since: date, until: date, reader: Reader) -> str:
    first, last = reader.language.date(since), reader.language.date(until - timedelta(days=1))
    return first if first == last else f"{first} \u2013 {last}"


@cache
def _style() -> Markup:
    return Markup((_FOLDER / "static" / "report.css").read_text(encoding="utf-8"))  # noqa: S704  a file of the package


@cache
def _environment() -> Environment:
    return templates_of(_FOLDER)
