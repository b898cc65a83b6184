"""Custom headers of webhooks: sent along, sealed at rest, and shown nowhere."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from greenroom.model.custom_headers import KEPT, MOST
from tests.house import Linked, webhook

VALUE = "hk_4f9a-7711"


async def test_the_headers_are_sent_and_their_values_are_shown_nowhere(on_each_database: Linked) -> None:
    """Neither by the API nor in attempts, even if the receiver echoes them; the database has them sealed."""
    linked, vendor = on_each_database, on_each_database.house.vendor
    vendor.will_answer((200, {"x-echo": VALUE}, f"you sent {VALUE}".encode()))
    made = await webhook(linked, headers={"X-Team": VALUE, "Authorization": "Basic YWRhOmxvdmVsYWNl"})
    path = f"/v1/webhooks/{made['id']}"
    assert made["headers"] == {"X-Team": KEPT, "Authorization": KEPT}
    await linked.send_test()
    (received,) = await vendor.receive(1)
    assert (received.headers["x-team"], received.headers["authorization"]) == (VALUE, "Basic YWRhOmxvdmVsYWNl")
    assert received.headers["content-type"] == "application/json"
    assert "webhook-signature" in received.headers
    while (delivery := (await linked.api("GET", "/v1/deliveries")).json()["data"][0])["state"] != "delivered":
        await asyncio.sleep(0.02)
    tested = (await linked.api("POST", f"{path}/test")).json()
    assert tested["ok"]
    assert tested["request"]["headers"]["X-Team"] == KEPT
    shown = [delivery, tested, (await linked.api("GET", path)).json(), (await linked.api("GET", "/v1/webhooks")).json()]
    shown.append((await linked.api("GET", f"/v1/deliveries/{delivery['id']}")).json())
    assert VALUE not in json.dumps(shown)
    assert "YWRhOmxvdmVsYWNl" not in json.dumps(shown)
    (row,) = await linked.house.app.state.ctx.store.read(
        lambda tx: tx.all("SELECT header_names, headers_sealed FROM webhooks")
    )
    assert row["header_names"] == '["X-Team","Authorization"]'
    assert VALUE not in row["headers_sealed"]


async def test_a_shown_header_is_kept_but_never_sent_to_another_host(proctor: Linked) -> None:
    """What was read can be sent back; with another host the values are asked for again."""
    vendor = proctor.house.vendor
    made = await webhook(proctor, headers={"X-Team": VALUE, "X-Old": "1"})
    path = f"/v1/webhooks/{made['id']}"
    kept = {"headers": {"X-Team": KEPT, "X-New": "2"}}
    assert (await proctor.api("PATCH", path, json=kept)).json()["headers"] == {"X-Team": KEPT, "X-New": KEPT}
    assert (await proctor.api("PATCH", path, json={"name": "renamed", "url": made["url"] + "/2"})).status_code == 200
    for change in ({"url": "https://other.example.com/"}, {"url": "https://other.example.com/", **kept}):
        refused = await proctor.api("PATCH", path, json=change)
        assert (refused.status_code, "another host" in refused.text) == (422, True), refused.text
    assert (await proctor.api("PATCH", path, json={"headers": {"X-None": KEPT}})).status_code == 422
    await proctor.send_test()
    sent = (await vendor.receive(1))[0].headers
    assert (sent["x-team"], sent["x-new"], "x-old" in sent) == (VALUE, "2", False)

    moved = {"url": made["url"].replace("127.0.0.1", "localhost"), "headers": {}}
    assert (await proctor.api("PATCH", path, json=moved)).json()["headers"] == {}


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        *(({name: "x"}, "reserved") for name in ("Host", "content-type", "Webhook-Id", "X-StackOne-Signature")),
        *(({name: "x"}, "reserved") for name in ("Transfer-Encoding", "Connection", "Proxy-Authorization")),
        ({"X A": "x"}, "not a header name"),
        ({"X-A": "x", "x-a": "y"}, "given twice"),
        ({"X-A": "s3cret\r\nX-B: y"}, "the value of X-A"),
        ({"X-A": ""}, "the value of X-A"),
        ({"X-A": "s3cret" * 300}, "at most 1024 characters"),
        ({f"X-{number}": "x" for number in range(MOST + 1)}, "at most"),
        ({"X-A": KEPT}, "no stored value"),
    ],
)
async def test_headers_that_cannot_be_sent_are_refused(proctor: Linked, headers: dict[str, Any], said: str) -> None:
    """The answer names the header and has no value."""
    body = {"name": "w", "url": "https://vendor.example.com/", "events": ["ats_assessments.created"]}
    refused = await proctor.api("POST", "/v1/webhooks", json=body | {"headers": headers})
    assert (refused.status_code, said in refused.text) == (422, True), refused.text
    assert "s3cret" not in refused.text
