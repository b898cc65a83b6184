"""Enrichment of orders against the simulator's Harvest v3 and its faults, on both databases; time is moved, not waited."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from greenroom.connectors.greenhouse.wire import order_request
from greenroom.engine.worker import Engine
from greenroom.model import enrichment
from greenroom.model.events import order_model
from greenroom.model.orders import Order
from greenroom.services import accounts, enrichments, erasure, orders, placing, timelines, webhooks
from greenroom.store import deliveries as delivery_rows
from tests.connectors.greenhouse.harvest.conftest import ADMIN, RECRUITER, Northwind
from tests.house import Neighbour, neighbour

NAMES = ("ats_assessments.created", "ats_assessments.updated")
#: people of the simulator's organization 101
HUGO, RINA = "902", "901"
LISTS = ["applications", "candidates", "jobs", "job_hiring_managers", "job_owners", "users"]


@dataclass
class Desk:
    """Northwind's orders, with the vendor's webhook and one engine that a test runs by hand."""

    northwind: Northwind
    vendor: Neighbour
    engine: Engine
    sent: int = 0

    async def send_test(self, application: int = 26234701, **changes: Any) -> Order:
        """Places an order as Greenhouse does."""
        ctx, self.sent = self.northwind.ctx, self.sent + 1
        account = await self.northwind.account()
        candidate = {"email": "ada@example.test", "first_name": "Ada", "greenhouse_profile_url": None}
        candidate["greenhouse_profile_url"] = f"https://app.greenhouse.io/people/1?application_id={application}"
        url = f"https://app.greenhouse.io/take_home_tests/{self.sent}"
        body = {"partner_test_id": "p", "candidate": candidate, "url": url, "sent_by": "hugo.hiring@hemlock.example"}
        found = enrichment.waiting(ctx.now())
        request = order_request({**body, **changes})
        return await placing.place(ctx, account, request, category="assessments", package_name="P", enrichment=found)

    async def enrich(self) -> None:
        await self.engine.enricher.run_once()

    async def deliver(self) -> list[Any]:
        """Delivers the due deliveries; returns the bodies of all events so far."""
        await self.engine.run_once()
        return [one.json for one in self.vendor.received]

    async def enriched(self, **changes: Any) -> dict[str, Any]:
        """Sends a test, enriches it, and returns the event's data."""
        before = len(self.vendor.received)
        await self.send_test(**changes)
        await self.enrich()
        (event,) = (await self.deliver())[before:]
        return dict(event["event_data"])

    async def sql(self, statement: str) -> None:
        await self.northwind.ctx.store.write(lambda tx: tx.run(statement))

    async def pass_patience(self) -> None:
        """Moves the due times of waiting deliveries into the past, as after ten seconds."""
        await self.sql("UPDATE deliveries SET due_at = now_ms() - 1 WHERE state = 'pending'")

    async def pass_waits(self) -> None:
        """Ends leases, pauses and waits of the enrichment, and the window of the rate limit."""
        await self.sql("UPDATE enrichment_turns SET free_at = now_ms() - 1")
        await self.sql("UPDATE enrichments SET due_at = now_ms() - 1")
        await self.sql("UPDATE account_api_windows SET ends_at = 0, blocked_until = 0, window_id = 0")
        await self.sql("UPDATE account_access SET retry_at = NULL")

    async def order(self, order_id: str) -> Order:
        return await orders.get(self.northwind.ctx, self.northwind.project_id, order_id)

    async def entries(self, order_id: str) -> list[timelines.TimelineEntry]:
        found = await timelines.list_entries(self.northwind.ctx, self.northwind.project_id, order_id, limit=100)
        return [one for one in found if one.kind == "enrichment"]

    def paths(self) -> list[str]:
        """Returns the lists that Harvest was asked for, in order."""
        calls = self.northwind.greenhouse.traffic(call="harvest")
        return [str(one.url).split("/v3/")[1].split("?")[0] for one in calls]


@pytest.fixture
async def desk(northwind: Northwind) -> AsyncIterator[Desk]:
    async with neighbour() as vendor:
        ctx = northwind.ctx
        await webhooks.create(ctx, northwind.project_id, name="orders", url=f"{vendor.url}/hooks", events=NAMES)
        yield Desk(northwind, vendor, Engine(ctx, northwind.out))


async def test_the_event_has_job_application_requester_and_hiring_team(desk: Desk) -> None:
    await desk.northwind.use_customers_client()
    data = await desk.enriched()

    assert data["enrichment"]["status"] == "complete"
    assert data["enrichment"]["reason"] is None
    assert data["job"]["title"] == "Data Engineer"
    assert (data["job_id"], data["job"]["id"]) == ("4001", "4001")
    assert [(one["user_id"], one["role"], one["email"]) for one in data["job"]["hiring_team"]] == [
        (HUGO, "hiring_manager", "hugo.hiring@hemlock.example"),
        (RINA, "recruiter", "rina.recruiter@hemlock.example"),
    ]
    assert data["job"]["passthrough"]["hiring_team"] == [
        {"user_id": HUGO, "type": "hiring_manager", "responsible": None},
        {"user_id": RINA, "type": "recruiter", "responsible": True},
    ]
    assert data["application"]["application_status"] == {"value": "active", "source_value": "in_process"}
    assert (data["requester"]["user_id"], data["requester"]["role"]) == (HUGO, "hiring_manager")
    assert desk.paths() == LISTS


async def test_an_order_of_a_known_job_costs_two_requests(desk: Desk) -> None:
    """Also when many orders wait: they share the two requests."""
    await desk.northwind.use_customers_client()
    await desk.enriched()
    for _ in range(20):
        await desk.send_test(26234702)
    await desk.pass_waits()
    await desk.enrich()

    assert desk.paths()[len(LISTS) :] == ["applications", "candidates"]
    bodies = await desk.deliver()
    assert [one["event_data"]["enrichment"]["status"] for one in bodies] == ["complete"] * 21


async def test_a_requester_who_is_on_no_hiring_team_is_looked_up_once(desk: Desk) -> None:
    """Harvest finds no user by address, so all users are read; an unknown one is not looked for again."""
    await desk.northwind.use_customers_client()
    data = await desk.enriched(sent_by="Greta.Grader@hemlock.example")
    assert (data["requester"]["user_id"], data["requester"]["first_name"]) == ("903", "Greta")
    assert data["requester"]["role"] is None
    await desk.pass_waits()
    await desk.enriched(sent_by="greta.grader@hemlock.example")
    await desk.pass_waits()
    data = await desk.enriched(sent_by="nobody@hemlock.example")
    assert (data["requester"]["user_id"], data["requester"]["email"]) == (None, "nobody@hemlock.example")
    await desk.pass_waits()
    await desk.enriched(sent_by="nobody@hemlock.example")

    two = ["applications", "candidates"]
    assert desk.paths() == [*LISTS, "users", *two, *two, "users", *two]


async def test_the_cache_ends_with_its_ttl(desk: Desk) -> None:
    await desk.northwind.use_customers_client()
    await desk.enriched()
    await desk.northwind.configure(enrichment_ttl_seconds=0)
    await desk.pass_waits()
    await desk.enriched()

    assert desk.paths() == LISTS * 2


async def test_an_unread_order_goes_out_flagged_and_is_updated_later(desk: Desk) -> None:
    """The worker dies in the middle of its reads: the event leaves by itself, and another worker completes it."""
    await desk.northwind.use_customers_client()
    order = await desk.send_test()
    assert await enrichments.claim(desk.northwind.ctx) is not None  # and never completed
    assert await desk.deliver() == []
    await desk.pass_patience()
    (created,) = await desk.deliver()
    assert created["event_data"]["enrichment"]["reason"] == "hiring_team.late"
    assert created["event_data"]["job"]["hiring_team"] is None

    await desk.pass_waits()
    await desk.enrich()
    first, updated = await desk.deliver()
    assert first == created
    assert (updated["event"], updated["record_id"]) == ("ats_assessments.updated", order.id)
    assert updated["event_data"]["enrichment"]["status"] == "complete"
    assert len(updated["event_data"]["job"]["hiring_team"]) == 2
    await desk.pass_waits()
    await desk.enrich()
    assert len(await desk.deliver()) == 2


async def test_a_late_worker_writes_nothing(desk: Desk) -> None:
    """A worker whose lease has passed to another one changes neither order nor event."""
    ctx = desk.northwind.ctx
    await desk.northwind.use_customers_client()
    order = await desk.send_test()
    late = await enrichments.claim(ctx)
    await desk.pass_waits()
    await desk.enrich()
    before = await desk.order(order.id)
    assert late is not None
    nothing = enrichment.Enriched(enrichment.missing("hiring_team.unavailable", ctx.now()))
    assert not await enrichments.complete(ctx, late, enrichment.Batch({order.id: nothing}))
    assert await desk.order(order.id) == before


async def test_one_worker_reads_for_an_account(desk: Desk) -> None:
    await desk.northwind.use_customers_client()
    await desk.send_test()
    claimed = await asyncio.gather(*(enrichments.claim(desk.northwind.ctx) for _ in range(8)))
    assert len([one for one in claimed if one is not None]) == 1


async def test_a_hiring_team_without_members_is_not_an_unknown_one(desk: Desk) -> None:
    for user in (901, 902):
        desk.northwind.greenhouse.call("PATCH", f"/users/{user}", {"role": "grader"})
    await desk.northwind.use_customers_client()
    data = await desk.enriched()

    assert (data["enrichment"]["status"], data["enrichment"]["reason"]) == ("complete", "hiring_team.empty")
    assert data["job"]["hiring_team"] == []
    assert data["requester"]["email"] == "hugo.hiring@hemlock.example"


async def _not_connected(desk: Desk) -> None:
    await desk.northwind.use_partner_client(consent=False)


async def _not_admin(desk: Desk) -> None:
    await desk.northwind.use_partner_client(consent=False)
    await desk.northwind.consent(RECRUITER)


async def _no_scope(desk: Desk) -> None:
    scopes = [f"harvest:{name}:list" for name in LISTS if name != "job_owners"]
    await desk.northwind.use_customers_client(scopes=scopes)


async def _revoked(desk: Desk) -> None:
    await desk.northwind.use_partner_client()
    client = desk.northwind.client
    assert client is not None
    desk.northwind.greenhouse.call("POST", f"/harvest/clients/{client['id']}/revoke", {})


async def _limited(desk: Desk) -> None:
    desk.northwind.greenhouse.call("PATCH", "/settings", {"harvest_rate_limit": 1})
    await desk.northwind.use_customers_client()


async def _broken(desk: Desk) -> None:
    await desk.northwind.use_customers_client()
    desk.northwind.greenhouse.call("POST", "/faults", {"kind": "status", "target": "harvest", "status": 502})


async def _authorise(desk: Desk) -> None:
    await desk.northwind.consent(ADMIN)


async def _give_scope(desk: Desk) -> None:
    assert desk.northwind.client is not None
    scopes = [f"harvest:{name}:list" for name in LISTS]
    desk.northwind.greenhouse.call("PATCH", f"/harvest/clients/{desk.northwind.client['id']}", {"scopes": scopes})
    desk.northwind.greenhouse.call("POST", f"/harvest/clients/{desk.northwind.client['id']}/revoke", {})


async def _raise_limit(desk: Desk) -> None:
    desk.northwind.greenhouse.call("PATCH", "/settings", {"harvest_rate_limit": 50})
    desk.northwind.greenhouse.call("POST", "/clock/advance", {"seconds": 60})


async def _repair(desk: Desk) -> None:
    desk.northwind.greenhouse.call("DELETE", "/faults")


CAUSES = {
    "hiring_team.not_connected": (_not_connected, _authorise, "none", ["applications"]),
    "hiring_team.permission": (_not_admin, _authorise, "none", ["applications"]),
    "hiring_team.scope_missing": (_no_scope, _give_scope, "partial", LISTS),
    "hiring_team.token_refused": (_revoked, _authorise, "none", ["applications"]),
    "hiring_team.rate_limited": (_limited, _raise_limit, "partial", ["applications", "candidates"]),
    "hiring_team.unavailable": (_broken, _repair, "none", ["applications", "candidates"]),
}


@pytest.mark.parametrize("code", CAUSES)
async def test_every_cause_is_named_and_ends_with_its_repair(desk: Desk, code: str) -> None:
    """The event, the order and the timeline have the cause; after the repair, an order is complete."""
    provoke, repair, status, reads = CAUSES[code]
    await provoke(desk)
    order = await desk.send_test()
    await desk.enrich()
    await desk.pass_patience()
    (event,) = await desk.deliver()

    assert (event["event_data"]["enrichment"]["status"], event["event_data"]["enrichment"]["reason"]) == (status, code)
    assert event["event_data"]["job"]["hiring_team"] is None
    found = (await desk.order(order.id)).enrichment
    assert found is not None
    assert found.summary == (status, code)
    why, step = enrichment.explain(found, "Greenhouse") or ("", "")
    assert why
    assert step
    (entry,) = await desk.entries(order.id)
    assert code in entry.message
    assert [read["name"] for read in entry.detail["reads"] if "name" in read][: len(reads)] == reads
    assert any(not read["ok"] for read in entry.detail["reads"])

    await repair(desk)
    await desk.pass_waits()
    await desk.enrich()
    data = await desk.enriched(application=26234702) if not found.pending else (await desk.deliver())[1]["event_data"]
    assert data["enrichment"]["status"] == "complete"
    assert len(data["job"]["hiring_team"]) == 2


@pytest.mark.parametrize("variant", ["invalid_json", "empty", "array"])
async def test_an_unusable_answer_is_named_and_read_again(desk: Desk, variant: str) -> None:
    await desk.northwind.use_customers_client()
    fault = {"kind": "malformed", "target": "harvest", "variant": variant, "count": 1}
    desk.northwind.greenhouse.call("POST", "/faults", fault)
    order = await desk.send_test()
    await desk.enrich()
    found = (await desk.order(order.id)).enrichment
    assert found is not None
    assert found.reason == "hiring_team.unavailable"
    assert found.pending
    (entry,) = await desk.entries(order.id)
    assert "which cannot be used" in entry.message

    assert await desk.deliver() == []  # the event waits for the next attempt
    await desk.pass_waits()
    await desk.enrich()
    (event,) = await desk.deliver()
    assert event["event_data"]["enrichment"]["status"] == "complete"


async def test_an_unknown_application_is_named(desk: Desk) -> None:
    await desk.northwind.use_customers_client()
    data = await desk.enriched(application=999_999)
    assert (data["enrichment"]["status"], data["enrichment"]["reason"]) == ("none", "hiring_team.unavailable")


async def test_what_stays_unread_is_given_up_in_the_end(desk: Desk) -> None:
    await _broken(desk)
    order = await desk.send_test()
    for _ in range(len(enrichment.WAITS) + 2):
        await desk.enrich()
        await desk.pass_waits()
    found = (await desk.order(order.id)).enrichment
    assert found is not None
    assert not found.pending
    (event,) = await desk.deliver()
    assert event["event_data"]["enrichment"]["reason"] == "hiring_team.unavailable"
    assert len(await desk.entries(order.id)) == len(enrichment.WAITS) + 1


async def test_an_erased_order_is_not_enriched(desk: Desk) -> None:
    await desk.northwind.use_customers_client()
    order, other = await desk.send_test(), await desk.send_test(26234702)
    await erasure.erase(desk.northwind.ctx, desk.northwind.project_id, order.id)
    await desk.enrich()
    found = (await desk.order(order.id)).enrichment
    assert found is not None
    assert found.job is None
    assert ((await desk.order(other.id)).enrichment or found).status == "complete"
    await erasure.erase(desk.northwind.ctx, desk.northwind.project_id, other.id)
    erased = order_model(await desk.order(other.id), update_url="x")
    assert "hugo" not in json.dumps(erased)


async def test_an_account_that_was_unlinked_meanwhile(desk: Desk) -> None:
    await desk.northwind.use_customers_client()
    order = await desk.send_test()
    await accounts.delete(desk.northwind.ctx, desk.northwind.project_id, desk.northwind.account_id)
    await desk.enrich()
    found = (await desk.order(order.id)).enrichment
    assert found is not None
    assert found.summary == ("none", "hiring_team.not_connected")


async def test_a_partner_integration_is_never_read(desk: Desk) -> None:
    await desk.northwind.configure(authentication_type="partner")
    await desk.northwind.link()
    order = await desk.send_test()
    await desk.enrich()
    found = (await desk.order(order.id)).enrichment
    assert found is not None
    assert found.summary == ("none", "hiring_team.partner_only")
    assert desk.paths() == []


async def test_a_retry_by_hand_does_not_wait(desk: Desk) -> None:
    """The event goes out as it is, and a later result follows."""
    await desk.northwind.use_customers_client()
    order = await desk.send_test()
    rows = await desk.northwind.ctx.store.read(lambda tx: tx.all("SELECT id FROM deliveries"))
    await desk.northwind.ctx.store.write(lambda tx: delivery_rows.make_due(tx, rows[0]["id"]))
    assert len(await desk.deliver()) == 1
    await desk.enrich()
    assert [one["event"] for one in await desk.deliver()] == list(NAMES)
    assert (await desk.order(order.id)).held_at is None
