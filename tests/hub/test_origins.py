"""The list of allowed origins, and the look, as `/v1/hub` sets them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.hub.refused_origins import MOST_NOTES
from greenroom.model.hub import (
    DEFAULT_ACCENT,
    LEAST_CONTRAST,
    ON_ACCENT,
    HubSettings,
    check_accent,
    check_origin,
    find_readable,
    get_contrast,
    is_origin_allowed,
)
from greenroom.services import hub_settings
from greenroom.store.hub_settings import MOST_REFUSED
from tests.house import Linked
from tests.hub.customers import ORIGIN, OWNER, Customer, allow

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://App.Vendor.example", "https://app.vendor.example"),
        ("https://app.vendor.example:443", "https://app.vendor.example"),
        ("https://app.vendor.example:8443", "https://app.vendor.example:8443"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_exact_origin_is_stored_as_browsers_write_it(text: str, origin: str) -> None:
    """Lower case, without the usual port."""
    assert check_origin(text) == origin
    assert check_origin(origin) == origin


@pytest.mark.parametrize(
    "text",
    [
        "", "*", "null", "app.vendor.example", "https://", "https://*.vendor.example", "https://app.vendor.example/",
        "https://app.vendor.example/path", "https://app.vendor.example?", "https://app.vendor.example#",
        "https://user@app.vendor.example", "http://app.vendor.example", "ftp://app.vendor.example",
        "https://app.vendor.example:0", "https://app.vendor.example:99999", "https://app.vendor.example:",
        "https://a b", "https://a;script-src", "https://a'b", "https://a,b", "javascript:alert(1)", "https://-a",
        "https://app..example", "https://[::1", "https://ä.example",
    ],
)  # fmt: skip
def test_anything_else_is_no_origin(text: str) -> None:
    """Nothing that could end a source of a policy header gets in."""
    with pytest.raises(ValueError, match="expected"):
        check_origin(text)


@given(st.text(max_size=60))
def test_no_text_slips_through(text: str) -> None:
    """Every accepted origin is safe in a header."""
    try:
        origin = check_origin("https://" + text)
    except ValueError:
        return
    assert not set(origin) & set(" ;,'\"\\*?#@\t\r\n")
    assert check_origin(origin) == origin


def test_localhost_is_allowed_for_test_sessions() -> None:
    """On every port, and for them alone; a production session needs an entry."""
    none, some = HubSettings(), HubSettings(allowed_origins=("http://localhost:5173", ORIGIN))
    assert is_origin_allowed(none, "http://localhost:5173", session_type="test")
    assert not is_origin_allowed(none, "http://localhost:5173", session_type="production")
    assert is_origin_allowed(some, "http://localhost:5173", session_type="production")
    assert is_origin_allowed(some, ORIGIN, session_type="test")
    for origin in ("null", "http://localhost.evil.example", f"{ORIGIN}.evil.example", "https://evil.example"):
        assert not is_origin_allowed(some, origin, session_type="test")


@given(COLOURS)
def test_a_suggested_colour_can_be_read_and_is_the_nearest(colour: str) -> None:
    """It passes, a passing colour is its own suggestion, and no channel is raised."""
    found = find_readable(colour)
    assert get_contrast(found, ON_ACCENT) >= LEAST_CONTRAST
    assert check_accent(found) == found
    if get_contrast(colour, ON_ACCENT) >= LEAST_CONTRAST:
        assert check_accent(colour.upper()) == found == colour
        return
    with pytest.raises(ValueError, match=found):
        check_accent(colour)
    channels = [(int(colour[at : at + 2], 16), int(found[at : at + 2], 16)) for at in (1, 3, 5)]
    assert all(new <= old for old, new in channels)
    # a shade that is 1.5 % lighter fails: the suggestion is as near as the hue allows
    lighter = "#" + "".join(f"{min(old, round(new * 1.015) + 1):02x}" for old, new in channels)
    assert get_contrast(lighter, ON_ACCENT) < LEAST_CONTRAST or lighter == colour


def test_contrast_is_that_of_wcag() -> None:
    """Known values, and the default passes."""
    assert get_contrast("#ffffff", "#000000") == pytest.approx(21)
    assert get_contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    assert check_accent(DEFAULT_ACCENT) == DEFAULT_ACCENT


async def test_put_replaces_the_hub(proctor: Linked) -> None:
    """Fields left out are cleared; another project has its own."""
    assert (await proctor.api("GET", "/v1/hub")).json() == {
        "allowed_origins": [],
        "branding": {"accent": None, "logo_url": None, "product_name": None},
    }
    body = {
        "allowed_origins": ["https://App.vendor.example:443", ORIGIN],
        "branding": {"accent": "#0B5FFF", "logo_url": "https://cdn.vendor.example/l.svg", "product_name": "Proctor"},
    }
    answer = await proctor.api("PUT", "/v1/hub", json=body)
    assert answer.json() == {
        "allowed_origins": [ORIGIN],
        "branding": {"accent": "#0b5fff", "logo_url": "https://cdn.vendor.example/l.svg", "product_name": "Proctor"},
    }
    assert (await proctor.api("GET", "/v1/hub")).json() == answer.json()
    mallory = await proctor.house.link("mallory", tenant="mallory")
    assert (await mallory.api("GET", "/v1/hub")).json()["allowed_origins"] == []
    assert (await proctor.api("PUT", "/v1/hub", json={})).json()["branding"]["accent"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"allowed_origins": ["https://*.vendor.example"]}, "allowed_origins.0"),
        ({"allowed_origins": [f"https://a{n}.example" for n in range(51)]}, "allowed_origins"),
        ({"branding": {"accent": "#ffd400"}}, "branding.accent"),
        ({"branding": {"accent": "red"}}, "branding.accent"),
        ({"branding": {"logo_url": "http://cdn.vendor.example/l.svg"}}, "branding.logo_url"),
        ({"branding": {"logo_url": "data:image/svg+xml,x"}}, "branding.logo_url"),
        ({"branding": {"logo_url": "https://cdn.vendor.example/l.svg; script-src *"}}, "branding.logo_url"),
        ({"branding": {"product_name": "x" * 61}}, "branding.product_name"),
        ({"branding": {"product_name": ""}}, "branding.product_name"),
        ({"branding": {"colour": "#000000"}}, "branding.colour"),
    ],
)
async def test_a_bad_value_is_named(proctor: Linked, body: dict[str, Any], field: str) -> None:
    """422, and nothing is stored."""
    answer = await proctor.api("PUT", "/v1/hub", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0].startswith(f"{field}:"), answer.text
    if body.get("branding", {}).get("accent") == "#ffd400":
        assert find_readable("#ffd400") in answer.json()["message"]


async def test_a_page_of_another_origin_is_told_how_to_allow_it(proctor: Linked, customer: Customer) -> None:
    """It can read that answer and gets no data; once it is listed, it works."""
    customer.origin = "https://staging.vendor.example"
    for method, path, body in (("GET", "/connectors", None), ("POST", "/accounts", {"integration_id": "x"})):
        answer = await customer.call(method, path, body)
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "OriginNotAllowed")
        assert customer.origin in answer.json()["message"]
        assert "allowed_origins" in answer.json()["message"]
        assert answer.headers["access-control-allow-origin"] == customer.origin
        assert "integrations" not in answer.json()
    await allow(proctor, customer.origin)
    await customer.get("/connectors")
    customer.origin = ORIGIN
    assert (await customer.call("GET", "/connectors")).status_code == 400


async def test_our_own_pages_and_localhost_of_test_sessions_need_no_entry(proctor: Linked) -> None:
    """The error of a production session names the type; a request without an origin is no other site's page."""
    live, test = await Customer.open(proctor), await Customer.open(proctor, type="test")
    for customer in (live, test):
        customer.origin = proctor.house.settings.public_url
        await customer.get("/settings")
        customer.origin = None
        await customer.get("/settings")
        customer.origin = "http://localhost:5173"
    await test.get("/settings")
    answer = await live.call("GET", "/settings")
    assert (answer.status_code, "type test" in answer.json()["message"]) == (400, True)
    live.origin = "null"
    assert (await live.call("GET", "/settings")).status_code == 400


async def test_the_dashboard_names_the_origins_that_were_turned_away(proctor: Linked, customer: Customer) -> None:
    """Frames and calls of pages that are not allowed, once each and no longer once they are; nothing that is no origin."""
    ctx, project_id = proctor.house.app.state.ctx, await project_of(proctor)

    async def refused() -> list[str]:
        return sorted(one.origin for one in await hub_settings.list_refused_origins(ctx, project_id))

    framed = f"/hub/embed/{project_id}"
    for origin in ("https://beta.vendor.example", "https://BETA.vendor.example", "https://<b>", "null", ORIGIN):
        await proctor.house.client.get(framed, params={"origin": origin})
    customer.origin = "https://staging.vendor.example"
    await customer.call("GET", "/connectors")
    assert await refused() == ["https://beta.vendor.example", "https://staging.vendor.example"]
    await allow(proctor, ORIGIN, "https://beta.vendor.example")
    assert await refused() == ["https://staging.vendor.example"]


async def test_made_up_origins_are_bounded(proctor: Linked) -> None:
    """A process notes so many a minute, and a project keeps the latest of them; every page is answered."""
    ctx, project_id = proctor.house.app.state.ctx, await project_of(proctor)
    for number in range(MOST_NOTES + 5):
        answer = await proctor.house.client.get(
            f"/hub/embed/{project_id}", params={"origin": f"https://a{number:03}.example"}
        )
        assert answer.status_code == 403
    found = [one.origin for one in await hub_settings.list_refused_origins(ctx, project_id)]
    assert len(found) == MOST_REFUSED
    assert f"https://a{MOST_NOTES:03}.example" not in found


async def project_of(linked: Linked) -> str:
    """Returns the id of the project, as a session names it."""
    return str((await linked.api("POST", "/connect_sessions", json=OWNER)).json()["project_id"])
