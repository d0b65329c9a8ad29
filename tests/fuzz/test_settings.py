"""Whatever the environment, a .env file or a pyproject.toml holds: settings, or an error that shows no secret."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from guestsql.env_file import read_env_file
from guestsql.errors import SettingsError
from guestsql.project import read_project
from guestsql.settings import Settings, known_variables

SECRET = "hunter2"
_VALUES = st.one_of(
    st.sampled_from(
        [
            *(
                "",
                " ",
                "0",
                "1",
                "-1",
                "1e999",
                "nan",
                "inf",
                "1_0",
                "0x1",
                "9" * 400,
                "٣",
                "\uff11",
                "true",
                "On",
                "maybe",
                "CO",
                "co",
            ),
            *(
                "UTC",
                "America/Bogota",
                "../etc/passwd",
                "/",
                "posixrules",
                "localtime",
                "Asia",
                "~",
                "~nobody/x",
                "~\x01",
                "/dev/null",
            ),
            *(
                "auto",
                "off",
                "table",
                "postgresql://u:hunter2@h/d",
                "password=hunter2 host=h",
                "k" * 32,
                "k" * 32 + ",short",
                ",",
            ),
            *(
                "573000000001",
                "+57 300 000 0001,573000000002",
                "x@g.us",
                "a\nb",
                "\ud800",
                "é",
                "\x7f",
                "/" * 5000,
                "a" * 5000,
            ),
        ]
    ),
    st.text(max_size=20),
    st.floats().map(str),
    st.integers().map(str),
)


@settings(max_examples=30)
@example({"GUESTSQL_ERASURE_LOG": "postgresql://u:hunter2@h/d"})
@example({"GUESTSQL_OWN_NUMBERS": "postgresql://u:hunter2@h/d"})
@example({"GUESTSQL_PG_BIN": "9" * 400})
@given(st.dictionaries(st.sampled_from(known_variables()), _VALUES, max_size=6))
def test_an_environment_gives_settings_or_an_error_that_names_the_variable(environment: dict[str, str]) -> None:
    try:
        made = Settings.from_env(environment, dotenv_path=Path("/nonexistent/.env"))
    except SettingsError as error:
        assert SECRET not in str(error)
        assert any(name in str(error) for name in environment), error
        assert str(error).isprintable()
    else:
        assert SECRET not in repr(made)


_ENV_PIECES = [
    "A",
    "=",
    "'",
    '"',
    "\n",
    "\r",
    "#",
    " ",
    "export ",
    "${A}",
    "${",
    "}",
    "\\",
    "\\n",
    "\x00",
    "é",
    "DATABASE_URL",
    ":-",
    "\t",
]
_ENV_FILES = st.one_of(
    st.binary(max_size=40), st.lists(st.sampled_from(_ENV_PIECES), max_size=14).map("".join).map(str.encode)
)


@settings(max_examples=30)
@given(_ENV_FILES)
def test_a_dotenv_file_of_any_bytes_is_read_or_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ".env"
        file.write_bytes(data)
        try:
            read_env_file(file)
        except SettingsError as error:
            assert str(file) in str(error)


_TOML_VALUES = st.recursive(
    st.sampled_from(['"sql"', '""', "1", "true", "false", "1.5", "'x'", '"\\u0000"', "1979-05-27", '"/etc"', "nan"]),
    lambda inner: st.lists(inner, max_size=2).map(lambda each: f"[{', '.join(each)}]"),
    max_leaves=3,
)
_TOML_KEYS = st.sampled_from(["queries", "migrations", "stubs", "packaged", "other", '"a b"', "queries.x"])
_TOML_FILES = st.one_of(
    st.lists(st.tuples(_TOML_KEYS, _TOML_VALUES), max_size=4).map(
        lambda pairs: "[tool.guestsql]\n" + "".join(f"{key} = {value}\n" for key, value in pairs)
    ),
    st.sampled_from(
        ["tool = 1 # guestsql", "[tool]\nguestsql = 1", "tool.guestsql = []", "[[tool.guestsql]]", "guestsql"]
    ),
    st.text(max_size=20).map("guestsql {}".format),
).map(lambda text: text.encode("utf-8", "surrogatepass"))


@settings(max_examples=30)
@example(b"tool = 1 # guestsql")
@given(_TOML_FILES)
def test_a_pyproject_gives_a_project_or_a_settings_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pyproject.toml"
        file.write_bytes(data)
        try:
            found = read_project(Path(folder))
        except SettingsError as error:
            assert str(file) in str(error)
        else:
            assert found.file == (file if _has_table(data) else None)


def _has_table(data: bytes) -> bool:
    tools: Any = tomllib.loads(data.decode()).get("tool", {})
    return isinstance(tools, dict) and "guestsql" in tools
