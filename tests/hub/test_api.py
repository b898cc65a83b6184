"""The hub's API as both official packages and our own page call it."""

from __future__ import annotations

from tests.house import Linked, webhook
from tests.hub.customers import ORIGIN, Customer, allow


async def test_a_customer_links_an_account(proctor: Linked, customer: Customer) -> None:
    """Settings, list, form and submit, as the official package calls them; the vendor gets one event."""
    await webhook(proctor, ["account.created"])
    assert await customer.get("/settings") == {"enabled_features": []}
    listed = await customer.get("/connectors")
    (one,) = listed["integrations"]
    assert (one["provider"], one["name"], one["type"], one["active"]) == ("greenhouse", "Greenhouse", "ats", True)
    token = customer.session["external_trigger_token"]
    assert listed["external_trigger_token"] == token

    form = (await customer.get(f"/connectors/{one['integration_id']}"))["config"]
    assert form["configFields"][0]["key"] == "external-trigger-token"
    assert form["configFields"][0]["readOnly"] is True
    body = {"integration_id": one["integration_id"], "credentials": {"external-trigger-token": token}}
    linked = await customer.post("/accounts", body)
    assert linked == {"id": customer.session["account_id"], "provider": "greenhouse"}
    assert await customer.post("/accounts", body) == linked

    assert (await customer.get("/settings"))["existing_account_id"] == linked["id"]
    (received,) = await proctor.house.vendor.receive(1)
    assert received.json["event"] == "account.created"
    assert len((await proctor.api("GET", "/v1/deliveries")).json()["data"]) == 1
    assert (await customer.get("/session"))["linked_at"] is not None


async def test_a_preflight_needs_no_token(customer: Customer) -> None:
    """It is answered for any origin, without credentials."""
    customer.token = None
    answer = await customer.call(
        "OPTIONS", "/accounts", **{"access-control-request-method": "POST", "access-control-request-headers": "x"}
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "x-hub-session-token" in answer.headers["access-control-allow-headers"]
    assert "x-hub-version" in answer.headers["access-control-allow-headers"]
    assert set(answer.headers["access-control-allow-methods"].split(", ")) >= {"GET", "POST", "PATCH", "DELETE"}
    assert "access-control-allow-credentials" not in answer.headers
    assert "origin" in answer.headers["vary"]


ASHBY = {"tenant_id": "proctor", "package_id": "pkg_core_sql"}


async def test_the_form_is_made_of_the_declared_fields(proctor: Linked, customer: Customer) -> None:
    """A missing field is named and nothing is stored; a stored secret is never shown, and kept when left out."""
    assert (await proctor.api("PUT", "/v1/integrations/ashby", json=ASHBY)).status_code == 200
    customer = await Customer.open(proctor, provider="ashby")
    (one,) = (await customer.get("/connectors"))["integrations"]
    fields = (await customer.get(f"/connectors/{one['integration_id']}"))["config"]["configFields"]
    assert [(field["key"], field["type"], field["required"], field["secret"]) for field in fields] == [
        ("external-trigger-token", "text", False, False),
        ("api_key", "password", True, True),
    ]

    body = {"integration_id": one["integration_id"], "credentials": {"api_key": "  "}}
    for given, named in (
        ({}, "api_key"),
        ({"api_key": ""}, "api_key"),
        ({"api_key": "two\nlines"}, "api_key"),
        ({"api_key": "x" * 2001}, "api_key"),
        ({"api_key": 7}, "api_key"),
        ({"api_key": "k", "nonsense": "x"}, "nonsense"),
        ({"api_key": "k", "external-trigger-token": "another"}, "external-trigger-token"),
    ):
        refused = await customer.call("POST", "/accounts", {**body, "credentials": given})
        assert (refused.status_code, refused.json()["statusCode"]) == (422, 422), given
        assert [line.partition(":")[0] for line in refused.json()["errors"]] == [f"credentials.{named}"]
        assert "another" not in refused.text
    account_id = customer.session["account_id"]
    assert (await proctor.api("GET", f"/v1/accounts/{account_id}")).json()["status"] == "inactive"

    secret = "ashby-secret-key-0123456789"
    await customer.post("/accounts", {**body, "credentials": {"api_key": secret}})
    shown = await customer.get(f"/accounts/{account_id}")
    assert (shown["secureId"], shown["provider"], shown["integrationId"]) == (
        account_id,
        "ashby",
        one["integration_id"],
    )
    assert shown["secrets"] == {"api_key": "__secretvalue:**redacted**6789"}
    for kept in ({}, {"credentials": shown["secrets"]}):
        answer = await customer.call("PATCH", f"/accounts/{account_id}", kept)
        assert (answer.status_code, answer.json()) == (200, {"id": account_id, "provider": "ashby"})
        assert await customer.get(f"/accounts/{account_id}") == shown
    await customer.call("PATCH", f"/accounts/{account_id}", {"credentials": {"api_key": "another-secret-key-abcdef"}})
    assert (await customer.get(f"/accounts/{account_id}"))["secrets"]["api_key"].endswith("**cdef")
    for path in (f"/accounts/{account_id}", "/session", "/connectors", f"/connectors/{one['integration_id']}"):
        assert secret not in (await customer.call("GET", path)).text


async def test_the_picker_mints_a_token_for_the_chosen_provider_alone(vendor: Linked) -> None:
    """Looking makes no account; going back and forth makes one of each, and the list stays complete."""
    assert (await vendor.api("PUT", "/v1/integrations/ashby", json=ASHBY)).status_code == 200
    customer = await Customer.open(vendor, multiple=True)
    before = len((await vendor.api("GET", "/accounts")).json())
    listed = await customer.get("/connectors")
    ids = {one["provider"]: one["integration_id"] for one in listed["integrations"]}
    assert sorted(ids) == ["ashby", "greenhouse"]
    assert "external_trigger_token" not in listed
    form = (await customer.get(f"/connectors/{ids['greenhouse']}"))["config"]
    assert "external-trigger-token" not in [field["key"] for field in form["configFields"]]
    assert (await customer.get("/session"))["external_trigger_token"] is None
    assert len((await vendor.api("GET", "/accounts")).json()) == before

    tokens = set()
    for provider in ("greenhouse", "ashby", "greenhouse", "ashby"):
        answer = await customer.call("POST", "/session/choose", {"integration_id": ids[provider]})
        assert answer.status_code == 200, answer.text
        assert (answer.json()["provider"], answer.json()["mode"]) == (provider, "new")
        tokens.add(answer.json()["external_trigger_token"])
        config = (await customer.get(f"/connectors/{ids[provider]}"))["config"]
        assert config["configFields"][0]["value"] == answer.json()["external_trigger_token"]
    assert len(tokens) == 2
    assert len((await vendor.api("GET", "/accounts")).json()) == before + 2
    assert len((await customer.get("/connectors"))["integrations"]) == 2
    linked = await customer.post("/accounts", {"integration_id": ids["greenhouse"]})
    assert linked["provider"] == "greenhouse"
    assert len((await vendor.api("GET", "/accounts")).json()) == before + 2


async def test_an_integration_that_is_not_enabled_is_not_offered(proctor: Linked, customer: Customer) -> None:
    """The list is empty; the form and linking say so."""
    (one,) = (await customer.get("/connectors"))["integrations"]
    off = {"enabled": False, "tenant_id": "proctor"}
    assert (await proctor.api("PUT", "/v1/integrations/greenhouse", json=off)).status_code == 200
    assert (await customer.get("/connectors"))["integrations"] == []
    answer = await customer.call("POST", "/accounts", {"integration_id": one["integration_id"]})
    assert (answer.status_code, "not available" in answer.json()["message"]) == (404, True)
    assert (await customer.call("GET", f"/connectors/{one['integration_id']}")).status_code == 404


async def test_a_disconnected_account_ends_its_session(proctor: Linked, customer: Customer) -> None:
    """A page that is still open gets 410."""
    await proctor.api("DELETE", f"/accounts/{customer.session['account_id']}")
    answer = await customer.call("GET", "/session")
    assert (answer.status_code, answer.json()["errorCode"]) == (410, "AccountDisconnected")


async def test_bad_bodies_are_refused(customer: Customer) -> None:
    """Too large, not JSON, no object, nested too deep, wrong types; always with a statusCode."""
    sent = {"x-hub-session-token": customer.token or "", "origin": ORIGIN}
    for content, status in (
        (b"x" * 70_000, 413),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[]", 400),
        (b"[" * 5000 + b"]" * 5000, 400),
        (b"{}", 400),
        (b'{"integration_id": 7}', 400),
        (b'{"integration_id": "\\u0000"}', 400),
        (b'{"integration_id": "nope"}', 404),
    ):
        answer = await customer.house.client.post("/hub/accounts", content=content, headers=sent)
        assert (answer.status_code, answer.json()["statusCode"]) == (status, status), content[:40]
        assert answer.headers["access-control-allow-origin"] == ORIGIN
    for seconds in (-1, 366 * 86400, "7", True, 1.5):
        path = f"/accounts/{customer.session['account_id']}/rotate-token"
        assert (await customer.call("POST", path, {"overlap_seconds": seconds})).status_code == 400


async def test_our_page_gets_the_look_and_the_next_steps(proctor: Linked) -> None:
    """The names and colours are the project's; the steps are the connector's."""
    await allow(proctor, accent="#0B5FFF", product_name="Proctor Tests", logo_url="https://cdn.vendor.example/a.svg")
    customer = await Customer.open(proctor, type="test")
    answer = await customer.call("GET", "/session", **{"accept-language": "de-CH,de;q=0.9"})
    shown = answer.json()
    assert shown["branding"] == {
        "accent": "#0b5fff",
        "on_accent": "#ffffff",
        "logo_url": "https://cdn.vendor.example/a.svg",
        "product_name": "Proctor Tests",
    }
    assert (shown["vendor"], shown["type"], shown["language"]) == ("Proctor Tests", "test", "de")
    assert (shown["provider"], shown["origin_owner_name"], shown["mode"]) == ("greenhouse", "Hemlock & Rye", "new")
    assert shown["account"]["linked"] is False
    assert any("ticket" in step for step in shown["next_steps"])
    logo = await proctor.house.client.get(
        (await customer.get("/connectors"))["integrations"][0]["logo_url"].replace(
            proctor.house.settings.public_url, ""
        )
    )
    assert (logo.status_code, logo.headers["content-type"]) == (200, "image/svg+xml")
    assert (await proctor.house.client.get("/hub/logos/nope.svg")).status_code == 404
