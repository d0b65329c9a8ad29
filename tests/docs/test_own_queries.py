"""docs/own-queries.md, followed from its first line to its last in an empty project."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from guestsql import GuestDatabase
from guestsql.sql import load_catalogue
from tests.cli.shell import invoke

PAGE = (Path(__file__).parent.parent.parent / "docs" / "own-queries.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


def test_the_page(
    database_url: str,
    embedded_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("GUESTSQL_HOME", str(embedded_home))
    (tmp_path / "pyproject.toml").write_text(blocks("toml")[0], encoding="utf-8")
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "hotel.sql").write_text(blocks("sql")[0], encoding="utf-8")
    with GuestDatabase() as db:
        db.update_profile("573000000001", user_name="Ana", labels=["VIP"])
    for line in (line for text in blocks("sh") for line in text.splitlines()):
        result = invoke(*shlex.split(line)[1:])
        assert result.exit_code == 0, (line, result.output)
    try:
        exec(blocks("python")[0], {})
        assert capsys.readouterr().out == "573000000001 Ana\n"
    finally:
        for name in [name for name in sys.modules if name.startswith("hotel_queries")]:
            del sys.modules[name]
    override = load_catalogue(tmp_path / "queries")["build_context"]
    assert override.file == tmp_path / "queries" / "build_context.sql"
    assert f"  -- {next(f'{mark.word}: {mark.text}' for mark in override.marks if mark.word == 'overrides')}\n" in PAGE
    assert (tmp_path / "queries" / "originals" / "build_context.sql").is_file()
    assert invoke("check").exit_code == invoke("stubs").exit_code == 0
