# Generated from guestsql/_async by tools/generate_sync.py (make sync). Do not edit.
"""One connection: what is asked of libpq, and a deadline that no wait outlives."""

from __future__ import annotations

import math
from time import monotonic
from typing import Any

import psycopg
from psycopg import Cursor, RawCursor, waiting
from psycopg.abc import RV, PQGen
from psycopg.rows import namedtuple_row

from guestsql._core.conninfo import adapters, parse_conninfo
from guestsql._core.translate import translate
from guestsql.settings import Settings

__all__ = ["DeadlineConnection", "connect", "connection_arguments"]


class DeadlineConnection(psycopg.Connection[Any]):
    """A connection none of whose waits outlives `deadline`, and whose interrupted waits end at once.

    The server's own `statement_timeout` does not help when the server hangs or the network swallows its answer,
    and cannot be set behind a transaction pooler; so the client watches the clock too.

    psycopg answers an interruption with a request to cancel the statement, and waits up to ten seconds for its effect.
    A server that hangs does not answer that either, and a commit that waits for a synchronous standby must not be
    cancelled: it would stay on this server alone. So the connection is closed instead.

    Attributes:
        deadline: in seconds of `time.monotonic()`; infinity waits for ever.
        cursors: a cursor for each query, by its name. A cursor that runs the same text again keeps its adapters and
            its row type, which costs a fifth less than a new one.
    """

    deadline: float = math.inf

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  psycopg's own
        super().__init__(*args, **kwargs)
        self.cursors: dict[str, Cursor[Any]] = {}

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:  # noqa: ASYNC109  psycopg's signature
        """Run one of psycopg's generators, at most until the deadline; close the connection if that is cut short."""
        if timeout is None and self.deadline != math.inf:
            timeout = max(0.0, self.deadline - monotonic())
        try:
            return waiting.wait(gen, self.pgconn.socket, interval, timeout)
        except BaseException as error:
            if _is_cut_short(error):
                self.pgconn.finish()
            raise


def _is_cut_short(error: BaseException) -> bool:
    """Tell whether a wait ended without an answer: by its timeout, a cancelled task, Ctrl-C, a signal's exception."""
    # What a wait raises past its timeout has no public name.
    return not isinstance(error, psycopg.Error) or isinstance(error, psycopg.errors._WaitTimeout)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def connection_arguments(settings: Settings, url: str, *, pooled: bool = False) -> dict[str, Any]:
    """Return the keyword arguments of `AsyncDeadlineConnection.connect`.

    Args:
        settings: for the time to connect.
        url: the address.
        pooled: True behind a transaction pooler, where prepared statements belong to nobody.

    Raises:
        SettingsError: the address does not parse.
    """
    # libpq takes whole seconds, and at least 2.
    seconds = max(2, math.ceil(settings.deadline_seconds))
    return {
        "connect_timeout": seconds,
        **parse_conninfo(url),
        "autocommit": True,  # a pool's default of BEGIN, query, COMMIT is three round trips
        "prepare_threshold": None if pooled else 2,
        "context": adapters(),
        "cursor_factory": RawCursor,
        "row_factory": namedtuple_row,
    }


def connect(settings: Settings, url: str, *, pooled: bool = False) -> DeadlineConnection:
    """Open one connection outside any pool, in autocommit, without a deadline.

    Args:
        settings: for the time to connect.
        url: the address.
        pooled: True behind a transaction pooler.

    Raises:
        SettingsError: the address does not parse.
        DatabaseUnavailable: nobody answers there, or the server refuses.
    """
    try:
        return DeadlineConnection.connect(**connection_arguments(settings, url, pooled=pooled))
    except psycopg.OperationalError as error:
        raise translate(error, "") from error
