"""The API as its clients use it: authentication, invalid input, idempotency, pagination."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from greenroom.app import build_app
from greenroom.settings import Settings
from tests.house import RESULT, House, Linked, basic, open_house, webhook

DOCUMENT = build_app(Settings()).openapi()
OPERATIONS = [
    (method.upper(), path)
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if path not in ("/healthz", "/readyz", "/metrics")
]


def body_for(path: str) -> dict[str, Any] | None:
    """Returns a body with which the operation succeeds for its owner."""
    bodies: dict[str, dict[str, Any]] = {
        "/status": {"status": "accepted"},
        "/result": RESULT,
        "/results": {"candidate_remote_id": "1", "package_id": "pkg_core_sql", "result": RESULT},
        "/result:preview": RESULT,
        "/orders": {"package": {"id": "pkg_core_sql"}, "candidate": {"emails": [{"value": "a@b.example"}]}},
        "/packages": {"category": "assessments", "packages": []},
        "/webhooks": {"name": "x", "url": "https://x.example.com/", "events": ["ats_assessments.created"]},
        "/accounts": {"provider": "greenhouse", "origin_owner_id": "1", "origin_owner_name": "x"},
        "/replay": {"since": "2026-01-01T00:00:00Z"},
        "/connect_sessions": {"origin_owner_id": "1", "origin_owner_name": "x"},
        "/authenticate": {"token": "pk_x"},
        "/hub": {"allowed_origins": ["https://mallory.example"]},
    }
    return next((body for end, body in bodies.items() if path.endswith(end)), {})


async def start_replay(linked: Linked, webhook_id: str) -> str:
    """Starts a replay of a webhook and returns the replay's id."""
    asked = {"since": "2026-01-01T00:00:00Z"}
    return str((await linked.api("POST", f"/v1/webhooks/{webhook_id}/replay", json=asked)).json()["id"])


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_a_stranger_sees_nothing(house: House, proctor: Linked, method: str, path: str) -> None:
    """A caller without a key gets 401; another project's key gets 404 for every id, and empty lists."""
    order = await proctor.send_test()
    hook = await webhook(proctor)
    delivery = "dlv_x"
    second = await proctor.send_test(2)
    async with asyncio.timeout(20):
        found = (await proctor.api("GET", f"/v1/deliveries?order_id={second}")).json()["data"]
        delivery = found[0]["id"]
    mallory = await house.link("mallory", tenant="mallory")
    ids = {"order_id": order, "webhook_id": hook["id"], "delivery_id": delivery, "account_id": proctor.account_id}
    kinds = {"/packages/{id}": "pkg_core_sql", "/accounts/{id}": proctor.account_id}
    ids |= {"replay_id": await start_replay(proctor, hook["id"])}
    ids |= {"provider": "greenhouse", "id": next((one for kind, one in kinds.items() if kind in path), order)}
    opened = {"origin_owner_id": "1", "origin_owner_name": "x", "provider": "greenhouse"}
    session = (await proctor.api("POST", "/connect_sessions", json=opened)).json()
    ids |= {"session_id": str(session["id"])}
    url = re.sub(r"\{(\w+)\}", lambda name: ids[name[1]], path)
    query = "?category=assessments" if path == "/v1/packages" else ""
    body = None if method == "GET" else body_for(path)

    assert (await house.client.request(method, url + query, json=body)).status_code == 401
    wrong = await house.client.request(method, url + query, json=body, headers={"authorization": basic("gk_x")})
    assert wrong.status_code == 401
    headers = {"x-account-id": proctor.account_id} if "unified" in path else {}
    answer = await mallory.api(method, url + query, json=body, headers=headers)

    if ("{" in path and "{provider}" not in path) or "unified" in path:
        assert answer.status_code == 404, answer.text
    asked = url + str(headers)
    for hers in (order, second, hook["id"], delivery, proctor.account_id, proctor.token, str(session["id"])):
        assert hers in asked or hers not in answer.text
    assert (await proctor.order(order))["status"] == "received"
    assert (await proctor.api("GET", f"/v1/webhooks/{hook['id']}")).status_code == 200
    assert (await proctor.api("GET", "/v1/hub")).json()["allowed_origins"] == []
    assert len((await proctor.api("GET", "/connect_sessions")).json()) == 1


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/webhooks", {"name": "x", "url": "https://x.example.com/", "event": ["x"]}, "Did you mean events?"),
        ("/v1/webhooks", {"name": "x", "url": "https://x.example.com/", "events": ["x"]}, "is not an event"),
        ("/v1/webhooks", {"name": "x", "url": "nonsense", "events": ["account.created"]}, "url: expected an absolute"),
        ("/v1/webhooks", {"name": "", "url": "https://x.example.com/", "events": ["account.created"]}, "name: "),
        (
            "/v1/accounts",
            {"provider": "workday", "origin_owner_id": "1", "origin_owner_name": "x"},
            "greenhouse",
        ),
        ("/v1/accounts", {"provider": "greenhouse"}, "origin_owner_id: required"),
        ("/v1/accounts", [], "body: "),
        ("/v1/accounts", "{", "Content-Type: application/json"),
    ],
)
async def test_bad_input_names_the_field_and_what_to_do(proctor: Linked, path: str, body: Any, said: str) -> None:
    """Every kind of invalid input gets the one error shape, with the field and the remedy."""
    content = {"content": body} if isinstance(body, str) else {"json": body}
    answer = await proctor.api("POST", path, **content)

    assert answer.status_code in (400, 404, 422)
    assert set(answer.json()) >= {"statusCode", "message", "timestamp", "errorCode"}
    assert said in answer.json()["message"]


async def test_a_body_that_is_not_json(proctor: Linked) -> None:
    """A body that is not JSON gets a sentence."""
    headers = {"content-type": "application/json"}
    answer = await proctor.api("POST", "/v1/accounts", content="{", headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (400, "The body is not JSON.")


async def test_put_replaces_and_keeps_secrets_that_are_left_out(proctor: Linked) -> None:
    """A plain field left out is cleared; a secret is cleared only by null; no secret is ever shown."""
    path = "/v1/integrations/greenhouse"
    kept = {"package_id": "pkg_core_sql", "confirm": True}
    first = (
        await proctor.api(
            "PUT", path, json={**kept, "tenant_id": "t", "partner_username": "u", "partner_password": "p"}
        )
    ).json()
    second = (await proctor.api("PUT", path, json={**kept, "tenant_id": "t2"})).json()
    third = (await proctor.api("PUT", path, json={**kept, "partner_password": None})).json()

    assert (first["partner_username"], first["partner_password"], first["signing_secret"]) == (
        "u",
        "********",
        "********",
    )
    assert (second["partner_username"], second["partner_password"]) == (None, "********")
    assert third["partner_password"] is None
    assert second["callback_hosts"] == ["app.greenhouse.io", "*.greenhouse.io"]
    assert second["endpoints"]["send_test"].endswith("/external-trigger/greenhouse/send_test?tenant-id=t2")
    revealed = (await proctor.api("GET", f"{path}?reveal=true")).json()
    assert revealed["signing_secret"].startswith("whsec_")


async def test_last_called_at_is_the_proof_that_greenhouse_calls(proctor: Linked) -> None:
    """`last_called_at` is null before the first call of Greenhouse and a time after it."""
    path = "/v1/integrations/greenhouse"
    before = (await proctor.api("GET", path)).json()["last_called_at"]
    await proctor.call("list_tests")
    after = (await proctor.api("GET", path)).json()["last_called_at"]

    assert set(before.values()) == {None}
    assert [call for call, at in after.items() if at] == ["list_tests"]


async def test_the_same_post_with_the_same_key_is_done_once(proctor: Linked) -> None:
    """Concurrent repeats run once; another body with the key is refused; a failed request releases the key."""
    body = {"name": "x", "url": "https://x.example.com/", "events": ["account.created"]}
    headers = {"idempotency-key": "k1"}
    together = await asyncio.gather(
        *(proctor.api("POST", "/v1/webhooks", json=body, headers=headers) for _ in range(8))
    )
    again = await proctor.api("POST", "/v1/webhooks", json=body, headers=headers)
    other = await proctor.api("POST", "/v1/webhooks", json={**body, "name": "y"}, headers=headers)

    assert {answer.status_code for answer in together} <= {201, 409}
    assert {answer.text for answer in together if answer.status_code == 201} == {again.text}
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status_code, other.json()["errorCode"]) == (409, "IdempotencyKeyReused")
    assert len((await proctor.api("GET", "/v1/webhooks")).json()["data"]) == 1
    wrong = {"idempotency-key": "k2"}
    assert (await proctor.api("POST", "/v1/webhooks", json={}, headers=wrong)).status_code == 422
    assert (await proctor.api("POST", "/v1/webhooks", json=body, headers=wrong)).status_code == 201


async def test_paging_meets_every_order_once(proctor: Linked) -> None:
    """Pages list every order once, newest first, with a filter; a cursor of another list is refused."""
    sent = [await proctor.send_test(number) for number in range(7)]
    seen, following = [], ""
    while following is not None:
        page = (
            await proctor.api("GET", f"/v1/orders?page_size=3&next={following}&candidate_email=ADA@example.test")
        ).json()
        seen += [order["id"] for order in page["data"]]
        following = page["next"]

    assert seen == sent[::-1]
    for bad in (
        "next=%00",
        "next=!!",
        "page_size=0",
        "page_size=x",
        "status=nope",
        "created_after=2026-01-01T00:00:00",
    ):
        assert (await proctor.api("GET", f"/v1/orders?{bad}")).status_code == 400, bad
    assert (await proctor.api("GET", "/v1/orders?created_after=2099-01-01T00:00:00Z")).json()["data"] == []


async def test_preview_says_what_the_recruiter_would_see_and_changes_nothing(proctor: Linked) -> None:
    """The preview has an outcome per field, or the reason of the refusal, and changes nothing."""
    order = await proctor.send_test()
    path = f"/v1/orders/{order}/result:preview"
    body = {**RESULT, "score": {"value": "82.50"}, "attachments": [{"url": "https://x.example.com/a"}]}

    fine = (await proctor.api("POST", path, json=body)).json()
    refused = (await proctor.api("POST", path, json={**RESULT, "result_url": None})).json()

    verdicts = {one["field"]: (one["verdict"], one["value"]) for one in fine["fields"]}
    assert fine["accepted"]
    assert verdicts["score.value"] == ("changed", 82.5)
    assert verdicts["result_url"] == ("shown", RESULT["result_url"])
    assert verdicts["start_date"] == ("changed", "09:05 AM 3 November 2026 UTC")
    assert verdicts["attachments"][0] == "dropped"
    assert (refused["accepted"], refused["fields"][0]["field"], refused["fields"][0]["verdict"]) == (
        False,
        "result_url",
        "refused",
    )
    assert (await proctor.order(order))["status"] == "received"


async def test_rotation_of_a_webhooks_secret(house: House, proctor: Linked) -> None:
    """Both secrets sign during the overlap, only the new one after it."""
    from standardwebhooks import Webhook, WebhookVerificationError

    made = await webhook(proctor)
    path = f"/v1/webhooks/{made['id']}"
    new = (await proctor.api("POST", f"{path}/rotate-secret", json={"overlap_seconds": 60})).json()["secret"]
    assert (await proctor.api("POST", f"{path}/test")).json()["ok"]
    for secret in (new, made["secret"]):
        Webhook(secret).verify(house.vendor.received[0].body, house.vendor.received[0].headers)
    newest = (await proctor.api("POST", f"{path}/rotate-secret", json={"overlap_seconds": 0})).json()["secret"]
    await proctor.api("POST", f"{path}/test")
    Webhook(newest).verify(house.vendor.received[1].body, house.vendor.received[1].headers)
    for secret in (new, made["secret"]):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(house.vendor.received[1].body, house.vendor.received[1].headers)


async def test_a_test_event_shows_the_whole_exchange(house: House, proctor: Linked) -> None:
    """A test event shows request and response, or the error of an unreachable endpoint."""
    made = await webhook(proctor)
    house.vendor.will_answer((418, {}, b"teapot"))
    tried = (await proctor.api("POST", f"/v1/webhooks/{made['id']}/test")).json()
    assert (tried["ok"], tried["response"]["status"], tried["response"]["body"]) == (False, 418, "teapot")
    assert tried["request"]["headers"]["webhook-id"].startswith("evt_")
    house.vendor.will_answer(0)
    tried = (await proctor.api("POST", f"/v1/webhooks/{made['id']}/test")).json()
    assert (tried["ok"], tried["response"], tried["error_kind"]) == (False, None, "reset")


async def test_deleting_a_webhook_ends_what_is_on_its_way(house: House, proctor: Linked) -> None:
    """Pending deliveries of a deleted webhook are cancelled and still listed."""
    made = await webhook(proctor)
    house.vendor.will_answer(500)
    order = await proctor.send_test()
    await house.vendor.receive(1)
    async with asyncio.timeout(20):
        while not (await proctor.api("GET", f"/v1/deliveries?order_id={order}")).json()["data"][0]["attempts"]:
            await asyncio.sleep(0.02)
    assert (await proctor.api("DELETE", f"/v1/webhooks/{made['id']}")).status_code == 204

    (delivery,) = (await proctor.api("GET", f"/v1/deliveries?order_id={order}")).json()["data"]
    assert delivery["state"] == "cancelled"
    assert (await proctor.api("GET", f"/v1/webhooks/{made['id']}")).status_code == 404


async def test_an_order_without_an_ats(proctor: Linked) -> None:
    """A vendor can place an order by API; an unknown package is named."""
    asked = {"package": {"id": "pkg_core_sql"}, "candidate": {"emails": [{"value": "a@b.example"}]}, "id": "mine"}
    placed = (await proctor.unified("POST", "/assessments/orders", json=asked)).json()
    again = (await proctor.unified("POST", "/assessments/orders", json=asked)).json()
    unknown = await proctor.unified("POST", "/assessments/orders", json={**asked, "package": {"id": "nope"}})

    changed = {**asked, "candidate": {"emails": [{"value": "b@b.example"}]}}
    other = await proctor.unified("POST", "/assessments/orders", json=changed)

    assert (other.status_code, other.json()["errorCode"]) == (409, "OrderIdTaken")
    assert other.json()["errors"] == ["candidate: differs from the order that has this id"]
    assert placed == again == {"id": placed["id"], "remote_id": None, "test_url": None}
    assert (await proctor.order(placed["id"]))["source"] == "api"
    assert unknown.status_code == 422
    assert "nope" in unknown.json()["message"]
    assert (await proctor.give_result(placed["id"])).status_code == 200
    read = (await proctor.unified("GET", f"/assessments/orders/{placed['id']}/results")).json()["data"]
    assert read["score"]["value"] == "82.5"


async def test_a_disabled_integration_is_412_and_a_missing_account_400(proctor: Linked) -> None:
    """The unified API answers 412 and 400; Greenhouse's calls get 401."""
    path = "/unified/ats/assessments/packages"
    assert (await proctor.api("GET", path)).status_code == 400
    assert (await proctor.api("GET", path, headers={"x-account-id": "acc_x"})).status_code == 404
    await proctor.api("PUT", "/v1/integrations/greenhouse", json={"enabled": False, "tenant_id": "proctor"})
    assert (await proctor.unified("GET", "/assessments/packages")).status_code == 412
    assert (await proctor.call("list_tests")).status_code == 401


async def test_a_keys_last_use_is_known(proctor: Linked) -> None:
    """The time of the last use is stored, so that an operator can find and revoke unused keys."""
    from greenroom.services import projects

    (key,) = await projects.list_keys(proctor.house.app.state.ctx)
    assert key.last_used_at is not None


async def test_health(house: House) -> None:
    """Liveness, readiness with the backlog's age, and metrics answer."""
    assert (await house.client.get("/healthz")).json() == {"status": "ok"}
    assert (await house.client.get("/readyz")).json() == {"status": "ok", "backlog_age_s": 0.0}
    assert "python_info" in (await house.client.get("/metrics")).text


async def test_plain_http_to_an_https_gateway_is_refused(tmp_path: Path) -> None:
    """S9: plain http gets no redirect, since the key has been sent in the clear already."""
    async with open_house(tmp_path, public_url="https://greenroom.example.com", trusted_proxies="127.0.0.1") as house:
        answer = await house.client.get("/healthz", headers={"x-forwarded-proto": "http"})
        assert (answer.status_code, "location" in answer.headers) == (403, False)
        assert (await house.client.get("/healthz", headers={"x-forwarded-proto": "https"})).status_code == 200
