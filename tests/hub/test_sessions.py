"""The life of a session: extended by use, ended by time, success or the vendor; links; guessing; other owners."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from greenroom.errors import NotFound, TooManyRequests
from greenroom.services import connect_sessions, connection_attempts, guesses, hub_sessions
from tests.house import Linked
from tests.hub.customers import OWNER, Customer, allow

HOUR_MS = 3_600_000


async def run_sql(linked: Linked, sql: str, *values: Any) -> None:
    """Changes stored times, in place of waiting."""
    await linked.house.app.state.ctx.store.write(lambda tx: tx.run(sql, *values))


def seconds(shown: dict[str, Any], name: str) -> float:
    """Returns a time of a session, in seconds since 1970."""
    return datetime.fromisoformat(shown[name]).timestamp()


async def test_use_extends_a_session_up_to_two_hours(vendor: Linked) -> None:
    """Polling does not; a token never ends sooner than before; at the end it is 410 with a plain message."""
    customer = await Customer.open(vendor, expires_in=600)
    first = await customer.get("/session")
    assert (await customer.get("/session"))["expires_at"] == first["expires_at"]
    assert seconds(first, "can_extend_until") - seconds(first, "expires_at") == pytest.approx(7200 - 600, abs=1)
    await customer.get("/settings")
    used = await customer.get("/session")
    assert seconds(used, "expires_at") > seconds(first, "expires_at") + 1000
    again = (await customer.call("POST", "/session/extend")).json()
    assert seconds(again, "expires_at") >= seconds(used, "expires_at")

    sql = "UPDATE connect_sessions SET created_at = now_ms() - $2, expires_at = now_ms() + 60000 WHERE id = $1"
    await run_sql(vendor, sql, customer.session["id"], 2 * HOUR_MS - 120_000)
    last = (await customer.call("POST", "/session/extend")).json()
    assert last["expires_at"] == last["can_extend_until"]
    long = await Customer.open(vendor, expires_in=86_400)
    kept = await long.get("/session")
    await long.get("/settings")
    assert (await long.call("POST", "/session/extend")).json()["expires_at"] == kept["expires_at"]

    await run_sql(vendor, "UPDATE connect_sessions SET expires_at = now_ms() WHERE id = $1", customer.session["id"])
    for method, path in (("GET", "/settings"), ("POST", "/session/extend"), ("GET", "/session")):
        answer = await customer.call(method, path, {} if method == "POST" else None)
        assert (answer.status_code, answer.json()["statusCode"]) == (410, 410)
        assert answer.json()["errorCode"] == "ConnectSessionExpired"
        assert answer.json()["message"] == "This link has expired. Ask proctor for a new one."


async def test_a_session_ends_ten_minutes_after_success(vendor: Linked) -> None:
    """And tells that it was used; a new session of the same owner opens the account for editing."""
    customer = await Customer.open(vendor)
    (one,) = (await customer.get("/connectors"))["integrations"]
    account = await customer.post("/accounts", {"integration_id": one["integration_id"]})
    assert (await customer.get("/session"))["account"]["linked"] is True
    await run_sql(
        vendor, "UPDATE connect_sessions SET linked_at = linked_at - 600001 WHERE id = $1", customer.session["id"]
    )
    answer = await customer.call("GET", "/session")
    assert (answer.status_code, answer.json()["errorCode"]) == (410, "ConnectSessionUsed")
    token = {"token": customer.token}
    assert (await vendor.api("POST", "/connect_sessions/authenticate", json=token)).status_code == 410

    fresh = await Customer.open(vendor)
    assert (await fresh.get("/settings"))["existing_account_id"] == account["id"]
    assert (await fresh.get("/session"))["mode"] == "edit"


async def test_the_customer_and_the_vendor_can_end_a_session(vendor: Linked) -> None:
    """A closed one is 410; another project can neither see nor revoke it."""
    customer = await Customer.open(vendor)
    listed = (await vendor.api("GET", "/connect_sessions")).json()
    assert [one["id"] for one in listed] == [customer.session["id"]]
    assert customer.token not in str(listed)
    mallory = await vendor.house.link("mallory", tenant="mallory")
    assert (await mallory.api("GET", "/connect_sessions")).json() == []
    path = f"/connect_sessions/{customer.session['id']}"
    assert (await mallory.api("DELETE", path)).status_code == 404
    await customer.get("/session")

    assert (await vendor.api("DELETE", path)).status_code == 204
    assert (await vendor.api("DELETE", path)).status_code == 404
    answer = await customer.call("GET", "/session")
    assert (answer.status_code, answer.json()["errorCode"]) == (410, "ConnectSessionClosed")
    other = await Customer.open(vendor)
    assert (await other.call("DELETE", "/session")).json() == {"closed": True}
    assert (await other.call("GET", "/session")).status_code == 410
    assert (await vendor.api("GET", "/connect_sessions")).json() == []


async def test_open_sessions_are_listed_in_pages(vendor: Linked) -> None:
    """Newest first, each once."""
    made = [(await Customer.open(vendor)).session["id"] for _ in range(3)]
    first = (await vendor.api("GET", "/connect_sessions?page_size=2")).json()
    second = (await vendor.api("GET", f"/connect_sessions?page_size=2&before={first[-1]['id']}")).json()
    assert sorted(one["id"] for one in [*first, *second]) == sorted(made)


async def test_a_link_is_exchanged_for_tokens_of_their_own(vendor: Linked) -> None:
    """Describing changes nothing; each exchange gives a token; closing one keeps the link; revoking ends them all."""
    ctx = vendor.house.app.state.ctx
    made = await Customer.open(vendor, expires_in=7 * 86_400)
    code = made.session["auth_link_url"].rpartition("/")[2]
    session, name = await connect_sessions.describe_link(ctx, code)
    assert (session.id, name) == (made.session["id"], "proctor")
    first, second = [
        Customer(vendor.house, made.session, (await connect_sessions.exchange_link(ctx, code))[1], None)
        for _ in range(2)
    ]
    assert len({made.token, first.token, second.token}) == 3
    shown = await first.get("/session")
    assert seconds(shown, "can_extend_until") - seconds(shown, "expires_at") == pytest.approx(5400, abs=60)
    assert shown["external_trigger_token"] == made.session["external_trigger_token"]
    await first.call("POST", "/session/close")
    assert (await first.call("GET", "/session")).status_code == 401
    await second.get("/session")
    await connect_sessions.describe_link(ctx, code)

    await vendor.api("DELETE", f"/connect_sessions/{made.session['id']}")
    for customer in (made, second):
        assert (await customer.call("GET", "/session")).status_code == 410
    for use in (connect_sessions.describe_link, connect_sessions.exchange_link):
        with pytest.raises(Exception, match="withdrawn"):
            await use(ctx, code)


async def test_the_tokens_of_a_link_are_bounded(vendor: Linked) -> None:
    """The oldest ends when a link is opened very often."""
    ctx = vendor.house.app.state.ctx
    made = await Customer.open(vendor)
    code = made.session["auth_link_url"].rpartition("/")[2]
    tokens = [
        (await connect_sessions.exchange_link(ctx, code))[1] for _ in range(connect_sessions.MOST_TOKENS + 2)
    ]  # fmt: skip
    rows = await ctx.store.read(lambda tx: tx.all("SELECT token_hash FROM hub_tokens"))
    assert len(rows) == connect_sessions.MOST_TOKENS
    assert (await Customer(vendor.house, {}, tokens[-1], None).call("GET", "/session")).status_code == 200


async def test_guessing_is_limited_per_address(vendor: Linked) -> None:
    """After some unknown tokens the address waits; a good token works again when the wait is over."""
    customer = await Customer.open(vendor)
    guesser = Customer(vendor.house, {}, "pk_x.guess")
    statuses = []
    for _ in range(3 * guesses.FREE):
        answer = await guesser.call("GET", "/session")
        statuses.append(answer.status_code)
        if answer.status_code == 429:
            break
    assert set(statuses[:-1]) == {401}
    assert len(statuses) >= guesses.FREE
    assert (answer.status_code, answer.json()["statusCode"]) == (429, 429)
    assert int(answer.headers["retry-after"]) >= 1
    ctx, code = vendor.house.app.state.ctx, customer.session["auth_link_url"].rpartition("/")[2]
    await run_sql(vendor, "UPDATE sign_in_failures SET blocked_until = blocked_until + 60000")
    assert (await customer.call("GET", "/session")).status_code == 429
    for use in (connect_sessions.describe_link, connect_sessions.exchange_link):
        with pytest.raises(Exception, match="Too many links"):
            await use(ctx, code, source="127.0.0.1/32")
        assert (await use(ctx, code, source="192.0.2.7/32"))[0].id == customer.session["id"]
    await run_sql(vendor, "UPDATE sign_in_failures SET blocked_until = 0")
    await customer.get("/session")
    for _ in range(guesses.FREE):
        with pytest.raises(NotFound):
            await connect_sessions.describe_link(ctx, "guess", source="192.0.2.8/32")
    with pytest.raises(TooManyRequests):
        await connect_sessions.describe_link(ctx, "guess", source="192.0.2.8/32")


async def test_a_missing_or_unknown_token_says_nothing(vendor: Linked) -> None:
    """The same answer for each, also for a token of the other kinds."""
    answers = []
    made = await Customer.open(vendor)
    for token in (None, "", "nope", vendor.key, vendor.token, made.token[:-1], made.session["external_trigger_token"]):
        answer = await Customer(vendor.house, {}, token).call("GET", "/connectors")
        body = answer.json()
        answers.append((answer.status_code, body["statusCode"], body["errorCode"], body["message"]))
    assert len(set(answers)) == 1
    assert answers[0][:3] == (401, 401, "UnknownConnectSession")
    assert (await Customer(vendor.house, {}, "x" * 501).call("GET", "/settings")).status_code == 400


async def test_every_route_keeps_to_its_owner(vendor: Linked) -> None:
    """Another owner of the project, and one of another project, find nothing and change nothing."""
    mallory = await vendor.house.link("mallory", tenant="mallory")
    await allow(mallory)
    customer = await Customer.open(vendor)
    (one,) = (await customer.get("/connectors"))["integrations"]
    attempt = (await customer.post("/connection_attempts", {"token": customer.token}))["id"]
    account = customer.session["account_id"]
    others = [
        await Customer.open(vendor, origin_owner_id="another", origin_owner_name="Another"),
        await Customer.open(mallory, **OWNER),
    ]
    for other in others:
        calls = [
            ("GET", f"/accounts/{account}", None),
            ("PATCH", f"/accounts/{account}", {}),
            ("POST", f"/accounts/{account}/rotate-token", {}),
            ("GET", f"/connection_attempts/{attempt}", None),
            ("DELETE", f"/connection_attempts/{attempt}", None),
        ]
        if other is others[1]:
            calls += [
                ("GET", f"/connectors/{one['integration_id']}", None),
                ("POST", "/accounts", {"integration_id": one["integration_id"]}),
                ("POST", "/session/choose", {"integration_id": one["integration_id"]}),
            ]
        for method, path, body in calls:
            answer = await other.call(method, path, body)
            assert (answer.status_code, answer.json()["statusCode"]) == (404, 404), (method, path)
            assert "Hemlock" not in answer.text
        assert (await other.call("POST", "/connection_attempts", {"token": customer.token})).status_code == 400
        shown = (await other.call("GET", "/session")).text + (await other.call("GET", "/connectors")).text
        assert account not in shown
        assert customer.session["external_trigger_token"] not in shown
    assert (await vendor.api("GET", f"/v1/accounts/{account}")).json()["status"] == "inactive"
    assert (await customer.get(f"/connection_attempts/{attempt}"))["status"] == "pending"
    assert len((await customer.get("/session"))["account"]["tokens"]) == 1


async def test_an_attempt_by_consent(vendor: Linked) -> None:
    """Pending, then authenticated once, with the account linked; or ended by an error, the customer or time."""
    ctx = vendor.house.app.state.ctx
    customer = await Customer.open(vendor)
    (one,) = (await customer.get("/connectors"))["integrations"]
    ids = [(await customer.post("/connection_attempts", {"token": customer.token}))["id"] for _ in range(4)]
    good, failed, cancelled, late = ids
    pending = {"id": good, "status": "pending", "account": None, "error": None}
    assert await customer.get(f"/connection_attempts/{good}") == pending
    opened = await hub_sessions.authenticate(ctx, customer.token, "127.0.0.1/32")
    assert (await connection_attempts.get_pending(ctx, opened.session, good)).status == "pending"

    await connection_attempts.fail(ctx, failed, "access_denied", "The user denied access." * 100)
    shown = await customer.get(f"/connection_attempts/{failed}")
    assert (shown["status"], shown["error"]["code"]) == ("error", "access_denied")
    assert len(shown["error"]["description"]) == 500
    assert (await customer.call("DELETE", f"/connection_attempts/{cancelled}")).json()["status"] == "cancelled"
    await run_sql(vendor, "UPDATE connection_attempts SET expires_at = now_ms() WHERE id = $1", late)
    assert (await customer.get(f"/connection_attempts/{late}"))["status"] == "expired"
    for ended in (failed, cancelled, late):
        with pytest.raises(Exception, match="has ended"):
            await connection_attempts.complete(ctx, ended, one["integration_id"], {})
        with pytest.raises(Exception, match="has ended"):
            await connection_attempts.get_pending(ctx, opened.session, ended)
    assert (await customer.get("/session"))["account"]["linked"] is False

    account = await connection_attempts.complete(ctx, good, one["integration_id"], {"access_token": "x"})
    shown = await customer.get(f"/connection_attempts/{good}")
    assert (shown["status"], shown["account"]) == ("authenticated", {"id": account.id})
    assert (await customer.get("/session"))["account"]["linked"] is True
    with pytest.raises(Exception, match="has ended"):
        await connection_attempts.complete(ctx, good, one["integration_id"], {})
