"""Calls the functions that a program passes, a context builder or a thread factory; they may be coroutine functions."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import ParamSpec

from guestsql.errors import InvalidValue
from guestsql.guests.models import GuestProfile

__all__ = [
    "AsyncBuilder",
    "AsyncThreadFactory",
    "Builder",
    "ThreadFactory",
    "async_call_callback",
    "call_callback",
]

Builder = Callable[[GuestProfile], str]
AsyncBuilder = Callable[[GuestProfile], Awaitable[str]]
ThreadFactory = Callable[[], str]
AsyncThreadFactory = Callable[[], Awaitable[str]]

Given = ParamSpec("Given")


def call_callback(name: str, function: Callable[Given, str], *arguments: Given.args, **keywords: Given.kwargs) -> str:
    """Call a function of the program's.

    Args:
        name: the parameter by which it was given, for the error.
        function: the function.
        arguments: its arguments.
        keywords: its keyword arguments.

    Raises:
        InvalidValue: it is one for the async class.
    """
    text = function(*arguments, **keywords)
    if inspect.iscoroutine(text):
        text.close()
        raise _wrong_kind(f"{name} is a coroutine function")
    return text


async def async_call_callback(
    name: str, function: Callable[Given, Awaitable[str]], *arguments: Given.args, **keywords: Given.kwargs
) -> str:
    """The same, for the async class."""
    text = function(*arguments, **keywords)
    if not inspect.isawaitable(text):
        raise _wrong_kind(f"{name} is not a coroutine function")
    return await text


def _wrong_kind(fault: str) -> InvalidValue:
    return InvalidValue(fault, hint="GuestDatabase calls a plain function, AsyncGuestDatabase an async def")
