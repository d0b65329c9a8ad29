"""The bot of the soak: it answers the messages on its stdin as examples/whatsapp_bot.py does, and sends the replies.

A line of stdin is a message: its number, the guest, and when it was due, by the monotonic clock. A line of stdout is an
answer: the number, `ok` or the name of the error, and the seconds since the message was due. At the end of stdin the
bot answers what it has, and ends.
"""

from __future__ import annotations

import asyncio
import sys
import time
from uuid import uuid4

from guestsql import AsyncGuestDatabase, Settings
from guestsql.errors import GuestSQLError

# Of a day that lasts 86 seconds: a context is fresh for 5 minutes, and a model answers in 2 seconds.
_TTL_SECONDS = 0.3
_MODEL_SECONDS = 0.002


async def _answer(db: AsyncGuestDatabase, number: str, guest: str, due: float) -> None:
    outcome = "ok"
    try:
        async with db.message(f"soak-{number}", guest, text="Hola") as message:
            if message.is_new:
                await db.update_profile(guest, user_name=f"Invitado {guest[-4:]}")
                thread = await db.create_thread(guest, _create_thread)
                await db.get_context(guest)
                await asyncio.sleep(_MODEL_SECONDS)
                message.tokens(str(thread.thread_id), 400)
                message.reply({"to": guest, "text": "Hola"})
    except GuestSQLError as error:
        outcome = type(error).__name__
    sys.stdout.write(f"{number} {outcome} {time.monotonic() - due:.6f}\n")
    sys.stdout.flush()


async def _create_thread() -> str:
    return f"thread_{uuid4().hex}"


async def _send_replies(db: AsyncGuestDatabase) -> None:
    while True:
        await db.wait_for_replies(timeout_seconds=60)
        replies = await db.claim_replies()
        await asyncio.gather(*(db.reply_sent(reply, f"sent-{reply.reply_id}") for reply in replies))


async def _main(url: str) -> None:
    settings = Settings(database_url=url, context_ttl_seconds=_TTL_SECONDS, deadline_seconds=30.0)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with AsyncGuestDatabase(settings=settings) as db:
        await db.get_profile("573000000001")
        sender = asyncio.create_task(_send_replies(db))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        async with asyncio.TaskGroup() as answers:
            while line := await lines.readline():
                number, guest, due = line.decode().split()
                answers.create_task(_answer(db, number, guest, float(due)))
        sender.cancel()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
