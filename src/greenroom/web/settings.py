"""Project settings: retention and the danger zone, members, the audit log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args

from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from greenroom.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from greenroom.model.audit import ACTIONS, ActorKind, AuditEntry, AuditFilter
from greenroom.model.events import stamp
from greenroom.model.people import ROLES, Member
from greenroom.services import audit, erasure, members, project_deletion, projects, users
from greenroom.web import formats, kit
from greenroom.web.access import Visit
from greenroom.web.forms import Form

PAGE = 25
LONGEST_RETENTION_DAYS = 3650
ROLE_NOTES = {
    "viewer": "Sees the project.",
    "developer": "Also retries, replays, sends results and configures.",
    "owner": "Also manages members, API keys and secrets, and sees the audit log.",
}
ACTOR_KINDS = {"user": "A user", "api_key": "An API key", "cli": "The command line", "sign_in_link": "A sign-in link",
               "connect_session": "A connect session"}  # fmt: skip
PERIODS = {"24h": ("Last 24 hours", 1), "7d": ("Last 7 days", 7), "30d": ("Last 30 days", 30)}


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [
        kit.in_project("/settings", show_project),
        kit.in_project("/settings/retention", save_retention, role="owner", methods=("POST",)),
        kit.in_project("/settings/rename", rename, role="owner", methods=("POST",)),
        kit.in_project("/settings/delete", ask_to_delete, role="owner"),
        kit.in_project("/settings/delete", delete, role="owner", methods=("POST",)),
        kit.in_project("/settings/erase", ask_to_erase, role="owner"),
        kit.in_project("/settings/erase", erase, role="owner", methods=("POST",)),
        kit.in_project("/settings/leave", ask_to_leave),
        kit.in_project("/settings/leave", leave, methods=("POST",)),
        kit.in_project("/settings/members", show_members),
        kit.in_project("/settings/members/invite", ask_to_invite, role="owner"),
        kit.in_project("/settings/members/invite", invite, role="owner", methods=("POST",)),
        kit.in_project("/settings/members/{id}/role", change_role, role="owner", methods=("POST",)),
        kit.in_project("/settings/members/{id}/reset-link", make_reset_link, role="owner", methods=("POST",)),
        kit.in_project("/settings/members/{id}/remove", ask_to_remove, role="owner"),
        kit.in_project("/settings/members/{id}/remove", remove, role="owner", methods=("POST",)),
        kit.in_project("/settings/invitations/{id}/revoke", revoke_invitation, role="owner", methods=("POST",)),
        kit.in_project("/settings/audit-log", show_audit_log, role="owner"),
        kit.in_project("/settings/audit-log/export", export_audit_log, role="owner"),
    ]


def tabs(visit: Visit) -> list[tuple[str, str, None]]:
    """Returns the tabs of the settings."""
    base = f"{visit.base}/settings"
    return [
        ("Project", base, None),
        ("Members", f"{base}/members", None),
        ("Alerts", f"{base}/alerts", None),
        ("Audit log", f"{base}/audit-log", None),
    ]


async def show_project(visit: Visit) -> Response:
    """Shows the project, its retention and the danger zone."""
    kept = {"days": visit.project.retention_days, "order_days": visit.project.order_retention_days}
    values = {name: "" if days is None else days for name, days in kept.items()}
    return _show_project(visit, Form({**values, "name": visit.project.name}))


def _show_project(visit: Visit, form: Form, error: Refused | None = None) -> Response:
    settings = visit.ctx.settings
    values: dict[str, Any] = {
        "tabs": tabs(visit),
        "default_days": settings.retention_days,
        "public_url": settings.public_url,
    }
    if form.is_refused or error is not None:
        days = visit.project.retention_days  # one of the page's two forms was submitted, the other keeps its value
        form.values = {"days": "" if days is None else days, "name": visit.project.name, **form.values}
        return kit.render_refused(visit, "settings/project.html", form, error, **values)
    return kit.render(visit, "settings/project.html", form=form, **values)


async def save_retention(visit: Visit) -> Response:
    """Saves how long the project's events, deliveries and attempts, and the content of its orders are kept."""
    form = Form.submitted(visit.form)
    asked = {name: form.get(name) for name in ("days", "order_days")}
    for name, text in asked.items():
        if text and not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LONGEST_RETENTION_DAYS):
            form.errors[name] = f"Expected a whole number of days from 1 to {LONGEST_RETENTION_DAYS}, or nothing."
    if form.is_refused:
        return _show_project(visit, form)
    days, order_days = (int(text) if text else None for text in asked.values())
    if days != visit.project.retention_days:
        await projects.keep_for(visit.ctx, visit.project.id, days)
    if order_days != visit.project.order_retention_days:
        await projects.keep_orders_for(visit.ctx, visit.project.id, order_days)
    return kit.redirect(visit, f"{visit.base}/settings", notice="Retention saved.")


async def rename(visit: Visit) -> Response:
    """Renames the project."""
    form = Form.submitted(visit.form)
    try:
        await projects.rename(visit.ctx, visit.project.id, form.get("name"))
    except (Invalid, Conflict) as error:
        return _show_project(visit, form, error)
    return kit.redirect(visit, f"{visit.base}/settings", notice="Project renamed.")


async def ask_to_delete(visit: Visit) -> Response:
    """Lists the data that is deleted with the project, and asks for its name."""
    return kit.render(visit, "settings/delete.html", form=Form())


async def delete(visit: Visit) -> Response:
    """Deletes the project whose name was typed."""
    form = Form.submitted(visit.form)
    if form.get("confirm") != visit.project.name:
        form.errors["confirm"] = f"Expected {visit.project.name}."
        return kit.render_refused(visit, "settings/delete.html", form)
    await project_deletion.delete(visit.ctx, visit.project.id)
    return kit.redirect(visit, "/", notice=f"{visit.project.name} is deleted.")


async def ask_to_erase(visit: Visit) -> Response:
    """Asks whose orders are erased, and for the address once more."""
    return kit.render(visit, "settings/erase.html", form=Form())


async def erase(visit: Visit) -> Response:
    """Erases the content of all orders of a candidate, and shows the certificate."""
    form = Form.submitted(visit.form)
    if form.get("again") != form.get("email"):
        form.errors["again"] = "Expected the same address once more."
        return kit.render_refused(visit, "settings/erase.html", form)
    try:
        certificate = await erasure.erase_candidate(visit.ctx, visit.project.id, form.get("email"))
    except (Invalid, Conflict) as error:
        return kit.render_refused(visit, "settings/erase.html", form, error)
    return kit.render(visit, "settings/erased.html", certificate=certificate)


async def ask_to_leave(visit: Visit) -> Response:
    """Asks for the project's name before a member leaves."""
    return kit.render(visit, "settings/leave.html", form=Form())


async def leave(visit: Visit) -> Response:
    """Removes the person who is signed in from the project."""
    form = Form.submitted(visit.form)
    if form.get("name") != visit.project.name:
        form.errors["name"] = f"Expected {visit.project.name}."
        return kit.render_refused(visit, "settings/leave.html", form)
    if visit.person.user is None:
        raise Conflict("You came by a sign-in link, without a user, so there is no membership to end.")
    try:
        await members.remove(visit.ctx, visit.project.id, visit.person.user.id)
    except Conflict as error:
        return kit.render_refused(visit, "settings/leave.html", form, error)
    return kit.redirect(visit, "/", notice=f"You have left {visit.project.name}.")


async def show_members(visit: Visit) -> Response:
    """Shows the members and the open invitations."""
    return await _show_members(visit)


async def _show_members(visit: Visit, error: Refused | None = None) -> Response:
    found = await members.list_members(visit.ctx, visit.project.id)
    is_owner = visit.person.may("owner")
    invitations = await members.list_invitations(visit.ctx, visit.project.id) if is_owner else []
    values: dict[str, Any] = {"tabs": tabs(visit), "members": found, "invitations": invitations, "roles": ROLES}
    if error is not None:
        return kit.render_refused(visit, "settings/members.html", Form(), error, **values)
    return kit.render(visit, "settings/members.html", form=Form(), **values)


async def ask_to_invite(visit: Visit) -> Response:
    """Asks for the address and the role of a new member."""
    return _show_invite(visit, Form({"role": "developer"}))


def _show_invite(visit: Visit, form: Form, error: Refused | None = None) -> Response:
    roles = [(role, role.capitalize(), ROLE_NOTES[role]) for role in ROLES]
    if error is not None or form.is_refused:
        return kit.render_refused(visit, "settings/invite.html", form, error, roles=roles)
    return kit.render(visit, "settings/invite.html", form=form, roles=roles)


async def invite(visit: Visit) -> Response:
    """Invites a person, and shows the link, once."""
    form = Form.submitted(visit.form)
    role = form.get("role")
    if role not in ROLES:
        form.errors["role"] = "Choose a role."
        return _show_invite(visit, form)
    try:
        invitation, link = await members.invite(visit.ctx, visit.project.id, email=form.get("email"), role=role)
    except (Invalid, Conflict) as error:
        return _show_invite(visit, form, error)
    text = f"{invitation.email} joins {visit.project.name} as {invitation.role} with this link, once, until "
    return _show_link(visit, f"{invitation.email} is invited", text + formats.exact(invitation.expires_at), link)


def _show_link(visit: Visit, title: str, text: str, link: str) -> Response:
    return kit.render(visit, "settings/made_link.html", 201, heading=title, text=text, link=link)


async def change_role(visit: Visit) -> Response:
    """Changes a member's role."""
    role = Form.submitted(visit.form).get("role")
    if role not in ROLES:
        return await _show_members(visit, Invalid(f"Expected one of the roles {', '.join(ROLES)}."))
    member = await _find(visit)
    try:
        await members.change_role(visit.ctx, visit.project.id, member.user.id, role)
    except Conflict as error:
        return await _show_members(visit, error)
    notice = f"{member.user.email} has the role {role} from now on."
    return kit.redirect(visit, f"{visit.base}/settings/members", notice=notice)


async def make_reset_link(visit: Visit) -> Response:
    """Shows a link that lets a member choose a new password, once."""
    member = await _find(visit)
    link = await users.make_reset_link(visit.ctx, member.user.id)
    text = "It works once, within an hour. Until then the old password goes on working."
    return _show_link(visit, f"A new password for {member.user.email}", text, link)


async def _find(visit: Visit) -> Member:
    for member in await members.list_members(visit.ctx, visit.project.id):
        if member.user.id == visit.param("id"):
            return member
    raise NotFound("This person is not a member of the project.")


async def ask_to_remove(visit: Visit) -> Response:
    """Asks for confirmation before a member is removed."""
    return kit.render(visit, "settings/remove.html", member=await _find(visit), form=Form())


async def remove(visit: Visit) -> Response:
    """Removes a member."""
    member = await _find(visit)
    try:
        await members.remove(visit.ctx, visit.project.id, member.user.id)
    except Conflict as error:
        return kit.render_refused(visit, "settings/remove.html", Form(), error, member=member)
    notice = f"{member.user.email} is no longer a member of {visit.project.name}."
    is_self = visit.person.user is not None and visit.person.user.id == member.user.id
    return kit.redirect(visit, "/" if is_self else f"{visit.base}/settings/members", notice=notice)


async def revoke_invitation(visit: Visit) -> Response:
    """Withdraws an invitation."""
    await members.revoke_invitation(visit.ctx, visit.project.id, visit.param("id"))
    return kit.redirect(visit, f"{visit.base}/settings/members", notice="Invitation withdrawn. Its link has ended.")


def _read_filter(visit: Visit, asked: dict[str, str]) -> AuditFilter:
    days = PERIODS.get(asked["period"], ("", 0))[1]
    is_kind = asked["by"] in ACTOR_KINDS and asked["by"] in get_args(ActorKind)
    return AuditFilter(
        action=asked["action"] if asked["action"] in ACTIONS else None,
        actor_kind=cast(ActorKind, asked["by"]) if is_kind else None,
        object_id=asked["q"] or None,
        since=visit.ctx.now() - timedelta(days=days) if days else None,
    )


def _asked(visit: Visit) -> dict[str, str]:
    query = visit.request.query_params
    return {name: query.get(name, "").strip()[:320] for name in ("q", "action", "by", "period", "before")}


async def show_audit_log(visit: Visit) -> Response:
    """Shows who changed or revealed what, newest first; the filters and the cursor are in the URL."""
    asked = _asked(visit)
    wanted = _read_filter(visit, asked)
    try:
        found = await audit.list_entries(
            visit.ctx, visit.project.id, wanted, before=asked["before"] or None, limit=PAGE + 1
        )
    except Unavailable as error:
        shown = {**_audit_values(visit, asked), "entries": [], "first": None, "following": None}
        return kit.render_unavailable(visit, "settings/audit_log.html", error, **shown)
    return kit.render(
        visit,
        "settings/audit_log.html",
        problem=None,
        entries=found[:PAGE],
        **kit.page_links(visit, [one.id for one in found], PAGE),
        **_audit_values(visit, asked),
    )


def _audit_values(visit: Visit, asked: dict[str, str]) -> dict[str, Any]:
    selects = [
        ("action", "Every action", list(ACTIONS.items()), asked["action"]),
        ("by", "By anybody", list(ACTOR_KINDS.items()), asked["by"]),
        ("period", "Any time", [(name, text) for name, (text, _) in PERIODS.items()], asked["period"]),
    ]
    words = {"action": ACTIONS, "by": ACTOR_KINDS, "period": {name: text for name, (text, _) in PERIODS.items()}}
    chips = [
        (words.get(name, {}).get(value, value), kit.with_query(visit.request, **{name: None, "before": None}))
        for name, value in asked.items()
        if value and name != "before"
    ]
    export = kit.with_query(visit.request, before=None).partition("?")[2]
    return {
        "tabs": tabs(visit),
        "asked": asked,
        "selects": selects,
        "chips": chips,
        "actions": ACTIONS,
        "actor_kinds": ACTOR_KINDS,
        "export": f"{visit.base}/settings/audit-log/export" + (f"?{export}" if export else ""),
    }


async def export_audit_log(visit: Visit) -> Response:
    """Sends the entries that the filters leave, one JSON object a line."""
    entries = audit.export(visit.ctx, visit.project.id, _read_filter(visit, _asked(visit)))
    name = f"audit-log-{datetime.now(UTC):%Y-%m-%d}.jsonl"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return StreamingResponse(_lines(entries), media_type="application/x-ndjson", headers=headers)


async def _lines(entries: AsyncIterator[AuditEntry]) -> AsyncIterator[str]:
    async for entry in entries:
        actor = entry.actor
        line: dict[str, Any] = {
            "id": entry.id,
            "at": stamp(entry.at),
            "actor": {"kind": actor.kind, "id": actor.id, "name": actor.name, "address": actor.address},
            "action": entry.action,
            "description": ACTIONS.get(entry.action, entry.action),
            "object_id": entry.object_id,
            "detail": entry.detail,
        }
        yield json.dumps(line, ensure_ascii=False) + "\n"
