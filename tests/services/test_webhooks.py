"""Changes of a webhook that has many waiting deliveries, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from greenroom.context import Context
from greenroom.services import webhooks
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Store
from tests.support.queues import PROJECT, context, queue

MANY = 2 * webhooks.BATCH + 1


@pytest.fixture
async def ctx(store: Store) -> Context:
    """Returns the context of a store that has the project."""
    await queue(store, {})
    return context(store)


async def busy(ctx: Context) -> str:
    """Creates a webhook with more waiting deliveries than one batch."""
    made, _ = await webhooks.create(ctx, PROJECT, name="w", url="https://vendor.example/", events=("x",))
    await queue(ctx.store, {made.id: MANY})
    return made.id


async def states(ctx: Context, webhook_id: str) -> dict[str, int]:
    """Counts the webhook's deliveries in each state."""
    rows = await ctx.store.read(
        lambda tx: tx.all(
            "SELECT state, count(*) AS n FROM deliveries WHERE destination_id = $1 GROUP BY state", webhook_id
        )
    )
    return {row["state"]: row["n"] for row in rows}


async def test_all_is_held_all_is_let_go_and_all_is_cancelled(ctx: Context) -> None:
    """Each delivery is changed exactly once, in batches."""
    hook = await busy(ctx)
    await webhooks.change(ctx, PROJECT, hook, {"enabled": False})
    assert await states(ctx, hook) == {"held": MANY}
    assert (await webhooks.held(ctx, [hook]))[hook].count == MANY

    await webhooks.change(ctx, PROJECT, hook, {"enabled": True})
    assert await states(ctx, hook) == {"pending": MANY}

    await webhooks.change(ctx, PROJECT, hook, {"enabled": False})
    await webhooks.change(ctx, PROJECT, hook, {"enabled": True}, held_since=datetime.now(UTC))
    assert await states(ctx, hook) == {"cancelled": MANY}

    await queue(ctx.store, {hook: MANY})
    await webhooks.delete(ctx, PROJECT, hook)
    assert await states(ctx, hook) == {"cancelled": 2 * MANY}


@pytest.mark.parametrize("enabled", [True, False])
async def test_what_was_cut_off_is_finished(ctx: Context, enabled: bool) -> None:
    """A change that was cut off after the webhook's own commit is completed; manual retries are not held."""
    hook, other = await busy(ctx), await busy(ctx)
    asked_for = await queue(ctx.store, {hook: 1}, waits_in="hand")
    await webhooks.change(ctx, PROJECT, hook, {"enabled": not enabled})
    await ctx.store.write(lambda tx: tx.run("UPDATE webhooks SET enabled = $2 WHERE id = $1", hook, int(enabled)))
    assert [one.id for one in await ctx.store.read(webhook_rows.list_half_switched)] == [hook]

    await webhooks.switch_over(ctx)

    assert await ctx.store.read(webhook_rows.list_half_switched) == []
    assert await states(ctx, hook) == ({"pending": MANY + 1} if enabled else {"held": MANY, "pending": len(asked_for)})
    assert await states(ctx, other) == {"pending": MANY}
