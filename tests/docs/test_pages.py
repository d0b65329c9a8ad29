"""Every page is generated where it says so, linked, and reachable from the index."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from guestsql.supported import OLDEST_POSTGRESQL
from tests.docs.markdown import PAGES, ROOT, anchors_of, links_of, name_of

_OLDEST = re.compile(r"older than PostgreSQL (\d+)|PostgreSQL (\d+) (?:and newer|or newer|y posteriores)")

INDEX = ROOT / "docs" / "index.md"


def test_the_generated_references_are_up_to_date():
    command = [sys.executable, ROOT / "tools" / "generate_reference.py", "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, f"run `make docs`\n{checked.stdout}{checked.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_a_file_of_the_repository_and_a_title_in_it(page):
    assert [link for link in links_of(page) if not leads_somewhere(page, link)] == []


def test_every_page_can_be_reached_from_the_index():
    reached, waiting = set[Path](), [INDEX]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            targets = [(page.parent / link.partition("#")[0]).resolve() for link in links_of(page) if "://" not in link]
            waiting += [target for target in targets if target.suffix == ".md" and target.exists()]
    assert sorted(map(name_of, set(PAGES) - reached)) == []


def test_the_pages_name_the_lowest_version_of_postgresql():
    named = {name_of(page): {int(old or new) for old, new in _OLDEST.findall(page.read_text())} for page in PAGES}
    found = {page: versions for page, versions in named.items() if versions}
    assert set().union(*found.values()) == {OLDEST_POSTGRESQL}
    assert {"README.md", "README.es.md", "docs/doctor.md", "docs/settings.md"} <= {*found}


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if "://" in link:
        return True
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or anchors_of(target).count(anchor) == 1
