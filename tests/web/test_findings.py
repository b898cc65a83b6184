"""The pages that show findings: Problems, Home, and each object's page, from one list."""

from __future__ import annotations

import asyncio

import pytest

from greenroom.doctor.catalogue import causes
from greenroom.errors import Unavailable
from greenroom.web import findings
from tests.house import House, Linked, webhook
from tests.web.visitors import HTML, Visitor


@pytest.fixture
async def browser(house: House, proctor: Linked) -> Visitor:
    """The owner of a project without a webhook."""
    return await Visitor.sign_in(house)


async def home_of(browser: Visitor) -> str:
    """The path of the project's pages."""
    return str((await browser.get("/")).url.path)


async def test_everybody_reads_about_every_cause(house: House) -> None:
    """Without signing in; each code is an anchor as written, which findings link to."""
    answer = await house.client.get("/docs/causes", headers=HTML)
    assert answer.status_code == 200
    for code, cause in causes().items():
        assert f'id="{code}"' in answer.text
        assert cause.named().severity.capitalize() in answer.text
    assert "{ats}" not in answer.text


async def test_a_problem_is_shown_with_cause_proof_and_next_step(browser: Visitor) -> None:
    """On the page Problems, with a link to its cause, and on Home; both are quiet after the repair."""
    base = await home_of(browser)
    page = (await browser.get(f"{base}/findings")).text
    assert causes()["webhook.none"].title in page
    for part in ("<h3>Cause</h3>", "<dt>Event</dt><dd>ats_assessments.created</dd>", f"{base}/webhooks/new"):
        assert part in page
    assert 'href="/docs/causes#webhook.none"' in page
    assert '<span class="nav-count">1' in page
    assert causes()["webhook.none"].title in (await browser.get(base)).text

    form = {"name": "orders", "url": "http://127.0.0.1:9/", "events": "ats_assessments.created", "accounts": "all"}
    made = await browser.submit(f"{base}/webhooks/new", form, on=f"{base}/webhooks/new")
    assert made.status_code == 303, made.text
    assert causes()["webhook.none"].title not in (await browser.get(base)).text
    page = (await browser.get(f"{base}/findings?severity=error")).text
    assert "No problem matches" in page
    assert "nav-count" not in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("severity=error", True),
        ("severity=warning", False),
        ("code=webhook.none&q=greenhouse", True),
        ("code=webhook.gone", False),
        ("q=nobody", False),
    ],
)
async def test_the_filters_are_in_the_address(browser: Visitor, query: str, *, shown: bool) -> None:
    """By severity, code and object; a page without a match says so."""
    page = (await browser.get(f"{await home_of(browser)}/findings?{query}")).text
    assert (causes()["webhook.none"].title in page) is shown
    assert ("No problem matches" in page) is not shown


async def test_an_object_shows_what_is_about_it(browser: Visitor, proctor: Linked) -> None:
    """The webhook's page shows its own finding, the account's page does not."""
    made = await webhook(proctor)
    base = await home_of(browser)
    hook = f"/v1/webhooks/{made['id']}"
    assert (await proctor.api("PATCH", hook, json={"enabled": False})).status_code == 200
    await browser.get(f"{base}/findings")
    page = (await browser.get(f"{base}/webhooks/{made['id']}")).text
    assert causes()["webhook.disabled"].title in page
    assert 'href="/docs/causes#webhook.disabled"' in page
    assert causes()["webhook.disabled"].title not in (await browser.get(f"{base}/accounts/{proctor.account_id}")).text


async def test_the_page_without_a_database(browser: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """It offers another try, and answers 503."""
    path = f"{await home_of(browser)}/findings"

    async def away(*_: object, **__: object) -> None:
        raise Unavailable

    monkeypatch.setattr(findings, "read", away)
    answer = await browser.get(path)
    assert answer.status_code == 503
    assert "The problems could not be read" in answer.text
    assert "Try again" in answer.text


async def test_requests_that_arrive_together_make_one_diagnosis(
    browser: Visitor, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is read once for all of them, again when it is too old, and again after a change."""
    made = []

    async def count(_: object, project_id: str) -> list[object]:
        made.append(project_id)
        return []

    monkeypatch.setattr("greenroom.doctor.recent.diagnose", count)
    recent, ctx = house.app.state.findings, house.app.state.ctx
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(recent.get(ctx, "prj_other", max_age_s=60))
    assert made == ["prj_other"]
    await recent.get(ctx, "prj_other", max_age_s=0)
    recent.drop("prj_other")
    await recent.get(ctx, "prj_other", max_age_s=60)
    assert made == ["prj_other"] * 3
