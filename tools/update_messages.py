"""Bring guestsql/languages/es.po up to date: new messages get an empty translation, unused ones go.

    python tools/update_messages.py

Messages are what the templates and the Python of pages, reports and charts hand to `_`, `gettext`, `ngettext` and `N_`.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("pages", "report", "charts", "languages")
SPANISH = ROOT / "guestsql" / "languages" / "es.po"
_METHODS = [("**.py", "python"), ("**.html", "jinja2")]
_HEAD = """\
# Spanish of the pages, the report and the charts. `make messages` adds and removes messages.
msgid ""
msgstr ""
"Language: es\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""


def used_messages() -> Catalog:
    """Return every message that the code uses, with its places."""
    catalog = Catalog(locale="es")
    for folder in FOLDERS:
        path = ROOT / "guestsql" / folder
        found = extract_from_dir(path, _METHODS, {"**.html": {"silent": "false"}}) if path.is_dir() else ()
        for file, _line, message, _comments, context in found:
            # Without line numbers, so that an edit elsewhere changes nothing here.
            catalog.add(message, locations=[(f"{folder}/{file}", 0)], context=context)
    return catalog


def translations() -> Catalog:
    """Return the Spanish messages as they are in the file."""
    with SPANISH.open("rb") as file:
        return read_po(file, locale="es")


def untranslated(spanish: Catalog) -> list[str]:
    """Return the English messages that have no translation, or one of fewer forms.

    Args:
        spanish: the file.
    """
    missing = [message for message in spanish if message.id and not _is_translated(message)]
    return [message.id if isinstance(message.id, str) else message.id[0] for message in missing]


def _is_translated(message: Message) -> bool:
    return all(message.string) if message.pluralizable else bool(message.string)


def main() -> int:
    """Write the file, and print the messages without a translation."""
    spanish = translations()
    spanish.update(used_messages(), no_fuzzy_matching=True)
    spanish.obsolete.clear()
    written = BytesIO()
    write_po(written, spanish, width=120, omit_header=True, sort_by_file=True, include_lineno=False)
    SPANISH.write_bytes(_HEAD.encode() + written.getvalue())
    missing = untranslated(spanish)
    for message in missing:
        print(f"no translation: {message}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
