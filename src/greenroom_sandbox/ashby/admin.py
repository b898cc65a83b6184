"""The admin's integrations page and Ashby's onboarding of partners."""

from __future__ import annotations

import re
from typing import Any

from greenroom_sandbox.ashby import partner_calls
from greenroom_sandbox.ashby.model import ApiKey, Connection, Partner, make_uuid
from greenroom_sandbox.ashby.state import Ashby
from greenroom_sandbox.errors import Conflict, NotFound, Refused
from greenroom_sandbox.wire import basic
from greenroom_sandbox.wire.address import check_base_url, check_partner_url

#: the permission that updates need; Source: Ashby, assessment.update
WRITE = "candidatesWrite"
PERMISSIONS = (WRITE, "candidatesRead")
MOST_KEYS = 100
_KEY = re.compile(r"[!-9;-~]{1,500}")


def add_partner(ashby: Ashby, values: dict[str, Any]) -> Partner:
    """Enters a partner. Raises: `Refused` for a base URL that Ashby would not call."""
    number = ashby.partners.next_id()
    values = {**values, "base_url": _base_url(ashby, values["base_url"])}
    values["partner_id"] = values.get("partner_id") or make_uuid("partner", number)
    return ashby.partners.save(Partner(id=number, **values))


def change_partner(ashby: Ashby, partner_id: int, changes: dict[str, Any]) -> Partner:
    """Changes a partner."""
    if "base_url" in changes:
        changes = {**changes, "base_url": _base_url(ashby, changes["base_url"])}
    return ashby.partners.save(ashby.partners.get(partner_id).model_copy(update=changes))


def _base_url(ashby: Ashby, url: str) -> str:
    return check_base_url("base_url", check_partner_url("base_url", url, ashby.kernel.settings.http))


def get_connection(ashby: Ashby, organization_id: int, partner_id: int) -> Connection:
    """Returns a customer's integration, an empty one before the customer has one."""
    ashby.organizations.get(organization_id)
    ashby.partners.get(partner_id)
    empty = Connection(id=0, organization_id=organization_id, partner_id=partner_id)
    return ashby.find_connection(organization_id, partner_id) or empty


def store_key(ashby: Ashby, organization_id: int, partner_id: int, key: str | None, enabled: bool) -> Connection:
    """Stores the partner API key that the admin pasted; without ``key`` the stored one stays."""
    if key is not None and not _KEY.fullmatch(key):
        raise Refused("must be 1 to 500 visible ASCII characters without a colon", "key")
    connection = _stored(ashby, get_connection(ashby, organization_id, partner_id))
    changes = {"key": key or connection.key, "enabled": enabled}
    return ashby.connections.save(connection.model_copy(update=changes))


def _stored(ashby: Ashby, connection: Connection) -> Connection:
    return connection if connection.id else connection.model_copy(update={"id": ashby.connections.next_id()})


def remove_key(ashby: Ashby, organization_id: int, partner_id: int) -> Connection:
    """Removes the partner API key and disables the integration."""
    connection = _stored(ashby, get_connection(ashby, organization_id, partner_id))
    return ashby.connections.save(connection.model_copy(update={"key": None, "enabled": False}))


async def refresh(ashby: Ashby, organization_id: int, partner_id: int) -> partner_calls.CallResult[Any]:
    """The button *Refresh*, which tests the partner API key with ``assessment.list``."""
    return await partner_calls.list_types(ashby, _with_key(ashby, organization_id, partner_id))


async def sync_fields(ashby: Ashby, organization_id: int, partner_id: int) -> partner_calls.CallResult[Any]:
    """The button *Sync Custom Fields*."""
    connection, call = _with_key(ashby, organization_id, partner_id), ashby.partners.get(partner_id).custom_fields
    if call is None:
        raise Conflict("Ashby has not enabled custom fields for this partner")
    return await partner_calls.fetch_fields(ashby, connection, call)


def _with_key(ashby: Ashby, organization_id: int, partner_id: int) -> Connection:
    connection = get_connection(ashby, organization_id, partner_id)
    if connection.key is None:
        raise Conflict("the integration has no partner API key: store it first", "key")
    return connection


def add_api_key(
    ashby: Ashby, organization_id: int, partner_id: int, name: str, permissions: list[str], key: str | None
) -> ApiKey:
    """Makes an API key with which the partner calls Ashby; it is shown once."""
    connection = get_connection(ashby, organization_id, partner_id)
    if key is not None and (not _KEY.fullmatch(key) or find_api_key(ashby, key) is not None):
        raise Refused("must be a new key of 1 to 500 visible ASCII characters without a colon", "key")
    if len(list_api_keys(ashby, connection)) >= MOST_KEYS:
        raise Conflict(f"an integration has at most {MOST_KEYS} API keys")
    if not connection.id:
        connection = ashby.connections.save(_stored(ashby, connection))
    number, secret = ashby.api_keys.next_id(), key or ashby.kernel.generate_secret(40)
    values: dict[str, Any] = {"name": name, "key": secret, "permissions": permissions}
    return ashby.api_keys.save(ApiKey(id=number, connection_id=connection.id, **values))


def change_api_key(ashby: Ashby, api_key_id: int, changes: dict[str, Any]) -> ApiKey:
    """Changes an API key, for example switches it off."""
    return ashby.api_keys.save(ashby.api_keys.get(api_key_id).model_copy(update=changes))


def list_api_keys(ashby: Ashby, connection: Connection) -> list[ApiKey]:
    """Returns an integration's API keys, oldest first."""
    return [one for one in ashby.api_keys.all() if connection.id and one.connection_id == connection.id]


def find_api_key(ashby: Ashby, key: str) -> ApiKey | None:
    """Returns the API key with this secret, or None."""
    return next((one for one in ashby.api_keys.all() if basic.secrets_match(one.key, key)), None)


def get_api_key(ashby: Ashby, connection: Connection, api_key_id: int) -> ApiKey:
    """Returns an API key of an integration. Raises: `NotFound`."""
    found = ashby.api_keys.get(api_key_id)
    if found.connection_id != connection.id:
        raise NotFound("there is no such API key of this integration")
    return found
