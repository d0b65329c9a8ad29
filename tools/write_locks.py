"""Write the pinned versions in requirements/ from pyproject.toml, with uv; --upgrade takes the newest releases."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_EXTRAS = ("--extra", "campaigns", "--extra", "otel", "--extra", "phones", "--extra", "prometheus")
_HASHED = ("--universal", "--generate-hashes")
# By file: what is pinned. `lowest.txt` is a constraint, so that the tools of the tests stay current.
FILES = {
    "dev.lock": (*_HASHED, *_EXTRAS, "--extra", "embedded", "--extra", "pages", "--group", "dev"),
    "image.lock": (*_HASHED, *_EXTRAS),
    "peers.lock": (*_HASHED, "--extra", "embedded", "--extra", "pages", "--group", "peers"),
    "lowest.txt": (*_EXTRAS, "--extra", "embedded", "--extra", "pages", "--resolution", "lowest-direct", "--upgrade"),
}
# No index in the files: each environment installs from the one that it is configured for.
_COMMON = ("--python-version", "3.11", "--no-emit-index-url", "--no-annotate", "--custom-compile-command", "make lock")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="ignore the versions that are pinned today")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    uv = Path(sys.executable).with_name("uv")
    for name, options in FILES.items():
        output = ROOT / "requirements" / name
        command = [uv, "pip", "compile", ROOT / "pyproject.toml", "--quiet", *_COMMON, *options, *upgrade, "-o", output]
        subprocess.run(command, check=True)  # noqa: S603  uv of this environment
    return 0


if __name__ == "__main__":
    sys.exit(main())
