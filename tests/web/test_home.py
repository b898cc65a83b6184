"""Home: what it calls a problem."""

from __future__ import annotations

import asyncio

from tests.house import House, Linked, webhook
from tests.web.visitors import Visitor


async def test_a_failing_webhook_is_a_problem_until_it_answers_well(house: House, proctor: Linked) -> None:
    """Home is quiet before the failure and after the recovery, with every webhook on."""
    made = await webhook(proctor)
    browser = await Visitor.sign_in(house)
    assert "is failing" not in (await browser.get("/")).text

    house.vendor.will_answer(500, (200, {}, b""))
    order = await proctor.send_test()
    page = await until(browser, shown=True)
    assert f"/webhooks/{made['id']}/health" in page
    assert "500 Internal Server Error" in page

    project = str((await browser.get("/")).url.path)
    async with asyncio.timeout(20):  # an attempt in flight cannot be repeated
        while (await browser.submit(f"{project}/orders/{order}/resend", on=project)).status_code != 303:
            await asyncio.sleep(0.05)
    await until(browser, shown=False)


async def until(browser: Visitor, *, shown: bool) -> str:
    """Waits until Home shows, or no longer shows, a failing webhook; returns the page."""
    async with asyncio.timeout(20):
        while ("is failing" in (page := (await browser.get("/")).text)) != shown:
            await asyncio.sleep(0.05)
    return page
