"""The hosted link: nothing is shown or done before the button, and the account is linked by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import Linked, open_house, webhook

OWNER = {"origin_owner_id": "acme", "origin_owner_name": "Acme <b>"}


@pytest.fixture
async def proctor(tmp_path: Path) -> AsyncIterator[Linked]:
    """A project with an integration."""
    async with open_house(tmp_path) as house:
        yield await house.link("proctor", package_id="pkg_core_sql")


async def opened(linked: Linked, **more: Any) -> tuple[dict[str, Any], str]:
    """A session, and the path of its link."""
    made = (await linked.api("POST", "/connect_sessions", json={**OWNER, **more})).json()
    return made, "/link/" + made["auth_link_url"].rpartition("/")[2]


async def test_the_button_links_the_account(proctor: Linked) -> None:
    """Looking changes nothing; the button shows the token and tells the vendor, once; coming back shows it again."""
    await webhook(proctor, ["account.created"])
    made, path = await opened(proctor)
    client = proctor.house.client
    looked = await client.get(path)
    await client.head(path)
    before = (await proctor.api("GET", f"/accounts/{made['account_id']}")).json()["status"]
    linked, again = await client.post(path), await client.post(path)

    assert (looked.status_code, before) == (200, "inactive")
    assert "Link Greenhouse" in looked.text
    assert "Acme &lt;b&gt;" in looked.text
    assert made["external_trigger_token"] not in looked.text
    assert made["external_trigger_token"] in linked.text
    assert again.text == linked.text
    assert "This was done before" in (await client.get(path)).text
    assert (await proctor.api("GET", f"/accounts/{made['account_id']}")).json()["status"] == "active"
    (received,) = await proctor.house.vendor.receive(1)
    assert (received.json["event"], received.json["account_id"]) == ("account.created", made["account_id"])
    assert len((await proctor.api("GET", "/v1/deliveries")).json()["data"]) == 1


async def test_a_link_that_cannot_be_used_says_why(proctor: Linked) -> None:
    """Unknown, expired, its account deleted, or nothing to link."""
    client = proctor.house.client
    assert (await client.get("/link/nope")).status_code == 404
    assert (await client.post("/link/nope")).status_code == 404
    made, path = await opened(proctor)
    sql = "UPDATE connect_sessions SET expires_at = now_ms() WHERE id = $1"
    await proctor.house.app.state.ctx.store.write(lambda tx: tx.run(sql, made["id"]))
    for answer in (await client.get(path), await client.post(path)):
        assert (answer.status_code, "has expired" in answer.text) == (410, True)
    made, path = await opened(proctor)
    await proctor.api("DELETE", f"/accounts/{made['account_id']}")
    assert (await client.post(path)).status_code == 404
    await proctor.api("PUT", "/v1/integrations/greenhouse", json={"enabled": False, "tenant_id": "proctor"})
    made, path = await opened(proctor)
    answer = await client.get(path)
    assert (answer.status_code, "has not enabled any integration" in answer.text) == (409, True)
    assert (await client.post(path)).status_code == 404


async def test_the_page_keeps_its_secrets(proctor: Linked) -> None:
    """No cache, no referrer, no frame."""
    _, path = await opened(proctor)
    headers = (await proctor.house.client.get(path)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
