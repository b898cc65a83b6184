"""An order's page: where it stands, what happened, sending a result, resending."""

from __future__ import annotations

import asyncio
import html
import re
from pathlib import Path

import pytest

from tests.house import ADA, RESULT, House, Linked, open_house, webhook
from tests.web.visitors import Visitor


@pytest.fixture
async def visitor(house: House, proctor: Linked) -> Visitor:
    """The owner of the project."""
    return await Visitor.sign_in(house)


async def base(visitor: Visitor, order: str) -> str:
    """Returns the address of an order's page."""
    return (await visitor.get(f"/orders/{order}")).url.path


async def test_a_fresh_order_says_whose_turn_it_is(visitor: Visitor, proctor: Linked, house: House) -> None:
    """Escaped, whatever a candidate is called; both sides have a tab."""
    await webhook(proctor)
    order = await proctor.send_test(candidate={**ADA, "first_name": "<script>alert(1)</script>"})
    await house.vendor.receive(1)
    async with asyncio.timeout(20):
        while (await proctor.api("GET", f"/v1/deliveries?order_id={order}")).json()["data"][0]["state"] != "delivered":
            await asyncio.sleep(0.02)
    page = await visitor.get(f"{await base(visitor, order)}?side=vendor")

    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "The vendor has the order, and its result is awaited." in page.text
    assert "Send result" in page.text
    assert "Webhook" in page.text


async def test_a_held_order_names_the_next_step(visitor: Visitor, proctor: Linked) -> None:
    """Without a webhook, the person is the one who acts."""
    order = await proctor.send_test()
    page = await visitor.get(f"/orders/{order}")

    assert "The order is held: no enabled webhook takes its event." in page.text
    assert "Next step" in page.text


async def test_a_result_is_sent_from_the_form(visitor: Visitor, proctor: Linked, house: House) -> None:
    """A refused form keeps its values; a preview sends nothing; then it is final and read-only."""
    order = await proctor.send_test()
    path = await base(visitor, order)
    values = {"score.value": "88", "start_date": "2026-11-28T13:47", "submission_date": "2026-11-28T13:21",
              "result.value": "passed", "summary": "Correct on all joins.", "result_url": ""}  # fmt: skip
    refused = await visitor.submit(f"{path}/result", values, on=f"{path}/result")
    assert refused.status_code == 422
    assert "26 min before the start" in refused.text
    assert "recruiter sees nothing without it" in refused.text
    assert "Correct on all joins." in refused.text

    values |= {"submission_date": "2026-11-28T14:21", "result_url": "https://results.proctor-tests.com/r/9"}
    seen = await visitor.submit(f"{path}/result/preview", values, on=f"{path}/result")
    assert seen.status_code == 200
    assert "View Report" in seen.text
    assert "Look again at" not in seen.text
    assert (await proctor.order(order))["result"] is None
    doubtful = await visitor.submit(f"{path}/result/preview", {**values, "score.value": "0.88"}, on=f"{path}/result")
    assert "looks like a fraction. Send 88" in doubtful.text

    sent = await visitor.submit(f"{path}/result", values, on=f"{path}/result")
    assert sent.status_code == 303
    await house.greenhouse.receive(1)
    assert (await proctor.order(order))["outcome"] == "passed"
    closed = await visitor.get(f"{path}/result")
    assert "Read-only." in closed.text
    assert "disabled" in closed.text
    again = await visitor.submit(f"{path}/result", {**values, "score.value": "12"})
    assert again.status_code == 409


async def test_a_refused_push_is_pushed_again(visitor: Visitor, proctor: Linked, house: House) -> None:
    """The page has cause, proof and next step; after the push the result is read."""
    house.greenhouse.will_answer(401, 200)
    order = await proctor.send_test()
    await proctor.give_result(order)
    await proctor.becomes(order, delivery="refused")
    path = await base(visitor, order)
    page = await visitor.get(path)
    assert "refused the result, so the recruiter at" in page.text
    assert "401" in page.text

    assert (await visitor.submit(f"{path}/push", on=path)).status_code == 303
    await house.greenhouse.receive(2)
    await proctor.status(order)
    await proctor.becomes(order, delivery="acknowledged")
    assert "has read the result" in (await visitor.get(path)).text


async def test_a_candidate_who_left_is_no_fault(visitor: Visitor, proctor: Linked, house: House) -> None:
    """Nobody waits for a result whose candidate was hired, rejected or deleted meanwhile."""
    house.greenhouse.will_answer(404)
    order = await proctor.send_test()
    await proctor.give_result(order)
    await proctor.becomes(order, delivery="refused")
    page = await visitor.get(await base(visitor, order))
    assert "has no place for the result any more" in page.text
    assert "still waits" not in page.text


async def test_content_is_erased_after_the_id_was_entered(visitor: Visitor, proctor: Linked) -> None:
    """A wrong id is refused; afterwards nothing of the candidate is left on the page."""
    order = await proctor.send_test()
    path = await base(visitor, order)
    assert (await visitor.submit(f"{path}/erase", {"id": "ord_x"}, on=f"{path}/erase")).status_code == 422
    assert (await visitor.submit(f"{path}/erase", {"id": order}, on=f"{path}/erase")).status_code == 303
    page = await visitor.get(path)
    assert "was erased on" in page.text
    assert ADA["email"] not in page.text


def text_of(page: str) -> str:
    """Returns the text of a page without its tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", page))


@pytest.mark.parametrize("store", ["full", "minimal"])
async def test_both_sides_of_every_request_are_shown(tmp_path: Path, store: str) -> None:
    """The answer to the ATS, and the vendor's results as they came in; the minimum keeps no body of the vendor's."""
    async with open_house(tmp_path, log_bodies="errors") as house:
        proctor = await house.link("proctor", package_id="pkg_core_sql", store=store)
        visitor = await Visitor.sign_in(house)
        order = await proctor.send_test()
        await proctor.give_result(order, {"result": {"value": "in_progress"}, "passthrough": {"step": "canary-1"}})
        await proctor.give_result(order, {**RESULT, "summary": {"no": "canary-2"}})
        secret = {"api_key": "swordfish", "step": "canary-3"}
        body = {**RESULT, "score": {"value": "82.50"}, "passthrough": secret}
        assert (await proctor.give_result(order, body)).status_code == 200
        await house.app.state.request_log.flush()
        path = await base(visitor, order)
        page = text_of((await visitor.get(path)).text)
        vendor = text_of((await visitor.get(f"{path}?side=vendor")).text)
        await visitor.submit(f"{path}/erase", {"id": order}, on=f"{path}/erase")
        erased = (await visitor.get(path)).text

    assert f'"partner_interview_id": "{order}"' in page
    assert "Answer to Greenhouse" in page
    assert "swordfish" not in erased
    assert "canary" not in erased
    kept = store == "full"
    assert ("Request from the vendor" in page) == ("canary-1" in vendor) == ('"api_key": "(hidden)"' in vendor) == kept
    assert ("Request refused" in vendor) == ("canary-2" in vendor) == kept
    if kept:
        assert vendor.index("canary-1") < vendor.index("canary-2") < vendor.index("canary-3")
        assert "422" in vendor


async def test_a_missing_hiring_team_is_explained(visitor: Visitor, proctor: Linked) -> None:
    """The order's page says why, with the code and the next step."""
    order = await proctor.send_test()
    page = await visitor.get(f"/orders/{order}")

    assert "The authentication type of the integration is Partner API, which has no hiring team." in page.text
    assert "hiring_team.partner_only" in page.text
    assert "Choose Public + Partner in the Greenhouse integration" in page.text
