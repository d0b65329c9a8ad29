"""What the README shows is run: its Python, its query file, its commands, and its table of variables."""

from __future__ import annotations

import re
import shlex
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from guestsql import GuestDatabase, Settings
from guestsql.cli.main import guestsql
from guestsql.settings import _VARIABLES
from guestsql.sql import default_directory

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
SQL = [code for language, code in BLOCKS if language == "sql"]
COMMANDS = [
    line.split("#")[0].strip()
    for language, code in BLOCKS
    if language == "sh"
    for line in code.splitlines()
    if line.startswith("guestsql ")
]


def test_the_readme_has_an_example_for_each_of_the_three() -> None:
    assert len(PYTHON) == 2
    assert len(SQL) == 1
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_python_runs(code: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def test_a_query_put_into_the_folder_is_a_method(database_url: str, tmp_path: Path) -> None:
    folder = shutil.copytree(default_directory(), tmp_path / "queries")
    (folder / "hotel.sql").write_text(SQL[0], encoding="utf-8")
    with GuestDatabase(database_url, settings=Settings(queries_dir=folder)) as database:
        database.update_profile("573000000001", user_name="Ana", labels=["VIP"])
        database.update_profile("573000000002", user_name="Luis", labels=["cotización"])
        rows = database.queries.list_guests_by_label(label="VIP")
    assert [(row.phone_number, row.user_name) for row in rows] == [("573000000001", "Ana")]


def test_commands_succeed(
    database_url: str, embedded_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the README, in a folder with the old bot's files and the project's migrations."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("GUESTSQL_HOME", str(embedded_home))  # `guestsql check` starts a server there
    (tmp_path / "tmp").mkdir()
    for file in files("guestsql.cli").joinpath("sample").iterdir():
        (tmp_path / "tmp" / file.name).write_bytes(file.read_bytes())
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    with GuestDatabase(database_url, settings=Settings()) as database:
        database.update_profile("573000000001", user_name="Ana")
    # The fixture's schema was not made by the runner.
    newest = max(int(path.name[:4]) for path in (ROOT / "migrations").glob("*.sql"))
    for command in [f"guestsql migrate baseline {newest}", *COMMANDS]:
        result = CliRunner().invoke(guestsql, shlex.split(command)[1:])
        assert result.exit_code == 0, f"{command}: {result.output}"


@pytest.mark.parametrize("document", ["README.md", ".env.example"])
def test_every_variable_is_documented(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert [name for name in _VARIABLES if name not in text] == []
