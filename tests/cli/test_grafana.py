"""`grafana/guestsql.json`: its panels ask for metrics that exist, and Grafana's own models read the whole file."""

from __future__ import annotations

import enum
import json
import re
import typing
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from guestsql.ops.gauges import Answer, Scraper, find_gauges
from guestsql.ops.gauges.convention import ColumnKind, kind_of, metric_name
from guestsql.ops.gauges.names import RESERVED
from guestsql.sql import load_catalogue
from guestsql.telemetry.figures import Figures
from guestsql.telemetry.prometheus import collector
from tests.cli.shell import ROOT
from tests.databases import make_settings

DASHBOARD: dict[str, Any] = json.loads((ROOT / "grafana" / "guestsql.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [target for panel in PANELS for target in panel["targets"]]

# Prometheus adds the first two to every series.
_LABELS_OF_PROMETHEUS = {"instance", "job"}
_METRIC = re.compile(r"\bguestsql_\w+")
# What Grafana 11 writes and its models do not have: the text of a variable's query, once more.
_UNKNOWN_TO_THE_MODELS = {"$.templating.list[1].definition"}


@pytest.fixture
def answers(database_url: str) -> Sequence[Answer]:
    """What `serve-metrics` reads from the database."""
    gauges = find_gauges(load_catalogue().values())
    scrape = Scraper(make_settings(database_url), database_url, gauges, 60.0).scrape()
    assert [answer.error for answer in scrape.answers] == [None] * len(gauges)
    return scrape.answers


@pytest.fixture
def metrics(answers: Sequence[Answer]) -> dict[str, set[str]]:
    """The labels of each metric: of the queries, of the scrape itself, and of a program's own endpoint."""
    found = {name: {"query"} for name in RESERVED}
    for answer in answers:
        labels = {column.name for column in answer.columns if kind_of(column) is ColumnKind.LABEL}
        found |= dict.fromkeys(_names(answer), labels)
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
    for family in collector(_Uncounted()).describe():
        found |= {f"{family.name}{ending}": {"query", "kind", "outcome", "le"} for ending in endings[family.type]}
    return found


class _Uncounted:
    def figures(self) -> Figures:
        return Figures()


def _names(answer: Answer) -> set[str]:
    values = (ColumnKind.NUMBER, ColumnKind.TIME)
    return {metric_name(answer.gauge.prefix, column) for column in answer.columns if kind_of(column) in values}


def test_every_panel_refers_to_metrics_and_labels_that_exist(metrics: dict[str, set[str]]) -> None:
    for target in TARGETS:
        expression: str = target["expr"]
        asked = set(_METRIC.findall(expression))
        assert asked, expression
        assert asked <= metrics.keys(), asked - metrics.keys()
        labels = set.union(*(metrics[name] for name in asked)) | _LABELS_OF_PROMETHEUS
        named = set(re.findall(r"{{\s*(\w+)\s*}}", target["legendFormat"]))
        named |= {word for found in re.findall(r"\bby \(([^)]*)\)", expression) for word in re.findall(r"\w+", found)}
        named |= set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
        assert named <= labels, (expression, named - labels)


def test_the_variables_refer_to_metrics_that_exist(metrics: dict[str, set[str]]) -> None:
    queries = [variable["query"]["query"] for variable in DASHBOARD["templating"]["list"] if "definition" in variable]
    assert queries
    for query in queries:
        assert set(_METRIC.findall(query)) <= metrics.keys(), query


def test_every_query_that_is_a_metric_has_a_panel(answers: Sequence[Answer]) -> None:
    asked = {name for target in TARGETS for name in _METRIC.findall(target["expr"])}
    for answer in answers:
        assert asked & _names(answer), f"{answer.gauge.query.name} is on no panel"


def test_the_panels_do_not_overlap_and_leave_the_data_source_to_the_reader() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in cells) < 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
    identifiers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(identifiers)) == len(identifiers)
    assert {each["datasource"]["uid"] for each in [*PANELS, *TARGETS]} == {"${datasource}"}


def test_the_models_of_grafana_read_the_whole_file() -> None:
    """What a model does not know is not written back; what has another type than the model says is found by type."""
    register_default_plugins()
    dashboard = Dashboard.from_json(DASHBOARD)
    written = json.loads(json.dumps(dashboard, cls=JSONEncoder))
    assert {path for path, _ in _lost(DASHBOARD, written, "$")} == _UNKNOWN_TO_THE_MODELS
    assert list(_wrong(dashboard, "$")) == []


def test_the_comparison_with_the_models_finds_what_is_wrong() -> None:
    """A misspelt name, a value outside an enumeration, and a number that is a text."""
    register_default_plugins()
    wrong = json.loads(json.dumps(DASHBOARD))
    panel = next(panel for panel in wrong["panels"] if panel["type"] == "timeseries")
    panel["options"]["legend"]["placment"] = panel["options"]["legend"].pop("placement")
    panel["fieldConfig"]["defaults"]["custom"]["drawStyle"] = "lines"
    panel["gridPos"]["h"] = "8"
    dashboard = Dashboard.from_json(wrong)
    lost = [path for path, _ in _lost(wrong, json.loads(json.dumps(dashboard, cls=JSONEncoder)), "$")]
    assert [path for path in lost if path.endswith(".placment")]
    assert {path.rpartition(".")[2] for path in _wrong(dashboard, "$")} == {"draw_style", "h"}


def _lost(given: object, written: object, path: str) -> Iterator[tuple[str, object]]:
    """What is in the file and not in what the models make of it."""
    if isinstance(given, dict) and isinstance(written, dict):
        for key, value in given.items():
            if key in written:
                yield from _lost(value, written[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}", value
    elif isinstance(given, list) and isinstance(written, list) and len(given) == len(written):
        for place, (one, other) in enumerate(zip(given, written, strict=True)):
            yield from _lost(one, other, f"{path}[{place}]")
    elif given != written:
        yield path, given


def _wrong(value: object, path: str) -> Iterator[str]:
    """The attributes of models whose values are not of the types that the models state."""
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _wrong(item, f"{path}[{place}]")
    elif hasattr(value, "from_json"):
        for name, hint in typing.get_type_hints(type(value)).items():
            attribute = getattr(value, name)
            if not _is_of(attribute, hint):
                yield f"{path}.{name}"
            yield from _wrong(attribute, f"{path}.{name}")


def _is_of(value: object, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union:
        return any(_is_of(value, each) for each in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(_is_of(item, arguments[0]) for item in value)
    if issubclass(hint if origin is None else origin, enum.Enum):
        return value in [member.value for member in hint]
    if hint in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if hint is float else origin or hint)
