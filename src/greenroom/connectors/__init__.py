"""
Connectors: the code for one ATS each, in a folder of its own.

A folder `connectors/<provider>/` is discovered by being there. It has a module-level `connector` that keeps the
`Connector` contract (`connectors.contract`), and a `manifest.toml` with the facts. No code outside the folder names it.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from greenroom.connectors.contract import Connector, Push, Update
from greenroom.connectors.oauth import TokenSource
from greenroom.context import Context
from greenroom.outbound import Outbound
from greenroom.services import access, updates
from greenroom.settings import Settings, SettingsError

#: accounts whose tokens are refreshed in one batch
REFRESHES = 20


@cache
def discover() -> dict[str, Connector]:
    """Returns every connector by provider; each folder here is one."""
    found: dict[str, Connector] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg:
            found[module.name] = importlib.import_module(f"{__name__}.{module.name}").connector
    return found


def get_addresses(settings: Settings) -> dict[str, str]:
    """
    Returns the URL of every ATS address that a connector declares, by name.

    Raises:
        SettingsError: GREENROOM_ATS_URLS has a name that no connector declares, or an http URL outside development.
    """
    known = {name: url for one in discover().values() for name, url in one.manifest.addresses.items()}
    for name, url in settings.ats_urls.items():
        if name not in known:
            raise SettingsError(
                f"GREENROOM_ATS_URLS: {name[:60]} is not an address of an ATS. Known: {', '.join(sorted(known))}."
            )
        if url.startswith("http:") and not settings.allow_http:
            raise SettingsError(
                f"GREENROOM_ATS_URLS: {name} has an http URL. Give an https URL; in development, "
                "GREENROOM_ALLOW_HTTP=true permits http."
            )
    return {**known, **settings.ats_urls}


def open_token_source(ctx: Context, out: Outbound, provider: str) -> TokenSource | None:
    """Returns the access tokens of a provider's accounts; None when its connector has no need of any."""
    connector = discover().get(provider)
    if connector is None or connector.access is None:
        return None
    return TokenSource(ctx, out, connector.access, get_addresses(ctx.settings))


async def refresh_tokens(ctx: Context, out: Outbound) -> int:
    """Refreshes the tokens of accounts that are due, some at a time; returns the number of those that it tried."""
    due = await access.list_due(ctx, limit=REFRESHES)
    for provider, project_id, account_id in due:
        source = open_token_source(ctx, out, provider)
        if source is not None:
            await source.refresh_scheduled(project_id, account_id)
    return len(due)


async def find_push(ctx: Context, project_id: str, order_id: str, update: Update) -> tuple[Connector, Push]:
    """
    Returns an order's connector and what it needs to push an update.

    Raises:
        NotFound: the order or its integration no longer exists.
        VaultError: a secret cannot be decrypted.
    """
    found = await updates.for_push(ctx, project_id, order_id)
    push = Push(
        found.order,
        found.integration,
        found.account_token,
        update,
        found.credentials,
        get_addresses(ctx.settings),
        ctx.settings.allow_http,
    )
    return discover()[found.order.provider], push
