"""The frame of every page: navigation, headers, errors, and the check of Origin."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import Greenhouse


async def test_the_address_leads_to_the_jobs(greenhouse: Greenhouse) -> None:
    """The first page is the list of jobs, and it says that this is not Greenhouse."""
    assert (await greenhouse.client.get("/")).headers["location"] == "/jobs"
    page = await greenhouse.client.get("/jobs")

    assert "Greenhouse simulator, not Greenhouse" in page.text
    assert '<a href="/jobs" aria-current="page">' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


async def test_a_browser_reads_a_refusal_as_a_page_a_program_as_json(greenhouse: Greenhouse) -> None:
    """The Accept header decides on the format, on every path."""
    for path in ("/nothing", "/static/nothing", "/api/jobs/1"):
        page = await greenhouse.client.get(path, headers={"accept": "text/html,*/*"})
        assert page.status_code == 404
        assert "<h1>Page not found</h1>" in page.text
    assert (await greenhouse.client.get("/nothing")).json()["error"]["message"] == "there is nothing at this path"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://["])
@pytest.mark.parametrize("path", ["/jobs/new", "/api/jobs", "/acting-as"])
async def test_forms_of_another_origin_are_refused(greenhouse: Greenhouse, path: str, origin: str) -> None:
    """Forms of another origin are refused; programs without an Origin are not."""
    before = await greenhouse.call("GET", "/jobs")
    refused = await greenhouse.client.post(path, content=b"name=Z", headers={"origin": origin})
    assert refused.status_code == 403
    assert await greenhouse.call("GET", "/jobs") == before

    for headers in ({"origin": greenhouse.url}, {}):
        assert (await greenhouse.client.post("/jobs/new", content=b"name=Z", headers=headers)).status_code == 303


async def test_another_user_can_be_chosen(greenhouse: Greenhouse) -> None:
    """Another customer's recruiter sees other jobs; an invalid cookie is ignored."""
    changed = await greenhouse.client.post("/acting-as", content=b"user_id=904")
    assert "SameSite=Strict" in changed.headers["set-cookie"]
    assert "Analyst" in (await greenhouse.client.get("/jobs")).text
    for cookie in ("1", "x", "Rina", "9" * 40):
        page = await greenhouse.client.get("/jobs", headers={"cookie": f"sandbox_user={cookie}"})
        assert page.status_code == 200
    assert (await greenhouse.client.post("/acting-as", content=b"user_id=x")).status_code == 422
    assert (await greenhouse.client.post("/acting-as", content=b"user_id=1")).status_code == 404
