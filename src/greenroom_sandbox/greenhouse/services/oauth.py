"""OAuth of the Harvest API: consent, codes, access tokens and refresh tokens.

Source: Harvest v3, Authentication. Authorization Code is for partners, Client Credentials for a customer's own
clients.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from greenroom_sandbox.errors import Refused, SandboxError
from greenroom_sandbox.greenhouse.model.harvest import Client, ClientKind, Grant, GrantKind
from greenroom_sandbox.greenhouse.services.harvest import COLLECTIONS, get_scope
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.wire.address import check_partner_url
from greenroom_sandbox.wire.basic import parse_header, secrets_match

CODE_LASTS = timedelta(minutes=1)
ACCESS_LASTS = timedelta(hours=1)
SCOPES = tuple(get_scope(name) for name in COLLECTIONS)


class OAuthError(Exception):
    """An error of the token endpoint or of consent, with its RFC 6749 name."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


@dataclass(frozen=True)
class ConsentRequest:
    """A partner's request for a customer's consent."""

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
    """Creates a client with new credentials."""
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
        client_id=world.generate_secret(24),
        client_secret=world.generate_secret(40),
        redirect_uri=redirect_uri if kind == "partner" else None,
        scopes=wanted,
    )
    return world.clients.save(made)


def check_scopes(scopes: list[str]) -> None:
    """Checks that every scope exists. Raises: `Refused`."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise Refused(f"has {unknown[0]}, which is none of {', '.join(SCOPES)}", "scopes")


def remove_client(world: World, client: int) -> None:
    """Removes a client with its codes and tokens."""
    revoke(world, world.clients.get(client).id)
    world.clients.remove(client)


def revoke(world: World, client: int) -> int:
    """Removes a client's codes and tokens and returns their number."""
    world.clients.get(client)
    ended = [grant.id for grant in world.grants.all() if grant.client == client]
    for grant_id in ended:
        world.grants.remove(grant_id)
    return len(ended)


def parse_consent_request(world: World, query: dict[str, str]) -> ConsentRequest:
    """Parses the query of the *authorize* page.

    Raises: `OAuthError`, which goes to the partner, or `Refused` when client or redirect URI are wrong and the
    partner must not get the answer.
    """
    client = _find_client(world, query.get("client_id", ""))
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
    return ConsentRequest(client, uri, scopes, query.get("state"))


def consent(world: World, wanted: ConsentRequest, user_id: int) -> str:
    """Records a user's consent and returns the code, valid once within a minute."""
    user = world.users.get(user_id)
    return _issue(world, "code", wanted.client, user.organization_id, user.id, wanted.scopes, wanted.redirect_uri)[0]


def exchange(world: World, authorization: str | None, form: dict[str, str]) -> dict[str, Any]:
    """Handles a request to the token endpoint. Raises: `OAuthError`."""
    client = authenticate(world, authorization)
    grant_type = form.get("grant_type", "")
    allowed = {"partner": ("authorization_code", "refresh_token"), "custom": ("client_credentials",)}[client.kind]
    if grant_type not in ("authorization_code", "refresh_token", "client_credentials"):
        raise OAuthError("unsupported_grant_type", f"grant_type {grant_type!r} is not known")
    if grant_type not in allowed:
        raise OAuthError("unauthorized_client", f"a {client.kind} client may use {' and '.join(allowed)}")
    if grant_type == "client_credentials":
        return _issue_by_credentials(world, client, form)
    if grant_type == "authorization_code":
        redeemed = _redeem(world, client, "code", form.get("code", ""))
        if form.get("redirect_uri") != redeemed.redirect_uri:
            raise OAuthError("invalid_grant", "redirect_uri is not the one of the consent")
    else:
        redeemed = _redeem(world, client, "refresh", form.get("refresh_token", ""))
    return _issue_tokens(world, client, redeemed.organization_id, redeemed.user_id, redeemed.scopes, refreshable=True)


def authenticate(world: World, authorization: str | None) -> Client:
    """Returns the client with these Basic credentials. Raises: `OAuthError`."""
    given = parse_header(authorization)
    client = _find_client(world, given[0]) if given else None
    if given is None or client is None or not secrets_match(client.client_secret, given[1]):
        raise OAuthError("invalid_client", "the client's credentials are not accepted", 401)
    return client


def find_access_token(world: World, authorization: str | None) -> Grant | None:
    """Returns the valid access token of a request, or None."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    digest, now = _digest(token.strip()), world.clock.now()
    live = (one for one in world.grants.all() if one.kind == "access" and one.expires_at > now)
    return next((one for one in live if one.digest == digest), None)


def _issue_by_credentials(world: World, client: Client, form: dict[str, str]) -> dict[str, Any]:
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
    return _issue_tokens(world, client, organization_id, user_id, scopes, refreshable=False)


def _redeem(world: World, client: Client, kind: GrantKind, secret: str) -> Grant:
    """Marks a code or a refresh token as used; both work once. Raises: `OAuthError`."""
    digest, now = _digest(secret), world.clock.now()
    found = next((one for one in world.grants.all() if one.kind == kind and one.digest == digest), None)
    if found is None or found.client != client.id or found.expires_at <= now:
        raise OAuthError(
            "invalid_grant", f"the {'code' if kind == 'code' else 'refresh token'} is not valid (any more)"
        )
    if found.used:
        raise OAuthError("invalid_grant", f"the {'code' if kind == 'code' else 'refresh token'} was used before")
    return world.grants.save(found.model_copy(update={"used": True}))


def _issue_tokens(
    world: World, client: Client, organization_id: int, user_id: int | None, scopes: list[str], *, refreshable: bool
) -> dict[str, Any]:
    _remove_expired(world)
    access, expires_at = _issue(world, "access", client, organization_id, user_id, scopes)
    answer: dict[str, Any] = {"token_type": "Bearer", "access_token": access, "expires_at": expires_at.isoformat()}
    if world.settings.token_expires_in:
        answer["expires_in"] = int(ACCESS_LASTS.total_seconds())
    if refreshable:
        answer["refresh_token"] = _issue(world, "refresh", client, organization_id, user_id, scopes)[0]
    return answer


def _issue(
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
    secret, expires_at = world.generate_secret(43), world.clock.now() + lasts
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


def _remove_expired(world: World) -> None:
    now = world.clock.now()
    for grant in world.grants.all():
        if grant.expires_at <= now:
            world.grants.remove(grant.id)


def _find_client(world: World, client_id: str) -> Client | None:
    return next((one for one in world.clients.all() if secrets_match(one.client_id, client_id)), None)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
