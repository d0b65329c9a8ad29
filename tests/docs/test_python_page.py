"""docs/python.md is what its docstrings say, whole and linked; its examples are run."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import guestsql
from guestsql import AsyncGuestDatabase, GuestDatabase, Settings
from guestsql.settings import _VARIABLES
from tools.generate_python_page import HEADER, PAGE, ROOT, TEMPLATE, PageError, make_page

TEXT = PAGE.read_text(encoding="utf-8")
SOURCE = TEMPLATE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
LINKS = sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT)))


def test_the_committed_page_is_the_generated_one() -> None:
    assert make_page(SOURCE) == TEXT, "run `make docs`"


@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_runs(code: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    exec(compile(code, "docs/python.md", "exec"), {"__name__": "docs"})


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == len(re.findall("^```python$", SOURCE, flags=re.MULTILINE)) > 5


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{{ methods figures }}", ""),
        ("{{ methods figures }}", "{{ methods figures open }}"),
        ("{{ methods figures }}", "{{ methods figures get_figures }}"),
        ("{{ methods figures }}", "{{ functions figures }}"),
        (" figures open close }}", " figures open }}"),
        (" LegacyFileError }}", " }}"),
    ],
)
def test_a_page_that_is_not_whole_is_not_made(old: str, new: str) -> None:
    assert old in SOURCE
    with pytest.raises(PageError):
        make_page(SOURCE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("thread_id: the thread, 1 to 500 characters.", "thread: the thread, 1 to 500 characters."),
        ("user_id: any spelling of a WhatsApp id.", ""),
        ("Returns:", "Gives:"),
    ],
)
def test_a_docstring_that_is_not_whole_makes_no_page(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = GuestDatabase.set_thread.__doc__ or ""
    assert old in said
    monkeypatch.setattr(GuestDatabase.set_thread, "__doc__", said.replace(old, new))
    with pytest.raises(PageError, match="set_thread"):
        make_page(SOURCE)


def test_no_line_of_the_template_is_left() -> None:
    assert TEXT.startswith(HEADER)
    assert "{{" not in TEXT


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_somewhere(link: str) -> None:
    path, _, anchor = link.partition("#")
    target = PAGE.parent / path if path else PAGE
    assert target.is_file()
    if anchor:
        assert [_anchor(title) for title in _titles(target)].count(anchor) == 1


def test_links_stay_in_the_repository() -> None:
    assert all((PAGE.parent / link.partition("#")[0]).resolve().is_relative_to(ROOT) for link in LINKS)


def test_the_two_classes_are_alike_and_nearly_all_methods_are_awaited() -> None:
    sync, asynchronous = _methods(GuestDatabase), _methods(AsyncGuestDatabase)
    assert {name: _parameters(method) for name, method in sync.items()} == {
        name: _parameters(method) for name, method in asynchronous.items()
    }
    assert [name for name, method in asynchronous.items() if not inspect.iscoroutinefunction(method)] == [
        "figures",
        "message",
        "transaction",
    ]
    assert {name: method.__doc__ for name, method in sync.items()} == {
        name: method.__doc__ for name, method in asynchronous.items()
    }


def test_every_class_that_a_caller_meets_can_be_imported() -> None:
    met = {cls for method in _methods(GuestDatabase).values() for cls in _classes(method)}
    met |= {inner for cls in met for inner in _classes(cls)}
    public = {cls for cls in met if getattr(guestsql, cls.__name__, None) is cls and cls.__name__ in guestsql.__all__}
    # Callers use the constants CLEAR and RAISE, not their classes.
    assert {cls.__name__ for cls in met - public} == {"Clear", "Raise"}
    assert {cls.__name__ for cls in public} == {
        "AppliedRule",
        "BookingEvent",
        "BookingStatus",
        "Campaign",
        "CampaignPlan",
        "Consent",
        "ConsentEvent",
        "ContactAction",
        "ErasureCertificate",
        "Figures",
        "GuestNote",
        "GuestProfile",
        "GuestThread",
        "Message",
        "NextAction",
        "PlanFigure",
        "QueryFigures",
        "ReplayReport",
        "ReplayedGuest",
        "Reply",
    }


def test_numbers_beside_variables_are_the_defaults() -> None:
    told = re.findall(r"`(GUESTSQL_\w+)`(?: \(|, )([\d.]+)\)", TEXT.replace("\n", " "))
    assert len(told) >= 2
    assert [(name, getattr(Settings(), _VARIABLES[name][0])) for name, _ in told] == [
        (name, float(number)) for name, number in told
    ]


def _methods(cls: type) -> dict[str, object]:
    return {name: method for name, method in inspect.getmembers(cls, inspect.isfunction) if name[0] != "_"}


def _classes(annotated: object) -> set[type]:
    """The package's own classes in the annotations of a method or a class."""
    hints, found = list(get_type_hints(annotated).values()), set[type]()
    while hints:
        hint = hints.pop()
        hints += get_args(hint)
        if isinstance(hint, type) and hint.__module__.startswith("guestsql"):
            found.add(hint)
    return found


def _parameters(method: object) -> list[tuple[str, object, object]]:
    assert callable(method)
    parameters = inspect.signature(method).parameters.values()
    return [
        (each.name, each.kind, re.sub(r"\bAsync(?=Result|ThreadFactory)", "", str(each.annotation)))
        for each in parameters
    ]


def _titles(page: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8")), re.MULTILINE)


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
