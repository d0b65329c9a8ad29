"""Waits for the notifications of a channel, on connections outside the pool; without them a caller polls."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from time import monotonic
from typing import LiteralString

import psycopg
from psycopg import sql

from guestsql.errors import DatabaseError, SettingsError
from guestsql.settings import Settings
from guestsql.sql._async.connection import AsyncDeadlineConnection, closed_on_error, connect
from guestsql.sql.runtime import async_sleep
from guestsql.sql.translate import translate
from guestsql.telemetry.log import event

__all__ = ["AsyncListener", "AsyncListeners"]

# How often a caller polls: without notifications, and with them, in case one is lost.
_POLL_SECONDS = 1.0
_LOOK_SECONDS = 5.0
# A caller that could poll does not wait longer for a connection, nor try again sooner after a failure or a loss.
_CONNECT_SECONDS = 2.0
_RETRY_SECONDS = 30.0
_LOST_SECONDS = 1.0
# How soon a waiting caller notices that the database was closed.
_CLOSED_SECONDS = 0.5


class AsyncListeners:
    """Connections that listen to one channel, each for one waiting caller; between two waits they are kept.

    A transaction pooler passes no notifications on: the direct address is used, if there is one.

    Args:
        settings: for the direct address and the deadline.
        url: the server.
        channel: where notifications are sent.

    Attributes:
        is_closed: True once callers have to stop waiting.
    """

    def __init__(self, settings: Settings, url: str, channel: str) -> None:
        self._settings = replace(settings, deadline_seconds=min(settings.deadline_seconds, _CONNECT_SECONDS))
        self._url = settings.unpooled_url or url
        self._channel = sql.Identifier(channel)
        self._idle: deque[AsyncDeadlineConnection] = deque()
        self._retry_at = 0.0
        self.is_closed = False

    async def close(self) -> None:
        """Close the idle connections; callers that wait stop, and close theirs."""
        self.is_closed = True
        while self._idle:
            await self._idle.pop().close()

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[AsyncListener]:
        """Give a caller a listener, which connects when it is needed."""
        listener = AsyncListener(self)
        try:
            yield listener
            await listener.rest()
        finally:
            await listener.drop()

    async def acquire(self) -> AsyncDeadlineConnection | None:
        """Return a connection that listens from now on; None if there is none now."""
        while (kept := self._pop()) is not None:
            if await self._execute(kept, "LISTEN {}") is None:
                return kept
        if self.is_closed or monotonic() < self._retry_at:
            return None
        connection = await self._connect()
        failure = None if connection is None else await self._execute(connection, "LISTEN {}")
        if failure is None:
            return connection
        self._postpone(failure, _RETRY_SECONDS)
        return None

    async def release(self, connection: AsyncDeadlineConnection) -> None:
        """Keep a connection for the next caller. It stops listening: unread notifications would pile up."""
        if await self._execute(connection, "UNLISTEN {}") is None:
            self._idle.append(connection)
            if self.is_closed:
                await self.close()

    def lost(self, error: psycopg.Error) -> None:
        """Take note that a connection was lost while it listened."""
        self._postpone(error, _LOST_SECONDS)

    async def _execute(self, connection: AsyncDeadlineConnection, statement: LiteralString) -> psycopg.Error | None:
        """Run LISTEN or UNLISTEN; if that fails, close the connection and return the error."""
        connection.deadline = monotonic() + self._settings.deadline_seconds
        try:
            async with closed_on_error(connection):
                await connection.execute(sql.SQL(statement).format(self._channel))
        except psycopg.Error as error:
            return error
        connection.deadline = math.inf
        return None

    def _postpone(self, error: psycopg.Error | DatabaseError, seconds: float) -> None:
        self._retry_at = monotonic() + seconds
        why = error.message if isinstance(error, DatabaseError) else translate(error, "").message
        event(logging.WARNING, "NOTIFICATIONS_LOST", f"polling, and listening again after {seconds:g} s: {why}")

    def _pop(self) -> AsyncDeadlineConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    async def _connect(self) -> AsyncDeadlineConnection | None:
        try:
            return await connect(self._settings, self._url, session=True)
        except SettingsError as error:
            self._retry_at = math.inf
            event(logging.INFO, "NOTIFICATIONS_OFF", f"polling: {error.message}")
        except DatabaseError as error:
            self._postpone(error, _RETRY_SECONDS)
        return None


class AsyncListener:
    """Waits for one caller.

    Args:
        listeners: where its connection comes from.
    """

    def __init__(self, listeners: AsyncListeners) -> None:
        self._listeners = listeners
        self._connection: AsyncDeadlineConnection | None = None

    async def resume(self) -> bool:
        """Listen, if possible.

        Returns:
            True if it has just begun: what was notified before was missed, so the caller looks once more.
        """
        if self._connection is None:
            self._connection = await self._listeners.acquire()
            return self._connection is not None
        return False

    async def wait(self, seconds: float) -> None:
        """Wait for a notification, or until it is time to poll.

        Args:
            seconds: the longest wait, 0 or more.
        """
        until = monotonic() + min(seconds, _POLL_SECONDS if self._connection is None else _LOOK_SECONDS)
        while not self._listeners.is_closed:
            pause = min(until - monotonic(), _CLOSED_SECONDS)
            if pause <= 0:
                return
            if self._connection is None:
                await async_sleep(pause)
            elif await self._is_notified(self._connection, pause):
                return

    async def rest(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._listeners.release(connection)

    async def drop(self) -> None:
        """Close the connection of a caller that was interrupted."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _is_notified(self, connection: AsyncDeadlineConnection, seconds: float) -> bool:
        """Return True for a notification, and when the connection is lost: one may be lost with it."""
        count = 0
        try:
            async for _ in connection.notifies(timeout=seconds, stop_after=1):
                count += 1  # to the end: a generator that is left keeps the connection locked
        except psycopg.Error as error:
            self._listeners.lost(error)
            await self.drop()
            return True
        return count > 0
