"""Greenhouse's partnership desk and support desk."""

from __future__ import annotations

from typing import Any

from greenroom_sandbox.errors import NotFound, Refused
from greenroom_sandbox.greenhouse import texts
from greenroom_sandbox.greenhouse.model.partner import Connection, Partner
from greenroom_sandbox.greenhouse.services import results
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.wire.address import check_partner_url

URLS = ("list_tests_url", "send_test_url", "test_status_url", "response_error_url")
#: longest key in characters: Greenhouse accepts fewer than 171
LONGEST_KEY = 170


def apply_for_partnership(world: World, values: dict[str, Any]) -> Partner:
    """Approves a partner application and issues the partner's credentials."""
    for name in URLS:
        check_partner_url(name, values[name], world.settings.http)
    values = {
        **values,
        "username": values.get("username") or f"partner_{world.generate_secret(12).lower()}",
        "password": values.get("password") or world.generate_secret(),
    }
    return world.partners.save(Partner(id=world.partners.next_id(), **values))


def change_partner(world: World, partner_id: int, changes: dict[str, Any]) -> Partner:
    """Changes a partner's application."""
    partner = world.partners.get(partner_id)
    for name in URLS:
        if name in changes:
            check_partner_url(name, changes[name], world.settings.http)
    if changes.get("polling") and not partner.polling:
        results.skip_missed_polls(world, partner_id)
    return world.partners.save(partner.model_copy(update=changes))


def issue_credentials(world: World, partner_id: int, username: str | None, password: str | None) -> Partner:
    """Replaces a partner's credentials for the completion call-back."""
    new = {
        "username": username or f"partner_{world.generate_secret(12).lower()}",
        "password": password or world.generate_secret(),
    }
    return world.partners.save(world.partners.get(partner_id).model_copy(update=new))


def store_key(world: World, organization_id: int, partner_id: int, key: str | None, enabled: bool) -> Connection:
    """Stores a customer's key and enables or disables the integration.

    Source: Greenhouse Assessment API, API key.
    """
    world.organizations.get(organization_id)
    world.partners.get(partner_id)
    if key is not None:
        check_key(key)
    connection = world.find_connection(organization_id, partner_id) or Connection(
        id=world.connections.next_id(), organization_id=organization_id, partner_id=partner_id
    )
    if key is None and connection.key is None and enabled:
        raise Refused("is needed before the integration can be enabled", "key")
    changes = {"key": key or connection.key, "enabled": enabled}
    return world.connections.save(connection.model_copy(update=changes))


def check_key(key: str) -> None:
    """Checks that Greenhouse could send a key. Raises: `Refused`."""
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Refused(f"must have 1 to {LONGEST_KEY} characters (fewer than 171)", "key")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise Refused("must be visible ASCII characters", "key")
    if ":" in key:
        raise Refused("must not have a colon: it is the user name of Basic authentication", "key")


def get_connection(world: World, organization_id: int, partner_id: int) -> Connection:
    """Returns a customer's connection with a partner; an empty one when there is none."""
    world.organizations.get(organization_id)
    world.partners.get(partner_id)
    found = world.find_connection(organization_id, partner_id)
    return found or Connection(id=0, organization_id=organization_id, partner_id=partner_id)


def switch(world: World, organization_id: int, partner_id: int, enabled: bool) -> Connection:
    """Enables or disables the integration for a customer."""
    return store_key(world, organization_id, partner_id, None, enabled)


def remove_key(world: World, organization_id: int, partner_id: int) -> None:
    """Removes a customer's key and disables the integration."""
    found = world.find_connection(organization_id, partner_id)
    if found is None:
        raise NotFound("there is no such connection")
    world.connections.remove(found.id)


def directory(world: World, search: str, category: str | None, organization_id: int | None) -> list[dict[str, Any]]:
    """Returns the published listings.

    With an organization each also says whether it is connected.
    """
    return [
        _listing(world, partner, organization_id)
        for partner in world.partners.all()
        if partner.published
        and category in (None, partner.category)
        and search.casefold() in f"{partner.name} {partner.tagline or ''}".casefold()
    ]


def listing(world: World, partner_id: int, organization_id: int | None) -> dict[str, Any]:
    """Returns a published listing in full.

    Raises: `NotFound` when it is not published.
    """
    partner = world.partners.find(partner_id)
    if partner is None or not partner.published:
        raise NotFound("there is no such integration in the directory")
    more = {"overview": partner.overview, "support_contact": partner.support_contact}
    return {**_listing(world, partner, organization_id), **more}


def _listing(world: World, partner: Partner, organization_id: int | None) -> dict[str, Any]:
    status = None
    if organization_id is not None:
        found = world.find_connection(organization_id, partner.id)
        status = texts.CONNECTED if found and found.usable else texts.NOT_CONNECTED
    shown = {"partner_id": partner.id, "name": partner.name, "category": partner.category}
    return {**shown, "tagline": partner.tagline, "status": status}
