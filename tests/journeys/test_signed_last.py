"""Signatures have the time at which the request is written, however long look-up and connection took."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from standardwebhooks import Webhook

from greenroom.catalog import Catalog
from greenroom.context import Context
from greenroom.engine import vendor
from greenroom.engine.worker import Engine
from greenroom.outbound import Outbound
from greenroom.services import integrations, projects
from tests.house import House, Linked, webhook
from tests.outbound.test_signing import Stepping, looked_up_late

#: sends to the webhook, or asks for the packages; the headers that are shown or kept of it
Sending = Callable[[Context, Outbound, Linked, str], Awaitable[dict[str, str] | None]]


async def delivery(ctx: Context, out: Outbound, linked: Linked, webhook_id: str) -> dict[str, str]:
    """Places an order and attempts its delivery; returns the headers that were sent."""
    await linked.send_test()
    assert await Engine(ctx, out).run_once() == 1
    found = (await linked.api("GET", f"/v1/deliveries?destination_id={webhook_id}")).json()["data"][0]
    return dict(found["attempts"][0]["request"]["headers"])


async def trial(ctx: Context, out: Outbound, linked: Linked, webhook_id: str) -> dict[str, str]:
    """Sends a test event."""
    project = await projects.authenticate(ctx, linked.key)
    return dict((await vendor.try_out(ctx, out, project.id, webhook_id)).request.headers)


async def packages(ctx: Context, out: Outbound, linked: Linked, _: str) -> None:
    """Requests the vendor's package list."""
    project = await projects.authenticate(ctx, linked.key)
    await Catalog(ctx, out).probe(await integrations.get(ctx, project.id, "greenhouse"), linked.account_id)


@pytest.mark.parametrize("send", [delivery, trial, packages])
async def test_the_signature_has_the_time_of_the_write(
    house: House, monkeypatch: pytest.MonkeyPatch, send: Sending
) -> None:
    """After a look-up of twelve seconds the signature is valid, and the record has the headers that were sent."""
    place = house.vendor.url.replace("127.0.0.1", "proctor.example.com")
    linked = await house.link("proctor", packages_url=f"{place}/packages")
    made = await webhook(linked, url=f"{place}/hooks")
    configured: dict[str, Any] = (await linked.api("GET", "/v1/integrations/greenhouse?reveal=true")).json()
    secret = configured["signing_secret"] if send is packages else made["secret"]
    await house.app.state.engine.stop()
    clock = Stepping()
    begun = clock.stamp
    looked_up_late(monkeypatch, clock)

    shown = await send(replace(house.app.state.ctx, now=clock), house.app.state.out, linked, made["id"])

    received = house.vendor.received[-1]
    assert begun < received.headers["webhook-timestamp"] == clock.stamp
    assert Webhook(secret).verify(received.body, received.headers)
    assert shown is None or shown.items() <= received.headers.items()
    assert shown is None or shown["webhook-timestamp"] == clock.stamp
