"""A WhatsApp bot behind a webhook: each message is processed once, and its reply is sent in order, by an outbox.

    pip install "guestsql[embedded]" fastapi uvicorn
    guestsql migrate up
    uvicorn whatsapp_bot:app --port 8080

It reads deliveries of Whapi and of the WhatsApp Cloud API. The last three functions replace model and gateway.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Body, FastAPI, HTTPException, Request

from guestsql import AsyncGuestDatabase
from guestsql.errors import GuestSQLError, InvalidUserId

Json = dict[str, Any]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the database in the event loop that uses it, and send replies until the server stops."""
    async with AsyncGuestDatabase() as app.state.db:
        sender = asyncio.create_task(send_replies(app.state.db))
        yield
        sender.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/whapi")
async def whapi(body: Annotated[Json, Body()], request: Request) -> None:
    """Receive a delivery of Whapi."""
    for each in body.get("messages", []):
        if not each.get("from_me"):
            await receive(request.app.state.db, "whapi", each, {"phone": each["from"]}, each.get("from_name"))


@app.post("/cloud")
async def cloud(body: Annotated[Json, Body()], request: Request) -> None:
    """Receive a delivery of the Cloud API. A sender has a phone, a business-scoped id, or both."""
    for value in (change["value"] for entry in body.get("entry", []) for change in entry["changes"]):
        contact = (value.get("contacts") or [{}])[0]
        for each in value.get("messages", []):
            known = {"phone": each.get("from"), "bsuid": contact.get("user_id")}
            ids = {kind: user_id for kind, user_id in known.items() if user_id}
            await receive(request.app.state.db, "cloud", each, ids, contact.get("profile", {}).get("name"))


async def receive(db: AsyncGuestDatabase, gateway: str, given: Json, ids: dict[str, str], name: str | None) -> None:
    """Process a delivery; a sender who is no guest, such as the bot itself, is skipped."""
    user_id = next(iter(ids.values()))
    try:
        if len(ids) > 1:
            await db.link_ids(user_id, **ids)
        if given.get("system", {}).get("type") == "user_changed_number":
            await db.change_phone(user_id, given["system"]["wa_id"])
        elif "text" in given:
            await answer(db, gateway, given, user_id, name)
    except InvalidUserId as error:
        print(f"skipped: {error}")


async def answer(db: AsyncGuestDatabase, gateway: str, given: Json, user_id: str, name: str | None) -> None:
    """Answer a message that is new; everything in the block is stored together at its end, or nothing."""
    text, chat_id, at = (
        given["text"]["body"],
        given.get("chat_id"),
        datetime.fromtimestamp(int(given["timestamp"]), UTC),
    )
    async with db.message(given["id"], user_id, at=at, chat_id=chat_id, text=text, gateway=gateway) as message:
        if message.state == "in progress":
            raise HTTPException(503)  # its process may have been killed: the gateway is to deliver it again
        if message.is_new:
            await db.update_profile(user_id, user_name=name)
            thread_id = str((await db.create_thread(user_id, create_thread)).thread_id)
            reply, tokens = await ask_model(thread_id, await db.get_context(user_id) + text)
            message.tokens(thread_id, tokens)
            message.reply({"to": chat_id or user_id, "text": reply})


async def send_replies(db: AsyncGuestDatabase) -> None:
    """Send queued replies, in order for each guest; one that may have been sent by a killed process is sent again."""
    while True:
        try:
            await db.wait_for_replies()
            for reply in await db.claim_replies():
                try:
                    sent_id = await send(reply.gateway, reply.payload["to"], reply.payload["text"])
                except OSError as error:
                    await db.reply_failed(reply, error)
                else:
                    await db.reply_sent(reply, sent_id)
        except GuestSQLError:  # logged already
            await asyncio.sleep(1)


async def create_thread() -> str:
    """Create a conversation at the model's provider; here, invent its id."""
    return f"thread_{uuid4().hex}"


async def ask_model(thread_id: str, text: str) -> tuple[str, int]:
    """Return the model's reply and the tokens that it took; here, repeat the message."""
    return f"You wrote: {text}", len(f"{thread_id} {text}".split())


async def send(gateway: str, to: str, text: str) -> str:
    """Send a reply through the gateway and return the id that it gives; here, print it."""
    print(f"{gateway} to {to}: {text}", flush=True)
    return uuid4().hex
