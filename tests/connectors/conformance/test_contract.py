"""Every connector that is discovered keeps the connector contract."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import greenroom
from greenroom.api.declared import described, missing
from greenroom.api.v1.integrations import BODIES, IntegrationPut
from greenroom.connectors import discover, get_addresses
from greenroom.connectors.contract import Capabilities, Connector, Push, Update
from greenroom.errors import GiveUp, RemoteError, TryLater
from greenroom.model.integrations import Integration
from greenroom.model.orders import FINAL, LINE, Candidate, Order, OrderRequest
from greenroom.model.results import Result, Score
from greenroom.outbound import Answer, Request
from greenroom.security.tokens import new_id
from greenroom.settings import Settings, SettingsError

CONNECTORS = list(discover().values())
#: parts of Greenroom that know no ATS by name
CORE = ("model", "services", "store", "engine", "context.py", "catalog.py", "intake.py", "order_check.py", "outbound")
NOW = datetime(2026, 11, 3, tzinfo=UTC)
RESULT = Result(
    score=Score("82.50", "Good", "0", "100"),
    start_date=NOW,
    submission_date=NOW,
    summary="Strong on joins.",
    verdict="passed",
    result_url="https://results.proctor-tests.com/r/1",
    attachments=({"url": "https://results.proctor-tests.com/a.pdf"},),
)

per_connector = pytest.mark.parametrize("connector", CONNECTORS, ids=lambda one: one.manifest.provider)


def an_order(connector: Connector) -> Order:
    """A completed order of a connector, with a result."""
    addresses = [
        f"https://{host}/x/1"
        for field in connector.configuration_fields
        if field.type == "hosts"
        for host in field.default
    ]
    url = addresses[0] if addresses else None
    request = OrderRequest("pkg_core_sql", Candidate("ada@example.test", remote_id="c1"), callback_url=url)
    provider = connector.manifest.provider
    placed = Order(new_id("ord"), "prj_1", "acc_1", provider, "assessments", "ats", request, None, NOW, NOW)
    return placed.resulted(RESULT, now=NOW)


def a_push(connector: Connector, update: Update) -> Push:
    """A push with every declared field filled in."""
    settings = {
        field.name: "secret-of-the-configuration" if field.secret else field.default or "a value"
        for field in connector.configuration_fields
    }
    credentials = {field.name: f"canary-{field.name}" for field in connector.credential_fields}
    integration = Integration("int_1", "prj_1", connector.manifest.provider, NOW, NOW, tenant_id="t", settings=settings)
    return Push(an_order(connector), integration, "gr_token", update, credentials, get_addresses(Settings()))


@per_connector
def test_every_capability_has_its_source_and_date(connector: Connector) -> None:
    """A fact that nobody can look up is none."""
    capabilities = connector.manifest.capabilities
    names = {field.name for field in dataclasses.fields(Capabilities)} - {"sources"}
    assert capabilities.sources.keys() == names
    for source in capabilities.sources.values():
        assert len(source.text) > 10
        assert date.fromisoformat(source.date) <= date(2100, 1, 1)
    assert set(capabilities.progress) <= {*LINE, *FINAL}
    assert (connector.nudging is not None) == (capabilities.result_delivery == "notify_then_read")


@per_connector
def test_the_manifest_is_complete(connector: Connector) -> None:
    """A connector's folder is called like its provider, and its addresses begin with it."""
    manifest = connector.manifest
    assert discover()[manifest.provider] is connector
    assert manifest.name
    assert manifest.categories
    assert manifest.calls
    assert manifest.no_proxy.endswith(".")
    assert all(step.endswith((".", "below.")) for step in manifest.link_steps)
    for name, url in manifest.addresses.items():
        assert name.startswith(f"{manifest.provider}.")
        assert urlsplit(url).scheme == "https"


@per_connector
def test_the_declared_fields_make_forms_and_bodies(connector: Connector) -> None:
    """Names are unique and not those of every integration; every field has a label and help; secrets have no default."""
    for fields in (connector.configuration_fields, connector.credential_fields):
        assert len({field.name for field in fields}) == len(fields)
        for field in fields:
            assert re.fullmatch(r"[a-z][a-z0-9_]*", field.name)
            assert field.label
            assert len(field.help) > 10
            assert bool(field.options) == (field.type == "choice")
            assert not field.secret or field.default is None
            assert set(field.required_if or ()) <= {one.name for one in fields}
        json.dumps(described(fields))
    assert not {field.name for field in connector.configuration_fields} & IntegrationPut.model_fields.keys()
    body = BODIES[connector.manifest.provider]
    assert {field.name for field in connector.configuration_fields} <= body.model_fields.keys()
    assert missing(connector.credential_fields, {field.name: "x" for field in connector.credential_fields}) == []


@per_connector
def test_the_endpoints_are_the_calls(connector: Connector) -> None:
    """One URL for each call, under the connector's own path."""
    endpoints = connector.endpoints("https://gateway.example.com", "acme corp")
    assert endpoints.keys() == set(connector.manifest.calls)
    for url in endpoints.values():
        assert url.startswith(f"https://gateway.example.com/external-trigger/{connector.manifest.provider}/")
        assert "acme%20corp" in url


@per_connector
@pytest.mark.parametrize("status", ["completed", "accepted", "invited", "in_progress", "rejected"])
def test_a_push_carries_no_secret_in_its_url_or_body(connector: Connector, status: str) -> None:
    """Credentials are in the Authorization header alone; the URL is https."""
    if status not in ("completed", *connector.manifest.capabilities.progress):
        pytest.skip("the ATS is not notified of it")
    push = a_push(connector, Update(status, at_ms=1))  # type: ignore[arg-type]
    request = connector.push_request(push)
    assert isinstance(request, Request)
    assert request.url.startswith("https://")
    shown = request.url.encode() + (request.body or b"")
    assert b"canary" not in shown
    assert b"secret-of" not in shown
    assert b"gr_token" not in shown
    assert {name.lower() for name in request.headers} >= {"authorization"}
    assert connector.push_request(push).body == request.body


@per_connector
def test_a_push_without_credentials_says_what_to_do(connector: Connector) -> None:
    """A sentence, and no request."""
    push = a_push(connector, Update(at_ms=1))
    settings = {field.name: field.default for field in connector.configuration_fields}
    bare = replace(push, credentials={}, account_token=None, integration=replace(push.integration, settings=settings))
    with pytest.raises(GiveUp) as caught:
        connector.push_request(bare)
    assert "retry the delivery" in caught.value.reason
    assert caught.value.kind == "not_configured"


@per_connector
def test_every_answer_has_its_retry_policy(connector: Connector) -> None:
    """2xx is accepted; 429 and 5xx pass; 401, 403, 404 and redirects are final; each reason is a sentence."""

    def judge(status: int, body: bytes = b"") -> Callable[[], None]:
        return lambda: connector.judge(
            Answer(status, {"location": "https://u:canary@x.example.com/"}, body, False, None, 1)
        )

    judge(200)()
    judge(204)()
    for status in range(300, 600):
        for body in (b"", b"<html>", b"[]", b'{"success": false, "errorInfo": 5}'):
            with pytest.raises(RemoteError) as caught:
                judge(status, body)()
            assert re.search(r"[^.]\.$", caught.value.reason), caught.value.reason
            assert "canary" not in caught.value.reason
            passes = status in (408, 425, 429) or status >= 500
            assert isinstance(caught.value, TryLater if passes else GiveUp), status


@per_connector
@pytest.mark.parametrize(
    "verdict", ["initiated", "in_progress", "cancelled", "completed", "expired", "failed", "passed", None]
)
def test_a_preview_names_every_field_that_was_given(connector: Connector, verdict: str | None) -> None:
    """Once each, with a reason; only fields of the connector's table are shown."""
    result = replace(RESULT, verdict=verdict, passthrough={"a": 1}, candidate={"id": "c1"})  # type: ignore[arg-type]
    found = connector.preview(an_order(connector), result)
    names = [one.field for one in found]
    given = {"score.value", "score.label", "score.min", "score.max", "summary", "result_url", "attachments"}
    assert len(set(names)) == len(names)
    assert given | {"start_date", "submission_date", "passthrough", "candidate"} <= set(names)
    assert all(one.reason.endswith(".") for one in found)
    assert all(one.value is None for one in found if one.verdict == "dropped")


def test_the_core_names_no_ats() -> None:
    """A connector is one folder, named nowhere else."""
    root = Path(greenroom.__file__).parent
    for part in CORE:
        path = root / part
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            if "migrations" in file.parts:
                continue
            text = file.read_text().lower()
            # the word of the API for those who can take a finding's next step
            text = re.sub(r"source: .*|greenhouse_support", "", text)
            for provider in discover():
                assert provider not in text, f"{file} names {provider}"


def test_an_unknown_address_is_refused_with_the_known() -> None:
    """And an http one outside development; a known one replaces the default."""
    with pytest.raises(SettingsError, match=r"ashby.apy is not an address of an ATS. Known: .*greenhouse\.harvest"):
        get_addresses(Settings.from_environment({"GREENROOM_ATS_URLS": "ashby.apy=https://x.example.com"}))
    with pytest.raises(SettingsError, match="GREENROOM_ALLOW_HTTP"):
        get_addresses(Settings.from_environment({"GREENROOM_ATS_URLS": "ashby.api=http://127.0.0.1:1"}))
    for text in ("ashby.api", "ashby.api=", "ashby.api=x", "a=https://u:p@x.example.com", "a=https://x a=https://y"):
        with pytest.raises(SettingsError, match="GREENROOM_ATS_URLS: "):
            Settings.from_environment({"GREENROOM_ATS_URLS": text})
    urls = "ashby.api=https://one.example.com/ greenhouse.auth=https://two.example.com"
    found = get_addresses(Settings.from_environment({"GREENROOM_ATS_URLS": urls}))
    assert found["ashby.api"] == "https://one.example.com"
    assert found["greenhouse.harvest"] == "https://harvest.greenhouse.io"
