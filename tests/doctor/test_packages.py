"""Causes of package lists that recruiters do not see, or see wrongly."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from greenroom import catalog
from greenroom.outbound import Outbound
from greenroom.outbound.names import Resolver
from greenroom.services import integrations, projects
from tests.doctor.scenarios import Patient
from tests.house import PACKAGES, House, Neighbour, neighbour, open_house, webhook
from tests.support.dns import name_server

KEY = "packages-key-of-proctor"
BASIC = base64.b64encode(f"{KEY}:".encode()).decode()
GOOD = {"data": PACKAGES}
Call = Callable[["Listing"], Awaitable[None]]


def answer(body: object, status: int = 200, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Returns an answer of the list endpoint."""
    return status, headers, body if isinstance(body, bytes) else json.dumps(body).encode()


class Listing(Patient):
    """A healthy project whose packages come from a list endpoint of its own."""

    endpoint: Neighbour

    @property
    def url(self) -> str:
        return f"{self.endpoint.url}/packages"

    async def configure(self, **changes: Any) -> None:
        """Configures the integration anew."""
        body = {"tenant_id": "proctor", "packages_url": self.url, "packages_api_key": KEY} | changes
        body |= {"partner_username": "partner", "partner_password": "correct horse", "callback_hosts": ["127.0.0.1"]}
        answered = await self.linked.api("PUT", "/v1/integrations/greenhouse", json=body)
        assert answered.status_code == 200, answered.text

    async def breaks(self, code: str, **proof: Any) -> dict[str, Any]:
        """Asserts that this code is found, and that recruiters see the last good list meanwhile; returns the finding."""
        found = {one["code"]: one for one in await self.findings() if one["severity"] != "notice"}
        assert found.keys() == {code, "packages.stale"}, found
        assert found["packages.stale"]["proof"].items() >= {"packages": 2, "because": [code]}.items()
        one = found[code]
        assert one["subject"] == {"type": "integration", "id": "greenhouse", "name": "Greenhouse"}
        assert (one["severity"], one["proof"]["accounts"]) == ("error", ["Northwind"])
        assert proof.items() <= one["proof"].items(), one["proof"]
        assert KEY not in json.dumps(one)
        return one


async def open_dialog(listing: Listing) -> None:
    """Opens the test dialog as a recruiter does, when the stored list is no longer fresh."""
    app = listing.linked.house.app
    await app.state.ctx.store.write(lambda tx: tx.run("UPDATE package_lists SET fetched_at = fetched_at - 60000"))
    app.state.catalog._failed_at.clear()
    await listing.linked.call("list_tests")


async def probe(listing: Listing) -> None:
    """Tests the endpoint."""
    answered = await listing.linked.api("POST", "/v1/integrations/greenhouse/probe")
    assert answered.status_code == 200, answered.text


@pytest.fixture
async def listing(house: House) -> AsyncIterator[Listing]:
    """A healthy project with a list endpoint whose list was read."""
    async with open_listing(house) as one:
        yield one


@asynccontextmanager
async def open_listing(house: House) -> AsyncIterator[Listing]:
    """Sets up the project."""
    async with neighbour() as endpoint:
        endpoint.will_answer(answer(GOOD))
        linked = await house.link("proctor", packages_url=f"{endpoint.url}/packages", packages_api_key=KEY)
        one = Listing(linked, await webhook(linked))
        one.endpoint = endpoint
        assert (await linked.call("list_tests")).status_code == 200
        await linked.send_test()
        await one.is_healthy()
        yield one


@pytest.mark.parametrize("call", [open_dialog, probe])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "unauthorized"),
        (403, "unauthorized"),
        (404, "not_found"),
        (410, "not_found"),
        (405, "method_not_allowed"),
        (422, "client_error"),
        (500, "server_error"),
    ],
)
async def test_an_endpoint_that_refuses(listing: Listing, call: Call, status: int, code: str) -> None:
    """The status and the first line of the answer are in the proof, seen by a recruiter and by a test alike."""
    listing.endpoint.will_answer(answer(f"no way with {KEY}\nnot a line more".encode(), status))
    await call(listing)
    await call(listing)
    found = {one["code"]: one for one in await listing.findings()}
    assert found.pop("packages.echoes_credential")["severity"] == "warning"
    assert found.keys() == {f"packages.{code}", "packages.stale"}
    one = found[f"packages.{code}"]
    assert one["proof"].items() >= {"status": status, "answer": "no way with ********", "url": listing.url}.items()
    assert one["count"] == 2
    listing.endpoint.will_answer(answer(GOOD))
    await call(listing)
    await listing.is_healthy()


@pytest.mark.parametrize(
    ("body", "code", "proof"),
    [
        (b"<html>Sign in</html>", "not_json", {"path": "$", "answer": "<html>Sign in</html>"}),
        (b"", "not_json", {"path": "$", "expected": "JSON", "found": "an empty text"}),
        ([], "wrong_shape", {"path": "$", "found": "an array"}),
        ({"packages": []}, "wrong_shape", {"path": "$.data", "found": "nothing"}),
        ({"data": None}, "wrong_shape", {"path": "$.data", "found": "null"}),
        ({"data": [*PACKAGES, {"id": "a", "name": None}]}, "wrong_shape", {"path": "$.data[2].name", "expected": "a text", "found": "null"}),
        ({"data": [{"name": "A"}]}, "wrong_shape", {"path": "$.data[0].id", "found": "nothing"}),
        ({"data": [{"id": True, "name": "A"}]}, "wrong_shape", {"path": "$.data[0].id", "found": "true"}),
        ({"data": ["a"]}, "wrong_shape", {"path": "$.data[0]", "found": "the text 'a'"}),
        ({"data": [], "next": 5}, "wrong_shape", {"path": "$.next", "found": "the number 5"}),
        ({"data": [{"id": "a", "name": " "}]}, "invalid_package", {"path": "$.data[0].name", "found": "an empty text"}),
        ({"data": [{"id": "", "name": "A"}]}, "invalid_package", {"path": "$.data[0].id"}),
        ({"data": [{"id": "a", "name": "A" * 256}]}, "invalid_package", {"found": "a text of 256 characters"}),
        (b'{"data": [{"id": "a", "name": "\\ud800"}]}', "invalid_package", {"found": "the text '?'"}),
        (b'{"data": [{"id": "a\\u0000", "name": "A"}]}', "invalid_package", {"path": "$.data[0].id"}),
    ],
)  # fmt: skip
async def test_an_answer_that_is_no_list(listing: Listing, body: object, code: str, proof: dict[str, str]) -> None:
    """The JSON path, the expected and the found value are in the proof."""
    listing.endpoint.will_answer(answer(body))
    await open_dialog(listing)
    await listing.breaks(f"packages.{code}", status=200, **proof)
    listing.endpoint.will_answer(answer(GOOD))
    await open_dialog(listing)
    await listing.is_healthy()


async def test_a_redirect(listing: Listing) -> None:
    """Its target is in the proof."""
    target = "https://elsewhere.example/packages"
    listing.endpoint.will_answer(answer(b"", 302, location=f"{target}?token=secret"))
    await open_dialog(listing)
    await listing.breaks("packages.redirect", status=302, target=target)
    listing.endpoint.will_answer(answer(GOOD))
    await probe(listing)
    await listing.is_healthy()


@pytest.mark.parametrize(
    ("url", "code", "proof"),
    [
        ("http://127.0.0.1:1/packages", "refused", {"host": "127.0.0.1"}),
        ("https://127.0.0.1:{port}/packages", "tls", {"reason": "handshake"}),
        ("http://10.255.255.1/packages?key=secret", "forbidden_address", {"url": "http://10.255.255.1/packages"}),
    ],
)
async def test_an_endpoint_out_of_reach(listing: Listing, url: str, code: str, proof: dict[str, str]) -> None:
    """A list that was never good is found, too; the URL is in the proof, and correcting it ends the finding."""
    await listing.configure(packages_url=url.format(port=listing.endpoint.url.rpartition(":")[2]))
    await listing.is_healthy()
    assert (await listing.linked.call("list_tests")).status_code == 503
    await listing.has(f"packages.{code}", accounts=["Northwind"], **proof)
    await listing.configure()
    await listing.is_healthy()


@pytest.mark.parametrize(
    ("reason", "name", "trusted", "expires_at"),
    [
        ("expired", "127.0.0.1", True, datetime(2020, 1, 1, tzinfo=UTC)),
        ("name", "127.0.0.2", True, None),
        ("chain", "127.0.0.1", False, None),
    ],
)
async def test_a_certificate_that_is_not_valid(
    house: House, listing: Listing, reason: str, name: str, trusted: bool, expires_at: datetime | None
) -> None:
    """The proof tells an expired certificate, one for another host and one of an unknown authority apart."""
    authority, tls = trustme.CA(), ssl.create_default_context()
    if trusted:
        authority.configure_trust(tls)
    certificate = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name, not_after=expires_at).configure_cert(certificate)
    out = Outbound(allow_http=True, allowed_networks=house.settings.allow_private_networks, tls=tls)
    house.app.state.catalog._out, before = out, house.app.state.catalog._out
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificate) as server:
        await listing.configure(packages_url=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/packages")
        await probe(listing)
        await listing.has("packages.tls", reason=reason, host="127.0.0.1")
    house.app.state.catalog._out = before
    await out.aclose()
    await listing.configure()
    await listing.is_healthy()


async def test_an_endpoint_that_breaks_the_connection(listing: Listing) -> None:
    """The proof says that it accepted the connection first."""
    listing.endpoint.will_answer(0)
    await probe(listing)
    found = await listing.breaks("packages.refused")
    assert "broke the connection" in found["proof"]["error"]
    listing.endpoint.will_answer(answer(GOOD))
    await probe(listing)
    await listing.is_healthy()


async def test_a_host_without_an_address(house: House, listing: Listing) -> None:
    """A name that does not exist, and one whose name server fails."""
    async with name_server() as dns:
        resolver = Resolver([dns.server])
        out = Outbound(allow_http=True, allowed_networks=house.settings.allow_private_networks, resolver=resolver)
        house.app.state.catalog._out, before = out, house.app.state.catalog._out
        port = listing.endpoint.url.rpartition(":")[2]
        await listing.configure(packages_url=f"http://lists.proctor.test:{port}/packages")
        await probe(listing)
        await listing.has("packages.dns", host="lists.proctor.test")
        dns.addresses["lists.proctor.test"] = ["127.0.0.1"]
        await probe(listing)
        await listing.is_healthy()
        house.app.state.catalog._out = before
        await out.aclose()


async def test_an_endpoint_without_an_answer(listing: Listing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time spent is in the proof."""
    ended = asyncio.Event()
    listing.endpoint.inside = ended.wait
    with monkeypatch.context() as patched:
        patched.setattr(catalog, "DEADLINE_S", 0.1)
        await open_dialog(listing)
    found = await listing.breaks("packages.timeout", host="127.0.0.1")
    assert found["proof"]["ms"] >= 100
    ended.set()
    await open_dialog(listing)
    await listing.is_healthy()


@pytest.mark.parametrize("call", [open_dialog, probe])
@pytest.mark.parametrize(
    ("body", "code", "proof"),
    [
        ({"data": []}, "empty", {"packages": 0}),
        ({"data": [{"id": "a", "name": "SQL"}, {"id": "b", "name": "SQL"}]}, "duplicate_names", {"names": ["SQL"], "shown": ["SQL (a)", "SQL (b)"]}),
        ({"data": [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]}, "duplicate_ids", {"ids": ["a"], "packages": 2}),
        ({"data": [{"id": f"{number}", "name": f"T{number}"} for number in range(4)]}, "too_many", {"limit": "3 packages"}),
        ({"data": PACKAGES, "your_key": KEY}, "echoes_credential", {"credential": "packages_api_key"}),
        ({"data": PACKAGES, "your_header": BASIC}, "echoes_credential", {"credential": "packages_api_key"}),
    ],
)  # fmt: skip
async def test_a_list_that_recruiters_see_wrongly(
    listing: Listing, monkeypatch: pytest.MonkeyPatch, call: Call, body: object, code: str, proof: dict[str, Any]
) -> None:
    """The fault is in the proof, seen by a recruiter and by a test alike; a good list ends the finding."""
    monkeypatch.setattr(catalog, "MOST", 3)
    listing.endpoint.will_answer(answer(body))
    await call(listing)
    found = await listing.has(f"packages.{code}", url=listing.url, **proof)
    assert found["severity"] == ("error" if code == "empty" else "warning")
    listing.endpoint.will_answer(answer(GOOD))
    await call(listing)
    await listing.is_healthy()


@pytest.mark.parametrize("call", [open_dialog, probe])
async def test_an_endpoint_close_to_its_limit(listing: Listing, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    """The 95th percentile of the latest answers is in the proof; one slow answer before fast ones is no finding."""
    with monkeypatch.context() as patched:
        patched.setattr(catalog, "_ms", lambda _: 2600)
        await call(listing)
    await listing.has("packages.slow", p95_ms=2600, slow=1)
    await call(listing)
    await listing.is_healthy()


async def test_no_source(listing: Listing) -> None:
    """Published packages, deleted again, leave nothing to choose; a package id ends the finding."""
    published = {"packages": [{"id": "a", "name": "A"}], "category": "assessments"}
    assert (await listing.linked.api("PUT", "/v1/packages", json=published)).status_code == 200
    await listing.configure(packages_url=None)
    await listing.is_healthy()
    assert (await listing.linked.api("PUT", "/v1/packages", json={**published, "packages": []})).status_code == 200
    await listing.has("packages.no_source", published=0)
    await listing.configure(packages_url=None, package_id="pkg_static")
    await listing.is_healthy()


async def test_a_new_key_ends_a_refusal(listing: Listing) -> None:
    """The refusal of the old key says nothing about the new one."""
    listing.endpoint.will_answer(401)
    await open_dialog(listing)
    await listing.breaks("packages.unauthorized")
    await listing.configure(packages_api_key="another")
    assert "packages.unauthorized" not in [one["code"] for one in await listing.findings()]


async def test_a_good_answer_to_one_account_is_none_to_another(database_url: str, tmp_path: Path) -> None:
    """A failure of an account's answer ends with its own good one, or with a test; on each database."""
    url = database_url if database_url.startswith("postgresql") else None
    async with open_house(tmp_path, url) as house, open_listing(house) as listing:
        other = {"provider": "greenhouse", "origin_owner_id": "other", "origin_owner_name": "Southwind"}
        linked = (await listing.linked.api("POST", "/v1/accounts", json=other)).json()
        listing.endpoint.will_answer(500)
        await open_dialog(listing)
        await open_dialog(listing)
        listing.endpoint.will_answer(answer(GOOD))
        assert (await listing.linked.call("list_tests", token=linked["external_trigger_token"])).status_code == 200
        found = await listing.breaks("packages.server_error")
        assert found["count"] == 2
        assert found["title"].startswith("Recruiters see an old package list: ")
        assert len(await listing.findings(account_id=listing.linked.account_id)) == 2
        assert await listing.findings(account_id=linked["id"]) == []
        await probe(listing)  # for the account that fails, not for the newest
        assert listing.endpoint.received[-1].json["account_id"] == listing.linked.account_id
        await listing.is_healthy()


async def test_a_failure_of_the_endpoint_ends_for_all_accounts(listing: Listing) -> None:
    """A good answer to another account shows that the endpoint can be reached again."""
    other = {"provider": "greenhouse", "origin_owner_id": "other", "origin_owner_name": "Southwind"}
    linked = (await listing.linked.api("POST", "/v1/accounts", json=other)).json()
    listing.endpoint.will_answer(0)
    await open_dialog(listing)
    await listing.breaks("packages.refused")
    listing.endpoint.will_answer(answer(GOOD))
    assert (await listing.linked.call("list_tests", token=linked["external_trigger_token"])).status_code == 200
    await listing.is_healthy()


async def test_a_repaired_endpoint_is_noticed_while_an_old_list_is_shown(
    listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recruiters see the old list at once; the endpoint is called again meanwhile, which ends the findings."""
    monkeypatch.setattr(catalog, "AGAIN_S", 0.0)
    listing.endpoint.will_answer(500)
    await open_dialog(listing)
    await listing.breaks("packages.server_error")
    listing.endpoint.will_answer(answer(GOOD))
    assert len((await listing.linked.call("list_tests")).json()) == 2
    async with asyncio.timeout(20):
        while await listing.findings():
            await asyncio.sleep(0.02)
    await listing.is_healthy()


async def test_a_key_as_a_name(listing: Listing) -> None:
    """Repeated names are in the proof, the key is not."""
    listing.endpoint.will_answer(answer({"data": [{"id": "a", "name": KEY}, {"id": "b", "name": KEY}]}))
    await probe(listing)
    found = await listing.findings()
    assert [one["code"] for one in found] == ["packages.duplicate_names", "packages.echoes_credential"]
    assert found[0]["proof"]["names"] == ["********"]
    assert KEY not in json.dumps(found)


async def test_a_test_of_a_draft_counts_for_nothing(listing: Listing) -> None:
    """Neither a failure nor a success of values that are not saved."""
    ctx, app = listing.linked.house.app.state.ctx, listing.linked.house.app
    (project,) = await projects.list_projects(ctx)
    stored = await integrations.get(ctx, project.id, "greenhouse")
    listing.endpoint.will_answer(401)
    await app.state.catalog.test(replace(stored, packages_api_key="draft"))
    await listing.is_healthy()
    await probe(listing)
    listing.endpoint.will_answer(answer(GOOD))
    await app.state.catalog.test(replace(stored, packages_api_key="draft"))
    await listing.breaks("packages.unauthorized")
