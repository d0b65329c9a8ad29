"""Without the extra `pages` everything else works, and its commands say what to install."""

import subprocess
import sys

BLOCKED = """
import sys
for package in ("babel", "jinja2", "starlette", "uvicorn", "vl_convert"):
    sys.modules[package] = None
"""
IMPORT_EVERYTHING = """
import importlib, pkgutil
import guestsql
for module in pkgutil.walk_packages(guestsql.__path__, "guestsql.", onerror=lambda name: None):
    try:
        importlib.import_module(module.name)
    except ImportError:
        print(module.name)
"""
NEEDS_IT = ("guestsql.pages", "guestsql.report", "guestsql.languages", "guestsql.charts")


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BLOCKED + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_only_pages_and_pictures_need_it() -> None:
    done = run(IMPORT_EVERYTHING)
    assert done.returncode == 0, done.stderr
    failed = done.stdout.split()
    assert "guestsql.pages.app" in failed
    assert [name for name in failed if not name.startswith(NEEDS_IT)] == []
    # check judges the marks of charts.
    assert {"guestsql.charts.mark", "guestsql.charts.fit"}.isdisjoint(failed)


def test_serve_says_what_to_install() -> None:
    done = run("from guestsql.cli import main\nmain()", "serve")
    assert done.returncode == 2
    assert "pip install 'guestsql[pages]'" in done.stderr
