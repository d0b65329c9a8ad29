"""`[tool.guestsql]` in pyproject.toml: found upwards, relative paths, errors that name file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from guestsql import Settings
from guestsql.errors import SettingsError
from guestsql.project import Project, read_project


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "pyproject.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_nearest_table_counts_and_its_paths_are_relative_to_its_file(tmp_path: Path) -> None:
    file = write(tmp_path, '[tool.guestsql]\nqueries = "sql"\nmigrations = "db/migrations"\npackaged = false\n')
    write(tmp_path / "package", '[project]\nname = "bot"\ndependencies = ["guestsql"]\n')
    (tmp_path / "package" / "deep").mkdir()
    expected = Project(file=file, queries=tmp_path / "sql", migrations=tmp_path / "db/migrations", packaged=False)
    assert read_project(tmp_path / "package" / "deep") == expected


def test_no_table_is_no_project_even_beside_the_broken_file_of_another_program(tmp_path: Path) -> None:
    write(tmp_path, "[tool.other\n")
    assert read_project(tmp_path) == Project()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[tool.guestsql]\nquerys = "sql"\n', "unknown key: querys.*the keys are queries, migrations, stubs, packaged"),
        ("[tool.guestsql]\nqueries = 3\n", "queries must be a string, not 3"),
        ('[tool.guestsql]\nstubs = ""\n', "stubs must be a string, not ''"),
        ('[tool.guestsql]\npackaged = "no"\n', "packaged must be true or false, not 'no'"),
        ("[tool]\nguestsql = 1\n", "tool.guestsql is not a table"),
        ("[tool.guestsql\n", "is not TOML"),
    ],
)
def test_what_cannot_be_used_names_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(SettingsError, match=message) as caught:
        read_project(tmp_path)
    assert str(file) in caught.value.message


def test_settings_take_the_table_and_a_variable_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, '[tool.guestsql]\nqueries = "sql"\nmigrations = "none"\nstubs = "types"\npackaged = false\n')
    (tmp_path / "sql").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"\[tool\.guestsql\] migrations: .*none is not a folder"):
        Settings.from_env({})
    found = Settings.from_env({"GUESTSQL_MIGRATIONS_DIR": "other", "GUESTSQL_PACKAGED": "yes"})
    assert found.queries_dir == tmp_path / "sql"
    assert found.migrations_dir == Path("other")
    assert found.stubs_dir == tmp_path / "types"
    assert found.packaged
    assert not Settings.from_env({"GUESTSQL_MIGRATIONS_DIR": "other"}).packaged


def test_a_flag_is_true_or_false(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="GUESTSQL_PACKAGED: 'maybe' is neither true nor false"):
        Settings.from_env({"GUESTSQL_PACKAGED": "maybe"}, dotenv_path=tmp_path / "none")
    with pytest.raises(SettingsError, match=r"\(packaged\) must be True or False, not int"):
        Settings(packaged=1)  # type: ignore[arg-type]
