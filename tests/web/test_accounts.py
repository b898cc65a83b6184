"""Accounts in the dashboard: list, auth link, test account, tokens, disconnection."""

from __future__ import annotations

import html
import re

import pytest

from greenroom.services import projects
from tests.house import House, Linked
from tests.web.visitors import Visitor


@pytest.fixture
async def visitor(house: House, proctor: Linked) -> Visitor:
    """The owner of a project with an integration and an account."""
    return await Visitor.sign_in(house)


@pytest.fixture
async def base(visitor: Visitor) -> str:
    """The address of the project's pages."""
    return str((await visitor.get("/")).url.path)


async def test_the_list_says_when_the_ats_called(visitor: Visitor, base: str, proctor: Linked) -> None:
    """Waiting at first; filters by customer and status."""
    page = (await visitor.get(f"{base}/accounts")).text
    assert "Never used" in page
    assert "Waiting for Greenhouse" in page
    await proctor.send_test()
    page = (await visitor.get(f"{base}/accounts")).text
    assert "Seen <time" in page
    assert "Northwind" in (await visitor.get(f"{base}/accounts?q=proctor-1&view=active")).text
    for query in ("q=nobody", "view=error"):
        assert "No account matches" in (await visitor.get(f"{base}/accounts?{query}")).text
    found = await visitor.get(f"{base}/accounts?q={proctor.account_id}")
    assert found.url.path.endswith(f"/accounts/{proctor.account_id}")
    assert proctor.token not in page


async def test_an_empty_project_says_what_to_do(visitor: Visitor) -> None:
    """And a test account needs an integration."""
    ctx = visitor.house.app.state.ctx
    await projects.create_key(ctx, name="x", project="mallory")
    other = next(one for one in await projects.list_projects(ctx) if one.name == "mallory")

    assert "No accounts yet" in (await visitor.get(f"/projects/{other.id}/accounts")).text
    answer = await visitor.submit(f"/projects/{other.id}/accounts/link-test")
    assert answer.status_code == 400 or answer.status_code == 422
    assert "Enable one integration first" in answer.text


async def test_an_auth_link_is_shown_once_and_links_the_customer(visitor: Visitor, base: str) -> None:
    """As the customer opens it."""
    fields = {"origin_owner_id": "cust-9", "origin_owner_name": "Hemlock & Rye", "provider": "greenhouse",
              "type": "production", "validity": "168"}  # fmt: skip
    page = await visitor.submit(f"{base}/accounts/auth-link", fields)

    found = re.search(r'data-copy="(http[^"]+/link/[^"]+)"', page.text)
    assert found, page.text
    assert "Hemlock &amp; Rye" in (await visitor.get(f"{base}/accounts")).text
    customer = await visitor.get("/link/" + html.unescape(found[1]).rpartition("/")[2])
    assert customer.status_code == 200
    assert "Hemlock" in customer.text


async def test_a_refused_auth_link_keeps_its_values(visitor: Visitor, base: str) -> None:
    """422, each error beside its field."""
    answer = await visitor.submit(f"{base}/accounts/auth-link", {"origin_owner_name": "Kept", "provider": "nobody"})

    assert answer.status_code == 422
    for name in ("origin_owner_id", "provider", "validity"):
        assert f'id="{name}-error"' in answer.text
    assert 'value="Kept"' in answer.text


async def test_a_test_account_is_linked_on_the_page_that_customers_see(visitor: Visitor, base: str) -> None:
    """The browser is led there."""
    answer = await visitor.submit(f"{base}/accounts/link-test")

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/link/")
    assert (await visitor.get(answer.headers["location"])).status_code == 200


async def test_tokens_are_shown_on_request_alone_and_two_are_live_after_a_rotation(
    visitor: Visitor, base: str, proctor: Linked
) -> None:
    """The ATS may call with either."""
    here = f"{base}/accounts/{proctor.account_id}"
    assert proctor.token not in (await visitor.get(here)).text
    assert proctor.token in (await visitor.submit(f"{here}/reveal")).text

    assert (await visitor.submit(f"{here}/rotate", {"overlap": "30"})).status_code == 303
    page = (await visitor.get(here)).text
    assert "Two tokens are live" in page
    assert proctor.token not in page
    assert (await proctor.call("list_tests")).status_code == 200
    assert (await visitor.submit(f"{here}/rotate", {"overlap": "x"})).status_code in (400, 422)


async def test_a_paused_account_refuses_its_ats_until_it_is_resumed(
    visitor: Visitor, base: str, proctor: Linked
) -> None:
    """The list and the account say so; the ATS gets the answer of a disabled integration; the audit log has both."""
    order = await proctor.send_test()
    here = f"{base}/accounts/{proctor.account_id}"
    assert (await visitor.submit(f"{here}/pause")).status_code == 303
    assert (await visitor.submit(f"{here}/pause")).status_code == 303  # changes nothing
    assert "Paused since" in (await visitor.get(here)).text
    listed = (await visitor.get(f"{base}/accounts")).text
    assert "Paused" in listed
    assert re.search(r'orders\?account=\w+">1<', listed)
    refused = await proctor.call("list_tests")
    assert (refused.status_code, refused.json()["message"]) == (
        401,
        (await proctor.call("list_tests", token="x")).json()["message"],
    )
    assert (await proctor.give_result(order)).status_code == 200
    shown = (await proctor.api("GET", f"/v1/accounts/{proctor.account_id}")).json()
    assert shown["paused_at"] is not None

    assert (await visitor.submit(f"{here}/resume")).status_code == 303
    assert (await proctor.call("list_tests")).status_code == 200
    assert (await proctor.api("POST", f"/v1/accounts/{proctor.account_id}/pause")).json()["paused_at"] is not None
    assert (await proctor.call("list_tests")).status_code == 401
    resumed = await proctor.api("POST", f"/v1/accounts/{proctor.account_id}/resume")
    assert (resumed.status_code, resumed.json()["paused_at"]) == (200, None)
    assert (await proctor.call("list_tests")).status_code == 200
    log = (await proctor.api("GET", "/v1/audit_log")).json()["data"]
    actions = [one["action"] for one in log if one["action"] in ("account.paused", "account.resumed")]
    assert actions == ["account.resumed", "account.paused"] * 2


async def test_an_account_shows_its_orders_and_is_disconnected(visitor: Visitor, base: str, proctor: Linked) -> None:
    """Disconnecting needs the customer's name, and ends the token."""
    order = await proctor.send_test()
    here = f"{base}/accounts/{proctor.account_id}"
    page = (await visitor.get(here)).text
    assert order in page
    assert "send_test" in page

    assert (await visitor.submit(f"{here}/delete", {"confirm": "no"})).status_code == 422
    assert (await visitor.submit(f"{here}/delete", {"confirm": "Northwind"})).status_code == 303
    assert (await visitor.get(here)).status_code == 404
    assert (await proctor.call("list_tests")).status_code == 401
