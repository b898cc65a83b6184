"""Every sealed value of an installation, and a new encryption key for all of them."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from greenroom.context import Context
from greenroom.model.access import Tokens
from greenroom.security.vault import Vault
from greenroom.services import access, idempotency, installation, projects, resumes, users
from greenroom.services.idempotency import Kept
from greenroom.store import installation as installation_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx
from greenroom.store.installation import SEALED
from greenroom.store.schema import metadata
from tests.house import ADA, House, open_house, webhook

OLD, NEW = os.urandom(32), os.urandom(32)
COLUMNS = {(where.table, where.column) for where in SEALED}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """A gateway on each database, under one key, with a value in every sealed column."""
    url: Any = None
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").create_database(request.getfixturevalue("migrated"))
    key = (base64.b64encode(OLD).decode(),)
    async with open_house(tmp_path, url, secret_key=key, log_bodies="all") as opened:
        yield opened


async def use_everything(house: House) -> None:
    """Makes a gateway seal at least one value for each of its sealed columns."""
    packages = b'{"packages": [{"id": "pkg_core_sql", "name": "SQL"}]}'
    house.vendor.will_answer((200, {"content-type": "application/json"}, packages))
    secrets = {
        "packages_api_key": "a",
        "harvest_client_secret": "b",
        "packages_url": f"{house.vendor.url}/list",
        "resume": "store",
    }
    linked = await house.link("proctor", **secrets)
    ashby = {"tenant_id": "a", "package_id": "p", "partner_id": "c"}
    assert (await linked.api("PUT", "/v1/integrations/ashby", json=ashby)).status_code == 200
    customer: dict[str, Any] = {"provider": "greenhouse", "origin_owner_id": "2", "origin_owner_name": "N"}
    customer["credentials"] = {"harvest_client_id": "c", "harvest_client_secret": "s"}
    hook = {"name": "kept", "url": f"{house.vendor.url}/h", "events": ["ats_assessments.created"]}
    hook["headers"] = {"x-tenant": "t"}
    made = (await linked.api("POST", "/v1/accounts", json=customer)).json()
    await store_tokens(house.app.state.ctx, made["id"])
    await linked.api("POST", "/v1/webhooks", json=hook, headers={"idempotency-key": "one"})
    await webhook(linked)
    user = await users.create(house.app.state.ctx, email="ada@example.com", name="Ada", password="a long password")
    await users.start_totp(house.app.state.ctx, user.id)
    await linked.call("list_tests")
    order = await linked.send_test(candidate={**ADA, "resume_url": f"{house.vendor.url}/resume"})
    await resumes.store(house.app.state.ctx, order, b"x", "text/plain")
    await linked.api("POST", "/v1/integrations/greenhouse/rotate-secret")
    await linked.api("GET", "/requests/logs")  # writes the lines of the request log that wait


async def store_tokens(ctx: Context, account_id: str) -> None:
    """Stores an access token of an account."""
    (project,) = await projects.list_projects(ctx)
    found = await access.load(ctx, project.id, account_id)
    await access.save_tokens(ctx, found, Tokens("t"), client="c", client_hash="h", is_new=True)


async def sealed_values(ctx: Context) -> dict[tuple[str, str], list[str]]:
    """Returns every text that looks like a sealed value, in any column of any table."""

    async def find(tx: Tx) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = {}
        for table in metadata.sorted_tables:
            rows: list[Mapping[str, Any]] = [dict(row) for row in await tx.all(f"SELECT * FROM {table.name}")]
            for column in (one.name for one in table.columns):
                values = [row[column] for row in rows if str(row[column]).startswith("gv1.")]
                found |= {(table.name, column): values} if values else {}
        return found

    return await ctx.store.read(find)


async def test_a_new_key_reaches_every_sealed_value(house: House) -> None:
    """Every sealed value in the database is resealed, so a sealed column that is missing in SEALED fails here."""
    await use_everything(house)
    ctx: Context = house.app.state.ctx
    assert set(await sealed_values(ctx)) == COLUMNS

    vault = Vault([NEW, OLD])
    first, again = await installation.reseal(ctx.store, vault), await installation.reseal(ctx.store, vault)

    found = await sealed_values(ctx)
    assert {(one.where.table, one.where.column): one.resealed for one in first} == {
        column: len(values) for column, values in found.items()
    }
    assert all(vault.is_current(value) for values in found.values() for value in values)
    assert not any(one.resealed or one.changed or one.unreadable for one in again)
    assert await installation.find_unreadable(ctx.store, Vault([NEW])) == []
    assert await installation.open_pepper(ctx.store, Vault([NEW])) == ctx.pepper


async def test_what_is_sealed_anywhere_is_sealed_for_a_known_column(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The associated data of each sealed value names a column of SEALED."""
    bound: set[tuple[str, str]] = set()
    seal = Vault.seal

    def noting(vault: Vault, plain: str, *, table: str, row: str, column: str) -> str:
        bound.add((table, column))
        return seal(vault, plain, table=table, row=row, column=column)

    monkeypatch.setattr(Vault, "seal", noting)
    await use_everything(house)

    assert bound == COLUMNS - {("installation", "value_sealed")}  # that one was sealed at the start


async def keep_answers(ctx: Context, count: int) -> None:
    async def ensure(tx: Tx) -> None:
        await project_rows.ensure(tx, "prj_1", "p")

    await ctx.store.write(ensure)
    for number in range(count):
        assert await idempotency.begin(ctx, "prj_1", f"key {number}", "same") is None
        await idempotency.finish(ctx, "prj_1", f"key {number}", Kept(201, f"answer {number}"))


async def test_more_than_a_batch_and_what_cannot_be_opened(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """All batches are resealed; a value under a lost key is counted, reported and left as it is."""
    monkeypatch.setattr(installation, "BATCH", 3)
    await keep_answers(replace(ctx, vault=Vault([OLD])), 10)
    await keep_answers_under_a_lost_key(ctx)

    vault = Vault([NEW, OLD])
    found = {one.where.table: one for one in await installation.reseal(ctx.store, vault)}["idempotency_keys"]

    assert (found.resealed, found.changed, found.unreadable) == (10, 0, 1)
    assert "GREENROOM_SECRET_KEY" in found.reason
    assert [one.unreadable for one in await installation.find_unreadable(ctx.store, vault)] == [1]
    kept = await idempotency.begin(replace(ctx, vault=Vault([NEW])), "prj_1", "key 7", "same")
    assert kept == Kept(201, "answer 7")


async def keep_answers_under_a_lost_key(ctx: Context) -> None:
    lost = replace(ctx, vault=Vault([os.urandom(32)]))
    assert await idempotency.begin(lost, "prj_1", "lost", "same") is None
    await idempotency.finish(lost, "prj_1", "lost", Kept(201, "lost"))


async def test_a_value_that_changed_meanwhile_is_not_overwritten(ctx: Context) -> None:
    """A value is replaced only if it is still the one that was read."""
    await keep_answers(ctx, 1)
    where = next(one for one in SEALED if one.table == "idempotency_keys")
    list_all = partial(installation_rows.list_sealed, where=where, after=None, limit=9)
    (row,) = await ctx.store.read(list_all)
    work = partial(installation_rows.reseal, where=where, rows=[("prj_1", "key 0", f"{row['sealed']} before", "lost")])

    assert await ctx.store.short_write(work) == 0
    assert [dict(one) for one in await ctx.store.read(list_all)] == [dict(row)]
