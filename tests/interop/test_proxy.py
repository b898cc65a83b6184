"""`proxy`: Greenhouse's partner API cannot take a passed-through request."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.interop.sdk import Sdk, SdkError


async def test_501_with_the_reason(sdk: Sdk) -> None:
    """The refusal is the SDK's own class, with the reason."""
    request = {"xAccountId": sdk.linked.account_id, "proxyRequestBody": {"method": "get", "path": "/v1/candidates"}}
    with pytest.raises(SdkError) as caught:
        await sdk("proxy.proxyRequest", request)
    error = caught.value

    assert (error.kind, error.status, error.json["statusCode"]) == ("NotImplementedResponse", 501, 501)
    assert error.message == error.json["message"]
    assert "Greenhouse" in error.message or "greenhouse" in error.message
    assert datetime.fromisoformat(error.timestamp or "").tzinfo is not None


async def test_404_for_an_account_that_is_not_there(sdk: Sdk) -> None:
    """The account is looked up before the refusal."""
    with pytest.raises(SdkError) as caught:
        await sdk("proxy.proxyRequest", {"xAccountId": "acc_nope", "proxyRequestBody": {"path": "/"}})
    assert caught.value.kind == "NotFoundResponse"
