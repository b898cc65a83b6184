"""`greenroom apply` and `greenroom export`: projects, integrations, webhooks, hub and alerts as one TOML file."""

from __future__ import annotations

import asyncio
import os
import re
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tomli_w
import typer
from pydantic import Field, ValidationError, create_model

from greenroom.api.shapes import Label, StrictBody
from greenroom.api.v1.alerts import AlertsIn
from greenroom.api.v1.hub import HubIn, read_settings
from greenroom.api.v1.integrations import (
    BODIES,
    IntegrationPut,
    check_required,
    configured,
    get_connector,
    secret_settings,
    values_of,
)
from greenroom.api.v1.webhooks import WebhookIn, check_url, held_from
from greenroom.bootstrap import open_context
from greenroom.context import Context
from greenroom.model.alerts import AlertSettings
from greenroom.model.custom_headers import find_problem
from greenroom.model.hub import HubSettings
from greenroom.model.integrations import Integration
from greenroom.model.projects import Project
from greenroom.model.webhooks import Webhook
from greenroom.security.signatures import check_secret
from greenroom.services import alert_mails, custom_headers, hub_settings, integrations, projects, webhooks
from greenroom.settings import LONGEST_DAYS, Settings, SettingsError

REFERENCES = ("env:", "file:")
#: fields of a project that say how long data is kept, each with the function that sets it
RETENTION = {"retention_days": projects.keep_for, "order_retention_days": projects.keep_orders_for}
Data = Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")]


class WebhookEntry(WebhookIn):
    """
    A webhook in a file, identified by its name within the project.

    A missing `secret` is generated; without `headers`, they stay. `held_since` applies when the webhook is created or
    changed; a different `held_since` alone is no change.
    """

    secret: str | None = None


#: the integrations of a project, by provider
_BY_PROVIDER: dict[str, Any] = {provider: (body | None, None) for provider, body in BODIES.items()}
Integrations: Any = create_model("Integrations", __base__=StrictBody, **_BY_PROVIDER)


class ProjectEntry(StrictBody):
    """
    A project in a file.

    Without `retention_days`, GREENROOM_RETENTION_DAYS applies; without `order_retention_days`, orders keep their
    content; without `hub` or `alerts`, they stay.
    """

    name: Label
    retention_days: int | None = Field(None, ge=1, le=LONGEST_DAYS)
    order_retention_days: int | None = Field(None, ge=1, le=LONGEST_DAYS)
    integrations: Integrations = Field(default_factory=Integrations)
    webhooks: list[WebhookEntry] = Field(default_factory=list)
    hub: HubIn | None = None
    alerts: AlertsIn | None = None


class Configuration(StrictBody):
    """The content of a file."""

    projects: list[ProjectEntry] = Field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """One change of a plan: its line for the operator, and the function that makes it."""

    says: str
    does: Callable[[], Awaitable[object]]


def apply(
    file: Annotated[Path, typer.Argument(help="The TOML file, as `greenroom export` writes it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
) -> None:
    """
    Change projects, integrations and webhooks to match a file; prints the plan first.

    Anything that the file does not name is left unchanged. Secrets are references: env:NAME or file:PATH. Applying a
    file twice changes nothing.
    """
    asyncio.run(_apply(_read(file), yes=yes, settings=Settings.from_environment(data_dir=data)))


def export(data: Data = None) -> None:
    """Print projects, integrations and webhooks as TOML; secrets are printed as references to fill in."""
    asyncio.run(_export(Settings.from_environment(data_dir=data)))


async def _apply(wanted: Configuration, *, yes: bool, settings: Settings) -> None:
    async with open_context(settings) as ctx:
        steps = [step for entry in wanted.projects for step in await _plan(ctx, entry)]
        for step in steps:
            print(step.says)
        if not steps:
            print("Nothing to change.")
            return
        if not yes and not typer.confirm(f"Make {len(steps)} change(s)?"):
            raise typer.Exit(1)
        for step in steps:
            await step.does()
        print("Done.")


async def _plan(ctx: Context, entry: ProjectEntry) -> list[Step]:
    """Returns the changes that bring one project to its entry, in order."""
    project = await projects.find_by_name(ctx, entry.name)
    steps = _project_steps(ctx, project, entry)
    if entry.hub is not None:
        stored = await hub_settings.get(ctx, project.id) if project else HubSettings()
        steps += _hub_steps(ctx, entry.name, stored, read_settings(entry.hub))
    if entry.alerts is not None:
        present = await alert_mails.get(ctx, project.id) if project else AlertSettings()
        steps += _alert_steps(ctx, entry.name, present, entry.alerts)
    known = {one.provider: one for one in await integrations.list_integrations(ctx, project.id)} if project else {}
    for provider in entry.integrations.model_fields_set:
        body = getattr(entry.integrations, provider)
        connector = get_connector(provider)
        secret = secret_settings(connector)
        values = values_of(ctx, connector, _resolved(body, (*integrations.SECRETS, *secret)))
        await check_required(ctx, connector, project.id if project else "", values)
        wanted = _integration_steps(ctx, entry.name, provider, known.get(provider), values, confirm=bool(body.confirm))
        if wanted:
            owner, confirm = project.id if project else "", bool(body.confirm)
            await integrations.check(ctx, owner, provider, values, secret_settings=secret, confirm=confirm)
        steps += wanted
    there = {one.name: one for one in await webhooks.list_webhooks(ctx, project.id)} if project else {}
    for hook in entry.webhooks:
        check_url(ctx, hook.url)
        steps += _webhook_steps(ctx, entry.name, there.get(hook.name), hook)
    return steps


def _project_steps(ctx: Context, old: Project | None, entry: ProjectEntry) -> list[Step]:
    changed = [name for name in RETENTION if old is None or getattr(old, name) != getattr(entry, name)]
    if not changed:
        return []

    async def put() -> None:
        owner = await projects.ensure(ctx, entry.name)
        for name in changed:
            await RETENTION[name](ctx, owner.id, getattr(entry, name))

    return [Step(f"~ project {entry.name}: {', '.join(changed)}" if old else f"+ project {entry.name}", put)]


def _hub_steps(ctx: Context, project: str, old: HubSettings, new: HubSettings) -> list[Step]:
    if replace(old, updated_at=None) == new:
        return []

    async def put() -> None:
        owner = await projects.ensure(ctx, project)
        await hub_settings.put(ctx, owner.id, new)

    return [Step(f"~ hub {project}", put)]


def _alert_steps(ctx: Context, project: str, old: AlertSettings, new: AlertsIn) -> list[Step]:
    if set(old.emails) == set(new.emails) and old.min_severity == new.min_severity:
        return []

    async def put() -> None:
        owner = await projects.ensure(ctx, project)
        await alert_mails.put(ctx, owner.id, new.emails, new.min_severity)

    return [Step(f"~ alerts {project}", put)]


def _integration_steps(
    ctx: Context, project: str, provider: str, old: Integration | None, values: dict[str, Any], *, confirm: bool
) -> list[Step]:
    settings = values["settings"]
    changed = [name for name, value in values.items() if name != "settings" and getattr(old, name, None) != value]
    changed += [name for name, value in settings.items() if old is None or old.settings.get(name) != value]
    if old is not None and not changed:
        return []

    async def put() -> None:
        owner = await projects.ensure(ctx, project)
        secret = secret_settings(get_connector(provider))
        await integrations.put(ctx, owner.id, provider, values, secret_settings=secret, confirm=confirm)

    what = f"~ integration {project}/{provider}: {', '.join(changed)}" if old else f"+ integration {project}/{provider}"
    return [Step(what, put)]


def _webhook_steps(ctx: Context, project: str, old: Webhook | None, hook: WebhookEntry) -> list[Step]:
    values: dict[str, Any] = {
        "name": hook.name,
        "url": hook.url,
        "events": tuple(hook.events),
        "account_ids": tuple(hook.account_ids),
        "enabled": hook.enabled,
        "rate_limit": hook.rate_limit,
        "signature": hook.signature,
    }
    if "headers" in hook.model_fields_set:
        values["headers"] = {name: _read_reference(text, f"headers.{name}") for name, text in hook.headers.items()}
        if problem := find_problem(values["headers"]):
            raise SettingsError(f"webhook {hook.name}: headers: {problem}")
    if old is None:
        held_since = held_from(hook.held_since)
        secret = _read_reference(hook.secret, "webhooks.secret") if hook.secret else None
        problem = check_secret(secret) if secret else None
        if problem:
            raise SettingsError(f"webhook {hook.name}: secret: {problem}")

        async def create() -> None:
            owner = await projects.ensure(ctx, project)
            webhook, _ = await webhooks.create(ctx, owner.id, **values, held_since=held_since, secret=secret)
            await webhooks.release(ctx, webhook)

        return [Step(f"+ webhook {project}/{hook.name}", create)]
    stored = {"headers": custom_headers.opened(ctx, old)}
    changes = {name: value for name, value in values.items() if stored.get(name, getattr(old, name)) != value}
    if not changes:
        return []
    says = f"~ webhook {project}/{hook.name}: {', '.join(changes)}"
    held_since = held_from(hook.held_since) if webhooks.RELEASING & changes.keys() else None
    return [Step(says, lambda: webhooks.change(ctx, old.project_id, old.id, changes, held_since=held_since))]


async def _export(settings: Settings) -> None:
    async with open_context(settings) as ctx:
        found = []
        for project in await projects.list_projects(ctx):
            configured = await integrations.list_integrations(ctx, project.id)
            hooks = await webhooks.list_webhooks(ctx, project.id)
            found.append(
                {
                    "name": project.name,
                    **{name: days for name in RETENTION if (days := getattr(project, name)) is not None},
                    "integrations": {one.provider: _shown(one) for one in configured},
                    "webhooks": [_webhook(one) for one in hooks],
                    **_hub(await hub_settings.get(ctx, project.id)),
                    **_alerts(await alert_mails.get(ctx, project.id)),
                }
            )
    print(tomli_w.dumps({"projects": found}), end="")


def _shown(integration: Integration) -> dict[str, Any]:
    def refer(name: str, value: str | None) -> str | None:
        return value and f"env:{integration.provider.upper()}_{name.upper()}"

    shown = configured(get_connector(integration.provider), integration, refer)
    return {name: value for name, value in shown.items() if value is not None}


def _hub(settings: HubSettings) -> dict[str, Any]:
    look = {name: value for name, value in asdict(settings.branding).items() if value is not None}
    if not settings.allowed_origins and not look:
        return {}
    return {"hub": {"allowed_origins": list(settings.allowed_origins), **({"branding": look} if look else {})}}


def _alerts(settings: AlertSettings) -> dict[str, Any]:
    if not settings.emails and settings.min_severity == "error":
        return {}
    return {"alerts": {"emails": list(settings.emails), "min_severity": settings.min_severity}}


def _webhook(webhook: Webhook) -> dict[str, Any]:
    limit = {"rate_limit": webhook.rate_limit} if webhook.rate_limit is not None else {}
    names = {name: f"env:{_variable(webhook.name)}_{_variable(name)}" for name in webhook.header_names}
    headers = {"headers": names} if names else {}
    signature = {"signature": webhook.signature} if webhook.signature != "hmac" else {}
    return {
        "name": webhook.name,
        "url": webhook.url,
        "events": list(webhook.events),
        "account_ids": list(webhook.account_ids),
        "enabled": webhook.enabled,
        **limit,
        **signature,
        **headers,
    }


def _variable(text: str) -> str:
    """Returns a name as a part of an environment variable's."""
    return re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_") or "WEBHOOK"


def _read(file: Path) -> Configuration:
    try:
        return Configuration.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"Cannot read {file}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML: {error}.") from None
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError(f"{file} cannot be applied:\n  " + "\n  ".join(lines)) from None


def _resolved(body: IntegrationPut, secret: tuple[str, ...]) -> IntegrationPut:
    """The entry with its secrets read from where they are kept."""
    secrets = {
        name: _read_reference(getattr(body, name), name)
        for name in secret
        if name in body.model_fields_set and getattr(body, name) is not None
    }
    return body.model_copy(update=secrets)


def _read_reference(text: str, name: str) -> str:
    """
    Returns the secret that a reference points to.

    Raises:
        SettingsError: the text is not a reference, or its target cannot be read. A text that is not a reference is left
        out of the message, since it may be the secret.
    """
    kind, _, where = text.partition(":")
    if f"{kind}:" not in REFERENCES:
        raise SettingsError(f"{name}: write a reference, env:NAME or file:PATH, not the secret itself.")
    if kind == "env":
        found = os.environ.get(where)
        if not found:
            raise SettingsError(f"{name}: the environment has no {where}.")
        return found
    try:
        return Path(where).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {where}: {error.strerror}.") from None
