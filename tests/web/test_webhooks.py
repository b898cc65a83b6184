"""Webhooks in the dashboard: list, new, tabs, secrets, test event, switch, deletion."""

from __future__ import annotations

import re

import pytest

from greenroom.services import projects
from tests.house import House, Linked, webhook
from tests.web.visitors import TOKEN, Visitor


@pytest.fixture
async def visitor(house: House, proctor: Linked) -> Visitor:
    """The owner of a project with an integration and an account."""
    return await Visitor.sign_in(house)


@pytest.fixture
async def base(visitor: Visitor) -> str:
    """The address of the project's pages."""
    return str((await visitor.get("/")).url.path)


async def test_a_webhook_is_added_with_its_events(visitor: Visitor, base: str, house: House) -> None:
    """From the first use on; the name defaults to the host."""
    assert "No webhooks yet" in (await visitor.get(f"{base}/webhooks")).text

    url = f"{house.vendor.url}/hooks"
    fields = {"name": "", "url": url, "events": "ats_assessments.created", "accounts": "all"}
    answer = await visitor.submit(f"{base}/webhooks/new", fields)

    assert answer.status_code == 303, answer.text
    page = await visitor.get(answer.headers["location"])
    assert "Webhook created." in page.text
    assert f"<h1>{url.split('//')[1].split('/')[0]}</h1>" in page.text
    assert url in (await visitor.get(f"{base}/webhooks")).text


async def test_custom_headers_are_edited_without_their_values(
    visitor: Visitor, base: str, proctor: Linked, house: House
) -> None:
    """The form shows the names; a hidden value is kept, a reserved name is an error beside the field."""
    fields = {"url": f"{house.vendor.url}/hooks", "events": "ats_assessments.created", "accounts": "all"}
    refused = await visitor.submit(f"{base}/webhooks/new", fields | {"headers": "Host: x"})
    assert (refused.status_code, "Host is reserved" in refused.text) == (422, True)
    made = await visitor.submit(f"{base}/webhooks/new", fields | {"headers": "X-Team: hk_4f9a77\nX-Old: old_value"})
    here = made.headers["location"].partition("?")[0]
    for path in (here, f"{here}/edit"):
        page = (await visitor.get(path)).text
        assert "X-Team" in page
        assert "hk_4f9a77" not in page
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen
    changed = fields | {"name": "w", "seen": seen[1].replace("&#43;", "+"), "headers": "X-Team: (hidden)"}
    assert (await visitor.submit(f"{here}/edit", changed)).status_code == 303
    await proctor.send_test()
    sent = (await house.vendor.receive(1))[0].headers
    assert (sent["x-team"], "x-old" in sent) == ("hk_4f9a77", False)


async def test_a_webhook_for_another_category_is_warned_about(visitor: Visitor, base: str, proctor: Linked) -> None:
    """Until its events match; one for accounts alone is meant so."""
    made = await webhook(proctor, ["background_check_order.created"])
    await webhook(proctor, ["account.created"])
    page = (await visitor.get(f"{base}/webhooks")).text
    warning = "Your Greenhouse category is Assessments, but this webhook only listens to Background Check Order."
    assert page.count(warning) == 1
    assert page.count("but this webhook only listens to") == 1

    changed = {"events": ["ats_assessments.created", "background_check_order.created"]}
    assert (await proctor.api("PATCH", f"/v1/webhooks/{made['id']}", json=changed)).status_code == 200
    assert "only listens to" not in (await visitor.get(f"{base}/webhooks")).text


async def test_a_refused_form_keeps_its_values(visitor: Visitor, base: str) -> None:
    """422, each error beside its field, nothing is added."""
    fields = {"name": "Mine", "url": "ftp://vendor.example/x", "accounts": "some", "rate_limit": "nan"}
    answer = await visitor.submit(f"{base}/webhooks/new", fields)

    assert answer.status_code == 422
    for name in ("url", "events", "account_ids", "rate_limit"):
        assert f'href="#{name}"' in answer.text
        assert f'id="{name}' in answer.text
    assert 'value="ftp://vendor.example/x"' in answer.text
    assert 'value="Mine"' in answer.text
    assert "No webhooks yet" in (await visitor.get(f"{base}/webhooks")).text


async def test_secrets_are_shown_on_request_alone_and_two_are_live_after_a_rotation(
    visitor: Visitor, base: str, proctor: Linked
) -> None:
    """No page has one before; both sign during the overlap."""
    made = await webhook(proctor)
    here = f"{base}/webhooks/{made['id']}"
    for path in (f"{base}/webhooks", here, f"{here}/events", f"{here}/health", f"{here}/edit"):
        assert made["secret"] not in (await visitor.get(path)).text

    assert made["secret"] in (await visitor.submit(f"{here}/reveal")).text
    assert (await visitor.submit(f"{here}/rotate", {"overlap": "24"})).status_code == 303
    page = await visitor.get(here)
    assert "Two secrets are live" in page.text
    assert made["secret"] not in page.text
    found = set(re.findall(r"whsec_[\w+/=]+", (await visitor.submit(f"{here}/reveal")).text))
    assert len(found) == 2
    assert made["secret"] in found
    assert (await visitor.submit(f"{here}/rotate", {"overlap": "never"})).status_code in (400, 422)


async def test_a_test_event_shows_the_exchange(visitor: Visitor, base: str, proctor: Linked, house: House) -> None:
    """What was sent and what the endpoint answered, also when it refuses."""
    made = await webhook(proctor)
    here = f"{base}/webhooks/{made['id']}"

    page = await visitor.submit(f"{here}/test")
    assert "Your endpoint took it." in page.text
    assert "webhook.test" in page.text
    house.vendor.will_answer(503)
    page = await visitor.submit(f"{here}/test")
    assert "The test event did not arrive." in page.text
    assert "503" in page.text


async def test_a_disabled_webhook_holds_events_and_sends_them_when_enabled(
    visitor: Visitor, base: str, proctor: Linked, house: House
) -> None:
    """The page counts what is held, and offers to send it."""
    made = await webhook(proctor)
    here = f"{base}/webhooks/{made['id']}"
    await visitor.submit(f"{here}/switch", {"enabled": "off"})
    await proctor.send_test()

    page = await visitor.get(here)
    assert "This webhook is disabled, and 1 delivery waits for it." in page.text
    assert house.vendor.received == []
    await visitor.submit(f"{here}/switch", {"enabled": "on", "held": "send"})
    await house.vendor.receive(1)
    assert "Enabled, and no attempt has failed" in (await visitor.get(here)).text


async def test_events_are_changed_unless_somebody_else_did_meanwhile(
    visitor: Visitor, base: str, proctor: Linked
) -> None:
    """The second of two people reads, and overwrites nothing."""
    made = await webhook(proctor)
    here = f"{base}/webhooks/{made['id']}/events"
    seen = re.search(r'name="seen" value="([^"]+)"', (await visitor.get(here)).text)
    assert seen
    fields = {"events": "account.created", "seen": seen[1].replace("&#43;", "+")}

    assert (await visitor.submit(here, fields)).status_code == 303
    late = await visitor.submit(here, {**fields, "events": "account.deleted"})
    assert late.status_code == 422
    assert "Somebody changed this webhook" in late.text
    assert (await visitor.submit(here, {"seen": fields["seen"]})).status_code == 422
    assert (await proctor.api("GET", f"/v1/webhooks/{made['id']}")).json()["events"] == ["account.created"]


async def test_a_webhook_is_edited_and_deleted(visitor: Visitor, base: str, proctor: Linked) -> None:
    """Deletion needs its name."""
    made = await webhook(proctor)
    here = f"{base}/webhooks/{made['id']}"
    form = (await visitor.get(f"{here}/edit")).text
    seen = re.search(r'name="seen" value="([^"]+)"', form)
    assert seen
    assert TOKEN.search(form)
    fields = {"name": "New", "url": made["url"], "accounts": "all", "rate_limit": "2.5",
              "seen": seen[1].replace("&#43;", "+")}  # fmt: skip

    assert (await visitor.submit(f"{here}/edit", fields)).status_code == 303
    assert "2.5 per second" in (await visitor.get(here)).text
    assert (await visitor.submit(f"{here}/delete", {"confirm": "new"})).status_code == 422
    assert (await visitor.submit(f"{here}/delete", {"confirm": "New"})).status_code == 303
    assert (await visitor.get(here)).status_code == 404


async def test_health_counts_deliveries_per_day(visitor: Visitor, base: str, proctor: Linked, house: House) -> None:
    """As a picture and as a table."""
    made = await webhook(proctor)
    await proctor.send_test()
    await house.vendor.receive(1)
    page = await visitor.get(f"{base}/webhooks/{made['id']}/health")

    assert page.text.count('<svg class="chart"') in (1, 2)
    assert "Show as a table" in page.text
    assert "No delivery is in this state" in (await visitor.get(f"{base}/webhooks/{made['id']}/health?state=dead")).text


async def test_another_projects_webhook_is_not_found(visitor: Visitor, base: str, proctor: Linked) -> None:
    """Under the address of a project, only its own."""
    made = await webhook(proctor)
    await projects.create_key(visitor.house.app.state.ctx, name="x", project="mallory")
    other = next(one for one in await projects.list_projects(visitor.house.app.state.ctx) if one.name == "mallory")

    for path in ("", "/events", "/health", "/edit", "/delete"):
        assert (await visitor.get(f"/projects/{other.id}/webhooks/{made['id']}{path}")).status_code == 404
