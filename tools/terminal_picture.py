"""Draw docs/terminal.svg: commands as a terminal of 88 columns shows them, from their real output.

    python tools/terminal_picture.py

The commands run in a folder with one query file, which has a misspelt column.
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "terminal.svg"
_WIDTH = 88
_QUERY = """\
-- name: list_guests_by_label(label, max_rows)
-- The guests with a label, most recent first.
--   label: text, the label, e.g. 'VIP'
--   max_rows: int = 5, rows at most
SELECT phone_number, user_nam, last_interaction
FROM guest_profiles
WHERE labels @> ARRAY[:label::text]
ORDER BY last_interaction DESC NULLS LAST, phone_number
LIMIT :max_rows::int;
"""
_FIX = "sed -i s/user_nam,/user_name,/ queries/hotel.sql"
_COMMANDS = (
    "guestsql check queries",
    _FIX,
    "guestsql check queries",
    "guestsql query run list_guests_by_label -p label=VIP",
)
_QUIET = "guestsql migrate up && guestsql legacy import sample"


def main() -> int:
    """Run the commands and write the picture."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "queries").mkdir()
        (folder / "queries" / "hotel.sql").write_text(_QUERY, encoding="utf-8")
        (folder / "sample").symlink_to(ROOT / "guestsql" / "cli" / "sample")
        _run(_QUIET, folder)
        console = Console(record=True, width=_WIDTH, file=io.StringIO())
        for command in _COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            console.print(Text.from_ansi(_run(command, folder)))
    picture = console.export_svg(title="guestsql")
    # The fonts of another host: a viewer takes its own.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    PICTURE.write_text(picture, encoding="utf-8")
    return 0


def _run(command: str, folder: Path) -> str:
    """Run a command on a terminal and return what it shows."""
    ours, theirs = pty.openpty()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "GUESTSQL_"))},
        "COLUMNS": str(_WIDTH),
        "GUESTSQL_HOME": str(folder / "embedded"),
        "GUESTSQL_QUERIES_DIR": "queries",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
    }
    with subprocess.Popen(  # noqa: S603  the commands above
        ["/bin/bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    return shown.decode().replace("\r\n", "\n").rstrip()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that the other side is closed
        return b""


if __name__ == "__main__":
    sys.exit(main())
