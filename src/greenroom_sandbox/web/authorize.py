"""The page on which a customer's admin lets a partner read the customer's data. Source: Harvest v3, Authentication."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web
from yarl import URL

from greenroom_sandbox.services import oauth
from greenroom_sandbox.web import forms
from greenroom_sandbox.web.pages import HEADERS, page, shown, visitor, world_of

routes = web.RouteTableDef()


@routes.get("/authorize")
@page
async def ask(request: web.Request) -> web.StreamResponse:
    """Asks; a request that cannot be granted goes back to the partner, one that is nobody's is refused here."""
    query = dict(request.query)
    try:
        wanted = oauth.asked(world_of(request), query)
    except oauth.OAuthError as error:
        return _back(query["redirect_uri"], query.get("state"), error=error.error, error_description=error.description)
    who = visitor(request)
    choices = [
        (one.id, f"{one.name}{' (Site Admin)' if one.site_admin else ''}") for one in world_of(request).users.all()
    ]
    response = shown(request, "authorize.html", who=who, wanted=wanted, choices=choices, query=query)
    # the form's answer leads to the partner, which a browser takes for a part of the form's way
    origin = URL(wanted.redirect_uri).origin()
    policy = HEADERS["content-security-policy"].replace("form-action 'self'", f"form-action 'self' {origin}")
    response.headers["content-security-policy"] = policy
    return response


@routes.post("/authorize")
@page
async def answer(request: web.Request) -> web.StreamResponse:
    """Sends the browser back to the partner, with a code or with the refusal."""
    form = await forms.read(request)
    names = ("client_id", "redirect_uri", "response_type", "scope", "state")
    query = {name: form.text(name) for name in names if form.text(name)}
    state = query.get("state")
    try:
        wanted = oauth.asked(world_of(request), query)
    except oauth.OAuthError as error:
        return _back(query["redirect_uri"], state, error=error.error, error_description=error.description)
    if form.text("decision") == "deny":
        return _back(wanted.redirect_uri, state, error="access_denied")
    code = oauth.consent(world_of(request), wanted, form.number("user_id") or 0)
    return _back(wanted.redirect_uri, state, code=code)


def _back(uri: str, state: str | None, **said: str) -> web.Response:
    given = said if state is None else {**said, "state": state}
    target = f"{uri}{'&' if '?' in uri else '?'}{urlencode(given)}"
    return web.Response(status=303, headers={**HEADERS, "location": target})
