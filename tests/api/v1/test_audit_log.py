"""The audit log of what the API changes and reveals."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from greenroom.api import build_routers
from tests.house import House, Linked, webhook

#: what each changing route records; None: it changes nothing, or only sends something
RECORDED: dict[str, str | None] = {
    "create_account": "account.linked",
    "rotate_token": "account.token_rotated",
    "stackone_update_account": "account.changed",
    "stackone_delete_account": "account.unlinked",
    "pause_account": "account.paused",
    "resume_account": "account.resumed",
    "retry_delivery": "delivery.retried",
    "put_integration": "integration.changed",
    "probe_integration": None,
    "rotate_signing_secret": "integration.secret_rotated",
    "create_webhook": "webhook.created",
    "change_webhook": "webhook.changed",
    "delete_webhook": "webhook.deleted",
    "rotate_webhook_secret": "webhook.secret_rotated",
    "test_webhook": None,
    "replay_webhook": "replay.started",
    "cancel_replay": "replay.cancelled",
    "put_packages": "packages.published",
    "ats_create_background_check_package": "packages.stored",
    "ats_update_background_check_package": "packages.stored",
    "ats_delete_background_check_package": "packages.stored",
    "expunge_order": "order.content_erased",
    "erase_candidate": "candidate.erased",
    "change_project": "project.retention_changed",
    "set_order_status": "order.status_recorded",
    "preview_result": None,
    # only for an ATS with such a call; services record it as for an order
    "create_unordered_result": None,
    "ats_order_assessments_request": "order.placed",
    "ats_order_background_check_request": "order.placed",
    "ats_update_assessments_result": "order.result_recorded",
    "ats_update_background_check_result": "order.result_recorded",
    "stackone_create_connect_session": "connect_session.created",
    "stackone_authenticate_connect_session": "connect_session.token_revealed",
    "revoke_connect_session": "connect_session.closed",
    "put_hub": "hub.changed",
    "put_alerts": "alerts.changed",
    "stackone_proxy_request": None,
}


async def entries(linked: Linked, query: str = "") -> list[dict[str, Any]]:
    """A project's audit log."""
    answer = await linked.api("GET", f"/v1/audit_log?page_size=100{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def test_every_changing_route_is_listed() -> None:
    """A new one has to be put here, and into the story below."""
    changing = {
        route.operation_id
        for router in build_routers()
        for route in router.routes
        if set(getattr(route, "methods", None) or ()) - {"GET", "HEAD"}
    }
    assert changing == set(RECORDED)


async def test_each_change_and_reveal_is_recorded_with_its_key(house: House, proctor: Linked) -> None:
    """Once, by whom, from where; with no secret in it."""
    hook = await webhook(proctor)
    path, account = f"/v1/webhooks/{hook['id']}", f"/accounts/{proctor.account_id}"
    placed = {"candidate": {"id": "c1", "emails": [{"value": "ada@example.test"}]}, "package": {"id": "pkg_core_sql"}}
    placed |= {"application": {"id": "a1"}, "job": {"id": "j1"}}
    package = {"name": "Employment"}
    secrets = [hook["secret"], proctor.token, proctor.key, "ada@example.test"]

    async def do(method: str, path: str, **kwargs: Any) -> Any:
        async with asyncio.timeout(20):
            while True:
                answer = await proctor.api(method, path, headers={"x-account-id": proctor.account_id}, **kwargs)
                if "DeliveryInFlight" not in answer.text:
                    break
                await asyncio.sleep(0.02)
        assert answer.status_code < 300, (method, path, answer.text)
        return answer.json() if answer.content else None

    order_id = await proctor.send_test(partner_test_id="pkg_core_sql")
    delivery = (await do("GET", f"/v1/deliveries?order_id={order_id}"))["data"][0]
    await do("POST", f"/v1/deliveries/{delivery['id']}/retry")
    await do("PATCH", path, json={"name": "renamed"})
    await do("PATCH", path, json={"name": "renamed"})  # changes nothing
    secrets.append((await do("POST", f"{path}/rotate-secret"))["secret"])
    replay = await do("POST", f"{path}/replay", json={"since": "2020-01-01T00:00:00Z"})
    await do("DELETE", f"{path}/replays/{replay['id']}")
    await do("DELETE", path)
    await do("GET", "/v1/integrations/greenhouse?reveal=true")
    secrets.append((await do("POST", "/v1/integrations/greenhouse/rotate-secret"))["signing_secret"])
    await do("GET", f"/v1/accounts/{proctor.account_id}?reveal=true")
    await do("POST", f"/v1/accounts/{proctor.account_id}/rotate-token")
    await do("POST", f"/v1/accounts/{proctor.account_id}/pause")
    await do("POST", f"/v1/accounts/{proctor.account_id}/resume")
    await do("PUT", "/v1/packages", json={"category": "background_checks", "packages": [{"id": "b1", "name": "B"}]})
    unified = "/unified/ats/background_checks"
    stored = (await do("POST", f"{unified}/packages", json=package))["data"]["id"]
    await do("PATCH", f"{unified}/packages/{stored}", json={"name": "Employment, 7 years"})
    await do("DELETE", f"{unified}/packages/{stored}")
    await do("POST", f"/v1/orders/{order_id}/status", json={"status": "invited"})
    assert (await proctor.give_result(order_id)).status_code == 200
    await do("DELETE", f"/v1/orders/{order_id}/content")
    await do("DELETE", "/v1/candidates?email=ada@example.test")
    await do("PATCH", "/v1/project", json={"order_retention_days": 30})
    session = await do(
        "POST", "/connect_sessions", json={"origin_owner_id": "n2", "origin_owner_name": "N", "provider": "greenhouse"}
    )
    await do("POST", "/connect_sessions/authenticate", json={"token": session["token"]})
    await do("DELETE", f"/connect_sessions/{session['id']}")
    for _ in range(2):  # the second one changes nothing
        await do("PUT", "/v1/hub", json={"allowed_origins": ["https://app.vendor.example"]})
        await do("PUT", "/v1/alerts", json={"emails": ["oncall@vendor.example"]})
    await do("POST", "/unified/ats/assessments/orders", json=placed)
    await do("PATCH", account, json={"label": "Pilot"})
    await do("DELETE", account)

    found = await entries(proctor)
    reveals = {"integration.secret_revealed", "account.token_revealed"}
    assert {one["action"] for one in found} == ({one for one in RECORDED.values() if one} | reveals)
    assert {one["actor"]["kind"] for one in found} == {"api_key"}
    assert {(one["actor"]["name"], one["actor"]["address"]) for one in found} == {("tests", "127.0.0.1")}
    (renamed, *_) = [one for one in found if one["action"] == "webhook.changed" and one["detail"]["fields"] == ["name"]]
    assert (renamed["object_type"], renamed["object_id"]) == ("webhook", hook["id"])
    for once in ("delivery.retried", "hub.changed", "alerts.changed"):
        assert len([one for one in found if one["action"] == once]) == 1
    for secret in secrets:
        assert secret not in json.dumps(found)


async def test_it_is_filtered_paged_and_of_one_project(house: House, proctor: Linked) -> None:
    """A refused request leaves nothing; an unknown action names those there are."""
    mallory = await house.link("mallory", tenant="mallory", package_id="x")
    for name in ("a", "b", "c"):
        await webhook(proctor, name=name)
    assert (await proctor.api("DELETE", "/v1/webhooks/whk_unknown")).status_code == 404

    everything = await entries(proctor)
    first = (await proctor.api("GET", "/v1/audit_log?page_size=2&action=webhook.created")).json()
    rest = (await proctor.api("GET", f"/v1/audit_log?action=webhook.created&next={first['next']}")).json()

    assert [one["detail"]["name"] for one in first["data"] + rest["data"]] == ["c", "b", "a"]
    assert rest["next"] is None
    one = first["data"][0]
    assert await entries(proctor, f"&object_id={one['object_id']}") == [one]
    assert len(await entries(proctor, f"&actor_id={one['actor']['id']}")) == len(everything)
    assert await entries(proctor, "&actor_kind=user") == []
    assert await entries(proctor, "&until=2020-01-01T00:00:00Z") == []
    assert {one["id"] for one in everything}.isdisjoint({one["id"] for one in await entries(mallory)})
    unknown = await proctor.api("GET", "/v1/audit_log?action=webhook.eaten")
    assert unknown.status_code == 400
    assert "webhook.created" in unknown.json()["message"]


@pytest.mark.parametrize("query", ["next=x", "actor_kind=nobody", "since=yesterday", "page_size=0"])
async def test_what_cannot_be_read_is_refused(proctor: Linked, query: str) -> None:
    """With 400 and the name of the parameter."""
    answer = await proctor.api("GET", f"/v1/audit_log?{query}")

    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["message"]


async def test_a_customer_who_links_is_recorded_by_the_session(house: House, proctor: Linked) -> None:
    """They have no key, but the session's token."""
    body = {"origin_owner_id": "n3", "origin_owner_name": "Northwind", "provider": "greenhouse"}
    session = (await proctor.api("POST", "/connect_sessions", json=body)).json()
    headers = {"x-hub-session-token": session["token"]}
    (one,) = (await house.client.get("/hub/connectors", headers=headers)).json()["integrations"]
    linked = {"integration_id": one["integration_id"]}

    assert (await house.client.post("/hub/accounts", json=linked, headers=headers)).status_code == 201

    (finished,) = await entries(proctor, "&action=connect_session.finished")
    assert finished["actor"]["kind"] == "connect_session"
    assert finished["actor"]["name"] == "Northwind"
