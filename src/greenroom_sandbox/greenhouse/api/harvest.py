"""The Harvest API: clients, the token endpoint, the lists, and the ended versions."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import Field

from greenroom_sandbox.greenhouse.model.harvest import ClientKind
from greenroom_sandbox.greenhouse.services import harvest, oauth
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.http.incoming import Incoming
from greenroom_sandbox.http.reading import Body, get_number, read_body, respond, respond_list
from greenroom_sandbox.wire.basic import mask_secrets
from greenroom_sandbox.wire.windows import RateLimitStatus

routes = web.RouteTableDef()
WINDOW_S = 30
TOKEN_WINDOW_S = 60
ENDED = "Harvest v1 and v2 ended on 2026-08-31. Use v3."


class NewClient(Body):
    """A client to create."""

    name: str = Field(min_length=1)
    kind: ClientKind
    organization_id: int | None = None
    redirect_uri: str | None = None
    scopes: list[str] | None = None


class ClientChange(Body):
    """Fields of a client to change."""

    scopes: list[str]


@routes.get("/api/harvest/clients")
async def list_clients(request: web.Request) -> web.Response:
    """Lists the clients without their secrets."""
    clients = request.app[SIMULATOR].world.clients.all()
    return respond_list([one.model_dump(mode="json", exclude={"client_secret"}) for one in clients])


@routes.post("/api/harvest/clients")
async def add_client(request: web.Request) -> web.Response:
    """Creates a client; only this answer shows the secret."""
    given = await read_body(request, NewClient)
    return respond(oauth.add_client(request.app[SIMULATOR].world, **given.model_dump()), 201)


@routes.patch("/api/harvest/clients/{id}")
async def change_client(request: web.Request) -> web.Response:
    """Changes the scopes of a client's future tokens."""
    world, given = request.app[SIMULATOR].world, await read_body(request, ClientChange)
    oauth.check_scopes(given.scopes)
    client = world.clients.get(get_number(request))
    changed = world.clients.save(client.model_copy(update={"scopes": given.scopes}))
    return respond(changed.model_dump(mode="json", exclude={"client_secret"}))


@routes.delete("/api/harvest/clients/{id}")
async def remove_client(request: web.Request) -> web.Response:
    """Removes a client with its tokens."""
    oauth.remove_client(request.app[SIMULATOR].world, get_number(request))
    return respond({"ok": True})


@routes.post("/api/harvest/clients/{id}/revoke")
async def revoke(request: web.Request) -> web.Response:
    """Removes every token of a client, as when a customer withdraws its consent."""
    return respond({"revoked": oauth.revoke(request.app[SIMULATOR].world, get_number(request))})


@routes.post("/token")
async def token(request: web.Request) -> web.StreamResponse:
    """Exchanges a code, a refresh token or client credentials for tokens.

    Source: Harvest v3, Authentication.
    """
    world = request.app[SIMULATOR].world
    incoming = await Incoming.read(request, "token")
    incoming.exchange.request_body = mask_secrets(incoming.exchange.request_body)
    fault_response = await incoming.apply_faults()
    if fault_response is not None:
        return fault_response
    given = request.headers.get("authorization")
    form = dict(parse_qsl((await request.read()).decode(errors="replace"), keep_blank_values=True))
    headers = {"cache-control": "no-store"}
    try:
        client = oauth.authenticate(world, given)
        limit = world.settings.token_rate_limit
        limit_status = world.rate_limits.count(f"token {client.id}", limit, TOKEN_WINDOW_S, world.clock.now())
        if not limit_status.allowed:
            return _too_many(incoming, limit_status)
        return incoming.answer(web.json_response(oauth.exchange(world, given, form), headers=headers))
    except oauth.OAuthError as error:
        if error.status == 401:
            headers["www-authenticate"] = 'Basic realm="Greenhouse"'
        said = {"error": error.error, "error_description": error.description}
        return incoming.refuse(web.json_response(said, status=error.status, headers=headers), error.description)


@routes.get("/v3/{collection}")
async def read(request: web.Request) -> web.StreamResponse:
    """Returns one page of a list. Source: Harvest v3, List endpoints."""
    world, name = request.app[SIMULATOR].world, request.match_info["collection"]
    incoming = await Incoming.read(request, "harvest")
    fault_response = await incoming.apply_faults()
    if fault_response is not None:
        return fault_response
    grant = oauth.find_access_token(world, request.headers.get("authorization"))
    if grant is None:
        return _refused(incoming, 401, "the access token is missing, unknown or expired", {})
    incoming.exchange.organization_id = grant.organization_id
    limit = world.settings.harvest_rate_limit
    limit_status = world.rate_limits.count(f"harvest {grant.client}", limit, WINDOW_S, world.clock.now())
    if not limit_status.allowed:
        return _too_many(incoming, limit_status)
    if name not in harvest.COLLECTIONS:
        return _refused(incoming, 404, "there is no such list here", limit_status.headers)
    forbidden = harvest.explain_refusal(world, grant, name)
    if forbidden is not None:
        return _refused(incoming, 403, forbidden, limit_status.headers)
    try:
        rows, following = harvest.read(world, grant, name, list(request.query.items()))
    except harvest.HarvestError as error:
        return _refused(incoming, error.status, error.error, limit_status.headers)
    headers = limit_status.headers
    if following is not None:
        url = f"{request.app[SIMULATOR].public_url}/v3/{name}?cursor={following}"
        headers["link"] = f'<{url}>; rel="next"'
    return incoming.answer(web.json_response(rows, headers=headers))


@routes.route("*", "/{version:v[12]}/{tail:.*}")
async def ended(request: web.Request) -> web.StreamResponse:
    """Answers 410 for the ended versions 1 and 2."""
    incoming = await Incoming.read(request, "harvest")
    return _refused(incoming, 410, ENDED, {})


def _too_many(incoming: Incoming, limit_status: RateLimitStatus) -> web.Response:
    return _refused(incoming, 429, "the limit of requests in this window is reached", limit_status.headers)


def _refused(incoming: Incoming, status: int, error: str, headers: dict[str, str]) -> web.Response:
    return incoming.refuse(web.json_response({"errors": [error]}, status=status, headers=headers), error)
