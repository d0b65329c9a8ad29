"""Runs examples/whatsapp_bot.py as a server: `python -m tests.docs.bot_server SOCKET FOLDER`.

SOCKET is the number of an open file, which listens. The model waits while FOLDER/busy exists, and says so by
FOLDER/asked. Replies are written to FOLDER/sent, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from importlib import import_module
from pathlib import Path

import uvicorn


def main() -> None:
    """Run the server until it is killed."""
    folder, bot = Path(sys.argv[2]), import_module("examples.whatsapp_bot")
    ask_model = bot.ask_model

    async def busy_model(thread_id: str, text: str) -> tuple[str, int]:
        (folder / "asked").touch()
        while (folder / "busy").exists():  # noqa: ASYNC110  a file of the test
            await asyncio.sleep(0.02)
        answer: tuple[str, int] = await ask_model(thread_id, text)
        return answer

    async def send(gateway: str, to: str, text: str) -> str:
        with (folder / "sent").open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps([gateway, to, text])}\n")
        return "sent"

    vars(bot).update(ask_model=busy_model, send=send)
    uvicorn.Server(uvicorn.Config(bot.app, log_level="warning")).run([socket.socket(fileno=int(sys.argv[1]))])


if __name__ == "__main__":
    main()
