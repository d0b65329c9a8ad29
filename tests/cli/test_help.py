"""Help, version, completion, and commands that do not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from guestsql.cli.main import guestsql
from guestsql.sql.query import first_sentence
from tests.cli.shell import invoke, spawn


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _commands(below, (*path, name))


@pytest.mark.parametrize("path", list(_commands(guestsql)), ids=" ".join)
def test_every_help_has_an_example(path):
    result = invoke(*path, "--help")

    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"  guestsql {' '.join(path)}" in result.stdout.partition("Example")[2]
    assert result.stderr == ""


@pytest.mark.parametrize("path", list(_commands(guestsql)), ids=" ".join)
def test_no_summary_is_cut(path):
    shown = invoke(*path, "--help").stdout

    assert "..." not in re.sub(r"\[?(ARGS|FILES|ID|YEAR)\]?[.]{3}", "", shown)
    assert max(map(len, shown.splitlines())) <= 100
    description = shown.split("\n\n")[1]
    assert description.rstrip().endswith((".", ":")), description


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("One. Two.", "One."),
        ("A sentence\nover lines. Another.", "A sentence over lines."),
        ("Files such as queries/*.sql, e.g. one. More.", "Files such as queries/*.sql, e.g. one."),
        ("No full stop\nat all", "No full stop at all"),
        ("", ""),
    ],
)
def test_a_summary_is_the_first_sentence(text, sentence):
    assert first_sentence(text) == sentence


def test_the_contracts_commands_are_there():
    paths = {" ".join(path) for path in _commands(guestsql)}

    assert paths >= {
        "demo",
        *(f"migrate {name}" for name in ("up", "status", "plan", "verify", "baseline", "new")),
        "legacy import",
        "psql",
        "server",
        *(f"query {name}" for name in ("list", "show", "run")),
        *(f"guest {name}" for name in ("show", "context", "merge", "export", "forget")),
        *(f"guest {name}" for name in ("list", "search", "labels", "memory")),
    }


@pytest.mark.parametrize("path", [(), ("migrate",), ("query",), ("guest",), ("legacy",)])
def test_a_group_alone_prints_its_help(path):
    result = invoke(*path)

    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: guestsql")


def test_help_and_version_need_no_usable_settings():
    for option in ("--help", "--version"):
        result = invoke(option, GUESTSQL_TIMEZONE="Mars/Olympus")

        assert result.exit_code == 0
        assert result.stdout.startswith(("Usage:", "guestsql "))


def test_a_mistyped_command_is_answered_with_the_nearest():
    result = invoke("migrat")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "'migrate'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_completion_knows_the_queries():
    process = spawn(_GUESTSQL_COMPLETE="bash_complete", COMP_WORDS="guestsql query run list_last", COMP_CWORD="3")
    shown, complaints = process.communicate(timeout=30)

    assert "plain,list_last_interactions" in shown.splitlines()
    assert complaints == ""


def test_completion_stays_silent_when_the_files_cannot_be_read(tmp_path):
    process = spawn(
        _GUESTSQL_COMPLETE="bash_complete",
        COMP_WORDS="guestsql query run x",
        COMP_CWORD="3",
        GUESTSQL_QUERIES_DIR=str(tmp_path),
    )

    shown, complaints = process.communicate(timeout=30)

    assert (shown.strip(), complaints) == ("", "")
