"""National phone numbers, completed with the country code of GUESTSQL_DEFAULT_REGION."""

from __future__ import annotations

import re
from functools import cache

from guestsql.errors import InvalidUserId

__all__ = ["complete_national"]

# Groups of digits, as in a number without country code; `(01)` is an area code.
_GROUPS = re.compile(r"[0-9]+(?:(?: *[-.] *| +)[0-9]+)*")
_LONGEST = 15  # in any country
_AREA_CODE = re.compile(r"\(([0-9]{1,5})\)")


def complete_national(text: str, region: str) -> str | None:
    """Return the digits of a national number with the country code before them; None when it is not one.

    Args:
        text: the number, without `+` or `00`.
        region: two letters, such as `CO`.

    Raises:
        InvalidUserId: the same digits are also a number of another country.
    """
    spelled = _AREA_CODE.sub(r" \1 ", text).strip(" ")
    if not _GROUPS.fullmatch(spelled):
        return None
    digits = re.sub("[^0-9]", "", spelled)
    longest, prefix = _limits(region)
    if not digits.startswith("0") and len(digits) > longest + (len(prefix) if digits.startswith(prefix) else 0):
        return None  # most numbers with a country code end here: the numbering plans are slow to ask
    completed = _valid_digits(digits, region)
    if completed is None or completed == digits:
        return None
    if _valid_digits(f"+{digits}", None) is not None:
        # An id of WhatsApp has a country code without a sign of it, so neither reading is certain.
        raise InvalidUserId(
            f"not clearly a number of {region}: with a + before it, it is one of another country",
            hint="write it with + and the country code, or as a chat id (…@s.whatsapp.net)",
        )
    return completed


@cache
def _limits(region: str) -> tuple[int, str]:
    """The length of the region's longest numbers, and the prefix that is dialled before them."""
    import phonenumbers  # noqa: PLC0415  an extra, and slow to import

    known = phonenumbers.PhoneMetadata.metadata_for_region(region)
    if known is None or known.general_desc is None:
        return _LONGEST, ""
    return max(known.general_desc.possible_length), known.national_prefix or ""


def _valid_digits(number: str, region: str | None) -> str | None:
    """The digits of a number that the numbering plans know, with its country code."""
    import phonenumbers  # noqa: PLC0415  an extra, and slow to import

    try:
        known = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(known):
        return None
    return f"{known.country_code}{phonenumbers.national_significant_number(known)}"
