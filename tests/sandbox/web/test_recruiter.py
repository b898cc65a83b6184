"""A recruiter's pages: jobs, interview plans and candidates."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import Greenhouse
from tests.sandbox.web.conftest import text_of

ZOE = "/people/17681502?application_id=26234702"


async def test_a_job_is_created_found_and_set_up(greenhouse: Greenhouse) -> None:
    """Only the name is required."""
    client = greenhouse.client
    assert "is required" in text_of(await client.post("/jobs/new", data={"office": "Riga"}), status=422)
    made = await client.post("/jobs/new", data={"name": "Nurse <b>", "office": "Riga"})

    page = await client.get(made.headers["location"])
    assert "<h1>Nurse &lt;b&gt;: Overview</h1>" in page.text
    assert "Riga" in text_of(page)
    assert "1 Job " in text_of(await client.get("/jobs?search=nurse"))
    assert "No job matches" in text_of(await client.get("/jobs?search=pilot"))


async def test_a_colleague_joins_the_team(greenhouse: Greenhouse) -> None:
    """A new colleague can be chosen as a grader."""
    person = {"first_name": "Olu", "email": "olu@hemlock.example", "role": "grader"}
    refused = await greenhouse.client.post("/jobs/4001/team", data={**person, "role": "owner"})
    assert "must be one of" in text_of(refused, status=422)
    await greenhouse.client.post("/jobs/4001/team", data=person)

    assert "Olu Grader olu@hemlock.example" in text_of(await greenhouse.client.get("/jobs/4001/team"))


async def test_the_stage_of_a_partner_appears_with_the_key(greenhouse: Greenhouse) -> None:
    """Without a key the page explains why the partner is missing."""
    assert "No partner is here" in text_of(await greenhouse.client.get("/jobs/4002/plan/add"))
    await greenhouse.connect()
    assert "Codely" in text_of(await greenhouse.client.get("/jobs/4002/plan/add"))
    assert "must be one of the list" in text_of(await greenhouse.client.post("/jobs/4002/plan/add"), status=422)

    added = await greenhouse.client.post("/jobs/4002/plan/add", data={"stage": "partner:1"})

    page = text_of(await greenhouse.client.get(added.headers["location"]))
    assert "The stage is in the plan." in page
    assert page.index("4. Codely") < page.index("5. Offer")


async def test_a_stage_is_copied_from_another_job(populated: Greenhouse) -> None:
    """The copy has test and graders; another customer's stages are not offered."""
    client = populated.client
    assert "SQL" in text_of(await client.get("/stages/5013/edit"))
    form = {"name": "Codely", "default_test_id": "sql", "grader_ids": ["903"], "send_on_entry": "on"}
    await client.post("/stages/5013/edit", data=form)

    await client.post("/jobs/4002/plan/add", data={"copy_of": "5013"})

    page = text_of(await client.get("/jobs/4002/plan"))
    assert "Default test SQL Graders Greta Grader Stage transition Sends the default test" in page
    assert "another customer" in text_of(await client.post("/jobs/4003/plan/add", data={"copy_of": "5013"}), status=422)


async def test_a_stage_moves_and_goes(greenhouse: Greenhouse) -> None:
    """A stage with candidates cannot be removed, and the page says so."""
    client = greenhouse.client
    moved = await client.post("/stages/5003/move", data={"direction": "up"})
    assert moved.headers["location"].endswith("#stage-5003")
    await client.post("/stages/5001/move", data={"direction": "up"})
    await client.post("/stages/5002/delete")
    order = [stage["name"] for stage in (await greenhouse.call("GET", "/jobs/4001"))["stages"]]

    assert order == ["Application Review", "Face to Face", "Offer"]
    assert "move them first" in text_of(await client.post("/stages/5001/delete"), status=409)
    assert (await client.post("/stages/5003/move", data={"direction": "sideways"})).status_code == 422


async def test_a_partners_stage_is_edited_with_its_live_tests(populated: Greenhouse) -> None:
    """A grader is required; a failing list_tests shows the error and the reason."""
    form = {"name": "Codely", "default_test_id": "sql"}
    assert "must have at least one" in text_of(await populated.client.post("/stages/5013/edit", data=form), status=422)
    await populated.client.post("/stages/5013/edit", data={**form, "grader_ids": ["902", "903"]})
    assert "Graders Hugo Hiring, Greta Grader" in text_of(await populated.client.get("/jobs/4001/plan"))

    page = text_of(await populated.client.get("/stages/5014/edit"))

    assert "Sorry, we encountered an error. Please try again." in page
    assert "Why?" in page


async def test_a_candidate_is_added_found_and_corrected(greenhouse: Greenhouse) -> None:
    """A candidate can be added to any stage of the customer's jobs."""
    client = greenhouse.client
    person = {"place": "4002:5006", "last_name": "Ito", "email": "jun@example.test"}
    refused = await client.post("/people/new", data=person)
    assert "is required" in text_of(refused, status=422)
    assert 'value="jun@example.test"' in refused.text
    added = await client.post("/people/new", data={**person, "first_name": "Jun"})

    page = text_of(await client.get(added.headers["location"]))
    assert "2. Phone Interview · Current stage since Nov 24, 2026 · less than a day" in page
    assert "Jun Ito jun@example.test Support Specialist Phone Interview Active" in text_of(
        await client.get("/people?search=JUN@")
    )
    await client.post("/people/17681502/edit", data={"first_name": "Zoe", "email": "zoe@example.test"})
    assert (await greenhouse.call("GET", "/candidates/17681502"))["email"] == "zoe@example.test"
    assert "is required" in text_of(await client.post("/people/17681502/edit", data={}), status=422)


async def test_a_candidate_moves_and_the_rule_of_the_stage_sends(populated: Greenhouse) -> None:
    """There is a button for each stage except the present one."""
    form = {"name": "Codely", "default_test_id": "sql", "grader_ids": "903", "send_on_entry": "on"}
    await populated.client.post("/stages/5013/edit", data=form)
    page = await populated.client.get("/applications/26234704/move")
    assert "<h1>Move Priya to another stage</h1>" in page.text
    assert 'value="5014" disabled' in page.text

    moved = await populated.client.post("/applications/26234704/move", data={"stage_id": "5013"})

    assert "Awaiting candidate's submission." in text_of(await populated.client.get(moved.headers["location"]))


@pytest.mark.parametrize(("do", "undo", "badge"), [("hire", "unhire", "Hired"), ("reject", "unreject", "Rejected")])
async def test_hired_or_rejected_and_back(populated: Greenhouse, do: str, undo: str, badge: str) -> None:
    """Meanwhile no test can be sent, and only the way back is offered."""
    await populated.client.post(f"/applications/26234702/{do}")
    page = text_of(await populated.client.get(ZOE))
    assert badge in page
    assert "Move stage" not in page
    assert "Send test to candidate" not in page
    assert (await populated.client.post(f"/applications/26234702/{do}")).status_code == 409

    await populated.client.post(f"/applications/26234702/{undo}")

    assert "Move stage" in text_of(await populated.client.get(ZOE))


async def test_a_candidate_is_anonymized_merged_deleted(populated: Greenhouse) -> None:
    """Each action asks for confirmation, and the next page confirms the outcome."""
    client = populated.client
    assert "removed for good" in text_of(await client.get("/people/17681501/anonymize"))
    await client.post("/people/17681501/anonymize")
    assert "Anonymized 17681501" in text_of(await client.get("/people/17681501"))

    assert "is required" in text_of(await client.post("/people/17681502/merge"), status=422)
    assert "another candidate" in text_of(
        await client.post("/people/17681502/merge", data={"into": "17681502"}), status=422
    )
    await client.post("/people/17681502/merge", data={"into": "17681505"})
    assert "part of another one now" in text_of(await client.get("/people/17681502"))
    assert "Codely (score: 82.5)" in text_of(await client.get("/people/17681505?application_id=26234702"))

    await client.post("/applications/26234705/delete")
    await client.post("/people/17681503/delete")
    assert "This candidate is deleted." in text_of(await client.get("/people/17681503"))
    assert "Mateo" not in text_of(await client.get("/people"))


@pytest.mark.parametrize(
    "path",
    ["/jobs/1", "/jobs/x", "/jobs/²", "/people/1", "/people/17681502?application_id=26234701", "/stages/1/edit",
     "/applications/9/move", "/take-homes/1/kit", "/take-homes/1/kit/x", "/integrations/1", "/support/partners/1"],
)  # fmt: skip
async def test_a_missing_object_is_a_page_not_found(greenhouse: Greenhouse, path: str) -> None:
    """A missing object is answered with the page *Page not found*."""
    assert "<h1>Page not found</h1>" in (await greenhouse.client.get(path)).text
