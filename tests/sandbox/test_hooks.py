"""Check G22: recruiting webhooks, their signature, and the seven attempts."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from aiohttp import web

from tests.sandbox.conftest import STATUS, Greenhouse

SECRET = "a-secret-that-both-know"


async def create_webhook(greenhouse: Greenhouse, action: str = "candidate_stage_change", **more: Any) -> Any:
    """Creates a webhook of customer 101 that calls the partner's ``/hook``."""
    values = {"name": "Ours", "url": f"{greenhouse.partner.url}/hook", "secret": SECRET, "action": action, **more}
    return await greenhouse.call("POST", "/organizations/101/webhooks", values, status=201)


async def deliver(greenhouse: Greenhouse) -> list[dict[str, Any]]:
    """Runs the due deliveries and returns all received bodies except pings."""
    await greenhouse.call("POST", "/clock/advance", {})
    bodies = [json.loads(body) for *_, body in greenhouse.partner.get_requests("hook")]
    return [body for body in bodies if body["action"] != "ping"]


async def test_a_ping_enables_a_webhook_and_bodies_are_signed(connected: Greenhouse) -> None:
    """The signature covers the sent bytes, which are ASCII without angle brackets."""
    made = await create_webhook(connected, username="u", password="p", headers={"X-Route": "7"})
    assert made["enabled"] is True
    assert not {"secret", "password"} & set(made)
    await connected.call("PATCH", "/candidates/17681502", {"last_name": "<Nguyễn>"})
    await connected.call("POST", "/applications/26234702/move", {"stage_id": 5002})
    (moved,) = await deliver(connected)

    application = moved["payload"]["application"]
    assert (moved["action"], application["id"], application["current_stage"]["name"]) == ("candidate_stage_change", 26234702, "Phone Interview")  # fmt: skip
    assert application["candidate"]["last_name"] == "<Nguyễn>"
    for _, _, headers, body in connected.partner.get_requests("hook"):
        assert headers["signature"] == "sha256 " + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert (headers["x-route"], headers["authorization"]) == ("7", "Basic dTpw")
        assert body.isascii()
        assert b"<" not in body
    assert rb"\u003cNguy\u1ec5n\u003e" in connected.partner.get_requests("hook")[-1][3]
    ids = [headers["greenhouse-event-id"] for _, _, headers, _ in connected.partner.get_requests("hook")]
    assert len(set(ids)) == 2


async def test_the_interview_has_the_status_of_the_test(connected: Greenhouse) -> None:
    """The interview's status is to be sent, sent, then received."""
    await create_webhook(connected)
    take_home = 0
    for expected in ("to_be_sent", "sent", "received"):
        await connected.call("POST", "/applications/26234702/move", {"stage_id": 5001})
        await connected.call("POST", "/applications/26234702/move", {"stage_id": connected.stage_id})
        seen = (await deliver(connected))[-1]["payload"]["application"]["current_stage"]["interviews"]
        assert [one["status"] for one in seen] == [expected]
        if expected == "to_be_sent":
            take_home = await connected.sent()
        else:
            connected.partner.replies["test_status"] = STATUS
            await connected.complete(take_home)


@pytest.mark.parametrize("status", [500, 201, 204])
async def test_anything_but_200_fails_the_ping(connected: Greenhouse, status: int) -> None:
    """The webhook stays disabled and gets no event until it is enabled by hand."""
    connected.partner.replies["hook"] = web.Response(status=status)
    made = await create_webhook(connected)
    assert made["enabled"] is False
    (exchange,) = (await connected.call("GET", "/traffic?call=webhook"))["data"]
    assert exchange["rules"] == (["webhook.200"] if status < 300 else ["status.2xx"])
    del connected.partner.replies["hook"]
    await connected.call("POST", "/applications/26234702/move", {"stage_id": 5002})
    assert await deliver(connected) == []
    assert (await connected.call("PATCH", f"/webhooks/{made['id']}", {"name": "Still off"}))["enabled"] is False
    assert (await connected.call("PATCH", f"/webhooks/{made['id']}", {"enabled": True}))["enabled"] is True
    await connected.call("POST", "/applications/26234702/move", {"stage_id": 5003})
    assert len(await deliver(connected)) == 1


async def test_seven_attempts_over_fifteen_hours(connected: Greenhouse) -> None:
    """All attempts have the same bytes and id; a success ends them early."""
    made = await create_webhook(connected)
    connected.partner.requests.clear()
    connected.partner.replies["hook"] = web.Response(status=503)
    await connected.call("POST", "/applications/26234702/move", {"stage_id": 5002})
    await connected.call("POST", "/clock/advance", {"minutes": 0})
    for minutes, attempts in ((1, 2), (14, 2), (1, 3), (60, 4), (120, 5), (240, 6), (480, 7), (10_000, 7)):
        await connected.call("POST", "/clock/advance", {"minutes": minutes})
        assert len(connected.partner.get_requests("hook")) == attempts
    assert len({(headers["greenhouse-event-id"], headers["signature"], body) for _, _, headers, body in connected.partner.get_requests("hook")}) == 1  # fmt: skip
    (given_up,) = (await connected.call("GET", f"/webhooks/{made['id']}/deliveries"))["data"]
    assert (given_up["state"], given_up["attempts"], given_up["next_at"]) == ("failed", 7, None)

    await connected.call("POST", "/applications/26234702/move", {"stage_id": 5003})
    await deliver(connected)
    due = (await connected.call("GET", "/clock"))["due"]
    assert [(one["what"], one["delivery_id"]) for one in due] == [("delivered", 2)]
    del connected.partner.replies["hook"]
    assert (await connected.call("POST", "/clock/advance", {"weeks": 1}))["delivered"] == 1
    (_, later) = (await connected.call("GET", f"/webhooks/{made['id']}/deliveries"))["data"]
    assert (later["state"], later["attempts"]) == ("delivered", 2)


async def test_every_event(connected: Greenhouse) -> None:
    """Each action is sent once with its payload; events of another customer are not."""
    for action in (
        "new_candidate_application", "hire_candidate", "unhire_candidate", "reject_candidate", "unreject_candidate",
        "update_candidate", "candidate_anonymized", "delete_application", "delete_candidate", "merge_candidate",
    ):  # fmt: skip
        await create_webhook(connected, action)
    person = {"first_name": "Lena", "last_name": "", "email": "l@example.test"}
    made = await connected.call("POST", "/candidates", {"job_id": 4001, **person})
    await connected.call("POST", "/candidates", {"job_id": 4003, **person})
    for action in ("hire", "unhire", "reject", "unreject"):
        await connected.call("POST", f"/applications/26234702/{action}")
    await connected.call("PATCH", f"/candidates/{made['id']}", {"first_name": "Lene"})
    await connected.call("POST", f"/candidates/{made['id']}/anonymize")
    await connected.call("POST", "/applications/26234705/delete")
    await connected.call("POST", "/candidates/17681503/delete")
    await connected.call("POST", "/candidates/17681504/merge", {"into": 17681501})

    payloads = {body["action"]: body["payload"] for body in await deliver(connected)}

    assert len(payloads) == 10
    assert payloads["new_candidate_application"]["application"]["candidate"]["id"] == made["id"]
    assert payloads["reject_candidate"]["application"]["rejected_at"] is not None
    assert payloads["unreject_candidate"]["application"]["status"] == "active"
    assert payloads["update_candidate"]["candidate"]["first_name"] == "Lene"
    assert payloads["candidate_anonymized"]["candidate_id"] == made["id"]
    assert payloads["delete_candidate"]["person"]["deleted_application_ids"] == [26234703]
    assert payloads["merge_candidate"]["person"]["new_candidate_id"] == 17681501
    # both had applied for the same job, so the merge deleted the duplicate's application
    deleted = [body["payload"]["application"]["id"] for body in await deliver(connected) if body["action"] == "delete_application"]  # fmt: skip
    assert deleted == [26234705, 26234704]


async def test_a_merge_is_a_deletion_without_a_merge_webhook(connected: Greenhouse) -> None:
    """Without a merge webhook the customer's deletion webhook gets the event."""
    await create_webhook(connected, "delete_candidate")
    await connected.call("POST", "/candidates/17681504/merge", {"into": 17681501})
    (event,) = await deliver(connected)
    assert (event["payload"]["person"]["id"], event["payload"]["person"]["deleted_application_ids"]) == (17681504, [])


async def test_faults_of_webhooks(connected: Greenhouse) -> None:
    """A wrong signature, a duplicate, and a reset that is followed by another attempt."""
    await create_webhook(connected)
    connected.partner.requests.clear()
    await connected.inject("wrong_credentials", target="webhook")
    await connected.call("POST", "/applications/26234702/move", {"stage_id": 5002})
    await deliver(connected)
    ((_, _, headers, body),) = connected.partner.get_requests("hook")
    assert headers["signature"] != "sha256 " + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    await connected.inject("duplicate", target="webhook")
    await connected.call("POST", "/applications/26234702/move", {"stage_id": 5003})
    await deliver(connected)
    first, second = connected.partner.get_requests("hook")[1:]
    assert (first[2]["greenhouse-event-id"], first[3]) == (second[2]["greenhouse-event-id"], second[3])
    await connected.inject("reset", target="webhook")
    await connected.call("POST", "/applications/26234702/move", {"stage_id": 5002})
    await deliver(connected)
    assert (await connected.call("POST", "/clock/advance", {"minutes": 1}))["delivered"] == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://far.example/"}, "url"),
        ({"secret": ""}, "secret"),
        ({"action": "offer_created"}, "action"),
        ({"headers": {"Signature": "x"}}, "headers"),
    ],
)
async def test_invalid_webhooks_are_refused(greenhouse: Greenhouse, changes: dict[str, Any], field: str) -> None:
    """An invalid webhook is refused with the name of the field and is not stored."""
    values = {"name": "x", "url": f"{greenhouse.partner.url}/hook", "secret": "s", "action": "hire_candidate"}
    refused = await greenhouse.call("POST", "/organizations/101/webhooks", {**values, **changes}, status=422)
    assert refused["error"]["field"].split(".")[0] == field
    assert (await greenhouse.call("GET", "/organizations/101/webhooks"))["data"] == []


async def test_a_removed_webhook_sends_nothing(connected: Greenhouse) -> None:
    """Removing a webhook removes its pending deliveries."""
    made = await create_webhook(connected)
    connected.partner.replies["hook"] = web.Response(status=503)
    await connected.call("POST", "/applications/26234702/move", {"stage_id": 5002})
    await deliver(connected)
    await connected.call("DELETE", f"/webhooks/{made['id']}")
    assert (await connected.call("POST", "/clock/advance", {"days": 2}))["delivered"] == 0
    await connected.call("GET", f"/webhooks/{made['id']}/deliveries", status=404)
