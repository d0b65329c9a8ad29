"""The pages over a database, without a socket: Starlette's test client."""

from __future__ import annotations

import re
import weakref
from html import unescape
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from guestsql.adhoc.target import Target
from guestsql.pages.app import build
from guestsql.pages.catalogue import WatchedCatalogue
from guestsql.pages.masking import Masking
from guestsql.pages.security import Access
from guestsql.pages.state import State
from guestsql.settings import Settings

NOWHERE = "postgresql://127.0.0.1:1/nowhere"


def page_state(
    url: str = NOWHERE, own: Path | None = None, *, packaged: bool = False, masks: bool = True, **known: Any
) -> State:
    """What the requests of a test share; `known` may have access, timeout, sessions and settings.

    Ids of guests are masked also without the packaged queries, unless `masks` is False: then the settings decide.
    """
    access = known.pop("access", Access("127.0.0.1"))
    timeout = known.pop("timeout", 10.0)
    sessions = known.pop("sessions", 2)
    known = {"deadline_seconds": 5.0, "lease_seconds": 4.0, "queries_dir": own, "packaged": packaged, **known}
    settings = Settings(database_url=url, **known)
    catalogue = WatchedCatalogue(own, packaged=packaged)
    state = State(settings, Target(settings, url, "DATABASE_URL"), catalogue, access, timeout, sessions)
    if masks:
        state.masking = Masking()
    weakref.finalize(state, state.pool.close)
    return state


def page_client(state: State, *, host: str = "127.0.0.1:8000") -> TestClient:
    """A browser at the address of the pages; it does not follow redirections."""
    return TestClient(
        build(state),
        f"http://{host}",
        follow_redirects=False,
        raise_server_exceptions=False,
        headers={"Accept": "text/html"},
    )


def sql_file(folder: Path, text: str, name: str = "own.sql") -> Path:
    """Write a query file; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def cells_of(html: str) -> list[list[str]]:
    """The texts of the rows of a result, without what is hidden."""
    table = re.search(r'<caption id="rows">.*?</table>', html, re.DOTALL)
    shown = re.sub(r'<span class="pad".*?</span>', "", table[0] if table else "")
    rows = re.findall(r"<tr>(.*?)</tr>", shown, re.DOTALL)
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in row] for row in found]
