"""Home: the way to the first order, then figures, the project's findings and charts."""

from __future__ import annotations

import asyncio

from greenroom.doctor.catalogue import causes
from greenroom.services import projects
from tests.house import House, Linked, webhook
from tests.web.visitors import Visitor

FAILING = causes()["webhook.server_error"].title


async def test_a_new_project_is_led_to_its_first_order(house: House) -> None:
    """Four steps, the first of which is the next one; no chart, and no list of problems."""
    await projects.create_key(house.app.state.ctx, name="tests", project="fresh")
    page = await (await Visitor.sign_in(house)).get("/")

    assert "0 of 4 steps to your first order done" in page.text
    for folder in ("integrations", "webhooks/new", "accounts", "setup"):
        assert f'href="{page.url.path}/{folder}"' in page.text
    assert page.text.count('class="is-now"') == 1
    assert "chart-orders" not in page.text
    assert 'id="problems"' not in page.text


async def test_a_project_with_orders_has_figures_and_charts(house: House, proctor: Linked) -> None:
    """The charts have the same numbers as tables; what somebody must act on stands above them."""
    visitor = await Visitor.sign_in(house)
    await proctor.send_test()
    held = await visitor.get("/")
    assert causes()["webhook.none"].title in held.text
    assert "Setup: 3 of 4 done" in held.text

    made = await webhook(proctor)
    await house.vendor.receive(1)
    await visitor.get(f"{held.url.path}/findings")  # diagnoses now
    quiet = await visitor.get("/")
    assert "All quiet." in quiet.text
    assert 'id="chart-orders"' in quiet.text
    assert "1 ordered, 0 result recorded, 0 read by the ats" in quiet.text
    assert '<span class="stat-value">1</span><span class="stat-note tone-mute">0 yesterday' in quiet.text

    await proctor.api("PATCH", f"/v1/webhooks/{made['id']}", json={"enabled": False})
    await visitor.get(f"{held.url.path}/findings")
    disabled = await visitor.get("/")
    assert causes()["webhook.disabled"].title in disabled.text
    assert "Webhook orders." in disabled.text


async def test_a_failing_webhook_is_a_problem_until_it_answers_well(house: House, proctor: Linked) -> None:
    """Home is quiet before the failure and after the recovery, with every webhook on."""
    made = await webhook(proctor)
    browser = await Visitor.sign_in(house)
    assert FAILING not in (await browser.get("/")).text

    house.vendor.will_answer(500, (200, {}, b""))
    order = await proctor.send_test()
    page = await until(browser, shown=True)
    assert f'/webhooks/{made["id"]}"' in page

    project = str((await browser.get("/")).url.path)
    async with asyncio.timeout(20):  # an attempt in flight cannot be repeated
        while (await browser.submit(f"{project}/orders/{order}/resend", on=project)).status_code != 303:
            await asyncio.sleep(0.05)
    await until(browser, shown=False)


async def until(browser: Visitor, *, shown: bool) -> str:
    """Waits until Home shows, or no longer shows, a failing webhook; returns the page."""
    async with asyncio.timeout(20):
        while (FAILING in (page := (await browser.get("/")).text)) != shown:
            await asyncio.sleep(0.05)
    return page
