"""Packages that a vendor published, and the kept answers of its list endpoint."""

from __future__ import annotations

from greenroom.context import Context, snapshot, transaction
from greenroom.model.accounts import Account
from greenroom.model.integrations import Integration
from greenroom.model.orders import Category
from greenroom.model.packages import Package, PackageList, unique
from greenroom.services import accounts, integrations
from greenroom.store import packages as package_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx, from_ms


@transaction
async def publish(
    _: Context, tx: Tx, project_id: str, category: Category, packages: list[Package], *, account_id: str | None = None
) -> None:
    """
    Replace everything published for one account, or for all accounts together.

    Raises:
        NotFound: the account is not the project's.
    """
    await project_rows.lock(tx, project_id)
    if account_id is not None:
        await accounts.read(tx, project_id, account_id)
    await package_rows.replace_all(tx, project_id, category, account_id or "", packages)


@snapshot
async def list_published(
    _: Context, tx: Tx, project_id: str, category: Category, *, account_id: str | None = None
) -> list[Package]:
    """
    What was published, in the vendor's order.

    Raises:
        NotFound: the account is not the project's.
    """
    if account_id is not None:
        await accounts.read(tx, project_id, account_id)
    return await package_rows.list_published(tx, project_id, category, account_id or "")


@snapshot
async def sources(ctx: Context, tx: Tx, account: Account) -> tuple[Integration, PackageList | None, PackageList]:
    """
    The account's integration, the kept answer of its list endpoint (None: never fetched, or the URL has changed since),
    and what stands without any call: the published packages, else the static one.

    An account's own published packages win over those for all accounts.

    Raises:
        NotFound: the integration is gone.
    """
    integration = await integrations.read(ctx, tx, account.project_id, account.provider)
    kept = None
    if integration.packages_url:
        row = await package_rows.find_list(tx, account.id)
        if row is not None and row["packages_url"] == integration.packages_url:
            packages = package_rows.packages_of(row)
            kept = PackageList(packages, "list_url", from_ms(row["fetched_at"]), row["problem"])
    return integration, kept, await _without_call(tx, account, integration)


async def _without_call(tx: Tx, account: Account, integration: Integration) -> PackageList:
    for account_id in (account.id, ""):
        published = await package_rows.list_published(tx, account.project_id, integration.partner_category, account_id)
        if published:
            return PackageList(unique(published), "stored")
    static = integration.package_id
    name = integration.package_name or static or ""
    return PackageList((Package(static, name),) if static else (), "static")


@transaction
async def keep_list(_: Context, tx: Tx, account_id: str, packages_url: str, packages: tuple[Package, ...]) -> None:
    """Keep a good answer of a vendor's list endpoint, for the day on which it does not answer."""
    await package_rows.save_list(tx, account_id, packages_url, packages)


@transaction
async def note_problem(_: Context, tx: Tx, account_id: str, problem: str) -> None:
    """Remember why a list could not be refreshed, for the operator."""
    await package_rows.note_problem(tx, account_id, problem)
