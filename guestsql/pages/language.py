"""The language of a request: `?_lang=es`, then the cookie of an earlier choice, then Accept-Language, then English."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guestsql.languages import LANGUAGES, Language, language
from guestsql.pages.preferences import qualities

__all__ = ["LanguageLink", "LanguageMiddleware", "accepted_language", "language_links", "language_of"]

COOKIE = "guestsql_lang"
_OWN_PARAMETER = "_lang"
_SHORT_PARAMETER = "lang"
_DEFAULT = next(iter(LANGUAGES))
_YEAR_SECONDS = 365 * 86_400


@dataclass(frozen=True, slots=True)
class LanguageLink:
    """A link to the same page in a language.

    Attributes:
        language: the language.
        href: the address, with the parameters of this request.
        is_current: True if the page is in this language already.
    """

    language: Language
    href: str
    is_current: bool


class LanguageMiddleware:
    """Sets `request.state.language` for each request, and keeps a choice by the address in a cookie."""

    def __init__(self, app: ASGIApp, parameters_of: Callable[[str], Collection[str]] = lambda _path: ()) -> None:
        """Wrap an application.

        Args:
            app: the application.
            parameters_of: the parameters of the query at a path: where one is named `lang`, only `_lang` chooses.
        """
        self._app = app
        self._parameters_of = parameters_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        asked = _asked(connection, self._parameters_of)
        chosen = language(asked or _remembered(connection) or accepted_language(_accepted(connection)))
        scope.setdefault("state", {})["language"] = chosen

        async def send_with_language(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Language", chosen.code)
                headers.add_vary_header("Accept-Language")
                headers.add_vary_header("Cookie")
                if asked:
                    headers.append(
                        "Set-Cookie",
                        f"{COOKIE}={asked}; Path=/; Max-Age={_YEAR_SECONDS}; HttpOnly; SameSite=Lax",
                    )
            await send(message)

        await self._app(scope, receive, send_with_language)


def language_of(request: HTTPConnection) -> Language:
    """Return the language that the middleware chose.

    Args:
        request: a request of an application with `LanguageMiddleware`.
    """
    chosen: Language = request.state.language
    return chosen


def language_links(request: HTTPConnection, *, with_values: bool = True) -> list[LanguageLink]:
    """Return links to the page of a request in each language.

    Args:
        request: its path and the parameters of its address stay; those of a body are never in an address.
        with_values: False leaves the parameters out.
    """
    current = language_of(request)
    kept = (
        []
        if not with_values
        else [(name, value) for name, value in request.query_params.multi_items() if name != _OWN_PARAMETER]
    )
    # Not from request.url, which cannot be read when the address holds bytes that are not UTF-8.
    path = quote(request.scope["path"])
    return [
        LanguageLink(language(code), f"{path}?{urlencode([*kept, (_OWN_PARAMETER, code)])}", code == current.code)
        for code in LANGUAGES
    ]


def accepted_language(header: str) -> str:
    """Return the code of the language that a reader prefers, as RFC 9110 describes the header.

    Args:
        header: the text of Accept-Language, such as `es-CO, es;q=0.9, en;q=0.8`; parts that cannot be read are ignored.

    Returns:
        One of `LANGUAGES`; English if the header accepts none of them.
    """
    accepted: dict[str, float] = {}
    for tag, quality in qualities(header).items():
        code = tag.partition("-")[0]
        # es-CO and es: the better one counts.
        accepted[code] = max(quality, accepted.get(code, 0.0))
    others = accepted.pop("*", 0.0)
    # Of equal ones, the first in the header; what only `*` accepts comes last.
    named = [code for code in accepted if code in LANGUAGES]
    candidates = [*named, *(code for code in LANGUAGES if code not in accepted)]
    best = max(candidates, key=lambda code: accepted.get(code, others), default=_DEFAULT)
    return best if accepted.get(best, others) > 0 else _DEFAULT


def _asked(connection: HTTPConnection, parameters_of: Callable[[str], Collection[str]]) -> str | None:
    """The language that the address asks for."""
    code = connection.query_params.get(_OWN_PARAMETER)
    if code is None and _SHORT_PARAMETER in connection.query_params:
        code = (
            None
            if _SHORT_PARAMETER in parameters_of(connection.scope["path"])
            else connection.query_params[_SHORT_PARAMETER]
        )
    return code if code in LANGUAGES else None


def _remembered(connection: HTTPConnection) -> str | None:
    code = connection.cookies.get(COOKIE)
    return code if code in LANGUAGES else None


def _accepted(connection: HTTPConnection) -> str:
    return ",".join(connection.headers.getlist("accept-language"))
