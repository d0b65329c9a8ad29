"""`guestsql campaign create | plan | claim | result | show | state`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import datetime

import click

from guestsql.cli.app import App, pass_app
from guestsql.cli.failure import FAILED
from guestsql.cli.guest_database import database
from guestsql.cli.output import Output, columns_option, format_option
from guestsql.guests._sync.database import GuestDatabase
from guestsql.guests._sync.transaction import GuestTransaction
from guestsql.guests.campaigns import RESULTS, STATES, CampaignPlan, ContactAction, PlanFigure
from guestsql.guests.identity import mask
from guestsql.guests.query_rows import ListActionsRow, ListCampaignsRow
from guestsql.wording import counted

__all__ = ["claim", "create", "plan", "result", "show", "state"]

_ACTION_STATES = ("planned", "claimed", "maybe sent", "sent", "delivered", "failed", "refused", "cancelled")
_CLAIMED = tuple(each.name for each in fields(ContactAction) if each.name != "lease")
_PHONES = ("phone_number", "current_phone")

_dry_run_option = click.option("--dry-run", is_flag=True, help="Print what would be done, and write nothing.")
_full_option = click.option("--full", is_flag=True, help="Show phone numbers whole, and names.")
_MOMENT = "Such as 2027-03-01T09:00; without a zone, in the hotel's."


@click.command(
    epilog="""\b
Examples:
  guestsql campaign create easter --segment silent --purpose marketing --template easter_offer
  guestsql campaign create vip --segment labelled -p label=VIP --purpose marketing --dry-run
""",
)
@click.argument("name")
@click.option("--segment", required=True, help="Who: the name of a query marked -- segment: NAME.")
@click.option("-p", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter of the segment; may be repeated.")
@click.option("--purpose", required=True, help="What for, as in the guests' consent.")
@click.option("--template", help="What is sent. Default: the sender decides.")
@click.option("--channel", default="whatsapp", show_default=True, help="How people are contacted, as in the consent.")
@click.option("--account", default="whatsapp", show_default=True, help="The account that sends.")
@click.option("--max-people", type=click.IntRange(1), help="The most people to plan. Default: all.")
@click.option("--starts-at", metavar="TIME", help=f"When actions are first handed out. {_MOMENT}")
@click.option("--ends-at", metavar="TIME", help="When that ends.")
@_dry_run_option
@columns_option
@format_option
@pass_app
def create(  # noqa: PLR0917  click passes them by name
    app: App,
    name: str,
    segment: str,
    pairs: tuple[str, ...],
    purpose: str,
    template: str | None,
    channel: str,
    account: str,
    max_people: int | None,
    starts_at: str | None,
    ends_at: str | None,
    dry_run: bool,
    format_name: str | None,
) -> None:
    """Create a campaign. It contacts no one until it is planned and its actions are claimed.

    With --dry-run the figures of its plan are printed.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened, _writing(opened, dry_run=dry_run) as tx:
        made = tx.create_campaign(
            name,
            segment=segment,
            purpose=purpose,
            template=template,
            channel=channel,
            account=account,
            parameters=dict(map(_pair, pairs)),
            max_people=max_people,
            starts_at=_moment(app, starts_at),
            ends_at=_moment(app, ends_at),
        )
        figures = tx.plan_campaign(name, dry_run=True) if dry_run else None
    if figures is not None:
        _print_plan(app, output, figures)
    else:
        output.row(asdict(made))


@click.command(
    epilog="""\b
Examples:
  guestsql campaign plan easter --dry-run
  guestsql campaign plan easter --dry-run --at 2027-03-01T09:00
  guestsql campaign plan easter
""",
)
@click.argument("name")
@click.option("--at", metavar="TIME", help=f"Compute the figures for this time. Default: now. {_MOMENT}")
@_dry_run_option
@columns_option
@format_option
@pass_app
def plan(app: App, name: str, at: str | None, dry_run: bool, format_name: str | None) -> None:
    """Plan a message to each guest of a campaign's segment, and print how many are reached, or excluded by which rule.

    It may be repeated, and adds the guests who have joined the segment. Outcomes: reached; later: a rule forbids it for
    some time; planned: by an earlier plan; excluded.
    """
    output = app.output(format_name)
    moment = _moment(app, at)
    with database(app.packaged_settings) as opened:
        figures = opened.plan_campaign(name, dry_run=dry_run, at=moment)
    _print_plan(app, output, figures)
    if not dry_run:
        app.say(f"planned for {counted(figures.planned_people, 'person', 'people')}")


@click.command(
    epilog="""\b
Examples:
  guestsql campaign claim --campaign easter --max 20 --format csv --full
  guestsql campaign claim --dry-run
""",
)
@click.option("--campaign", help="Only actions of this campaign. Default: all of the account.")
@click.option("--account", help="The account that sends. Default: that of the campaign, else whatsapp.")
@click.option("--max", "max_actions", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many.")
@click.option(
    "--lease",
    "lease_seconds",
    type=click.FloatRange(1, 86_400),
    default=300,
    show_default=True,
    help="Within how many seconds you record a result.",
)
@_full_option
@_dry_run_option
@columns_option
@format_option
@pass_app
def claim(  # noqa: PLR0917  click passes them by name
    app: App,
    campaign: str | None,
    account: str | None,
    max_actions: int,
    lease_seconds: float,
    full: bool,
    dry_run: bool,
    format_name: str | None,
) -> None:
    """Claim actions that are due, in order to send them yourself. Each is handed out once.

    Every contact rule is evaluated as of this moment. Record what became of each action: guestsql campaign result.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        found = opened.claim_actions(
            campaign, account=account, max_actions=max_actions, lease_seconds=lease_seconds, dry_run=dry_run
        )
    rows = [[getattr(action, name) for name in _CLAIMED] for action in found]
    _print_people(output, _CLAIMED, rows, full=full)
    if rows and not full and not dry_run:
        app.say("numbers are masked: guestsql campaign show NAME --actions --state claimed --full shows them")


@click.command(
    epilog="""\b
Examples:
  guestsql campaign result 12 sent --message-id wamid.A1
  guestsql campaign result 12 failed:131026
""",
)
@click.argument("action_id", type=click.IntRange(1, 2**63 - 1))
@click.argument("outcome", metavar="RESULT")
@click.option("--message-id", help="The id that the gateway gave to the message.")
@click.option("--at", metavar="TIME", help=f"When it happened. Default: now. {_MOMENT}")
@_dry_run_option
@format_option
@pass_app
def result(  # noqa: PLR0917  click passes them by name
    app: App,
    action_id: int,
    outcome: str,
    message_id: str | None,
    at: str | None,
    dry_run: bool,
    format_name: str | None,
) -> None:
    """Record what became of an action; it may be repeated, in any order. Exits with 1 if there is no such action."""
    output = app.output(format_name)
    moment = _moment(app, at)
    with database(app.packaged_settings) as opened, _writing(opened, dry_run=dry_run) as tx:
        known = tx.record_result(action_id, outcome, message_id=message_id, at=moment)
        rows = tx.queries.list_actions(after_id=action_id - 1, max_rows=1) if known else []
    if not rows:
        app.say(f"guestsql: there is no action {action_id}")
        raise click.exceptions.Exit(FAILED)
    output.row({"action_id": action_id, "campaign": rows[0].campaign, "state": rows[0].state})


result.help = f"{result.help}\n\nRESULT is {', '.join(RESULTS)} or failed:CODE."


@click.command(
    epilog="""\b
Examples:
  guestsql campaign show
  guestsql campaign show easter
  guestsql campaign show easter --actions --state refused
""",
)
@click.argument("name", required=False)
@click.option("--actions", is_flag=True, help="List the actions.")
@click.option("--state", "action_state", type=click.Choice(_ACTION_STATES), help="Only actions in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many rows to print.")
@click.option("--after", type=click.IntRange(0), metavar="ID", default=0, help="Continue after this action.")
@_full_option
@columns_option
@format_option
@pass_app
def show(  # noqa: PLR0917  click passes them by name
    app: App,
    name: str | None,
    actions: bool,
    action_state: str | None,
    limit: int,
    after: int,
    full: bool,
    format_name: str | None,
) -> None:
    """List the campaigns, or show the figures of one: actions by state, refusals by rule, results.

    With --actions the actions are listed. maybe sent: claimed, and no result within the lease. next_action is the
    campaign of the guests' next actions.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened:
        if name is not None and opened.get_campaign(name) is None:
            app.say(f"guestsql: there is no campaign {name} (guestsql campaign show lists them)")
            raise click.exceptions.Exit(FAILED)
        if actions or action_state is not None:
            found = opened.queries.list_actions(campaign=name, state=action_state, after_id=after, max_rows=limit + 1)
            _print_people(output, ListActionsRow._fields, [list(row) for row in found[:limit]], full=full)
            if len(found) > limit:
                app.say(f"there are more actions: continue with --after {found[limit - 1].action_id}")
        elif name is None:
            output.rows(ListCampaignsRow._fields, opened.queries.list_campaigns(max_rows=limit))
        else:
            output.rows(("kind", "name", "actions"), opened.queries.list_campaign_figures(campaign=name))


@click.command(
    epilog="""\b
Example:
  guestsql campaign state easter paused
""",
)
@click.argument("name")
@click.argument("new_state", metavar="STATE", type=click.Choice(STATES))
@_dry_run_option
@format_option
@pass_app
def state(app: App, name: str, new_state: str, dry_run: bool, format_name: str | None) -> None:
    """Pause, resume or end a campaign. STATE is active, paused or ended.

    When this returns, no claim that began before is still under way.
    """
    output = app.output(format_name)
    with database(app.packaged_settings) as opened, _writing(opened, dry_run=dry_run) as tx:
        changed = tx.set_campaign_state(name, new_state)
    output.row({"campaign": changed.campaign, "state": changed.state})


class _DryRunError(Exception):
    """Rolls a transaction back."""


@contextmanager
def _writing(opened: GuestDatabase, *, dry_run: bool) -> Generator[GuestTransaction]:
    """One transaction, which is rolled back in a dry run."""
    with suppress(_DryRunError), opened.transaction() as tx:
        yield tx
        if dry_run:
            raise _DryRunError


def _print_plan(app: App, output: Output, found: CampaignPlan) -> None:
    names = tuple(each.name for each in fields(PlanFigure))
    output.rows(names, [[getattr(row, name) for name in names] for row in found.figures])
    if output.is_table and any(row.rule == "consent" for row in found.figures):
        app.say("consent: guests who gave no consent to this purpose on this channel; they are in no segment")


def _print_people(output: Output, names: Sequence[str], rows: Sequence[list[object]], *, full: bool) -> None:
    """Print rows of people; unless they are to be shown whole, at most four digits of each number and no name."""
    for row in rows if not full else ():
        for place, name in enumerate(names):
            if name in _PHONES and row[place] is not None:
                row[place] = mask(str(row[place]))
            elif name in ("name", "note"):
                row[place] = None
    output.rows(names, rows)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.UsageError(f"-p {text}: write NAME=VALUE")
    return name.strip(), value


def _moment(app: App, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"{text!r} is not a time; write 2027-03-01T09:00") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=app.settings.timezone)
