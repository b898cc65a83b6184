"""Accounts whose Harvest v3 is the simulator, in its own process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import pytest

from greenroom.connectors import get_addresses
from greenroom.connectors.greenhouse.harvest import ACCESS, Harvest
from greenroom.connectors.oauth import TokenSource
from greenroom.context import Context
from greenroom.model.access import Access
from greenroom.model.accounts import Account
from greenroom.outbound import Outbound
from greenroom.services import access, accounts, integrations, projects
from greenroom.services.accounts import NewAccount
from greenroom.settings import Settings
from greenroom_sandbox.testing.client import Greenhouse

CALLBACK = "http://127.0.0.1:8000/connect/oauth2/callback"
#: Site Admins of the simulator's organization 101
ADMIN, RECRUITER = 901, 902


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Leaves the redirect to the caller."""


@dataclass
class Northwind:
    """A project of Proctor, whose customer Northwind uses the simulated Greenhouse."""

    ctx: Context
    out: Outbound
    greenhouse: Greenhouse
    project_id: str
    account_id: str = ""
    client: dict[str, Any] | None = None

    @property
    def urls(self) -> dict[str, str]:
        return get_addresses(self.ctx.settings)

    @property
    def harvest(self) -> Harvest:
        return Harvest(self.ctx, self.out, self.urls, self.project_id, self.account_id)

    @property
    def tokens(self) -> TokenSource:
        return TokenSource(self.ctx, self.out, ACCESS, self.urls)

    async def link(self, **credentials: str) -> None:
        new = NewAccount("greenhouse", "northwind", "Northwind", credentials=credentials or None)
        account, _ = await accounts.link(self.ctx, self.project_id, new)
        self.account_id = account.id

    async def configure(self, **settings: Any) -> None:
        usual = {"authentication_type": "public_partner", "callback_auth": "partner", "callback_hosts": ()}
        values = {"package_id": "p", "settings": {**usual, **settings}}
        await integrations.put(self.ctx, self.project_id, "greenhouse", values)

    async def use_customers_client(self, **changes: Any) -> None:
        """Links with a client that the customer made."""
        made = {"name": "own", "kind": "custom", "organization_id": 101, **changes}
        self.client = self.greenhouse.call("POST", "/harvest/clients", made)
        await self.configure()
        await self.link(
            harvest_client_id=self.client["client_id"],
            harvest_client_secret=self.client["client_secret"],
        )

    async def use_partner_client(self, *, consent: bool = True, **changes: Any) -> None:
        """Links with the vendor's client, to which the Site Admin consents."""
        made = {"name": "Proctor", "kind": "partner", "redirect_uri": CALLBACK, **changes}
        self.client = self.greenhouse.call("POST", "/harvest/clients", made)
        await self.configure(
            harvest_client_id=self.client["client_id"], harvest_client_secret=self.client["client_secret"]
        )
        await self.link()
        if consent:
            await self.consent()

    async def consent(self, user_id: int = ADMIN, scope: str | None = None) -> None:
        code = self.code(user_id, scope)
        await self.tokens.exchange(
            self.project_id, self.account_id, code=code, redirect_uri=CALLBACK, connected_by="Rina"
        )

    def code(self, user_id: int = ADMIN, scope: str | None = None) -> str:
        """Agrees on Greenhouse's page, and returns the code."""
        assert self.client is not None
        form = {
            "response_type": "code",
            "client_id": self.client["client_id"],
            "redirect_uri": CALLBACK,
            "scope": scope or " ".join(ACCESS.scopes),
            "state": "s",
            "user_id": str(user_id),
        }
        return parse_qs(urlsplit(agree(f"{self.greenhouse.address}/authorize", form)).query)["code"][0]

    async def access(self) -> Access:
        return (await access.load(self.ctx, self.project_id, self.account_id)).access

    async def account(self) -> Account:
        return await accounts.get(self.ctx, self.project_id, self.account_id)

    def calls(self, call: str) -> int:
        """Counts the simulator's answers to a call."""
        return len(self.greenhouse.traffic(call=call))


def agree(address: str, form: dict[str, str]) -> str:
    """Posts Greenhouse's consent page; returns the address that it leads to."""
    request = Request(address, urlencode(form).encode(), {"content-type": "application/x-www-form-urlencoded"})
    with pytest.raises(HTTPError) as answered:
        build_opener(_Stay, ProxyHandler({})).open(request, timeout=20)
    with answered.value as answer:
        assert answer.code == 303, answer.read()
        return str(answer.headers["location"])


@pytest.fixture
async def northwind(ctx: Context, greenhouse: Greenhouse) -> AsyncIterator[Northwind]:
    """A project without an account yet, on each database."""
    address = greenhouse.address
    settings = Settings.model_validate(
        {
            "allow_http": True,
            "allow_private_networks": "127.0.0.0/8",
            "ats_urls": f"greenhouse.harvest={address} greenhouse.auth={address}",
            "public_url": "http://127.0.0.1:8000",
        }
    )
    ctx = replace(ctx, settings=settings)
    out = Outbound(allowed_networks=settings.allow_private_networks, allow_http=True)
    await projects.create_key(ctx, name="tests", project="proctor")
    yield Northwind(ctx, out, greenhouse, (await projects.list_projects(ctx))[0].id)
    await out.aclose()
