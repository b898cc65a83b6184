"""Accounts: the list, and each account with its tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, get_args

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.errors import Invalid, Unavailable
from greenroom.model.accounts import Account, AccountStatus
from greenroom.services import account_profiles, accounts, orders, request_logs
from greenroom.services.request_logs import LogQuery
from greenroom.web import account_access, findings, kit
from greenroom.web.access import Visit
from greenroom.web.forms import Form

PAGE = 25
LATEST = 5
#: orders of an account that are counted; more are shown as "1000+"
MOST_COUNTED = 1000
LONGEST = 200
#: the tabs of the list: the parameter and the label
VIEWS = (("", "All"), ("active", "Linked"), ("inactive", "Pending"), ("error", "Needs attention"))
#: how long the replaced token stays valid: the value in days and its text
OVERLAPS = (("30", "30 days"), ("0", "End it now"), ("7", "7 days"), ("90", "90 days"))


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    one, post = "/accounts/{id}", ("POST",)
    return [
        kit.in_project("/accounts", show_list),
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


async def show_account(visit: Visit) -> Response:
    """Shows an account: where it stands, its token, its orders and the latest requests about it."""
    return await _account(visit)


async def _account(visit: Visit, *, is_revealed: bool = False) -> Response:
    ctx, project_id, account_id = visit.ctx, visit.project.id, visit.param("id")
    profile = await account_profiles.get_profile(ctx, project_id, account_id)
    seen = profile.calls[0].at if profile.calls else None
    api = await account_access.build(visit, profile.account, profile.credential_names)
    return kit.render(
        visit,
        "accounts/account.html",
        headers=api.headers if api else None,
        api=api,
        profile=profile,
        found=await findings.about(visit, account_id),
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
