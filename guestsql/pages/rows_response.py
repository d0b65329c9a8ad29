"""A response whose body is made while it is sent, by blocking code: it ends with the client, and shows a failure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from anyio import CancelScope, create_task_group, current_time, move_on_after, to_thread
from starlette.responses import Response

from guestsql.errors import DatabaseError, QueryTimeout
from guestsql.telemetry.log import event

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["RowsResponse", "chunks_of"]

_CHUNK_CHARACTERS = 64 * 1024
# A client that reads nothing for so long is taken for gone: it holds a session.
_STALLED_SECONDS = 60.0
# A client that reads a little now and then would keep its session, and the server from cleaning its tables, for days.
_LONGEST_SECONDS = 3600.0


class RowsResponse(Response):
    """Sends chunks. A body that cannot be completed has a last line that says so, and no end of the response.

    Args:
        chunks: the body. Each is made in a thread; a `DatabaseError` ends it.
        cancel: has the making of a chunk fail soon.
        resources: closed at the end, whatever happens.
        last_line: makes the last line of an incomplete body.
        media_type: of the body.
        headers: further ones.
    """

    def __init__(
        self,
        chunks: Iterator[bytes],
        *,
        cancel: Callable[[], None],
        resources: ExitStack,
        last_line: Callable[[DatabaseError], bytes],
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self._chunks = chunks
        self._cancel = cancel
        self._resources = resources
        self._last_line = last_line
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the chunks until the last one, a failure, or the client's end."""
        is_whole = scope["method"] == "HEAD"
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if not is_whole:
                async with create_task_group() as tasks:
                    tasks.start_soon(self._watch, receive, tasks.cancel_scope)
                    is_whole = await self._send_chunks(scope["path"], send)
                    tasks.cancel_scope.cancel()
            if is_whole:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self._end)

    async def _watch(self, receive: Receive, scope: CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await to_thread.run_sync(self._cancel)
        scope.cancel()

    async def _send_chunks(self, path: str, send: Send) -> bool:
        until = current_time() + _LONGEST_SECONDS
        while current_time() < until:
            try:
                chunk = await to_thread.run_sync(next, self._chunks, None)
            except DatabaseError as error:
                event(logging.ERROR, "DOWNLOAD_INCOMPLETE", f"{path}: {type(error).__name__} {error.sqlstate or ''}")
                await _sent(send, self._last_line(error))
                return False
            if chunk is None:
                return True
            if not await _sent(send, chunk):
                return False
        late = QueryTimeout(f"the download took longer than {_LONGEST_SECONDS:g} s")
        event(logging.ERROR, "DOWNLOAD_INCOMPLETE", f"{path}: {late.message}")
        await _sent(send, self._last_line(late))
        return False

    def _end(self) -> None:
        with suppress(DatabaseError):  # the server may be gone, too
            self._resources.close()


async def _sent(send: Send, chunk: bytes) -> bool:
    """Whether the client took a chunk in time."""
    try:
        with move_on_after(_STALLED_SECONDS) as limit:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except OSError:
        return False
    return not limit.cancelled_caught


def chunks_of(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield lines in larger pieces, as UTF-8. Half a surrogate pair becomes an escape.

    Args:
        lines: texts, each with its line feed.
    """
    kept: list[str] = []
    size = 0
    for line in lines:
        kept.append(line)
        size += len(line)
        if size >= _CHUNK_CHARACTERS:
            yield _encoded(kept)
            kept, size = [], 0
    if kept:
        yield _encoded(kept)


def _encoded(lines: list[str]) -> bytes:
    return "".join(lines).encode("utf-8", "backslashreplace")
