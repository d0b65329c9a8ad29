"""Whom a claim may hand out, computed in Python from the rules of a test: a model without a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
"""The clock changes at night to Sunday: 2024-03-10 and 2024-11-03."""

HOURS = {
    **{weekday: (time(9), time(18)) for weekday in range(1, 6)},
    6: (time(9), time(12)),
}
HOLIDAY = date(2024, 3, 11)
KNOWN_YEARS = {2024}
DAILY_PEOPLE = 3
REPLY_WINDOW = timedelta(hours=24)
CHANNELS = {"whatsapp": "whatsapp", "sms": "sms"}
"""The channel of each account. Only `whatsapp` has a limit of people and needs a template."""

TEMPLATES = {"offer"}
CAMPAIGNS = {
    "wa-offer": ("marketing", "whatsapp", "offer"),
    "wa-free": ("marketing", "whatsapp", None),
    "sms-offer": ("marketing", "sms", None),
}
"""Purpose, account and template of each campaign. A next action is for `service`, by `whatsapp`, without a template."""

NEXT = ("service", "whatsapp", None)


@dataclass
class Guest:
    """A guest, as the rules see it.

    Attributes:
        given: when consent to marketing was last given, by channel.
        withdrawn: when every consent was last withdrawn, by channel; `*` is every channel.
        last_message: when the guest last wrote.
        contacts: time, channel and account of each contact.
        is_excluded: the number is in the register.
    """

    given: dict[str, datetime] = field(default_factory=dict[str, datetime])
    withdrawn: dict[str, datetime] = field(default_factory=dict[str, datetime])
    last_message: datetime | None = None
    contacts: list[tuple[datetime, str, str]] = field(default_factory=list[tuple[datetime, str, str]])
    is_excluded: bool = False

    def withdrawn_at(self, channel: str) -> datetime | None:
        return max((at for known, at in self.withdrawn.items() if known in (channel, "*")), default=None)

    def consents(self, channel: str) -> bool:
        given, withdrawn = self.given.get(channel), self.withdrawn_at(channel)
        return given is not None and (withdrawn is None or withdrawn < given)


def kind_of(campaign: str) -> tuple[str, str, str | None]:
    """Return purpose, account and template."""
    return CAMPAIGNS.get(campaign, NEXT)


def lasting_rules(guest: Guest, campaign: str) -> set[str]:
    """The rules that forbid a campaign's message to a guest for good."""
    purpose, account, _ = kind_of(campaign)
    channel = CHANNELS[account]
    given = guest.given.get(channel) if purpose == "marketing" else None
    withdrawn = guest.withdrawn_at(channel)
    found: set[str] = set()
    if withdrawn is not None and (given is None or withdrawn >= given):  # in doubt, no consent
        found.add("opted_out")
    elif purpose == "marketing" and given is None:
        found.add("consent")
    if guest.is_excluded:
        found.add("excluded_number")
    return found


def closed_rules(at: datetime) -> set[str]:
    """The rules by which no one is contacted at a moment."""
    local = at.astimezone(ZONE)
    found: set[str] = set()
    opens, closes = HOURS.get(local.isoweekday(), (time(0), time(0)))
    if not opens <= local.time() < closes:
        found.add("hours")
    if local.date() == HOLIDAY:
        found.add("holiday")
    if local.year not in KNOWN_YEARS:
        found.add("holidays_unknown")
    return found


def passing_rules(guest: Guest, campaign: str, at: datetime) -> set[str]:
    """The rules that forbid it now and not later, except for the limit of the account."""
    purpose, account, template = kind_of(campaign)
    found = closed_rules(at)
    local = at.astimezone(ZONE)
    today = [each for each in guest.contacts if each[0].astimezone(ZONE).date() == local.date()]
    if today:
        found.add("cap_day")
    week = local.isocalendar()[:2]
    channels = {channel for when, channel, _ in guest.contacts if when.astimezone(ZONE).isocalendar()[:2] == week}
    if channels - {CHANNELS[account]}:
        found.add("channels_week")
    is_answer = guest.last_message is not None and guest.last_message > at - REPLY_WINDOW
    if account == "whatsapp" and not is_answer:
        if template not in TEMPLATES:
            found.add("template")
        if purpose == "service" and not guest.consents(CHANNELS[account]):
            found.add("opt_in")
    return found


def refusing_rules(guest: Guest, campaign: str, at: datetime) -> set[str]:
    """All rules that forbid a campaign's message, except for the limit of the account."""
    return lasting_rules(guest, campaign) | passing_rules(guest, campaign, at)


def moments() -> list[datetime]:
    """Where the clock begins: before each border that the rules have."""
    return [
        datetime(2024, 3, 8, 17, 58, tzinfo=ZONE).astimezone(UTC),  # Friday evening, before the clock changes
        datetime(2024, 3, 9, 8, 59, tzinfo=ZONE).astimezone(UTC),  # Saturday; then Sunday, and a holiday
        datetime(2024, 3, 12, 23, 58, tzinfo=ZONE).astimezone(UTC),  # before midnight
        datetime(2024, 11, 1, 12, 0, tzinfo=ZONE).astimezone(UTC),  # the clock changes back
        datetime(2024, 12, 31, 17, 30, tzinfo=ZONE).astimezone(UTC),  # before a year without holidays
        datetime(2024, 5, 8, 10, 0, tzinfo=ZONE).astimezone(UTC),
    ]
