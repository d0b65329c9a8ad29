"""The application: which path is answered by what."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from guestsql.pages.dashboards import dashboard, dashboard_index
from guestsql.pages.downloads import download, page_or_download
from guestsql.pages.index import index
from guestsql.pages.language import LanguageMiddleware, language_of
from guestsql.pages.login import login
from guestsql.pages.masking import safe_text
from guestsql.pages.options import OptionLists
from guestsql.pages.render import error_page
from guestsql.pages.request import Defect, Unreadable, threaded
from guestsql.pages.security import Guard
from guestsql.pages.state import FOLDER, State
from guestsql.telemetry.log import event

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["build"]

_QUERY = "/q/"


def build(state: State) -> Starlette:
    """Return the application.

    Args:
        state: what all requests share.
    """

    def parameters_of(path: str) -> Collection[str]:
        name = path.removeprefix(_QUERY).partition(".")[0]
        query = state.catalogue.current()[0].get(name) if path.startswith(_QUERY) else None
        return () if query is None else [each.name for each in query.parameters]

    app = Starlette(
        routes=[
            Route("/", threaded(index)),
            Route("/login", threaded(login), methods=["GET", "POST"]),
            Route("/dashboards", threaded(dashboard_index)),
            Route("/dashboards/{name}", threaded(dashboard)),
            Route("/q/{name}.{ending}", threaded(download), methods=["GET", "POST"]),
            Route("/q/{name}", threaded(page_or_download), methods=["GET", "POST"]),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ],
        middleware=[Middleware(Guard, state.access), Middleware(LanguageMiddleware, parameters_of)],
        exception_handlers={HTTPException: _refused, Unreadable: _unreadable, Defect: _failed},  # type: ignore[dict-item]
    )
    app.router.redirect_slashes = False
    app.state.pages = state
    app.state.options = OptionLists(state)
    return app


def _refused(request: Request, error: HTTPException) -> Response:
    _ = language_of(request).gettext
    titles = {404: _("There is no such page"), 405: _("This address only answers GET")}
    return error_page(request, error.status_code, titles.get(error.status_code, error.detail))


def _unreadable(request: Request, error: Unreadable) -> Response:
    _ = language_of(request).gettext
    return error_page(request, 400, _("The request cannot be read"), _(str(error)))


def _failed(request: Request, error: Defect) -> Response:
    event(logging.ERROR, "PAGE_FAILED", f"{safe_text(request.scope['path'])}: {error}")
    return error_page(request, 500, language_of(request).gettext("Something went wrong"), str(error))
