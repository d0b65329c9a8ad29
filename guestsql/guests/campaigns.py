"""Campaigns: the values that the methods return, and the arguments they take."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from guestsql.errors import ConstraintViolation, InvalidValue
from guestsql.guests.consent import clean_word
from guestsql.guests.values import clean_count, clean_id, clean_instant, clean_json, clean_text

__all__ = [
    "NEXT_ACTION",
    "RESULTS",
    "STATES",
    "Campaign",
    "CampaignPlan",
    "ContactAction",
    "NextAction",
    "PlanFigure",
    "campaign_from",
    "clean_campaign",
    "clean_result",
    "contact_action_from",
    "is_same_campaign",
    "new_campaign",
    "next_action_from",
    "unknown_row",
]

NEXT_ACTION = "next_action"
"""The campaign to which next actions belong."""

RESULTS = ("sent", "delivered", "read", "replied", "opted_out", "failed")
STATES = ("active", "paused", "ended")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
_MOST_PEOPLE = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign. Times are the server's, with a zone.

    Attributes:
        campaign: its name.
        segment: the segment that lists its people; None for the campaign `next_action`.
        parameters: the parameters of the segment.
        template: what is sent; None if the sender decides.
        purpose: what it is for, as in `give_consent`; None for `next_action`.
        channel: through which it contacts people; None for `next_action`.
        account: from which is sent; None for `next_action`.
        max_people: the most people that it is planned for; None for any number.
        planned_people: people planned so far.
        starts_at: when its actions are first handed out; None for at once.
        ends_at: when that ends; None for no end.
        state: `active`, `paused` or `ended`.
        created_at: when it was created.
    """

    campaign: str
    segment: str | None
    parameters: dict[str, Any]
    template: str | None
    purpose: str | None
    channel: str | None
    account: str | None
    max_people: int | None
    planned_people: int
    starts_at: datetime | None
    ends_at: datetime | None
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFigure:
    """How many people a plan reaches, or why it does not.

    Attributes:
        outcome: `reached`, `later`: a rule forbids it for some time, `planned`: by an earlier plan, or `excluded`.
        rule: the rule that forbids it; None without one.
        people: how many people, each counted once: of several rules the one that lasts longest counts.
        first_at: for `later`, when the first of them may be contacted; else None.
    """

    outcome: str
    rule: str | None
    people: int
    first_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignPlan:
    """What a plan has done, or would do.

    Attributes:
        campaign: the campaign's name.
        people: how many people its segment lists.
        planned_people: actions that were added; 0 for a dry run.
        figures: the people by outcome and rule. People without consent are in no segment: they are counted among all
            guests, as excluded by the rule `consent`.
    """

    campaign: str
    people: int
    planned_people: int
    figures: list[PlanFigure]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactAction:
    """An action that this process has claimed: send one message to one guest. Times are the server's.

    Attributes:
        action_id: its number.
        phone_number: the guest's key.
        current_phone: the digits of the phone under which the guest can be reached now; None if unknown.
        name: the guest's name; None if unknown, or without consent to the purpose.
        campaign: the campaign; `next_action` for a next action.
        template: what is to be sent; None if the sender decides.
        purpose: what it is for.
        channel: through which the guest is contacted.
        account: the account that sends.
        note: what a next action is about; None without a note.
        due_at: when it was due.
        claimed_at: when it was claimed; the contact rules were evaluated for this moment.
        lease_until: when the sender should have recorded a result. No one else can claim the action, then either.
        lease: proves the claim to `release_action`.
    """

    action_id: int
    phone_number: str
    current_phone: str | None
    name: str | None
    campaign: str
    template: str | None
    purpose: str
    channel: str
    account: str
    note: str | None
    due_at: datetime
    claimed_at: datetime
    lease_until: datetime
    lease: UUID = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    """What is to be done next for a guest.

    Attributes:
        action_id: its number.
        phone_number: the guest's key.
        due_at: when.
        template: what is to be sent; None if the sender decides.
        purpose: what it is for.
        channel: through which the guest is contacted.
        account: the account that sends.
        note: what it is about; None without a note.
    """

    action_id: int
    phone_number: str
    due_at: datetime
    template: str | None
    purpose: str
    channel: str
    account: str
    note: str | None


def clean_campaign(campaign: object) -> str:
    """Return a campaign's name.

    Args:
        campaign: 1 to 100 lowercase letters, digits, dots, hyphens and underscores, not `next_action`.

    Raises:
        InvalidValue: it is something else.
    """
    name = clean_text(campaign, "campaign")
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            f"{name!r} is not a campaign's name",
            hint="use lowercase letters, digits, dots, hyphens and underscores, such as 2027-easter",
        )
    return name


def clean_result(result: object, code: object) -> tuple[str, str | None]:
    """Return a result and its code.

    Args:
        result: one of `RESULTS`, or `failed:CODE`.
        code: of a failure; None without one.

    Raises:
        InvalidValue: the result is unknown, or a code is given twice or without a failure.
    """
    name, _, rest = clean_text(result, "result").partition(":")
    if rest and code is not None:
        raise InvalidValue("the code is given twice", hint="pass failed:CODE, or code=CODE")
    found = clean_id(rest, "code", 100) if rest else None if code is None else clean_id(str(code), "code", 100)
    if name not in RESULTS:
        raise InvalidValue(f"{name!r} is not a result", hint=f"results: {', '.join(RESULTS)}, failed:CODE")
    if found is not None and name != "failed":
        raise InvalidValue(f"only a failure has a code, not {name!r}")
    return name, found


def new_campaign(
    campaign: object,
    *,
    segment: object,
    purpose: object,
    channel: object,
    account: object,
    template: object,
    parameters: Mapping[str, Any] | None,
    max_people: object,
    starts_at: object,
    ends_at: object,
) -> dict[str, Any]:
    """Return the parameters of the query create_campaign.

    Raises:
        InvalidValue: one cannot be used.
    """
    name = clean_campaign(campaign)
    if name == NEXT_ACTION:
        raise InvalidValue(f"the campaign {name} is that of all next actions", hint="choose another name")
    starts, ends = (None if each is None else clean_instant(each) for each in (starts_at, ends_at))
    if starts is not None and ends is not None and starts >= ends:
        raise InvalidValue("the campaign ends before it starts", hint="pass an ends_at after starts_at")
    return {
        "campaign": name,
        "segment": clean_id(segment, "segment", 100),
        "parameters": clean_json({} if parameters is None else parameters, "parameters"),
        "template": None if template is None else clean_id(template, "template"),
        "purpose": clean_word(purpose, "purpose"),
        "channel": clean_word(channel, "channel"),
        "account": clean_word(account, "account"),
        "max_people": None if max_people is None else clean_count(max_people, "max_people", _MOST_PEOPLE),
        "starts_at": starts,
        "ends_at": ends,
    }


def unknown_row(error: ConstraintViolation, given: Mapping[str, Any]) -> ConstraintViolation:
    """Return the error of an unknown purpose or account with what is missing; any other as it is."""
    for what in ("purpose", "account"):
        if error.constraint.endswith(f"_{what}_fkey"):
            return ConstraintViolation(
                f"there is no {what} {given[what]}"
                + (f" of the channel {given['channel']}" if what == "account" else ""),
                query=error.query,
                sqlstate=error.sqlstate,
                hint=f"guestsql query run list_contact_{what}s lists them; set_contact_{what} adds one",
                constraint=error.constraint,
            )
    return error


def is_same_campaign(found: Campaign, wanted: Mapping[str, Any]) -> bool:
    """Return whether a campaign is as it is to be created."""
    given = {**wanted, "parameters": json.loads(wanted["parameters"])}
    return all(getattr(found, name) == value for name, value in given.items())


def campaign_from(row: Any) -> Campaign:  # noqa: ANN401  a row of get_campaign
    """Return the campaign in a row."""
    return Campaign(**{name: getattr(row, name) for name in Campaign.__dataclass_fields__})


def contact_action_from(row: Any) -> ContactAction:  # noqa: ANN401  a row of claim_actions
    """Return the claimed action in a row."""
    return ContactAction(**{name: getattr(row, name) for name in ContactAction.__dataclass_fields__})


def next_action_from(row: Any) -> NextAction:  # noqa: ANN401  a row of get_next_action or set_next_action
    """Return the next action in a row."""
    return NextAction(**{name: getattr(row, name) for name in NextAction.__dataclass_fields__})
