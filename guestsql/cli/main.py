"""The group of all commands, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import contextlib
import errno
import logging
import signal
import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import click

from guestsql.adhoc.parameters import ParameterError
from guestsql.adhoc.redaction import mask_addresses
from guestsql.cli.app import App, CommandGroup
from guestsql.cli.failure import BROKEN_PIPE, FAILED, INTERRUPTED, OK, USAGE, exit_code
from guestsql.cli.summary import set_summary
from guestsql.cli.terminal import flush_streams, prepare_streams
from guestsql.errors import GuestSQLError

__all__ = ["guestsql", "main"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NAME = "guestsql"
# A command's module is imported when the command runs: importing all of them takes longer than most commands do.
_COMMANDS = (
    "campaign",
    "check",
    "consent",
    "demo",
    "doctor",
    "guest",
    "health",
    "history",
    "legacy",
    "migrate",
    "monitor",
    "outbox",
    "privacy",
    "psql",
    "query",
    "report",
    "serve",
    "serve-metrics",
    "server",
    "stubs",
)


class _Shell(CommandGroup):
    """The outermost group: it turns every error into a line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None. The command and its module have the same name."""
        del ctx
        if cmd_name not in _COMMANDS:
            # click suggests the nearest of the commands that it has.
            self.commands = {name: _load(name) for name in _COMMANDS}
            return None
        return _load(cmd_name)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401  click's own
    ) -> NoReturn:
        """Run one command and exit."""
        del standalone_mode, windows_expand_args  # always standalone; patterns are expanded on no system
        self._main_shell_completion(extra, _NAME, complete_var)
        prepare_streams()
        try:
            code = self._exit_code(sys.argv[1:] if args is None else list(args), prog_name or _NAME, extra)
        except BrokenPipeError:  # stderr is closed too
            code = BROKEN_PIPE
        sys.exit(_code_after_flush(code))

    def _exit_code(self, args: list[str], name: str, extra: dict[str, Any]) -> int:
        app = App()
        code = OK
        try:
            with _logging(app), self.make_context(name, args, obj=app, **extra) as context:
                self.invoke(context)
        except click.exceptions.Exit as done:
            code = done.exit_code
        except click.ClickException as error:
            code = _usage(app, error)
        except ParameterError as error:
            code = _usage(app, click.UsageError(str(error)))
        except (click.Abort, KeyboardInterrupt, EOFError):
            # The blank line closes the terminal's ^C.
            click.echo(err=True)
            code = INTERRUPTED
        except BrokenPipeError:
            code = BROKEN_PIPE
        except GuestSQLError as error:
            app.help_out(error)
            code = _failed(app, error, str(error), exit_code(error))
        except Exception as error:  # noqa: BLE001  a bug, too, ends in one line; --debug shows where
            line = f"{type(error).__name__}: {mask_addresses(str(error))} (run guestsql --debug … to see where)"
            if isinstance(error, OSError) and error.errno in _FULL:
                line = _incomplete(error)
            code = _failed(app, error, line, FAILED)
        return code


def _code_after_flush(code: int) -> int:
    failure = flush_streams()
    if failure is None:
        return code
    if isinstance(failure, BrokenPipeError):
        return BROKEN_PIPE
    if code == OK:
        with contextlib.suppress(OSError):
            click.echo(f"{_NAME}: {_incomplete(failure)}", err=True)
    return code or FAILED


def _incomplete(error: OSError) -> str:
    return f"{error.filename or 'the output'} is not complete: {error.strerror}"


def _load(command: str) -> click.Command:
    name = command.replace("-", "_")
    loaded: click.Command = getattr(import_module(f"guestsql.cli.{name}"), name)
    set_summary(loaded)
    return loaded


def _usage(app: App, error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if isinstance(context, click.Context) else ""
    app.say(f"{_NAME}: {mask_addresses(' '.join(error.format_message().split()))}{hint}")
    return error.exit_code if error.exit_code != FAILED else USAGE


def _failed(app: App, error: Exception, line: str, code: int) -> int:
    if app.debug:
        app.say(mask_addresses("".join(traceback.format_exception(error)).rstrip()))
    app.say(f"{_NAME}: {line}")
    return code


@contextmanager
def _logging(app: App) -> Generator[None]:
    """Show log events with `--debug`, or when a command turns them on. Otherwise an error's line is enough."""
    root, own = logging.getLogger(), logging.getLogger(_NAME)
    handler = _Events(app)
    before = root.level, own.level
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        own.setLevel(before[1])


class _Events(logging.Handler):
    """Writes log events to stderr, if they are to be shown."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app

    def emit(self, record: logging.LogRecord) -> None:
        """Write one event."""
        if self._app.shows_events:
            self._app.say(f"{record.levelname.lower()}: {record.getMessage()}")


@click.group(
    cls=_Shell,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  guestsql demo
  guestsql query run list_last_interactions -p max_rows=5 --format csv

\b
Exit codes: 0 success, 1 a check or a record failed, 2 wrong usage,
3 the server refused the SQL, 4 no connection.

\b
Shell completion of commands and query names (bash; likewise zsh, fish):
  eval "$(_GUESTSQL_COMPLETE=bash_source guestsql)"
""",
)
@click.option("--debug", is_flag=True, help="Show log events and tracebacks on stderr.")
@click.version_option(package_name="guestsql", prog_name=_NAME, message="%(prog)s %(version)s")
@click.pass_obj
def guestsql(app: App, debug: bool) -> None:
    """Named SQL queries in .sql files, and a hotel's chat bot built on them.

    Commands use the server of DATABASE_URL, from the environment or .env. Without it they use an embedded PostgreSQL
    whose data is in GUESTSQL_HOME.
    """
    app.debug = app.shows_events = debug
    if debug:
        logging.getLogger().setLevel(logging.INFO)
        logging.getLogger(_NAME).setLevel(logging.DEBUG)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the shell and exit with its code.

    Args:
        arguments: without the program's name; default the process's own.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        # The default would end Python without releasing the embedded server, which would keep running.
        signal.signal(signal.SIGTERM, _terminate)
    guestsql.main(arguments, prog_name=_NAME)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
