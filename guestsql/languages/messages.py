"""The translations, read from the `.po` file of a language."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

__all__ = ["read_translations"]

FOLDER = Path(__file__).parent


def read_translations(code: str) -> Translations:
    """Return the messages of a language; one that is missing or marked fuzzy stays English.

    Args:
        code: the language whose file is read, such as `es`.
    """
    compiled = BytesIO()
    with (FOLDER / f"{code}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return Translations(compiled)
