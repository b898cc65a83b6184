"""`/unified/proxy`: the refusal for an ATS without an API for vendors."""

from __future__ import annotations

from tests.house import Linked


async def test_greenhouse_gives_a_vendor_nothing_to_call(proctor: Linked) -> None:
    """A request gets 501 in the usual shape; a foreign account still gets 404, an invalid body 422."""
    answer = await proctor.api(
        "POST", "/unified/proxy", json={"path": "/x", "method": "get"}, headers={"x-account-id": proctor.account_id}
    )
    assert (answer.status_code, answer.json()["errorCode"]) == (501, "NotSupported")
    assert "Harvest" in answer.json()["message"]
    wrong = await proctor.api(
        "POST", "/unified/proxy", json={"method": "brew"}, headers={"x-account-id": proctor.account_id}
    )
    assert wrong.status_code == 422
    foreign = await proctor.api("POST", "/unified/proxy", json={}, headers={"x-account-id": "acc_x"})
    assert foreign.status_code == 404
