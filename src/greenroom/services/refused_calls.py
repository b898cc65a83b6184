"""
Refused calls of ATSs: examines what arrived and stores bounded counts of it by project.

Nothing here runs during a call: `connectors.calls` counts refused calls in memory, and `flush` examines and stores
them. A call whose key and tenant id are both unknown belongs to no project; a metric counts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import structlog
from prometheus_client import Counter

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Unavailable
from greenroom.model.ats_calls import Caller, Ended, how_ended
from greenroom.model.refused_calls import Key, Kind, RefusedCall, find_differences, read_keys
from greenroom.security.tokens import token_hash
from greenroom.security.vault import VaultError
from greenroom.services import ats_callers
from greenroom.store import db
from greenroom.store import refused_calls as rows
from greenroom.store.db import Row, Tx, is_plain, to_json

log = structlog.get_logger("greenroom.services")

#: newest tokens of a tenant with which an unknown key is compared
COMPARED_TOKENS = 200
#: unknown keys that are compared in one flush, so that a flood of keys costs little
COMPARED_KEYS = 8
#: rows that the unknown keys of a provider share
BUCKETS = 16
#: characters of an unknown key that are stored
SHOWN = 3

refused = Counter(
    "greenroom_refused_ats_calls", "Refused calls of ATSs; nobody: the call names no known key or tenant", ["kind"]
)


@dataclass(frozen=True)
class _Examined:
    """The kind of a refused call and its project; `subject` is its account, or a number for an unknown key."""

    project_id: str
    kind: Kind
    subject: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


async def flush(ctx: Context) -> None:
    """Stores the refused calls of this process; an unavailable database loses them, which is counted."""
    async with ctx.refused_calls.writing:
        calls = ctx.refused_calls.take()
        if not calls:
            return
        try:
            found = await _examine(ctx, calls)
            for call, one in zip(calls, found, strict=True):
                refused.labels(one.kind if one else "nobody").inc(call.count)
            known = [(call, one) for call, one in zip(calls, found, strict=True) if one]
            if known:
                await _store(ctx, known)
        except Unavailable:
            refused.labels("lost").inc(sum(call.count for call in calls))
        except Exception:
            log.exception("refused_calls_failed_inside")


@snapshot
async def _examine(ctx: Context, tx: Tx, calls: Sequence[RefusedCall]) -> list[_Examined | None]:
    """Returns the kind of each call; None for a call that belongs to no project."""
    comparison = _Comparison(ctx, tx)
    return [await _examine_one(ctx, tx, call, comparison) for call in calls]


async def _examine_one(ctx: Context, tx: Tx, call: RefusedCall, comparison: _Comparison) -> _Examined | None:
    keys = read_keys(call.header)
    for key in keys:
        row = await rows.find_token(tx, call.provider, token_hash(key.text, ctx.pepper))
        if row is not None:
            ctx.refused_calls.touch(call.provider, row["tenant_id"])
            return _known_key(row, key, call)
    known_tenant = call.tenant_id and is_plain(call.tenant_id)
    tenant = await rows.find_tenant(tx, call.provider, str(call.tenant_id)) if known_tenant else None
    if tenant is None:
        return None
    project_id = str(tenant["project_id"])
    if not keys:
        return _Examined(project_id, "no_credentials")
    for key in keys:
        account_id, differences = await comparison.find(project_id, call.provider, key.text)
        if account_id:
            detail = {"difference": ", ".join([*differences, *_misplaced(key)]), "key_length": len(key.text)}
            return _Examined(project_id, "token_near_miss", account_id, detail)
    first = keys[0]
    shown = {"key_length": len(first.text), "key_start": first.text[:SHOWN], **_place(first)}
    bucket = str(int(token_hash(first.text, ctx.pepper)[:4], 16) % BUCKETS)
    return _Examined(project_id, "token_unknown", bucket, shown)


def _known_key(row: Row, key: Key, call: RefusedCall) -> _Examined | None:
    """Returns why a call with the key of an account was refused; None if it would be accepted by now."""
    project_id, account_id = row["project_id"], row["id"]
    if row["deleted_at"] is not None:
        return _Examined(project_id, "account_disconnected", account_id)
    if row["enabled"] is None:
        return None
    if not row["enabled"]:
        return _Examined(project_id, "integration_disabled")
    if row["paused_at"] is not None:
        return _Examined(project_id, "account_paused", account_id)
    if key.place == "password":
        return _Examined(project_id, "token_as_password", account_id)
    if row["expired"]:
        return _Examined(project_id, "token_rotated", account_id, {"valid_until": row["expires_at"]})
    if key.place != "user":
        return _Examined(project_id, "token_near_miss", account_id, {"difference": _misplaced(key)[0]})
    if not call.tenant_id:
        return _Examined(project_id, "tenant_missing", account_id)
    if call.tenant_id != row["tenant_id"]:
        return _Examined(project_id, "tenant_mismatch", account_id, {"tenant_id": call.tenant_id})
    return None


def _misplaced(key: Key) -> list[str]:
    return {"scheme": ["without Basic"], "plain": ["not base64-encoded"], "password": ["as password"]}.get(
        key.place, []
    )


def _place(key: Key) -> dict[str, str]:
    return {"place": key.place} if key.place != "user" else {}


class _Comparison:
    """Compares unknown keys with the tokens of a tenant's accounts; a flush compares a few keys at the most."""

    def __init__(self, ctx: Context, tx: Tx) -> None:
        self._ctx = ctx
        self._tx = tx
        self._left = COMPARED_KEYS
        self._tokens: dict[tuple[str, str], list[tuple[str, str]]] = {}

    async def find(self, project_id: str, provider: str, key: str) -> tuple[str, list[str]]:
        """Returns the account whose token a key is a damaged copy of, and how they differ; '' if there is none."""
        if not self._left:
            return "", []
        self._left -= 1
        for account_id, token in await self._open(project_id, provider):
            if differences := find_differences(key, token):
                return account_id, differences
        return "", []

    async def _open(self, project_id: str, provider: str) -> list[tuple[str, str]]:
        place = (project_id, provider)
        if place not in self._tokens:
            sealed = await rows.list_newest_tokens(self._tx, project_id, provider, limit=COMPARED_TOKENS)
            self._tokens[place] = [(row["account_id"], token) for row in sealed if (token := self._opened(row))]
        return self._tokens[place]

    def _opened(self, row: Row) -> str | None:
        try:
            return self._ctx.vault.open(
                row["token_sealed"], table="account_tokens", row=row["id"], column="token_sealed"
            )
        except VaultError:
            return None


@transaction
async def _store(_: Context, tx: Tx, found: Sequence[tuple[RefusedCall, _Examined]]) -> None:
    """Adds calls to the stored counts, which begin anew if good calls have ended the finding meanwhile."""
    now_ms, now = await db.now_ms(tx), monotonic()
    places = {(one.project_id, call.provider) for call, one in found}
    for project_id, provider in places:
        mine = [(call, one) for call, one in found if (one.project_id, call.provider) == (project_id, provider)]
        before = _Before(await rows.list_refused(tx, project_id), provider)
        if any(one.kind in before for _call, one in mine):
            subjects = [one.subject for _call, one in mine]
            before.callers = await ats_callers.list_callers(tx, project_id, provider, subjects)
        for call, one in _merge(mine):
            ended, returned = before.how_ended(one)
            detail = {**one.detail, "call": call.call, "address": call.address}
            entry = rows.Entry(
                project_id,
                provider,
                one.kind,
                one.subject,
                call.count,
                now_ms - round((now - call.first) * 1000),
                now_ms - round((now - call.last) * 1000),
                to_json({**detail, "returned": True} if returned else detail),
            )
            await rows.add(tx, entry, anew=ended)
        await rows.delete_oldest(tx, project_id)


async def delete_ended(tx: Tx, project_id: str, provider: str) -> None:
    """
    Deletes the refused calls that good calls have ended; runs inside another service's transaction.

    It is called before an account is unlinked, whose good calls do not count any more after that.
    """
    stored = [row for row in await rows.list_refused(tx, project_id) if row["provider"] == provider]
    if not stored:
        return
    callers = await ats_callers.list_callers(tx, project_id, provider, [row["subject"] for row in stored])
    for row in stored:
        if how_ended(ats_callers.to_refused(row), callers) is Ended.YES:
            await rows.delete(tx, project_id, provider, row["kind"], row["subject"])


def _merge(calls: Sequence[tuple[RefusedCall, _Examined]]) -> list[tuple[RefusedCall, _Examined]]:
    """Returns one entry for each kind and subject, with the data of the latest call."""
    merged: dict[tuple[str, str], tuple[RefusedCall, _Examined]] = {}
    for call, one in sorted(calls, key=lambda pair: pair[0].last):
        earlier, _ = merged.get((one.kind, one.subject), (None, one))
        if earlier:
            call = replace(call, first=min(earlier.first, call.first), count=earlier.count + call.count)
        merged[one.kind, one.subject] = (call, one)
    return list(merged.values())


class _Before:
    """The stored refused calls of a provider, before new ones are added."""

    def __init__(self, stored: Sequence[Row], provider: str) -> None:
        self.callers: Sequence[Caller] = ()
        self._stored = {
            (row["kind"], row["subject"]): ats_callers.to_refused(row) for row in stored if row["provider"] == provider
        }

    def __contains__(self, kind: str) -> bool:
        return any(stored == kind for stored, _subject in self._stored)

    def how_ended(self, one: _Examined) -> tuple[bool, bool]:
        """Returns whether the stored calls of this kind have ended, and whether they came back after a good call."""
        before = self._stored.get((one.kind, one.subject))
        if before is None:
            return False, False
        ended = how_ended(before, self.callers)
        returned = ended is Ended.PERHAPS or (ended is Ended.NO and bool(before.detail.get("returned")))
        return ended is Ended.YES, returned
