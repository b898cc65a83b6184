"""Pages behind links that are sent to people: an invitation, and a new password. Looking uses up nothing."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from greenroom.context import Context
from greenroom.errors import Conflict, Invalid, Refused
from greenroom.model.people import Invitation, User
from greenroom.services import members, users
from greenroom.web import access, kit
from greenroom.web.forms import Form
from greenroom.web.sign_in import open_session

INVITATION = "sign_in/invitation.html"
RESET = "sign_in/reset.html"


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [
        Route("/invitations/{token}", kit.public(show_invitation), methods=["GET"]),
        Route("/invitations/{token}", kit.public(accept), methods=["POST"]),
        Route("/reset-password/{token}", kit.public(show_reset), methods=["GET"]),
        Route("/reset-password/{token}", kit.public(reset), methods=["POST"]),
    ]


async def show_invitation(request: Request, ctx: Context) -> Response:
    """Shows who is invited to what, and asks for a password; a user signs in first."""
    try:
        invitation = await members.find_invitation(ctx, request.path_params["token"])
    except Refused as error:
        return _ended(request, error, "This invitation has ended")
    person = await access.find_person(ctx, request)
    user = person.user if person else None
    response = _show_invitation(request, invitation, Form(), user)
    if invitation.has_user and user is None:
        response.set_cookie(
            access.NEXT, quote(request.url.path), max_age=access.NEXT_LIVES_S, httponly=True, samesite="lax",
            secure=ctx.settings.is_https,
        )  # fmt: skip
    return response


def _show_invitation(
    request: Request, invitation: Invitation, form: Form, user: User | None, status: int = 200
) -> Response:
    return kit.render_public_form(
        request, INVITATION, status, headers=kit.SECRET_ADDRESS, invitation=invitation, form=form, user=user
    )


def _ended(request: Request, error: Refused, title: str) -> Response:
    return kit.refused(request, error, title=title if error.status == 404 else None)


async def accept(request: Request, ctx: Context) -> Response:
    """Uses up the invitation: makes the user and signs them in, or adds the user who is signed in."""
    form = Form.submitted(await access.read_public_form(ctx, request, without_referrer=True))
    token = request.path_params["token"]
    person = await access.find_person(ctx, request)
    user = person.user if person else None
    try:
        invitation = await members.find_invitation(ctx, token)
    except Refused as error:
        return _ended(request, error, "This invitation has ended")
    path = f"/projects/{invitation.project_id}"
    client = access.find_client(request)
    try:
        if not invitation.has_user:
            password = str(form.values.get("password", ""))
            signed_in = await members.accept(ctx, token, name=form.get("name"), password=password, client=client)
            return open_session(ctx, request, signed_in.token, path, kit.SECRET_ADDRESS)
        if person is not None and user is not None:
            await members.join(access.acting(ctx, request, person), token, user)
            return RedirectResponse(path, status_code=303, headers=kit.SECRET_ADDRESS)
    except (Invalid, Conflict) as error:
        return _show_invitation(request, invitation, form.refuse(error), user, error.status)
    except Refused as error:
        return _ended(request, error, "This invitation has ended")
    return RedirectResponse("/sign-in", status_code=303, headers=kit.SECRET_ADDRESS)


async def show_reset(request: Request, ctx: Context) -> Response:
    """Asks for a new password."""
    try:
        user = await users.find_reset(ctx, request.path_params["token"])
    except Refused as error:
        return _ended(request, error, "This link has ended")
    return _show_reset(request, user, Form())


def _show_reset(request: Request, user: User, form: Form, status: int = 200, *, done: bool = False) -> Response:
    return kit.render_public_form(request, RESET, status, headers=kit.SECRET_ADDRESS, user=user, form=form, done=done)


async def reset(request: Request, ctx: Context) -> Response:
    """Uses up the link: replaces the password."""
    form = Form.submitted(await access.read_public_form(ctx, request, without_referrer=True))
    token = request.path_params["token"]
    password = str(form.values.get("password", ""))
    try:
        user = await users.find_reset(ctx, token)
        try:
            await users.reset_password(ctx, token, password, access.find_client(request))
        except Invalid as error:
            return _show_reset(request, user, form.refuse(error), error.status)
    except Refused as error:
        return _ended(request, error, "This link has ended")
    return _show_reset(request, user, Form(), done=True)
