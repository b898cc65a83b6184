"""Integrations: the list with each connector's state, and the switch that enables one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.connectors import discover
from greenroom.connectors.contract import Manifest
from greenroom.errors import Invalid, NotFound, Unavailable
from greenroom.model.check_labels import AUTHENTICATION_TYPES, CATEGORIES, CONFIGURATION
from greenroom.model.checks import CheckResult
from greenroom.model.integrations import Integration
from greenroom.services import accounts, checks, integrations
from greenroom.web import configuration, kit
from greenroom.web.access import Visit

LONGEST_SEARCH = 100


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [
        kit.in_project("/integrations", show_list),
        kit.in_project("/integrations/{provider}/enabled", set_enabled, role="developer", methods=("POST",)),
        kit.in_project("/integrations/{provider}/disable", ask_to_disable, role="developer"),
        kit.in_project("/integrations/{provider}/disable", disable, role="developer", methods=("POST",)),
        *configuration.routes(),
    ]


@dataclass(frozen=True)
class Row:
    """A connector as the list shows it; `integration` is None before it was configured."""

    manifest: Manifest
    integration: Integration | None
    accounts: int
    problem: CheckResult | None

    @property
    def is_enabled(self) -> bool:
        """Returns whether end-users can link their accounts."""
        return self.integration is not None and self.integration.enabled

    @property
    def state(self) -> tuple[str, str]:
        """Returns the name of the state's look and its word."""
        if self.integration is None:
            return "todo", "Not enabled"
        if not self.integration.enabled:
            return "disabled", "Disabled"
        return ("attention", "Needs attention") if self.problem else ("enabled", "Enabled")

    @property
    def authentication_type(self) -> str | None:
        """Returns the label of the authentication type."""
        if self.integration is None:
            return None
        found = str(self.integration.settings.get("authentication_type", ""))
        return AUTHENTICATION_TYPES.get(found, found)

    @property
    def categories(self) -> str:
        """Returns the categories that the connector can order."""
        return ", ".join(CATEGORIES[one] for one in self.manifest.categories)


async def show_list(visit: Visit) -> Response:
    """Shows every connector with its state; the filters are in the URL."""
    query = visit.request.query_params
    asked = {"q": query.get("q", "").strip()[:LONGEST_SEARCH], "only": "on" if query.get("only") else ""}
    values: dict[str, Any] = {"asked": asked, "rows": [], "total": len(discover())}
    known = [checks.Ats(key, one.manifest.name, one.manifest.calls) for key, one in discover().items()]
    try:
        found = await checks.run(visit.ctx, visit.project.id, known)
    except Unavailable as error:
        return kit.render_unavailable(visit, "integrations/list.html", error, **values)
    rows = [_row(found, one.manifest) for one in discover().values()]
    shown = [one for one in rows if _matches(one, asked)]
    return kit.render(visit, "integrations/list.html", problem=None, **{**values, "rows": shown})


async def set_enabled(visit: Visit) -> Response:
    """Enables or disables an integration; leads to its configuration where that is needed first."""
    manifest = configuration.get_connector(visit).manifest
    enable = "on" in visit.form.get("enabled", [])
    path = f"{visit.base}/integrations/{manifest.provider}"
    if not enable and await accounts.list_page(visit.ctx, visit.project.id, provider=manifest.provider, limit=1):
        return kit.redirect(visit, f"{path}/disable")
    try:
        await integrations.set_enabled(visit.ctx, visit.project.id, manifest.provider, enable)
    except (NotFound, Invalid):
        return kit.redirect(
            visit, f"{path}/configuration", notice=f"Complete the configuration to enable {manifest.name}."
        )
    said = "enabled" if enable else "disabled"
    return kit.redirect(visit, f"{visit.base}/integrations", notice=f"{manifest.name} is {said}.")


async def ask_to_disable(visit: Visit) -> Response:
    """Asks for a confirmation, since linked accounts stop working."""
    manifest = configuration.get_connector(visit).manifest
    linked = await integrations.count_accounts(visit.ctx, visit.project.id, manifest.provider)
    back = f"{visit.base}/integrations"
    return kit.render(visit, "integrations/disable.html", manifest=manifest, linked=linked, back=back)


async def disable(visit: Visit) -> Response:
    """Disables an integration although accounts are linked."""
    manifest = configuration.get_connector(visit).manifest
    await integrations.set_enabled(visit.ctx, visit.project.id, manifest.provider, False)
    return kit.redirect(visit, f"{visit.base}/integrations", notice=f"{manifest.name} is disabled.")


def _row(found: checks.Checklist, manifest: Manifest) -> Row:
    integration = found.configured.get(manifest.provider)
    problems = [one for one in found.results if one.state == "action_needed" and one.section == CONFIGURATION]
    is_checked = integration is not None and found.ats.provider == manifest.provider
    problem = problems[0] if problems and is_checked else None
    return Row(manifest, integration, found.accounts.get(manifest.provider, 0), problem)


def _matches(row: Row, asked: dict[str, str]) -> bool:
    is_named = asked["q"].casefold() in f"{row.manifest.name} {row.manifest.provider}".casefold()
    return is_named and (row.is_enabled or not asked["only"])
