"""The parts of a Markdown page that the tests look at."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_TITLE = re.compile(r"^#+ (.*)$", re.MULTILINE)


def name_of(page: Path) -> str:
    """A page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path, language: str) -> list[str]:
    """The code blocks of a language."""
    return [code for found, code in _BLOCK.findall(page.read_text(encoding="utf-8")) if found == language]


def links_of(page: Path) -> list[str]:
    """What a page links to, outside its code."""
    return _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors_of(page: Path) -> list[str]:
    """The anchors of a page's titles, as code hosts make them."""
    titles = _TITLE.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in titles]
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in plain]
