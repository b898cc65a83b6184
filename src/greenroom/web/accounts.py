"""Accounts: the list, links with which customers connect their ATS, and each account with its token."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.connectors import discover
from greenroom.errors import Invalid, Refused, Unavailable
from greenroom.model.accounts import Account, AccountStatus
from greenroom.services import accounts, connect_sessions, integrations, orders, request_logs
from greenroom.services.connect_sessions import NewSession
from greenroom.services.request_logs import LogQuery
from greenroom.web import account_access, kit
from greenroom.web.access import Visit
from greenroom.web.forms import Form

PAGE = 25
LATEST = 5
#: orders of an account that are counted; more are shown as "1000+"
MOST_COUNTED = 1000
LONGEST = 200
#: the tabs of the list: the parameter and the label
VIEWS = (("", "All"), ("active", "Linked"), ("inactive", "Pending"), ("error", "Needs attention"))
#: how long a link is valid: the value in hours and its text
VALIDITY = (("168", "7 days"), ("1", "1 hour"), ("24", "1 day"), ("744", "31 days"))
#: how long the replaced token stays valid: the value in days and its text
OVERLAPS = (("30", "30 days"), ("0", "End it now"), ("7", "7 days"), ("90", "90 days"))
TYPES: tuple[tuple[Literal["production", "test"], str, str], ...] = (
    ("production", "Production", "A customer's own ATS"),
    ("test", "Test", "Marked as a test in every list"),
)


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    one, post = "/accounts/{id}", ("POST",)
    return [
        kit.in_project("/accounts", show_list),
        kit.in_project("/accounts/auth-link", show_link_form, role="developer"),
        kit.in_project("/accounts/auth-link", create_link, role="developer", methods=post),
        kit.in_project("/accounts/link-test", link_test, role="developer", methods=post),
        kit.in_project(one, show_account),
        kit.in_project(f"{one}/reveal", reveal, role="developer", methods=post),
        kit.in_project(f"{one}/rotate", rotate, role="developer", methods=post),
        kit.in_project(f"{one}/pause", pause, role="developer", methods=post),
        kit.in_project(f"{one}/resume", resume, role="developer", methods=post),
        kit.in_project(f"{one}/delete", show_delete, role="developer"),
        kit.in_project(f"{one}/delete", delete, role="developer", methods=post),
    ]


def state_of(account: Account, seen: datetime | None) -> str:
    """Returns the state of an account, in the words of `formats.LOOKS`."""
    if account.paused_at is not None:
        return "paused"
    if account.status == "active":
        return "active" if seen else "waiting"
    return "attention" if account.status == "error" else "inactive"


async def show_list(visit: Visit) -> Response:
    """Shows a page of the project's accounts, newest first; the filters and the cursor are in the URL."""
    asked = {name: visit.request.query_params.get(name, "").strip()[:LONGEST] for name in ("view", "q", "before")}
    if asked["q"].startswith("acc_"):
        return kit.into_project(visit, visit.project.id, f"/accounts/{asked['q']}")
    views = [
        (label, f"{visit.base}/accounts" + (f"?view={view}" if view else ""), None) for view, label in VIEWS
    ]  # fmt: skip
    status: AccountStatus | None = next((one for one in get_args(AccountStatus) if one == asked["view"]), None)
    common: dict[str, Any] = {"asked": asked, "tabs": views, "current": dict(VIEWS).get(asked["view"], "All"),
              "chips": [(asked["q"], kit.with_query(visit.request, q=None, before=None))] if asked["q"] else [],
              "is_filtered": any(asked.values())}  # fmt: skip
    try:
        found = await accounts.list_page(
            visit.ctx,
            visit.project.id,
            owner_id=asked["q"] or None,
            status=status,
            before=asked["before"] or None,
            limit=PAGE + 1,
        )
        seen = await accounts.last_seen(visit.ctx, [one.id for one in found])
        counts = await accounts.count_orders(visit.ctx, [one.id for one in found[:PAGE]], most=MOST_COUNTED + 1)
    except Unavailable as error:
        return kit.render_unavailable(visit, "accounts/list.html", error, rows=[], first=None, following=None, **common)
    return kit.render(
        visit,
        "accounts/list.html",
        problem=None,
        rows=[(one, state_of(one, seen.get(one.id)), seen.get(one.id)) for one in found[:PAGE]],
        counts=counts,
        most=MOST_COUNTED,
        **kit.page_links(visit, [one.id for one in found], PAGE),
        **common,
    )


async def show_link_form(visit: Visit) -> Response:
    """Shows the form of a link for a customer."""
    form = Form({"type": "production", "validity": "168"})
    return kit.render(visit, "accounts/auth_link.html", form=form, **await _choices(visit))


async def _choices(visit: Visit) -> dict[str, Any]:
    enabled = await integrations.enabled_providers(visit.ctx, visit.project.id)
    providers = [(key, one.manifest.name) for key, one in discover().items() if key in enabled]
    return {"providers": providers, "types": TYPES, "validity": VALIDITY}


async def create_link(visit: Visit) -> Response:
    """Creates a link with which a customer connects their ATS; it is shown once."""
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


async def link_test(visit: Visit) -> Response:
    """Opens the page that customers see, for a test account of the project itself."""
    new = NewSession(
        origin_owner_id=f"{visit.project.id}-test", origin_owner_name=f"{visit.project.name} (test)", type="test"
    )
    opened = await connect_sessions.create(visit.ctx, visit.project.id, new)
    if opened.session.account_id is None:
        raise Invalid("Enable one integration first: there is nothing that a test account could be linked to.")
    return kit.redirect(visit, urlsplit(opened.link).path)


async def show_account(visit: Visit) -> Response:
    """Shows an account: where it stands, its token, its orders and the latest requests about it."""
    return await _account(visit)


async def _account(visit: Visit, *, is_revealed: bool = False) -> Response:
    ctx, project_id, account_id = visit.ctx, visit.project.id, visit.param("id")
    profile = await accounts.get_profile(ctx, project_id, account_id)
    seen = profile.calls[0].at if profile.calls else None
    api = await account_access.build(visit, profile.account, profile.credential_names)
    return kit.render(
        visit,
        "accounts/account.html",
        headers=api.headers if api else None,
        api=api,
        profile=profile,
        account=profile.account,
        kind=state_of(profile.account, seen),
        seen=seen,
        is_revealed=is_revealed,
        overlaps=OVERLAPS,
        here=f"{visit.base}/accounts/{account_id}",
        orders=await orders.list_orders(ctx, project_id, {"account_id": account_id}, limit=LATEST),
        entries=await request_logs.list_requests(
            ctx, project_id, "unified", LogQuery({"account_ids": [account_id]}, limit=LATEST)
        ),
    )


async def reveal(visit: Visit) -> Response:
    """Shows the live external trigger tokens in the page."""
    return await _account(visit, is_revealed=True)


async def rotate(visit: Visit) -> Response:
    """Creates a new external trigger token; the one before stays valid for the chosen time."""
    days = Form.submitted(visit.form).get("overlap")
    if days not in dict(OVERLAPS):
        raise Invalid("overlap: choose how long the current token stays valid", errors=["overlap: unknown"])
    await accounts.rotate_token(visit.ctx, visit.project.id, visit.param("id"), overlap=timedelta(days=int(days)))
    said = "New token created. Reveal it and pass it on to the customer."
    if days != "0":
        said = f"New token created. The one before stays valid for {dict(OVERLAPS)[days]}."
    return kit.redirect(visit, f"{visit.base}/accounts/{visit.param('id')}", notice=said)


async def pause(visit: Visit) -> Response:
    """Pauses an account."""
    return await _set_paused(visit, True, "Paused. Calls of the ATS are refused until you resume it.")


async def resume(visit: Visit) -> Response:
    """Resumes an account."""
    return await _set_paused(visit, False, "Resumed. Calls of the ATS are answered again.")


async def _set_paused(visit: Visit, paused: bool, notice: str) -> Response:
    account = await accounts.set_paused(visit.ctx, visit.project.id, visit.param("id"), paused)
    return kit.redirect(visit, f"{visit.base}/accounts/{account.id}", notice=notice)


async def show_delete(visit: Visit) -> Response:
    """Asks before an account is disconnected."""
    account = await accounts.get(visit.ctx, visit.project.id, visit.param("id"))
    return kit.render(visit, "accounts/delete.html", form=Form(), account=account)


async def delete(visit: Visit) -> Response:
    """Disconnects an account whose customer's name was typed."""
    form = Form.submitted(visit.form)
    account = await accounts.get(visit.ctx, visit.project.id, visit.param("id"))
    if form.get("confirm") != account.origin_owner_name.strip():
        form.errors["confirm"] = f"Type “{account.origin_owner_name}” as it is written here."
        return kit.render_refused(visit, "accounts/delete.html", form, account=account)
    await accounts.delete(visit.ctx, visit.project.id, account.id)
    return kit.redirect(visit, f"{visit.base}/accounts", notice=f"Account of {account.origin_owner_name} disconnected.")
