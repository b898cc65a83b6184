"""The API calls that correspond to actions of the pages."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import STATUS, Greenhouse


async def test_the_pipeline_by_stage(connected: Greenhouse) -> None:
    """Only a partner's stage has the status of each test."""
    connected.partner.replies["test_status"] = STATUS
    await connected.call("POST", "/applications/26234701/move", {"stage_id": connected.stage_id})
    done = await connected.sent()
    await connected.complete(done)

    stages = (await connected.call("GET", "/jobs/4001/pipeline"))["data"]

    assert [len(stage["candidates"]) for stage in stages] == [2, 0, 0, 2, 0]
    assert {"status", "score", "error"}.isdisjoint(stages[0]["candidates"][0])
    found = {one["application_id"]: (one["status"], one["score"]) for one in stages[3]["candidates"]}
    assert found == {26234701: ("To Be Sent", None), 26234702: ("To Be Graded", 82.5)}
    assert (await connected.call("GET", f"/jobs/4001/pipeline?stage_id={connected.stage_id}"))["data"] == [stages[3]]
    await connected.call("GET", "/jobs/1/pipeline", status=404)


async def test_a_stage_is_copied_and_removed(connected: Greenhouse) -> None:
    """Another customer's stage is not copied; one with candidates or tests stays."""
    await connected.call("PATCH", f"/stages/{connected.stage_id}", {"grader_ids": [903], "default_test_id": "sql"})
    copy = await connected.call("POST", "/jobs/4002/stages", {"copy_of": connected.stage_id}, status=201)

    assert (copy["job_id"], copy["partner_id"], copy["grader_ids"], copy["default_test_id"]) == (4002, 1, [903], "sql")
    refused = await connected.call("POST", "/jobs/4003/stages", {"copy_of": connected.stage_id}, status=422)
    assert refused["error"]["field"] == "copy_of"
    assert (await connected.call("POST", "/jobs/4002/stages", {}, status=422))["error"]["field"] == "kind"
    await connected.call("DELETE", f"/stages/{connected.stage_id}", status=409)
    await connected.sent()
    await connected.call("POST", "/applications/26234702/move", {"stage_id": 5001})
    await connected.call("DELETE", f"/stages/{connected.stage_id}", status=409)
    await connected.call("DELETE", f"/stages/{copy['id']}")
    assert [stage["position"] for stage in (await connected.call("GET", "/jobs/4002"))["stages"]] == [0, 1, 2, 3]


async def test_the_bulk_dialog_and_the_graders(connected: Greenhouse) -> None:
    """The dialog has the partner's present tests; graders can change after a send."""
    one = await connected.call("POST", "/applications/26234702/send-test/open")
    many = await connected.call("POST", f"/stages/{connected.stage_id}/send-tests/open")
    del one["to"], one["exchange_id"], many["exchange_id"]
    assert one == many
    await connected.call("POST", "/stages/5001/send-tests/open", status=409)

    test = await connected.sent()
    assert (await connected.call("PATCH", f"/take-homes/{test}", {"grader_ids": [902]}))["grader_ids"] == [902]
    for wrong in ([], [904], [1]):
        refused = await connected.call("PATCH", f"/take-homes/{test}", {"grader_ids": wrong}, status=422)
        assert refused["error"]["field"] == "grader_ids"


async def test_the_kit_of_a_stage(connected: Greenhouse) -> None:
    """The kit is empty before a send; a shown result wins over a later test."""
    path = f"/applications/26234702/stages/{connected.stage_id}/kit"
    empty = await connected.call("GET", path)
    assert (empty["text"], empty["rows"], empty["sent_by"]) == ("No report yet", [], None)
    connected.partner.replies["test_status"] = STATUS
    first = await connected.sent()
    await connected.complete(first)
    await connected.sent()

    assert await connected.call("GET", path) == await connected.call("GET", f"/take-homes/{first}/kit")
    await connected.call("GET", "/applications/26234702/stages/5009/kit", status=422)


async def test_a_listing_in_full(connected: Greenhouse) -> None:
    """Only a published listing is found."""
    await connected.call("GET", "/directory/1", status=404)
    await connected.call(
        "PATCH", "/partners/1", {"overview": "Thirty tests.", "support_contact": "help@codely.example"}
    )
    await connected.call("POST", "/partners/1/publish")

    listing = await connected.call("GET", "/directory/1?organization_id=101")

    assert (listing["overview"], listing["support_contact"]) == ("Thirty tests.", "help@codely.example")
    assert listing["status"] == "Connected"


@pytest.mark.parametrize("query", ["", "?reveal=false", "?reveal="])
async def test_a_password_is_shown_when_it_is_asked_for(connected: Greenhouse, query: str) -> None:
    """Only ``?reveal=true`` shows the password."""
    assert "password" not in await connected.call("GET", f"/partners/1{query}")
    assert (await connected.call("GET", "/partners/1?reveal=true"))["password"] == connected.password
