"""The card of an account's page that says whether the API of its ATS can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from greenroom.connectors import discover, get_addresses
from greenroom.connectors.contract import OAuth
from greenroom.connectors.oauth import find_client
from greenroom.errors import AccessError
from greenroom.model.access import Problem
from greenroom.model.accounts import Account
from greenroom.security.headers import PAGE_POLICY
from greenroom.services import access
from greenroom.services.access import Loaded
from greenroom.web import kit
from greenroom.web.access import Visit


@dataclass(frozen=True)
class AccessCard:
    """
    The content of the card.

    `lacks` says why the API is not read at all; `problem` is the last refusal. `can_authorise` is of an account
    whose customer consents to the vendor's client.
    """

    api: str
    ats: str
    lacks: str | None = None
    problem: Problem | None = None
    connected_by: str | None = None
    connected_at: datetime | None = None
    refreshed_at: datetime | None = None
    scopes: Sequence[str] = ()
    is_customers_client: bool = False
    can_authorise: bool = False
    headers: dict[str, str] = field(default_factory=dict)


async def build(visit: Visit, account: Account, credential_names: Sequence[str]) -> AccessCard | None:
    """Returns the card of an account; None when the ATS has no API to be read, or the integration is not configured."""
    connector = discover().get(account.provider)
    if connector is None or connector.access is None:
        return None
    oauth, ats = connector.access, connector.manifest.name
    found = await access.find_for_page(visit.ctx, account)
    if found is None:
        return None
    integration, stored = found
    try:
        # the values of the credentials are of no matter here, only which of them there are
        client = find_client(oauth, Loaded(account, integration, stored, {name: name for name in credential_names}))
    except AccessError as error:
        return AccessCard(oauth.api, ats, lacks=error.reason)
    has_tokens = stored.connected_at is not None
    lacks = None
    if not has_tokens:
        lacks = (
            f"The customer's own client is used. {oauth.api} has not been read with it yet."
            if client.is_customers
            else f"The customer has not authorised {oauth.api}. A Site Admin of theirs does, here or in the hub."
        )
    can_authorise = not client.is_customers and visit.person.may("developer")
    return AccessCard(
        oauth.api,
        ats,
        lacks=lacks,
        problem=stored.problem,
        connected_by=stored.connected_by if has_tokens else None,
        connected_at=stored.connected_at if has_tokens else None,
        refreshed_at=stored.refreshed_at if has_tokens else None,
        scopes=stored.scopes or oauth.scopes,
        is_customers_client=client.is_customers,
        can_authorise=can_authorise,
        headers=_headers(visit, oauth) if can_authorise else {},
    )


def _headers(visit: Visit, oauth: OAuth) -> dict[str, str]:
    """Returns the headers of a page whose button leads to the ATS: browsers check where a form is redirected to."""
    url = urlsplit(get_addresses(visit.ctx.settings)[oauth.address])
    policy = PAGE_POLICY.replace("form-action 'self'", f"form-action 'self' {url.scheme}://{url.netloc}")
    return {**kit.HEADERS, "content-security-policy": policy}
