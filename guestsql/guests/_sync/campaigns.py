# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The methods for campaigns: whom to contact, and what became of it. Nothing here sends a message."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from guestsql.errors import ConstraintViolation, InvalidValue, LeaseLost
from guestsql.guests._sync.session import Session
from guestsql.guests.campaigns import (
    STATES,
    Campaign,
    CampaignPlan,
    ContactAction,
    PlanFigure,
    campaign_from,
    clean_campaign,
    clean_result,
    is_same_campaign,
    new_campaign,
    unknown_row,
)
from guestsql.guests.consent import clean_word
from guestsql.guests.segments import SEGMENT_KEY, segment_query
from guestsql.guests.values import clean_count, clean_id, clean_instant, clean_seconds
from guestsql.telemetry.log import event
from guestsql.wording import counted

__all__ = ["SyncCampaigns"]

_MOST_ACTIONS = 1000
_SHORTEST_LEASE_SECONDS = 1.0
# Each page reads all who consented: the view is a security barrier, so the page's first key does not reach the tables.
_PAGE_ROWS = 250_000
_PLANNED_AT_ONCE = 2000
_CONSIDERED_AT_LEAST = 100
_LARGEST_ID = 2**63 - 1
_DEFAULT_ACCOUNT = "whatsapp"


class SyncCampaigns(Session):
    """The methods for campaigns and next actions."""

    def create_campaign(
        self,
        campaign: str,
        *,
        segment: str,
        purpose: str,
        template: str | None = None,
        channel: str = "whatsapp",
        account: str = "whatsapp",
        parameters: Mapping[str, Any] | None = None,
        max_people: int | None = None,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
    ) -> Campaign:
        """Create a campaign; may be repeated. It contacts no one until `plan_campaign` and `claim_actions`.

        Args:
            campaign: its name: 1 to 100 lowercase letters, digits, dots, hyphens and underscores.
            segment: the segment that lists its people: a query marked `-- segment: NAME`.
            purpose: what it is for, as in `give_consent`; a row of contact_purposes.
            template: what is sent, 1 to 500 characters; None if the sender decides.
            channel: through which it contacts people, as in `give_consent`.
            account: the account that sends; a row of contact_accounts.
            parameters: the segment's parameters by name, values as in JSON; None for the defaults.
            max_people: the most people that it is planned for, 1 or more; None for any number.
            starts_at: when its actions are first handed out, with a zone; None for at once.
            ends_at: when that ends, with a zone; None for no end.

        Returns:
            The campaign.

        Raises:
            InvalidValue: an argument is unusable, there is no such segment, or there is another campaign of the name.
            ConstraintViolation: there is no such purpose or account.

        SQL: queries/internal/campaigns.sql
        """
        wanted = new_campaign(
            campaign,
            segment=segment,
            purpose=purpose,
            channel=channel,
            account=account,
            template=template,
            parameters=parameters,
            max_people=max_people,
            starts_at=starts_at,
            ends_at=ends_at,
        )
        segment_query(self._in_use.catalogue.values(), segment, parameters or {})
        try:
            self._call("create_campaign", **wanted)
        except ConstraintViolation as error:
            raise unknown_row(error, wanted) from error
        found = self._campaign(wanted["campaign"])
        if not is_same_campaign(found, wanted):
            raise InvalidValue(
                f"there is a campaign {found.campaign} already, with other properties",
                hint="choose another name; the properties of a campaign do not change",
            )
        return found

    def get_campaign(self, campaign: str) -> Campaign | None:
        """Return a campaign, or None.

        Args:
            campaign: its name.

        Returns:
            The campaign; None if there is none.

        Raises:
            InvalidValue: it is not a campaign's name.

        SQL: queries/internal/campaigns.sql
        """
        row = self._call("get_campaign", campaign=clean_campaign(campaign))
        return None if row is None else campaign_from(row)

    def set_campaign_state(self, campaign: str, state: str) -> Campaign:
        """Pause, resume or end a campaign. When this returns, no claim that began before is still under way.

        Args:
            campaign: its name.
            state: `active`, `paused`: nothing is handed out, or `ended`: nothing is planned either.

        Returns:
            The campaign.

        Raises:
            InvalidValue: there is no such campaign or state.

        SQL: queries/internal/campaigns.sql
        """
        if state not in STATES:
            raise InvalidValue(f"{state!r} is not a state", hint=f"states: {', '.join(STATES)}")
        name = clean_campaign(campaign)
        self._call("set_campaign_state", campaign=name, state=state)
        return self._campaign(name)

    def plan_campaign(self, campaign: str, *, dry_run: bool = False, at: datetime | None = None) -> CampaignPlan:
        """Plan a message to each guest of a campaign's segment; may be repeated, and adds who has joined the segment.

        A guest whom a rule excludes for good is not planned. The rules are evaluated again by `claim_actions`.

        Args:
            campaign: its name.
            dry_run: True to plan nothing and only count.
            at: the time for which the figures are computed, with a zone; None for now.

        Returns:
            The plan in figures, as of before it.

        Raises:
            InvalidValue: there is no such campaign, it has ended or no segment, or its segment is gone.

        SQL: queries/internal/campaigns.sql
        """
        moment = None if at is None else clean_instant(at)
        found = self._campaign(clean_campaign(campaign))
        if found.segment is None or found.state == "ended":
            why = "has no segment" if found.segment is None else "has ended"
            raise InvalidValue(f"the campaign {found.campaign} {why}", hint="create a campaign")
        keys = self._segment_keys(found, found.segment)
        named = {"campaign": found.campaign, "timezone": str(self._settings.timezone)}
        rows = self._call("preview_campaign", phone_numbers=keys, moment=moment, **named)
        planned = 0
        for batch in () if dry_run else _batches(keys):
            planned += self._call("plan_actions", phone_numbers=batch, **named)
        if planned:
            self._after_commit(partial(_planned, found.campaign, planned))
        figures = [PlanFigure(**row._asdict()) for row in rows]
        return CampaignPlan(campaign=found.campaign, people=len(keys), planned_people=planned, figures=figures)

    def claim_actions(
        self,
        campaign: str | None = None,
        *,
        account: str | None = None,
        max_actions: int = 10,
        lease_seconds: float = 300.0,
        dry_run: bool = False,
    ) -> list[ContactAction]:
        """Claim actions that are due, to send each message and to call `record_result`.

        Every contact rule is evaluated in the claiming statement, as of that moment. An action that a rule forbids is
        refused: for good, or until the rule permits it. A claimed action is never handed out again, even if its sender
        is killed: then it is shown as `maybe sent`, and you decide what to record.

        Args:
            campaign: only actions of this campaign; None for all of the account, next actions included.
            account: the account that sends; None for that of the campaign, else `whatsapp`.
            max_actions: the most actions to claim, 1 to 1,000.
            lease_seconds: within how many seconds you record a result, 1 to 86,400.
            dry_run: True to claim and refuse nothing: the statement is rolled back.

        Returns:
            The actions in the order in which they were due; they have one purpose, channel and template. Empty when
            none is due.

        Raises:
            InvalidValue: an argument is out of range, there is no such campaign, or it has another account.
            DatabaseError: there is no such account.
            TransactionError: it is called in a transaction: the claim would not be stored until that is committed.

        SQL: queries/internal/campaigns.sql
        """
        limit = clean_count(max_actions, "max_actions", _MOST_ACTIONS)
        parameters: dict[str, object] = {
            "campaign": None if campaign is None else clean_campaign(campaign),
            "account": self._account(campaign, account),
            "max_actions": limit,
            "max_considered": max(limit, _CONSIDERED_AT_LEAST),
            "lease_seconds": clean_seconds(lease_seconds, "lease_seconds", _SHORTEST_LEASE_SECONDS),
            "timezone": str(self._settings.timezone),
        }
        self._ready()
        claim = self._actions.rehearse if dry_run else self._actions.claim
        return claim(parameters)

    def release_action(self, action: ContactAction, *, due_at: datetime | None = None) -> None:
        """Plan a claimed action again that was certainly not sent, for example because the gateway refused the call.

        The contact no longer counts for the guest. For the limit of the account it counts until 24 hours have passed.

        Args:
            action: what `claim_actions` returned.
            due_at: when it may be claimed again, with a zone; None for at once.

        Raises:
            LeaseLost: a result was recorded, it was released already, or its guest was erased.

        SQL: queries/internal/campaigns.sql
        """
        due = None if due_at is None else clean_instant(due_at)
        released = self._call("release_action", action_id=action.action_id, lease=action.lease, due_at=due)
        if not released:
            raise LeaseLost(
                f"action {action.action_id} was not released: a result was recorded, it was released already, or its "
                "guest was erased",
                hint="guestsql campaign show lists the actions",
            )

    def record_result(
        self,
        action: ContactAction | int | None,
        result: str,
        *,
        code: str | int | None = None,
        message_id: str | None = None,
        at: datetime | None = None,
    ) -> bool:
        """Record what became of an action; may be repeated, and in any order.

        `opted_out`, and a code that means it (result_codes.is_opt_out), withdraw every consent to messages through the
        channel. Other codes do not.

        Args:
            action: what `claim_actions` returned, or its number; None if `message_id` names it.
            result: `sent`, `delivered`, `read`, `replied`, `opted_out`, `failed` or `failed:CODE`.
            code: the code of a failure, as the gateway reports it; None without one.
            message_id: the id that the gateway gave to the message, 1 to 500 characters; None if unknown. Pass it with
                `sent`, and the gateway's later events can name the action by it.
            at: when it happened, with a zone; None for now.

        Returns:
            False if there is no such action, perhaps because its guest was erased.

        Raises:
            InvalidValue: an argument is unusable, or neither the action nor the message is named.

        SQL: queries/internal/campaigns.sql
        """
        name, found_code = clean_result(result, code)
        sent_id = None if message_id is None else clean_id(message_id, "message_id")
        number = action.action_id if isinstance(action, ContactAction) else action
        if number is None and sent_id is None:
            raise InvalidValue("neither the action nor the message is named", hint="pass an action or a message_id")
        return bool(
            self._call(
                "record_result",
                action_id=None if number is None else clean_count(number, "action", _LARGEST_ID),
                sent_message_id=sent_id,
                result=name,
                code=found_code,
                occurred_at=None if at is None else clean_instant(at),
            )
        )

    def _campaign(self, name: str) -> Campaign:
        row = self._call("get_campaign", campaign=name)
        if row is None:
            raise InvalidValue(
                f"there is no campaign {name}", hint="guestsql campaign show lists them; create_campaign makes one"
            )
        return campaign_from(row)

    def _account(self, campaign: str | None, account: str | None) -> str:
        """Return the account of a claim."""
        chosen = None if account is None else clean_word(account, "account")
        known = None if campaign is None else (self._campaign(clean_campaign(campaign))).account
        if chosen is not None and known not in (None, chosen):
            raise InvalidValue(
                f"the campaign {campaign} has the account {known}, not {chosen}", hint="omit the account"
            )
        return chosen or known or _DEFAULT_ACCOUNT

    def _segment_keys(self, campaign: Campaign, segment: str) -> list[str]:
        """Return the keys of the segment's guests, each once; page by page if its query can do that."""
        query = segment_query(self._in_use.catalogue.values(), segment, campaign.parameters)
        given = {**campaign.parameters, "purpose": campaign.purpose, "channel": campaign.channel}
        declared = {each.name for each in query.parameters}
        if not {"after", "max_rows"} <= declared:
            rows = self._call(query.name, **given)
            return list(dict.fromkeys(key for row in rows if (key := getattr(row, SEGMENT_KEY)) is not None))
        keys: dict[str, None] = {}
        after = ""
        while True:
            rows = self._call(query.name, **given, after=after, max_rows=_PAGE_ROWS)
            keys |= dict.fromkeys(getattr(row, SEGMENT_KEY) for row in rows)
            if len(rows) < _PAGE_ROWS:
                return list(keys)
            after = getattr(rows[-1], SEGMENT_KEY)


def _batches(keys: list[str]) -> Iterator[list[str]]:
    return (keys[begin : begin + _PLANNED_AT_ONCE] for begin in range(0, len(keys), _PLANNED_AT_ONCE))


def _planned(campaign: str, people: int) -> None:
    event(
        logging.INFO,
        "CAMPAIGN_PLANNED",
        f"campaign {campaign}: {counted(people, 'person', 'people')} planned",
        rows=people,
    )
