"""What a request asks for: the names and values of its address or of its form, read strictly."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from anyio import move_on_after
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from guestsql.languages import N_
from guestsql.pages.security import LARGEST_BODY, too_large, too_slow

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["Defect", "Given", "Unreadable", "threaded"]

_MOST_FIELDS = 1000
# For a body, which is small.
_BODY_SECONDS = 30.0


class Unreadable(ValueError):
    """The address or the form cannot be read."""


class Defect(Exception):
    """A bug: its message says what kind of exception was raised where, and holds no value."""

    def __init__(self, error: Exception) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        super().__init__(f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}")


class Given:
    """Names with their values, in their order.

    Args:
        text: `name=value&…`, percent-encoded.

    Raises:
        Unreadable: the text is not UTF-8, or holds a NUL.
    """

    def __init__(self, text: bytes) -> None:
        self._values: dict[str, list[str]] = {}
        try:
            pairs = parse_qsl(
                text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
            )
        except ValueError as error:  # UnicodeDecodeError too
            raise Unreadable(N_("Its values are not UTF-8, or too many.")) from error
        for name, value in pairs:
            if "\0" in name or "\0" in value:
                raise Unreadable(N_("A value holds a NUL, which PostgreSQL cannot store."))
            self._values.setdefault(name, []).append(value)

    def all(self, name: str) -> list[str]:
        """Return every value of a name, in order."""
        return self._values.get(name, [])

    def first(self, name: str) -> str | None:
        """Return the first value of a name, or None."""
        return next(iter(self.all(name)), None)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    @property
    def values(self) -> Mapping[str, list[str]]:
        """Everything that is given."""
        return self._values


def threaded(respond: Callable[[Request, Given], Response]) -> Callable[[Request], object]:
    """Make an endpoint of a function that blocks; its form is read before.

    Args:
        respond: takes the request, and what its address (GET) or its form (POST) gives.
    """

    async def endpoint(request: Request) -> Response:
        text = request.scope["query_string"]
        if request.method == "POST":
            text = b""
            with move_on_after(_BODY_SECONDS) as limit:
                async for chunk in request.stream():
                    text += chunk
                    if len(text) > LARGEST_BODY:
                        return too_large()
            if limit.cancelled_caught:
                return too_slow()
        given = Given(text)
        try:
            return await run_in_threadpool(respond, request, given)
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001  a bug must not show a traceback with values, in the log or in the page
            raise Defect(error) from None

    return endpoint
