"""Tests of refused calls in the database, on both kinds of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from greenroom.context import Context
from greenroom.doctor import ats
from greenroom.model.refused_calls import MOST_PENDING, find_differences, mask_address, read_keys
from greenroom.services import accounts, ats_facts, integrations, projects, refused_calls, trigger_calls
from greenroom.services.accounts import NewAccount
from greenroom.store import refused_calls as rows
from tests.house import basic


async def project(ctx: Context, name: str = "proctor") -> str:
    """Creates a project with an integration."""
    one = await projects.ensure(ctx, name)
    await integrations.put(ctx, one.id, "greenhouse", {"enabled": True, "tenant_id": name, "package_id": "p"})
    return one.id


async def linked(ctx: Context, project_id: str, owner: str = "northwind") -> tuple[Any, str]:
    """Links a customer."""
    return await accounts.link(ctx, project_id, NewAccount("greenhouse", owner, owner.title()))


async def refuse(ctx: Context, header: str | None, tenant: str | None = "proctor") -> None:
    ctx.refused_calls.add("greenhouse", tenant, header, "list_tests", "192.0.2.7")


async def later_millisecond() -> None:
    """Waits until a call is later than those before: they are compared in milliseconds."""
    begun = time.time()
    while time.time() < begun + 0.002:
        await asyncio.sleep(0)


async def codes(ctx: Context, project_id: str) -> list[str]:
    """Returns the codes of the area, and the count of each."""
    return [f"{one.code} {one.count}" for one in ats.judge(await ats_facts.gather(ctx, project_id))]


async def test_counts_go_on_until_a_good_call(ctx: Context) -> None:
    """Flushes add to the count; after a good call it begins anew."""
    project_id = await project(ctx)
    account, token = await linked(ctx, project_id)
    await refuse(ctx, basic("wrong key"))
    await refuse(ctx, basic("wrong key"))
    assert await codes(ctx, project_id) == ["ats.token_unknown 2"]
    await refuse(ctx, basic("wrong key"))
    assert await codes(ctx, project_id) == ["ats.token_unknown 3"]
    await trigger_calls.note_call(ctx, account, token, "list_tests", 200)
    assert await codes(ctx, project_id) == []
    await later_millisecond()
    await refuse(ctx, basic("wrong key"))
    assert await codes(ctx, project_id) == ["ats.token_unknown 1"]


async def test_each_kind_is_stored_for_its_account(ctx: Context) -> None:
    """The kinds of one account are told apart, on the newest of many tokens and on both databases."""
    project_id = await project(ctx)
    _account, token = await linked(ctx, project_id)
    await refuse(ctx, basic("", token))
    await refuse(ctx, basic(token), tenant=None)
    await refuse(ctx, basic(token), tenant="other")
    await refuse(ctx, basic(token[:25]))
    await refuse(ctx, None)
    await refuse(ctx, basic(token))  # accepted by now: the integration was enabled meanwhile
    found = sorted(await codes(ctx, project_id))
    assert found == [
        "ats.no_credentials 1", "ats.tenant_mismatch 1", "ats.tenant_missing 1", "ats.token_as_password 1",
        "ats.token_near_miss 1",
    ]  # fmt: skip


async def test_a_project_has_a_bounded_number_of_rows(ctx: Context) -> None:
    """The oldest rows are replaced."""
    project_id = await project(ctx)
    tokens = [(await linked(ctx, project_id, f"owner-{number}"))[1] for number in range(rows.MOST_ROWS + 6)]
    for first in range(0, len(tokens), MOST_PENDING - 1):
        for token in tokens[first : first + MOST_PENDING - 1]:
            await refuse(ctx, basic("", token))
        await refused_calls.flush(ctx)
    kept = await ctx.store.read(lambda tx: rows.list_refused(tx, project_id))
    every = await ctx.store.read(lambda tx: tx.all("SELECT subject FROM refused_calls"))
    assert len(kept) == len(every) == rows.MOST_ROWS


async def test_times_are_those_of_the_database(ctx: Context) -> None:
    """A wrong clock of this process changes nothing."""
    project_id = await project(ctx)
    account, token = await linked(ctx, project_id)
    late = replace(ctx, now=lambda: datetime.now(UTC) + timedelta(hours=5))
    await refuse(late, basic("wrong key"))
    await refused_calls.flush(late)
    await trigger_calls.note_call(late, account, token, "list_tests", 200)
    assert await codes(ctx, project_id) == []


async def test_hostile_input_is_counted_or_dropped(ctx: Context) -> None:
    """Nothing that a header or a tenant id may hold stops a flush."""
    project_id = await project(ctx)
    await linked(ctx, project_id)
    for text in ("\0", "\ud800", "é" * 300, "=" * 2000, "Basic", "Basic ====", "Basic " + "A" * 5000, "x\0y"):
        await refuse(ctx, text)
        await refuse(ctx, basic("key"), tenant=text)
        await refuse(ctx, "Basic " + text)
    assert set(await codes(ctx, project_id)) <= {f"ats.token_unknown {n}" for n in range(30)} | {
        f"ats.no_credentials {n}" for n in range(30)
    }
    kept = await ctx.store.read(lambda tx: rows.list_refused(tx, project_id))
    assert sum(row["count"] for row in kept) == 16


def test_the_pure_parts() -> None:
    """Keys are read from any header, and differences need most of a token."""
    token = "gr_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789_-abcde"
    assert [one.text for one in read_keys(basic("a", "b"))] == ["a", "b"]
    assert read_keys(" ") == read_keys(None) == read_keys(basic(" ")) == []
    assert find_differences(token[:19], token) == find_differences("gr_" + "x" * 43, token) == []
    assert find_differences(token + token, token) == ["characters added"]
    assert mask_address("192.0.2.77") == "192.0.2.0/24"
    assert mask_address("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert mask_address("unix") is None
