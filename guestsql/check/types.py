"""Rules about the types of parameters, as the server has them: GS106, GS107, GS109, and types that do not exist."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from guestsql.check.answers import Accepted, Refused
from guestsql.check.finding import Finding
from guestsql.check.parameters import uncast_parameters
from guestsql.check.sources import Subject
from guestsql.check.tables import Tables

__all__ = ["vet_parameter_types", "vet_same_names"]

Said = Accepted | Refused


def vet_parameter_types(
    subject: Subject, said: Accepted, tables: Tables, type_names: Mapping[int, str]
) -> Iterator[Finding]:
    """GS107 and GS109: what the comment says of a parameter is what the SQL makes of it, and so is its default.

    Args:
        subject: the query.
        said: what the server says of it.
        tables: the types that the comments name.
        type_names: how SQL writes each type.
    """
    actual = _cast_types(subject, said)
    unfit = dict(said.unfit)
    for parameter in subject.query.parameters:
        if parameter.type is None:
            continue
        declared = tables.types.get(parameter.type)
        if declared is None:
            message = f"no type is named {parameter.type}"
            hint = "name a type as a cast would; put one with capital letters in double quotes"
            yield subject.at_parameter(parameter.name, "GS205", message, hint)
        elif declared != actual.get(parameter.name, declared):
            name = type_names.get(actual[parameter.name], "another type")
            yield subject.at_parameter(
                parameter.name,
                "GS107",
                f"parameter {parameter.name} is declared as {parameter.type}, but the SQL casts it to {name}",
                "declare and cast the same type",
            )
        elif parameter.name in unfit and parameter.name in actual:
            yield subject.at_parameter(
                parameter.name,
                "GS109",
                f"the default {parameter.default} of {parameter.name} is not a valid {parameter.type}: "
                f"{unfit[parameter.name]}",
                "write a default of the type: a caller who leaves the parameter out gets this error",
            )


def vet_same_names(
    subjects: Sequence[Subject], said: Sequence[Said], tables: Tables, type_names: Mapping[int, str]
) -> Iterator[Finding]:
    """GS106: a parameter's name has one type in all queries. The minority is reported.

    Args:
        subjects: all queries.
        said: what the server says of each.
        tables: the types that the comments name.
        type_names: how SQL writes each type.
    """
    uses: dict[str, list[tuple[Subject, int]]] = defaultdict(list)
    for subject, answer in zip(subjects, said, strict=True):
        for name, type_ in _types(subject, answer, tables).items():
            uses[name].append((subject, type_))
    for name, users in uses.items():
        counts = Counter(type_ for _, type_ in users)
        usual = counts.most_common(1)[0][0]  # of equally many the one that came first
        first = next(subject for subject, type_ in users if type_ == usual)
        for subject, type_ in users:
            if type_ != usual:
                place = f"{first.query.file}:{first.query.line}"
                yield subject.at_parameter(
                    name,
                    "GS106",
                    f"parameter {name} is {type_names.get(type_, 'of another type')} here, but "
                    f"{type_names.get(usual, 'of another type')} in {first.query.name} ({place})",
                    "give one name one type everywhere, or choose another name",
                )


def _types(subject: Subject, answer: Said, tables: Tables) -> dict[str, int]:
    """The type of each parameter: the server's, else the comment's."""
    if isinstance(answer, Accepted):
        return _cast_types(subject, answer)
    declared = {each.name: tables.types.get(each.type or "") for each in subject.query.parameters}
    return {name: oid for name, oid in declared.items() if oid is not None}


def _cast_types(subject: Subject, said: Accepted) -> dict[str, int]:
    """The server's type of each parameter, except for those that are not cast: it had to guess."""
    uncast = uncast_parameters(subject)
    found = zip(subject.query.positional, said.parameter_types, strict=False)
    return {name: type_ for name, type_ in found if name not in uncast}
