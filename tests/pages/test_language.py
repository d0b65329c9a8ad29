"""The language of a request, and how numbers and times are written in it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from guestsql.languages import language
from guestsql.pages.language import LanguageMiddleware, accepted_language, language_links, language_of

ENGLISH, SPANISH = language("en"), language("es")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("es", "es"),
        ("ES-co", "es"),
        ("es-CO,es;q=0.9,en;q=0.8", "es"),
        ("fr, en;q=0.2, es;q=0.7", "es"),
        ("en, es", "en"),
        ("es, en", "es"),
        ("fr", "en"),
        ("en;q=0, *;q=0.3", "es"),
        ("de-DE, *;q=0.5, es;q=0", "en"),
        ("*;q=0", "en"),
        ("es;q=high, en;q=0.1", "es"),
        ("es;q=7, \x00, ,;, en;q=0.5", "es"),
        ("fr," * 10_000 + "es", "en"),
    ],
)
def test_accept_language(header: str, code: str) -> None:
    assert accepted_language(header) == code


def show(request: Request) -> PlainTextResponse:
    links = " ".join(link.href for link in language_links(request) if not link.is_current)
    return PlainTextResponse(f"{language_of(request).code} {links}")


@pytest.fixture
def client() -> TestClient:
    taken = Middleware(LanguageMiddleware, parameters_of=lambda path: ["lang"] if path == "/q/spoken" else [])
    return TestClient(Starlette(routes=[Route("/{path:path}", show)], middleware=[taken]))


def test_a_choice_by_the_address_is_kept(client: TestClient) -> None:
    answer = client.get("/q/x?day=2026-01-01&lang=es", headers={"Accept-Language": "en"})
    assert answer.text == "es /q/x?day=2026-01-01&lang=es&_lang=en"
    assert answer.headers["Content-Language"] == "es"
    assert {"Accept-Language", "Cookie"} <= set(answer.headers["Vary"].split(", "))
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    again = client.get("/q/x", headers={"Accept-Language": "en"})
    assert again.text.startswith("es")
    assert "Set-Cookie" not in again.headers
    assert client.get("/q/x?_lang=en").text.startswith("en")


def test_a_parameter_named_lang_belongs_to_its_query(client: TestClient) -> None:
    assert client.get("/q/spoken?lang=es").text == "en /q/spoken?lang=es&_lang=es"
    assert client.get("/q/spoken?lang=en&_lang=es").text.startswith("es")


def test_an_unknown_language_is_ignored(client: TestClient) -> None:
    client.cookies.set("guestsql_lang", "xx")
    answer = client.get("/?lang=../es", headers={"Accept-Language": "es"})
    assert answer.text.startswith("es")
    assert "Set-Cookie" not in answer.headers


def test_numbers_keep_their_digits() -> None:
    values = (
        0,
        2026,
        12345,
        -1234567.25,
        1e-7,
        Decimal("1.500"),
        float("nan"),
        Decimal("-Infinity"),
        Decimal("1e400"),
        10**400,
    )
    english = [ENGLISH.number(value) for value in values]
    assert english[:-2] == ["0", "2026", "12,345", "-1,234,567.25", "0.0000001", "1.500", "NaN", "-∞"]
    spanish = [SPANISH.number(value) for value in values]
    assert spanish[:-2] == ["0", "2026", "12.345", "-1.234.567,25", "0,0000001", "1,500", "NaN", "-∞"]
    assert {len(each) for each in (*english[-2:], *spanish[-2:])} == {401 + 133}
    assert (ENGLISH.number(2.25, 1), SPANISH.number(Decimal("99999.96"), 1)) == ("2.2", "100.000,0")
    assert (ENGLISH.number(2026, is_grouped=True), SPANISH.number(2026.5, is_grouped=True)) == ("2,026", "2.026,5")
    assert (ENGLISH.percent(0.1234, 1), SPANISH.percent(0.5)) == ("12.3%", "50\N{NO-BREAK SPACE}%")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (1e-6, "1 µs"),
        (0.0123, "12,3 ms"),
        (0.99999, "1 s"),
        (59.97, "1 min"),
        (3661, "1 h 1 min"),
        (-90, "-1 min 30 s"),
        (timedelta(days=400, hours=2), "400 d 2 h"),
        (float("nan"), "NaN"),
    ],
)
def test_durations(seconds: float | timedelta, text: str) -> None:
    assert SPANISH.duration(seconds) == text


def test_sizes() -> None:
    sizes = [SPANISH.size(number) for number in (999, 1000, 999_960, -1.5e6, 1e18)]
    assert sizes == ["999 B", "1,0 kB", "1,0 MB", "-1,5 MB", "1000 PB"]


def test_times_are_in_the_hotels_zone() -> None:
    moment, hotel = datetime(2026, 11, 9, 3, 4, 5, tzinfo=UTC), ZoneInfo("America/Bogota")
    assert ENGLISH.moment(moment, hotel) == "Nov 8, 2026 22:04:05"
    assert SPANISH.moment(moment, hotel, seconds=False) == "8 nov 2026 22:04"
    assert SPANISH.moment(moment.replace(tzinfo=None), hotel) == "9 nov 2026 03:04:05"
    assert SPANISH.date(date(2026, 1, 31)) == "31 ene 2026"
    # West of Greenwich this would be a day before the first one.
    assert SPANISH.moment(datetime.min.replace(tzinfo=UTC), hotel) == "0001-01-01 00:00:00+00:00"


def test_a_querys_own_text() -> None:
    assert (SPANISH.pick("Guests.", "Huéspedes."), ENGLISH.pick("Guests.", "Huéspedes.")) == ("Huéspedes.", "Guests.")
    assert SPANISH.pick("Guests.", None) == "Guests."


def test_a_message_without_values_keeps_its_percent_signs() -> None:
    assert ENGLISH.gettext("100 % of %(x)s") == "100 % of %(x)s"
    assert (
        ENGLISH.ngettext("%(num)s row in %(file)s", "%(num)s rows in %(file)s", 12345, file="a") == "12,345 rows in a"
    )


def test_another_language_is_refused() -> None:
    with pytest.raises(KeyError, match="no language 'fr': there is en, es"):
        language("fr")
