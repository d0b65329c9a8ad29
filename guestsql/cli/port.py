"""A port to listen on, given by an option or an environment variable."""

from __future__ import annotations

import click

__all__ = ["PORT"]

_LAST = 65_535


class _Port(click.ParamType[int]):
    name = "port"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; 0 picks a free port."""
        text = str(value).strip()
        if not (text.isascii() and text.isdigit() and int(text) <= _LAST):
            self.fail(f"{value!r} is not a port: a whole number from 0 to {_LAST}", param, ctx)
        return int(text)


PORT = _Port()
"""The type of an option `--port`."""
