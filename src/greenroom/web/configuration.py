"""The dialog *Greenhouse - Configuration* as a page: save, test the list endpoint, reveal and rotate the secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.catalog import TEST_ACCOUNT, Catalog, Probe
from greenroom.connectors import discover
from greenroom.connectors.contract import Connector
from greenroom.errors import NotFound, Refused
from greenroom.model.integrations import Integration
from greenroom.outbound import OutgoingCall, recording_calls
from greenroom.security import masks
from greenroom.services import accounts, integrations
from greenroom.web import configuration_fields as fields
from greenroom.web import findings, kit
from greenroom.web.access import Visit
from greenroom.web.forms import Form

PATH = "/integrations/{provider}/configuration"
TEMPLATE = "integrations/configuration.html"
#: accounts that *Test endpoint* offers
MOST_ACCOUNTS = 25
#: names of packages that a test shows, and bytes of an answer
SHOWN_PACKAGES = 10
SHOWN_BYTES = 4096


def routes() -> list[BaseRoute]:
    """Returns the routes of this dialog."""
    return [
        kit.in_project(PATH, show),
        kit.in_project(PATH, save, role="developer", methods=("POST",)),
        *[kit.in_project(f"{PATH}/{action}", go_back) for action in ("test", "reveal", "rotate")],
        kit.in_project(f"{PATH}/test", test, role="developer", methods=("POST",)),
        kit.in_project(f"{PATH}/reveal", reveal, role="developer", methods=("POST",)),
        kit.in_project(f"{PATH}/rotate", rotate, role="developer", methods=("POST",)),
    ]


@dataclass(frozen=True)
class Test:
    """A test of the list endpoint: its outcome, the account it was made for, and the recorded exchange."""

    probe: Probe
    account: str
    calls: tuple[OutgoingCall, ...]
    is_saved: bool
    key: str | None

    @property
    def exchange(self) -> list[dict[str, Any]]:
        """Returns the calls with credentials hidden."""
        return [
            {
                "status": call.status or call.error,
                "request_headers": [("POST", masks.text(call.url)), *masks.headers(call.request_headers).items()],
                "request": masks.body(call.request_body or b"", cut=False),
                "response_headers": list(masks.headers(call.response_headers or {}).items()),
                "response": masks.body(self._hide_key(call.response_body), cut=len(call.response_body) > SHOWN_BYTES),
            }
            for call in self.calls
        ]

    def _hide_key(self, body: bytes) -> bytes:
        """Returns the beginning of a body; the key of the endpoint is hidden if the endpoint repeats it."""
        if self.key:
            for sent in (self.key, json.dumps(self.key)[1:-1], base64.b64encode(f"{self.key}:".encode()).decode()):
                body = body.replace(sent.encode(), masks.HIDDEN.encode())
        return body[:SHOWN_BYTES]


def get_connector(visit: Visit) -> Connector:
    """
    Returns the connector in the page's address.

    Raises:
        NotFound: there is none; names the known ones.
    """
    found = discover().get(visit.param("provider"))
    if found is None:
        raise NotFound(f"There is no integration {visit.param('provider')[:60]!r}. Known: {', '.join(discover())}.")
    return found


async def find(visit: Visit) -> Integration | None:
    """Returns the stored integration in the page's address, or None."""
    provider = get_connector(visit).manifest.provider
    try:
        return await integrations.get(visit.ctx, visit.project.id, provider)
    except NotFound:
        return None


async def show(visit: Visit) -> Response:
    """Shows the stored configuration."""
    stored = await find(visit)
    return kit.render(visit, TEMPLATE, **await _values(visit, stored, fields.form_of(get_connector(visit), stored)))


async def go_back(visit: Visit) -> Response:
    """Redirects a reloaded result to the dialog."""
    return kit.redirect(visit, _address(visit))


async def save(visit: Visit) -> Response:
    """Saves the configuration unless another person has changed it since the form was opened."""
    connector, form = get_connector(visit), Form.submitted(visit.form)
    stored = await find(visit)
    values = _read(visit, connector, form, stored)
    if form.is_refused:
        return kit.render(visit, TEMPLATE, 422, **await _values(visit, stored, form))
    try:
        await integrations.put(
            visit.ctx, visit.project.id, connector.manifest.provider, values,
            secret_settings=_secrets(connector), confirm=form.has("confirm"), version=form.get("version") or None,
        )  # fmt: skip
    except Refused as error:
        form.refuse(error)
        _reword(form)
        changes = None
        if error.code == "ChangedMeanwhile":
            stored = await find(visit)
            changes = fields.describe_changes(connector, _snapshot(form), fields.snapshot_of(connector, stored), form)
        shown = await _values(visit, stored, form, changes=changes, code=error.code)
        return kit.render(visit, TEMPLATE, error.status if error.status == 409 else 422, **shown)
    return kit.redirect(visit, f"{visit.base}/integrations", notice=f"{connector.manifest.name} was saved.")


async def test(visit: Visit) -> Response:
    """Calls the list endpoint with the values of the form, saved or not, and shows the exchange."""
    connector, form = get_connector(visit), Form.submitted(visit.form)
    stored = await find(visit)
    values = _read(visit, connector, form, stored)
    if not values["packages_url"]:
        form.errors.setdefault("packages_url", "Enter the URL that is to be tested.")
    if form.error("packages_url"):
        form.summary = "The endpoint was not called."
        return kit.render(visit, TEMPLATE, 422, **await _values(visit, stored, form))
    form.errors.clear()
    form.summary = None
    draft = await integrations.draft(
        visit.ctx, visit.project.id, connector.manifest.provider, values, secret_settings=_secrets(connector)
    )
    account_id, name = await _test_account(visit, form.get("test_account"))
    catalog: Catalog = visit.request.app.state.catalog
    with recording_calls() as calls:
        probe = await catalog.test(draft, account_id)
    made = Test(probe, name, tuple(calls), is_saved=stored is not None, key=draft.packages_api_key)
    return kit.render(visit, TEMPLATE, **await _values(visit, stored, form, test=made))


async def reveal(visit: Visit) -> Response:
    """Shows the dialog with the signing secret."""
    form = Form.submitted(visit.form)
    stored = await find(visit)
    if stored is not None:
        stored = await integrations.reveal(visit.ctx, visit.project.id, stored.provider)  # records who saw it
    secret = stored.signing_secret if stored else None
    return kit.render(visit, TEMPLATE, **await _values(visit, stored, form, secret=secret))


async def rotate(visit: Visit) -> Response:
    """Creates a new signing secret and shows it; the previous one also signs for a day."""
    form = Form.submitted(visit.form)
    before = await find(visit)
    stored = await integrations.rotate_signing_secret(visit.ctx, visit.project.id, visit.param("provider"))
    if form.get("version") == integrations.get_version(before):  # the rotation is no change by another person
        form.values = {**form.values, "version": integrations.get_version(stored)}
    values = await _values(visit, stored, form, secret=stored.signing_secret, rotated=True)
    return kit.render(visit, TEMPLATE, **values)


def _secrets(connector: Connector) -> tuple[str, ...]:
    return tuple(one.name for one in connector.configuration_fields if one.secret)


def _read(visit: Visit, connector: Connector, form: Form, stored: Integration | None) -> dict[str, Any]:
    values = fields.read(connector, form, stored, allow_http=visit.ctx.settings.allow_http)
    return {**values, "enabled": stored.enabled if stored else True}


async def _values(visit: Visit, stored: Integration | None, form: Form, **more: Any) -> dict[str, Any]:
    """Returns the template's values."""
    connector, ctx = get_connector(visit), visit.ctx
    provider = connector.manifest.provider
    called = await integrations.last_called(ctx, visit.project.id, provider)
    linked = await accounts.list_page(ctx, visit.project.id, provider=provider, limit=MOST_ACCOUNTS)
    tenant = form.get("tenant_id") or (stored.tenant_id if stored else None)
    urls = connector.endpoints(ctx.settings.public_url, tenant)
    is_new = more.get("changes") is not None or not form.get("version")
    opened_version = integrations.get_version(stored) if is_new else form.get("version")
    opened = fields.snapshot_of(connector, stored) if is_new else _snapshot(form)
    return {
        "form": form,
        "fields": fields.fields_of(connector),
        "others": [name for name in fields.fields_of(connector) if name not in fields.FIELDS],
        "manifest": connector.manifest,
        "stored": stored,
        "tails": fields.saved_tails(connector, stored),
        "version": opened_version,
        "snapshot": json.dumps(opened),
        "endpoints": [(name, _at(called.get(name)), url) for name, url in urls.items()],
        "test_accounts": [*[(one.id, one.origin_owner_name) for one in linked], (TEST_ACCOUNT, "No account")],
        "back": f"{visit.base}/integrations",
        "found": await findings.about(visit, provider),
        "address": _address(visit),
        "test": None, "secret": None, "rotated": False, "changes": None, "code": None, **more,
    }  # fmt: skip


async def _test_account(visit: Visit, asked: str) -> tuple[str, str]:
    """Returns the account id and the customer's name for a test; without an account a made-up id."""
    with suppress(NotFound):
        if asked and asked != TEST_ACCOUNT:
            account = await accounts.get(visit.ctx, visit.project.id, asked)
            return account.id, account.origin_owner_name
    return TEST_ACCOUNT, "no account"


def _address(visit: Visit) -> str:
    return f"{visit.base}/integrations/{get_connector(visit).manifest.provider}/configuration"


def _snapshot(form: Form) -> Mapping[str, Any]:
    """Returns the stored values when the form was opened; forged or missing ones count as none."""
    try:
        found = json.loads(form.get("snapshot") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def _reword(form: Form) -> None:
    """Replaces the API's words about missing packages by the dialog's."""
    for name in ("packages_url", "package_id"):
        if (form.error(name) or "").startswith("Required, unless"):
            form.errors[name] = "Enter the URL of your list endpoint, or a Package ID."
            form.summary = "The configuration was not saved: recruiters would have no packages to choose."
