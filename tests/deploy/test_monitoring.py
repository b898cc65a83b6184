"""Rules and dashboard name metrics, labels and runbook sections that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import yaml
from prometheus_client import REGISTRY

import greenroom.app  # noqa: F401 - registers every metric
from tests.deploy import DEPLOY, ROOT

RULES = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
#: Prometheus' own series, and the labels that it adds to each
PROMETHEUS = {"up"}
ADDED = {"job", "instance", "le"}
WORDS = {
    "abs", "and", "by", "histogram_quantile", "increase", "max", "min", "offset", "or", "rate", "sum",
}  # fmt: skip


def metrics() -> dict[str, set[str]]:
    """Returns the labels of every series that a process exposes."""
    found: dict[str, set[str]] = {}
    for family in REGISTRY.collect():
        collector = REGISTRY._names_to_collectors.get(family.name)
        labels = set(getattr(collector, "_labelnames", ()))
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(family.type, [""])
        found |= {f"{family.name}{suffix}": labels for suffix in suffixes}
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Yields every expression with the name of its alert or panel."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.mark.parametrize(("name", "expression"), [*expressions()], ids=lambda value: value.split("(")[0][:30])
def test_every_metric_and_label_exists(name: str, expression: str) -> None:
    """A renamed metric or label fails here, and not as an alert that never fires."""
    known = metrics()
    bare = re.sub(r'"[^"]*"|\[[^]]*\]', "", expression)
    selected = {series: labels for series, labels in re.findall(r"([a-z_]{2,})\s*(?:\{([^}]*)\})?", bare)}  # noqa: C416
    grouped = {label.strip() for labels in re.findall(r"by\s*\(([^)]*)\)", bare) for label in labels.split(",")}
    named = {word for word in selected if word.startswith(("greenroom_", "process_", "up"))}
    assert named, expression
    assert named <= known.keys() | PROMETHEUS
    for series in named:
        labels = set(re.findall(r"(\w+)\s*[=!]~?", selected[series]))
        assert labels <= known.get(series, set()) | ADDED, (series, labels)
        assert grouped <= known.get(series, set()) | ADDED, (series, grouped)
    assert set(re.findall(r"[a-z]+(?=\()", bare)) - {"quantile"} <= WORDS


def test_every_metric_is_documented() -> None:
    """docs/api.md has a row for every metric of the gateway."""
    page = (ROOT / "docs" / "api.md").read_text()
    for name in metrics():
        if name.startswith("greenroom_") and not name.endswith(("_bucket", "_count", "_sum")):
            assert f"`{name}" in page, name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_runbook(rule: dict[str, object]) -> None:
    """The annotation leads to a section of the alert's name."""
    name = str(rule["alert"])
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"  # type: ignore[index]
    assert rule["labels"]["severity"] in ("critical", "warning")  # type: ignore[index]
    assert f"\n### {name}\n" in OPERATIONS


def test_no_runbook_without_an_alert() -> None:
    """Sections of alerts that are gone are gone, too."""
    assert set(re.findall(r"^### (Greenroom\w+)$", OPERATIONS, re.MULTILINE)) == {rule["alert"] for rule in RULES}


def test_the_dashboard_is_importable() -> None:
    """Panels have unique ids, do not overlap, and take their data source from the dashboard's variable."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)
    assert [one["name"] for one in DASHBOARD["templating"]["list"]] == ["datasource"]
    for panel in panels:
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
