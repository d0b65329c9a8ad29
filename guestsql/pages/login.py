"""`/login`: the token in exchange for a cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from guestsql.pages.language import language_of
from guestsql.pages.render import page
from guestsql.pages.request import Given
from guestsql.pages.security import COOKIE
from guestsql.pages.state import state_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["login"]


def login(request: Request, given: Given) -> Response:
    """Answer `/login`: the form, or the cookie and the page that was wanted."""
    access = state_of(request).access
    there = _own_path(given.first("next") or "/")
    if access.token is None:
        return RedirectResponse(there, status_code=303)
    if request.method != "POST":
        return page(request, "login.html", error="", next=there)
    if not access.is_token(given.first("token") or ""):
        error = language_of(request).gettext("Wrong token.")
        return page(request, "login.html", status=403, error=error, next=there)
    response = RedirectResponse(there, status_code=303)
    response.set_cookie(
        COOKIE, access.cookie, httponly=True, samesite="strict", secure=request.scope["scheme"] == "https", path="/"
    )
    return response


def _own_path(path: str) -> str:
    """A path of this server; a browser reads `//` and a backslash as the beginning of another one's."""
    is_own = path.startswith("/") and not path.startswith("//") and path.isprintable() and "\\" not in path
    return path if is_own else "/"
