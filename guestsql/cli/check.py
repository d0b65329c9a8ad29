"""`guestsql check`: check the query files."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from guestsql.adhoc.addresses import embedded_url
from guestsql.check import RULES, Finding, Vet, as_github, as_json, as_text, check_files, read_page
from guestsql.check.coverage import Coverage
from guestsql.check.pages import PageRules
from guestsql.check.routed import Route
from guestsql.check.rules import is_advisory
from guestsql.check.segments import SegmentRule
from guestsql.check.sources import Source
from guestsql.check.unpackaged import UnpackagedVet
from guestsql.cli.app import App, pass_app
from guestsql.cli.check_against import (
    Against,
    against_options,
    announced_scratch,
    judge_order,
    save_release,
    show_verdict,
    shown,
)
from guestsql.cli.failure import FAILED
from guestsql.cli.waiting import ON_STDERR
from guestsql.errors import EmbeddedServerError, GuestSQLError, QueryFileError
from guestsql.guests.hooks import GUEST_TABLE, HOOKS, KEY_COLUMNS, KEY_COMMENT, ROUTE, ROUTED_ELSEWHERE
from guestsql.guests.needed import reserved_names
from guestsql.guests.segments import SEGMENT_KEY, SEGMENT_PARAMETERS, SEGMENT_VIEW
from guestsql.migrate import configured_migrations
from guestsql.ops.gauges.personal import personal_columns
from guestsql.sql import default_directory, internal_directory, is_packaged, load_catalogue, scan_directory
from guestsql.sql._sync.connection import DeadlineConnection
from guestsql.sql.conninfo import parse_conninfo
from guestsql.sql.hooks import hooks_of
from guestsql.stubs import OverridesVet, StubsVet, Target, Uses, read_committed
from guestsql.wording import counted

__all__ = ["check", "scratch"]

_POOLER = "give --server the server's own address; or set GUESTSQL_POOLER=off, if the pooler is in session mode"


def _explain(context: click.Context, _option: click.Parameter, code: str | None) -> None:
    """Print a rule's page and exit: like --help, it needs neither settings nor a server."""
    if code is not None:
        if code.upper() not in RULES:
            raise click.BadParameter(
                f"{code!r} is not a rule; rules are {min(RULES)} to {max(RULES)}, see docs/check.md"
            )
        click.echo(read_page(code.upper()), nl=False)
        context.exit()


@click.command(
    epilog="""\b
Examples:
  guestsql check
  guestsql check queries/monitoring_sessions.sql
  guestsql check --explain GS306
  guestsql check --server postgresql://ci@localhost/postgres --format github
  guestsql check --against origin/main
  guestsql check --save-manifest release.json

\b
To suppress a rule for one query, write below its name: -- check: allow GS307, because …
Exit codes: 0 no findings, or only advisories (GS75x); 1 findings.
""",
)
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--server",
    metavar="URL",
    help="The server for the scratch database; the URL's own database is not touched. Default: the embedded server.",
)
@against_options
@click.option(
    "--stubs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The package written by guestsql stubs. Default: stubs in [tool.guestsql] of pyproject.toml; for the packaged "
    "queries, those of guestsql.",
)
@click.option(
    "--python",
    type=click.Path(exists=True, path_type=Path),
    default=Path(),
    help="Where to look for Python code that uses the queries. Default: the working directory.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("text", "json", "github")),
    default="text",
    show_default=True,
    help="text shows each finding with its line of SQL; json is an array of findings; github is annotations for GitHub "
    "Actions.",
)
@click.option(
    "--explain",
    metavar="RULE",
    is_eager=True,
    expose_value=False,
    callback=_explain,
    help="Print what a rule checks, with an example and its fix, and exit.",
)
@pass_app
def check(  # noqa: PLR0917  click passes them by name
    app: App,
    /,
    files: tuple[Path, ...],
    server: str | None,
    stubs: Path | None,
    python: Path,
    format_name: str,
    **options: object,
) -> None:
    """Check the SQL files: prepare every query on a real server, and apply the rules.

    FILES are files or folders; the default is the folder of your queries, or without one the packaged queries. The
    schema comes from the migrations, the packaged ones and your own, in a scratch database. The data of DATABASE_URL is
    never touched. Queries are not run, except for commands such as LOCK and CREATE, because the server resolves their
    names only when they run; they run in the scratch database and are rolled back.

    With --against, the queries of an older release are checked with this schema, and these queries with its schema: the
    verdict says whether the migrations or the code must be deployed first, or that the change needs two steps
    (docs/deploy-order.md).
    """
    if not files and not app.settings.packaged and app.settings.queries_dir is None:
        load_catalogue(packaged=False)  # raises the error of every other command
    home = shown(app.settings.queries_dir or default_directory())
    against = Against.of(home, files, app.settings, options)
    homes = (home, shown(internal_directory())) if is_packaged(home) else (home,)
    chosen = _expanded(files or homes)
    # Rules about a whole folder need the whole folder.
    inside = any(file.resolve().parent == home.resolve() for file in chosen)
    beside = [file for file in _files_of(home) if not _is_among(file, chosen)] if inside else []
    vets: list[Vet] = []
    if inside or stubs is not None:
        vets += _promises(app, stubs, python, home, [*chosen, *beside])
    if inside and app.settings.packaged and not is_packaged(home):
        vets.append(OverridesVet(reserved_names()))
        # Tables of guestsql are exported, erased and merged by guestsql's own queries.
        # Its segments have their names.
        beside += dict.fromkeys(
            query.file
            for query in load_catalogue().values()
            if hooks_of(query) or any(mark.word == "segment" for mark in query.marks)
        )
    else:
        vets.append(UnpackagedVet(app.settings.packaged))
    coverage = _coverage(app) if inside else None
    segments = SegmentRule(SEGMENT_VIEW, SEGMENT_KEY, SEGMENT_PARAMETERS) if app.settings.packaged else None
    report = check_files(
        chosen,
        scratch(app, server),
        beside=beside,
        vets=vets,
        coverage=coverage,
        segments=segments,
        route=Route(ROUTE, KEY_COLUMNS, ROUTED_ELSEWHERE, is_required=is_packaged(home)),
        pages=_page_rules(app, home),
    )
    try:
        with _naming_server(server):
            comparison = judge_order(app, server, against)
    except QueryFileError:
        # A file that the check itself needs cannot be read, and has been reported.
        if not report.findings:
            raise
        app.say("deploy order: not judged; fix the findings first")
        comparison = None
    findings = list(report.findings)
    sources = list(report.sources)
    if comparison is not None:
        findings += comparison.findings
        sources += comparison.sources
    _print(findings, sources, format_name)
    if comparison is not None:
        show_verdict(app, comparison, against, is_text=format_name == "text")
    failed = [finding for finding in findings if not is_advisory(finding.rule)]
    app.say(f"check: {_summary(len(failed), len(findings) - len(failed), report.queries)}")
    if any(finding.rule == "GS202" for finding in failed):
        app.say("check: tables come from the migrations, not from your database (guestsql check --explain GS202)")
    if failed or (comparison is not None and not comparison.is_safe):
        raise click.exceptions.Exit(FAILED)
    save_release(app, against)


def _coverage(app: App) -> Coverage:
    """Which tables hold guests, and the methods that must know them; none without the packaged queries."""
    schema = [shown(migration.file) for migration in configured_migrations(app.settings)]
    return Coverage(HOOKS if app.settings.packaged else {}, KEY_COLUMNS, KEY_COMMENT, GUEST_TABLE, schema)


def _page_rules(app: App, home: Path) -> PageRules:
    """What marks of pages may name beside the files under check: the queries of the folder, and the packaged ones."""
    folders = [default_directory(), home] if app.settings.packaged else [home]
    known = [scan_directory(folder, may_be_empty=True)[0] for folder in folders]
    others = {name: query for each in known for name, query in each.items()}
    return PageRules(personal_columns(packaged=app.settings.packaged), others)


def _promises(app: App, stubs: Path | None, python: Path, home: Path, read: Sequence[Path]) -> list[Vet]:
    """What the stubs promise about the files that are read; none when there are no stubs."""
    package = stubs or (None if is_packaged(home) else app.settings.stubs_dir)
    committed = None if package is None and not is_packaged(home) else read_committed(Target(package))
    if committed is None:
        if stubs is not None:
            raise click.UsageError(f"there are no stubs in {stubs}: guestsql stubs --out writes them")
        return []
    is_whole = all(_is_among(file, read) for file in _files_of(home))
    return [StubsVet(committed, Uses(python), is_whole)]


def _summary(failed: int, advisories: int, queries: int) -> str:
    total = counted(queries, "query", "queries")
    more = f", {counted(advisories, 'advisory', 'advisories')}" if advisories else ""
    if failed:
        return f"{counted(failed, 'finding')} in {total}{more}"
    return f"{total}, nothing found{more}"


@contextmanager
def _naming_server(server: str | None) -> Generator[None]:
    """Have an error name --server, if the address is from there."""
    try:
        yield
    except GuestSQLError as error:
        if server is not None:
            is_pooler = "pooler" in error.hint
            error.hint = _POOLER if is_pooler else error.hint.replace("DATABASE_URL", "--server")
        raise


@contextmanager
def _offering_server() -> Generator[None]:
    """Have an error of the embedded server offer --server: DATABASE_URL is not read."""
    try:
        yield
    except EmbeddedServerError as error:
        error.hint = error.hint.replace("set DATABASE_URL", "give --server URL")
        raise


@contextmanager
def scratch(app: App, server: str | None) -> Generator[DeadlineConnection]:
    """The scratch database, on the server that is named or the embedded one."""
    if server is not None:
        if not server.strip():  # libpq would use its default server
            raise click.BadParameter("an address is needed, postgresql://…", param_hint="--server")
        parse_conninfo(server, variable="--server")
        with _naming_server(server), announced_scratch(app, server) as connection:
            yield connection
    else:
        with (
            _offering_server(),
            embedded_url(app.settings, ON_STDERR) as url,
            announced_scratch(app, url) as connection,
        ):
            yield connection


def _print(findings: Sequence[Finding], sources: Sequence[Source], format_name: str) -> None:
    if format_name == "json":
        click.echo(as_json(findings))
    elif format_name == "github":
        for line in as_github(findings):
            click.echo(line)
    else:
        for text in as_text(findings, sources):
            click.echo(text)


def _expanded(paths: Sequence[Path]) -> list[Path]:
    """The files, and those of each folder, without duplicates."""
    found: dict[Path, Path] = {}
    for path in paths:
        files = _files_of(path) if path.is_dir() else [path]
        if not files:
            raise click.UsageError(f"no *.sql file in {path}")
        for file in files:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _files_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise click.UsageError(f"{folder} is not a folder of query files: see GUESTSQL_QUERIES_DIR")
    return sorted(file for file in folder.iterdir() if file.suffix == ".sql" and not file.name.startswith("."))


def _is_among(file: Path, files: Sequence[Path]) -> bool:
    return any(file.resolve() == other.resolve() for other in files)
