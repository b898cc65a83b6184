"""Queries on the installation's own secrets, and on all sealed columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from greenroom.store.db import ColumnType, Row, Tx, marks


class SealedColumn(NamedTuple):
    """
    A column of sealed values, and the primary key of its table.

    `security.vault` binds a sealed value to the last column of that key (associated data).
    """

    table: str
    column: str
    key: tuple[str, ...] = ("id",)
    #: values read, or replaced, in one transaction
    batch: int = 100


#: all sealed columns, for key rotation. A literal list, because importing the schema would import SQLAlchemy
SEALED = (
    SealedColumn("installation", "value_sealed"),
    SealedColumn("accounts", "credentials_sealed"),
    SealedColumn("idempotency_keys", "response_sealed", ("project_id", "key")),
    SealedColumn("integrations", "packages_api_key_sealed"),
    SealedColumn("integrations", "partner_password_sealed"),
    SealedColumn("integrations", "harvest_client_secret_sealed"),
    SealedColumn("integrations", "settings_sealed"),
    SealedColumn("integrations", "previous_secret_sealed"),
    SealedColumn("integrations", "signing_secret_sealed"),
    SealedColumn("request_logs", "detail_sealed"),
    SealedColumn("account_access", "tokens_sealed", ("account_id",)),
    SealedColumn("account_tokens", "token_sealed"),
    SealedColumn("request_steps", "detail_sealed"),
    SealedColumn("webhook_secrets", "secret_sealed"),
    SealedColumn("webhook_secrets", "private_key_sealed"),
    SealedColumn("webhooks", "headers_sealed"),
    SealedColumn("users", "totp_secret_sealed"),
    SealedColumn("resumes", "content_sealed", batch=4),
)


async def find(tx: Tx, name: str) -> str | None:
    """Returns a sealed value of the installation."""
    row = await tx.one("SELECT value_sealed FROM installation WHERE id = $1", name)
    return row["value_sealed"] if row else None


async def add(tx: Tx, name: str, value_sealed: str) -> None:
    """Adds a value unless it exists."""
    await tx.run(
        "INSERT INTO installation (id, value_sealed) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", name, value_sealed
    )


async def lock(tx: Tx) -> None:
    """Locks the installation until the transaction ends, for values that must be unique over all projects."""
    await tx.run("UPDATE installation SET id = id")


async def save(tx: Tx, name: str, value_sealed: str) -> None:
    """Saves a value, replacing an earlier one."""
    await tx.run(
        "INSERT INTO installation (id, value_sealed) VALUES ($1, $2) "
        "ON CONFLICT (id) DO UPDATE SET value_sealed = excluded.value_sealed",
        name,
        value_sealed,
    )


async def list_sealed(tx: Tx, where: SealedColumn, after: Sequence[str] | None, *, limit: int) -> Sequence[Row]:
    """
    Lists up to `limit` rows of a table in the order of their keys, after a key.

    The rows have the columns of the key, and `sealed`, which may be None.
    """
    key, values = ", ".join(where.key), after or ()
    beyond = f"WHERE ({key}) > ({marks(values)})" if after else ""
    return await tx.all(
        f"SELECT {key}, {where.column} AS sealed FROM {where.table} {beyond} "  # noqa: S608 - names from our schema
        f"ORDER BY {key} LIMIT ${len(values) + 1}",
        *values,
        limit,
    )


async def reseal(tx: Tx, where: SealedColumn, rows: Sequence[Sequence[str]]) -> int:
    """
    Replaces sealed values that still have their old value; returns the number of replaced values.

    A row has the values of the key's columns, the old sealed value and the new one.
    """
    columns: dict[str, ColumnType] = dict.fromkeys((*where.key, "was", "becomes"), "TEXT")
    same = " AND ".join(f"{where.table}.{name} = given.{name}" for name in where.key)
    replaced = await tx.run_rows(
        f"UPDATE {where.table} SET {where.column} = given.becomes FROM {{given}} "  # noqa: S608 - names from our schema
        f"WHERE {same} AND {where.column} = given.was RETURNING 1 AS replaced",
        columns,
        rows,
    )
    return len(replaced)
