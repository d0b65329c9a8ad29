"""Every message of pages, reports and charts has its Spanish, and every text of a template is a message."""

import html
import re
from functools import cache
from pathlib import Path

import pytest

from guestsql.charts.mark import chart_of
from guestsql.guests import query_rows
from guestsql.languages import language
from guestsql.languages.columns import COLUMNS, column_labels
from guestsql.sql import Catalogue
from guestsql.sql.overlay import scan_queries
from tools.update_messages import ROOT, translations, untranslated, used_messages

TEMPLATES = sorted((ROOT / "guestsql").rglob("*.html"))
# Names, which are the same in every language.
NAMES = {"guestsql", "csv", "json", "ndjson", "svg", "png", "sql", "python", "psql", "null"}
NUMBER = re.compile(r"(int|float|_decimal\.Decimal)\b")
# Attributes that several tags share.
SET_BLOCK = r"\{% set \w+ %\}.*?\{% endset %\}"
PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?[a-z%]")


used = cache(used_messages)


@cache
def packaged() -> Catalogue:
    return scan_queries(None, packaged=True)[0]


def forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def test_the_spanish_messages_are_those_of_the_code() -> None:
    spanish = translations()
    assert untranslated(spanish) == []
    assert {message.id for message in spanish} == {message.id for message in used()}, "run make messages"


def test_translations_have_the_same_placeholders() -> None:
    different = [
        f"{text!r}: {form!r}"
        for message in translations()
        for text, form in zip(forms(message.id), forms(message.string), strict=True)
        if message.id and sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(form))
    ]
    assert different == []


def test_messages_are_plain_text() -> None:
    # They are escaped, so a tag or an entity would be visible.
    assert [text for message in used() for text in forms(message.id) if text != html.unescape(text)] == []
    assert [text for message in used() for text in forms(message.id) if re.search(r"</?\w", text)] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_text_but_messages(template: Path) -> None:
    markup = re.sub(SET_BLOCK + r"|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", template.read_text("utf-8"), flags=re.DOTALL)
    markup = re.sub(
        r"<(style|script)\b.*?</\1>|<!--.*?-->|<!doctype[^>]*>", " ", markup, flags=re.DOTALL | re.IGNORECASE
    )
    attributes = re.findall(r'\b(?:title|alt|placeholder|aria-label|label)="([^"]*)"', markup)
    visible = html.unescape(" ".join([re.sub(r"<[^>]*>", " ", markup), *attributes]))
    assert [word for word in re.findall(r"[^\W\d_]{2,}", visible) if word.lower() not in NAMES] == []


def charted_columns() -> set[str]:
    found: set[str | None] = set()
    for query in packaged().values():
        mark = chart_of(query)
        _, fields = query_rows._rows._table.get(query.name, ("", {}))
        if mark is not None:
            every = [name for name, kind in fields.items() if mark.kind == "number" and NUMBER.match(kind)]
            found |= {mark.x, mark.series, mark.value, *(mark.y or every)}
        if query.dashboard == "report":  # which has tables of all columns
            found |= set(fields)
    return {name.removesuffix("_before") for name in found if name}


def test_the_columns_of_the_packaged_charts_have_labels() -> None:
    assert charted_columns() == set(COLUMNS), "change guestsql/languages/columns.py, then run make messages"
    labels = column_labels(["new_guests_before", "own_column", "_before"], language("es"))
    assert list(labels.values()) == ["huéspedes nuevos, antes", "own column", "before"]


def test_the_names_of_the_packaged_dashboards_are_messages() -> None:
    names = {query.dashboard.capitalize() for query in packaged().values() if query.dashboard}
    assert {name for name in names if used().get(name) is None} == set()
