"""`guestsql check --against`: the deploy order, judged for the shell."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from guestsql.adhoc.addresses import embedded_url
from guestsql.check import scratch_database
from guestsql.check.against import (
    Comparison,
    Connect,
    Order,
    Release,
    ReleaseError,
    compare_releases,
    read_folders,
    read_manifest,
    read_ref,
    save_manifest,
    verdict_as_json,
    verdict_as_text,
)
from guestsql.cli.app import App
from guestsql.cli.waiting import ON_STDERR, waiting
from guestsql.migrate import Series, configured_series, default_directory
from guestsql.settings import Settings
from guestsql.sql._sync.connection import DeadlineConnection

__all__ = ["Against", "against_options", "announced_scratch", "judge_order", "save_release", "show_verdict", "shown"]

_HERE = "this release"
_FILE = click.Path(dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        "--against",
        metavar="REF",
        help="Check the deploy order: compare this release with an older one, a git ref or a manifest.",
    ),
    click.option(
        "--order",
        type=click.Choice([order.value for order in Order]),
        default=Order.MIGRATIONS_FIRST.value,
        show_default=True,
        help="What the deployment does first. A change that breaks in this order is a finding.",
    ),
    click.option("--verdict", type=_FILE, metavar="FILE", help="Write the verdict to this file too, as JSON."),
    click.option(
        "--save-manifest", type=_FILE, metavar="FILE", help="If there are no findings, save this release for --against."
    ),
)


@dataclass(frozen=True, slots=True)
class Against:
    """What the options of the deploy order say.

    Attributes:
        ref: a git ref or a manifest, or None.
        order: what the deployment does first.
        verdict: where the verdict is written as JSON, or None.
        manifest: where this release is written, or None.
        queries: the folder of the queries.
        migrations: the folder of the migrations.
    """

    ref: str | None
    order: Order
    verdict: Path | None
    manifest: Path | None
    queries: Path
    migrations: Path

    @classmethod
    def of(cls, home: Path, files: Sequence[Path], settings: Settings, options: dict[str, object]) -> Against:
        """Read the options.

        Args:
            home: the folder of the queries unless another one is named.
            files: the files to check; when all are in one folder, it is the release's.
            settings: the release's migrations are the own ones, if there are any, else the packaged ones.
            options: the options that `against_options` adds.
        """
        folders = {file if file.is_dir() else file.parent for file in files}
        queries = folders.pop() if len(folders) == 1 else home
        ref, verdict, manifest = options["against"], options["verdict"], options["save_manifest"]
        if verdict is not None and ref is None:
            raise click.UsageError("--verdict needs --against: there is none without an older release")
        return cls(
            ref if isinstance(ref, str) else None,
            Order(options["order"]),
            verdict if isinstance(verdict, Path) else None,
            manifest if isinstance(manifest, Path) else None,
            queries,
            shown(settings.migrations_dir or default_directory()),
        )


def against_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the deploy order to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def _usage() -> Generator[None]:
    """A release that cannot be read is wrong usage."""
    try:
        yield
    except ReleaseError as error:
        raise click.UsageError(str(error)) from error


def judge_order(app: App, server: str | None, against: Against) -> Comparison | None:
    """Compare this release with the one that is named; None when none is."""
    if against.ref is None:
        return None
    with _usage():
        old = _read_old(against.ref, against)
        new = _read_new(against)
    if server is not None:
        return compare_releases(old, new, _connecting(app, server), against.order)
    with embedded_url(app.settings, ON_STDERR) as url:
        return compare_releases(old, new, _connecting(app, url), against.order)


def _connecting(app: App, url: str) -> Connect:
    """Connect to a scratch database whose last series of migrations is in another folder."""
    *others, last = configured_series(app.settings)
    return lambda folder: announced_scratch(app, url, [*others, replace(last, directory=folder)])


@contextmanager
def announced_scratch(app: App, url: str, series: Sequence[Series] | None = None) -> Generator[DeadlineConnection]:
    """The scratch database on a server; that it is being created is shown when it takes long."""
    with ExitStack() as stack:
        with waiting("making the scratch database from the migrations"):
            connection = stack.enter_context(scratch_database(app.settings, url, series))
        yield connection


def _read_old(ref: str, against: Against) -> Release:
    file = Path(ref)
    return read_manifest(file) if file.is_file() else read_ref(ref, against.queries, against.migrations)


def _read_new(against: Against) -> Release:
    return read_folders(_HERE, against.queries, against.migrations)


def show_verdict(app: App, comparison: Comparison, against: Against, *, is_text: bool) -> None:
    """Print the verdict, to stderr unless stdout is for people, and write it to the file of `--verdict`."""
    for line in verdict_as_text(comparison):
        if is_text:
            click.echo(line)
        else:
            app.say(line)
    if against.verdict is not None:
        try:
            against.verdict.write_text(verdict_as_json(comparison) + "\n", encoding="utf-8")
        except OSError as error:
            raise click.UsageError(f"{against.verdict} cannot be written: {error.strerror or error}") from error


def save_release(app: App, against: Against) -> None:
    """Write this release to the file of `--save-manifest`."""
    if against.manifest is not None:
        with _usage():
            save_manifest(_read_new(against), against.manifest)
        app.say(f"check: this release is saved in {against.manifest}")


def shown(path: Path) -> Path:
    """A path as one would type it: relative when it is below the working directory."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
