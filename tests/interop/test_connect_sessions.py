"""`connectSessions`: the calls of a vendor's server before its customer links an ATS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.house import House, Linked
from tests.interop.sdk import Sdk, SdkError

HEMLOCK = {"originOwnerId": "hemlock", "originOwnerName": "Hemlock"}
#: the user agent of newer builds, which take a text as organization_id where this one takes a number
NEWER = "speakeasy-sdk/typescript 4.34.1 2.814.1 1.0.0 @stackone/stackone-client-ts"


async def create(sdk: Sdk, **more: Any) -> dict[str, Any]:
    """Creates a session."""
    created = await sdk("connectSessions.createConnectSession", {**HEMLOCK, **more})
    assert created["statusCode"] == 201
    return dict(created["connectSessionTokenAuthLink"])


async def test_a_session_is_created_and_authenticated(sdk: Sdk) -> None:
    """The token gives access to every field of the session."""
    said = {"originUsername": "hedy", "provider": "greenhouse", "categories": ["ats"], "label": "Pilot", "type": "test"}
    session = await create(sdk, **said)
    authenticated = await sdk("connectSessions.authenticateConnectSession", {"token": session["token"]})
    same = authenticated["connectSession"]

    assert authenticated["statusCode"] == 201
    assert {name: session[name] for name in (*HEMLOCK, *said)} == {**HEMLOCK, **said}
    assert same == {name: value for name, value in session.items() if name not in ("token", "authLinkUrl")}
    assert session["authLinkUrl"].startswith("http")
    assert session["token"] in session["authLinkUrl"] or "/link/" in session["authLinkUrl"]


async def test_the_organization_is_a_number_for_this_build(sdk: Sdk) -> None:
    """4.28.0 gets a number, since it refuses a text."""
    session = await create(sdk)
    assert isinstance(session["organizationId"], int)
    assert isinstance(session["id"], int)


async def test_the_organization_is_a_text_for_newer_builds(sdk: Sdk) -> None:
    """4.33.2 and later get a text; the SDK of the test cannot parse it, so its error is read."""
    newer = replace(sdk, options={"userAgent": NEWER})
    with pytest.raises(SdkError) as caught:
        await create(newer)
    body = caught.value.json

    assert (caught.value.kind, caught.value.status) == ("ResponseValidationError", 201)
    assert isinstance(body["organization_id"], str)
    with pytest.raises(SdkError) as caught:
        await newer("connectSessions.authenticateConnectSession", {"token": body["token"]})
    assert caught.value.kind == "ResponseValidationError"
    assert caught.value.json["organization_id"] == body["organization_id"]


async def test_two_sessions_are_two(sdk: Sdk) -> None:
    """Each session has an id and a token of its own."""
    one, other = await create(sdk), await create(sdk)
    assert one["id"] != other["id"]
    assert one["token"] != other["token"]


async def test_a_known_owner_edits_the_account_that_is_there(proctor: Linked, sdk: Sdk) -> None:
    """An existing owner, or an account's id, opens that account; `multiple` creates another."""
    owner = {"originOwnerId": "proctor-1", "originOwnerName": "Northwind", "provider": "greenhouse"}

    assert (await create(sdk, **owner))["accountId"] == proctor.account_id
    assert (await create(sdk, accountId=proctor.account_id))["accountId"] == proctor.account_id
    assert (await create(sdk, **owner, multiple=True))["accountId"] != proctor.account_id
    assert (await create(sdk))["accountId"] != proctor.account_id


async def test_a_token_that_is_not_known(house: House, sdk: Sdk) -> None:
    """An unknown token and another project's token are refused."""
    token = (await create(sdk))["token"]
    mallory = Sdk(sdk.driver, await house.link("mallory", tenant="mallory", package_id="x"))
    for who, what in ((sdk, "nonsense"), (mallory, token)):
        with pytest.raises(SdkError) as caught:
            await who("connectSessions.authenticateConnectSession", {"token": what})
        assert caught.value.status in (400, 401, 404)
        assert caught.value.kind in ("BadRequestResponse", "UnauthorizedResponse", "NotFoundResponse")


async def test_another_projects_account_cannot_be_edited(house: House, proctor: Linked, sdk: Sdk) -> None:
    """Another project's account is not found."""
    mallory = Sdk(sdk.driver, await house.link("mallory", tenant="mallory", package_id="x"))
    with pytest.raises(SdkError) as caught:
        await create(mallory, accountId=proctor.account_id)
    assert caught.value.kind == "NotFoundResponse"
