"""`guestsql psql`: PostgreSQL's own shell on the configured database."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
from psycopg import pq

from guestsql.adhoc.addresses import main_url
from guestsql.cli.app import App, pass_app
from guestsql.cli.waiting import ON_STDERR
from guestsql.embedded import find_binaries
from guestsql.errors import EmbeddedServerError, GuestSQLError
from guestsql.settings import Settings
from guestsql.sql.conninfo import parse_conninfo

__all__ = ["psql"]

_SIGNAL_CODE = 128
# What connections of guestsql are called unless the address says otherwise; psql has a name of its own.
_OWN_NAME = ("application_name", "guestsql")


@click.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": ["--help"],  # -h is psql's own
    },
    epilog="""\b
Examples:
  guestsql psql
  guestsql psql -c 'SELECT count(*) FROM guest_profiles'
  guestsql psql -X --csv -f report.sql
""",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PSQL OPTIONS]")
@pass_app
def psql(app: App, arguments: tuple[str, ...]) -> None:
    """Open psql on the configured database, or on the embedded one.

    All arguments go to psql, whose exit code is this command's. The address is passed in psql's environment, so that no
    password is on a command line. The embedded server runs for as long as psql does.
    """
    program = _program(app.settings)
    with main_url(app.settings, ON_STDERR) as url:
        code = _run([str(program), *arguments], _environment(url))
    raise click.exceptions.Exit(code)


def _program(settings: Settings) -> Path:
    """The psql of the embedded server's programs for that server, else the system's; either in place of the other."""
    found = shutil.which("psql")
    if settings.database_url is None or settings.pg_bin is not None or found is None:
        try:
            beside = find_binaries(settings.pg_bin).program("psql")
        except EmbeddedServerError:  # there are none: no psql either
            beside = None
        if beside is not None and beside.is_file():
            return beside
    if found is None:
        raise GuestSQLError(
            "psql is not installed",
            hint="install PostgreSQL's client programs (Debian: apt install postgresql-client), "
            "or pip install 'guestsql[embedded]', which has it",
        )
    return Path(found)


def _environment(url: str) -> dict[str, str]:
    """This process's variables, and the address as those that libpq reads."""
    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar is not None
    }
    given = {name: str(value) for name, value in parse_conninfo(url).items() if (name, value) != _OWN_NAME}
    # A service that the caller's environment names would win over the other variables.
    kept = {name: value for name, value in os.environ.items() if name != variables["service"]}
    return {**kept, **{variables[name]: value for name, value in given.items() if name in variables}}


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run a program that has the terminal, and leave Ctrl-C to it."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)  # unlike SIG_IGN, not inherited
    try:
        with subprocess.Popen(command, env=environment) as process:  # noqa: S603  psql, with the caller's own arguments
            try:
                code = process.wait()
            except BaseException:  # SIGTERM of this process: psql must not outlive the server
                process.terminate()
                raise
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else _SIGNAL_CODE - code
