"""Who may read a customer's data: consent, codes, access tokens and refresh tokens of the Harvest API.

Source: Harvest v3, Authentication. Authorization Code is for partners, Client Credentials for a customer's own clients.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from greenroom_sandbox.errors import Refused, SandboxError
from greenroom_sandbox.model.harvest import Client, ClientKind, Grant, GrantKind
from greenroom_sandbox.services.harvest import COLLECTIONS, scope_of
from greenroom_sandbox.wire.address import check_partner_url
from greenroom_sandbox.wire.basic import read, same
from greenroom_sandbox.world import World

CODE_LASTS = timedelta(minutes=1)
ACCESS_LASTS = timedelta(hours=1)
SCOPES = tuple(scope_of(name) for name in COLLECTIONS)


class OAuthError(Exception):
    """A refusal of the token endpoint or of consent, by its name in RFC 6749."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


@dataclass(frozen=True)
class Asked:
    """What a partner asks a customer's admin for."""

    client: Client
    redirect_uri: str
    scopes: list[str]
    state: str | None


def add_client(
    world: World,
    name: str,
    kind: ClientKind,
    organization_id: int | None = None,
    redirect_uri: str | None = None,
    scopes: list[str] | None = None,
) -> Client:
    """Issues credentials."""
    if kind == "custom":
        if organization_id is None:
            raise Refused("is needed: a custom client belongs to a customer", "organization_id")
        world.organizations.get(organization_id)
    elif redirect_uri is None:
        raise Refused("is needed: a partner's client asks for consent", "redirect_uri")
    if redirect_uri is not None:
        check_partner_url("redirect_uri", redirect_uri, world.settings.http)
    wanted = list(SCOPES) if scopes is None else scopes
    check_scopes(wanted)
    made = Client(
        id=world.clients.next_id(),
        name=name,
        kind=kind,
        organization_id=organization_id if kind == "custom" else None,
        client_id=world.mint(24),
        client_secret=world.mint(40),
        redirect_uri=redirect_uri if kind == "partner" else None,
        scopes=wanted,
    )
    return world.clients.save(made)


def check_scopes(scopes: list[str]) -> None:
    """Refuses a scope that nothing here needs."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise Refused(f"has {unknown[0]}, which is none of {', '.join(SCOPES)}", "scopes")


def remove_client(world: World, client: int) -> None:
    """Ends a client with all that it was granted."""
    revoke(world, world.clients.get(client).id)
    world.clients.remove(client)


def revoke(world: World, client: int) -> int:
    """Ends everything a client was granted; how many grants that were."""
    world.clients.get(client)
    ended = [grant.id for grant in world.grants.all() if grant.client == client]
    for grant_id in ended:
        world.grants.remove(grant_id)
    return len(ended)


def asked(world: World, query: dict[str, str]) -> Asked:
    """What the address of *authorize* asks for; refused when the partner cannot even be told."""
    client = _client(world, query.get("client_id", ""))
    if client is None or client.kind != "partner":
        raise Refused("names no partner's client", "client_id")
    uri = query.get("redirect_uri", "")
    if uri != client.redirect_uri:
        raise Refused("is not the one that was registered", "redirect_uri")
    if query.get("response_type", "code") != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code")
    scopes = query.get("scope", "").split() or client.scopes
    if not set(scopes) <= set(client.scopes):
        raise OAuthError("invalid_scope", f"the client has {' '.join(client.scopes)}")
    return Asked(client, uri, scopes, query.get("state"))


def consent(world: World, wanted: Asked, user_id: int) -> str:
    """Somebody at the customer agrees; the code, good for a minute and once."""
    user = world.users.get(user_id)
    return _grant(world, "code", wanted.client, user.organization_id, user.id, wanted.scopes, wanted.redirect_uri)[0]


def exchange(world: World, authorization: str | None, form: dict[str, str]) -> dict[str, Any]:
    """The token endpoint; raises `OAuthError`."""
    client = authenticated(world, authorization)
    grant_type = form.get("grant_type", "")
    allowed = {"partner": ("authorization_code", "refresh_token"), "custom": ("client_credentials",)}[client.kind]
    if grant_type not in ("authorization_code", "refresh_token", "client_credentials"):
        raise OAuthError("unsupported_grant_type", f"grant_type {grant_type!r} is not known")
    if grant_type not in allowed:
        raise OAuthError("unauthorized_client", f"a {client.kind} client may use {' and '.join(allowed)}")
    if grant_type == "client_credentials":
        return _by_credentials(world, client, form)
    if grant_type == "authorization_code":
        spent = _spend(world, client, "code", form.get("code", ""))
        if form.get("redirect_uri") != spent.redirect_uri:
            raise OAuthError("invalid_grant", "redirect_uri is not the one of the consent")
    else:
        spent = _spend(world, client, "refresh", form.get("refresh_token", ""))
    return _tokens(world, client, spent.organization_id, spent.user_id, spent.scopes, refreshable=True)


def authenticated(world: World, authorization: str | None) -> Client:
    """The client whose credentials the header has; raises `OAuthError`."""
    given = read(authorization)
    client = _client(world, given[0]) if given else None
    if given is None or client is None or not same(client.client_secret, given[1]):
        raise OAuthError("invalid_client", "the client's credentials are not accepted", 401)
    return client


def bearer(world: World, authorization: str | None) -> Grant | None:
    """The live access token that a request carries."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    digest, now = _digest(token.strip()), world.clock.now()
    live = (one for one in world.grants.all() if one.kind == "access" and one.expires_at > now)
    return next((one for one in live if one.digest == digest), None)


def _by_credentials(world: World, client: Client, form: dict[str, str]) -> dict[str, Any]:
    organization_id = client.organization_id or 0
    user_id = None
    if form.get("sub"):
        try:
            user = world.users.get(int(form["sub"]))
        except (ValueError, SandboxError):
            user = None
        if user is None or user.organization_id != organization_id or user.deactivated:
            raise OAuthError("invalid_request", "sub must be the id of a user of the customer")
        user_id = user.id
    scopes = form.get("scope", "").split() or client.scopes
    if not set(scopes) <= set(client.scopes):
        raise OAuthError("invalid_scope", f"the client has {' '.join(client.scopes)}")
    return _tokens(world, client, organization_id, user_id, scopes, refreshable=False)


def _spend(world: World, client: Client, kind: GrantKind, secret: str) -> Grant:
    """Takes a code or a refresh token, which works once."""
    digest, now = _digest(secret), world.clock.now()
    found = next((one for one in world.grants.all() if one.kind == kind and one.digest == digest), None)
    if found is None or found.client != client.id or found.expires_at <= now:
        raise OAuthError(
            "invalid_grant", f"the {'code' if kind == 'code' else 'refresh token'} is not valid (any more)"
        )
    if found.used:
        raise OAuthError("invalid_grant", f"the {'code' if kind == 'code' else 'refresh token'} was used before")
    return world.grants.save(found.model_copy(update={"used": True}))


def _tokens(
    world: World, client: Client, organization_id: int, user_id: int | None, scopes: list[str], *, refreshable: bool
) -> dict[str, Any]:
    _forget_the_old(world)
    access, expires_at = _grant(world, "access", client, organization_id, user_id, scopes)
    answer: dict[str, Any] = {"token_type": "Bearer", "access_token": access, "expires_at": expires_at.isoformat()}
    if world.settings.token_expires_in:
        answer["expires_in"] = int(ACCESS_LASTS.total_seconds())
    if refreshable:
        answer["refresh_token"] = _grant(world, "refresh", client, organization_id, user_id, scopes)[0]
    return answer


def _grant(
    world: World,
    kind: GrantKind,
    client: Client,
    organization_id: int,
    user_id: int | None,
    scopes: list[str],
    redirect_uri: str | None = None,
) -> tuple[str, datetime]:
    refresh = timedelta(hours=world.settings.refresh_token_hours)
    lasts = {"code": CODE_LASTS, "access": ACCESS_LASTS, "refresh": refresh}[kind]
    secret, expires_at = world.mint(43), world.clock.now() + lasts
    grant = Grant(
        id=world.grants.next_id(),
        kind=kind,
        client=client.id,
        organization_id=organization_id,
        user_id=user_id,
        scopes=scopes,
        digest=_digest(secret),
        expires_at=expires_at,
        redirect_uri=redirect_uri,
    )
    world.grants.save(grant)
    return secret, expires_at


def _forget_the_old(world: World) -> None:
    now = world.clock.now()
    for grant in world.grants.all():
        if grant.expires_at <= now:
            world.grants.remove(grant.id)


def _client(world: World, client_id: str) -> Client | None:
    return next((one for one in world.clients.all() if same(one.client_id, client_id)), None)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
