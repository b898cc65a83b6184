"""Greenhouse's recruiting webhooks: from the simulator over real HTTP, and by hand on both databases."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from greenroom.services import ats_changes
from tests.house import ADA, Linked, open_house, webhook
from tests.journeys.test_erasure import url
from tests.sandbox.conftest import simulator

__all__ = ["url"]

SECRET = "a-secret-that-both-know"
EVENTS = ["ats_assessments.created", "ats_assessments.updated"]
PATH = "/external-trigger/greenhouse/proctor/webhooks"
#: Ada's, in her profile URL
CANDIDATE, APPLICATION = 17681532, 26234709


def application(id_: int = APPLICATION) -> dict[str, Any]:
    return {"application": {"id": id_, "candidate": {"id": CANDIDATE}}}


async def post(
    linked: Linked, action: Any, payload: Any = None, *, event: str | None = "e1", secret: str = SECRET, **headers: Any
) -> httpx2.Response:
    """Sends an event as Greenhouse does."""
    content = json.dumps({"action": action, "payload": payload}).encode()
    signed = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    sent = {"signature": f"sha256 {signed}", **({"greenhouse-event-id": event} if event else {}), **headers}
    return await linked.house.client.post(PATH, content=content, headers=sent)


async def updates(linked: Linked, count: int) -> list[dict[str, Any]]:
    """Waits for so many events of changes, and returns them."""
    async with asyncio.timeout(20):
        while True:
            bodies = [json.loads(one.body) for one in linked.house.vendor.received]
            found = [body for body in bodies if body["event"] == "ats_assessments.updated"]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.02)


async def kinds(linked: Linked, order: str) -> list[tuple[str, str]]:
    entries = (await linked.api("GET", f"/v1/orders/{order}/timeline")).json()["data"]
    return [(one["kind"], one["message"]) for one in entries]


async def delivered(linked: Linked) -> None:
    """Waits until no delivery is pending."""
    async with asyncio.timeout(20):
        while (await linked.api("GET", "/v1/deliveries?state=pending")).json()["data"]:
            await asyncio.sleep(0.02)


@pytest.fixture
async def linked(tmp_path: Path, url: Any) -> Any:
    """A project with a recruiting secret and a webhook, on each database."""
    async with open_house(tmp_path, url) as house:
        one = await house.link("proctor", package_id="pkg_core_sql", recruiting_webhook_secret=SECRET)
        await webhook(one, EVENTS)
        yield one


async def test_hired_and_back(linked: Linked) -> None:
    """The vendor hears of it, an alert says that the result was not read; the same event again changes nothing."""
    order = await linked.send_test()
    other = await linked.send_test(2, candidate={**ADA, "greenhouse_profile_url": None})
    answers = [await post(linked, "hire_candidate", application()) for _ in range(2)]
    answers += await asyncio.gather(*(post(linked, "unhire_candidate", application(), event="e2") for _ in range(5)))
    answers.append(await post(linked, "hire_candidate", application()))  # repeated late
    answers.append(await post(linked, "reject_candidate", application(1), event="e3"))  # another application
    hired, active = await updates(linked, 2)

    assert [one.status_code for one in answers] == [200] * 9
    assert hired["record_id"] == active["record_id"] == order
    assert hired["event_data"]["application"]["application_status"]["value"] == "hired"
    assert active["event_data"]["application"]["application_status"]["value"] == "active"
    assert hired["event_data"]["candidate"]["emails"][0]["value"] == ADA["email"]
    assert (await linked.order(order))["status"] == "received"
    said = await kinds(linked, order)
    assert [kind for kind, message in said if "was hired" in message] == ["alert"]
    assert not [message for _, message in await kinds(linked, other) if "hired" in message]
    await delivered(linked)
    assert len(await updates(linked, 2)) == 2


async def test_a_deleted_application_cancels_its_order(linked: Linked) -> None:
    """And only its order; the content stays."""
    order, other = await linked.send_test(1), await linked.send_test(2, application={"id": 5})
    payload = {"application": {"id": APPLICATION, "candidate_id": CANDIDATE}}
    answer = await post(linked, "delete_application", payload, event=None)
    again = await post(linked, "delete_application", payload, event=None)
    (told,) = await updates(linked, 1)

    assert (answer.status_code, again.status_code) == (200, 200)
    assert (told["record_id"], told["status"]) == (order, "cancelled")
    assert [(await linked.order(one))["status"] for one in (order, other)] == ["cancelled", "received"]
    assert (await linked.order(order))["candidate"]["email"] == ADA["email"]


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("delete_candidate", {"person": {"id": CANDIDATE, "deleted_application_ids": [APPLICATION]}}),
        ("candidate_anonymized", {"candidate_id": CANDIDATE, "anonymized_fields": ["full_name"]}),
    ],
)
async def test_a_deleted_or_anonymised_candidate_is_erased(linked: Linked, action: str, payload: Any) -> None:
    """All orders of the candidate; the event to the vendor has ids alone, and Greenhouse reads `erased`."""
    orders = [await linked.send_test(1), await linked.send_test(2, application={"id": 5})]
    await delivered(linked)
    assert (await post(linked, action, payload)).status_code == 200
    told = await updates(linked, 2)

    assert {one["record_id"] for one in told} == set(orders)
    for one in told:
        assert (one["status"], one["event_data"]["erased_at"] is not None) == ("cancelled", True)
        assert "ada" not in json.dumps(one).casefold()
    for order in orders:
        assert (await linked.order(order))["erased_at"] is not None
        assert await linked.status(order) == {"partner_status": "erased"}


async def test_an_erasure_waits_for_the_attempt_in_flight(linked: Linked) -> None:
    """Greenhouse repeats the event after any answer but 200; then the content is erased."""
    inside, go = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        inside.set()
        await go.wait()

    linked.house.vendor.inside = wait
    order = await linked.send_test()
    await inside.wait()
    payload = {"person": {"id": CANDIDATE}}
    refused = await post(linked, "delete_candidate", payload)
    kept = await linked.order(order)
    go.set()
    await delivered(linked)
    repeated = await post(linked, "delete_candidate", payload)

    assert (refused.status_code, kept["erased_at"]) == (409, None)
    assert repeated.status_code == 200
    assert (await linked.order(order))["erased_at"] is not None


async def test_a_merge_points_orders_to_the_other_candidate(linked: Linked) -> None:
    """A later event about the candidate that remains is for these orders, too."""
    order = await linked.send_test()
    await post(linked, "merge_candidate", {"person": {"id": CANDIDATE, "new_candidate_id": 4}})
    later = {"application": {"id": APPLICATION, "candidate": {"id": 4}}}
    await post(linked, "reject_candidate", later, event="e2")
    merged, rejected = await updates(linked, 2)

    assert (merged["record_id"], merged["event_data"]["candidate_id"]) == (order, "4")
    assert rejected["event_data"]["application"]["application_status"]["value"] == "rejected"
    assert (await linked.order(order))["candidate_id"] == "4"


async def test_what_is_not_for_us(linked: Linked) -> None:
    """Unknown events and candidates are answered 200; a wrong signature 401, always alike, and nothing is stored."""
    order = await linked.send_test()
    for action, payload in (
        ("ping", {"web_hook": {"id": 1}}), ("job_created", {}), ("hire_candidate", None), ("hire_candidate", [1]),
        ("hire_candidate", {"application": {"id": True, "candidate": {"id": {}}}}), (None, None), (["x"], "y"),
        ("hire_candidate", {"application": {"id": APPLICATION, "candidate": {"id": 999}}}),
        ("delete_candidate", {"person": {"id": "\x00"}}), ("merge_candidate", {"person": {"id": CANDIDATE}}),
    ):  # fmt: skip
        assert (await post(linked, action, payload, event="e9")).status_code == 200, (action, payload)
    wrong = [
        await post(linked, "hire_candidate", application(), secret="other"),
        await post(linked, "hire_candidate", application(), signature=""),
        await post(linked, "hire_candidate", application(), signature="sha1 00"),
        await post(linked, "hire_candidate", application(), signature=b"sha256 \xe9"),
        await linked.house.client.post(PATH.replace("proctor", "nobody"), content=b"{}"),
    ]
    large = await linked.house.client.post(PATH, content=b"x" * 300_000)
    unreadable = b"["
    signed = "sha256 " + hmac.new(SECRET.encode(), unreadable, hashlib.sha256).hexdigest()
    broken = await linked.house.client.post(PATH, content=unreadable, headers={"signature": signed})

    assert {one.status_code for one in wrong} == {401}
    assert len({one.json()["message"] for one in wrong}) == 1
    assert (large.status_code, broken.status_code) == (413, 400)
    assert (await linked.order(order))["status"] == "received"
    store = linked.house.app.state.ctx.store
    assert await store.read(lambda tx: tx.all("SELECT * FROM seen_ats_events")) == []
    assert not [message for kind, message in await kinds(linked, order) if "The ATS says" in message]


async def test_another_project_is_not_affected(linked: Linked) -> None:
    """The secret of one project changes no order of another, with the same candidate."""
    mallory = await linked.house.link("mallory", tenant="mallory", package_id="x", recruiting_webhook_secret="hers")
    order = await linked.send_test()
    forged = await post(mallory, "hire_candidate", application(), secret="hers")
    content = json.dumps({"action": "hire_candidate", "payload": application()}).encode()
    signed = hmac.new(b"hers", content, hashlib.sha256).hexdigest()
    own = await linked.house.client.post(
        PATH.replace("proctor", "mallory"), content=content, headers={"signature": f"sha256 {signed}"}
    )

    assert (forged.status_code, own.status_code) == (401, 200)
    assert not [message for kind, message in await kinds(linked, order) if "hired" in message]


async def test_recorded_events_are_deleted_after_a_week(linked: Linked) -> None:
    """Greenhouse repeats an event for some hours at the most."""
    await linked.send_test()
    await post(linked, "hire_candidate", application())
    ctx = linked.house.app.state.ctx
    assert await ats_changes.delete_old(ctx) == 0
    week = "UPDATE seen_ats_events SET at = now_ms() - $1"
    await ctx.store.write(lambda tx: tx.run(week, ats_changes.KEPT_MS + 1000))

    assert await ats_changes.delete_old(ctx) == 1


async def test_the_secret_is_write_only(linked: Linked) -> None:
    """It is masked, kept when it is left out, and cleared by null."""
    read = (await linked.api("GET", "/v1/integrations/greenhouse")).json()
    body = {"tenant_id": "proctor", "package_id": "pkg_core_sql"}
    await linked.api("PUT", "/v1/integrations/greenhouse", json=body)
    kept = await post(linked, "ping")
    await linked.api("PUT", "/v1/integrations/greenhouse", json={**body, "recruiting_webhook_secret": None})
    cleared = await post(linked, "ping")

    assert read["recruiting_webhook_secret"] == "********"
    assert (kept.status_code, cleared.status_code) == (200, 401)


async def test_the_simulators_candidate_is_hired_then_deleted(tmp_path: Path) -> None:
    """The vendor is notified of both; the order is erased, with the resume that was fetched from the simulator."""
    async with (
        open_house(tmp_path) as house,
        simulator() as address,
        httpx2.AsyncClient(base_url=f"{address}/api", timeout=40, verify=False) as greenhouse,
    ):
        linked = await house.link(
            "proctor", package_id="pkg_core_sql", recruiting_webhook_secret=SECRET, resume="store"
        )
        await webhook(linked, EVENTS)

        async def call(method: str, path: str, **body: Any) -> Any:
            answer = await greenhouse.request(method, path, json=body)
            assert answer.status_code < 300, (path, answer.text)
            return answer.json()

        base = str(house.client.base_url).rstrip("/")
        urls = {
            f"{name}_url": f"{base}/external-trigger/greenhouse/proctor/{name}"
            for name in ("list_tests", "send_test", "test_status", "response_error")
        }
        partner = await call("POST", "/partners", name="Proctor", category="assessments", **urls)
        await call("PUT", f"/organizations/101/partners/{partner['id']}", key=linked.token, enabled=True)
        stage = await call("POST", "/jobs/4001/stages", kind="partner", partner_id=partner["id"])
        await call("POST", "/applications/26234702/move", stage_id=stage["id"])
        sent = await call("POST", "/applications/26234702/send-test", test_id="pkg_core_sql")
        assert sent["ok"], sent
        for action in ("hire_candidate", "delete_candidate"):
            made = await call(
                "POST", "/organizations/101/webhooks", name=action, url=f"{base}{PATH}", secret=SECRET, action=action
            )
            assert made["enabled"], made
        order = sent["take_home"]["partner_interview_id"]
        await call("POST", "/applications/26234702/hire")
        await call("POST", "/clock/advance")
        (hired,) = await updates(linked, 1)
        await delivered(linked)
        async with asyncio.timeout(20):
            while (resume := await linked.api("GET", f"/v1/orders/{order}/resume")).status_code != 200:
                await asyncio.sleep(0.02)
        await call("POST", "/candidates/17681502/delete")
        await call("POST", "/clock/advance")
        deleted = (await updates(linked, 2))[1]

        assert hired["event_data"]["application"]["application_status"]["value"] == "hired"
        assert (deleted["record_id"], deleted["status"]) == (order, "cancelled")
        assert (await linked.order(order))["erased_at"] is not None
        assert resume.json()["media_type"] == "application/pdf"
        assert (await linked.api("GET", f"/v1/orders/{order}/resume")).status_code == 404
        hooks = (await greenhouse.get("/organizations/101/webhooks")).json()["data"]
        states = [
            one["state"]
            for hook in hooks
            for one in (await greenhouse.get(f"/webhooks/{hook['id']}/deliveries")).json()["data"]
        ]
        assert set(states) == {"delivered"}
