"""Facts about the package lists of a project, for the doctor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from greenroom.context import Context, snapshot
from greenroom.model.integrations import Integration
from greenroom.model.list_calls import ListCall
from greenroom.services import integrations
from greenroom.services.packages import LIST_TEST
from greenroom.store import package_facts as fact_rows
from greenroom.store.db import Row, Tx, from_ms


@dataclass(frozen=True)
class ListFailure:
    """
    The failure of the list endpoint for an account, which stands since the latest good answer.

    `account_id` is '' for a test before any account is linked. `cause` and `call` are the latest call's.
    """

    account_id: str
    account: str
    cause: str
    call: ListCall
    since: datetime
    at: datetime
    count: int


@dataclass(frozen=True)
class GoodList:
    """
    The latest good list of an account, or of a test of the endpoint.

    `durations` has the time and the duration in ms of the latest answers, the newest last.
    """

    account_id: str
    account: str
    at: datetime
    call: ListCall
    durations: Sequence[tuple[datetime, int]]


@dataclass(frozen=True)
class PackageSource:
    """An integration, and the outcomes of calls of its list endpoint at the configured URL."""

    integration: Integration
    has_published: bool
    failures: Sequence[ListFailure] = ()
    lists: Sequence[GoodList] = ()
    test: GoodList | None = None


@snapshot
async def gather(ctx: Context, tx: Tx, project_id: str) -> list[PackageSource]:
    """Returns the facts about each enabled integration of a project."""
    configured = [one for one in await integrations.read_all(ctx, tx, project_id) if one.enabled]
    published = {row["category"] for row in await fact_rows.list_published_categories(tx, project_id)}
    if not any(one.packages_url for one in configured):
        return [PackageSource(one, one.partner_category in published) for one in configured]
    failures = await fact_rows.list_failures(tx, project_id)
    lists = [row for row in await fact_rows.list_lists(tx, project_id) if row["observed"]]
    tests = await fact_rows.list_tests(tx, project_id, LIST_TEST)
    return [
        PackageSource(
            one,
            one.partner_category in published,
            [_failure(row) for row in failures if _is_of(row, one)],
            [_list(row) for row in lists if _is_of(row, one)],
            next((found for row in tests if row["subject"] == one.provider and (found := _test(row, one))), None),
        )
        for one in configured
    ]


def _is_of(row: Row, integration: Integration) -> bool:
    return (row["provider"], row["packages_url"]) == (integration.provider, integration.packages_url)


def _failure(row: Row) -> ListFailure:
    call = ListCall.from_json(json.loads(row["detail"]))
    times = from_ms(row["since"]), from_ms(row["at"])
    return ListFailure(row["account_id"], row["origin_owner_name"] or "", row["cause"], call, *times, row["count"])


def _list(row: Row) -> GoodList:
    observed: dict[str, Any] = json.loads(row["observed"])
    durations = [(from_ms(at), ms) for at, ms in observed["durations"]]
    call = ListCall.from_json(observed)
    return GoodList(row["account_id"], row["origin_owner_name"], from_ms(row["fetched_at"]), call, durations)


def _test(row: Row, integration: Integration) -> GoodList | None:
    detail: dict[str, Any] = json.loads(row["detail"])
    if detail["packages_url"] != integration.packages_url:
        return None
    call, at = ListCall.from_json(detail), from_ms(row["at"])
    return GoodList(detail["account_id"], "", at, call, [(at, call.ms)])
