"""Packages that a vendor published or stored, and the stored answers of its list endpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, NotFound
from greenroom.model.accounts import Account
from greenroom.model.integrations import Integration
from greenroom.model.list_calls import ListCall
from greenroom.model.orders import Category
from greenroom.model.packages import MOST, Package, PackageList, unique
from greenroom.services import accounts, audit, integrations
from greenroom.store import checks as check_rows
from greenroom.store import package_failures as failure_rows
from greenroom.store import packages as package_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx, from_ms, to_json, to_ms
from greenroom.store.package_failures import NewFailure

#: durations of the latest good answers of an account's list that are kept
DURATIONS = 20
#: kind of the observation of the latest good test of a list endpoint
LIST_TEST = "list_test"


@transaction
async def publish(
    ctx: Context, tx: Tx, project_id: str, category: Category, packages: list[Package], *, account_id: str | None = None
) -> None:
    """
    Replaces the packages published for one account, or those for all accounts.

    Raises:
        NotFound: the account is not the project's.
    """
    await project_rows.lock(tx, project_id)
    if account_id is not None:
        await accounts.read(tx, project_id, account_id)
    await package_rows.replace_all(tx, project_id, category, account_id or "", packages)
    detail = {"category": category, "account_id": account_id, "packages": len(packages)}
    await audit.record(ctx, tx, "packages.published", account_id, project_id=project_id, detail=detail)


@snapshot
async def list_published(
    _: Context, tx: Tx, project_id: str, category: Category, *, account_id: str | None = None
) -> list[Package]:
    """
    Lists the published packages of one account, or those for all accounts, in the vendor's order.

    Raises:
        NotFound: the account is not the project's.
    """
    if account_id is not None:
        await accounts.read(tx, project_id, account_id)
    return await package_rows.list_published(tx, project_id, category, account_id or "")


@dataclass(frozen=True)
class PackageChange:
    """Changes to a stored package; None leaves a field unchanged, an empty text or tuple clears it."""

    name: str | None = None
    description: str | None = None
    tests: tuple[dict[str, Any], ...] | None = None


@transaction
async def create(ctx: Context, tx: Tx, account: Account, category: Category, new: PackageChange) -> Package:
    """
    Stores a package for one account, after its existing ones.

    `new` has a name. A test without an id gets one.

    Raises:
        Conflict: the account has reached its limit of stored packages.
    """
    await project_rows.lock(tx, account.project_id)
    if await package_rows.count(tx, account.project_id, category, account.id) >= MOST:
        raise Conflict(
            f"This account has {MOST} stored packages, the most there can be. Delete those that are not used.",
            code="TooManyPackages",
        )
    package = _changed(ctx, Package(ctx.new_id("pkg"), ""), new)
    await package_rows.add(tx, account.project_id, category, account.id, package)
    await _record_stored(ctx, tx, account, package.id, "created")
    return package


@transaction
async def change(
    ctx: Context, tx: Tx, account: Account, category: Category, package_id: str, changes: PackageChange
) -> None:
    """
    Changes a package that is stored for this account.

    Raises:
        NotFound: the package is not stored for this account.
    """
    await project_rows.lock(tx, account.project_id)
    package = await package_rows.find(tx, account.project_id, category, account.id, package_id)
    if package is None:
        raise _not_stored(package_id)
    changed = _changed(ctx, package, changes)
    if changed != package:
        await package_rows.save(tx, account.project_id, category, account.id, changed)
        await _record_stored(ctx, tx, account, package_id, "changed")


@transaction
async def delete(ctx: Context, tx: Tx, account: Account, category: Category, package_id: str) -> None:
    """
    Deletes a package that is stored for this account; orders keep its name.

    Raises:
        NotFound: the package is not stored for this account.
    """
    await project_rows.lock(tx, account.project_id)
    if not await package_rows.delete(tx, account.project_id, category, account.id, package_id):
        raise _not_stored(package_id)
    await _record_stored(ctx, tx, account, package_id, "deleted")


async def _record_stored(ctx: Context, tx: Tx, account: Account, package_id: str, what: str) -> None:
    detail = {"account_id": account.id, "change": what}
    await audit.record(ctx, tx, "packages.stored", package_id, project_id=account.project_id, detail=detail)


@snapshot
async def find_stored(_: Context, tx: Tx, account: Account, category: Category, package_id: str) -> Package | None:
    """Returns a package stored for this account or for all accounts, even if recruiters do not see it."""
    for account_id in (account.id, ""):
        package = await package_rows.find(tx, account.project_id, category, account_id, package_id)
        if package is not None:
            return package
    return None


@snapshot
async def warnings(ctx: Context, tx: Tx, account: Account, category: Category) -> list[str]:
    """
    Returns warnings for a caller that stores a package for this account.

    Recruiters may not see the package, or may see other packages than before.
    """
    integration = await integrations.read(ctx, tx, account.project_id, account.provider)
    configure = f"PUT /v1/integrations/{account.provider}"
    if integration.partner_category != category:
        return [
            f"Recruiters do not see this package: the integration is for {integration.partner_category}. "
            f"Set partner_category to {category}: {configure}."
        ]
    if integration.packages_url:
        return [
            "Recruiters do not see this package: their list comes from packages_url, which wins over stored packages. "
            f"Clear packages_url: {configure}."
        ]
    if await package_rows.count(tx, account.project_id, category, ""):
        return [
            "Recruiters of this account see its own packages only, no longer those published for all accounts with "
            "PUT /v1/packages."
        ]
    return []


def _changed(ctx: Context, package: Package, changes: PackageChange) -> Package:
    tests = package.tests
    if changes.tests is not None:
        tests = tuple({**test, "id": test.get("id") or ctx.new_id("tst")} for test in changes.tests)
    description = package.description if changes.description is None else changes.description or None
    return replace(package, name=changes.name or package.name, description=description, tests=tests)


def _not_stored(package_id: str) -> NotFound:
    return NotFound(f"There is no package {package_id[:80]!r} stored for this account.")


@snapshot
async def sources(ctx: Context, tx: Tx, account: Account) -> tuple[Integration, PackageList | None, PackageList]:
    """
    Returns the account's integration, the stored answer of its list endpoint, and its own packages.

    The stored answer is None if the list was never fetched or its URL has changed since. The packages that need no call
    are the published ones (those for this account win over those for all accounts), else the static one.

    Raises:
        NotFound: the integration no longer exists.
    """
    integration, scope = await integrations.read_with_scope(ctx, tx, account)
    return integration, await _kept(tx, account, integration), await _without_call(tx, integration, scope)


@snapshot(kind="batchable")
async def look_up(
    ctx: Context, tx: Tx, account: Account, package_id: str
) -> tuple[Integration, PackageList | None, Package | None]:
    """
    Does the same as `sources` for one package id.

    Returns the account's integration, the stored answer of its list endpoint, and the package of that id if it needs no
    call.

    Raises:
        NotFound: the integration no longer exists.
    """
    integration, scope = await integrations.read_with_scope(ctx, tx, account)
    if integration.packages_url:
        return integration, await _kept(tx, account, integration), None
    if scope is None:
        return integration, None, _static(integration).find(package_id)
    category = integration.partner_category
    return integration, None, await package_rows.find(tx, account.project_id, category, scope, package_id)


async def _kept(tx: Tx, account: Account, integration: Integration) -> PackageList | None:
    row = await package_rows.find_list(tx, account.id) if integration.packages_url else None
    if row is None or row["packages_url"] != integration.packages_url:
        return None
    return PackageList(package_rows.packages_of(row), "list_url", from_ms(row["fetched_at"]), row["problem"])


async def _without_call(tx: Tx, integration: Integration, scope: str | None) -> PackageList:
    if scope is None:
        return _static(integration)
    published = await package_rows.list_published(tx, integration.project_id, integration.partner_category, scope)
    return PackageList(unique(published), "stored")


def _static(integration: Integration) -> PackageList:
    static = integration.package_id
    return PackageList((Package(static, integration.package_name or static),) if static else (), "static")


@transaction
async def keep_list(
    ctx: Context, tx: Tx, account: Account, packages_url: str, packages: tuple[Package, ...], call: ListCall
) -> None:
    """Stores a good answer of a vendor's list endpoint, used when the endpoint fails later, and ends its failures."""
    known = await package_rows.find_observed(tx, account.id, packages_url)
    durations = [*(json.loads(known)["durations"] if known else []), [to_ms(ctx.now()), call.ms]]
    observed = {**call.as_json(), "durations": durations[-DURATIONS:]}
    await package_rows.save_list(tx, account.id, packages_url, packages, to_json(observed))
    await failure_rows.delete(tx, account.project_id, account.provider, account.id)


@transaction
async def record_failure(_: Context, tx: Tx, account: Account, packages_url: str, call: ListCall) -> None:
    """Records why a package list could not be fetched; a local fault is not the endpoint's."""
    await package_rows.note_problem(tx, account.id, call.reason or "")
    if call.cause is not None:
        await failure_rows.record(tx, _failure(account.project_id, account.provider, account.id, packages_url, call))


@transaction
async def record_test(ctx: Context, tx: Tx, integration: Integration, account_id: str, call: ListCall) -> None:
    """
    Records a test of the configured list endpoint; a good answer ends every failure. A test of a draft counts for
    nothing.

    `account_id` is '' when the project has no account yet.
    """
    project_id, provider, url = integration.project_id, integration.provider, str(integration.packages_url)
    stored = next((one for one in await integrations.read_all(ctx, tx, project_id) if one.provider == provider), None)
    if stored is None or (stored.packages_url, stored.packages_api_key) != (url, integration.packages_api_key):
        return
    if call.cause is not None:
        await failure_rows.record(tx, _failure(project_id, provider, account_id, url, call))
    elif call.problem is None:
        await failure_rows.delete_all(tx, project_id, provider)
        detail = {**call.as_json(), "packages_url": url, "account_id": account_id}
        await check_rows.observe(tx, project_id, provider, LIST_TEST, to_json(detail))


@snapshot
async def find_account_to_test(_: Context, tx: Tx, project_id: str, provider: str) -> str | None:
    """Returns the account whose list failed last, else the newest one; None before an account is linked."""
    return await failure_rows.find_failing(tx, project_id, provider) or await failure_rows.find_newest(
        tx, project_id, provider
    )


def _failure(project_id: str, provider: str, account_id: str, packages_url: str, call: ListCall) -> NewFailure:
    return NewFailure(project_id, provider, account_id, packages_url, call.cause or "", to_json(call.as_json()))
