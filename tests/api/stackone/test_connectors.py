"""`/connectors/meta`: the description matches the connector and the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from greenroom.api.results import ResultIn, read_result
from greenroom.api.stackone.connectors import describe_connector
from greenroom.app import build_app
from greenroom.connectors import discover
from greenroom.errors import Invalid
from greenroom.model.orders import Candidate, Order, OrderRequest
from greenroom.settings import Settings
from tests.house import Linked

RESULT = {
    "score": {"value": "82.50", "label": "Good", "min": "0", "max": "100"},
    "start_date": "2026-11-03T09:05:00Z",
    "submission_date": "2026-11-03T09:51:00Z",
    "summary": "Strong on joins.",
    "result": {"value": "passed"},
    "result_url": "https://results.proctor-tests.com/r/1",
    "attachments": [{"url": "https://results.proctor-tests.com/a.pdf", "content_type": {"value": "pdf"}}],
    "candidate": {"id": "c1"},
    "passthrough": {"a": 1},
}
ORDER = Order(
    id="ord_1",
    project_id="prj_1",
    account_id="acc_1",
    provider="greenhouse",
    category="assessments",
    source="ats",
    request=OrderRequest(package_id="pkg_core_sql", candidate=Candidate(email="ada@example.test")),
    package_name=None,
    created_at=datetime(2026, 11, 3, tzinfo=UTC),
    updated_at=datetime(2026, 11, 3, tzinfo=UTC),
)


def leaves(fields: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yields the innermost fields."""
    for field in fields:
        if isinstance(field.get("type"), list):
            yield from leaves(field["type"])
        else:
            yield field


async def test_a_connector_has_the_shape_of_the_contract(proctor: Linked) -> None:
    """Names are in snake case, models are beside their parents, and the list is a bare array."""
    one = (await proctor.api("GET", "/connectors/meta/greenhouse")).json()
    update = one["models"]["assessments/results"]["update"]

    assert one in (await proctor.api("GET", "/connectors/meta")).json()
    assert one["capabilities"]["result_delivery"]["value"] == "notify_then_read"
    assert {"name", "label", "help", "type", "secret", "options", "default", "required_if"} == set(
        one["configuration_fields"][0]
    )
    assert (one["provider"], one["provider_name"], one["category"], one["active"]) == (
        "greenhouse",
        "Greenhouse",
        "ats",
        True,
    )
    assert one["models"]["assessments"] == one["models"]["background_checks"] == {}
    assert update["api_path"] == "/unified/ats/assessments/orders/:id/result"
    assert update["operation_type"] == "write"
    assert update["input"]["required_fields"] == ["result_url"]
    assert update["input"]["default_fields"][:2] == [
        {"name": "result_url", "type": "string", "required": True},
        {"name": "score", "type": [{"name": name, "type": "string"} for name in ("value", "label", "min", "max")]},
    ]
    assert update["output"]["default_fields"] == [{"name": "id", "type": "string"}]
    assert one["models"]["background_checks/packages"]["list"]["unified_filters"][0]["name"] == "updated_after"


async def test_active_follows_the_integration(proctor: Linked) -> None:
    """A connector with a disabled integration is listed as inactive."""
    await proctor.api("PUT", "/v1/integrations/greenhouse", json={"enabled": False, "tenant_id": "proctor"})
    found = (await proctor.api("GET", "/connectors/meta")).json()
    one = next(one for one in found if one["provider"] == "greenhouse")
    assert one["active"] is False


async def test_include_adds(proctor: Linked) -> None:
    """`include` adds the named parts and ignores unknown words."""
    plain = (await proctor.api("GET", "/connectors/meta/greenhouse?include=inactive,whatever")).json()
    more = (await proctor.api("GET", "/connectors/meta/greenhouse?include=field_path,resources,webhooks")).json()
    fields = more["models"]["assessments/results"]["update"]["input"]["default_fields"]

    assert plain == (await proctor.api("GET", "/connectors/meta/greenhouse")).json()
    assert set(more) - set(plain) == {"resources", "webhooks"}
    assert more["webhooks"][0] == {"event": "ats_assessments.created"}
    assert {field["field_path"] for field in leaves(fields)} >= {"score.value", "result.value", "summary"}


async def test_an_unknown_connector_is_404(proctor: Linked) -> None:
    """The 404 lists the known connectors."""
    answer = await proctor.api("GET", "/connectors/meta/workday")
    assert (answer.status_code, "greenhouse" in answer.json()["message"]) == (404, True)


def test_every_path_is_a_route() -> None:
    """Every described path is a route with the operation's method."""
    paths = build_app(Settings()).openapi()["paths"]
    for connector in discover().values():
        for operations in describe_connector(connector, frozenset())["models"].values():
            for name, operation in operations.items():
                methods = paths[operation["api_path"].replace(":id", "{id}")]
                wanted = {"create": "post", "update": "patch", "delete": "delete"}.get(name, "get")
                assert wanted in methods, (name, operation["api_path"])
                assert operation["operation_type"] == ("read" if wanted == "get" else "write")


def test_the_table_of_fields_is_what_the_preview_shows() -> None:
    """Every connector's table has exactly the fields that the preview shows."""
    result = read_result(ResultIn.model_validate(RESULT), allow_http=False)
    for connector in discover().values():
        previewed = {one.field: one.verdict for one in connector.preview(ORDER, result)}
        shown = {name for name, verdict in previewed.items() if verdict in ("shown", "changed")}

        assert shown == {row.path for row in connector.result_fields}
        assert previewed.keys() - shown == {"attachments", "candidate", "passthrough"} - shown


def test_a_required_field_is_one_without_which_a_final_result_is_refused() -> None:
    """A final result is refused without a required field, and accepted without any other."""
    for connector in discover().values():
        for row in connector.result_fields:
            top, _, leaf = row.path.partition(".")
            body = {**RESULT, top: {**RESULT[top], leaf: None} if leaf else None}  # type: ignore[dict-item]
            try:
                read_result(ResultIn.model_validate(body), allow_http=False)
                refused = False
            except Invalid:
                refused = True
            assert refused == row.required, row.path
