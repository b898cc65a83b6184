"""API keys: the list, a new key that is shown once, and revoking one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.errors import Invalid, NotFound, Unavailable
from greenroom.model.projects import SCOPES, ApiKey, Scope
from greenroom.services import projects
from greenroom.web import kit
from greenroom.web.access import Visit
from greenroom.web.forms import Form

#: keys that the list shows; those that ended long ago are left out first
MOST = 200
#: the permissions of each scope, for the form and the list
SCOPE_NOTES = {
    "read": "Read orders, accounts, deliveries and webhooks.",
    "write": "Also send results and progress, retry and replay.",
    "admin": "Everything, configuration and secrets too.",
}
#: lifetimes that the form offers, in days
LIVES = {"": "Does not expire", "30": "30 days", "90": "90 days", "365": "1 year"}


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [
        kit.in_project("/api-keys", show_list),
        kit.in_project("/api-keys/new", ask_for_key, role="owner"),
        kit.in_project("/api-keys/new", create, role="owner", methods=("POST",)),
        kit.in_project("/api-keys/{id}/revoke", ask_to_revoke, role="owner"),
        kit.in_project("/api-keys/{id}/revoke", revoke, role="owner", methods=("POST",)),
    ]


async def show_list(visit: Visit) -> Response:
    """Shows the project's keys: live ones first, each group newest first."""
    try:
        keys = await projects.list_keys(visit.ctx, visit.project.id)
    except Unavailable as error:
        return kit.render_unavailable(visit, "api_keys/list.html", error, keys=[])
    now = visit.ctx.now()
    shown = [(key, find_state(key, visit)) for key in reversed(keys)]
    shown.sort(key=lambda one: one[1] != "active")
    soon = {key.id for key in keys if key.expires_at and now < key.expires_at < now + timedelta(days=7)}
    return kit.render(visit, "api_keys/list.html", problem=None, keys=shown[:MOST], soon=soon)


def find_state(key: ApiKey, visit: Visit) -> str:
    """Returns whether a key is active, revoked or expired."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= visit.ctx.now() else "active"


async def ask_for_key(visit: Visit) -> Response:
    """Asks for the name, the scope and the lifetime of a new key."""
    return _show_form(visit, Form({"scope": "write"}))


def _show_form(visit: Visit, form: Form, error: Invalid | None = None) -> Response:
    scopes = [(scope, scope.capitalize(), SCOPE_NOTES[scope]) for scope in SCOPES]
    values: dict[str, Any] = {"scopes": scopes, "lives": list(LIVES.items())}
    if form.is_refused or error is not None:
        return kit.render_refused(visit, "api_keys/new.html", form, error, **values)
    return kit.render(visit, "api_keys/new.html", form=form, **values)


async def create(visit: Visit) -> Response:
    """Creates a key, and shows it, once."""
    form = Form.submitted(visit.form)
    scope, lives = form.get("scope"), form.get("lives")
    if scope not in SCOPES:
        form.errors["scope"] = "Choose what the key may do."
    if lives not in LIVES:
        form.errors["lives"] = "Choose one of the lifetimes."
    if form.errors:
        return _show_form(visit, form)
    expires_at = visit.ctx.now() + timedelta(days=int(lives)) if lives else None
    name, project = form.get("name"), visit.project.name
    try:
        key = await projects.create_key(
            visit.ctx, name=name, project=project, scope=cast(Scope, scope), expires_at=expires_at
        )
    except Invalid as error:
        return _show_form(visit, form, error)
    return kit.render(visit, "api_keys/created.html", 201, key=key, name=name, scope=scope, expires_at=expires_at)


async def _find(visit: Visit) -> ApiKey:
    for key in await projects.list_keys(visit.ctx, visit.project.id):
        if key.id == visit.param("id") and key.revoked_at is None:
            return key
    raise NotFound("This key was revoked already, or never existed.")


async def ask_to_revoke(visit: Visit) -> Response:
    """Asks for confirmation: programs with the key are refused from then on."""
    return kit.render(visit, "api_keys/revoke.html", key=await _find(visit))


async def revoke(visit: Visit) -> Response:
    """Revokes a key."""
    key = await _find(visit)
    await projects.revoke_key(visit.ctx, key.id, project_id=visit.project.id)
    return kit.redirect(
        visit, f"{visit.base}/api-keys", notice=f"Key “{key.name}” revoked. Nobody can use it any more."
    )
