"""Queries on the current failures of vendors' list endpoints: at most one for each account."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from greenroom.model.list_calls import OF_THE_ENDPOINT
from greenroom.store.db import Tx


@dataclass(frozen=True)
class NewFailure:
    """A call of a list endpoint that failed; `account_id` is '' for a test before any account is linked."""

    project_id: str
    provider: str
    account_id: str
    packages_url: str
    cause: str
    detail: str


async def record(tx: Tx, failure: NewFailure) -> None:
    """Records a failure; one of the same cause at the same URL counts on, another one begins anew."""
    same = "package_failures.cause = excluded.cause AND package_failures.packages_url = excluded.packages_url"
    await tx.run(
        "INSERT INTO package_failures "  # noqa: S608
        "(project_id, provider, account_id, packages_url, cause, detail, since, at, count) "
        "VALUES ($1, $2, $3, $4, $5, $6, now_ms(), now_ms(), 1) "
        "ON CONFLICT (project_id, provider, account_id) DO UPDATE SET "
        f"since = CASE WHEN {same} THEN package_failures.since ELSE excluded.since END, "
        f"count = CASE WHEN {same} THEN package_failures.count + 1 ELSE 1 END, packages_url = excluded.packages_url, "
        "cause = excluded.cause, detail = excluded.detail, at = excluded.at",
        *astuple(failure),
    )


async def delete(tx: Tx, project_id: str, provider: str, account_id: str) -> None:
    """Deletes the failures that a good answer to an account ends: its own, the endpoint's, that of a test."""
    causes = ", ".join(f"'{one}'" for one in OF_THE_ENDPOINT)
    await tx.run(
        "DELETE FROM package_failures WHERE project_id = $1 AND provider = $2 "  # noqa: S608
        f"AND (account_id IN ('', $3) OR cause IN ({causes}))",
        project_id,
        provider,
        account_id,
    )


async def delete_all(tx: Tx, project_id: str, provider: str) -> None:
    """Deletes every failure of an integration."""
    await tx.run("DELETE FROM package_failures WHERE project_id = $1 AND provider = $2", project_id, provider)


async def find_failing(tx: Tx, project_id: str, provider: str) -> str | None:
    """Returns the linked account whose list failed last."""
    row = await tx.one(
        "SELECT account_id FROM package_failures JOIN accounts ON accounts.id = account_id "
        "WHERE package_failures.project_id = $1 AND package_failures.provider = $2 AND deleted_at IS NULL "
        "ORDER BY at DESC LIMIT 1",
        project_id,
        provider,
    )
    return row["account_id"] if row else None


async def find_newest(tx: Tx, project_id: str, provider: str) -> str | None:
    """Returns the newest linked account."""
    row = await tx.one(
        "SELECT id FROM accounts WHERE project_id = $1 AND provider = $2 AND deleted_at IS NULL "
        "ORDER BY id DESC LIMIT 1",
        project_id,
        provider,
    )
    return row["id"] if row else None
