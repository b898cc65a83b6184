"""`connectors`: the metadata from which a client builds its forms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import Linked
from tests.interop.sdk import Sdk, SdkError


async def meta(sdk: Sdk, **asked: Any) -> dict[str, Any]:
    """Returns Greenhouse's metadata."""
    found = await sdk("connectors.getConnectorMeta", {"provider": "greenhouse", **asked})
    assert found["statusCode"] == 200
    return dict(found["connectorsMeta"])


async def test_every_connector_is_listed(sdk: Sdk) -> None:
    """A connector is listed with its name and its state."""
    listed = (await sdk("connectors.listConnectorsMeta"))["classes"]
    (greenhouse,) = [one for one in listed if one["provider"] == "greenhouse"]

    assert greenhouse == await meta(sdk)
    assert (greenhouse["providerName"], greenhouse["category"], greenhouse["active"]) == ("Greenhouse", "ats", True)


async def test_the_result_fields_of_greenhouse(proctor: Linked, sdk: Sdk) -> None:
    """The fields are those that Greenhouse shows, in snake case, which the SDK leaves alone."""
    update = (await meta(sdk))["models"]["assessments/results"]["update"]
    fields = {one["name"]: one for one in update["input"]["default_fields"]}
    (value,) = [one for one in fields["score"]["type"] if one["name"] == "value"]

    assert (update["api_path"], update["operation_type"]) == ("/unified/ats/assessments/orders/:id/result", "write")
    assert {"result_url", "score", "start_date", "submission_date", "summary"} <= set(fields)
    assert fields["result_url"]["type"] == "string"
    assert fields["result_url"]["required"] is True
    assert fields["start_date"]["type"] == fields["submission_date"]["type"] == "datetime"
    assert value["type"] == "string"
    assert "update" in (await meta(sdk))["models"]["background_checks/results"]


async def test_what_meta_requires_the_gateway_requires(proctor: Linked, sdk: Sdk) -> None:
    """A result with only the required fields is accepted; without one of them it is refused."""
    update = (await meta(sdk))["models"]["assessments/results"]["update"]
    required = [one["name"] for one in update["input"]["default_fields"] if one.get("required")]
    assert required == ["result_url"]
    order = await proctor.send_test()

    assert (await proctor.give_result(order, {"summary": "x"})).status_code == 422
    body = {"result_url": "https://results.proctor-tests.com/r/1"}
    assert (await proctor.give_result(order, body)).status_code == 200


async def test_more_is_included_on_request(sdk: Sdk) -> None:
    """`include` takes any of the contract's words, several at once."""
    plain = await meta(sdk)
    more = await meta(sdk, include="field_path,unmapped_fields,resources,inactive,webhooks,static_fields")
    images = more["resources"]["images"]

    assert more["models"].keys() >= plain["models"].keys()
    assert images["logoUrl"] is None or images["logoUrl"].startswith("http")


async def test_a_disabled_integration_is_not_active(proctor: Linked, sdk: Sdk) -> None:
    """A disabled integration is listed with `include=inactive`."""
    await proctor.api("PUT", "/v1/integrations/greenhouse", json={"enabled": False, "tenant_id": "proctor"})
    assert (await meta(sdk, include="inactive"))["active"] is False
    with_inactive = (await sdk("connectors.listConnectorsMeta", {"include": "inactive"}))["classes"]
    assert "greenhouse" in [one["provider"] for one in with_inactive]


async def test_a_provider_that_is_not_known(sdk: Sdk) -> None:
    """The error lists the known providers."""
    with pytest.raises(SdkError) as caught:
        await sdk("connectors.getConnectorMeta", {"provider": "nowhere"})
    assert caught.value.kind == "NotFoundResponse"
    assert "greenhouse" in caught.value.message
