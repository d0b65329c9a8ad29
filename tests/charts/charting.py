"""Charts of invented rows, for the tests."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from guestsql.charts.mark import read_chart
from guestsql.charts.specification import specification

BOGOTA = ZoneInfo("America/Bogota")
DAYS = [(date(2026, 11, 1) + timedelta(days=day), day * 1000 % 17000, day % 11 or None) for day in range(30)]
CASES: dict[str, tuple[Sequence[str], Sequence[Sequence[object]]]] = {
    "line x=day y=new,active": (("day", "new", "active"), DAYS),
    "bar x=day y=new": (("day", "new", "active"), DAYS),
    "bar x=label y=guests": (("label", "guests"), [("VIP", 12), (None, 3), ("<b>&\x01</b>" * 20, 7)]),
    "stacked x=day y=new,active": (("day", "new", "active"), DAYS),
    "heatmap x=hour y=weekday value=n": (
        ("weekday", "hour", "n"),
        [(weekday, hour, weekday * hour) for weekday in range(1, 8) for hour in range(24)],
    ),
    "funnel y=guests,interested,booked": (("guests", "interested", "booked"), [(12345, 4321, 987)]),
    "funnel x=step y=n": (("step", "n"), [("written", 40), ("booked", 0)]),
    "number": (("requests", "hit_percent", "total_bytes"), [(1234567, 97.25, 123456789012)]),
}


def specified(text: str, columns: Sequence[str], rows: Sequence[Sequence[object]], **more: Any) -> dict[str, Any]:
    return specification(read_chart(text), columns, rows, **{"zone": BOGOTA, "title": "A title", **more})
