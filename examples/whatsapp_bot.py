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
from uuid import uuid4

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, Field

from guestsql import AsyncGuestDatabase
from guestsql.errors import GuestSQLError, InvalidUserId, InvalidValue


class Text(BaseModel):
    """The text of a message."""

    body: str


class NewNumber(BaseModel):
    """A message of the system about a sender's number."""

    type: str
    wa_id: str | None = None


class Delivered(BaseModel):
    """A message; both gateways name these members alike."""

    id: str
    timestamp: AwareDatetime
    sender: str | None = Field(None, alias="from")
    from_me: bool = False
    from_name: str | None = None
    chat_id: str | None = None
    text: Text | None = None
    system: NewNumber | None = None


class Whapi(BaseModel):
    """A delivery of Whapi."""

    messages: list[Delivered] = []


class Profile(BaseModel):
    """The profile of a contact."""

    name: str | None = None


class Contact(BaseModel):
    """The sender of the messages."""

    user_id: str | None = None
    profile: Profile = Profile()


class Value(BaseModel):
    """What has happened."""

    contacts: list[Contact] = []
    messages: list[Delivered] = []


class Change(BaseModel):
    """One change."""

    value: Value


class Entry(BaseModel):
    """The changes of one account."""

    changes: list[Change]


class Cloud(BaseModel):
    """A delivery of the Cloud API."""

    entry: list[Entry] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the database in the event loop that uses it, and send replies until the server stops."""
    async with AsyncGuestDatabase() as app.state.db:
        sender = asyncio.create_task(send_replies(app.state.db))
        yield
        sender.cancel()


app = FastAPI(lifespan=lifespan)


@app.exception_handler(RequestValidationError)
async def refuse(_request: Request, _error: RequestValidationError) -> Response:
    """Refuse a delivery that cannot be read, without repeating what it holds."""
    return Response(status_code=422)


@app.post("/whapi")
async def whapi(delivery: Whapi, request: Request) -> None:
    """Receive a delivery of Whapi."""
    for each in delivery.messages:
        if not each.from_me:
            await receive(request.app.state.db, "whapi", each, {"phone": each.sender}, each.from_name)


@app.post("/cloud")
async def cloud(delivery: Cloud, request: Request) -> None:
    """Receive a delivery of the Cloud API. A sender has a phone, a business-scoped id, or both."""
    for value in (change.value for entry in delivery.entry for change in entry.changes):
        contact = value.contacts[0] if value.contacts else Contact()
        for each in value.messages:
            ids = {"phone": each.sender, "bsuid": contact.user_id}
            await receive(request.app.state.db, "cloud", each, ids, contact.profile.name)


async def receive(
    db: AsyncGuestDatabase, gateway: str, given: Delivered, ids: dict[str, str | None], name: str | None
) -> None:
    """Process a message; one that cannot be stored, or whose sender is no guest, such as the bot itself, is skipped."""
    known = {kind: user_id for kind, user_id in ids.items() if user_id}
    user_id = next(iter(known.values()), "")
    try:
        if len(known) > 1:
            await db.link_ids(user_id, **known)
        if given.system and given.system.type == "user_changed_number" and given.system.wa_id:
            await db.change_phone(user_id, given.system.wa_id)
        elif given.text:
            await answer(db, gateway, given, user_id, name)
    except (InvalidUserId, InvalidValue) as error:
        print(f"skipped: {error}")


async def answer(db: AsyncGuestDatabase, gateway: str, given: Delivered, user_id: str, name: str | None) -> None:
    """Answer a message that is new; everything in the block is stored together at its end, or nothing."""
    text = given.text.body if given.text else ""
    async with db.message(
        given.id, user_id, at=given.timestamp, chat_id=given.chat_id, text=text, gateway=gateway
    ) as message:
        if message.state == "in progress":
            raise HTTPException(503)  # its process may have been killed: the gateway is to deliver it again
        if message.is_new:
            await db.update_profile(user_id, user_name=name)
            thread_id = str((await db.create_thread(user_id, create_thread)).thread_id)
            reply, tokens = await ask_model(thread_id, await db.get_context(user_id) + text)
            message.tokens(thread_id, tokens)
            message.reply({"to": given.chat_id or user_id, "text": reply})


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
