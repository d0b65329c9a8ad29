"""A WhatsApp bot behind a webhook: FastAPI receives a message, guestsql keeps the guest, a model writes the reply.

    pip install "guestsql[embedded]" fastapi uvicorn
    guestsql migrate up
    uvicorn whatsapp_bot:app --port 8080

The model and the WhatsApp gateway are replaced by two functions, so that the example runs as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import BackgroundTasks, Body, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from guestsql import AsyncGuestDatabase, GuestProfile
from guestsql.errors import GuestSQLError, InvalidUserId


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the database in the event loop that uses it; closing writes what is buffered."""
    async with AsyncGuestDatabase() as db:
        app.state.db = db
        yield


app = FastAPI(lifespan=lifespan)


def database(request: Request) -> AsyncGuestDatabase:
    """Return the database of the running application."""
    db: AsyncGuestDatabase = request.app.state.db
    return db


Guests = Annotated[AsyncGuestDatabase, Depends(database)]


@app.post("/webhook")
async def webhook(body: Annotated[dict[str, Any], Body()], db: Guests, tasks: BackgroundTasks) -> dict[str, int]:
    """Store who wrote, and answer after the response: a gateway gives up after a few seconds, a model takes longer."""
    accepted = 0
    for message in body.get("messages", []):
        if message.get("from_me") or not message.get("text"):
            continue
        try:
            # A message without a name keeps the name that is known.
            guest = await db.update_profile(
                message["from"], chat_id=message.get("chat_id"), user_name=message.get("from_name")
            )
        except InvalidUserId:
            continue  # a group, a channel, or the bot's own number
        await db.record_interaction(guest.phone_number)
        tasks.add_task(answer, db, guest, message["text"]["body"])
        accepted += 1
    return {"accepted": accepted}


@app.get("/guests/{user_id}")
async def show_guest(user_id: str, db: Guests) -> GuestProfile:
    """Return a guest's profile, for the hotel's reception."""
    profile = await db.get_profile(user_id)
    if profile is None:
        raise HTTPException(404, "no such guest")
    return profile


@app.exception_handler(GuestSQLError)
async def failed(_request: Request, error: Exception) -> JSONResponse:
    """Answer 503 where repeating helps, so that the gateway delivers the message again."""
    if isinstance(error, InvalidUserId):
        return JSONResponse({"detail": error.message}, 422)
    is_retryable = isinstance(error, GuestSQLError) and error.retryable
    return JSONResponse({"detail": str(error)}, 503 if is_retryable else 500)


async def answer(db: AsyncGuestDatabase, guest: GuestProfile, text: str) -> None:
    """Answer one message."""
    # A failing database costs the context, not the reply.
    context = await db.get_context(guest.phone_number, default="")
    thread_id = await thread_of(db, guest)
    reply, tokens = await ask_model(thread_id, context + text)
    await send(guest.chat_id or guest.phone_number, reply)
    await db.add_thread_tokens(guest.phone_number, thread_id, tokens)


async def thread_of(db: AsyncGuestDatabase, guest: GuestProfile) -> str:
    """Return the guest's conversation, a new one if there is none."""
    if guest.thread_id is not None:
        return guest.thread_id
    thread_id = await create_thread()
    await db.set_thread(guest.phone_number, thread_id)
    return thread_id


async def create_thread() -> str:
    """Create a conversation at the model's provider; here, invent an id."""
    return "thread_example"


async def ask_model(thread_id: str, text: str) -> tuple[str, int]:
    """Return the model's reply and the tokens that it took; here, repeat the message."""
    del thread_id
    return f"You wrote: {text}", len(text.split())


async def send(chat_id: str, text: str) -> None:
    """Send a reply through the WhatsApp gateway; here, print it."""
    print(f"to {chat_id}: {text}")
