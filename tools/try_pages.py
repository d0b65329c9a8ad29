"""Start `guestsql serve` as it is installed, and ask for what its package must bring along.

python tools/try_pages.py venv/bin/guestsql
"""

from __future__ import annotations

import re
import subprocess
import sys
from urllib.request import Request, urlopen

# By path: what must be in the answer. The style sheet and the icon are asked for as the page names them.
EXPECTED = {
    "/": "list_guest_days",
    "/?lang=es": 'lang="es"',
    "/q/list_guest_days?max_rows=3": "<figure",
    "/q/list_guest_days.csv?max_rows=3": "new_guests",
    "/q/list_guest_days.svg?max_rows=3": "<svg",
    "/dashboards/operations": "<figure",
}


def main() -> int:
    """Run the command line."""
    process = subprocess.Popen([sys.argv[1], "serve", "--port", "0"], stderr=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stderr is not None  # noqa: S101  it is a pipe
    try:
        found = re.search(r"listening on (http://\S+)", process.stderr.readline())
        if found is None:
            raise SystemExit(f"serve does not listen: {process.communicate(timeout=30)[1]}")
        for path, text in EXPECTED.items():
            if text not in _read(found[1] + path):
                raise SystemExit(f"{path} has no {text}")
        links = re.findall(r'<link rel="(?:stylesheet|icon)"[^>]* href="([^"]+)"', _read(found[1]))
        if len(links) != 2:  # noqa: PLR2004
            raise SystemExit(f"the style sheet or the icon is missing: {links}")
        sizes = [len(_read(found[1] + link)) for link in links]
        print(f"pages: {len(EXPECTED)} answers, a style sheet of {sizes[0]} characters")
    finally:
        process.terminate()
    return process.wait(30)


def _read(address: str) -> str:
    with urlopen(Request(address), timeout=30) as answer:  # noqa: S310  an address of this machine
        return str(answer.read().decode())


if __name__ == "__main__":
    sys.exit(main())
