"""The Dockerfile, as far as it can be judged without building it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import click

from guestsql.cli.main import guestsql

ROOT = Path(__file__).parent.parent.parent
LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
STEPS = [line.partition(" ")[::2] for line in LINES if line and not line.startswith("#")]


def steps(name: str) -> list[str]:
    return [value.strip() for step, value in STEPS if step == name]


def test_it_is_slim_and_built_in_a_stage_of_its_own() -> None:
    assert [value.split(" AS ")[0] for value in steps("FROM")] == ["python:${PYTHON}-slim"] * 2
    last = [step for step, _ in STEPS][-1 - [step for step, _ in reversed(STEPS)].index("FROM") :]
    assert "RUN" not in last
    assert steps("COPY")[-1].startswith("--from=build ")


def test_it_is_not_root() -> None:
    (user,) = steps("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_the_command_exists_and_gets_the_signals_itself() -> None:
    program, command, *_ = json.loads(steps("CMD")[0])
    assert program == "guestsql"
    assert guestsql.get_command(click.Context(guestsql), command)


def test_there_is_no_server_in_it() -> None:
    assert "postgres" not in (ROOT / "requirements" / "image.lock").read_text(encoding="utf-8")


def test_every_package_is_pinned_by_its_hash() -> None:
    pip_installs = [value for value in steps("RUN") if " install " in value]
    assert all("--require-hashes" in value or "--no-deps" in value for value in pip_installs)


def test_what_the_wheel_needs_is_copied_and_nothing_else_is_sent() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], "pyproject.toml", project["project"]["readme"], "LICENSE"}
    needed.add("requirements/image.lock")
    copied = {name for value in steps("COPY") if not value.startswith("--from") for name in value.split()[:-1]}
    assert copied == needed
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == needed
