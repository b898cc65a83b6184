"""Security headers on every response, and the trusted source of the client address."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from greenroom.api.proxies import TrustedProxies
from tests.house import House, Linked, open_house

NAMES = {
    "cache-control", "content-security-policy", "cross-origin-opener-policy", "permissions-policy", "referrer-policy",
    "x-content-type-options", "x-frame-options",
}  # fmt: skip


@pytest.fixture
async def public(tmp_path: Path) -> AsyncIterator[House]:
    """A gateway behind an https proxy on this machine."""
    async with open_house(
        tmp_path, public_url="https://greenroom.example.com", trusted_proxies="127.0.0.1/32"
    ) as house:
        yield house


def assert_secured(answer: httpx2.Response, path: str) -> None:
    """Checks that each header is there once and allows a page nothing more than it needs."""
    assert answer.headers.keys() >= NAMES, path
    assert len(answer.headers.get_list("content-security-policy")) == 1, path
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'"), path
    assert "frame-ancestors 'none'" in policy, path
    assert "unsafe" not in policy, path
    assert answer.headers["cache-control"] == "no-store", path


async def test_every_route_answers_with_them(public: House) -> None:
    """Every response has the headers; HSTS only if the public URL is https."""
    routes = [route for route in public.app.router.routes if hasattr(route, "path")]
    templates = {*(route.path for route in routes), *public.app.openapi()["paths"], "/nowhere"}
    paths = {re.sub(r"\{[^}]+\}", "x", template) for template in templates}
    assert len(paths) > 40
    for path in sorted(paths):
        for method in ("GET", "POST"):
            answer = await public.client.request(method, path, follow_redirects=False)
            assert answer.status_code < 500, (method, path)
            if not path.startswith("/hub/v1/connect."):  # a script that other sites load, and browsers cache
                assert_secured(answer, path)
            assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_without_https_there_is_no_hsts(house: House) -> None:
    """A gateway with an http public URL sends no HSTS."""
    answer = await house.client.get("/healthz")
    assert_secured(answer, "/healthz")
    assert "strict-transport-security" not in answer.headers


async def test_a_500_has_them_too(public: House) -> None:
    """A 500, which is answered outside of all other middleware, has the headers."""

    async def fails(_: Request) -> Response:
        raise ZeroDivisionError

    public.app.router.routes.insert(0, Route("/fails", fails))
    answer = await public.client.get("/fails")
    assert answer.status_code == 500
    assert_secured(answer, "/fails")
    assert answer.headers["strict-transport-security"]


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ([], "127.0.0.1", ["203.0.113.9"], "127.0.0.1"),
        (["10.0.0.0/8"], "127.0.0.1", ["203.0.113.9"], "127.0.0.1"),
        (["127.0.0.0/8"], "127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        (["127.0.0.0/8", "10.0.0.0/8"], "127.0.0.1", ["198.51.100.1, 203.0.113.9", "10.1.1.1"], "203.0.113.9"),
        (["127.0.0.0/8"], "127.0.0.1", ["198.51.100.1, not an address"], "127.0.0.1"),
        (["127.0.0.0/8"], "::ffff:127.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1"),
        (["127.0.0.0/8"], "127.0.0.1", ["203.0.113.9:5000"], "203.0.113.9"),
        (["127.0.0.0/8"], "127.0.0.1", ["127.0.0.2"], "127.0.0.2"),
        (["127.0.0.0/8"], "127.0.0.1", [], "127.0.0.1"),
        (["::1/128"], "::1", ["203.0.113.9"], "203.0.113.9"),
        (["127.0.0.0/8"], "", ["203.0.113.9"], ""),
    ],
)
async def test_only_a_trusted_proxy_says_who_the_client_is(
    trusted: list[str], peer: str, forwarded: list[str], client: str
) -> None:
    """The client is the last address that is no trusted proxy; the client may have made up the entries before it."""
    seen = {}

    async def app(scope: dict, _: object, __: object) -> None:  # type: ignore[type-arg]
        seen.update(scope)

    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded] + [(b"host", b"a")]
    scope = {"type": "http", "client": (peer, 1) if peer else None, "headers": headers}
    proxies = TrustedProxies(app, networks=[ip_network(one) for one in trusted])  # type: ignore[arg-type]
    await proxies(scope, None, None)  # type: ignore[arg-type]
    assert (seen["client"] or [""])[0] == client


async def test_the_request_log_names_the_client_that_the_proxy_names(public: House, tmp_path: Path) -> None:
    """
    Plain http is refused if the trusted proxy reports it; without a trusted proxy, forwarding headers are ignored.
    """
    said = {"x-forwarded-for": "198.51.100.1, 203.0.113.9"}
    proctor = await public.link("proctor")
    await proctor.api("GET", "/v1/orders", headers=said)
    logged = (await proctor.api("GET", "/requests/platform-logs")).json()["data"][0]
    assert logged["source_ip"] == "203.0.113.9"
    assert (await public.client.get("/healthz", headers={"x-forwarded-proto": "http"})).status_code == 403

    async with open_house(tmp_path / "other", public_url="https://greenroom.example.com") as house:
        proctor = await house.link("proctor")
        await proctor.api("GET", "/v1/orders", headers=said)
        logged = (await proctor.api("GET", "/requests/platform-logs")).json()["data"][0]
        assert logged["source_ip"] == "127.0.0.1"
        assert (await house.client.get("/healthz", headers={"x-forwarded-proto": "http"})).status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/nowhere", 404), ("DELETE", "/v1/orders", 405)])
async def test_an_unknown_path_counts_against_the_key(tmp_path: Path, method: str, path: str, status: int) -> None:
    """A request without a matching route counts against its API key; without a valid key nothing is counted."""
    async with open_house(tmp_path, rate_limit=10) as house:
        proctor: Linked = await house.link("proctor")  # two of the ten
        found = [(await proctor.api(method, path)).status_code for _ in range(9)]
        assert found == [status] * 8 + [429]
        assert (await proctor.api("GET", "/v1/orders")).status_code == 429
        assert (await house.client.request(method, path)).status_code == status
