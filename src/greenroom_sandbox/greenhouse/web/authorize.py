"""The page on which a customer's user grants a partner access to Harvest.

Source: Harvest v3, Authentication.
"""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web
from yarl import URL

from greenroom_sandbox.greenhouse.services import oauth
from greenroom_sandbox.greenhouse.web.pages import get_visitor, get_world, page, render
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import HEADERS

routes = web.RouteTableDef()


@routes.get("/authorize")
@page
async def ask(request: web.Request) -> web.StreamResponse:
    """Shows the consent form.

    A request that cannot be granted is redirected to the partner with an error; an unknown client or redirect URI is
    refused here.
    """
    query = dict(request.query)
    try:
        wanted = oauth.parse_consent_request(get_world(request), query)
    except oauth.OAuthError as error:
        return _back(query["redirect_uri"], query.get("state"), error=error.error, error_description=error.description)
    who = get_visitor(request)
    choices = [
        (one.id, f"{one.name}{' (Site Admin)' if one.site_admin else ''}") for one in get_world(request).users.all()
    ]
    response = render(request, "authorize.html", who=who, wanted=wanted, choices=choices, query=query)
    # browsers apply form-action to the redirect after the form, too, and this one leads to the partner
    origin = URL(wanted.redirect_uri).origin()
    policy = HEADERS["content-security-policy"].replace("form-action 'self'", f"form-action 'self' {origin}")
    response.headers["content-security-policy"] = policy
    return response


@routes.post("/authorize")
@page
async def answer(request: web.Request) -> web.StreamResponse:
    """Redirects the browser to the partner, with a code or an error."""
    form = await forms.read(request)
    names = ("client_id", "redirect_uri", "response_type", "scope", "state")
    query = {name: form.text(name) for name in names if form.text(name)}
    state = query.get("state")
    try:
        wanted = oauth.parse_consent_request(get_world(request), query)
    except oauth.OAuthError as error:
        return _back(query["redirect_uri"], state, error=error.error, error_description=error.description)
    if form.text("decision") == "deny":
        return _back(wanted.redirect_uri, state, error="access_denied")
    code = oauth.consent(get_world(request), wanted, form.number("user_id") or 0)
    return _back(wanted.redirect_uri, state, code=code)


def _back(uri: str, state: str | None, **said: str) -> web.Response:
    given = said if state is None else {**said, "state": state}
    target = f"{uri}{'&' if '?' in uri else '?'}{urlencode(given)}"
    return web.Response(status=303, headers={**HEADERS, "location": target})
