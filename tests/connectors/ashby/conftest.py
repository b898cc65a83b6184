"""A gateway with a fake Ashby, which Northwind uses, and the vendor Proctor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from greenroom.services import projects
from tests.house import RESULT, House, Linked, Neighbour, basic, neighbour, open_house, webhook

PACKAGES = [{"id": "pkg_core_sql", "name": "SQL essentials (45 min)"}, {"id": "4711", "name": "Listening"}]
EVENTS = ["ats_assessments.created", "ats_assessments.updated"]
OK = (200, {"content-type": "application/json"}, b'{"success":true,"results":{}}')


@dataclass
class Ashby(Linked):
    """A project whose customer uses Ashby."""

    ashby: Neighbour | None = None

    async def ats(self, call: str, body: Any = None, *, token: str | None = None, **more: Any) -> httpx2.Response:
        """Makes one of Ashby's calls."""
        headers = {"authorization": basic(self.token if token is None else token)}
        path = f"/external-trigger/ashby/{self.tenant}/{call}"
        content = more or {"json": {} if body is None else body}
        return await self.house.client.post(path, headers=headers, **content)

    async def type_id(self, name: str = PACKAGES[0]["name"]) -> str:
        """Returns the assessment_type_id of a package."""
        results = (await self.ats("assessment.list")).json()["results"]
        return str(next(one["assessment_type_id"] for one in results if one["name"] == name))

    async def start_body(self, **changes: Any) -> dict[str, Any]:
        """A body of assessment.start; keyword arguments replace top-level fields."""
        body = {
            "assessment_type_id": await self.type_id(),
            "candidate": {
                "ashby_id": "3c1c5a0e-3c56-4a4e-9c62-1d2f5a4a0001",
                "first_name": "Ada",
                "last_name": "Nguyễn-O'Neill",
                "email": "ada@example.test",
                "ashby_profile_url": "https://app.ashbyhq.com/candidates/3c1c5a0e",
            },
            "application": {"ashby_id": "3c1c5a0e-3c56-4a4e-9c62-1d2f5a4a0002", "status": "Active"},
            "job": {
                "ashby_id": "3c1c5a0e-3c56-4a4e-9c62-1d2f5a4a0003",
                "name": "Data engineer",
                "ashby_job_url": "https://app.ashbyhq.com/jobs/3c1c5a0e",
                "hiringTeam": [
                    {
                        "email": "rina@northwind.example",
                        "firstName": "Rina",
                        "lastName": "Ito",
                        "role": "Recruiter",
                        "userId": "u1",
                    }
                ],
            },
        }
        return {**body, **changes}

    async def start(self, **changes: Any) -> tuple[str, str]:
        """A recruiter starts an assessment; returns Ashby's assessment_id and the order's id."""
        before = {one["id"] for one in await self.orders()}
        answer = await self.ats("assessment.start", await self.start_body(**changes))
        assert answer.status_code == 200, answer.text
        (order,) = {one["id"] for one in await self.orders()} - before
        return str(answer.json()["results"]["assessment_id"]), order

    async def orders(self) -> list[dict[str, Any]]:
        return list((await self.api("GET", "/v1/orders")).json()["data"])

    async def report(self, order: str, status: str, **more: Any) -> httpx2.Response:
        """The vendor reports progress."""
        return await self.api("POST", f"/v1/orders/{order}/status", json={"status": status, **more})

    async def updates(self, count: int) -> list[dict[str, Any]]:
        """Waits until Ashby has received so many calls, and returns their bodies."""
        assert self.ashby is not None
        return [one.json for one in await self.ashby.receive(count)]

    async def alerts(self, order: str) -> list[str]:
        entries = (await self.api("GET", f"/v1/orders/{order}/timeline")).json()["data"]
        return [one["message"] for one in entries if one["kind"] == "alert"]

    async def settled(self, order: str) -> list[dict[str, Any]]:
        """Waits until nothing is on its way to Ashby, and returns the deliveries, oldest first."""
        async with asyncio.timeout(20):
            while True:
                found = (await self.api("GET", f"/v1/deliveries?order_id={order}&lane=ats")).json()["data"]
                if all(one["state"] not in ("pending", "held") for one in found):
                    return list(reversed(found))
                await asyncio.sleep(0.02)


async def link(house: House, ashby: Neighbour, **integration: Any) -> Ashby:
    """A project with an Ashby integration, two packages, a webhook and an account."""
    key = await projects.create_key(house.app.state.ctx, name="tests", project="proctor-ashby")
    linked = Ashby(house, key, "proctor", ashby=ashby)
    published = {"category": "assessments", "packages": PACKAGES}
    assert (await linked.api("PUT", "/v1/packages", json=published)).status_code == 200
    body = {"tenant_id": "proctor", "partner_category": "assessments", **integration}
    answer = await linked.api("PUT", "/v1/integrations/ashby", json=body)
    assert answer.status_code == 200, answer.text
    customer = {
        "provider": "ashby",
        "origin_owner_id": "northwind",
        "origin_owner_name": "Northwind",
        "credentials": {"api_key": "ashby-key-1"},
    }
    answer = await linked.api("POST", "/v1/accounts", json=customer)
    assert answer.status_code == 201, answer.text
    linked.account_id, linked.token = answer.json()["id"], answer.json()["external_trigger_token"]
    await webhook(linked, EVENTS)
    return linked


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def northwind(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ashby]:
    """Northwind uses Ashby, on each database."""
    url: Any = None
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").create_database(request.getfixturevalue("migrated"))
    async with neighbour() as ashby:
        ashby.will_answer(OK)
        async with open_house(tmp_path, url, ats_urls={"ashby.api": ashby.url}) as house:
            yield await link(house, ashby)


__all__ = ["EVENTS", "OK", "PACKAGES", "RESULT", "Ashby", "link", "northwind"]
