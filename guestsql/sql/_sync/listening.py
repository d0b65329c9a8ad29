# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Waits for the notifications of a channel, on connections outside the pool; without them a caller polls."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import LiteralString

import psycopg
from psycopg import sql

from guestsql.errors import DatabaseError, SettingsError
from guestsql.settings import Settings
from guestsql.sql._sync.connection import DeadlineConnection, closed_on_error, connect
from guestsql.sql.runtime import sleep
from guestsql.sql.translate import translate
from guestsql.telemetry.log import event

__all__ = ["Listener", "Listeners"]

# How often a caller polls: without notifications, and with them, in case one is lost.
_POLL_SECONDS = 1.0
_LOOK_SECONDS = 5.0
# A caller that could poll does not wait longer for a connection, nor try again sooner after a failure or a loss.
_CONNECT_SECONDS = 2.0
_RETRY_SECONDS = 30.0
_LOST_SECONDS = 1.0
# How soon a waiting caller notices that the database was closed.
_CLOSED_SECONDS = 0.5


class Listeners:
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
        self._idle: deque[DeadlineConnection] = deque()
        self._retry_at = 0.0
        self.is_closed = False

    def close(self) -> None:
        """Close the idle connections; callers that wait stop, and close theirs."""
        self.is_closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def listening(self) -> Generator[Listener]:
        """Give a caller a listener, which connects when it is needed."""
        listener = Listener(self)
        try:
            yield listener
            listener.rest()
        finally:
            listener.drop()

    def acquire(self) -> DeadlineConnection | None:
        """Return a connection that listens from now on; None if there is none now."""
        while (kept := self._pop()) is not None:
            if self._execute(kept, "LISTEN {}") is None:
                return kept
        if self.is_closed or monotonic() < self._retry_at:
            return None
        connection = self._connect()
        failure = None if connection is None else self._execute(connection, "LISTEN {}")
        if failure is None:
            return connection
        self._postpone(failure, _RETRY_SECONDS)
        return None

    def release(self, connection: DeadlineConnection) -> None:
        """Keep a connection for the next caller. It stops listening: unread notifications would pile up."""
        if self._execute(connection, "UNLISTEN {}") is None:
            self._idle.append(connection)
            if self.is_closed:
                self.close()

    def lost(self, error: psycopg.Error) -> None:
        """Take note that a connection was lost while it listened."""
        self._postpone(error, _LOST_SECONDS)

    def _execute(self, connection: DeadlineConnection, statement: LiteralString) -> psycopg.Error | None:
        """Run LISTEN or UNLISTEN; if that fails, close the connection and return the error."""
        connection.deadline = monotonic() + self._settings.deadline_seconds
        try:
            with closed_on_error(connection):
                connection.execute(sql.SQL(statement).format(self._channel))
        except psycopg.Error as error:
            return error
        connection.deadline = math.inf
        return None

    def _postpone(self, error: psycopg.Error | DatabaseError, seconds: float) -> None:
        self._retry_at = monotonic() + seconds
        why = error.message if isinstance(error, DatabaseError) else translate(error, "").message
        event(logging.WARNING, "NOTIFICATIONS_LOST", f"polling, and listening again after {seconds:g} s: {why}")

    def _pop(self) -> DeadlineConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _connect(self) -> DeadlineConnection | None:
        try:
            return connect(self._settings, self._url, session=True)
        except SettingsError as error:
            self._retry_at = math.inf
            event(logging.INFO, "NOTIFICATIONS_OFF", f"polling: {error.message}")
        except DatabaseError as error:
            self._postpone(error, _RETRY_SECONDS)
        return None


class Listener:
    """Waits for one caller.

    Args:
        listeners: where its connection comes from.
    """

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners
        self._connection: DeadlineConnection | None = None

    def resume(self) -> bool:
        """Listen, if possible.

        Returns:
            True if it has just begun: what was notified before was missed, so the caller looks once more.
        """
        if self._connection is None:
            self._connection = self._listeners.acquire()
            return self._connection is not None
        return False

    def wait(self, seconds: float) -> None:
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
                sleep(pause)
            elif self._is_notified(self._connection, pause):
                return

    def rest(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._listeners.release(connection)

    def drop(self) -> None:
        """Close the connection of a caller that was interrupted."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _is_notified(self, connection: DeadlineConnection, seconds: float) -> bool:
        """Return True for a notification, and when the connection is lost: one may be lost with it."""
        count = 0
        try:
            for _ in connection.notifies(timeout=seconds, stop_after=1):
                count += 1  # to the end: a generator that is left keeps the connection locked
        except psycopg.Error as error:
            self._listeners.lost(error)
            self.drop()
            return True
        return count > 0
