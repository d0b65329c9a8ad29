"""Every message of pages, reports and charts has its Spanish, and every text of a template is a message."""

import html
import re
from pathlib import Path

import pytest

from tools.update_messages import ROOT, translations, untranslated, used_messages

TEMPLATES = sorted((ROOT / "guestsql").rglob("*.html"))
# Names, which are the same in every language.
NAMES = {"guestsql", "csv", "json", "ndjson", "svg", "png", "sql", "python", "psql", "null"}
# Attributes that several tags share.
SET_BLOCK = r"\{% set \w+ %\}.*?\{% endset %\}"
PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?[a-z%]")


def forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def test_the_spanish_messages_are_those_of_the_code() -> None:
    spanish, used = translations(), used_messages()
    assert untranslated(spanish) == []
    assert {message.id for message in spanish} == {message.id for message in used}, "run make messages"


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
    assert [text for message in used_messages() for text in forms(message.id) if text != html.unescape(text)] == []
    assert [text for message in used_messages() for text in forms(message.id) if re.search(r"</?\w", text)] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_text_but_messages(template: Path) -> None:
    markup = re.sub(SET_BLOCK + r"|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", template.read_text("utf-8"), flags=re.DOTALL)
    markup = re.sub(
        r"<(style|script)\b.*?</\1>|<!--.*?-->|<!doctype[^>]*>", " ", markup, flags=re.DOTALL | re.IGNORECASE
    )
    attributes = re.findall(r'\b(?:title|alt|placeholder|aria-label|label)="([^"]*)"', markup)
    visible = html.unescape(" ".join([re.sub(r"<[^>]*>", " ", markup), *attributes]))
    assert [word for word in re.findall(r"[^\W\d_]{2,}", visible) if word.lower() not in NAMES] == []
