"""The languages of pages, reports and charts: messages from `es.po`, numbers and times by Babel.

Only pages, reports and the rendering of charts may import this: it needs Babel, of the extra `pages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import cache, cached_property, lru_cache

from babel import Locale
from babel.dates import format_date, get_day_names, get_month_names
from babel.numbers import get_decimal_symbol, get_group_symbol
from babel.support import NullTranslations

from guestsql.languages.messages import read_translations
from guestsql.languages.numbers import NumberFormat

__all__ = ["LANGUAGES", "N_", "Language", "language"]

LANGUAGES: Mapping[str, str] = {"en": "English", "es": "Español"}
"""Each language's code and its own name; the first one is that of the messages in the code."""


def N_(message: str) -> str:  # noqa: N802  the name by which Babel's extractor finds such messages
    """Mark a message that is translated later, such as one of a constant.

    Args:
        message: in English.
    """
    return message


class Language:
    """One language: messages, numbers, dates, times and durations.

    Attributes:
        code: `en` or `es`, for `<html lang>`.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        self._locale = Locale.parse(code)
        self._numbers = NumberFormat(self._locale)

    @property
    def name(self) -> str:
        """What speakers of the language call it."""
        return LANGUAGES[self.code]

    @cached_property
    def _translations(self) -> NullTranslations:
        return NullTranslations() if self.code == next(iter(LANGUAGES)) else read_translations(self.code)

    @cached_property
    def months(self) -> tuple[str, ...]:
        """The short names of the months, January first."""
        names = get_month_names("abbreviated", locale=self._locale)
        return tuple(names[number] for number in range(1, 13))

    @cached_property
    def weekdays(self) -> tuple[str, ...]:
        """The short names of the weekdays, Monday first."""
        names = get_day_names("abbreviated", locale=self._locale)
        return tuple(names[number] for number in range(7))

    @cached_property
    def decimal_mark(self) -> str:
        """What is between a number's whole part and its fraction."""
        return get_decimal_symbol(self._locale)

    @cached_property
    def group_mark(self) -> str:
        """What is between groups of three digits."""
        return get_group_symbol(self._locale)

    def gettext(self, message: str, /, **values: object) -> str:
        """Return a message in this language; templates call this `_`.

        Args:
            message: plain text in English, such as `"%(count)s queries"`; never HTML.
            **values: what replaces the placeholders. Without any, a `%` is a plain character.
        """
        text = self._translations.gettext(message)
        return text % values if values else text

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str:
        """Return the form of a message for a number.

        Args:
            one: the English message for 1.
            many: the English message for any other number.
            number: replaces `%(num)s`, written as the language does.
            **values: what replaces other placeholders.
        """
        text = self._translations.ngettext(one, many, number)
        return text % {"num": self.number(number), **values}

    def pick(self, english: str | None, spanish: str | None) -> str | None:
        """Return a query's own text: the Spanish one for Spanish readers, if there is one.

        Args:
            english: what the comment says.
            spanish: what its `-- es:` says; None or empty if there is none.
        """
        return spanish if self.code == "es" and spanish else english

    def number(self, value: float | Decimal, decimals: int | None = None, *, is_grouped: bool | None = None) -> str:
        """Return a number with this language's decimal mark; whole parts of five digits or more are grouped.

        Args:
            value: any number, also NaN or infinite.
            decimals: round to so many, 0 or more; None keeps every digit.
            is_grouped: whether digits are grouped, in a column where all are written alike; None: by the number itself.
        """
        return self._numbers.number(value, decimals, is_grouped=is_grouped)

    def percent(self, share: float | Decimal, decimals: int = 0) -> str:
        """Return a share as a percentage.

        Args:
            share: 1 is 100 %.
            decimals: 0 or more.
        """
        return self._numbers.percent(share, decimals)

    def size(self, number: float | Decimal) -> str:
        """Return a number of bytes with its unit, such as `1.5 MB`; a kilobyte is 1000 bytes.

        Args:
            number: finite.
        """
        return self._numbers.size(number)

    def duration(self, value: timedelta | float | Decimal) -> str:
        """Return a duration in its two largest units, such as `1 h 5 min`, `2.5 s` or `12 ms`.

        Args:
            value: seconds if it is a number.
        """
        return self._numbers.duration(value)

    def date(self, value: date) -> str:
        """Return a date, such as `Nov 9, 2026` or `9 nov 2026`.

        Args:
            value: a datetime counts with its own date.
        """
        return _date(value.date() if isinstance(value, datetime) else value, self._locale)

    def time(self, value: time | datetime, *, seconds: bool = True) -> str:
        """Return a time of the day in 24 hours, such as `23:26:07`.

        Args:
            value: its own clock, whatever its zone.
            seconds: False for `23:26`.
        """
        return value.strftime("%H:%M:%S" if seconds else "%H:%M")

    def moment(self, value: datetime, zone: tzinfo, *, seconds: bool = True) -> str:
        """Return a date and time in the hotel's zone, such as `Nov 9, 2026 23:26:07`.

        Args:
            value: without a zone it is shown as it is.
            zone: the hotel's.
            seconds: False for `Nov 9, 2026 23:26`.
        """
        try:
            local = value.astimezone(zone) if value.tzinfo is not None else value
        except OverflowError:  # a time at either end of the calendar
            return value.isoformat(" ")
        return f"{self.date(local)} {self.time(local, seconds=seconds)}"


@cache
def language(code: str) -> Language:
    """Return a language.

    Args:
        code: one of `LANGUAGES`.

    Raises:
        KeyError: there is no such language.
    """
    if code not in LANGUAGES:
        raise KeyError(f"no language {code!r}: there is {', '.join(LANGUAGES)}")
    return Language(code)


@lru_cache(maxsize=4096)
def _date(value: date, locale: Locale) -> str:
    return format_date(value, "medium", locale=locale)
