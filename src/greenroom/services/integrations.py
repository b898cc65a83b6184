"""A project's integrations with its providers, including their secrets."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, Invalid, NotFound
from greenroom.model.accounts import Account
from greenroom.model.integrations import Integration
from greenroom.model.orders import Category
from greenroom.security.tokens import new_webhook_secret
from greenroom.services import audit
from greenroom.store import accounts as account_rows
from greenroom.store import installation as installation_rows
from greenroom.store import integrations as integration_rows
from greenroom.store import packages as package_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Row, Tx, from_json, from_ms, is_plain, maybe_from_ms, to_json, to_ms

#: write-only fields: left out they are kept, null clears them
SECRETS = ("packages_api_key",)

#: how long the previous signing secret also signs after a rotation
OVERLAP = timedelta(days=1)
#: error for an enabled integration that has no packages to show to recruiters
NO_PACKAGES = (
    "The integration has no packages: give it a packages_url or a package_id, publish packages with PUT /v1/packages "
    "before, or configure it with enabled: false."
)
NO_PACKAGES_ERRORS = [
    "packages_url: required, unless there is a package_id or a published list",
    "package_id: required, unless there is a packages_url or a published list",
]

#: fields stored encrypted, and fields stored unchanged; the remaining ones are converted individually
SEALED = (*SECRETS, "signing_secret", "previous_secret")
PLAIN = tuple(
    field.name
    for field in fields(Integration)
    if field.name not in {*SEALED, "enabled", "settings", "created_at", "updated_at", "previous_secret_expires_at"}
)
#: settings of connectors that had a column before there was one document for all: the version before reads and writes
#: them there. A column that must have a value has this one for connectors without the setting
COLUMNS = {
    "authentication_type": "partner",
    "partner_username": None,
    "callback_auth": "partner",
    "harvest_client_id": None,
}
SEALED_COLUMNS = ("partner_password", "harvest_client_secret")
JSON_COLUMNS = ("callback_hosts",)
OWN_COLUMN = frozenset({*COLUMNS, *SEALED_COLUMNS, *JSON_COLUMNS})


@snapshot(kind="batchable")
async def get(ctx: Context, tx: Tx, project_id: str, provider: str) -> Integration:
    """
    Returns a project's integration with its secrets decrypted.

    Raises:
        NotFound: the integration was never configured.
    """
    return await read(ctx, tx, project_id, provider)


@snapshot
async def find(ctx: Context, tx: Tx, project_id: str, provider: str) -> Integration | None:
    """Returns a project's integration with secrets decrypted; None if it was never configured."""
    row = await integration_rows.find(tx, project_id, provider)
    return open_row(ctx, row) if row else None


@snapshot
async def find_by_tenant(ctx: Context, tx: Tx, provider: str, tenant_id: str) -> Integration | None:
    """Returns the enabled integration with a tenant id, with secrets decrypted, or None."""
    row = await integration_rows.find_by_tenant(tx, provider, tenant_id) if is_plain(tenant_id) else None
    return open_row(ctx, row) if row else None


@transaction
async def reveal(ctx: Context, tx: Tx, project_id: str, provider: str) -> Integration:
    """
    `get` for a caller who is shown the signing secret; audited.

    Raises:
        NotFound: it was never configured.
    """
    found = await read(ctx, tx, project_id, provider)
    detail = {"provider": provider}
    await audit.record(ctx, tx, "integration.secret_revealed", found.id, project_id=project_id, detail=detail)
    return found


async def read(ctx: Context, tx: Tx, project_id: str, provider: str) -> Integration:
    """Does the same as `get`, inside another service's transaction."""
    return open_row(ctx, _require(await integration_rows.find(tx, project_id, provider), provider))


async def read_with_scope(ctx: Context, tx: Tx, account: Account) -> tuple[Integration, str | None]:
    """
    Returns an account's integration and the scope of its published packages.

    The scope is the account's id if it has packages of its own, '' for those of all accounts, None if there are none.
    """
    found = await integration_rows.find_with_scope(tx, account.project_id, account.provider, account.id)
    row = _require(found, account.provider)
    return open_row(ctx, row), row["scope"]


def _require(row: Row | None, provider: str) -> Row:
    if row is None:
        raise NotFound(f"The integration {provider} is not configured yet. Configure it with PUT.")
    return row


@snapshot
async def list_integrations(ctx: Context, tx: Tx, project_id: str) -> list[Integration]:
    """Lists a project's integrations by provider."""
    return await read_all(ctx, tx, project_id)


async def read_all(ctx: Context, tx: Tx, project_id: str) -> list[Integration]:
    """Does the same as `list_integrations`, inside another service's transaction."""
    return [open_row(ctx, row) for row in await integration_rows.list_integrations(tx, project_id)]


@snapshot
async def count_accounts(_: Context, tx: Tx, project_id: str, provider: str) -> int:
    """Counts the linked accounts of an integration."""
    return await account_rows.count(tx, project_id, provider=provider)


@snapshot
async def enabled_providers(_: Context, tx: Tx, project_id: str) -> frozenset[str]:
    """Returns the providers whose integration is enabled in a project."""
    rows = await integration_rows.list_integrations(tx, project_id)
    return frozenset(row["provider"] for row in rows if row["enabled"])


@snapshot
async def enabled_categories(_: Context, tx: Tx, project_id: str) -> dict[Category, str]:
    """Returns the categories of a project's enabled integrations, each with one of its providers."""
    rows = await integration_rows.list_integrations(tx, project_id)
    return {row["partner_category"]: row["provider"] for row in rows if row["enabled"]}


async def only_enabled(tx: Tx, project_id: str) -> str | None:
    """Returns the provider of a project's only enabled integration, or None if there is not exactly one."""
    enabled = [row["provider"] for row in await integration_rows.list_integrations(tx, project_id) if row["enabled"]]
    return enabled[0] if len(enabled) == 1 else None


@transaction
async def put(
    ctx: Context,
    tx: Tx,
    project_id: str,
    provider: str,
    values: dict[str, Any],
    *,
    secret_settings: Collection[str] = (),
    confirm: bool = False,
    version: str | None = None,
) -> Integration:
    """
    Replaces an integration. `values` has fields of `Integration`; one left out takes its default, a secret left out
    is kept, None clears either; `secret_settings` are the secrets among its `settings`. The signing secret is made once
    and stays. `confirm` allows another tenant id while accounts are linked. `version` is what `get_version` returned
    when the caller read the integration; None overwrites any change since.

    Raises:
        Invalid: the integration is enabled and has no source of packages.
        Conflict: another project has the tenant id, or accounts are linked under the previous one, or the integration
            has changed since `version`.
    """
    await project_rows.lock(tx, project_id)
    await installation_rows.lock(tx)  # or two projects could take the same tenant id at once
    old, new = await _replaced(ctx, tx, project_id, provider, values, secret_settings)
    if version is not None and version != get_version(old):
        raise Conflict("The configuration was changed meanwhile by another person.", code="ChangedMeanwhile")
    await _check(tx, old, new, confirm=confirm)
    await integration_rows.save(tx, _sealed(ctx, new), is_new=old is None)
    detail = {"provider": provider, "fields": [name for name in values if getattr(old, name, None) != values[name]]}
    await audit.record(ctx, tx, "integration.changed", new.id, project_id=project_id, detail=detail)
    return new


@snapshot
async def draft(
    ctx: Context,
    tx: Tx,
    project_id: str,
    provider: str,
    values: dict[str, Any],
    *,
    secret_settings: Collection[str] = (),
) -> Integration:
    """Returns the integration that `put` would store; stores and checks nothing."""
    return (await _replaced(ctx, tx, project_id, provider, values, secret_settings))[1]


def get_version(integration: Integration | None) -> str:
    """Returns a text that changes with each change of an integration."""
    return str(to_ms(integration.updated_at)) if integration else "new"


@transaction
async def set_enabled(ctx: Context, tx: Tx, project_id: str, provider: str, enabled: bool) -> Integration:
    """
    Enables or disables an integration.

    Raises:
        NotFound: the integration was never configured.
        Invalid: the integration has no source of packages to be enabled with.
    """
    await project_rows.lock(tx, project_id)
    old = await read(ctx, tx, project_id, provider)
    new = replace(old, enabled=enabled, updated_at=ctx.now())
    await _check(tx, old, new, confirm=False)
    await integration_rows.save(tx, _sealed(ctx, new), is_new=False)
    detail = {"provider": provider, "fields": ["enabled"]}
    await audit.record(ctx, tx, "integration.changed", new.id, project_id=project_id, detail=detail)
    return new


@transaction
async def rotate_signing_secret(
    ctx: Context, tx: Tx, project_id: str, provider: str, *, overlap: timedelta = OVERLAP
) -> Integration:
    """
    Creates a new signing secret; the previous one also signs for `overlap`, older ones end now.

    Raises:
        NotFound: the integration was never configured.
    """
    await project_rows.lock(tx, project_id)
    old = await read(ctx, tx, project_id, provider)
    now = ctx.now()
    new = replace(
        old,
        signing_secret=new_webhook_secret(),
        previous_secret=old.signing_secret,
        previous_secret_expires_at=now + overlap,
        updated_at=now,
    )
    await integration_rows.save(tx, _sealed(ctx, new), is_new=False)
    detail = {"provider": provider}
    await audit.record(ctx, tx, "integration.secret_rotated", new.id, project_id=project_id, detail=detail)
    return new


@snapshot
async def check(
    ctx: Context,
    tx: Tx,
    project_id: str,
    provider: str,
    values: dict[str, Any],
    *,
    secret_settings: Collection[str] = (),
    confirm: bool = False,
) -> None:
    """
    Raises the errors that `put` would raise; the project need not exist yet.

    Raises:
        Invalid, Conflict: as `put`.
    """
    replaced = await _replaced(ctx, tx, project_id, provider, values, secret_settings)
    await _check(tx, *replaced, confirm=confirm)


async def _replaced(
    ctx: Context,
    tx: Tx,
    project_id: str,
    provider: str,
    values: dict[str, Any],
    secret_settings: Collection[str] = (),
) -> tuple[Integration | None, Integration]:
    """Returns the stored integration and its replacement with `values`."""
    row = await integration_rows.find(tx, project_id, provider)
    old = open_row(ctx, row) if row else None
    now = ctx.now()
    new = Integration(
        id=old.id if old else ctx.new_id("int"),
        project_id=project_id,
        provider=provider,
        signing_secret=old.signing_secret if old else new_webhook_secret(),
        previous_secret=old.previous_secret if old else None,
        previous_secret_expires_at=old.previous_secret_expires_at if old else None,
        created_at=old.created_at if old else now,
        updated_at=now,
    )
    kept = {name: getattr(old, name) for name in SECRETS if old and name not in values}
    settings = dict(values.get("settings", {}))
    for name in secret_settings:
        if old and name not in settings:
            settings[name] = old.settings.get(name)
    return old, replace(new, **{**kept, **values, "settings": settings})


async def _check(tx: Tx, old: Integration | None, new: Integration, *, confirm: bool) -> None:
    has_source = not new.enabled or new.packages_url or new.package_id
    if not has_source and not await package_rows.has_any(tx, new.project_id, new.partner_category):
        raise Invalid(NO_PACKAGES, errors=NO_PACKAGES_ERRORS)
    before = old.tenant_id if old else None
    if new.tenant_id == before:
        return
    if new.tenant_id and await integration_rows.has_tenant(tx, new.provider, new.tenant_id, but=new.project_id):
        raise Conflict(
            f"tenant_id: another project has {new.tenant_id!r} already. Choose another one.", code="TenantIdTaken"
        )
    if before and not confirm and (linked := await account_rows.count(tx, new.project_id, provider=new.provider)):
        raise Conflict(
            f"tenant_id: accounts are linked ({linked}), and the URLs that their {new.provider} calls (`endpoints`) "
            f"have {before!r} in them. With another tenant_id these calls are answered 401 until each customer has the "
            "new URLs. To change it all the same, add confirm: true.",
            code="ConfirmationNeeded",
        )


@snapshot
async def last_called(_: Context, tx: Tx, project_id: str, provider: str) -> dict[str, int]:
    """Returns when each of the ATS's calls was last made for any account of the project, in ms since 1970."""
    return await account_rows.last_calls(tx, project_id, provider)


def _sealed(ctx: Context, integration: Integration) -> dict[str, Any]:
    def sealed(name: str, value: str | None) -> str | None:
        place = {"table": "integrations", "row": integration.id, "column": f"{name}_sealed"}
        return None if value is None else ctx.vault.seal(value, **place)

    settings = integration.settings
    document = {name: value for name, value in settings.items() if name not in OWN_COLUMN}
    return {
        **{name: getattr(integration, name) for name in PLAIN},
        **{f"{name}_sealed": sealed(name, getattr(integration, name)) for name in SEALED},
        **{name: settings.get(name, default) for name, default in COLUMNS.items()},
        **{f"{name}_sealed": sealed(name, settings.get(name)) for name in SEALED_COLUMNS},
        **{name: to_json(list(settings.get(name, ()))) for name in JSON_COLUMNS},
        "settings_sealed": sealed("settings", to_json(document)) if document else None,
        "enabled": int(integration.enabled),
        "previous_secret_expires_at": integration.previous_secret_expires_at
        and to_ms(integration.previous_secret_expires_at),
        "created_at": to_ms(integration.created_at),
        "updated_at": to_ms(integration.updated_at),
    }


def open_row(ctx: Context, row: Row) -> Integration:
    """Returns the integration of a row that has at least the columns of `integrations`."""

    def opened(column: str) -> Any:
        sealed = row[column]
        return sealed and ctx.vault.open(sealed, table="integrations", row=row["id"], column=column)

    document = from_json(opened("settings_sealed") or "{}")
    settings: Mapping[str, Any] = {
        **{name: tuple(value) if isinstance(value, list) else value for name, value in document.items()},
        **{name: row[name] for name in COLUMNS},
        **{name: opened(f"{name}_sealed") for name in SEALED_COLUMNS},
        **{name: tuple(json.loads(row[name])) for name in JSON_COLUMNS},
    }
    return Integration(
        **{name: row[name] for name in PLAIN},
        **{name: opened(f"{name}_sealed") for name in SEALED},
        enabled=bool(row["enabled"]),
        settings=settings,
        previous_secret_expires_at=maybe_from_ms(row["previous_secret_expires_at"]),
        created_at=from_ms(row["created_at"]),
        updated_at=from_ms(row["updated_at"]),
    )
