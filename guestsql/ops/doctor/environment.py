"""The settings, the query files, and the address: before anything is sent."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from guestsql.errors import EmbeddedServerError, InvalidUserId, SettingsError
from guestsql.guests.identity import own_keys
from guestsql.guests.needed import NEEDED
from guestsql.ops.doctor.finding import Verdict, advise, fault, fine
from guestsql.ops.doctor.patient import Patient
from guestsql.settings import Settings, known_variables
from guestsql.sql import scan_directory
from guestsql.sql.catalogue import default_directory
from guestsql.sql.conninfo import parse_conninfo

__all__ = ["address", "embedded", "own_numbers", "query_files", "read_settings", "settings", "unknown_variables"]

_MANY = 5
_PREFIXES = ("GUESTSQL_", "DATABASE_")
# Variables of platforms, which are not ours.
_FOREIGN = frozenset({"DATABASE_PUBLIC_URL", "DATABASE_PRIVATE_URL"})
_SAMPLES = frozenset({"host", "hostname", "user", "username", "password", "your-password", "database", "dbname"})


def read_settings(environ: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """Read what can be read of the settings, and what is wrong with the rest.

    Args:
        environ: the variables; `.env` lies below them.

    Returns:
        The settings, with the default in place of what cannot be used, and a line for each of those.
    """
    usable: dict[str, str | None] = dict(environ)
    faults: list[str] = []
    names = known_variables()
    for _ in names:
        try:
            return Settings.from_env(usable), tuple(faults)
        except SettingsError as error:
            faults.append(str(error))
            blamed = [name for name in names if usable.get(name) and re.search(rf"\b{name}\b", error.message)]
            usable.update(dict.fromkeys(blamed or names))
    return Settings(), tuple(faults)


def settings(patient: Patient) -> Verdict:
    """Can every variable be used?"""
    if patient.settings_faults:
        return fault(
            "; ".join(patient.settings_faults), "mend the variable, in the environment or in .env, or unset it"
        )
    return fine("every variable can be used")


def unknown_variables(patient: Patient) -> Verdict:
    """Is there a variable that looks like one of ours and is none?"""
    names = known_variables()
    strange = sorted(
        name for name in patient.environ if name.startswith(_PREFIXES) and name not in names and name not in _FOREIGN
    )
    if not strange:
        return fine("no variable is misspelt")
    near = [match[0] for name in strange if (match := difflib.get_close_matches(name, names, 1))]
    meant = f": did you mean {', '.join(near)}?" if near else ""
    return advise(f"nobody reads {', '.join(strange)}", f"rename or unset it{meant}")


def own_numbers(patient: Patient) -> Verdict:
    """Are the bot's own numbers ids of a person?"""
    numbers = patient.settings.own_numbers
    try:
        keys = own_keys(numbers, patient.settings.default_region)
    except (SettingsError, InvalidUserId) as error:
        return fault(error.message, error.hint or "write them as 573000000099, with commas between them")
    if not keys:
        return advise(
            "GUESTSQL_OWN_NUMBERS is not set", "set it, or what the bot sends itself is taken for a guest's message"
        )
    return fine(f"{len(keys)} own numbers are refused as guests")


def query_files(patient: Patient) -> Verdict:
    """Can the query files be read?"""
    folder = patient.settings.queries_dir
    catalogue, errors = scan_directory(folder or default_directory())
    if errors:
        meanwhile = "; until then unset GUESTSQL_QUERIES_DIR, and the packaged queries are used" if folder else ""
        told = "; ".join(str(error) for error in errors[:_MANY])
        return fault(told, f"mend the file, then run guestsql check{meanwhile}")
    missing = sorted(set(NEEDED) - catalogue.keys())
    if missing:
        return fault(
            f"{folder} lacks {', '.join(missing[:_MANY])}",
            f"the folder stands in place of the packaged one: copy what is missing from {default_directory()}",
        )
    where = f"in {folder} (GUESTSQL_QUERIES_DIR)" if folder else "of the package"
    return fine(f"{len(catalogue)} queries {where}")


def embedded(patient: Patient) -> Verdict:
    """Without DATABASE_URL: does the embedded server start?"""
    if patient.url is not None:
        return fine("not used: DATABASE_URL is set")
    try:
        patient.join_embedded()
    except EmbeddedServerError as error:
        return fault(f"DATABASE_URL is not set, and {error.message}", error.hint or "set DATABASE_URL")
    return fine(f"DATABASE_URL is not set: the embedded server in {patient.settings.home} answers")


def address(patient: Patient) -> Verdict:
    """Does each address parse, and does it say where and as whom?"""
    given = {
        "DATABASE_URL": patient.url,
        "DATABASE_UNPOOLED_URL": patient.settings.unpooled_url,
        "DATABASE_REPLICA_URL": patient.settings.replica_url,
    }
    for variable, url in given.items():
        if url is None:
            continue
        try:
            known = parse_conninfo(url, variable=variable)
        except SettingsError as error:
            return fault(error.message, error.hint)
        if "${{" in url or str(known.get("host", "")) in _SAMPLES or str(known.get("password", "")) in _SAMPLES:
            return fault(f"{variable} is still a sample", f"put the real address into {variable}")
    known = parse_conninfo(patient.url or "")
    where = known.get("host", "the local socket")
    return fine(f"{where}, port {known.get('port', 5432)}, database {known.get('dbname', known.get('user', '?'))}")
