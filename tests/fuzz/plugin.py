"""A pytest plugin: the selected tests that generate examples share `--cases` new ones, and count them."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, is_hypothesis_test, settings

# Explicit examples run in the suite.
_PHASES = (Phase.generate, Phase.shrink)
_ran = {"cases": 0, "seconds": 0.0, "failed": 0}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the long form."""
    parser.addoption("--cases", type=int, required=True, help="examples of the selected tests together")
    parser.addoption("--counted", type=Path, required=True, help="the file for the counts, JSON")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Share the cases among the tests that generate examples; deselect the others."""
    chosen = [each for each in items if isinstance(each, pytest.Function) and is_hypothesis_test(each.obj)]
    items[:] = chosen
    for test in {each.obj for each in chosen}:
        share = sum(each.obj is test for each in chosen)
        _ask_for(test, max(1, config.getoption("cases") * share // len(chosen) // share))


def _ask_for(test: Any, cases: int) -> None:
    """Set a test's number of examples, and count those that it runs.

    Hypothesis documents `inner_test` for this. A test that has settings of its own has them in the other attribute
    only, and they go before any profile.
    """
    own = test._hypothesis_internal_use_settings
    test._hypothesis_internal_use_settings = settings(
        own,
        max_examples=cases,
        derandomize=False,
        database=None,
        print_blob=True,
        phases=[each for each in own.phases if each in _PHASES],
    )
    test.hypothesis.inner_test = _counted(test.hypothesis.inner_test)


def _counted(inner: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(inner)
    def run(*given: object, **named: object) -> object:
        found = inner(*given, **named)
        _ran["cases"] += 1
        return found

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Time the examples, without the servers and databases that they need."""
    del item
    started = time.perf_counter()
    try:
        return (yield)
    except Exception:
        _ran["failed"] += 1
        raise
    finally:
        _ran["seconds"] += time.perf_counter() - started


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the counts."""
    session.config.getoption("counted").write_text(json.dumps(_ran), encoding="utf-8")
