"""Links with which customers link their ATS, and the hub as customers see it for a test account or an edit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.connectors import discover
from greenroom.errors import Invalid, NotFound, Refused, Unavailable
from greenroom.services import accounts, connect_sessions, integrations
from greenroom.services.connect_sessions import NewSession
from greenroom.web import kit
from greenroom.web.access import Visit
from greenroom.web.forms import Form

PAGE = 25
LONGEST = 200
#: digits of a session's id
LONGEST_ID = 18
#: how long a link is valid: the value in hours and its text
VALIDITY = (("168", "7 days"), ("1", "1 hour"), ("24", "1 day"), ("744", "31 days"))
TYPES: tuple[tuple[Literal["production", "test"], str, str], ...] = (
    ("production", "Production", "A customer's own ATS"),
    ("test", "Test", "Marked as a test in every list"),
)


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    post = ("POST",)
    return [
        kit.in_project("/accounts/auth-link", show_form, role="developer"),
        kit.in_project("/accounts/auth-link", create, role="developer", methods=post),
        kit.in_project("/accounts/links", show_list),
        kit.in_project("/accounts/links/{id}/revoke", revoke, role="developer", methods=post),
        kit.in_project("/accounts/link-test", go_to_list),
        kit.in_project("/accounts/link-test", link_test, role="developer", methods=post),
        kit.in_project("/accounts/{id}/edit", go_to_account),
        kit.in_project("/accounts/{id}/edit", edit, role="developer", methods=post),
    ]


async def show_form(visit: Visit) -> Response:
    """Shows the form of a link for a customer."""
    form = Form({"type": "production", "validity": "168"})
    return kit.render(visit, "accounts/auth_link.html", form=form, **await _choices(visit))


async def _choices(visit: Visit) -> dict[str, Any]:
    enabled = await integrations.enabled_providers(visit.ctx, visit.project.id)
    providers = [(key, one.manifest.name) for key, one in discover().items() if key in enabled]
    return {"providers": providers, "types": TYPES, "validity": VALIDITY}


async def create(visit: Visit) -> Response:
    """Creates a link with which a customer links their ATS; it is shown once."""
    form, choices = Form.submitted(visit.form), await _choices(visit)
    for name, label in (("origin_owner_id", "your id of the customer"), ("origin_owner_name", "the customer's name")):
        if not form.get(name):
            form.errors[name] = f"Enter {label}."
    for name in ("origin_owner_id", "origin_owner_name", "label"):
        if len(form.get(name)) > LONGEST:
            form.errors[name] = f"At most {LONGEST} characters."
    if form.get("provider") not in dict(choices["providers"]):
        form.errors["provider"] = "Choose an integration that is enabled."
    if form.get("validity") not in dict(VALIDITY):
        form.errors["validity"] = "Choose how long the link is valid."
    if form.errors:
        return kit.render_refused(visit, "accounts/auth_link.html", form, **choices)
    new = NewSession(
        origin_owner_id=form.get("origin_owner_id"),
        origin_owner_name=form.get("origin_owner_name"),
        provider=form.get("provider"),
        label=form.get("label") or None,
        type="test" if form.get("type") == "test" else "production",
        lives=timedelta(hours=int(form.get("validity"))),
    )
    try:
        opened = await connect_sessions.create(visit.ctx, visit.project.id, new)
    except Refused as error:
        return kit.render_refused(visit, "accounts/auth_link.html", form, error, **choices)
    return kit.render(visit, "accounts/auth_link_made.html", opened=opened)


async def show_list(visit: Visit) -> Response:
    """Shows the sessions that can still be used, newest first."""
    before = visit.request.query_params.get("before", "")
    cursor = int(before) if before.isascii() and before.isdigit() and len(before) < LONGEST_ID else None
    try:
        found = await connect_sessions.list_open(visit.ctx, visit.project.id, before=cursor, limit=PAGE + 1)
    except Unavailable as error:
        return kit.render_unavailable(visit, "accounts/links.html", error, rows=[], first=None, following=None)
    links = kit.page_links(visit, [str(one.id) for one in found], PAGE)
    return kit.render(visit, "accounts/links.html", problem=None, rows=found[:PAGE], **links)


async def revoke(visit: Visit) -> Response:
    """Ends a session with its link."""
    given = visit.param("id")
    if not (given.isascii() and given.isdigit() and len(given) < LONGEST_ID):
        raise NotFound("There is no such link.")
    await connect_sessions.revoke(visit.ctx, visit.project.id, int(given))
    return kit.redirect(visit, f"{visit.base}/accounts/links", notice="Link revoked.")


async def go_to_list(visit: Visit) -> Response:
    """Redirects a reloaded hub to the accounts."""
    return kit.redirect(visit, f"{visit.base}/accounts")


async def link_test(visit: Visit) -> Response:
    """Shows the hub as customers see it, for a test account of the project itself."""
    opened = await open_test_session(visit)
    return _show_hub(visit, opened, "Link Test Account", back=f"{visit.base}/accounts")


async def open_test_session(visit: Visit) -> connect_sessions.Opened:
    """
    Opens a session in which the vendor links an account of its own, as customers do.

    Raises:
        Invalid: no integration is enabled.
    """
    if not await integrations.enabled_providers(visit.ctx, visit.project.id):
        raise Invalid("Enable one integration first: there is nothing that a test account could be linked to.")
    name = f"{visit.project.name} (test)"
    new = NewSession(origin_owner_id=f"{visit.project.id}-test", origin_owner_name=name, type="test")
    return await connect_sessions.create(visit.ctx, visit.project.id, new)


async def go_to_account(visit: Visit) -> Response:
    """Redirects a reloaded hub to the account."""
    return kit.redirect(visit, f"{visit.base}/accounts/{visit.param('id')}")


async def edit(visit: Visit) -> Response:
    """Shows the hub in which an account's configuration is changed, or its linking finished."""
    account = await accounts.get(visit.ctx, visit.project.id, visit.param("id"))
    new = NewSession(
        origin_owner_id=account.origin_owner_id,
        origin_owner_name=account.origin_owner_name,
        provider=account.provider,
        account_id=account.id,
        type="test" if account.type == "test" else "production",
    )
    opened = await connect_sessions.create(visit.ctx, visit.project.id, new)
    return _show_hub(visit, opened, "Edit configuration", back=f"{visit.base}/accounts/{account.id}")


def _show_hub(visit: Visit, opened: connect_sessions.Opened, title: str, *, back: str) -> Response:
    return kit.render(visit, "accounts/hub.html", headers=kit.FRAMED, opened=opened, title=title, back=back)
