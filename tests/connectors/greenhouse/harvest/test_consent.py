"""Consent at the simulated Greenhouse, from the dashboard and from the hub, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from greenroom.services import projects
from greenroom_sandbox.testing.client import Greenhouse
from tests.connectors.greenhouse.harvest.conftest import ADMIN, CALLBACK, agree
from tests.house import Linked, open_house, webhook
from tests.hub.customers import Customer, allow
from tests.web.visitors import Visitor


@dataclass
class Consent:
    """A gateway whose Greenhouse is the simulator, and a vendor with a partner client."""

    proctor: Linked
    greenhouse: Greenhouse
    partner: dict[str, Any]

    @property
    def client(self) -> httpx2.AsyncClient:
        return self.proctor.house.client

    async def back(self, location: str, **changes: str) -> httpx2.Response:
        """Consents on the page at `location`, and follows the way back to the gateway."""
        form = {**dict(parse_qsl(urlsplit(location).query)), "user_id": str(ADMIN), **changes}
        address = location.partition("?")[0]
        assert address == f"{self.greenhouse.address}/authorize"
        return await self.arrive(agree(address, form))

    async def arrive(self, url: str) -> httpx2.Response:
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == CALLBACK
        return await self.client.get(f"{parts.path}?{parts.query}", headers={"accept": "text/html"})

    async def account(self) -> dict[str, Any]:
        return dict((await self.proctor.api("GET", f"/v1/accounts/{self.proctor.account_id}")).json())


def _directory(tmp_path: Path) -> Path:
    (tmp_path / "house").mkdir(mode=0o700)
    return tmp_path / "house"


@asynccontextmanager
async def opened(data: Path, greenhouse: Greenhouse, database_url: str | None = None) -> AsyncIterator[Consent]:
    """Runs a gateway whose vendor has a partner client at Greenhouse."""
    partner = greenhouse.call(
        "POST", "/harvest/clients", {"name": "Proctor", "kind": "partner", "redirect_uri": CALLBACK}
    )
    address = greenhouse.address
    settings = {
        "ats_urls": f"greenhouse.harvest={address} greenhouse.auth={address}",
        "public_url": "http://127.0.0.1:8000",
    }
    async with open_house(data, database_url, **settings) as house:
        proctor = await house.link(
            "proctor",
            package_id="pkg_core_sql",
            authentication_type="public_partner",
            harvest_client_id=partner["client_id"],
            harvest_client_secret=partner["client_secret"],
        )
        await allow(proctor)
        yield Consent(proctor, greenhouse, partner)


@pytest.fixture
async def consent(tmp_path: Path, greenhouse: Greenhouse) -> AsyncIterator[Consent]:
    async with opened(_directory(tmp_path), greenhouse) as one:
        yield one


@pytest.fixture
async def consent_anywhere(tmp_path: Path, greenhouse: Greenhouse, database_url: str) -> AsyncIterator[Consent]:
    """The same on each database."""
    url = database_url if database_url.startswith("postgresql") else None
    async with opened(_directory(tmp_path), greenhouse, url) as one:
        yield one


async def press(consent: Consent) -> str:
    """Presses the button of the account's page; returns where it leads."""
    visitor = await Visitor.sign_in(consent.proctor.house)
    (project,) = await projects.list_projects(consent.proctor.house.app.state.ctx)
    page = f"/projects/{project.id}/accounts/{consent.proctor.account_id}"
    before = await visitor.get(page)
    assert "Authorise with Greenhouse" in before.text
    assert f"form-action 'self' {consent.greenhouse.address}" in before.headers["content-security-policy"]
    answer = await visitor.submit(f"{page}/authorise", on=page)
    assert answer.status_code == 303
    return str(answer.headers["location"])


async def test_the_button_of_the_account_connects_harvest(consent_anywhere: Consent) -> None:
    """The state is used once: the same answer again changes nothing."""
    consent = consent_anywhere
    location = await press(consent)
    asked = dict(parse_qsl(urlsplit(location).query))
    assert asked["redirect_uri"] == CALLBACK
    url = agree(location.partition("?")[0], {**asked, "user_id": str(ADMIN)})
    done = await consent.arrive(url)
    assert (done.status_code, "Harvest is connected" in done.text) == (200, True)
    again = await consent.arrive(url)
    assert again.status_code == 409
    assert "used before" in again.text
    page = done.text.partition('href="/projects/')[2].partition('"')[0]
    shown = (await consent.client.get(f"/projects/{page}", headers={"accept": "text/html"})).text
    assert "harvest:users:list" in shown
    assert "Authorise with Greenhouse again" in shown
    assert consent.partner["client_secret"] not in shown


async def test_another_browser_cannot_finish(consent: Consent) -> None:
    location = await press(consent)
    cookie = consent.client.cookies.get("greenroom_consent")
    consent.client.cookies.delete("greenroom_consent")
    refused = await consent.back(location)
    assert refused.status_code == 403
    assert "another browser" in refused.text
    consent.client.cookies.set("greenroom_consent", cookie, domain="127.0.0.1", path="/connect/oauth2")
    assert (await consent.back(location)).status_code == 200


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("code=x&state=nobody", 404, "Start again"),
        ("code=x", 404, "Start again"),
        ("error=access_denied&state=STATE", 200, "cancelled"),
        ("error=invalid_scope&state=STATE", 400, "invalid_scope"),
        ("error=%3Cscript%3E&state=STATE", 400, "unknown error"),
        ("state=STATE", 409, "no code"),
        ("code=made-up&state=STATE", 409, "older than a minute"),
    ],
)
async def test_every_other_answer_says_what_happened(consent: Consent, query: str, status: int, said: str) -> None:
    """A page, never a traceback; and a new start works."""
    state = dict(parse_qsl(urlsplit(await press(consent)).query))["state"]
    answer = await consent.arrive(f"{CALLBACK}?{query.replace('STATE', state)}")
    assert answer.status_code == status
    assert said in answer.text
    assert "<script>" not in answer.text
    assert (await consent.back(await press(consent))).status_code == 200


async def test_a_code_older_than_a_minute_is_named(consent: Consent) -> None:
    location = await press(consent)
    form = {**dict(parse_qsl(urlsplit(location).query)), "user_id": str(ADMIN)}
    url = agree(location.partition("?")[0], form)
    consent.greenhouse.advance(minutes=2)
    answer = await consent.arrive(url)
    assert answer.status_code == 409
    assert "older than a minute" in answer.text


async def test_an_expired_authorization_says_so(consent: Consent) -> None:
    location = await press(consent)
    ctx = consent.proctor.house.app.state.ctx
    await ctx.store.write(lambda tx: tx.run("UPDATE oauth_states SET expires_at = now_ms()"))
    answer = await consent.back(location)
    assert answer.status_code == 410
    assert "expired" in answer.text


async def test_a_consent_with_fewer_scopes_is_named_at_once(consent: Consent) -> None:
    """The vendor hears `account.updated`, and a full consent ends it."""
    await webhook(consent.proctor, ["account.updated"])
    location = await press(consent)
    answer = await consent.back(location, scope="harvest:jobs:list harvest:users:list")
    account = await consent.account()
    if "in part" in answer.text:  # the simulator's answer names the scopes
        assert account["status"] == "error"
        assert account["status_reasons"][0]["code"] == "hiring_team.scope_missing"
        assert "harvest:applications:list" in account["status_reasons"][0]["description"]
        await consent.proctor.house.vendor.receive(1)
    await consent.back(await press(consent))
    assert (await consent.account())["status"] == "active"


async def test_the_hub_learns_that_the_customer_consented(consent_anywhere: Consent) -> None:
    """The popup ends the attempt and links the account."""
    consent = consent_anywhere
    customer = await Customer.open(consent.proctor)
    (integration,) = (await customer.get("/connectors"))["integrations"]
    config = (await customer.get(f"/connectors/{integration['integration_id']}"))["config"]
    assert config["type"] == "oauth2"
    assert [one["key"] for one in config["configFields"]] == ["external-trigger-token"]
    attempt = await customer.post("/connection_attempts", {"token": customer.token})
    query = {
        "token": customer.token,
        "connection_attempt_id": attempt["id"],
        "redirect_uri": "https://elsewhere.example/embedded/accounts/callback",
        "external-trigger-token": "gr_x",
    }
    path = f"/connect/oauth2/{integration['integration_id']}"
    away = await consent.client.get(path, params=query)
    assert away.status_code == 303
    assert away.headers["cross-origin-opener-policy"] == "unsafe-none"
    assert (await customer.get(f"/connection_attempts/{attempt['id']}"))["status"] == "pending"
    done = await consent.back(away.headers["location"])
    assert "You can close this window" in done.text
    ended = await customer.get(f"/connection_attempts/{attempt['id']}")
    assert ended["status"] == "authenticated"
    linked = (await consent.proctor.api("GET", f"/v1/accounts/{ended['account']['id']}")).json()
    assert linked["status"] == "active"


async def test_the_hub_learns_that_the_customer_refused(consent: Consent) -> None:
    customer = await Customer.open(consent.proctor)
    (integration,) = (await customer.get("/connectors"))["integrations"]
    attempt = await customer.post("/connection_attempts", {"token": customer.token})
    query = {"connection_attempt_id": attempt["id"]}
    path = f"/connect/oauth2/{integration['integration_id']}"
    away = await consent.client.get(path, params=query)
    await consent.back(away.headers["location"], decision="deny")
    ended = await customer.get(f"/connection_attempts/{attempt['id']}")
    assert (ended["status"], ended["error"]["code"]) == ("cancelled", "access_denied")
    again = await consent.client.get(path, params=query)
    assert again.status_code == 410
    unknown = await consent.client.get(path, params={"token": "pk_x.nobody"})
    assert unknown.status_code == 401


async def test_without_a_client_there_is_nothing_to_consent_to(consent: Consent) -> None:
    body = {"tenant_id": "proctor", "package_id": "p", "authentication_type": "public_partner"}
    body["harvest_client_secret"] = None  # type: ignore[assignment]
    assert (await consent.proctor.api("PUT", "/v1/integrations/greenhouse", json=body)).status_code == 200
    customer = await Customer.open(consent.proctor)
    (integration,) = (await customer.get("/connectors"))["integrations"]
    answer = await consent.client.get(
        f"/connect/oauth2/{integration['integration_id']}", params={"token": customer.token}
    )
    assert answer.status_code == 409
    assert "harvest_client_id" in answer.text
