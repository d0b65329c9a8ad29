"""One line for each request: method, path, status and milliseconds. Never what follows the path."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from guestsql.adhoc.values import plain_text
from guestsql.pages.masking import safe_text

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["AccessLog"]

_LONGEST_PATH = 200


class AccessLog:
    """ASGI middleware that writes a line for each request.

    Args:
        app: what is called.
        say: writes a line.
    """

    def __init__(self, app: ASGIApp, say: Callable[[str], None]) -> None:
        self._app = app
        self._say = say

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request, and write its line."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 500

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            path = safe_text(plain_text(scope["path"][:_LONGEST_PATH])).replace("\n", " ")
            self._say(f"{scope['method']} {path} {status} {(perf_counter() - started) * 1000:.0f} ms")
