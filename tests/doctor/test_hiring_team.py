"""Causes of orders without their hiring team, against the simulator's Harvest and its faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from greenroom.doctor.diagnosis import diagnose
from greenroom.engine.worker import Engine
from greenroom.model.findings import Finding
from greenroom.services import accounts, webhooks
from tests.connectors.greenhouse.harvest.conftest import Northwind, northwind
from tests.connectors.greenhouse.harvest.test_enrichment import CAUSES, NAMES, Desk
from tests.house import neighbour

__all__ = ["northwind"]

ACCOUNT = ("hiring_team.not_connected", "hiring_team.permission", "hiring_team.scope_missing",
           "hiring_team.token_refused")  # fmt: skip
#: facts of the proofs
PROOF: dict[str, dict[str, Any]] = {
    "hiring_team.scope_missing": {"call": "job_owners", "scope": "harvest:job_owners:list"},
    "hiring_team.permission": {"status": 403},
    "hiring_team.unavailable": {"status": 502, "is_read_again": True},
}


@pytest.fixture
async def desk(northwind: Northwind) -> AsyncIterator[Desk]:
    """Northwind's orders at a vendor whose webhook takes them."""
    async with neighbour() as vendor:
        ctx = northwind.ctx
        await webhooks.create(ctx, northwind.project_id, name="orders", url=f"{vendor.url}/hooks", events=NAMES)
        yield Desk(northwind, vendor, Engine(ctx, northwind.out))


async def findings(desk: Desk) -> list[Finding]:
    """Returns the findings about hiring teams and webhooks; Greenhouse never calls this desk, and no worker runs."""
    found = await diagnose(desk.northwind.ctx, desk.northwind.project_id)
    return [one for one in found if one.code.startswith(("hiring_team.", "webhook."))]


async def is_healthy(desk: Desk) -> None:
    assert await findings(desk) == []


async def go_out(desk: Desk) -> None:
    """Lets ten seconds pass for the orders, whose events go out."""
    await desk.sql("UPDATE orders SET created_at = created_at - 11000")
    await desk.pass_patience()
    await desk.deliver()


@pytest.mark.parametrize("code", CAUSES)
async def test_a_cause_of_the_customers_access(desk: Desk, code: str) -> None:
    """Each cause is found alone, with the call that was refused, and ends with its repair."""
    provoke, repair, _, _ = CAUSES[code]
    await provoke(desk)
    order = await desk.send_test()
    await desk.enrich()
    await go_out(desk)
    (found,) = await findings(desk)
    assert found.code == code
    account_id = desk.northwind.account_id
    assert found.subject.id == (account_id if code in ACCOUNT else order.id)
    assert (found.account_id, found.order_id) == (account_id, order.id)
    assert PROOF.get(code, {}).items() <= found.proof.items()

    await repair(desk)
    await desk.pass_waits()
    await desk.enrich()
    await desk.send_test(26234702)
    await desk.pass_waits()
    await desk.enrich()
    await desk.deliver()
    await is_healthy(desk)


async def test_a_hiring_team_that_comes_late(desk: Desk) -> None:
    """An order is late once its event has gone out, until the hiring team follows."""
    await desk.northwind.use_customers_client()
    order = await desk.send_test()
    await is_healthy(desk)
    await go_out(desk)
    (found,) = await findings(desk)
    assert (found.code, found.order_id) == ("hiring_team.late", order.id)
    assert found.proof["is_read_again"]
    await desk.pass_waits()
    await desk.enrich()
    await desk.deliver()
    await is_healthy(desk)


async def test_a_job_without_hiring_team(desk: Desk) -> None:
    """Nobody on the hiring team is a notice, until an order has one."""
    for user in (901, 902):
        desk.northwind.greenhouse.call("PATCH", f"/users/{user}", {"role": "grader"})
    await desk.northwind.use_customers_client()
    await desk.enriched()
    (found,) = await findings(desk)
    assert (found.code, found.severity) == ("hiring_team.empty", "notice")


async def test_the_partner_api_alone(desk: Desk) -> None:
    """One notice for the integration, however many orders it has."""
    await desk.northwind.configure(authentication_type="partner")
    await desk.northwind.link()
    for _ in range(2):
        await desk.send_test()
    await desk.enrich()
    (found,) = await findings(desk)
    assert (found.code, found.severity) == ("hiring_team.partner_only", "notice")
    assert found.subject.id == "greenhouse"
    assert found.proof == {"authentication_type": "partner"}
    await desk.northwind.configure(authentication_type="public_partner")
    assert [one.code for one in await findings(desk)] == ["hiring_team.not_connected"]
    await accounts.delete(desk.northwind.ctx, desk.northwind.project_id, desk.northwind.account_id)
    await is_healthy(desk)
