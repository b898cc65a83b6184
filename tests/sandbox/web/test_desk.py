"""The pages of the support desk, the directory and the settings."""

from __future__ import annotations

from typing import Any

import pytest

from greenroom_sandbox.model.wire import WireSettings
from greenroom_sandbox.web.settings import HELP
from tests.sandbox.conftest import Greenhouse
from tests.sandbox.web.conftest import text_of

APPLICATION: dict[str, Any] = {
    "name": "Proctor",
    "category": "assessments",
    "tagline": "Tests that candidates finish",
    **{
        f"{call}_url": f"https://gateway.example/{call}?tenant-id=proctor&v=1"
        for call in ("list_tests", "send_test", "test_status", "response_error")
    },
}
CUSTOMER = "/support/partners/1/customers/101"


async def test_an_application_gives_credentials(greenhouse: Greenhouse) -> None:
    """Credentials are shown on request, and new ones replace the old."""
    client = greenhouse.client
    approved = await client.post("/support/partners/new", data=APPLICATION)
    page = await client.get(approved.headers["location"])
    partner = await greenhouse.call("GET", "/partners/1?reveal=true")

    assert partner["username"] in page.text
    assert partner["password"] in page.text
    assert partner["send_test_url"] == APPLICATION["send_test_url"]
    assert partner["password"] not in (await client.get("/support/partners/1")).text
    assert "password" not in await greenhouse.call("GET", "/partners/1")
    await client.post("/support/partners/1/credentials")
    assert (await greenhouse.call("GET", "/partners/1?reveal=true"))["password"] != partner["password"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, "Name is required"),
        ({"list_tests_url": ""}, "list_tests is required"),
        ({"send_test_url": "http://gateway.example/"}, "send_test must start with https://"),
        ({"test_status_url": "https://u:p@gateway.example/"}, "must not carry a user name or password"),
        ({"category": "games"}, "Category must be one of"),
    ],
)
async def test_an_application_that_greenhouse_would_refuse(
    greenhouse: Greenhouse, changes: dict[str, str], says: str
) -> None:
    """The field is named and the input kept, also when an application is changed."""
    client = greenhouse.client
    page = await client.post("/support/partners/new", data={**APPLICATION, **changes})
    assert says in text_of(page, status=422)
    assert "Tests that candidates finish" in page.text
    await client.post("/support/partners/new", data=APPLICATION)
    assert says in text_of(await client.post("/support/partners/1/edit", data={**APPLICATION, **changes}), status=422)
    await client.post("/support/partners/1/edit", data={**APPLICATION, "name": "Proctor 2", "polling": "on"})

    partner = await greenhouse.call("GET", "/partners/1")
    assert (partner["name"], partner["polling"]) == ("Proctor 2", True)


async def test_a_customers_key(greenhouse: Greenhouse) -> None:
    """An invalid key is refused and not repeated; enabling needs a key."""
    client = greenhouse.client
    await client.post("/support/partners/new", data=APPLICATION)
    assert "is needed before" in text_of(await client.post(f"{CUSTOMER}/enable"), status=422)
    for wrong in ("k" * 171, "a:b", "", "a b", "é"):
        refused = await client.post(f"{CUSTOMER}/key", data={"key": wrong, "enabled": "on"})
        assert "API key must" in text_of(refused, status=422)
        assert len(wrong) < 2 or wrong not in refused.text

    await client.post(f"{CUSTOMER}/key", data={"key": " " + "k" * 166 + "9f3a ", "enabled": "on"})

    page = await client.get(CUSTOMER)
    assert "Stored, ends in 9f3a Integration Enabled" in text_of(page)
    assert "kkkk" not in page.text
    await client.post(f"{CUSTOMER}/disable")
    assert "Not enabled" in text_of(await client.get(CUSTOMER))
    await client.post(f"{CUSTOMER}/enable")
    assert (await greenhouse.call("GET", "/organizations/101/partners/1"))["enabled"]
    await client.post(f"{CUSTOMER}/forget")
    assert "Key None" in text_of(await client.get(CUSTOMER))
    assert (await client.post(f"{CUSTOMER}/forget")).status_code == 404


async def test_the_directory_has_what_is_published(greenhouse: Greenhouse) -> None:
    """Published listings are found by category and name, with their status."""
    client = greenhouse.client
    assert "The directory is empty." in text_of(await client.get("/integrations"))
    await client.post("/support/partners/new", data=APPLICATION)
    assert (await client.get("/integrations/1")).status_code == 404
    await client.post("/support/partners/1/publish")

    page = await client.get("/integrations/1")
    assert "Contact Greenhouse Support to enable" in text_of(page)
    assert f'href="{CUSTOMER}"' in page.text
    await client.post(f"{CUSTOMER}/key", data={"key": "gr_1", "enabled": "on"})
    assert "Proctor Connected" in text_of(await client.get("/integrations/1"))
    assert "Proctor" in text_of(await client.get("/integrations?category=assessments&search=FINISH"))
    assert "No integration matches" in text_of(await client.get("/integrations?category=background_checks"))
    await client.post("/support/partners/1/unpublish")
    assert (await client.get("/integrations/1")).status_code == 404


async def test_settings_are_kept_or_refused_as_a_whole(greenhouse: Greenhouse) -> None:
    """Saving the unchanged form changes nothing."""
    client, before = greenhouse.client, await greenhouse.call("GET", "/settings")
    form = {name: "on" if value is True else str(value) for name, value in before.items() if value not in (None, False)}
    await client.post("/settings", data=form)
    assert await greenhouse.call("GET", "/settings") == before
    for wrong in ({"deadline_seconds": "0"}, {"completion_status": "500"}, {"public_url": "ftp://x"}):
        refused = await client.post("/settings", data={**form, "accept_later_updates": "on", **wrong})
        assert 'aria-invalid="true"' in refused.text
        assert refused.status_code == 422
    assert await greenhouse.call("GET", "/settings") == before

    await client.post("/settings", data={**form, "completion_status": "204", "show_private_result_urls": "on"})

    after = await greenhouse.call("GET", "/settings")
    assert (after["completion_status"], after["show_private_result_urls"]) == (204, True)


async def test_reset_restores_the_seed(greenhouse: Greenhouse) -> None:
    """A reset also removes partners and resets the settings."""
    await greenhouse.client.post("/support/partners/new", data=APPLICATION)
    await greenhouse.client.post("/settings/reset")
    assert "No partner has applied yet." in text_of(await greenhouse.client.get("/support"))


def test_every_setting_has_a_help_text() -> None:
    """Exactly the existing settings have a help text."""
    assert set(HELP) == set(WireSettings.model_fields)
