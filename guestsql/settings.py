"""Settings: the environment and `.env`, read once into one immutable value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal, get_args
from zoneinfo import ZoneInfo

import platformdirs

from guestsql.conversion import (
    as_count,
    as_flag,
    as_folder,
    as_list,
    as_path,
    as_region,
    as_seconds,
    as_text,
    as_zone,
    quoted,
)
from guestsql.env_file import find_env_file, read_env_file
from guestsql.errors import SettingsError
from guestsql.project import Project, read_project

__all__ = [
    "LONGEST_TTL_SECONDS",
    "SHELL_FORMATS",
    "Pooler",
    "Settings",
    "checked_settings",
    "known_variables",
    "may_unset_queries",
    "settings_for",
]

Pooler = Literal["auto", "off", "transaction", "tracked"]
ShellFormat = Literal["table", "csv", "tsv", "json", "jsonl"]

_POOLERS = get_args(Pooler)
SHELL_FORMATS: tuple[str, ...] = get_args(ShellFormat)
"""The formats of the shell's data."""
# By the annotation of a field: what its value may be, and what that is called.
_KINDS: dict[object, tuple[tuple[type, ...], str]] = {
    "str | None": ((str, type(None)), "a string or None"),
    "Pooler": ((str,), "a string"),
    "ShellFormat | None": ((str, type(None)), "a string or None"),
    "ZoneInfo": ((ZoneInfo,), "a zoneinfo.ZoneInfo"),
    "float": ((int, float), "a number"),
    "int": ((int,), "a whole number"),
    "tuple[str, ...]": ((tuple, list), "a tuple of strings"),
    "Path": ((Path,), "a pathlib.Path"),
    "Path | None": ((Path, type(None)), "a pathlib.Path or None"),
    "bool": ((bool,), "True or False"),
}
_LONGEST_WAIT_SECONDS = 86_400
_LONGEST_KEEP_DAYS = 36_500
_SHORTEST_KEY = 32
LONGEST_TTL_SECONDS = 10.0 * 365 * 86_400
"""What a longer time to live counts as: ten years, which PostgreSQL's intervals hold."""


def _default_home() -> Path:
    return Path(platformdirs.user_data_dir("guestsql", appauthor=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, with its default.

    Attributes:
        database_url: PostgreSQL of the bot; None means the embedded server.
        unpooled_url: direct address for migrations and everything else that needs a session; if it is given,
            `database_url` is treated as a transaction pooler's.
        replica_url: where read-only monitoring may run, and contexts are read if `replica_reads` is on.
        replica_reads: True to read cached contexts on the replica of `replica_url`. A process finds there everything
            that it has written itself; while the replica lacks that, or does not answer, the server of `database_url`
            is read instead.
        pooler: the pooler in front of the servers of `database_url` and `replica_url`. `auto`: a pooler is detected at
            each new connection and treated as one in transaction mode; `off`: none, or one in session mode;
            `transaction`: one in transaction mode, so that nothing is prepared; `tracked`: one in transaction mode that
            keeps prepared statements per client (PgBouncer 1.22 or newer with `max_prepared_statements`).
        timezone: the hotel's time zone.
        context_ttl_seconds: how long a context is fresh, in seconds, 0 or more; more than ten years counts as ten
            years.
        own_numbers: the bot's own numbers, in any spelling; never guests.
        default_region: the region whose national phone numbers are completed, as two letters such as `CO`; None
            completes none. Needs the extra `phones`.
        queries_dir: the folder of your own queries, added to the packaged ones.
        migrations_dir: the folder of your own migrations, a series that runs after the packaged one.
        stubs_dir: the package into which `guestsql stubs` writes the types of your own queries.
        packaged: False to use neither the packaged queries nor the packaged migrations.
        home: where the embedded server keeps its data.
        pg_bin: folder of PostgreSQL binaries for the embedded server; None means those of the extra `embedded`.
        deadline_seconds: no statement waits for the database longer than this, in seconds, above 0, a day at most.
        lease_seconds: how long a context builder or a thread factory may take before another caller may call its own,
            and how long a killed process keeps the messages that it was processing, in seconds; shorter than the
            deadline, so that a waiting caller can take over from a killed one.
        flush_seconds: buffered interactions are written at least this often, in seconds; a kill -9 can lose one such
            interval.
        metrics_seconds: figures of queries and contexts are added to the minute tables this often, in seconds; 0
            for never. A kill -9 loses those of one such interval.
        reload_seconds: a running bot checks `queries_dir` this often, in seconds; 0 for never. An edit is used after
            two checks that find it unchanged.
        keep_text_days: days for which the texts of messages are kept, 0 or more; 0 keeps none. A bot removes older ones
            every hour, unless `metrics_seconds` is 0. The other columns of a message are kept in any case.
        erasure_key: the key of the hashes that stay of erased guests, at least 32 characters; several separated by
            commas, the newest first: it hashes, and all of them recognise. None: the database's salt is used, and
            anyone with a copy of the database can find an erased phone number by trying. Keep it outside the database.
        erasure_log: the file, outside the database, to which each erasure is appended before it is committed; None for
            none. `guestsql privacy replay` erases by it again what a restored dump has brought back.
        pool_min: connections kept open, 0 or more.
        pool_max: connections at most, 1 or more.
        shell_format: the shell's default format: table, csv, tsv, json or jsonl; None leaves it to each command.
        serve_token: the secret that a browser or a program presents to `guestsql serve`, such as that of
            `openssl rand -hex 32`; needed to listen on any address but loopback. None: anyone on this machine may
            connect.
    """

    # Out of the repr: an address may hold a password.
    database_url: str | None = field(default=None, repr=False)
    unpooled_url: str | None = field(default=None, repr=False)
    replica_url: str | None = field(default=None, repr=False)
    replica_reads: bool = False
    pooler: Pooler = "auto"
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("America/Bogota"))
    context_ttl_seconds: float = 300.0
    own_numbers: tuple[str, ...] = ()
    default_region: str | None = None
    queries_dir: Path | None = None
    migrations_dir: Path | None = None
    stubs_dir: Path | None = None
    packaged: bool = True
    home: Path = field(default_factory=_default_home)
    pg_bin: Path | None = None
    deadline_seconds: float = 10.0
    lease_seconds: float = 8.0
    flush_seconds: float = 5.0
    metrics_seconds: float = 10.0
    reload_seconds: float = 0.25
    keep_text_days: int = 0
    erasure_key: str | None = field(default=None, repr=False)
    erasure_log: Path | None = None
    pool_min: int = 1
    pool_max: int = 10
    shell_format: ShellFormat | None = None
    serve_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._check_types()
        for name in ("database_url", "unpooled_url", "replica_url"):
            address = getattr(self, name)
            _require(address is None or bool(address.strip()), name, "must not be empty")
        _require(not self.replica_reads or self.replica_url is not None, "replica_reads", "needs DATABASE_REPLICA_URL")
        for name in ("deadline_seconds", "lease_seconds", "flush_seconds"):
            seconds = getattr(self, name)
            _require(0 < seconds <= _LONGEST_WAIT_SECONDS, name, "must be above 0 seconds, and a day at most")
        _require(
            0 <= self.metrics_seconds <= _LONGEST_WAIT_SECONDS,
            "metrics_seconds",
            "must be 0 seconds or more, and a day at most",
        )
        _require(
            0 <= self.reload_seconds <= _LONGEST_WAIT_SECONDS,
            "reload_seconds",
            "must be 0 seconds or more, and a day at most",
        )
        _require(self.context_ttl_seconds >= 0, "context_ttl_seconds", "must be 0 seconds or more")
        object.__setattr__(self, "context_ttl_seconds", min(self.context_ttl_seconds, LONGEST_TTL_SECONDS))
        if self.default_region is not None:
            _require_region(self.default_region)
        formats = (None, *SHELL_FORMATS)
        _require(self.shell_format in formats, "shell_format", f"must be one of {', '.join(SHELL_FORMATS)}")
        _require(self.pooler in _POOLERS, "pooler", f"must be one of {', '.join(_POOLERS)}")
        _require(0 <= self.keep_text_days <= _LONGEST_KEEP_DAYS, "keep_text_days", "must be 0 to 36,500 days")
        if self.erasure_key is not None:
            keys = self.erasure_key.split(",")
            is_long = all(len(key.strip()) >= _SHORTEST_KEY for key in keys)
            _require(is_long, "erasure_key", f"must have at least {_SHORTEST_KEY} characters: openssl rand -hex 32")
        _require(self.serve_token is None or bool(self.serve_token.strip()), "serve_token", "must not be empty")
        _require(self.pool_min >= 0, "pool_min", "must be 0 or more")
        _require(self.pool_max >= 1, "pool_max", "must be 1 or more")
        _require(self.pool_min <= self.pool_max, "pool_min", f"must be at most GUESTSQL_POOL_MAX, {self.pool_max}")

    def _check_types(self) -> None:
        for known in fields(self):
            value = getattr(self, known.name)
            kinds, words = _KINDS[known.type]
            fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
            _require(fits, known.name, f"must be {words}, not {type(value).__name__}")
        for number in self.own_numbers:
            _require(isinstance(number, str), "own_numbers", f"must hold strings, not {type(number).__name__}")  # pyright: ignore[reportUnnecessaryIsInstance]  callers without a type checker

    def pooler_of(self, url: str) -> Pooler:
        """Return what is known about the pooler at an address.

        Args:
            url: the address; `pooler` says nothing of any but `database_url` and `replica_url`.
        """
        if self.pooler == "off":
            return "off"
        if url not in (self.database_url, self.replica_url) or url == self.unpooled_url:
            return "auto"
        is_declared = url == self.database_url and self.unpooled_url is not None
        return "transaction" if self.pooler == "auto" and is_declared else self.pooler

    @classmethod
    def from_env(cls, environ: Mapping[str, str | None] | None = None, *, dotenv_path: Path | None = None) -> Settings:
        """Read the environment, below it a `.env` file, and below that `[tool.guestsql]` in pyproject.toml.

        Args:
            environ: the variables; default the process's own. None hides the one of the file.
            dotenv_path: the `.env` file; default the nearest one, from the working directory upwards to the home folder
                (outside of it, to the root of the file system). A real variable wins.

        Returns:
            The settings; a variable that is unset or empty leaves the default. An empty DATABASE_URL is refused.

        Raises:
            SettingsError: a value cannot be used; names the variable.
        """
        real = os.environ if environ is None else environ
        values: dict[str, str | None] = {**read_env_file(dotenv_path or find_env_file()), **real}
        set_values = {key: value.strip() for key, value in values.items() if value is not None}
        if set_values.get("DATABASE_URL") == "":
            # Perhaps a reference that leads nowhere: the embedded server would take the guests, and be gone tomorrow.
            raise SettingsError(
                "DATABASE_URL is set, and empty", hint="give it an address; or unset it, to use the embedded server"
            )
        return _from_values({key: value for key, value in set_values.items() if value}, read_project())


def checked_settings(settings: object) -> Settings:
    """Return what was passed as settings.

    Raises:
        SettingsError: it is something else, such as a dict.
    """
    if isinstance(settings, Settings):
        return settings
    raise SettingsError(
        f"settings is a {type(settings).__name__}, not a Settings",
        hint="pass Settings(name=value, ...), or leave it out for those of the environment",
    )


def settings_for(url: str | None, settings: object) -> Settings:
    """Return the settings of a database.

    Args:
        url: an address, which replaces that of the settings: what they say of it, such as a pooler, holds for it too.
        settings: what was passed; None for those of the environment.

    Raises:
        SettingsError: a setting is unusable, or something else was passed.
    """
    known = Settings.from_env() if settings is None else checked_settings(settings)
    return known if url is None else replace(known, database_url=url)


def may_unset_queries(settings: Settings) -> bool:
    """Return True if the packaged queries are used, and no others, once GUESTSQL_QUERIES_DIR is unset.

    Args:
        settings: those of the environment.

    Raises:
        SettingsError: a pyproject.toml cannot be read.
    """
    return settings.packaged and settings.queries_dir is not None and read_project().queries is None


def known_variables() -> tuple[str, ...]:
    """Return the name of every variable that is read."""
    return tuple(_VARIABLES)


def _from_values(values: Mapping[str, str], project: Project) -> Settings:
    """Build the settings from variables that are all set and not blank; a variable wins over pyproject.toml."""
    found: dict[str, object] = {"stubs_dir": project.stubs, "packaged": project.packaged}
    if "GUESTSQL_QUERIES_DIR" not in values:
        found["queries_dir"] = project.existing_folder("queries")
    if "GUESTSQL_MIGRATIONS_DIR" not in values:
        found["migrations_dir"] = project.existing_folder("migrations")
    for variable, (name, convert) in _VARIABLES.items():
        if variable in values:
            found[name] = convert(variable, values[variable])
    return Settings(**found)  # type: ignore[arg-type]  # each converter of _VARIABLES returns its field's type


def _require(condition: bool, name: str, message: str) -> None:
    """Refuse a setting by both of its names, that of the variable first."""
    if not condition:
        variables = [variable for variable, (setting, _) in _VARIABLES.items() if setting == name]
        raise SettingsError(f"{variables[0]} ({name}) {message}" if variables else f"{name} {message}")


def _require_region(region: str) -> None:
    try:
        from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415  an extra, and slow to import
    except ImportError:
        hint = "pip install 'guestsql[phones]', or unset GUESTSQL_DEFAULT_REGION"
        raise SettingsError("GUESTSQL_DEFAULT_REGION needs phonenumbers, which is not installed", hint=hint) from None
    if region not in SUPPORTED_REGIONS:
        raise SettingsError(
            f"GUESTSQL_DEFAULT_REGION (default_region): {quoted(region)} is not a region",
            hint="two capital letters of ISO 3166, such as CO",
        )


_VARIABLES = {
    "DATABASE_URL": ("database_url", as_text),
    "DATABASE_UNPOOLED_URL": ("unpooled_url", as_text),
    "DATABASE_REPLICA_URL": ("replica_url", as_text),
    "GUESTSQL_REPLICA_READS": ("replica_reads", as_flag),
    "GUESTSQL_POOLER": ("pooler", as_text),
    "GUESTSQL_TIMEZONE": ("timezone", as_zone),
    "GUESTSQL_CONTEXT_TTL_SECONDS": ("context_ttl_seconds", as_seconds),
    "GUESTSQL_OWN_NUMBERS": ("own_numbers", as_list),
    "GUESTSQL_DEFAULT_REGION": ("default_region", as_region),
    "GUESTSQL_QUERIES_DIR": ("queries_dir", as_folder),
    "GUESTSQL_MIGRATIONS_DIR": ("migrations_dir", as_folder),
    "GUESTSQL_PACKAGED": ("packaged", as_flag),
    "GUESTSQL_HOME": ("home", as_path),
    "GUESTSQL_PG_BIN": ("pg_bin", as_folder),
    "GUESTSQL_DEADLINE_SECONDS": ("deadline_seconds", as_seconds),
    "GUESTSQL_LEASE_SECONDS": ("lease_seconds", as_seconds),
    "GUESTSQL_FLUSH_SECONDS": ("flush_seconds", as_seconds),
    "GUESTSQL_METRICS_SECONDS": ("metrics_seconds", as_seconds),
    "GUESTSQL_RELOAD_SECONDS": ("reload_seconds", as_seconds),
    "GUESTSQL_KEEP_TEXT": ("keep_text_days", as_count),
    "GUESTSQL_ERASURE_KEY": ("erasure_key", as_text),
    "GUESTSQL_ERASURE_LOG": ("erasure_log", as_path),
    "GUESTSQL_POOL_MIN": ("pool_min", as_count),
    "GUESTSQL_POOL_MAX": ("pool_max", as_count),
    "GUESTSQL_FORMAT": ("shell_format", as_text),
    "GUESTSQL_SERVE_TOKEN": ("serve_token", as_text),
}
