"""
A limit per address on guessing session tokens and links, of which only unknown ones count.

While an address waits, good tokens are refused too: otherwise a guesser would learn which token is good.
"""

from __future__ import annotations

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import TooManyRequests
from greenroom.security.tokens import token_hash
from greenroom.store import sign_in_failures as failure_rows
from greenroom.store.db import Tx

#: guesses from one address without a delay, then each one doubles it
FREE = 20
LONGEST_DELAY_S = 60


@snapshot(kind="batchable")
async def check(ctx: Context, tx: Tx, source: str) -> None:
    """
    Refuses an address that has to wait.

    Raises:
        TooManyRequests: `retry_after` says how long.
    """
    await check_inside(ctx, tx, source)


async def check_inside(ctx: Context, tx: Tx, source: str) -> None:
    """Does the same as `check`, inside another service's transaction."""
    left_ms = await failure_rows.find_block(tx, _key(ctx, source))
    if left_ms > 0:
        wait = -(-left_ms // 1000)
        raise TooManyRequests(
            f"Too many links from your network were not valid. Try again in {wait} s.", retry_after=wait
        )


@transaction
async def count(ctx: Context, tx: Tx, source: str) -> None:
    """Counts a guess from an address."""
    failures, _left_ms = await failure_rows.count(tx, _key(ctx, source))
    over = failures + 1 - FREE
    delay_s = 0 if over < 0 else min(2 ** min(over, 20), LONGEST_DELAY_S)
    await failure_rows.add(tx, _key(ctx, source), blocked_ms=delay_s * 1000)


def _key(ctx: Context, source: str) -> str:
    return token_hash(f"hub {source}", ctx.pepper)
