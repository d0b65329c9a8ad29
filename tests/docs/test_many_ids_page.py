"""The examples of docs/many-ids.md run as they are shown."""

from __future__ import annotations

import pytest

from tests.docs.markdown import ROOT, blocks_of

PAGE = ROOT / "docs" / "many-ids.md"


@pytest.mark.parametrize("code", blocks_of(PAGE, "python"), ids=range(len(blocks_of(PAGE, "python"))))
def test_an_example_runs(code: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    exec(compile(code, "docs/many-ids.md", "exec"), {"__name__": "docs"})
