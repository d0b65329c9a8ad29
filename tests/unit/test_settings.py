"""Settings: each variable, `.env` below the real ones, and errors that name the variable."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from guestsql import AsyncGuestDatabase, GuestDatabase, Settings
from guestsql.env_file import find_env_file
from guestsql.errors import SettingsError
from guestsql.ops.health import Probe
from guestsql.settings import LONGEST_TTL_SECONDS, Pooler
from guestsql.sql.conninfo import parse_conninfo


def from_env(**variables: str) -> Settings:
    return Settings.from_env(variables)


def test_defaults() -> None:
    settings = from_env()
    assert settings == Settings()
    assert settings.database_url is None
    assert settings.timezone == ZoneInfo("America/Bogota")
    assert settings.context_ttl_seconds == 300
    assert settings.own_numbers == ()
    assert settings.queries_dir is None
    assert settings.lease_seconds < settings.deadline_seconds
    assert settings.pooler == "auto"


@pytest.mark.parametrize(
    ("variable", "value", "name", "expected"),
    [
        ("DATABASE_URL", "postgresql://h/db", "database_url", "postgresql://h/db"),
        ("DATABASE_UNPOOLED_URL", "postgresql://u/db", "unpooled_url", "postgresql://u/db"),
        ("DATABASE_REPLICA_URL", "postgresql://r/db", "replica_url", "postgresql://r/db"),
        ("GUESTSQL_POOLER", "tracked", "pooler", "tracked"),
        ("GUESTSQL_TIMEZONE", "Europe/Madrid", "timezone", ZoneInfo("Europe/Madrid")),
        ("GUESTSQL_CONTEXT_TTL_SECONDS", "0", "context_ttl_seconds", 0.0),
        ("GUESTSQL_CONTEXT_TTL_SECONDS", "0.5", "context_ttl_seconds", 0.5),
        ("GUESTSQL_CONTEXT_TTL_SECONDS", "1e300", "context_ttl_seconds", LONGEST_TTL_SECONDS),
        (
            "GUESTSQL_OWN_NUMBERS",
            " +57 300 000 0001, 573000000002 ,,",
            "own_numbers",
            ("+57 300 000 0001", "573000000002"),
        ),
        ("GUESTSQL_HOME", "/somewhere", "home", Path("/somewhere")),
        ("GUESTSQL_DEADLINE_SECONDS", "2.5", "deadline_seconds", 2.5),
        ("GUESTSQL_LEASE_SECONDS", "3", "lease_seconds", 3.0),
        ("GUESTSQL_FLUSH_SECONDS", "1", "flush_seconds", 1.0),
        ("GUESTSQL_POOL_MIN", "0", "pool_min", 0),
        ("GUESTSQL_POOL_MAX", "20", "pool_max", 20),
    ],
)
def test_each_variable(variable: str, value: str, name: str, expected: object) -> None:
    assert getattr(from_env(**{variable: value}), name) == expected
    assert getattr(from_env(**{variable: f"  {value} "}), name) == expected


@pytest.mark.parametrize("variable", ["GUESTSQL_QUERIES_DIR", "GUESTSQL_PG_BIN"])
def test_folders(variable: str, tmp_path: Path) -> None:
    settings = from_env(**{variable: str(tmp_path)})
    assert tmp_path in {settings.queries_dir, settings.pg_bin}


@pytest.mark.parametrize("blank", ["", "   "])
def test_blank_leaves_the_default(blank: str) -> None:
    names = [
        "DATABASE_REPLICA_URL",
        "GUESTSQL_TIMEZONE",
        "GUESTSQL_POOL_MAX",
        "GUESTSQL_QUERIES_DIR",
        "GUESTSQL_OWN_NUMBERS",
    ]
    assert from_env(**dict.fromkeys(names, blank)) == Settings()


def test_the_real_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://real/db")
    assert Settings.from_env().database_url == "postgresql://real/db"


def test_a_dotenv_file_stands_below_real_variables(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# the bot\nDATABASE_URL='postgresql://file/db'\nGUESTSQL_POOL_MAX=7\nGUESTSQL_FLUSH_SECONDS=\nNAKED\n",
        encoding="utf-8",
    )
    settings = Settings.from_env({"DATABASE_URL": "postgresql://real/db"})
    assert settings.database_url == "postgresql://real/db"
    assert settings.pool_max == 7
    assert settings.flush_seconds == Settings().flush_seconds


def test_a_real_variable_that_is_blank_hides_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_REPLICA_URL=postgresql://file/db\n", encoding="utf-8")
    assert Settings.from_env({"DATABASE_REPLICA_URL": ""}).replica_url is None


@pytest.mark.parametrize("blank", ["", " \t"])
def test_an_empty_address_is_refused(blank: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://file/db\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="DATABASE_URL is set, and empty") as caught:
        Settings.from_env({"DATABASE_URL": blank})
    assert "embedded server" in caught.value.hint
    (tmp_path / ".env").write_text(f"DATABASE_URL={blank}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="DATABASE_URL is set, and empty"):
        Settings.from_env({})
    for name in ("database_url", "unpooled_url", "replica_url"):
        with pytest.raises(SettingsError, match=rf"{name}\) must not be empty"):
            Settings(**{name: blank})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="must not be empty"):
        GuestDatabase(blank, settings=Settings())
    with pytest.raises(SettingsError, match="THE_VARIABLE is empty"):
        parse_conninfo(blank, variable="THE_VARIABLE")


@pytest.mark.parametrize(
    ("given", "name", "hint"),
    [
        ("schema=public", "schema", "SET search_path"),
        ("sslmode=require&schema=public&pgbouncer=true", "schema", "SET search_path"),
        ("pgbouncer=true", "pgbouncer", "GUESTSQL_POOLER"),
        ("connection_limit=5", "connection_limit", "GUESTSQL_POOL_MAX"),
    ],
)
def test_parameters_of_other_tools_are_named(given: str, name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=rf"THE_VARIABLE has a parameter of another tool: {name} ") as caught:
        parse_conninfo(f"postgresql://u:p@h/db?{given}", variable="THE_VARIABLE")
    assert hint in caught.value.hint
    assert "password" not in caught.value.hint


def test_a_named_dotenv_file(tmp_path: Path) -> None:
    path = tmp_path / "bot.env"
    path.write_text("GUESTSQL_POOL_MAX=3\n", encoding="utf-8")
    assert Settings.from_env({}, dotenv_path=path).pool_max == 3
    assert Settings.from_env({}, dotenv_path=tmp_path / "absent").pool_max == Settings().pool_max


def test_a_dotenv_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfGUESTSQL_POOL_MAX=3\r\n")
    assert from_env().pool_max == 3


def test_a_dotenv_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"GUESTSQL_POOL_MAX=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"\.env"):
        from_env()


def test_the_nearest_dotenv_file_upwards_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "bot" / "src"
    (below / ".env").mkdir(parents=True)  # a virtual environment of that name is no such file
    monkeypatch.chdir(below)
    (tmp_path / ".env").write_text("GUESTSQL_POOL_MAX=3\nGUESTSQL_POOL_MIN=2\n", encoding="utf-8")
    assert (from_env().pool_max, from_env().pool_min) == (3, 2)
    (tmp_path / "bot" / ".env").write_text("GUESTSQL_POOL_MAX=4\n", encoding="utf-8")
    assert (from_env().pool_max, from_env().pool_min) == (4, Settings().pool_min)


@pytest.mark.parametrize("home", ["bot", "bot/src"])
def test_no_dotenv_file_above_the_home_folder_is_read(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "bot" / "src"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.setenv("HOME", str(tmp_path / home))
    (tmp_path / ".env").write_text("GUESTSQL_POOL_MAX=3\n", encoding="utf-8")
    assert from_env().pool_max == Settings().pool_max
    (tmp_path / home / ".env").write_text("GUESTSQL_POOL_MAX=4\n", encoding="utf-8")
    assert from_env().pool_max == 4


def test_a_dotenv_file_of_somebody_else_counts_only_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "bot"
    below.mkdir()
    (tmp_path / ".env").write_text("GUESTSQL_POOL_MAX=3\n", encoding="utf-8")
    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path / ".env").stat().st_uid + 1)
    if (tmp_path / ".env").stat().st_uid == 0:
        os.chown(tmp_path / ".env", 65534, 65534)
    assert find_env_file(tmp_path) == tmp_path / ".env"
    assert find_env_file(below) != tmp_path / ".env"


def test_a_default_region() -> None:
    assert from_env(GUESTSQL_DEFAULT_REGION="co").default_region == "CO"
    assert from_env().default_region is None


@pytest.mark.parametrize("region", ["XX", "57", "Colombia", "postgresql://bot:sesame@h/db"])
def test_a_region_that_does_not_exist(region: str) -> None:
    with pytest.raises(SettingsError, match="GUESTSQL_DEFAULT_REGION") as caught:
        from_env(GUESTSQL_DEFAULT_REGION=region)
    assert "sesame" not in str(caught.value).lower()
    with pytest.raises(SettingsError, match="default_region"):
        Settings(default_region="XX")


def test_a_region_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    with pytest.raises(SettingsError, match="not installed") as caught:
        from_env(GUESTSQL_DEFAULT_REGION="CO")
    assert "guestsql[phones]" in caught.value.hint


def test_the_shells_format() -> None:
    assert from_env(GUESTSQL_FORMAT="csv").shell_format == "csv"
    with pytest.raises(SettingsError, match="GUESTSQL_FORMAT"):
        from_env(GUESTSQL_FORMAT="xml")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GUESTSQL_TIMEZONE", "Bogota/America"),
        ("GUESTSQL_TIMEZONE", "../etc/passwd"),
        ("GUESTSQL_TIMEZONE", "America"),
        ("GUESTSQL_CONTEXT_TTL_SECONDS", "five"),
        ("GUESTSQL_CONTEXT_TTL_SECONDS", "-1"),
        ("GUESTSQL_CONTEXT_TTL_SECONDS", "nan"),
        ("GUESTSQL_CONTEXT_TTL_SECONDS", "inf"),
        ("GUESTSQL_QUERIES_DIR", "/does/not/exist"),
        ("GUESTSQL_PG_BIN", "/does/not/exist"),
        ("GUESTSQL_HOME", "~nobody-of-this-name/x"),
        ("GUESTSQL_DEADLINE_SECONDS", "0"),
        ("GUESTSQL_DEADLINE_SECONDS", "1e9"),
        ("GUESTSQL_LEASE_SECONDS", "-2"),
        ("GUESTSQL_FLUSH_SECONDS", "0"),
        ("GUESTSQL_POOL_MIN", "-1"),
        ("GUESTSQL_POOL_MIN", "many"),
        ("GUESTSQL_POOL_MAX", "0"),
        ("GUESTSQL_POOL_MAX", "1.5"),
    ],
)
def test_errors_name_the_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        from_env(**{variable: value})


def test_the_pool_is_not_smaller_than_its_minimum() -> None:
    with pytest.raises(SettingsError, match=r"GUESTSQL_POOL_MIN.*GUESTSQL_POOL_MAX, 2"):
        from_env(GUESTSQL_POOL_MIN="5", GUESTSQL_POOL_MAX="2")


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_given_settings_are_checked_too(value: float) -> None:
    with pytest.raises(SettingsError, match="deadline_seconds"):
        Settings(deadline_seconds=value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", Path("/hotel")),
        ("database_url", b"postgresql://hotel"),
        ("pooler", None),
        ("pooler", ["auto"]),
        ("timezone", "America/Bogota"),
        ("context_ttl_seconds", "300"),
        ("own_numbers", "573000000001"),
        ("own_numbers", (573000000001,)),
        ("queries_dir", "queries"),
        ("home", None),
        ("pg_bin", "/usr/bin"),
        ("deadline_seconds", "10"),
        ("flush_seconds", None),
        ("metrics_seconds", True),
        ("pool_min", 1.0),
        ("pool_max", "10"),
        ("pool_max", False),
    ],
)
def test_a_value_of_a_wrong_type_is_named(name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=rf"{name}.* must .*, not \w+"):
        Settings(**{name: value})


def test_numbers_may_be_a_list() -> None:
    assert Settings(own_numbers=["573000000009"]).own_numbers == ["573000000009"]  # type: ignore[arg-type, comparison-overlap]


@pytest.mark.parametrize("make", [GuestDatabase, AsyncGuestDatabase])
@pytest.mark.parametrize("settings", [{}, {"pool_max": 3}, "postgresql://hotel", Settings])
def test_what_is_no_settings_is_refused(make: Any, settings: Any) -> None:
    with pytest.raises(SettingsError, match=r"settings is a \w+, not a Settings"):
        make(settings=settings)


@pytest.mark.parametrize("make", [GuestDatabase, AsyncGuestDatabase])
def test_settings_in_the_place_of_the_address_are_refused(make: Any) -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL \(database_url\) must be a string or None, not Settings"):
        make(Settings())


def test_a_probe_needs_settings() -> None:
    with pytest.raises(SettingsError, match="settings is a dict"):
        Probe({})  # type: ignore[arg-type]


def test_a_direct_address_beside_it_makes_the_other_a_pooler() -> None:
    pooled, direct = "postgresql://p/db", "postgresql://d/db"
    settings = Settings(database_url=pooled, unpooled_url=direct)
    assert settings.pooler_of(pooled) == "transaction"
    assert settings.pooler_of(direct) == "auto"
    assert Settings(database_url=direct, unpooled_url=direct).pooler_of(direct) == "auto"


@pytest.mark.parametrize("pooler", get_args(Pooler))
def test_the_pooler_of_each_address(pooler: Pooler) -> None:
    main, direct, replica, other = (f"postgresql://{host}/db" for host in ("main", "direct", "replica", "other"))
    settings = Settings(database_url=main, unpooled_url=direct, replica_url=replica, pooler=pooler)
    elsewhere = "off" if pooler == "off" else "auto"
    assert settings.pooler_of(main) == ("transaction" if pooler == "auto" else pooler)
    assert settings.pooler_of(replica) == pooler
    assert settings.pooler_of(direct) == settings.pooler_of(other) == elsewhere


def test_an_unknown_pooler_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"GUESTSQL_POOLER.*auto, off, transaction, tracked"):
        from_env(GUESTSQL_POOLER="pgbouncer")


def test_the_repr_shows_no_password() -> None:
    urls = dict.fromkeys(("database_url", "unpooled_url", "replica_url"), "postgresql://bot:sesame@h/db")
    assert "sesame" not in repr(Settings(**urls))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "localhost",
        "mysql://u:sesame@h/db",
        "postgresql+psycopg://u:sesame@h/db",
        "postgresql://u:sesame%zz@h/db",
        "postgresql://u:x@h/db?sesame=1",
        "postgresql://u:pass/word?sesame=1@h/db",
        "postgresql://u:sesame%cd@h/db",
        "postgresql://[::1/sesame",
        "postgresql://u:sesame/x@h/db",
        "postgresql://u:5432/sesame@h/db",
        "postgresql://u:x@sesame@h/db",
        f"postgresql://{'h' * 64}/sesame",
        "postgresql://h..h/sesame",
        "postgresql://h:0/sesame",
        "postgresql://h:99999/sesame",
        "postgresql://h:\N{SUPERSCRIPT TWO}/sesame",
        "host=h password='sesame",
        "postgresql://u:sesame@h/db\x00",
        "postgresql://u:sesame@h/\ud800",
    ],
    ids=ascii,
)
def test_an_address_that_does_not_parse_is_not_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match="THE_VARIABLE") as caught:
        parse_conninfo(url, variable="THE_VARIABLE")
    assert "sesame" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "percent-encoded" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "name", "value"),
    [
        ("postgres://u:p%40%2Fw@h:5433/db", "password", "p@/w"),
        ("postgresql://h:5432,g:5433/db", "port", "5432,5433"),
        ("postgresql://h,g/db", "host", "h,g"),
        ("postgresql:///db?host=/run/postgresql", "host", "/run/postgresql"),
        ("postgresql://[::1]:5432/db", "host", "::1"),
        ("host=h dbname=db", "dbname", "db"),
        ("postgresql://h/d%40b?application_name=a@b", "dbname", "d@b"),
        ("postgresql://h/db?application_name=bot", "application_name", "bot"),
    ],
)
def test_addresses(url: str, name: str, value: str) -> None:
    assert parse_conninfo(url)[name] == value


def test_a_dead_peer_is_noticed() -> None:
    found = parse_conninfo("postgresql://h/db?keepalives_idle=3")
    assert (found["keepalives"], found["keepalives_idle"]) == (1, "3")
