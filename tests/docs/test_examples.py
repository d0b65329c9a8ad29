"""The blocks of the pages that are not run with their commands (test_console.py) or by their own test are whole."""

from __future__ import annotations

import tomllib

import pytest

from guestsql.settings import known_variables
from guestsql.sql import read_queries
from tests.docs.markdown import PAGES, ROOT, blocks_of, name_of

# The pages of the rules show what is wrong; test_check_docs.py has them.
_OUTSIDE_RULES = [page for page in PAGES if page.parent.name != "rules"]
_RUN = [
    ROOT / "docs" / name
    for name in (
        "archive.md",
        "archive.es.md",
        "settings.md",
        "analytics.md",
        "analytics.es.md",
        "outbox.md",
        "outbox.es.md",
        "booking.md",
        "booking.es.md",
        "messages.md",
        "messages.es.md",
        "threads.md",
        "threads.es.md",
        "many-ids.md",
        "many-ids.es.md",
        "campaigns.md",
        "campaigns.es.md",
        "contact-rules.md",
        "contact-rules.es.md",
        "consent.md",
        "consent.es.md",
    )
]


def examples(language: str, pages: list = PAGES) -> list:
    return [
        pytest.param(code, id=f"{name_of(page)}-{n}")
        for page in pages
        for n, code in enumerate(blocks_of(page, language))
    ]


@pytest.mark.parametrize("code", examples("python"))
def test_python_compiles(code):
    compile(code, "page", "exec", flags=0x2000)  # a part of a coroutine may await


@pytest.mark.parametrize("code", examples("python", _RUN))
def test_python_runs(code, database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    exec(compile(code, "page", "exec"), {"__name__": "page"})


@pytest.mark.parametrize("code", examples("toml"))
def test_toml_is_well_formed(code):
    tomllib.loads(code)


@pytest.mark.parametrize("code", [each for each in examples("sql", _OUTSIDE_RULES) if "-- name: " in each.values[0]])
def test_a_query_can_be_read(code, tmp_path):
    _, errors = read_queries(code.encode(), tmp_path / "page.sql")
    assert errors == []


def test_every_variable_is_in_the_example_of_an_env_file():
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert [name for name in known_variables() if name not in text] == []


@pytest.mark.parametrize("readme", sorted(ROOT.glob("README*.md")), ids=name_of)
def test_a_readme_is_read_in_a_few_minutes(readme):
    assert len(readme.read_text(encoding="utf-8").splitlines()) <= 120
