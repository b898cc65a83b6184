"""The user's own page: sessions, password, two-factor sign-in."""

from __future__ import annotations

from typing import Any

import segno
from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.errors import BadRequest, Conflict, Forbidden, Invalid, Refused
from greenroom.model.people import User
from greenroom.services import sessions, users
from greenroom.web import access, kit
from greenroom.web.access import Visit
from greenroom.web.forms import Form

PAGE = "me/me.html"
#: characters that a QR code can hold
LONGEST_URI = 1000


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [
        kit.route("/me", show_me),
        kit.route("/me/user", create_user, methods=("POST",)),
        kit.route("/me/password", change_password, methods=("POST",)),
        kit.route("/me/sessions/end-others", end_others, methods=("POST",)),
        kit.route("/me/sessions/{id}/end", end_session, methods=("POST",)),
        kit.route("/me/two-factor", start_totp, methods=("POST",)),
        kit.route("/me/two-factor/confirm", confirm_totp, methods=("POST",)),
        kit.route("/me/two-factor/codes", replace_codes, methods=("POST",)),
        kit.route("/me/two-factor/off", disable_totp, methods=("POST",)),
    ]


def _user(visit: Visit) -> User:
    if visit.person.user is None:
        raise Forbidden("You came by a sign-in link, without a user. Create your user on your own page first.")
    return visit.person.user


async def _values(visit: Visit) -> dict[str, Any]:
    user = visit.person.user
    codes = await users.count_recovery_codes(visit.ctx, user.id) if user and user.has_totp else 0
    found = await sessions.list_sessions(visit.ctx, user.id if user else None)
    return {"user": user, "sessions": found, "codes_left": codes}


async def show_me(visit: Visit) -> Response:
    """Shows the user, their sessions, and how they sign in."""
    return kit.render(visit, PAGE, form=Form(), part=None, **await _values(visit))


async def _refused(visit: Visit, part: str, form: Form, error: Refused) -> Response:
    if error.status == 429 or error.status >= 500:
        raise error
    return kit.render_refused(visit, PAGE, form, error, part=part, **await _values(visit))


async def create_user(visit: Visit) -> Response:
    """Creates the user of the first owner, who came by a sign-in link, as an owner of every project."""
    form = Form.submitted(visit.form)
    try:
        user = await users.create(
            visit.ctx,
            email=form.get("email"),
            name=form.get("name"),
            password=str(form.values.get("password", "")),
            project_ids=[one.id for one in visit.projects],
        )
    except (Invalid, Conflict) as error:
        return await _refused(visit, "user", form, error)
    return kit.redirect(visit, "/me", notice=f"User {user.email} created. Sign out, and sign in with the password.")


async def change_password(visit: Visit) -> Response:
    """Changes the password; other sessions end."""
    user, form = _user(visit), Form.submitted(visit.form)
    old, new = (str(form.values.get(name, "")) for name in ("old", "password"))
    client, keep = access.find_client(visit.request), visit.person.identity.session_id
    try:
        await users.change_password(visit.ctx, user.id, old, new, client=client, keep_session_id=keep)
    except Refused as error:
        return await _refused(visit, "password", form, error)
    return kit.redirect(visit, "/me", notice="Password changed. Your other sessions have ended.")


async def end_session(visit: Visit) -> Response:
    """Ends one of the user's sessions."""
    user = visit.person.user
    await sessions.end_session(visit.ctx, user.id if user else None, visit.param("id"))
    return kit.redirect(visit, "/me", notice="Session ended.")


async def end_others(visit: Visit) -> Response:
    """Ends all of the user's sessions but this one."""
    await sessions.end_others(visit.ctx, _user(visit).id, visit.person.identity.session_id)
    return kit.redirect(visit, "/me", notice="Your other sessions have ended.")


def draw_qr(uri: str) -> Markup:
    """Returns a URI as a QR code: an SVG element of black on white, in both themes, without a script or a style."""
    code = segno.make(uri[:LONGEST_URI], error="m")
    title = "QR code of the key, for the authenticator app"
    svg = code.svg_inline(dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None, title=title)
    return Markup(svg)  # noqa: S704 - the URI is drawn, not written


async def start_totp(visit: Visit) -> Response:
    """Shows a new secret for the authenticator app, and asks for its code."""
    secret, uri = await users.start_totp(visit.ctx, _user(visit).id)
    return kit.render(visit, "me/two_factor.html", form=Form({"secret": secret, "uri": uri}), qr=draw_qr(uri))


async def confirm_totp(visit: Visit) -> Response:
    """Turns two-factor sign-in on, and shows the recovery codes, once."""
    form = Form.submitted(visit.form)
    if not form.get("secret") or not form.get("uri").startswith("otpauth://"):
        raise BadRequest("The form is incomplete. Start again on your own page.")
    try:
        codes = await users.confirm_totp(visit.ctx, _user(visit).id, form.get("code"))
    except Invalid as error:
        return kit.render_refused(visit, "me/two_factor.html", form, error, qr=draw_qr(form.get("uri")))
    return kit.render(visit, "me/codes.html", codes=codes)


async def replace_codes(visit: Visit) -> Response:
    """Shows new recovery codes, once; the old ones end."""
    return kit.render(visit, "me/codes.html", codes=await users.replace_recovery_codes(visit.ctx, _user(visit).id))


async def disable_totp(visit: Visit) -> Response:
    """Turns two-factor sign-in off; asks for the password again."""
    user, form = _user(visit), Form.submitted(visit.form)
    password = str(form.values.get("current", ""))
    try:
        await users.disable_totp(visit.ctx, user.id, password, client=access.find_client(visit.request))
    except Refused as error:
        return await _refused(visit, "two-factor", form, error)
    return kit.redirect(visit, "/me", notice="Two-factor sign-in is off.")
