"""The form of a query: a field for each parameter, by its type, default and comment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from guestsql.adhoc.parameters import MissingParameter, ParameterError, parse_values
from guestsql.languages import Language
from guestsql.ops.gauges.personal import is_personal_value
from guestsql.pages.masking import Masking
from guestsql.pages.request import Given
from guestsql.sql import Parameter, Query
from guestsql.sql.type_names import element_type, plain_type

__all__ = ["OWN_NAMES", "Choice", "Field", "Form", "Options", "own_value", "read_form"]

OWN_NAMES = ("lang", "plan", "refresh", "sort")
"""What an address may ask of the page itself: as `_sort`, and as `sort` where the query has no such parameter."""

_NULLS = "_null"
# An array literal whose elements may as well be written with commas between them.
_SIMPLE_ARRAY = re.compile(r"\{((?!.*null)[^{}\"\\]*)\}", re.IGNORECASE)
_NUMBERS = {"smallint", "integer", "bigint", "oid"}
_DECIMALS = {"numeric", "real", "double precision", "money"}
# What a browser's input of this type can hold; any other value, such as infinity, needs a plain input.
_INPUTS = {
    "date": ("date", re.compile(r"\d{4}-\d\d-\d\d")),
    "time": ("time", re.compile(r"\d\d:\d\d(?::\d\d)?")),
    "timestamp": ("datetime-local", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?")),
    "timestamptz": ("datetime-local", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?")),
}

# The values that the server, or a query, offers for a parameter, with labels; None when anything may be given.
Options = Callable[[Parameter], Sequence[tuple[str, str]] | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of a select list."""

    value: str
    label: str
    is_selected: bool


@dataclass(slots=True)
class Field:
    """A parameter as a form shows it.

    Attributes:
        name: the parameter's.
        kind: `select`, `textarea`, or the type of an input.
        value: what the input holds.
        hint: the parameter's text and type.
        mode: the keyboard of a phone, or "".
        options: of a select list.
        is_multiple: several options may be chosen.
        is_required: it has no default.
        is_null: NULL is given.
        error: what is wrong with the value, or "".
    """

    name: str
    kind: str
    value: str
    hint: str
    mode: str = ""
    options: Sequence[Choice] = ()
    is_multiple: bool = False
    is_required: bool = False
    is_null: bool = False
    error: str = ""

    @property
    def id(self) -> str:
        """Its id in the page."""
        return f"p-{self.name}"


@dataclass(slots=True)
class Form:
    """The form of a query.

    Attributes:
        fields: in the order of the declaration.
        values: for the server, by parameter; None while something is missing or wrong.
        given: what the request gives, by parameter, for links; several values of an array.
        is_personal: a parameter may identify a guest, so that the values do not belong in an address.
        errors: what is wrong with the request as a whole.
    """

    fields: list[Field]
    values: dict[str, str | None] | None = None
    given: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    is_personal: bool = False
    errors: list[str] = field(default_factory=list[str])

    @property
    def method(self) -> str:
        """How a browser sends it."""
        return "post" if self.is_personal else "get"

    @property
    def is_wrong(self) -> bool:
        """True when something was given that cannot be used."""
        return bool(self.errors) or any(each.error for each in self.fields if self.given)

    @property
    def focused(self) -> str:
        """The first field with a value that cannot be used, where a reader continues; or ""."""
        return next((each.name for each in self.fields if each.error), "") if self.given else ""

    def refuse(self, error: ParameterError) -> None:
        """Show an error beside the parameter that it names."""
        self.values = None
        place = next((each for each in self.fields if each.name == error.parameter), None)
        if place is None:
            self.errors.append(str(error))
        else:
            place.error = error.reason


def own_value(query: Query, given: Given, name: str) -> str | None:
    """Return what the address asks of the page itself.

    Args:
        query: of the page.
        given: names and values.
        name: one of `OWN_NAMES`.
    """
    is_parameter = any(each.name == name for each in query.parameters)
    asked = given.all(f"_{name}") or ([] if is_parameter else given.all(name))
    # The button of a heading comes behind the form's hidden field with the order until then.
    return asked[-1] if asked else None


def read_form(  # noqa: PLR0917  what a form depends on
    query: Query,
    given: Given,
    language: Language,
    zone: ZoneInfo,
    options: Options,
    masking: Masking,
    *,
    from_body: bool,
) -> Form:
    """Read the values of a request into the form.

    Args:
        query: whose form it is.
        given: names and values of the request.
        language: of the messages.
        zone: in which times without a zone are meant.
        options: the values that a parameter may have.
        masking: which parameters identify a guest.
        from_body: False for the address, in which nothing may identify a guest.
    """
    _ = language.gettext
    names = {each.name for each in query.parameters}
    nulls = set(given.all(_NULLS))
    form = Form([], is_personal=any(masking.is_personal(name) for name in names))
    form.errors = [
        _("%(query)s has no parameter “%(name)s”.", query=query.name, name=name)
        for name in given.values
        if name not in names and name != _NULLS and not _is_own(name)
    ]
    texts: dict[str, str | None] = {}
    for parameter in query.parameters:
        wanted = given.all(parameter.name)
        error = ""
        if wanted and masking.is_personal(parameter.name) and not from_body:
            error = _("This value identifies a guest, so it is not taken from the address. Enter it here.")
            wanted = []
            form.given[parameter.name] = []
        elif len(wanted) > 1 and element_type(parameter.type) is None:
            error = _("This value is given twice.")
        made = _field(parameter, wanted, options(parameter), language)
        made.error = error
        made.is_null = parameter.name in nulls
        form.fields.append(made)
        if wanted or made.is_null:
            form.given[parameter.name] = wanted
        if made.is_null:
            texts[parameter.name] = None
        elif not _is_blank(parameter, wanted):
            texts[parameter.name] = _for_server(parameter, wanted, zone)
    _require(form, query, texts, language)
    return form


def _require(form: Form, query: Query, texts: Mapping[str, str | None], language: Language) -> None:
    """Set the values of the form, or what is missing."""
    for parameter, made in zip(query.parameters, form.fields, strict=True):
        if parameter.default is None and parameter.name not in texts and not made.error:
            made.error = language.gettext("Enter a value.")
    if form.errors or any(each.error for each in form.fields):
        return
    try:
        form.values = parse_values(query, texts)
    except MissingParameter:  # each field shows it
        return
    except ParameterError as error:
        form.refuse(error)


def _is_own(name: str) -> bool:
    return name.removeprefix("_") in OWN_NAMES


def _is_blank(parameter: Parameter, wanted: Sequence[str]) -> bool:
    """An empty input is no value, unless the parameter is a text with a default that it can replace."""
    if any(wanted):
        return False
    is_text = plain_type(parameter.type) == "text" and (parameter.default or "null").lower() != "null"
    return not (wanted and is_text)


def _for_server(parameter: Parameter, wanted: Sequence[str], zone: ZoneInfo) -> str:
    if len(wanted) > 1:
        elements = (each.replace("\\", "\\\\").replace('"', '\\"') for each in wanted)
        return "{" + ",".join(f'"{each}"' for each in elements) + "}"
    text = wanted[0]
    kind = plain_type(parameter.type)
    if kind == "timestamptz" and _INPUTS[kind][1].fullmatch(text.strip()):
        return f"{text.strip().replace('T', ' ')} {zone.key}"
    return text


def _field(
    parameter: Parameter, wanted: Sequence[str], offered: Sequence[tuple[str, str]] | None, language: Language
) -> Field:
    kind = plain_type(parameter.type)
    given = list(wanted) or ([] if parameter.default_value is None else [parameter.default_value])
    value = given[0] if given else ""
    if element_type(parameter.type) is not None and (simple := _SIMPLE_ARRAY.fullmatch(value)):
        value = ", ".join(simple[1].split(","))
    made = Field(parameter.name, "text", value, _hint(parameter, language), is_required=parameter.default is None)
    if kind == "boolean" and offered is None:
        offered = (("true", language.gettext("yes")), ("false", language.gettext("no")))
    if offered is not None:
        made.kind = "select"
        made.is_multiple = element_type(parameter.type) is not None
        made.options = list(_choices(offered, given, is_multiple=made.is_multiple, is_optional=_is_optional(parameter)))
    elif kind in {"json", "jsonb"}:
        made.kind = "textarea"
    elif kind in _INPUTS and (not value or _INPUTS[kind][1].fullmatch(value)):
        made.kind = _INPUTS[kind][0]
        made.value = value.replace(" ", "T")
    elif kind in _NUMBERS or kind in _DECIMALS:
        made.mode = "numeric" if kind in _NUMBERS else "decimal"
    elif is_personal_value(parameter.name):
        made.mode = "tel" if "phone" in parameter.name else ""
    return made


def _is_optional(parameter: Parameter) -> bool:
    return parameter.default is None or parameter.default.lower() == "null"


def _choices(
    offered: Sequence[tuple[str, str]], given: Sequence[str], *, is_multiple: bool, is_optional: bool
) -> Iterator[Choice]:
    chosen = set(given)
    if is_multiple:
        chosen = {element for each in given for element in each.strip("{}").split(",")} | chosen
    elif is_optional:
        yield Choice("", "—", not chosen)
    elif not chosen & {value for value, _ in offered}:
        yield from (Choice(value, value, is_selected=True) for value in given[:1])
    for value, label in offered:
        yield Choice(value, label, value in chosen)


def _hint(parameter: Parameter, language: Language) -> str:
    element = element_type(parameter.type)
    type_ = parameter.type or ""
    text = language.pick(parameter.doc, parameter.spanish) or ""
    if text.startswith("e.g. "):  # nothing but a sample, which needs no translation
        text = language.gettext("e.g. %(sample)s", sample=text.removeprefix("e.g. "))
    parts = [
        text,
        type_ if element is None else language.gettext("%(type)s, with commas", type=type_),
    ]
    return " · ".join(part for part in parts if part)
