"""Queries on published packages and on the last valid answer of each vendor's list endpoint."""

from __future__ import annotations

import json
from collections.abc import Sequence

from greenroom.model.packages import Package
from greenroom.store.db import Row, Tx, from_ms, to_json, to_ms


async def replace_all(tx: Tx, project_id: str, category: str, account_id: str, packages: Sequence[Package]) -> None:
    """Replaces the published packages of an account ('' for all); equal packages keep their `updated_at`."""
    before = {one.id: one for one in await list_published(tx, project_id, category, account_id)}

    def unchanged_since(package: Package) -> int | None:
        known = before.get(package.id)
        return to_ms(known.updated_at) if known and known.updated_at and known == package else None

    await tx.run(
        "DELETE FROM packages WHERE project_id = $1 AND category = $2 AND account_id = $3",
        project_id,
        category,
        account_id,
    )
    await tx.many(
        "INSERT INTO packages (project_id, category, account_id, id, position, name, description, tests, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, COALESCE($9, now_ms()))",
        [
            (
                project_id,
                category,
                account_id,
                p.id,
                position,
                p.name,
                p.description,
                to_json(list(p.tests)),
                unchanged_since(p),
            )
            for position, p in enumerate(packages)
        ],
    )


async def list_published(tx: Tx, project_id: str, category: str, account_id: str) -> list[Package]:
    """Lists the packages published for exactly this account ('' for all), in the vendor's order."""
    rows = await tx.all(
        "SELECT * FROM packages WHERE project_id = $1 AND category = $2 AND account_id = $3 ORDER BY position, id",
        project_id,
        category,
        account_id,
    )
    return [_package(row) for row in rows]


async def find(tx: Tx, project_id: str, category: str, account_id: str, package_id: str) -> Package | None:
    """Returns a package published for exactly this account ('' for all)."""
    row = await tx.one(
        "SELECT * FROM packages WHERE project_id = $1 AND category = $2 AND account_id = $3 AND id = $4",
        project_id,
        category,
        account_id,
        package_id,
    )
    return _package(row) if row else None


async def count(tx: Tx, project_id: str, category: str, account_id: str) -> int:
    """Counts the packages published for exactly this account ('' for all)."""
    row = await tx.one(
        "SELECT COUNT(*) AS number FROM packages WHERE project_id = $1 AND category = $2 AND account_id = $3",
        project_id,
        category,
        account_id,
    )
    return int(row["number"]) if row else 0


async def has_any(tx: Tx, project_id: str, category: str) -> bool:
    """Returns whether a project has published packages of a category, for one account or all."""
    row = await tx.one(
        "SELECT 1 AS found FROM packages WHERE project_id = $1 AND category = $2 LIMIT 1", project_id, category
    )
    return row is not None


async def add(tx: Tx, project_id: str, category: str, account_id: str, package: Package) -> None:
    """Adds a package after the others; the caller has locked the project."""
    await tx.run(
        "INSERT INTO packages (project_id, category, account_id, id, position, name, description, tests, updated_at) "
        "SELECT $1, $2, $3, $4, COALESCE(MAX(position) + 1, 0), $5, $6, $7, now_ms() FROM packages "
        "WHERE project_id = $1 AND category = $2 AND account_id = $3",
        project_id,
        category,
        account_id,
        package.id,
        package.name,
        package.description,
        to_json(list(package.tests)),
    )


async def save(tx: Tx, project_id: str, category: str, account_id: str, package: Package) -> None:
    """Saves a changed package."""
    await tx.run(
        "UPDATE packages SET name = $5, description = $6, tests = $7, updated_at = now_ms() "
        "WHERE project_id = $1 AND category = $2 AND account_id = $3 AND id = $4",
        project_id,
        category,
        account_id,
        package.id,
        package.name,
        package.description,
        to_json(list(package.tests)),
    )


async def delete(tx: Tx, project_id: str, category: str, account_id: str, package_id: str) -> bool:
    """Deletes a package; returns False if it does not exist."""
    return (
        await tx.run(
            "DELETE FROM packages WHERE project_id = $1 AND category = $2 AND account_id = $3 AND id = $4",
            project_id,
            category,
            account_id,
            package_id,
        )
        == 1
    )


def _package(row: Row) -> Package:
    tests = tuple(json.loads(row["tests"]))
    return Package(row["id"], row["name"], row["description"], tests, from_ms(row["updated_at"]))


async def find_list(tx: Tx, account_id: str) -> Row | None:
    """Returns the last valid answer of the list endpoint for an account."""
    return await tx.one("SELECT * FROM package_lists WHERE account_id = $1", account_id)


async def find_observed(tx: Tx, account_id: str, packages_url: str) -> str | None:
    """Returns the observations of the last valid answer of this list endpoint for an account."""
    row = await tx.one(
        "SELECT observed FROM package_lists WHERE account_id = $1 AND packages_url = $2", account_id, packages_url
    )
    return row["observed"] if row else None


async def save_list(tx: Tx, account_id: str, packages_url: str, packages: Sequence[Package], observed: str) -> None:
    """Saves a valid answer of the list endpoint, replacing the previous one."""
    await tx.run(
        "INSERT INTO package_lists (account_id, packages_url, packages, observed, fetched_at) "
        "VALUES ($1, $2, $3, $4, now_ms()) ON CONFLICT (account_id) DO UPDATE SET packages_url = "
        "excluded.packages_url, packages = excluded.packages, observed = excluded.observed, "
        "fetched_at = excluded.fetched_at, problem = NULL, problem_at = NULL",
        account_id,
        packages_url,
        to_json([[p.id, p.name, p.description, list(p.tests)] for p in packages]),
        observed,
    )


async def note_problem(tx: Tx, account_id: str, problem: str) -> None:
    """Records why an account's list could not be refreshed."""
    await tx.run(
        "UPDATE package_lists SET problem = $2, problem_at = now_ms() WHERE account_id = $1", account_id, problem
    )


def packages_of(row: Row) -> tuple[Package, ...]:
    """Returns the packages of a saved answer."""
    return tuple(Package(i, name, text, tuple(tests)) for i, name, text, tests in json.loads(row["packages"]))
