"""Tokens of the simulated Greenhouse: stored before they are used, refreshed by one process, lost by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from greenroom import connectors
from greenroom.connectors import oauth
from greenroom.connectors.greenhouse.harvest import ACCESS
from greenroom.errors import AccessError, Unavailable
from greenroom.outbound import Outbound
from greenroom.security.vault import Vault
from greenroom.services import access, accounts
from greenroom.store.db import Store
from tests.connectors.greenhouse.harvest.conftest import RECRUITER, Northwind


async def run(northwind: Northwind, sql: str, *values: Any) -> Any:
    return await northwind.ctx.store.write(lambda tx: tx.run(sql, *values))


async def expire(northwind: Northwind) -> None:
    """Makes the access token expire and its refresh due."""
    await run(northwind, "UPDATE account_access SET expires_at = 0, refresh_due_at = 0")


async def refusal(northwind: Northwind, path: str = "users") -> AccessError:
    with pytest.raises(AccessError) as refused:
        await northwind.harvest.read(path, {})
    return refused.value


async def events(northwind: Northwind) -> int:
    row = await northwind.ctx.store.read(
        lambda tx: tx.one("SELECT count(*) AS n FROM events WHERE type = 'account.updated'")
    )
    return int(row["n"]) if row else 0


async def test_tokens_are_stored_sealed_and_refreshed_when_they_expire(northwind: Northwind) -> None:
    await northwind.use_partner_client()
    before = await northwind.access()
    row = await northwind.ctx.store.read(lambda tx: tx.one("SELECT * FROM account_access"))
    assert row is not None
    assert before.access_token is not None
    assert before.refresh_token is not None
    assert all(secret not in str(dict(row)) for secret in (before.access_token, before.refresh_token))
    assert (before.connected_by, before.problem) == ("Rina", None)
    await expire(northwind)
    await northwind.harvest.read("users", {})
    after = await northwind.access()
    assert after.version == before.version + 1
    assert after.refresh_token != before.refresh_token
    await northwind.harvest.read("users", {})
    assert (await northwind.access()).version == after.version


async def test_a_refused_access_token_is_refreshed_once(northwind: Northwind) -> None:
    """It expired by Greenhouse's clock before it did by ours."""
    await northwind.use_partner_client()
    northwind.greenhouse.advance(hours=2)
    assert (await northwind.harvest.read("users", {})).rows
    assert northwind.calls("token") == 2


async def test_many_readers_in_two_processes_refresh_once(northwind: Northwind, other: Northwind) -> None:
    """The refresh token works once, and every reader has its rows."""
    await northwind.use_partner_client()
    other.account_id = northwind.account_id
    await expire(northwind)
    northwind.greenhouse.fault("latency", "token", seconds=0.3)
    reads = [one.harvest.read("users", {}) for one in (northwind, other) for _ in range(4)]
    pages = await asyncio.gather(*reads)
    assert all(page.rows for page in pages)
    assert northwind.calls("token") == 2
    assert (await northwind.access()).version == 2


async def test_a_cancelled_reader_does_not_lose_the_new_tokens(northwind: Northwind) -> None:
    """The refresh token is used up at Greenhouse by then."""
    await northwind.use_partner_client()
    await expire(northwind)
    northwind.greenhouse.fault("latency", "token", seconds=0.5)
    reader = asyncio.create_task(northwind.harvest.read("users", {}))
    await asyncio.to_thread(northwind.greenhouse.traffic, "token", at_least=1)
    while not (await lease(northwind)):
        await asyncio.sleep(0.01)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    async with asyncio.timeout(20):
        while (await northwind.access()).version < 2:
            await asyncio.sleep(0.02)
    assert (await northwind.harvest.read("users", {})).rows


async def lease(northwind: Northwind) -> str | None:
    row = await northwind.ctx.store.read(lambda tx: tx.one("SELECT lease FROM account_access"))
    return row["lease"] if row else None


async def test_new_tokens_survive_a_database_that_is_away(
    northwind: Northwind, monkeypatch: pytest.MonkeyPatch
) -> None:
    await northwind.use_partner_client()
    await expire(northwind)
    save, tries = access.save_tokens, 0

    async def away_once(*args: Any, **kwargs: Any) -> bool:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Unavailable
        return await save(*args, **kwargs)

    monkeypatch.setattr(access, "save_tokens", away_once)
    monkeypatch.setattr(oauth, "STORE_PAUSE_S", 0.01)
    assert (await northwind.harvest.read("users", {})).rows
    assert (tries, northwind.calls("token")) == (3, 2)


async def test_a_crash_before_the_tokens_are_stored_is_named(
    northwind: Northwind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refresh token was used up: the account says so, the vendor hears it once, and a consent ends it."""
    await northwind.use_partner_client()
    await expire(northwind)

    with monkeypatch.context() as patched:
        patched.setattr(oauth.TokenSource, "_store", _raise)
        with pytest.raises(RuntimeError):
            await northwind.harvest.read("users", {})
    await run(northwind, "UPDATE account_access SET lease_until = 0")  # the dead process's lease expires
    lost = await refusal(northwind)
    assert lost.code == "hiring_team.token_refused"
    assert "Authorise Harvest again" in lost.reason
    assert lost.wait is None
    account = await northwind.account()
    assert (account.status, account.status_reasons[0]["code"]) == ("error", lost.code)
    published, asked = await events(northwind), northwind.calls("token")
    assert (await refusal(northwind)).code == lost.code
    assert (await events(northwind), northwind.calls("token")) == (published, asked)
    await northwind.consent()
    assert (await northwind.harvest.read("users", {})).rows
    account = await northwind.account()
    assert (account.status, (await northwind.access()).problem) == ("active", None)
    assert await events(northwind) == published + 1


async def _raise(*_: object, **__: object) -> bool:
    raise RuntimeError("the process dies here")


async def test_an_answer_that_arrives_after_the_lease_is_stored(northwind: Northwind) -> None:
    """A process that stood still has the only valid pair: it replaces the verdict of another one."""
    await northwind.use_partner_client()
    await expire(northwind)
    found = await access.load(northwind.ctx, northwind.project_id, northwind.account_id)
    client = oauth.find_client(ACCESS, found)
    tokens = await northwind.tokens._request(
        client, {"grant_type": "refresh_token", "refresh_token": str(found.access.refresh_token)}
    )
    lost = await refusal(northwind)  # the other process takes the lease, with the used refresh token
    assert lost.code == "hiring_team.token_refused"
    assert await northwind.tokens._store(found, client, tokens)
    assert (await northwind.harvest.read("users", {})).rows
    assert (await northwind.account()).status == "active"


async def test_a_token_endpoint_that_fails_is_asked_again_later(northwind: Northwind) -> None:
    """Its fault costs nothing: the refresh token is kept, and no reader asks again at once."""
    await northwind.use_partner_client()
    for fault in ("status", "reset"):
        await expire(northwind)
        northwind.greenhouse.fault(fault, "token")
        first = await refusal(northwind)
        asked = northwind.calls("token")
        again = await refusal(northwind)
        assert (first.code, again.code) == ("hiring_team.unavailable", "hiring_team.unavailable")
        assert again.wait is not None
        assert northwind.calls("token") == asked
        await run(northwind, "UPDATE account_access SET retry_at = 0")
        assert (await northwind.harvest.read("users", {})).rows, fault
    assert (await northwind.account()).status == "active"


@pytest.mark.parametrize("variant", ["invalid_json", "empty", "array"])
async def test_new_tokens_in_a_broken_answer_are_named_as_lost(northwind: Northwind, variant: str) -> None:
    """The refresh token is used up, and the next one cannot be read."""
    await northwind.use_partner_client()
    await expire(northwind)
    northwind.greenhouse.fault("malformed", "token", variant=variant)
    broken = await refusal(northwind)
    assert broken.code == "hiring_team.unavailable"
    assert "access_token" in broken.reason
    await run(northwind, "UPDATE account_access SET retry_at = 0")
    assert (await refusal(northwind)).code == "hiring_team.token_refused"
    await northwind.consent()
    assert (await northwind.harvest.read("users", {})).rows


async def test_the_limit_of_the_token_endpoint_is_heeded(northwind: Northwind) -> None:
    await northwind.use_partner_client()
    await expire(northwind)
    northwind.greenhouse.fault("status", "token", status=429, retry_after=17)
    limited = await refusal(northwind)
    assert limited.code == "hiring_team.rate_limited"
    assert limited.wait is not None
    assert limited.wait.total_seconds() == 17


async def test_a_wrong_secret_of_the_customers_client_is_named_and_can_be_corrected(northwind: Northwind) -> None:
    await northwind.use_customers_client()
    assert northwind.client is not None
    right = {"harvest_client_secret": northwind.client["client_secret"]}
    wrong = {"harvest_client_secret": "wrong"}
    await accounts.change(northwind.ctx, northwind.project_id, northwind.account_id, {}, credentials=wrong)
    refused = await refusal(northwind)
    assert refused.code == "hiring_team.token_refused"
    assert "harvest_client_secret" in refused.reason
    asked = northwind.calls("token")
    assert (await refusal(northwind)).code == "hiring_team.token_refused"
    assert northwind.calls("token") == asked
    assert (await northwind.account()).status == "error"
    await accounts.change(northwind.ctx, northwind.project_id, northwind.account_id, {}, credentials=right)
    assert (await northwind.harvest.read("users", {})).rows
    assert (await northwind.account()).status == "active"


async def test_idle_accounts_are_refreshed_in_the_background(northwind: Northwind) -> None:
    await northwind.use_partner_client()
    assert await connectors.refresh_tokens(northwind.ctx, northwind.out) == 0
    await run(northwind, "UPDATE account_access SET refresh_due_at = 0")
    assert await connectors.refresh_tokens(northwind.ctx, northwind.out) == 1
    assert (await northwind.access()).version == 2
    assert await connectors.refresh_tokens(northwind.ctx, northwind.out) == 0
    assert northwind.calls("token") == 2


async def test_a_refresh_that_is_refused_in_the_background_is_named(northwind: Northwind) -> None:
    await northwind.use_partner_client()
    assert northwind.client is not None
    northwind.greenhouse.call("POST", f"/harvest/clients/{northwind.client['id']}/revoke", {})
    await run(northwind, "UPDATE account_access SET refresh_due_at = 0")
    assert await connectors.refresh_tokens(northwind.ctx, northwind.out) == 1
    assert (await northwind.account()).status_reasons[0]["code"] == "hiring_team.token_refused"
    assert await connectors.refresh_tokens(northwind.ctx, northwind.out) == 0


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        ({"authentication_type": "partner"}, "hiring_team.partner_only", "Public + Partner"),
        ({}, "hiring_team.not_connected", "harvest_client_id"),
        (
            {"harvest_client_id": "c", "harvest_client_secret": "s"},
            "hiring_team.not_connected",
            "has not authorised Harvest",
        ),
    ],
)
async def test_without_access_the_reason_is_named(
    northwind: Northwind, settings: dict[str, Any], code: str, said: str
) -> None:
    await northwind.configure(**settings)
    await northwind.link()
    refused = await refusal(northwind)
    assert refused.code == code
    assert said in refused.reason
    assert northwind.calls("token") == 0


async def test_half_of_the_customers_credentials_is_named(northwind: Northwind) -> None:
    await northwind.configure()
    await northwind.link(harvest_client_id="only")
    assert "lack harvest_client_secret" in (await refusal(northwind)).reason


async def test_an_unlinked_account_loses_its_access(northwind: Northwind) -> None:
    await northwind.use_partner_client()
    await accounts.delete(northwind.ctx, northwind.project_id, northwind.account_id)
    assert (await refusal(northwind)).code == "hiring_team.not_connected"
    assert await northwind.ctx.store.read(lambda tx: tx.one("SELECT * FROM account_access")) is None


async def test_a_lost_site_admin_is_named_until_another_one_consents(northwind: Northwind) -> None:
    await northwind.use_partner_client(consent=False)
    await northwind.consent(RECRUITER)
    refused = await refusal(northwind)
    assert (refused.code, refused.status) == ("hiring_team.permission", 403)
    assert "Site Admin" in refused.reason
    account = await northwind.account()
    assert (account.status, account.status_reasons[0]["code"]) == ("error", refused.code)
    published = await events(northwind)
    await refusal(northwind)
    assert await events(northwind) == published
    await northwind.consent()
    assert (await northwind.harvest.read("users", {})).rows
    assert (await northwind.account()).status == "active"


async def test_a_missing_scope_is_named_until_it_is_granted(northwind: Northwind) -> None:
    """Other lists are read meanwhile, and do not hide it."""
    await northwind.use_customers_client(scopes=["harvest:jobs:list"])
    assert (await northwind.harvest.read("jobs", {})).rows
    refused = await refusal(northwind)
    assert refused.code == "hiring_team.scope_missing"
    assert "harvest:users:list" in refused.reason
    assert (await northwind.harvest.read("jobs", {})).rows
    assert (await northwind.account()).status == "error"
    assert northwind.client is not None
    scopes = {"scopes": ["harvest:jobs:list", "harvest:users:list"]}
    northwind.greenhouse.call("PATCH", f"/harvest/clients/{northwind.client['id']}", scopes)
    await expire(northwind)
    assert (await northwind.harvest.read("users", {})).rows
    assert (await northwind.account()).status == "active"


async def test_a_key_that_is_missing_is_no_verdict(northwind: Northwind) -> None:
    """The operator's fault is not stored as the customer's."""
    await northwind.use_partner_client()
    northwind.ctx = replace(northwind.ctx, vault=Vault([b"x" * 32]))
    await run(northwind, "UPDATE account_access SET refresh_due_at = 0")
    assert await connectors.refresh_tokens(northwind.ctx, northwind.out) == 1
    assert (await northwind.account()).status == "active"


@pytest.fixture
async def other(northwind: Northwind, database_url: str) -> AsyncIterator[Northwind]:
    """The same project in another process, as far as the database can tell; on SQLite there is one process."""
    store: Store = northwind.ctx.store
    if database_url.startswith("postgresql"):
        store = type(northwind.ctx.store)(database_url)  # type: ignore[call-arg]
    ctx = replace(northwind.ctx, store=store)
    out = Outbound(allowed_networks=ctx.settings.allow_private_networks, allow_http=True)
    yield replace(northwind, ctx=ctx, out=out)
    await out.aclose()
    if store is not northwind.ctx.store:
        await store.close()
