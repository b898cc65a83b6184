"""The pages of the traffic log, faults, the clock, and consent."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import KEY, STATUS, Greenhouse
from tests.sandbox.web.conftest import text_of


async def test_the_log_in_a_browser(connected: Greenhouse) -> None:
    """Exchanges are listed newest first, filtered, and shown with broken rules."""
    await connected.sent()
    connected.partner.replies["test_status"] = {**STATUS, "partner_score": "<82>"}
    await connected.complete(900001)
    log = text_of(await connected.client.get("/traffic"))
    assert log.index("response_error") < log.index("test_status") < log.index("send_test")
    fitting = text_of(await connected.client.get("/traffic?call=test_status&verdict=malformed"))
    assert "2 test_status" in fitting
    assert "1 send_test" not in fitting
    assert "Nothing fits" in text_of(await connected.client.get("/traffic?verdict=refused"))
    page = await connected.client.get("/traffic/2")
    text = text_of(page)
    assert "partner_score must be a number, not a string" in text
    assert "test_status.partner_score : partner_score, when there is one, is a finite number." in text
    assert '"partner_score": "<82>"' in text
    assert '-u "$API_KEY:"' in text
    assert KEY not in page.text
    assert (await connected.client.get("/traffic/99")).status_code == 404
    assert (await connected.client.get("/traffic?call=nonsense")).status_code == 422
    emptied = await connected.client.post("/traffic/clear")
    assert "The log is empty." in text_of(await connected.client.get(emptied.headers["location"]))


async def test_a_call_is_repeated_with_a_button(connected: Greenhouse) -> None:
    """The new exchange is shown; an exchange that cannot be repeated has no button."""
    await connected.complete(await connected.sent())
    again = await connected.client.post("/traffic/1/replay")
    assert (again.status_code, again.headers["location"]) == (303, "/traffic/4?said=replayed")
    text = text_of(await connected.client.get(again.headers["location"]))
    assert "Made again after exchange 1" in text
    assert "another partner_interview_id" in text
    assert len(connected.partner.get_requests("send_test")) == 2
    completion = await connected.client.get("/traffic/3")
    assert "Not possible: only the simulator's own calls" in text_of(completion)
    assert (await connected.client.post("/traffic/3/replay")).status_code == 409


async def test_faults_in_a_browser(connected: Greenhouse) -> None:
    """A fault is injected with the form, shown with its hits, and removed."""
    form = {"kind": "timeout", "target": "list_tests", "count": "1", "skip": "", "seconds": "0", "probability": ""}
    added = await connected.client.post("/faults", data=form)
    assert "Timeout list_tests 1 call 0 of 0" in text_of(await connected.client.get(added.headers["location"]))
    await connected.call("POST", "/applications/26234702/send-test/open", {})
    assert "Timeout list_tests Over 1 of 1" in text_of(await connected.client.get("/faults"))
    await connected.client.post("/faults", data={"kind": "status", "count": "", "skip": "2", "status": "429"})
    assert "Status 429 completion every call, after 2 more" in text_of(await connected.client.get("/faults"))
    await connected.client.post("/faults/1/remove")
    assert len((await connected.call("GET", "/faults"))["data"]) == 1
    await connected.client.post("/faults/clear")
    assert "Nothing goes wrong on purpose." in text_of(await connected.client.get("/faults"))


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "x"), ("kind", ""), ("count", "0"), ("count", "many"), ("probability", "2"), ("status", "200"),
     ("seconds", "-1"), ("take_home_id", "x"), ("target", "send_test"), ("skip", "-1")],
)  # fmt: skip
async def test_an_invalid_fault_keeps_the_form(greenhouse: Greenhouse, field: str, value: str) -> None:
    """The field is named, and the rest of the form is kept."""
    form = {"kind": "status", "count": "7", "retry_after": "31", field: value}
    page = await greenhouse.client.post("/faults", data=form)
    assert page.status_code == 422
    assert f'id="{field}-wrong"' in page.text
    assert 'value="31"' in page.text
    assert (await greenhouse.call("GET", "/faults"))["data"] == []


async def test_the_clock_in_a_browser(greenhouse: Greenhouse) -> None:
    """The clock is moved, set and started; polling is switched."""
    await greenhouse.connect(polling=True)
    await greenhouse.sent()
    assert "2026-11-24 11:00:00 UTC Hourly poll 900001" in text_of(await greenhouse.client.get("/clock"))
    moved = await greenhouse.client.post("/clock/advance", data={"amount": "2", "unit": "hours"})
    text = text_of(await greenhouse.client.get(moved.headers["location"]))
    assert "2026-11-24 12:00:00 UTC" in text
    assert "Standing still" in text
    assert len(greenhouse.partner.get_requests("test_status")) == 2
    await greenhouse.client.post(f"/clock/polling/{greenhouse.partner_id}", data={"polling": "off"})
    assert "Nothing is to come." in text_of(await greenhouse.client.get("/clock"))
    await greenhouse.client.post("/clock", data={"now": "2026-12-01T08:30"})
    assert (await greenhouse.call("GET", "/clock"))["now"] == "2026-12-01T08:30:00+00:00"
    await greenhouse.client.post("/clock", data={"running": "yes"})
    assert (await greenhouse.call("GET", "/clock"))["running"] is True


@pytest.mark.parametrize(
    ("path", "form", "field"),
    [
        ("/clock/advance", {"unit": "hours"}, "amount"),
        ("/clock/advance", {"amount": "-1", "unit": "hours"}, "amount"),
        ("/clock/advance", {"amount": "521", "unit": "weeks"}, "amount"),
        ("/clock/advance", {"amount": "999999999999999", "unit": "weeks"}, "amount"),
        ("/clock/advance", {"amount": "1", "unit": "years"}, "unit"),
        ("/clock", {"now": "soon"}, "now"),
        ("/clock", {}, "now"),
        ("/clock", {"now": "1999-01-01T00:00"}, "now"),
        ("/clock", {"now": "0001-01-01T00:00+14:00"}, "now"),
    ],
)
async def test_invalid_times_are_refused(greenhouse: Greenhouse, path: str, form: dict[str, str], field: str) -> None:
    """The field is named, and the clock does not change."""
    before = await greenhouse.call("GET", "/clock")
    page = await greenhouse.client.post(path, data=form)
    assert page.status_code == 422
    assert f'id="{field}-wrong"' in page.text
    assert await greenhouse.call("GET", "/clock") == before
