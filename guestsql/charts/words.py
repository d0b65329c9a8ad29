"""What a chart says: words, names of days and months, numbers, times."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from guestsql.languages import LANGUAGES, N_, Language, language

__all__ = ["Words", "clean", "finite", "words_in"]

_UNKNOWN = "\u2013"
_SIGNIFICANT = 3
_LEAST_SHOWN = 0.01
_LONGEST = 1e15


@dataclass(frozen=True, slots=True)
class Words:
    """What a chart says in one language.

    Attributes:
        language: of messages, numbers and dates.
    """

    language: Language

    @property
    def months(self) -> Sequence[str]:
        """The short names of the months."""
        return self.language.months

    @property
    def days(self) -> Sequence[str]:
        """The short names of the weekdays, Monday first."""
        return self.language.weekdays

    def say(self, key: str, **values: object) -> str:
        """Return a text.

        Args:
            key: which.
            values: what it names.
        """
        return self.language.gettext(_TEXTS[key], **values)

    def number(self, value: float | None, digits: int = 2) -> str:
        """Return a number in this language, without needless zeros.

        Args:
            value: the number; None for an unknown one.
            digits: behind the decimal sign, at most.
        """
        if value is None:
            return _UNKNOWN
        small = 0 < abs(value) < _LEAST_SHOWN
        if small or abs(value) >= _LONGEST:
            return f"{value:.{_SIGNIFICANT}g}".replace(".", self.language.decimal_mark)
        whole, _, fraction = f"{value:,.{digits}f}".partition(".")
        whole = "0" if whole == "-0" and not fraction.strip("0") else whole
        return self.language.decimal_mark.join(
            part for part in (whole.replace(",", self.language.group_mark), fraction.rstrip("0")) if part
        )

    def moment(self, value: date) -> str:
        """Return a day or a time in this language.

        Args:
            value: a date or a datetime, by the clock to be shown.
        """
        day = self.language.date(value)
        return f"{day} {self.language.time(value, seconds=False)}" if isinstance(value, datetime) else day

    def day_of_month(self, value: date) -> str:
        """Return the day and its month in this language."""
        month = self.months[value.month - 1]
        return f"{month} {value.day}" if self.language.code == "en" else f"{value.day} {month}"

    def joined(self, names: Sequence[str]) -> str:
        """Return the names as a list in a sentence."""
        *first, last = names
        return f"{', '.join(first)} {self.say('and')} {last}" if first else last


def words_in(code: str) -> Words:
    """Return the words of a language.

    Args:
        code: such as `es`, `es-CO` or `en_GB`; English for one that is not known.
    """
    known = code.lower()[:2]
    return Words(language(known if known in LANGUAGES else "en"))


def clean(text: str, longest: int = 200) -> str:
    """Return a text of one line that any picture can hold.

    Args:
        text: any text of a row or a file.
        longest: characters, at most.
    """
    line = " ".join("".join(_shown(char) for char in text[: 4 * longest]).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def _shown(char: str) -> str:
    if char in "\ufffe\uffff":
        return "\ufffd"
    category = unicodedata.category(char)
    return " " if category == "Cc" else "\ufffd" if category == "Cs" else char


def finite(value: object) -> float | None:
    """Return a number as a float; None for NULL, NaN and what no float holds.

    Args:
        value: an int, a float or a Decimal.

    Raises:
        TypeError: no number.
    """
    if value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # a wrong one raises
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


_TEXTS = {
    "and": N_("and"),
    "by": N_("%(what)s by %(by)s"),
    "none": N_("none"),
    "to": N_("to"),
    "before": N_("before: %(number)s"),
    "true": N_("yes"),
    "false": N_("no"),
    "other": N_("other"),
    "empty": N_("No rows to show"),
    "unknown": N_("No values to show"),
    "rows": N_("first %(shown)s of %(all)s rows"),
    "categories": N_("first %(shown)s of %(all)s"),
    "series": N_("the %(shown)s largest of %(all)s series"),
    "others": N_("the %(shown)s largest of %(all)s series, and all others"),
    "without": N_("not shown: %(count)s without %(column)s"),
    "millions": N_("millions"),
    "billions": N_("billions"),
    "trillions": N_("trillions"),
    "line": N_("Line chart"),
    "bar": N_("Bar chart"),
    "stacked": N_("Stacked bar chart"),
    "heatmap": N_("Heat map"),
    "funnel": N_("Funnel"),
    "number": N_("Figures"),
    "points": N_("%(count)s points"),
    "point": N_("1 point"),
    "from_to": N_("from %(first)s to %(last)s"),
    "figures": N_(
        "%(name)s: first %(first)s, last %(last)s, least %(least)s (%(least_at)s), most %(greatest)s (%(greatest_at)s)"
    ),
    "no_values": N_("%(name)s: no values"),
}
