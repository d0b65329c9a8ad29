"""How templates are read: a value is escaped, and a name that is missing is an error."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

__all__ = ["templates_of"]


def templates_of(package: Path) -> Environment:
    """Return the templates of a package.

    Args:
        package: its folder, with a folder `templates`.
    """
    return Environment(
        loader=FileSystemLoader(package / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
