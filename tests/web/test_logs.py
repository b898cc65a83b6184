"""Logs and search in the dashboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.house import House, Linked, open_house, webhook
from tests.web.visitors import Visitor, ids_of


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A gateway that keeps headers and bodies of every request."""
    async with open_house(tmp_path, log_bodies="all") as one:
        yield one


@pytest.fixture
async def visitor(house: House, proctor: Linked) -> Visitor:
    """The owner of a project with an integration and an account."""
    return await Visitor.sign_in(house)


@pytest.fixture
async def base(visitor: Visitor) -> str:
    """The address of the project's pages."""
    return str((await visitor.get("/")).url.path)


async def test_requests_are_listed_and_filtered(visitor: Visitor, base: str, proctor: Linked) -> None:
    """By account, answer, service, path, time, order and id; what nothing matches says so."""
    order = await proctor.send_test()
    request = (await ids_of(proctor))["request"]
    found = f"/logs/{request}"

    for query in (
        "",
        f"account={proctor.account_id}",
        "view=ats",
        "answer=ok",
        "period=1h",
        "q=/external-trigger/",
        f"q={order}",
        f"q={request}",
    ):
        page = await visitor.get(f"{base}/logs?{query}")
        assert found in page.text, query
    for query in ("account=acc_none", "answer=failed", "view=api", "q=/nowhere", "q=req_none", "service=assessments"):
        page = await visitor.get(f"{base}/logs?{query}")
        assert "No request matches" in page.text, query
    assert "Management" in (await visitor.get(f"{base}/logs?view=platform")).text


async def test_a_request_shows_both_sides_without_credentials(visitor: Visitor, base: str, proctor: Linked) -> None:
    """Pretty JSON, as curl, the order that it is about."""
    order = await proctor.send_test()
    request = (await ids_of(proctor))["request"]
    page = await visitor.get(f"/logs/{request}")

    assert page.url.path == f"{base}/logs/{request}"
    assert "Answered 200" in page.text
    assert "curl -X POST" in page.text
    assert f"{base}/orders/{order}" in page.text
    assert proctor.token not in page.text
    assert (await visitor.get(f"{base}/logs/req_none")).status_code == 404


async def test_the_search_finds_anything_by_any_id(visitor: Visitor, base: str, proctor: Linked, house: House) -> None:
    """Orders, accounts, deliveries, webhooks, requests, events, customers and candidates."""
    made = await webhook(proctor)
    order = await proctor.send_test()
    received = await house.vendor.receive(1)
    ids = await ids_of(proctor)
    event = received[0].headers["webhook-id"]
    expected = {
        order: f"{base}/orders/{order}",
        made["id"]: f"{base}/webhooks/{made['id']}",
        ids["account"]: f"{base}/accounts/{ids['account']}",
        "proctor-1": f"{base}/accounts/{ids['account']}",
        ids["request"]: f"{base}/logs/{ids['request']}",
        "ada@example.test": f"{base}/orders",
    }
    for q, path in expected.items():
        assert (await visitor.get(f"/search?q={q}")).url.path == path, q
    assert "/deliveries/dlv_" in str((await visitor.get(f"/search?q={event}")).url)
    for q in ("ord_none", "nothing", "evt_none"):
        assert "Nothing has this id" in (await visitor.get(f"/search?q={q}")).text
