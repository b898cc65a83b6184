"""Hostile input to every page and form: the refusal is a page, never 5xx."""

from __future__ import annotations

import pytest
from aiohttp import web

from greenroom_sandbox.app import build
from greenroom_sandbox.model.wire import WireSettings
from tests.sandbox.conftest import Greenhouse

ACTIONS = ("hire", "unreject", "merge", "anonymize", "publish", "key", "enable", "forget", "delete")
IDS = {
    "{id}": ("26234702", "17681502", "4001", "5013", "900001", "1", "0", "x"),
    "{stage_id}": ("5013", "1"),
    "{action}": ACTIONS,
}
BODIES = [
    b"",
    b"\xff\xfe=%zz&%00=%00",
    b"&".join(name + b"=" + b"%F0%9F%92%A9%00" * 50 for name in (b"name", b"first_name", b"email", b"key", b"to", b"test_id")),
    b"stage_id=9999999999999999999&user_id=-1&into=1e3&copy_of=%C2%B2&direction=up&place=%3A&organization_id=",
    b"test_id=sql&to=x&grader_ids=901&when=later&send_at=9999-12-31T23:59&stage=partner:1&name=x&role=grader",
    b"a=1&" * 20_000,
]  # fmt: skip


def list_paths(method: str) -> list[str]:
    """Returns the pages' routes for a method, with placeholders for the ids."""
    app = build(None, WireSettings())
    found = {
        route.resource.canonical
        for route in app.router.routes()
        if route.method == method and isinstance(route.resource, web.Resource)
    }
    return sorted(
        path
        for path in found
        if not path.startswith(("/api", "/v", "/token", "/static", "/resumes", "/integrations/t"))
    )


def fill_ids(path: str) -> list[str]:
    """Returns a route's paths with valid and invalid ids."""
    made = [path.replace("{organization_id}", "101").replace("{tab}", "job")]
    for place, values in IDS.items():
        made = [one.replace(place, value) for one in made for value in (values if place in one else values[:1])]
    return made


@pytest.mark.parametrize("path", list_paths("POST"))
async def test_no_form_breaks_a_page(populated: Greenhouse, path: str) -> None:
    """No hostile form is answered 5xx."""
    for target in fill_ids(path):
        for body in BODIES:
            answer = await populated.client.post(target, content=body)
            assert answer.status_code < 500, (target, body[:80], answer.text[:500])


async def test_no_query_breaks_a_page(populated: Greenhouse) -> None:
    """No hostile query is answered 5xx, on one simulator for all pages."""
    for path in list_paths("GET"):
        for target in fill_ids(path):
            for query in BODIES[:5]:
                answer = await populated.client.get(f"{target}?{query.decode('latin-1')}")
                assert answer.status_code < 500, (target, query[:80], answer.text[:500])
