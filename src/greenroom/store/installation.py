"""What belongs to the installation itself, and every sealed value in it."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx

#: every sealed column that is kept for good, for re-encryption after a key rotation: table and column. Written out, as
#: the schema's own list of columns would bring SQLAlchemy into every process
SEALED = (
    ("installation", "value_sealed"),
    ("accounts", "credentials_sealed"),
    ("integrations", "packages_api_key_sealed"),
    ("integrations", "partner_password_sealed"),
    ("integrations", "harvest_client_secret_sealed"),
    ("integrations", "signing_secret_sealed"),
    ("account_tokens", "token_sealed"),
    ("webhook_secrets", "secret_sealed"),
)


async def find(tx: Tx, name: str) -> str | None:
    """A sealed value of the installation."""
    row = await tx.one("SELECT value_sealed FROM installation WHERE id = $1", name)
    return row["value_sealed"] if row else None


async def add(tx: Tx, name: str, value_sealed: str) -> None:
    """Store a value, unless another process was first."""
    await tx.run(
        "INSERT INTO installation (id, value_sealed) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", name, value_sealed
    )


async def save(tx: Tx, name: str, value_sealed: str) -> None:
    """Stores a value, replacing an earlier one."""
    await tx.run(
        "INSERT INTO installation (id, value_sealed) VALUES ($1, $2) "
        "ON CONFLICT (id) DO UPDATE SET value_sealed = excluded.value_sealed",
        name,
        value_sealed,
    )


async def list_sealed(tx: Tx) -> list[tuple[str, str, Sequence[Row]]]:
    """Every sealed column that is kept for good: table, column, rows of `id` and `sealed`."""
    return [
        (
            table,
            column,
            await tx.all(f"SELECT id, {column} AS sealed FROM {table} WHERE {column} IS NOT NULL"),  # noqa: S608
        )
        for table, column in SEALED
    ]


async def reseal(tx: Tx, table: str, column: str, row_id: str, *, old: str, new: str) -> None:
    """Replace a sealed value, unless it has changed meanwhile."""
    await tx.run(
        f"UPDATE {table} SET {column} = $3 WHERE id = $1 AND {column} = $2",  # noqa: S608 - names from our schema
        row_id,
        old,
        new,
    )
