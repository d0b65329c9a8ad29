"""Programs that pip does not install."""

from __future__ import annotations

import os

import pytest


def skip_without(program: str, package: str) -> None:
    """Skip a test for want of a program; fail where REQUIRED_PROGRAMS names it, as that of `.ci/run` does."""
    message = f"{program} is not installed (apt-get install {package})"
    if program in os.environ.get("REQUIRED_PROGRAMS", "").split():
        pytest.fail(message)
    pytest.skip(message)
