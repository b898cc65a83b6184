"""A project with a full queue gets no new orders, so that the queue cannot fill the disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.house import House, open_house, webhook

LIMIT = 3


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """Runs a gateway on each database, with a small queue limit."""
    postgres = database_url if database_url.startswith("postgresql") else None
    async with open_house(tmp_path, postgres, queue_limit=LIMIT) as one:
        yield one


async def test_a_full_queue_refuses_new_orders_until_it_has_room(house: House) -> None:
    """ATS and API get 503; repeated orders and other projects are not affected."""
    linked = await house.link("proctor", package_id="pkg_core_sql")
    mallory = await house.link("mallory", tenant="mallory", package_id="pkg_core_sql")
    queue_limit = house.app.state.engine.queue_limit
    hook = await webhook(linked, enabled=False)
    placed = [await linked.send_test(number) for number in range(LIMIT)]
    await queue_limit.refresh(LIMIT)
    (project_id,) = queue_limit._projects

    refused = await linked.call("send_test", json=linked.test_body(LIMIT))
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
    body = {"id": "one", "package": {"id": "pkg_core_sql"}, "candidate": {"emails": [{"value": "ada@example.test"}]}}
    by_api = await linked.unified("POST", "/assessments/orders", json=body)
    assert (by_api.status_code, by_api.json()["errorCode"]) == (503, "QueueFull")
    assert "GREENROOM_QUEUE_LIMIT" in by_api.json()["message"]
    assert [await linked.send_test(number) for number in range(LIMIT)] == placed
    assert (await linked.give_result(placed[0])).status_code == 200
    await mallory.send_test(1)

    await linked.api("PATCH", f"/v1/webhooks/{hook['id']}", json={"enabled": True})
    async with asyncio.timeout(20):
        while queue_limit.is_full(project_id):
            await asyncio.sleep(0.02)
            await queue_limit.refresh(LIMIT)
    assert len(house.vendor.received) == LIMIT
    assert await linked.send_test(LIMIT) not in placed
