"""`guestsql query eject`: a packaged query copied into the own folder, to be overridden there."""

from __future__ import annotations

from pathlib import Path

import click

from guestsql.cli.app import App, pass_app
from guestsql.cli.query.common import complete_name, named
from guestsql.errors import GuestSQLError
from guestsql.sql import Catalogue, default_directory, is_packaged, scan_directory
from guestsql.sql.overrides import accept_original, eject_query

__all__ = ["eject"]


@click.command(
    epilog="""\b
Examples:
  guestsql query eject build_context
  guestsql query eject build_context --accept
""",
)
@click.argument("name", shell_complete=complete_name)
@click.option("--accept", is_flag=True, help="Keep your override, and record the packaged query as it is now.")
@pass_app
def eject(app: App, name: str, accept: bool) -> None:
    """Copy a packaged query into your own folder, where you can edit it.

    The copy replaces the packaged query. Its `overrides:` line holds a digest of the packaged query, which is also
    kept in the folder originals/: when a later release changes the packaged query, guestsql check and guestsql doctor
    show what has changed. Apply the changes that you need, and confirm with --accept.
    """
    folder = _own_folder(app)
    packaged, _ = scan_directory(default_directory())
    original = packaged.get(name)
    if original is None:
        named(packaged, name)  # suggests the nearest names
        raise click.UsageError(f"{name} is internal to guestsql and cannot be overridden")
    own, _ = scan_directory(folder, may_be_empty=True)
    if accept:
        override = own.get(name)
        if override is None:
            raise click.UsageError(f"{folder} does not override {name}: run guestsql query eject {name}")
        files = accept_original(override, original)
    else:
        _refuse_existing(own, name)
        files = eject_query(original, folder)
    for file in files:
        app.say(f"query eject: wrote {file}")


def _own_folder(app: App) -> Path:
    folder = app.settings.queries_dir
    if not app.settings.packaged:
        raise click.UsageError("there is nothing to override: packaged is false in [tool.guestsql]")
    if folder is None or is_packaged(folder):
        raise click.UsageError(
            "there is no folder of your own: set GUESTSQL_QUERIES_DIR, or queries in [tool.guestsql] of pyproject.toml"
        )
    return folder


def _refuse_existing(own: Catalogue, name: str) -> None:
    if name in own:
        place = f"{own[name].file}:{own[name].line}"
        raise GuestSQLError(f"query {name} is already at {place}", hint="edit it there, or remove it first")
