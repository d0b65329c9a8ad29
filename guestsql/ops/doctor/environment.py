"""Checks before anything is sent: settings, query files and addresses."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from guestsql.env_file import find_env_file, read_env_file
from guestsql.errors import EmbeddedServerError, InvalidUserId, SettingsError
from guestsql.guests.identity import own_keys
from guestsql.guests.needed import reserved_names
from guestsql.ops.doctor.diagnosis import CheckResult, Status, advise, fault, ok
from guestsql.ops.doctor.target import Target
from guestsql.settings import Settings, known_variables, may_unset_queries
from guestsql.sql import find_outdated, is_packaged, scan_queries
from guestsql.sql.conninfo import parse_conninfo
from guestsql.wording import counted

__all__ = [
    "address",
    "embedded",
    "overrides",
    "own_numbers",
    "query_files",
    "read_settings",
    "settings",
    "unknown_variables",
]

_MANY = 5
# Above the likeness that the common prefix gives to any two names.
_NEAR = 0.8
_PREFIXES = ("GUESTSQL_", "DATABASE_")
# Set by hosting platforms.
_FOREIGN = frozenset({"DATABASE_PUBLIC_URL", "DATABASE_PRIVATE_URL"})
_SAMPLES = frozenset({"host", "hostname", "user", "username", "password", "your-password", "database", "dbname"})


def read_settings(environ: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """Read the settings, with defaults for unusable ones.

    Args:
        environ: the environment variables, which win over `.env`.

    Returns:
        The settings, and a message for each unusable variable.
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


def settings(target: Target) -> CheckResult:
    """Is every variable usable?"""
    if target.settings_faults:
        return fault(
            "; ".join(target.settings_faults), "correct the variable in the environment or in .env, or unset it"
        )
    return ok("every variable is usable")


def unknown_variables(target: Target) -> CheckResult:
    """Is every `GUESTSQL_…` and `DATABASE_…` variable one that is read, in the environment and in `.env`?"""
    names = known_variables()
    file = find_env_file()
    given = {**dict.fromkeys(read_env_file(file), str(file)), **dict.fromkeys(target.environ, "the environment")}
    unknown = {
        name: place
        for name, place in sorted(given.items())
        if name.upper().startswith(_PREFIXES) and name not in names and name not in _FOREIGN
    }
    if not unknown:
        return ok("every variable is known")
    near = {name: difflib.get_close_matches(name.upper(), names, 1, _NEAR) for name in unknown}
    renamed = [f"write {nearest[0]} instead of {name}" for name, nearest in near.items() if nearest]
    others = [f"remove {name}" for name, nearest in near.items() if not nearest]
    return advise(
        f"unknown: {', '.join(f'{name} in {place}' for name, place in unknown.items())}", "; ".join(renamed + others)
    )


def own_numbers(target: Target) -> CheckResult:
    """Are the bot's own numbers valid phone numbers?"""
    numbers = target.settings.own_numbers
    try:
        keys = own_keys(numbers, target.settings.default_region)
    except (SettingsError, InvalidUserId) as error:
        return fault(error.message, error.hint or "write them as 573000000099, separated by commas")
    if not keys:
        return advise("GUESTSQL_OWN_NUMBERS is not set", "set it, otherwise the bot's own messages count as a guest's")
    return ok(f"numbers of the bot's own, which are never guests: {len(keys)}")


def query_files(target: Target) -> CheckResult:
    """Are the query files readable?"""
    known = target.settings
    folder = known.queries_dir
    reserved = reserved_names() if known.packaged else ()
    catalogue, errors = scan_queries(folder, packaged=known.packaged, reserved=reserved)
    if errors and folder is None and not known.packaged:
        return fault(errors[0].message, errors[0].hint)
    if errors:
        way = "; until then, unset GUESTSQL_QUERIES_DIR to use the packaged queries"
        shown = "; ".join(str(error) for error in errors[:_MANY])
        return fault(shown, f"correct the file, then run guestsql check{way if may_unset_queries(known) else ''}")
    own = sum(not is_packaged(query.file.parent) for query in catalogue.values())
    counts = [counted(len(catalogue) - own, "packaged query", "packaged queries")] if known.packaged else []
    if folder is not None:
        counts.append(f"{own if counts else counted(own, 'query', 'queries')} in {folder}")
    return ok(" and ".join(counts))


def overrides(target: Target) -> CheckResult:
    """Has guestsql changed a query since it was overridden?"""
    catalogue, _ = scan_queries(target.settings.queries_dir)
    found = list(find_outdated(catalogue.values()))
    if not found:
        return ok("every override is based on the current packaged query")
    return CheckResult(
        Status.ADVICE,
        "; ".join(f"{each.query.name} ({each.query.file}:{each.query.line}): {each.message}" for each in found),
        "; ".join(dict.fromkeys(each.advice for each in found)),
        tuple(line for each in found for line in each.diff),
    )


def embedded(target: Target) -> CheckResult:
    """Does the embedded server start, if DATABASE_URL is not set?"""
    if target.url is not None:
        return ok("not used: DATABASE_URL is set")
    try:
        target.join_embedded()
    except EmbeddedServerError as error:
        return fault(f"DATABASE_URL is not set, and {error.message}", error.hint or "set DATABASE_URL")
    return ok(f"DATABASE_URL is not set: the embedded server in {target.settings.home} answers")


def address(target: Target) -> CheckResult:
    """Is each address valid, and not a sample?"""
    given = {
        "DATABASE_URL": target.url,
        "DATABASE_UNPOOLED_URL": target.settings.unpooled_url,
        "DATABASE_REPLICA_URL": target.settings.replica_url,
    }
    for variable, url in given.items():
        if url is None:
            continue
        try:
            known = parse_conninfo(url, variable=variable)
        except SettingsError as error:
            return fault(error.message, error.hint)
        if "${{" in url or str(known.get("host", "")) in _SAMPLES or str(known.get("password", "")) in _SAMPLES:
            return fault(f"{variable} is still a sample", f"set {variable} to the real address")
    known = parse_conninfo(target.url or "")
    where = known.get("host", "the local socket")
    return ok(f"{where}, port {known.get('port', 5432)}, database {known.get('dbname', known.get('user', '?'))}")
