"""Webhooks: the endpoints to which events are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, Invalid, NotFound
from greenroom.model.deliveries import State
from greenroom.model.webhooks import Signature, Webhook, WebhookSecret
from greenroom.security.signatures import new_private_key, public_key
from greenroom.security.tokens import new_webhook_secret
from greenroom.services import accounts, audit, custom_headers
from greenroom.store import breakers as breaker_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import held as held_rows
from greenroom.store import order_logs as order_log_rows
from greenroom.store import projects as project_rows
from greenroom.store import rates as rate_rows
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Tx, from_ms, maybe_from_ms, to_ms

OVERLAP = timedelta(days=1)
#: reason of a webhook that somebody disabled
BY_HAND = "disabled by hand"
#: `held_since` that sends no held event
NOTHING_HELD = datetime.max.replace(tzinfo=UTC)
#: fields whose change may subscribe a webhook to held events
RELEASING = frozenset({"enabled", "events", "account_ids"})
#: timeline messages about an event that was held for the project
RELEASED = "The held event is queued for webhook {webhook}, which now subscribes to it."
LEFT_OUT = (
    "The held event was not sent to webhook {webhook}: it is older than the webhook's `held_since`. To send it, replay "
    "the webhook with status cancelled."
)
#: deliveries that are held, released or cancelled in one transaction, which takes some milliseconds
BATCH = 500
_HELD_TO_PENDING: tuple[State, State] = ("held", "pending")
_PENDING_TO_HELD: tuple[State, State] = ("pending", "held")


@dataclass(frozen=True)
class Held:
    """The number of deliveries held for a disabled webhook, and when the oldest was created."""

    count: int = 0
    oldest_at: datetime | None = None


@snapshot
async def held(_: Context, tx: Tx, webhook_ids: Sequence[str]) -> dict[str, Held]:
    """Returns the held deliveries of each of these webhooks."""
    found = await held_rows.held(tx, webhook_ids)
    return {id_: Held(found[id_][0], maybe_from_ms(found[id_][1])) if id_ in found else Held() for id_ in webhook_ids}


@transaction
async def create(
    ctx: Context,
    tx: Tx,
    project_id: str,
    *,
    name: str,
    url: str,
    events: tuple[str, ...],
    account_ids: tuple[str, ...] = (),
    enabled: bool = True,
    rate_limit: float | None = None,
    held_since: datetime | None = None,
    headers: Mapping[str, str] | None = None,
    signature: Signature = "hmac",
    secret: str | None = None,
) -> tuple[Webhook, str]:
    """
    Creates a webhook; returns it and its secret, which is shown only once.

    The caller then calls `release`, which queues the held events from `held_since` on; if the process stops before,
    `switch_over` does so.

    Raises:
        NotFound: one of the accounts is not the project's.
        Invalid: `held_since` is given and the webhook is not enabled.
        Conflict: the project has reached its limit of webhooks.
    """
    _check_held_since(held_since, enabled=enabled)
    await project_rows.lock_orders(tx, project_id)
    if await webhook_rows.count(tx, project_id) >= ctx.settings.max_webhooks:
        raise Conflict(
            f"The project has {ctx.settings.max_webhooks} webhooks, the most it may have (GREENROOM_MAX_WEBHOOKS). "
            "Delete one that is not used.",
            code="QuotaReached",
        )
    for account_id in account_ids:
        await accounts.read(tx, project_id, account_id)
    now = ctx.now()
    webhook = Webhook(
        id=ctx.new_id("whk"),
        project_id=project_id,
        name=name,
        url=url,
        events=events,
        account_ids=account_ids,
        enabled=enabled,
        disabled_reason=None,
        created_at=now,
        updated_at=now,
        rate_limit=rate_limit,
        held_since=held_since,
        signature=signature,
    )
    webhook = custom_headers.changed(ctx, webhook, webhook, headers)
    await webhook_rows.add(tx, webhook)
    await rate_rows.empty(tx, webhook.id)
    detail = {"name": name, "url": url}
    await audit.record(ctx, tx, "webhook.created", webhook.id, project_id=project_id, detail=detail)
    return webhook, await _add_secret(ctx, tx, webhook.id, secret or new_webhook_secret())


@snapshot
async def get(_: Context, tx: Tx, project_id: str, webhook_id: str) -> Webhook:
    """
    Returns a project's webhook.

    Raises:
        NotFound: the webhook does not exist or is another project's.
    """
    return await _read(tx, project_id, webhook_id)


@snapshot
async def list_secrets(ctx: Context, tx: Tx, project_id: str, webhook_id: str) -> list[WebhookSecret]:
    """Lists the live signing secrets of a project's webhook in plain text, newest first; none for an unknown one."""
    return [
        WebhookSecret(
            ctx.vault.open(row["secret_sealed"], table="webhook_secrets", row=row["id"], column="secret_sealed"),
            from_ms(row["created_at"]),
            maybe_from_ms(row["expires_at"]),
            row["public_key"],
        )
        for row in await webhook_rows.list_live_secrets(tx, project_id, webhook_id)
    ]


@snapshot
async def list_public_keys(_: Context, tx: Tx, webhook_ids: Sequence[str]) -> dict[str, list[str]]:
    """Lists each webhook's live public keys, newest first; none for one whose deliveries have only HMAC signatures."""
    found: dict[str, list[str]] = {id_: [] for id_ in webhook_ids}
    for row in await webhook_rows.list_public_keys(tx, webhook_ids):
        found[row["webhook_id"]].append(row["public_key"])
    return found


@snapshot
async def list_webhooks(_: Context, tx: Tx, project_id: str) -> list[Webhook]:
    """Lists a project's webhooks, oldest first."""
    return await webhook_rows.list_webhooks(tx, project_id)


async def change(
    ctx: Context, project_id: str, webhook_id: str, changes: dict[str, Any], *, held_since: datetime | None = None
) -> tuple[Webhook, int]:
    """
    Changes some fields of a webhook; returns it and how many held deliveries were queued.

    Disabling holds the webhook's pending deliveries. Enabling queues them again. A webhook that subscribes to other
    events or accounts gets those that its project holds. Deliveries created before `held_since` are cancelled instead.
    Another URL, or enabling, resets the circuit breaker. A custom header whose value is `KEPT` keeps the stored value.

    Works in batches, so that no transaction is long; if the process stops meanwhile, `switch_over` completes the
    change.

    Raises:
        NotFound: the webhook, or one of the accounts, is not the project's.
        Invalid: `held_since` is given and the webhook is not enabled; see also `custom_headers.changed`.
    """
    if held_since is not None:
        old = await get(ctx, project_id, webhook_id)
        _check_held_since(held_since, enabled=changes.get("enabled", old.enabled))
        while await _cancel_held(ctx, webhook_id, held_since) == BATCH:
            pass
    new = await _change(ctx, project_id, webhook_id, changes, held_since=held_since)
    switched = await _switch(ctx, new) if "enabled" in changes else 0
    released = await release(ctx, new) if RELEASING & changes.keys() else 0
    return new, (switched if new.enabled else 0) + released


async def switch_over(ctx: Context) -> None:
    """
    Completes interrupted calls of `change` and `release`.

    Holds the pending deliveries of disabled webhooks and queues those held for enabled ones.
    """
    for webhook in await ctx.store.read(webhook_rows.list_half_switched):
        await _switch(ctx, webhook)
    for webhook in await ctx.store.read(webhook_rows.list_enabled_with_held):
        await release(ctx, webhook)


async def release(ctx: Context, webhook: Webhook) -> int:
    """
    Queues the held events of the project that a webhook takes, in batches; returns how many.

    Events accepted before the webhook's `held_since` are cancelled, with an alert in the order's timeline.
    """
    released, after = 0, "" if webhook.enabled and webhook.takes_orders else None
    while after is not None:
        sent, after = await _release_some(ctx, webhook.project_id, webhook.id, after)
        released += sent
    return released


@transaction(queues=True)
async def _release_some(ctx: Context, tx: Tx, project_id: str, webhook_id: str, after: str) -> tuple[int, str | None]:
    """
    Releases one batch, starting after the delivery `after`.

    Returns how many deliveries were queued, and where the next batch begins.
    """
    webhook = await webhook_rows.find(tx, project_id, webhook_id, lock="{for_share}")
    if webhook is None or not webhook.enabled:
        return 0, None
    rows = await held_rows.list_held_for_project(tx, project_id, after=after, limit=BATCH)
    since = to_ms(webhook.held_since) if webhook.held_since else 0
    taken: list[tuple[str, str, Literal["pending", "cancelled"]]] = [
        (row["id"], name, "pending" if row["created_at"] >= since else "cancelled")
        for row in rows
        if (name := webhook.takes(row["event_name"], row["account_id"]))
    ]
    given = await held_rows.release(tx, project_id, webhook_id, taken)
    entries = []
    for row in given:
        kind, text = ("released", RELEASED) if row["state"] == "pending" else ("alert", LEFT_OUT)
        entries.append((ctx.new_id("log"), row["order_id"], kind, text.format(webhook=webhook_id)))
    await order_log_rows.add_all(tx, entries)
    return sum(row["state"] == "pending" for row in given), rows[-1]["id"] if len(rows) == BATCH else None


def _check_held_since(held_since: datetime | None, *, enabled: bool) -> None:
    if held_since is not None and not enabled:
        problem = "held_since: nothing is sent to a webhook that is disabled; give it with enabled: true"
        raise Invalid(problem, errors=[problem])


async def _switch(ctx: Context, webhook: Webhook) -> int:
    """Holds a disabled webhook's pending deliveries, or queues an enabled one's held ones; returns how many."""
    switched = count = await _switch_some(ctx, webhook.project_id, webhook.id)
    while count == BATCH:
        count = await _switch_some(ctx, webhook.project_id, webhook.id)
        switched += count
    return switched


@transaction(queues=True)
async def _switch_some(_: Context, tx: Tx, project_id: str, webhook_id: str) -> int:
    webhook = await webhook_rows.find(tx, project_id, webhook_id)
    if webhook is None:
        return 0
    old, new = _HELD_TO_PENDING if webhook.enabled else _PENDING_TO_HELD
    return await delivery_rows.change_state(tx, webhook_id, old=old, new=new, most=BATCH)


@transaction
async def _cancel_held(_: Context, tx: Tx, webhook_id: str, before: datetime) -> int:
    return await held_rows.cancel_held(tx, webhook_id, before_ms=to_ms(before), most=BATCH)


@transaction
async def _change(
    ctx: Context,
    tx: Tx,
    project_id: str,
    webhook_id: str,
    changes: dict[str, Any],
    *,
    held_since: datetime | None = None,
) -> Webhook:
    await project_rows.lock_orders(tx, project_id)
    old = await _read(tx, project_id, webhook_id)
    for account_id in changes.get("account_ids", ()):
        await accounts.read(tx, project_id, account_id)
    plain = {name: value for name, value in changes.items() if name != "headers"}
    new = custom_headers.changed(ctx, old, replace(old, **plain, updated_at=ctx.now()), changes.get("headers"))
    if RELEASING & changes.keys():
        new = replace(new, held_since=held_since)
    if new.enabled != old.enabled:
        new = replace(new, disabled_reason=None if new.enabled else BY_HAND)
    if new.url != old.url or (new.enabled and not old.enabled):
        await breaker_rows.save(tx, webhook_id, None)
    await webhook_rows.save(tx, new)
    if new.rate_limit != old.rate_limit:
        await rate_rows.empty(tx, webhook_id)
    if new.signature != old.signature:
        await _ensure_key_pair(ctx, tx, new)
    fields = [name for name in plain if getattr(new, name) != getattr(old, name)]
    fields += ["headers"] if new.headers_sealed != old.headers_sealed else []
    if fields:
        await audit.record(ctx, tx, "webhook.changed", webhook_id, project_id=project_id, detail={"fields": fields})
    return new


async def delete(ctx: Context, project_id: str, webhook_id: str) -> None:
    """
    Deletes a webhook; its unsent deliveries are cancelled in batches and stay visible.

    Raises:
        NotFound: the webhook does not exist or is another project's.
    """
    await _change(ctx, project_id, webhook_id, {"enabled": False})
    while await _cancel(ctx, webhook_id) == BATCH:
        pass
    await _delete(ctx, project_id, webhook_id)


@transaction
async def _cancel(_: Context, tx: Tx, webhook_id: str) -> int:
    return await delivery_rows.cancel_for(tx, webhook_id, most=BATCH)


@transaction
async def _delete(ctx: Context, tx: Tx, project_id: str, webhook_id: str) -> None:
    # in the order in which a worker locks them that settles what it sent
    await delivery_rows.cancel_for(tx, webhook_id)
    await breaker_rows.save(tx, webhook_id, None)
    await webhook_rows.delete(tx, project_id, webhook_id)
    await audit.record(ctx, tx, "webhook.deleted", webhook_id, project_id=project_id)


@transaction
async def rotate_secret(ctx: Context, tx: Tx, project_id: str, webhook_id: str, *, overlap: timedelta = OVERLAP) -> str:
    """
    Creates a new secret, shown only once.

    The previous secret also signs for `overlap`; older ones end now.

    Raises:
        NotFound: the webhook does not exist or is another project's.
    """
    await project_rows.lock(tx, project_id)
    await _read(tx, project_id, webhook_id)
    await webhook_rows.expire_secrets(tx, webhook_id, overlap_ms=int(overlap.total_seconds() * 1000))
    detail = {"overlap_seconds": int(overlap.total_seconds())}
    await audit.record(ctx, tx, "webhook.secret_rotated", webhook_id, project_id=project_id, detail=detail)
    return await _add_secret(ctx, tx, webhook_id, new_webhook_secret())


async def _read(tx: Tx, project_id: str, webhook_id: str) -> Webhook:
    webhook = await webhook_rows.find(tx, project_id, webhook_id)
    if webhook is None:
        raise NotFound(f"No webhook {webhook_id} in this project.")
    return webhook


async def _add_secret(ctx: Context, tx: Tx, webhook_id: str, secret: str) -> str:
    row_id = ctx.new_id("whs")
    sealed = ctx.vault.seal(secret, table="webhook_secrets", row=row_id, column="secret_sealed")
    await webhook_rows.add_secret(tx, row_id, webhook_id, sealed)
    await _add_key_pair(ctx, tx, row_id)
    return secret


async def _ensure_key_pair(ctx: Context, tx: Tx, webhook: Webhook) -> None:
    """Adds a key pair to a webhook whose current secret has none, since it is from before key pairs existed."""
    for row in (await webhook_rows.list_live_secrets(tx, webhook.project_id, webhook.id))[:1]:
        if row["private_key_sealed"] is None:
            await _add_key_pair(ctx, tx, row["id"])


async def _add_key_pair(ctx: Context, tx: Tx, secret_id: str) -> None:
    private = new_private_key()
    sealed = ctx.vault.seal(private, table="webhook_secrets", row=secret_id, column="private_key_sealed")
    await webhook_rows.add_key_pair(tx, secret_id, private_key_sealed=sealed, public_key=public_key(private))
