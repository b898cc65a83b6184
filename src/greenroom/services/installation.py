"""Installation-wide values: the pepper of token hashes, the public URL, and all encrypted values."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial

from greenroom.context import Context
from greenroom.security.vault import Vault, VaultError
from greenroom.store import installation as installation_rows
from greenroom.store.db import Row, Store, Tx
from greenroom.store.installation import SEALED, SealedColumn

PEPPER = "pepper"
PUBLIC_URL = "public_url"
#: values read, or replaced, in one transaction, unless the column has fewer
BATCH = 100


@dataclass
class Column:
    """
    Counts of one column's encrypted values.

    Values are `resealed`, have `changed` before they could be, or are `unreadable`; `reason` is that of the first
    unreadable one.
    """

    where: SealedColumn
    resealed: int = 0
    changed: int = 0
    unreadable: int = 0
    reason: str = ""


async def has_sealed_values(store: Store) -> bool:
    """Returns whether a gateway has ever been started on this database: the pepper is the first value it seals."""

    async def find(tx: Tx) -> bool:
        return await installation_rows.find(tx, PEPPER) is not None

    return await store.read(find)


async def open_pepper(store: Store, vault: Vault) -> bytes:
    """
    Returns the 32 bytes that key every token's hash; made on the first start.

    Raises:
        VaultError: the database was sealed with a key that is not among this process's; says which setting to check.
    """
    location = {"table": "installation", "row": PEPPER, "column": "value_sealed"}

    async def ensure(tx: Tx) -> str | None:
        if await installation_rows.find(tx, PEPPER) is None:
            await installation_rows.add(tx, PEPPER, vault.seal(secrets.token_hex(32), **location))
        return await installation_rows.find(tx, PEPPER)

    sealed = await store.write(ensure)
    return bytes.fromhex(vault.open(str(sealed), **location))


async def reseal(store: Store, vault: Vault) -> list[Column]:
    """
    Encrypts every sealed value with the newest key, in batches; other processes may run meanwhile.

    Can be repeated. Values that cannot be opened, or change meanwhile, are counted and left unchanged.
    """
    return [await _reseal(store, vault, where) for where in SEALED]


async def find_unreadable(store: Store, vault: Vault) -> list[Column]:
    """Returns the columns that have values which cannot be opened."""
    found = [Column(where) for where in SEALED]
    for column in found:
        async for rows in _batches(store, column.where):
            for row in rows:
                _opened(vault, column, row)
    return [column for column in found if column.unreadable]


async def save_public_url(store: Store, vault: Vault, url: str) -> None:
    """Saves the URL under which a gateway serves this database, for commands that print links."""
    sealed = vault.seal(url, table="installation", row=PUBLIC_URL, column="value_sealed")
    await store.write(lambda tx: installation_rows.save(tx, PUBLIC_URL, sealed))


async def find_public_url(store: Store, vault: Vault) -> str | None:
    """
    Returns the URL of the gateway that started last on this database, or None when none has.

    Raises:
        VaultError: the URL is sealed with a key that this process does not have.
    """
    sealed = await store.read(lambda tx: installation_rows.find(tx, PUBLIC_URL))
    return vault.open(sealed, table="installation", row=PUBLIC_URL, column="value_sealed") if sealed else None


async def with_public_url(ctx: Context) -> Context:
    """
    Returns a context whose links lead to the gateway that started last on this database, unless the URL is set.

    Raises:
        VaultError: the URL is sealed with a key that this process does not have.
    """
    if "public_url" in ctx.settings.model_fields_set:
        return ctx
    url = await find_public_url(ctx.store, ctx.vault) or ctx.settings.public_url
    return replace(ctx, settings=ctx.settings.model_copy(update={"public_url": url}))


async def _reseal(store: Store, vault: Vault, where: SealedColumn) -> Column:
    column = Column(where)
    async for rows in _batches(store, where):
        old = [row for row in rows if not vault.is_current(row["sealed"])]
        opened = [(row, plain) for row in old if (plain := _opened(vault, column, row)) is not None]
        if not opened:
            continue
        new = [
            (*_key(where, row), row["sealed"], vault.seal(plain, **_associated_data(where, row)))
            for row, plain in opened
        ]
        replaced = await store.short_write(partial(installation_rows.reseal, where=where, rows=new))
        column.resealed += replaced
        column.changed += len(new) - replaced
    return column


async def _batches(store: Store, where: SealedColumn) -> AsyncIterator[list[Row]]:
    """Yields a column's values, each batch from a short transaction of its own."""
    after: tuple[str, ...] | None = None
    while rows := await store.read(
        partial(installation_rows.list_sealed, where=where, after=after, limit=min(BATCH, where.batch))
    ):
        yield [row for row in rows if row["sealed"] is not None]
        after = _key(where, rows[-1])


def _opened(vault: Vault, column: Column, row: Row) -> str | None:
    try:
        return vault.open(row["sealed"], **_associated_data(column.where, row))
    except VaultError as error:
        column.unreadable += 1
        column.reason = column.reason or str(error)
        return None


def _key(where: SealedColumn, row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in where.key)


def _associated_data(where: SealedColumn, row: Row) -> dict[str, str]:
    return {"table": where.table, "row": row[where.key[-1]], "column": where.column}
