"""Generate docs/shell.md from the help of every command and docs/settings.md from `Settings`; --check only compares.

The templates tools/shell_page.md and tools/settings_page.md hold the prose. In the first, `{{ commands }}` becomes a
section for each command with the text of its `--help`; in the second, `{{ variables }}` becomes the table of
environment variables and `{{ project }}` that of the keys of `[tool.guestsql]`.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from generate_python_page import PageError, parse

from guestsql import Settings
from guestsql.cli.main import guestsql
from guestsql.project import Project
from guestsql.settings import _VARIABLES

ROOT = Path(__file__).resolve().parent.parent
_HEADER = "<!-- Generated from {template} and {source} by `make docs`. Do not edit. -->\n\n"
_HELP_WIDTH = 80
# Defaults that differ by machine, in words.
_DEFAULTS = {
    "database_url": "unset: the embedded server",
    "unpooled_url": "`DATABASE_URL`",
    "replica_url": "`DATABASE_URL`",
    "home": "the user data directory",
    "pg_bin": "those of the extra `embedded`",
}


def shell_page() -> str:
    """Return docs/shell.md."""
    return _page(
        "tools/shell_page.md", "click's help", {"commands": "\n\n".join(_commands(guestsql, "guestsql", None))}
    )


def settings_page() -> str:
    """Return docs/settings.md."""
    parts = {"variables": _variables(), "project": _project()}
    return _page("tools/settings_page.md", "the docstrings of `Settings` and `Project`", parts)


PAGES = {"docs/shell.md": shell_page, "docs/settings.md": settings_page}


def _page(template: str, source: str, parts: dict[str, str]) -> str:
    text = (ROOT / template).read_text(encoding="utf-8")
    for name, part in parts.items():
        place = f"{{{{ {name} }}}}"
        if text.count(place) != 1:
            raise PageError(f"{template} needs the line {place} once")
        text = text.replace(place, part)
    return _HEADER.format(template=template, source=source) + text


def _commands(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    layout = {**command.context_settings, "terminal_width": _HELP_WIDTH, "max_content_width": _HELP_WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **layout)
    path = context.command_path
    level = "##" if parent is None or parent.parent is None else "###"
    help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"{level} {path}\n\n```text\n{help_text}\n```"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None and not found.hidden:
                yield from _commands(found, below, context)


def _variables() -> str:
    described = _attributes(Settings)
    defaults = Settings()
    fields = {name: variable for variable, (name, _) in _VARIABLES.items()}
    if missing := set(fields) - set(described):
        raise PageError(f"the docstring of Settings does not describe {', '.join(sorted(missing))}")
    rows = [
        f"| `{variable}` | `{name}` | {_capital(described[name])} | {_default(name, getattr(defaults, name))} |"
        for name, variable in fields.items()
    ]
    return "\n".join(["| variable | `Settings` field | meaning | default |", "|---|---|---|---|", *rows])


def _project() -> str:
    described = _attributes(Project)
    rows = [f"| `{name}` | {_capital(text)} |" for name, text in described.items() if name != "file"]
    return "\n".join(["| key | meaning |", "|---|---|", *rows])


def _attributes(cls: type) -> dict[str, str]:
    return parse(inspect.getdoc(cls) or "", cls.__name__).items["Attributes"]


def _default(name: str, value: object) -> str:
    if name in _DEFAULTS:
        return _DEFAULTS[name]
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}".replace("|", "\\|")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on any difference")
    check = parser.parse_args().check
    code = 0
    for name, make in PAGES.items():
        made, path = make(), ROOT / name
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
        if not check:
            path.write_text(made, encoding="utf-8")
        elif made != kept:
            code = 1
            print(
                *difflib.unified_diff(kept.splitlines(), made.splitlines(), name, "generated", 1, lineterm=""), sep="\n"
            )
    if check and code == 0:
        print(f"{', '.join(PAGES)} are what `make docs` generates")
    return code


if __name__ == "__main__":
    sys.exit(main())
