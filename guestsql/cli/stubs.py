"""`guestsql stubs`: types for the queries."""

from __future__ import annotations

from pathlib import Path

import click
import psycopg

from guestsql.check.infer import PythonSignature, infer
from guestsql.cli.app import App, pass_app
from guestsql.cli.check import scratch
from guestsql.cli.failure import FAILED
from guestsql.errors import GuestSQLError
from guestsql.migrate import configured_migrations
from guestsql.sql import Catalogue, is_packaged, load_catalogue
from guestsql.sql.translate import translate
from guestsql.stubs import Target, digest_of, drift_of, is_fresh, write
from guestsql.wording import counted

__all__ = ["stubs"]


@click.command(
    epilog="""\b
Examples:
  guestsql stubs
  guestsql stubs --check
  GUESTSQL_QUERIES_DIR=queries guestsql stubs --out hotel_queries

\b
Exit codes of --check: 0 the stubs are up to date, 1 they are not.
""",
)
@click.option("--check", "only_check", is_flag=True, help="Only compare. Needs no server if nothing has changed.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The package to write, for your own queries. Default: stubs in [tool.guestsql] of pyproject.toml.",
)
@click.option("--server", metavar="URL", help="The server for the scratch database. Default: the embedded server.")
@pass_app
def stubs(app: App, only_check: bool, out: Path | None, server: str | None) -> None:
    """Write the types of your queries: parameters, columns, and what can be NULL.

    The server reports the types. Import GuestDatabase and AsyncGuestDatabase (with packaged = false: Database and
    AsyncDatabase) from the generated package: mypy and pyright then know your queries as well as the packaged ones.
    Without a folder of your own, the types of the packaged queries are written into guestsql itself.
    """
    catalogue, target = _chosen(app, out)
    source = digest_of(catalogue, configured_migrations(app.settings))
    if is_fresh(target, source):
        app.say(f"stubs: {counted(len(catalogue), 'query', 'queries')}, nothing has changed")
        return
    signatures = _inferred(app, catalogue, server)
    if only_check:
        _compare(app, target, signatures, out)
    else:
        for path in write(target, signatures, source):
            app.say(f"stubs: wrote {path}")


def _chosen(app: App, out: Path | None) -> tuple[Catalogue, Target]:
    """Which queries, and where their types are."""
    settings = app.settings
    if settings.queries_dir is None or is_packaged(settings.queries_dir):
        return app.catalogue, Target(out)
    package = out or settings.stubs_dir
    if package is None:
        raise click.UsageError("name a package with --out, or with stubs in [tool.guestsql] of pyproject.toml")
    if not package.resolve().name.isidentifier():
        raise click.UsageError(f"{package.resolve().name} cannot be imported: name another package")
    own = Catalogue(query for query in app.catalogue.values() if not is_packaged(query.file.parent))
    packaged = load_catalogue() if settings.packaged else Catalogue(())
    return own, Target(package, settings.packaged, frozenset(own.keys() & packaged.keys()))


def _inferred(app: App, catalogue: Catalogue, server: str | None) -> list[PythonSignature]:
    with scratch(app, server) as connection:
        try:
            found = infer(connection, list(catalogue.values()))
        except psycopg.Error as error:
            raise translate(error, "") from error
    refused = sorted(catalogue.keys() - found.keys())
    if refused:
        hint = "guestsql check shows where and why"
        raise GuestSQLError(f"the server refuses {', '.join(refused)}", hint=hint)
    return list(found.values())


def _compare(app: App, target: Target, signatures: list[PythonSignature], out: Path | None) -> None:
    drifts = drift_of(target, signatures)
    for drift in drifts:
        for line in drift.lines:
            click.echo(line)
    if drifts:
        names = ", ".join(drift.file.name for drift in drifts)
        command = "guestsql stubs" if out is None else f"guestsql stubs --out {out}"
        app.say(f"stubs: out of date: {names}; run {command}")
        raise click.exceptions.Exit(FAILED)
    app.say("stubs: queries or migrations have changed; the types are the same")
