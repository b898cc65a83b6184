"""Generated requests to every call and form, none of which may cause a 5xx."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from greenroom_sandbox.app import build
from greenroom_sandbox.model.wire import WireSettings
from tests.sandbox.conftest import Greenhouse

IDS = [
    "1",
    "101",
    "4001",
    "5001",
    "5013",
    "17681502",
    "26234702",
    "900001",
    "901",
    "a5b10001-0000-4000-8000-000000000001",
    "a5b10004-0000-4000-8000-000000000001",
    "a5b10005-0000-4000-8000-000000000002",
    "a5b10006-0000-4000-8000-000000000001",
    "a5b10007-0000-4000-8000-000000000001",
    "a5b10008-0000-4000-8000-000000000001",
    "0",
    "999999999999999",
    "x",
    "%00",
    "²",
]
NAMES = [
    "kind", "target", "count", "skip", "probability", "seconds", "variant", "status", "retry_after", "take_home_id",
    "hours", "weeks", "amount", "unit", "running", "now", "seed", "polling", "name", "url", "secret", "action", "headers",
    "enabled", "scopes", "redirect_uri", "organization_id", "role", "site_admin", "test_id", "to", "stage_id", "send_at",
    "job_id", "first_name", "last_name", "resume", "user_id", "client_id", "grant_type", "code", "scope", "sub", "ids",
    "cursor", "per_page", "fields", "created_at", "call", "verdict", "after", "limit", "into", "key", "grader_ids",
    "partner_id", "assessment_type_id", "base_url", "permissions", "custom_fields", "additional_fields", "assessment_id",
    "timestamp", "assessment_status", "assessment_result", "candidateId", "assessment", "hiring_team", "email", "state",
    "application_ids", "position", "default_test_id", "harvest_rate_limit", "refresh_token_hours", "http", "decision",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, 1, -1, 0.5, 1e308, 10**20, "", "1", "x", "on", "yes", "²", "é\u0000", "<b>", "latency", "malformed",
    "send_test", "harvest", "empty", "status", "partner", "custom", "hours", "sql", "hire_candidate", "code", "all",
    "a5b10006-0000-4000-8000-000000000001", "a5b10003-0000-4000-8000-000000000001", "customField.list",
    "2026-11-24T10:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "gte|0001-01-01T00:00:00+14:00",
    "http://127.0.0.1:1/", "https://[::1", [], [1], ["x"], {}, {"a": "b"}, {"X-A": "b\r\nc: d"}, "client_credentials",
    "9" * 400, "\ud7ff\U0001f600",
]  # fmt: skip


def requests(seed: int, times: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Returns method, path and fields of generated requests, repeatable by seed."""
    dice = random.Random(seed)
    routes = sorted(
        (route.method, route.resource.canonical)
        for route in build(None, WireSettings()).router.routes()
        if route.resource is not None and route.method not in ("*", "HEAD")
    )
    made = []
    for method, template in routes * times:
        path = template
        while "{" in path:
            start, end = path.index("{"), path.index("}")
            path = path[:start] + dice.choice(IDS) + path[end + 1 :]
        made.append((method, path, {dice.choice(NAMES): dice.choice(VALUES) for _ in range(dice.randint(0, 6))}))
    return made


@pytest.mark.parametrize("seed", range(3))
async def test_no_generated_request_causes_an_internal_error(greenhouse: Greenhouse, seed: int) -> None:
    """As JSON, as a form and as a query, no generated request is answered 5xx."""
    await greenhouse.connect(polling=True)
    await greenhouse.complete(await greenhouse.sent())
    await greenhouse.call("POST", "/ashby/partners", {"name": "Codely", "base_url": greenhouse.partner.url}, status=201)
    ashby = "/ashby/organizations/a5b10001-0000-4000-8000-000000000001/partners/a5b10006-0000-4000-8000-000000000001"
    await greenhouse.call("PUT", ashby, {"key": "token"})
    await greenhouse.call("POST", f"{ashby}/api-keys", {}, status=201)
    client = {"name": "Own", "kind": "custom", "organization_id": 101}
    made = await greenhouse.call("POST", "/harvest/clients", client)
    auth = (made["client_id"], made["client_secret"])
    token = await greenhouse.client.post("/token", data={"grant_type": "client_credentials"}, auth=auth)
    headers = {"authorization": f"Bearer {token.json()['access_token']}"}
    dice = random.Random(seed)
    for method, path, fields in requests(seed, 4):
        shape = dice.choice(["json", "form", "query"])
        texts = urlencode({name: str(value) for name, value in fields.items()}, errors="replace")
        content = json.dumps(fields) if shape == "json" else texts if shape == "form" else ""
        url = f"{path}?{texts}" if shape == "query" else path
        if "advance" in path or "wait" in texts or "latency" in content or path == "/api/reset":
            continue  # these may take long or reset the simulator
        try:
            answer = await greenhouse.client.request(method, url, content=content.encode(), headers=headers)
        except httpx2.TransportError:
            continue  # an injected fault
        assert answer.status_code < 500, (method, url, content, answer.text)
        if dice.random() < 0.2:
            await greenhouse.call("DELETE", "/faults")
    await greenhouse.call("DELETE", "/faults")
    moved = await greenhouse.client.post("/api/clock/advance", content=b'{"hours": 1}')
    assert moved.status_code in (200, 422), moved.text
