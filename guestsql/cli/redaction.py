"""No password on the screen: not in an error, a traceback or a log."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit

from guestsql.settings import Settings

__all__ = ["Redactor"]

_MASK = "***"
_IN_URL = re.compile(r"(?P<user>\bpostgres(?:ql)?://[^\s:@/]*):[^\s/]*@", re.IGNORECASE)
_IN_PAIRS = re.compile(
    r"(?P<name>\b(?:password|sslpassword|passfile)\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE
)
_VARIABLES = ("DATABASE_URL", "DATABASE_UNPOOLED_URL", "DATABASE_REPLICA_URL")


class Redactor:
    """Takes passwords out of a text: by the form of an address, and those that are known."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        for variable in _VARIABLES:
            self._learn(os.environ.get(variable, ""))
        self._keep(os.environ.get("PGPASSWORD", ""), "")

    def learn(self, settings: Settings) -> None:
        """Take in the passwords of the settings, which may come from `.env`."""
        for url in (settings.database_url, settings.unpooled_url, settings.replica_url):
            self._learn(url or "")

    def __call__(self, text: str) -> str:
        """Return a text without passwords."""
        clean = _IN_URL.sub(rf"\g<user>:{_MASK}@", text)
        clean = _IN_PAIRS.sub(rf"\g<name>{_MASK}", clean)
        for password in sorted(self._known, key=len, reverse=True):
            clean = clean.replace(password, _MASK)
        return clean

    def _learn(self, url: str) -> None:
        for pair in _IN_PAIRS.finditer(url):
            self._keep(pair[0].partition("=")[2].strip().strip("'"), "")
        if "://" not in url:
            return
        try:
            parts = urlsplit(url)
            password = parts.password or ""
        except ValueError:
            return
        public = " ".join((unquote(parts.username or ""), parts.path, parts.hostname or ""))
        for spelling in (password, unquote(password)):
            self._keep(spelling, public)

    def _keep(self, password: str, public: str) -> None:
        # A password that is also the role's or the database's name hides nothing, and would hide that name.
        if password and password not in public:
            self._known.add(password)
