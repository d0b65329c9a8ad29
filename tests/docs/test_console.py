"""The commands of the pages print what the pages show, run from an installed wheel outside the checkout."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guestsql.cli.units import readable_seconds
from guestsql.sql import load_catalogue, query_digest, query_text, read_queries
from tests.docs.markdown import PAGES, ROOT, blocks_of, name_of
from tests.server import reachable_folder
from tools.run_pages import PageError, Places, run_page


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    """A folder with guestsql as its wheel installs it; the checkout is not on the path."""
    with reachable_folder() as folder:
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
        subprocess.run(build, check=True, capture_output=True)
        (archive,) = folder.glob("*.whl")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
        subprocess.run([*install, folder / "library", archive], check=True, capture_output=True)
        yield folder / "library"


@pytest.fixture
def places(wheel: Path, embedded_home: Path) -> Places:
    """An empty folder for a page, with an embedded server of its own."""
    folder = embedded_home / "hotel"
    folder.mkdir()
    return Places(folder, wheel, embedded_home)


@pytest.mark.once
@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page, "console")], ids=name_of)
def test_the_commands_of_a_page_print_what_it_shows(page, places):
    text = page.read_text(encoding="utf-8")
    assert run_page(text, places) == text, "run `make pages`"


def test_the_tutorial_shows_what_a_release_has_changed():
    """The digest that it sets is that of build_context with one label: after a change of the query, compute it anew."""
    original = query_text(load_catalogue()["build_context"]).replace("labels[1:2]", "labels[1:1]")
    (older,), _ = read_queries(original.encode(), Path("build_context.sql"))
    assert f"/{query_digest(older)}/" in (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


def run(text: str, places: Places) -> str:
    return run_page(f"```console\n{text}```\n", places).removeprefix("```console\n").removesuffix("```\n")


def test_only_times_spacing_and_lines_that_are_left_out_may_differ(places):
    alike = "$ printf 'a  7 ms\\nb\\nc\\nd\\n'\na 12 ms\n…\nd\n"
    assert run(alike, places) == alike
    assert run(alike.replace("d\n", "e\n", 2), places) != alike
    assert run("$ echo one\ntwo\n", places) == "$ echo one\none\n"
    assert run("$ seq 5\n2\n…\n5\n", places) == "$ seq 5\n1\n…\n5\n"


def test_a_duration_may_differ_in_its_units_too(places):
    shown = [readable_seconds(seconds) for seconds in (0.0123, 7, 60, 61, 3600, 3661, 86_400, 90_000, 512 * 86_400)]
    page = "".join(f"$ echo 'age {now} old'\nage {before} old\n" for now in shown for before in shown)
    assert run(page, places) == page


def test_a_command_that_fails_is_an_error_and_so_is_output_without_a_command(places):
    with pytest.raises(PageError, match="exit 3 of: exit 3"):
        run("$ exit 3\n", places)
    with pytest.raises(PageError, match="does not begin with a command"):
        run("one\n", places)


def test_a_block_with_a_path_is_a_file_and_guestsql_is_the_wheels(places, wheel):
    page = "```sql\n-- queries/a.sql\n```\n```console\n$ cat queries/a.sql\n-- queries/a.sql\n```\n"
    assert run_page(page, places) == page
    where = "$ python -c 'import guestsql; print(guestsql.__path__[0])'\n"
    assert run(where, places) == f"{where}{wheel}/guestsql\n"
