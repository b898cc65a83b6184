"""Everything about one linked account: its live tokens, credentials by name and the latest requests of its ATS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from greenroom.context import Context, snapshot
from greenroom.errors import NotFound
from greenroom.model.accounts import Account, AccountToken
from greenroom.services import accounts
from greenroom.store import accounts as account_rows
from greenroom.store.db import Row, Tx, from_ms, maybe_from_ms


@dataclass(frozen=True)
class LastCall:
    """The latest request of one kind from an account's ATS, and the status that answered it."""

    call: str
    at: datetime
    status: int


@dataclass(frozen=True)
class Profile:
    """
    An account with its live tokens, newest first, and the latest requests of its ATS.

    `credential_names` are the names of its stored credentials, without their values.
    """

    account: Account
    tokens: tuple[AccountToken, ...]
    calls: tuple[LastCall, ...]
    credential_names: tuple[str, ...]


@snapshot
async def get_profile(ctx: Context, tx: Tx, project_id: str, account_id: str) -> Profile:
    """
    Returns everything about a project's account, with its live tokens in plain text.

    Raises:
        NotFound: the account does not exist or is another project's.
    """
    found = await account_rows.find_with_credentials(tx, project_id, account_id)
    if found is None:
        raise NotFound(f"No account {account_id} in this project.")
    return await read_profile(ctx, tx, found[0], accounts.opened_credentials(ctx, account_id, found[1]))


async def read_profile(ctx: Context, tx: Tx, account: Account, credentials: Mapping[str, Any]) -> Profile:
    """Returns the profile of an account with these credentials, inside another service's transaction."""
    return Profile(
        account,
        tokens=tuple(_account_token(ctx, row) for row in await account_rows.list_live_tokens(tx, account.id)),
        calls=tuple(
            LastCall(row["call"], from_ms(row["called_at"]), row["status"])
            for row in await account_rows.list_calls(tx, account.id)
        ),
        credential_names=tuple(sorted(credentials)),
    )


def _account_token(ctx: Context, row: Row) -> AccountToken:
    return AccountToken(
        accounts.open_token(ctx, row),
        created_at=from_ms(row["created_at"]),
        expires_at=maybe_from_ms(row["expires_at"]),
        first_used_at=maybe_from_ms(row["first_used_at"]),
        last_used_at=maybe_from_ms(row["last_used_at"]),
    )
