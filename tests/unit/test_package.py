"""What `import guestsql` brings."""

from __future__ import annotations

import subprocess
import sys

import pytest

import guestsql
from guestsql.guests._async.database import AsyncGuestDatabase

LOADED = """
import sys
from guestsql import GuestDatabase
print(sorted(name for name in sys.modules if name.startswith("guestsql.") and "._async" in name))
from guestsql import AsyncDatabase
print(AsyncDatabase.__module__)
"""


def test_a_sync_program_loads_no_async_module() -> None:
    found = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, encoding="utf-8", check=True)
    assert found.stdout.splitlines() == ["[]", "guestsql.sql._async.database"]


def test_every_name_is_there() -> None:
    assert all(getattr(guestsql, name) is not None for name in guestsql.__all__)
    assert set(guestsql.__all__) <= set(dir(guestsql))
    assert guestsql.AsyncGuestDatabase is AsyncGuestDatabase
    with pytest.raises(AttributeError, match=r"^module 'guestsql' has no attribute 'AsyncGuest'$"):
        _ = guestsql.AsyncGuest  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  there is none
    with pytest.raises(ImportError, match="cannot import name 'AsyncGuest'"):
        exec("from guestsql import AsyncGuest", {})
