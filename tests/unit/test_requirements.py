"""The pinned versions of requirements/ belong to pyproject.toml; `make lock` writes them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9.-]+)==([^\s;]+)", text, re.MULTILINE))


def requirements(*extras: str, groups: tuple[str, ...] = ()) -> list[Requirement]:
    lines = [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    lines += [line for group in groups for line in members(group)]
    return [Requirement(line) for line in lines]


def members(group: str) -> Iterator[str]:
    for line in PROJECT["dependency-groups"][group]:
        if isinstance(line, dict):
            yield from members(line["include-group"])
        else:
            yield line


LOCKS = {
    "dev.lock": requirements("campaigns", "embedded", "otel", "phones", "prometheus", groups=("dev",)),
    "image.lock": requirements("campaigns", "otel", "phones", "prometheus"),
    "peers.lock": requirements("embedded", "pages", groups=("peers",)),
}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_every_requirement_within_its_bounds(name):
    pinned = pins(name)
    assert [str(each) for each in LOCKS[name] if pinned.get(canonicalize_name(each.name)) not in each.specifier] == []


def test_the_lowest_versions_are_the_lower_bounds():
    pinned = pins("lowest.txt")
    for each in requirements("campaigns", "embedded", "otel", "phones", "prometheus"):
        if each.marker is None or each.marker.evaluate():
            version = pinned[canonicalize_name(each.name)]
            assert any(bound.operator in (">=", "==") and bound.contains(version) for bound in each.specifier)
            assert not any(bound.operator == ">=" and _is_above(version, bound.version) for bound in each.specifier)


@pytest.mark.parametrize("name", [*LOCKS, "lowest.txt"])
def test_no_index_is_named(name):
    assert "://" not in (ROOT / "requirements" / name).read_text(encoding="utf-8")


def _is_above(version: str, bound: str) -> bool:
    """Whether a pin is a later release than the bound says; 8.4.0 is 8.4."""
    return not version.startswith(bound)
