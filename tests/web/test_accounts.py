"""Accounts in the dashboard: list, auth link, test account, tokens, disconnection."""

from __future__ import annotations

import html
import re

import pytest

from greenroom.errors import Unavailable
from greenroom.services import connect_sessions, projects
from tests.house import House, Linked
from tests.web.visitors import Visitor

OWNER = {"origin_owner_id": "cust-9", "origin_owner_name": "Hemlock & Rye", "provider": "greenhouse"}


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


async def test_a_test_account_is_linked_in_the_hub(visitor: Visitor, base: str, proctor: Linked) -> None:
    """Its page has a session of type test; a reload leads back to the accounts."""
    answer = await visitor.submit(f"{base}/accounts/link-test")
    found = re.search(r'data-token="([^"]+)" data-back="([^"]+)"', answer.text)

    assert found, answer.text
    session = (await proctor.api("POST", "/connect_sessions/authenticate", json={"token": found[1]})).json()
    assert session["type"] == "test"
    assert found[2] == f"{base}/accounts"
    assert "frame-src 'self'" in answer.headers["content-security-policy"]
    assert (await visitor.get(f"{base}/accounts/link-test")).url.path == f"{base}/accounts"


async def test_the_configuration_of_an_account_is_edited_in_the_hub(
    visitor: Visitor, base: str, proctor: Linked
) -> None:
    """In a session for this account; another project's account is unknown."""
    here = f"{base}/accounts/{proctor.account_id}"
    answer = await visitor.submit(f"{here}/edit")
    found = re.search(r'data-token="([^"]+)" data-back="([^"]+)"', answer.text)

    assert found, answer.text
    session = (await proctor.api("POST", "/connect_sessions/authenticate", json={"token": found[1]})).json()
    assert session["account_id"] == proctor.account_id
    assert found[2] == here
    assert (await visitor.get(f"{here}/edit")).url.path == here
    assert (await visitor.submit(f"{base}/accounts/acc_none/edit")).status_code == 404


async def test_an_open_link_is_listed_and_revoked(visitor: Visitor, base: str, proctor: Linked) -> None:
    """Without its secret; once revoked it opens nothing, and revoking it again finds nothing."""
    made = (await proctor.api("POST", "/connect_sessions", json=OWNER)).json()
    page = (await visitor.get(f"{base}/accounts/links")).text
    code = made["auth_link_url"].rpartition("/")[2]
    revoke = f"{base}/accounts/links/{made['id']}/revoke"

    assert "Hemlock &amp; Rye" in page
    assert revoke in page
    assert code not in page
    assert made["token"] not in page
    assert (await visitor.submit(revoke)).headers["location"] == f"{base}/accounts/links"
    assert "No open links" in (await visitor.get(f"{base}/accounts/links")).text
    assert (await visitor.get(f"/link/{code}")).status_code == 410
    for path in (revoke, f"{base}/accounts/links/x/revoke", f"{base}/accounts/links/{'9' * 40}/revoke"):
        assert (await visitor.submit(path)).status_code == 404


async def test_links_that_cannot_be_read_say_so(visitor: Visitor, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with the time to retry, and the page without its rows."""

    async def fail(*_: object, **__: object) -> None:
        raise Unavailable("The database is away.")

    monkeypatch.setattr(connect_sessions, "list_open", fail)
    page = await visitor.get(f"{base}/accounts/links")

    assert (page.status_code, page.headers["retry-after"]) == (503, "5")
    assert "The links could not be read" in page.text


async def test_each_live_token_shows_its_last_use(visitor: Visitor, base: str, proctor: Linked) -> None:
    """Never, until the ATS calls with it: then the vendor knows which of the two the customer has."""
    here = f"{base}/accounts/{proctor.account_id}"
    assert (await visitor.get(here)).text.count("Never used.") == 1
    await visitor.submit(f"{here}/rotate", {"overlap": "30"})
    assert (await proctor.call("list_tests")).status_code == 200
    page = (await visitor.get(here)).text

    assert page.count("Never used.") == 1
    assert len(re.findall(r"Last used <time", page)) == 1
    assert page.index("New token") < page.index("Never used.") < page.index("Previous token") < page.index("Last used")


async def test_a_token_in_use_before_the_linking_was_finished_is_noticed(
    visitor: Visitor, base: str, proctor: Linked
) -> None:
    """The page says that the ATS calls already, and leads to the end of the linking."""
    made = (await proctor.api("POST", "/connect_sessions", json=OWNER)).json()
    here = f"{base}/accounts/{made['account_id']}"
    assert "The customer has not finished linking." in (await visitor.get(here)).text
    assert (await proctor.call("list_tests", token=made["external_trigger_token"])).status_code == 200
    page = (await visitor.get(here)).text

    assert "already calls with this token, and linking was never finished" in page
    assert "Finish linking" in page


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
