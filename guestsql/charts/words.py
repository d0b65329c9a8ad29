"""What a chart says in English and in Spanish: words, names of days and months, numbers, times."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

__all__ = ["Words", "clean", "finite", "words_in"]

_UNKNOWN = "\u2013"
_SIGNIFICANT = 3
_LEAST_SHOWN = 0.01
_LONGEST = 1e15


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language.

    Attributes:
        language: its code.
        decimal: between a number's whole part and its fraction.
        thousands: between groups of three digits.
        months: the short names of the months.
        days: the short names of the weekdays, Monday first.
        texts: the other words by their key.
    """

    language: str
    decimal: str
    thousands: str
    months: tuple[str, ...]
    days: tuple[str, ...]
    texts: dict[str, str]

    def say(self, key: str, **values: object) -> str:
        """Return a text.

        Args:
            key: which.
            values: what it names.
        """
        return self.texts[key].format(**values)

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
            return f"{value:.{_SIGNIFICANT}g}".replace(".", self.decimal)
        whole, _, fraction = f"{value:,.{digits}f}".partition(".")
        whole = "0" if whole == "-0" and not fraction.strip("0") else whole
        return self.decimal.join(part for part in (whole.replace(",", self.thousands), fraction.rstrip("0")) if part)

    def moment(self, value: date) -> str:
        """Return a day or a time in this language.

        Args:
            value: a date or a datetime, by the clock to be shown.
        """
        month = self.months[value.month - 1]
        day = f"{month} {value.day}, {value.year}" if self.language == "en" else f"{value.day} {month} {value.year}"
        return f"{day} {value:%H:%M}" if isinstance(value, datetime) else day

    def day_of_month(self, value: date) -> str:
        """Return the day and its month in this language."""
        month = self.months[value.month - 1]
        return f"{month} {value.day}" if self.language == "en" else f"{value.day} {month}"

    def joined(self, names: Sequence[str]) -> str:
        """Return the names as a list in a sentence."""
        *first, last = names
        return f"{', '.join(first)} {self.texts['and']} {last}" if first else last


def words_in(language: str) -> Words:
    """Return the words of a language.

    Args:
        language: a code such as `es`, `es-CO` or `en_GB`; English for one that is not known.
    """
    return _SPANISH if language.lower().startswith("es") else _ENGLISH


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


_ENGLISH = Words(
    language="en",
    decimal=".",
    thousands=",",
    months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    days=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    texts={
        "and": "and",
        "by": "{what} by {by}",
        "none": "none",
        "true": "yes",
        "false": "no",
        "other": "other",
        "empty": "No rows to show",
        "unknown": "No values to show",
        "rows": "first {shown} of {all} rows",
        "categories": "first {shown} of {all}",
        "series": "{shown} of {all} {what} shown",
        "others": "{what} beyond the {shown} largest: other",
        "without": "{count} without {column} not shown",
        "millions": "millions",
        "billions": "billions",
        "trillions": "trillions",
        "line": "Line chart",
        "bar": "Bar chart",
        "stacked": "Stacked bar chart",
        "heatmap": "Heat map",
        "funnel": "Funnel",
        "number": "Figures",
        "points": "{count} points",
        "point": "1 point",
        "from_to": "from {first} to {last}",
        "figures": "{name}: first {first}, last {last}, least {least} ({least_at}), most {greatest} ({greatest_at})",
        "no_values": "{name}: no values",
        "more": "and {count} more",
    },
)
_SPANISH = Words(
    language="es",
    decimal=",",
    thousands=".",
    months=("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"),
    days=("lun", "mar", "mié", "jue", "vie", "sáb", "dom"),
    texts={
        "and": "y",
        "by": "{what} por {by}",
        "none": "ninguno",
        "true": "sí",
        "false": "no",
        "other": "otros",
        "empty": "No hay filas que mostrar",
        "unknown": "No hay valores que mostrar",
        "rows": "primeras {shown} de {all} filas",
        "categories": "primeros {shown} de {all}",
        "series": "se muestran {shown} de {all} {what}",
        "others": "{what} fuera de los {shown} mayores: otros",
        "without": "{count} sin {column} no se muestran",
        "millions": "millones",
        "billions": "miles de millones",
        "trillions": "billones",
        "line": "Gráfico de líneas",
        "bar": "Gráfico de barras",
        "stacked": "Gráfico de barras apiladas",
        "heatmap": "Mapa de calor",
        "funnel": "Embudo",
        "number": "Cifras",
        "points": "{count} puntos",
        "point": "1 punto",
        "from_to": "de {first} a {last}",
        "figures": "{name}: primero {first}, último {last}, mín. {least} ({least_at}), máx. {greatest} ({greatest_at})",
        "no_values": "{name}: sin valores",
        "more": "y {count} más",
    },
)
