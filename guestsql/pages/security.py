"""What every request passes before a page sees it: the Host header, where it comes from, the token, and its size.

A page on another site can send requests to a server on this machine, and DNS can be made to lead that site's name
here. So the server answers only to its own names, and to no request that another site embeds or posts.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "COOKIE",
    "LARGEST_BODY",
    "Access",
    "Guard",
    "host_name",
    "is_loopback",
    "too_large",
    "too_slow",
    "wants_page",
]

COOKIE = "guestsql_token"
"""The name of the cookie that shows that the token was given."""
LARGEST_BODY = 64 * 1024
"""The largest body of a request, in bytes."""

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_METHODS = ("GET", "HEAD", "POST")
_OPEN_PATHS = ("/login", "/static/")
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see the pages.

    Attributes:
        host: the address that the server listens on.
        names: further names under which it is reached, such as that of a reverse proxy.
        token: the secret; None lets everyone in.
    """

    host: str
    names: Collection[str] = ()
    token: str | None = field(default=None, repr=False)

    def answers_to(self, name: str) -> bool:
        """Return True if the server is meant by a host name.

        Args:
            name: from `host_name`.
        """
        if is_loopback(name) or name in {_plain_name(each) for each in (self.host, *self.names)}:
            return True
        # An address cannot be made to lead elsewhere; a name can.
        return not is_loopback(self.host) and _is_address(name)

    def is_token(self, text: str) -> bool:
        """Return True if a text is the token; the time that it takes does not depend on where they differ."""
        return self.token is None or _same(text, self.token)

    @property
    def cookie(self) -> str:
        """The cookie's value: it proves knowledge of the token, and is not the token."""
        return hmac.new((self.token or "").encode(), b"guestsql serve", hashlib.sha256).hexdigest()

    def admits(self, headers: Headers) -> bool:
        """Return True if a request brings the token, or the cookie."""
        if self.token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(given.strip()):
            return True
        return any(_same(value, self.cookie) for value in _cookies(headers))


class Guard:
    """ASGI middleware that refuses a request before it reaches a page, and adds the headers to every response.

    Args:
        app: what follows.
        access: who may see the pages.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
        else:
            await refusal(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        name = host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None:
            return _refuse(400, "the request needs one valid Host header")
        if not self._access.answers_to(name):
            return _refuse(400, f"this server does not answer to the name {name}: start it with --allow-host {name}")
        if "content-length" in headers and "transfer-encoding" in headers:
            # A proxy may believe the other one, and take what follows for another reader's request.
            return _refuse(400, "the request gives its length twice", {"Connection": "close"})
        if scope["method"] not in _METHODS:
            return _refuse(405, "only GET, HEAD and POST are answered", {"Allow": ", ".join(_METHODS)})
        return (
            _from_elsewhere(scope, headers, name) or self._body_refusal(scope, headers) or self._login(scope, headers)
        )

    @staticmethod
    def _body_refusal(scope: Scope, headers: Headers) -> Response | None:
        if scope["method"] != "POST":
            return None
        if headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            return _refuse(415, f"a form is sent as {_FORM}")
        length = headers.get("content-length", "0")
        is_large = not (length.isascii() and length.isdigit()) or len(length) > 9 or int(length) > LARGEST_BODY  # noqa: PLR2004  digits of a gigabyte
        return too_large() if is_large else None

    def _login(self, scope: Scope, headers: Headers) -> Response | None:
        path: str = scope["path"]
        if path == _OPEN_PATHS[0] or path.startswith(_OPEN_PATHS[1]) or self._access.admits(headers):
            return None
        if wants_page(headers) and scope["method"] != "POST":
            query = scope["query_string"].decode("latin-1")
            there = quote(f"{path}?{query}" if query else path, safe="")
            return RedirectResponse(f"/login?next={there}", status_code=303)
        if wants_page(headers):
            return RedirectResponse("/login", status_code=303)
        way = "send the header Authorization: Bearer with GUESTSQL_SERVE_TOKEN"
        return _refuse(401, way, {"WWW-Authenticate": "Bearer"})


def too_large() -> Response:
    """Return the answer to a body that is too large."""
    return _refuse(413, f"a form has {LARGEST_BODY // 1024} kB at most")


def too_slow() -> Response:
    """Return the answer to a body that does not arrive."""
    return _refuse(408, "the form did not arrive in time", {"Connection": "close"})


def wants_page(headers: Headers) -> bool:
    """Return True if a request comes from a browser that shows what it gets."""
    return "text/html" in headers.get("accept", "")


def host_name(host: str) -> str | None:
    """Return the name in a Host header: without the port, in lower case; None if it cannot be one.

    Args:
        host: such as `localhost:8000`, `[::1]:8000` or `pages.example.`.
    """
    name, bracket, rest = host.partition("]") if host.startswith("[") else (host, "", "")
    if not bracket:
        name, colon, port = host.partition(":")
        rest = colon + port
    elif not _is_address(name[1:]):
        return None
    port = rest[1:]
    if rest and (rest[0] != ":" or not port.isascii() or (port and not port.isdigit())):
        return None
    plain = _plain_name(name.removeprefix("["))
    allowed = "-._:" if bracket else "-._"
    is_name = bool(plain) and all(char.isascii() and (char.isalnum() or char in allowed) for char in plain)
    return plain if is_name else None


def is_loopback(host: str) -> bool:
    """Return True if a name or an address means this machine only."""
    name = _plain_name(host)
    return name == "localhost" or (_is_address(name) and ip_address(name).is_loopback)


def _plain_name(name: str) -> str:
    return name.removesuffix(".").lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _same(text: str, secret: str) -> bool:
    return hmac.compare_digest(text.encode("utf-8", "surrogateescape"), secret.encode())


def _cookies(headers: Headers) -> list[str]:
    """Its values; other servers on this machine may have set cookies that http.cookies cannot read."""
    parts = (part.strip().partition("=") for line in headers.getlist("cookie") for part in line.split(";"))
    return [value for name, _, value in parts if name == COOKIE]


def _from_elsewhere(scope: Scope, headers: Headers, name: str) -> Response | None:
    """Refuse what another site embeds or posts; a link there may lead here."""
    site = headers.get("sec-fetch-site", "none")
    # A frame navigates, too, without anyone who visits.
    is_opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest", "document") == "document"
    is_visit = scope["method"] == "GET" and is_opened
    # A form of these pages is posted with the origin null, because of the Referrer-Policy.
    origin = headers.get("origin", "null")
    is_own = origin == "null" or host_name(origin.partition("://")[2]) == name
    if (site in {"none", "same-origin"} or is_visit) and is_own:
        return None
    return _refuse(403, "another site sent this request")


def _refuse(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{message}\n", status_code=status, headers=headers)
