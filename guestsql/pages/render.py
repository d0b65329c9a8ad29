"""Pages from templates: what every page has, and the headers by which a browser keeps it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response

from guestsql.pages.language import language_links, language_of
from guestsql.pages.state import state_of

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["error_page", "kept_by_browser", "page"]

_OK = 200
_NOT_FOUND = 404


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    place: str = "",
    cache_seconds: int = 0,
    headers: dict[str, str] | None = None,
    **values: object,
) -> Response:
    """Return a page.

    Args:
        request: what is answered.
        template: its name.
        status: of HTTP.
        place: which link of the navigation is the current one: `queries`, or a dashboard.
        cache_seconds: how long a browser may show it again without asking.
        headers: further ones.
        **values: for the template.
    """
    state = state_of(request)
    language = language_of(request)
    catalogue, failure = state.catalogue.current()
    text = state.templates.get_template(template).render(
        _=language.gettext,
        ngettext=language.ngettext,
        language=language,
        # An address that was refused may hold what must not be repeated, as may a path that leads nowhere.
        languages=() if status == _NOT_FOUND else language_links(request, with_values=status == _OK),
        dashboards=sorted({each.dashboard for each in catalogue.values()} - {""}),
        failure=failure,
        place=place,
        style=state.style,
        zone=state.zone.key,
        is_replica=state.target.is_replica,
        **values,
    )
    response = HTMLResponse(text, status, headers)
    if request.method == "POST" or status != _OK:
        return response
    return kept_by_browser(request, response, cache_seconds)


def error_page(request: Request, status: int, title: str, detail: str = "", hint: str = "") -> Response:
    """Return a page that says what is wrong."""
    return page(request, "error.html", status=status, title=title, detail=detail, hint=hint)


def kept_by_browser(request: Request, response: Response, cache_seconds: int) -> Response:
    """Let a browser keep a page: it asks whether the page is the same, at once or after some seconds."""
    digest = hashlib.sha256(bytes(response.body)).hexdigest()[:32]
    response.headers["ETag"] = f'W/"{digest}"'
    response.headers["Cache-Control"] = f"private, max-age={cache_seconds}" if cache_seconds else "private, no-cache"
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if f'"{digest}"' not in known and "*" not in known:
        return response
    # A browser replaces the headers that it kept by these: a picture has a policy of its own.
    names = ("ETag", "Cache-Control", "Content-Security-Policy")
    kept = {name: response.headers[name] for name in names if name in response.headers}
    return Response(status_code=304, headers=kept)
