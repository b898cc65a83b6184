"""Published packages, and the last good answer of each vendor's list endpoint."""

from __future__ import annotations

import json
from collections.abc import Sequence

from greenroom.model.packages import Package
from greenroom.store.db import Row, Tx, to_json


async def replace_all(tx: Tx, project_id: str, category: str, account_id: str, packages: Sequence[Package]) -> None:
    """Publish exactly these; `account_id` '' publishes for every account."""
    await tx.run(
        "DELETE FROM packages WHERE project_id = $1 AND category = $2 AND account_id = $3",
        project_id,
        category,
        account_id,
    )
    await tx.many(
        "INSERT INTO packages (project_id, category, account_id, id, position, name, description, tests, updated_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now_ms())",
        [
            (project_id, category, account_id, p.id, position, p.name, p.description, to_json(list(p.tests)))
            for position, p in enumerate(packages)
        ],
    )


async def list_published(tx: Tx, project_id: str, category: str, account_id: str) -> list[Package]:
    """What was published for exactly this account ('' for all), in the vendor's order."""
    rows = await tx.all(
        "SELECT * FROM packages WHERE project_id = $1 AND category = $2 AND account_id = $3 ORDER BY position, id",
        project_id,
        category,
        account_id,
    )
    return [Package(row["id"], row["name"], row["description"], tuple(json.loads(row["tests"]))) for row in rows]


async def find_list(tx: Tx, account_id: str) -> Row | None:
    """The last good answer for an account."""
    return await tx.one("SELECT * FROM package_lists WHERE account_id = $1", account_id)


async def save_list(tx: Tx, account_id: str, packages_url: str, packages: Sequence[Package]) -> None:
    """Keep a good answer; it replaces the one before."""
    await tx.run(
        "INSERT INTO package_lists (account_id, packages_url, packages, fetched_at) VALUES ($1, $2, $3, now_ms()) "
        "ON CONFLICT (account_id) DO UPDATE SET packages_url = excluded.packages_url, packages = excluded.packages, "
        "fetched_at = excluded.fetched_at, problem = NULL, problem_at = NULL",
        account_id,
        packages_url,
        to_json([[p.id, p.name, p.description, list(p.tests)] for p in packages]),
    )


async def note_problem(tx: Tx, account_id: str, problem: str) -> None:
    """Remember why the list could not be refreshed."""
    await tx.run(
        "UPDATE package_lists SET problem = $2, problem_at = now_ms() WHERE account_id = $1", account_id, problem
    )


def packages_of(row: Row) -> tuple[Package, ...]:
    """The packages of a kept answer."""
    return tuple(Package(i, name, text, tuple(tests)) for i, name, text, tests in json.loads(row["packages"]))
