"""The hub's page: its look with a live preview, the origins that may embed it, and code to put it into a product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.errors import Invalid, Refused
from greenroom.hub import assets
from greenroom.model.hub import (
    DEFAULT_ACCENT,
    LONGEST_NAME,
    MOST_ORIGINS,
    ON_ACCENT,
    Branding,
    HubSettings,
    check_accent,
    check_logo,
    check_origin,
    get_contrast,
)
from greenroom.services import hub_settings
from greenroom.web import auth_links, hub_snippets, kit
from greenroom.web.access import Visit
from greenroom.web.forms import Form

TEMPLATE = "hub/hub.html"
LONGEST_URL = 2000
#: problems of origins, and refused origins, that the page names
SHOWN_PROBLEMS = 5
SHOWN_REFUSED = 5


def routes() -> list[BaseRoute]:
    """Returns the routes of this page."""
    return [
        kit.in_project("/hub", show),
        kit.in_project("/hub", save, role="developer", methods=("POST",)),
        kit.in_project("/hub/preview", go_back),
        kit.in_project("/hub/preview", preview, role="developer", methods=("POST",)),
    ]


async def show(visit: Visit) -> Response:
    """Shows the saved settings."""
    stored = await hub_settings.get(visit.ctx, visit.project.id)
    return await _show(visit, _form_of(stored))


async def save(visit: Visit) -> Response:
    """Saves the settings."""
    form = Form.submitted(visit.form)
    try:
        await hub_settings.put(visit.ctx, visit.project.id, _read(form))
    except Refused as error:
        return await _show(visit, form, error)
    return kit.redirect(visit, f"{visit.base}/hub", notice="The hub was saved.")


async def go_back(visit: Visit) -> Response:
    """Redirects a reloaded preview to the page."""
    return kit.redirect(visit, f"{visit.base}/hub")


async def preview(visit: Visit) -> Response:
    """Shows the hub in a frame, with the values of the form, saved or not, and a session for a test account."""
    form = Form.submitted(visit.form)
    try:
        opened = await auth_links.open_test_session(visit)
    except Refused as error:
        return await _show(visit, form, error)
    return await _show(visit, form, token=opened.token)


def _form_of(stored: HubSettings) -> Form:
    look = stored.branding
    return Form(
        {
            "product_name": look.product_name or "",
            "accent": look.accent or "",
            "logo_url": look.logo_url or "",
            "allowed_origins": "\n".join(stored.allowed_origins),
        }
    )


def _read(form: Form) -> HubSettings:
    """
    Returns the settings in the form.

    Raises:
        Invalid: some values are not possible; names the fields.
    """
    errors: list[str] = []

    def check(name: str, checked: Callable[[str], str]) -> str | None:
        try:
            return checked(form.get(name)) if form.get(name) else None
        except ValueError as error:
            errors.append(f"{name}: {error}")
            return None

    origins = check("allowed_origins", _check_origins) or ""
    look = Branding(check("accent", check_accent), check("logo_url", _check_logo), check("product_name", _check_name))
    if errors:
        raise Invalid("The hub was not saved.", errors=errors)
    return HubSettings(tuple(dict.fromkeys(origins.split())), look)


def _check_origins(text: str) -> str:
    """Returns the origins in a text, one a line; ValueError names those that are not exact origins."""
    found: list[str] = []
    problems: list[str] = []
    for line in text.split():
        try:
            found.append(check_origin(line))
        except ValueError as error:
            problems.append(f"{line[:100]}: {error}")
    if len(found) > MOST_ORIGINS:
        problems.append(f"expected at most {MOST_ORIGINS} origins")
    if problems:
        raise ValueError("; ".join(problems[:SHOWN_PROBLEMS]))
    return "\n".join(found)


def _check_logo(text: str) -> str:
    if len(text) > LONGEST_URL:
        raise ValueError(f"expected at most {LONGEST_URL} characters")
    return check_logo(text)


def _check_name(text: str) -> str:
    if len(text) > LONGEST_NAME or not text.isprintable():
        raise ValueError(f"expected one line of at most {LONGEST_NAME} characters")
    return text


async def _show(visit: Visit, form: Form, error: Refused | None = None, *, token: str | None = None) -> Response:
    script = assets.load_script()
    url = visit.ctx.settings.public_url
    snippets = hub_snippets.render(url=url, script=script.path, integrity=script.integrity)
    refused = await hub_settings.list_refused_origins(visit.ctx, visit.project.id)
    values: dict[str, Any] = {"token": token, "look": _look(form), "refused": refused[:SHOWN_REFUSED], **snippets}
    if error is not None:
        return kit.render_refused(visit, TEMPLATE, form, error, **values)
    return kit.render(visit, TEMPLATE, headers=kit.FRAMED if token else None, form=form, **values)


def _look(form: Form) -> dict[str, Any]:
    """Returns the accent that the page shows, its contrast with the text on it, and the default accent."""
    try:
        accent = check_accent(form.get("accent"))
    except ValueError:
        accent = DEFAULT_ACCENT
    contrast = int(get_contrast(accent, ON_ACCENT) * 10) / 10  # rounded down: 4.46 must not be shown as 4.5
    return {"accent": accent, "contrast": contrast, "default": DEFAULT_ACCENT}
