"""What an installation needs before it can serve: the pepper of its token hashes, secrets under the newest key."""

from __future__ import annotations

import secrets

from greenroom.security.vault import Vault
from greenroom.store import installation as installation_rows
from greenroom.store.db import Store, Tx

PEPPER = "pepper"
PUBLIC_URL = "public_url"


async def open_pepper(store: Store, vault: Vault) -> bytes:
    """
    The 32 bytes that key every token's hash; made on the first start.

    Raises:
        VaultError: the database was sealed with a key that is not among this process's; says which setting to check.
    """
    place = {"table": "installation", "row": PEPPER, "column": "value_sealed"}

    async def ensure(tx: Tx) -> str | None:
        if await installation_rows.find(tx, PEPPER) is None:
            await installation_rows.add(tx, PEPPER, vault.seal(secrets.token_hex(32), **place))
        return await installation_rows.find(tx, PEPPER)

    sealed = await store.write(ensure)
    return bytes.fromhex(vault.open(str(sealed), **place))


async def reseal(store: Store, vault: Vault) -> int:
    """
    Put every secret under the newest key; how many were not. After this the older keys can go.

    Raises:
        VaultError: a secret is under a key that is not among this process's.
    """

    async def work(tx: Tx) -> int:
        changed = 0
        for table, column, rows in await installation_rows.list_sealed(tx):
            for row in rows:
                old = row["sealed"]
                if vault.is_current(old):
                    continue
                place = {"table": table, "row": row["id"], "column": column}
                new = vault.seal(vault.open(old, **place), **place)
                await installation_rows.reseal(tx, table, column, row["id"], old=old, new=new)
                changed += 1
        return changed

    return await store.write(work)


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
