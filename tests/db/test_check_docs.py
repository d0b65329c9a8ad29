"""The pages of the rules: each example is found, or passes, as its page says.

test_deploy_docs.py has GS7, tests/docs/test_own_tables.py GS8, tests/cli/test_overrides.py GS009 and GS010.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guestsql.check import RULES
from tests.checking import check_text, told

DOCS = Path(__file__).parent.parent.parent / "docs"
_EXAMPLE = re.compile(r"```sql\n(.*?)```", re.DOTALL)


def test_every_rule_has_a_page_and_every_page_a_rule():
    pages = {path.stem: path.read_text(encoding="utf-8").splitlines()[0] for path in (DOCS / "rules").iterdir()}
    assert pages == {code: f"# {code}: {title}" for code, title in RULES.items()}


def test_the_overview_names_every_rule():
    text = (DOCS / "check.md").read_text(encoding="utf-8")
    for code, title in RULES.items():
        assert f"| [{code}](rules/{code}.md) | {title} |" in text


@pytest.mark.parametrize(
    "code", [code for code in RULES if not code.startswith(("GS001", "GS009", "GS010", "GS6", "GS7", "GS8"))]
)
def test_the_examples_of_a_page(server, tmp_path, code):
    wrong, right = _EXAMPLE.findall((DOCS / "rules" / f"{code}.md").read_text(encoding="utf-8"))
    found = check_text(server.url(), tmp_path, {"wrong.sql": wrong})
    assert {finding.rule for finding in found} == {code}, told(found)
    assert told(check_text(server.url(), tmp_path, {"right.sql": right})) == []
