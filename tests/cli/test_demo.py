"""`guestsql demo`, twice, and twice at once."""

from __future__ import annotations

from tests.cli.shell import spawn

NOWHERE = "postgresql://bot:pw@127.0.0.1:1/hotel"


def _demo(home):
    return spawn("demo", GUESTSQL_HOME=str(home), DATABASE_URL=NOWHERE, GUESTSQL_POOLER="transaction")


def _ended(process):
    shown, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints
    assert complaints == "DATABASE_URL is left alone: the demo works on the embedded server\n"
    assert "\x1b" not in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    return shown


def test_demo(embedded_home):
    home = embedded_home / "home with blanks"
    both = [_ended(process) for process in [_demo(home), _demo(home)]]
    first = next(shown for shown in both if "applied 0001_guest_profiles" in shown)
    assert "miss, built" in "".join(both)
    assert "573000000099   no such guest" in first
    assert "573000000008   no thread yet" in first
    for heading in ("get_profile_totals", "get_context_freshness", "list_last_interactions"):
        assert f"Monitoring: {heading}" in first
    assert "5730" not in first.partition("Monitoring:")[2]

    again = _ended(_demo(home))
    assert "migrations: nothing to apply" in again
    assert "guests, all unchanged" in again
    assert "miss, " not in again
    assert "This run changed nothing" in again
