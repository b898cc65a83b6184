"""Queries on a project's package lists, for the doctor; each is bounded, whatever the size of the project."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx

#: newest accounts whose lists are examined
ACCOUNTS = 1000
#: latest failures that are examined
FAILURES = 200


async def list_failures(tx: Tx, project_id: str) -> Sequence[Row]:
    """Lists the latest failures of list endpoints, with the customer's name; those of deleted accounts are left out."""
    return await tx.all(
        "SELECT package_failures.*, origin_owner_name FROM package_failures "  # noqa: S608
        "LEFT JOIN accounts ON accounts.id = account_id AND deleted_at IS NULL "
        "WHERE package_failures.project_id = $1 AND (account_id = '' OR accounts.id IS NOT NULL) "
        f"ORDER BY at DESC LIMIT {FAILURES}",
        project_id,
    )


async def list_lists(tx: Tx, project_id: str) -> Sequence[Row]:
    """Lists the observations of the latest good list of each of the newest accounts."""
    return await tx.all(
        "SELECT account_id, provider, origin_owner_name, packages_url, fetched_at, observed FROM "  # noqa: S608
        "(SELECT id, provider, origin_owner_name FROM accounts WHERE project_id = $1 AND deleted_at IS NULL "
        f"ORDER BY id DESC LIMIT {ACCOUNTS}) AS linked JOIN package_lists ON account_id = linked.id",
        project_id,
    )


async def list_tests(tx: Tx, project_id: str, kind: str) -> Sequence[Row]:
    """Lists the latest good test of each list endpoint."""
    return await tx.all(
        "SELECT subject, detail, at FROM check_observations WHERE project_id = $1 AND kind = $2", project_id, kind
    )


async def list_published_categories(tx: Tx, project_id: str) -> Sequence[Row]:
    """Lists the categories of which a project has published or stored packages."""
    given = " UNION ALL ".join(
        f"SELECT '{one}' AS category WHERE EXISTS (SELECT 1 FROM packages WHERE project_id = $1 AND category = '{one}')"  # noqa: S608
        for one in ("assessments", "background_checks")
    )
    return await tx.all(given, project_id)
