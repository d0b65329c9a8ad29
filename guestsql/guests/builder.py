"""Calls the context builder that a program has given: a plain function, or a coroutine function."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from guestsql.errors import InvalidValue
from guestsql.guests.models import GuestProfile

__all__ = ["AsyncBuilder", "Builder", "async_call_builder", "call_builder"]

Builder = Callable[[GuestProfile], str]
AsyncBuilder = Callable[[GuestProfile], Awaitable[str]]


def call_builder(builder: Builder, profile: GuestProfile) -> str:
    """Call a context builder.

    Raises:
        InvalidValue: it is one for the async class.
    """
    text = builder(profile)
    if inspect.iscoroutine(text):
        text.close()
        raise _wrong_builder("is a coroutine function")
    return text


async def async_call_builder(builder: AsyncBuilder, profile: GuestProfile) -> str:
    """The same, for the async class."""
    text = builder(profile)
    if not inspect.isawaitable(text):
        raise _wrong_builder("is not a coroutine function")
    return await text


def _wrong_builder(fault: str) -> InvalidValue:
    return InvalidValue(
        f"context_builder {fault}", hint="GuestDatabase calls a plain function, AsyncGuestDatabase an async def"
    )
