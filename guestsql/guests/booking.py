"""A booking's status and value, checked before they reach the database."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from guestsql.errors import InvalidValue
from guestsql.guests.values import clean_text

__all__ = ["STATUSES", "clean_money", "clean_status"]

STATUSES = ("interested", "booked", "inactive", "lost")
"""What a booking status can be."""

_TOO_MUCH = Decimal(10) ** 12
_CURRENCY_LETTERS = 3


def clean_status(status: object) -> str:
    """Return a booking status.

    Args:
        status: one of `STATUSES`.

    Raises:
        InvalidValue: it is another one.
    """
    if not isinstance(status, str) or status not in STATUSES:
        raise InvalidValue(f"a booking status is {', '.join(STATUSES[:-1])} or {STATUSES[-1]}, not {status!r}")
    return status


def clean_money(value: object, currency: object) -> tuple[Decimal | None, str | None]:
    """Return a value and its currency; both are None, or neither is.

    Args:
        value: a number of 0 or more and below 10^12, with two decimal places at most.
        currency: three letters, as in ISO 4217.

    Raises:
        InvalidValue: one of them is missing or unusable.
    """
    if value is None and currency is None:
        return None, None
    if value is None or currency is None:
        raise InvalidValue("a value needs its currency, and a currency its value", hint='value=350_000, currency="COP"')
    letters = clean_text(currency, "currency").upper()
    if len(letters) != _CURRENCY_LETTERS or not (letters.isascii() and letters.isalpha()):
        raise InvalidValue(f"currency is three letters, such as COP, not {currency!r}")
    return _amount(value), letters


def _amount(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise InvalidValue(f"value is a number, not {type(value).__name__}")
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise InvalidValue(f"value is a number, not {value!r}") from error
    if not amount.is_finite() or not 0 <= amount < _TOO_MUCH:
        raise InvalidValue(f"value is 0 or more and below {_TOO_MUCH:,}, not {value!r}")
    if amount != round(amount, 2):
        raise InvalidValue(f"value has more than two decimal places: {value!r}", hint="round it")
    return amount
