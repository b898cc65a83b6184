"""Unified packages: the list that a recruiter sees, its pages, and stored background-check packages."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest

from greenroom import catalog
from greenroom.services import packages as package_service
from greenroom.store.db import to_ms
from tests.house import ADA, RESULT, Linked, basic

PATH = "/background_checks/packages"
CHECK = {
    "name": "Criminal record",
    "description": "Two countries.\nFive years.",
    "tests": [{"name": "Identity", "description": "Passport"}, {"id": "mine", "name": "Court records"}],
}


async def configure(linked: Linked, category: str = "background_checks", **changes: Any) -> None:
    """Replaces the configuration of the integration; without a source of packages, the stored ones are shown."""
    body = {"tenant_id": linked.tenant, "partner_category": category, "callback_hosts": ["127.0.0.1"], **changes}
    if not (
        changes.get("packages_url") or changes.get("package_id")
    ):  # a published list of one account is a source, too
        stored = {"category": category, "account_id": linked.account_id, "packages": [{"id": "first", "name": "First"}]}
        await linked.api("PUT", "/v1/packages", json=stored)
        answer = await linked.api("PUT", "/v1/integrations/greenhouse", json=body)
        assert answer.status_code == 200, answer.text
        await linked.api("PUT", "/v1/packages", json={**stored, "packages": []})
        return
    answer = await linked.api("PUT", "/v1/integrations/greenhouse", json=body)
    assert answer.status_code == 200, answer.text


async def publish(linked: Linked, count: int, category: str = "assessments", **more: Any) -> None:
    """Publishes numbered packages."""
    packages = [{"id": f"p{n}", "name": f"Package {n}", **more} for n in range(count)]
    answer = await linked.api("PUT", "/v1/packages", json={"category": category, "packages": packages})
    assert answer.status_code == 200, answer.text


async def test_packages_have_the_envelope_of_the_contract(proctor: Linked) -> None:
    """Every key is there, null if it has no value; `fields` leaves the others out."""
    package = {"id": "pkg_core_sql", "remote_id": "pkg_core_sql", "name": "pkg_core_sql", "description": None}
    listed = await proctor.unified("GET", "/assessments/packages")
    one = await proctor.unified("GET", "/assessments/packages/pkg_core_sql?fields=id,%20name")

    assert listed.json() == {"data": [package], "next": None, "next_page": None}
    assert one.json() == {"data": {"id": "pkg_core_sql", "name": "pkg_core_sql"}}
    assert (await proctor.unified("GET", "/assessments/packages/nope")).status_code == 404


async def test_background_check_packages_have_tests(proctor: Linked) -> None:
    """An integration of that category lists them; the list of the other category is empty then."""
    await publish(proctor, 1, "background_checks", tests=[{"id": "t1", "name": "Identity"}])
    await proctor.api(
        "PUT", "/v1/integrations/greenhouse", json={"tenant_id": "proctor", "partner_category": "background_checks"}
    )
    (package,) = (await proctor.unified("GET", "/background_checks/packages")).json()["data"]

    assert package["tests"] == [{"id": "t1", "remote_id": "t1", "name": "Identity", "description": None}]
    assert (await proctor.unified("GET", "/assessments/packages")).json()["data"] == []


async def pages(linked: Linked, path: str, size: int, query: str = "") -> list[list[str]]:
    """Returns the ids of every page."""
    found: list[list[str]] = []
    following = ""
    while following is not None:
        page = (await linked.unified("GET", f"{path}?page_size={size}&next={following}{query}")).json()
        found.append([one["id"] for one in page["data"]])
        following = page["next"]
    return found


@pytest.mark.parametrize("query", ["", "&fields=id"])
async def test_paging_meets_every_package_once(proctor: Linked, query: str) -> None:
    """Pages keep the vendor's order."""
    await publish(proctor, 5)
    assert await pages(proctor, "/assessments/packages", 2, query) == [["p0", "p1"], ["p2", "p3"], ["p4"]]


@pytest.mark.parametrize(("count", "size"), [(1_500, 25), (10_000, 1000), (10_000, 999)])
@pytest.mark.parametrize("source", ["stored", "list_url"])
async def test_paging_thousands_of_packages(proctor: Linked, source: str, count: int, size: int) -> None:
    """Every package is listed once, in order, and all pages but the last are full."""
    if source == "stored":
        await publish(proctor, count)
    else:
        listed = {"data": [{"id": f"p{n}", "name": f"Package {n}"} for n in range(count)]}
        proctor.house.vendor.will_answer((200, {}, json.dumps(listed).encode()))
        await configure(proctor, "assessments", packages_url=f"{proctor.house.vendor.url}/packages")
    found = await pages(proctor, "/assessments/packages", size)

    assert [one for page in found for one in page] == [f"p{n}" for n in range(count)]
    assert {len(page) for page in found[:-1]} == {size}


async def change_at(linked: Linked, package_id: str, at: str) -> None:
    """Sets the time at which a stored package changed last."""
    ms = to_ms(datetime.fromisoformat(at))
    sql = "UPDATE packages SET updated_at = $1 WHERE id = $2"
    await linked.house.app.state.ctx.store.write(lambda tx: tx.run(sql, ms, package_id))


@pytest.mark.parametrize("name", ["updated_after", "filter[updated_after]"])
async def test_stored_packages_changed_since(proctor: Linked, name: str) -> None:
    """The filter is exclusive, in both spellings and on every page; publishing a package unchanged is no change."""
    await publish(proctor, 4)
    for number in range(4):
        await change_at(proctor, f"p{number}", f"2026-03-0{number + 1}T00:00:00.500Z")
    await publish(proctor, 4)

    async def since(at: str) -> list[list[str]]:
        return await pages(proctor, "/assessments/packages", 2, f"&{name}={at}")

    assert await since("2026-03-01T00:00:00.499Z") == [["p0", "p1"], ["p2", "p3"]]
    assert await since("2026-03-01T00:00:00.500Z") == [["p1", "p2"], ["p3"]]
    assert await since("2026-03-04T01:00:00.500%2B01:00") == [[]]
    await publish(proctor, 4, description="New")
    assert await since("2026-03-04T00:00:00.500Z") == [["p0", "p1"], ["p2", "p3"]]


async def test_packages_of_which_no_time_is_known_are_never_left_out(proctor: Linked) -> None:
    """The static package and those of a list endpoint ignore the filter."""
    query = "&updated_after=2099-01-01T00:00:00Z"
    assert await pages(proctor, "/assessments/packages", 25, query) == [["pkg_core_sql"]]
    proctor.house.vendor.will_answer((200, {}, json.dumps({"data": [{"id": "v1", "name": "V"}]}).encode()))
    await configure(proctor, "assessments", packages_url=f"{proctor.house.vendor.url}/packages")
    assert await pages(proctor, "/assessments/packages", 25, query) == [["v1"]]


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ("id", {"id"}),
        ("id,nope,name", {"id", "name"}),
        ("nope", {"id", "remote_id", "name", "description"}),
        (",%20,", {"id", "remote_id", "name", "description"}),
    ],
)
async def test_fields(proctor: Linked, fields: str, names: set[str]) -> None:
    """Unknown names are ignored; only unknown names return everything, as an empty list does."""
    for path in ("/assessments/packages", "/assessments/packages/pkg_core_sql"):
        data = (await proctor.unified("GET", f"{path}?fields={fields}")).json()["data"]
        assert set(data[0] if isinstance(data, list) else data) == names


# a list endpoint that fails


@pytest.fixture
async def listing(proctor: Linked) -> Linked:
    """A project whose packages come from the vendor's list endpoint."""
    url = f"{proctor.house.vendor.url}/packages?secret=in-the-query"
    await configure(proctor, "assessments", packages_url=url, packages_api_key="key-of-the-list")
    return proctor


BASIC = basic("key-of-the-list").removeprefix("Basic ")
HEADERS = {"content-type": "application/json", "x-request-id": "r1", "set-cookie": "session=1", "x-secret": "1"}


@pytest.mark.parametrize(
    ("answer", "status", "raw"),
    [
        ((500, HEADERS, b'{"error": "down", "odd": 1e999}'), 500, {"error": "down", "odd": None}),
        ((200, HEADERS, b'{"packages": []}'), 200, {"packages": []}),
        ((500, HEADERS, b"[1]"), 500, None),
        ((500, HEADERS, b"down"), 500, None),
        ((404, HEADERS, b""), 404, None),
        ((200, HEADERS, b'{"data":' + b"[" * 100_000), 200, None),
        ((200, HEADERS, b'{"data":' + b"[" * 900 + b"]" * 900 + b"}"), 200, None),
        ((500, HEADERS, json.dumps({"headers": {"authorization": f"Basic {BASIC}"}}).encode()), 500, None),
        ((500, HEADERS, BASIC.replace("=", "\\u003d").join(['{"a": "', '"}']).encode()), 500, None),
        ((500, HEADERS, b'{"key": "key-of-the-list"}'), 500, None),
        ((500, HEADERS, b'{"key": "\\u006bey-of-the-list"}'), 500, None),
    ],
)
async def test_the_error_has_the_response_of_the_list_endpoint(
    listing: Linked, answer: tuple[int, dict[str, str], bytes], status: int, raw: object
) -> None:
    """The 502 has the status, the address and a JSON body of the endpoint, without credential, query or cookie."""
    listing.house.vendor.will_answer(answer)
    expected: dict[str, Any] = {"status": status, "url": f"{listing.house.vendor.url}/packages"}
    for path in ("/assessments/packages", "/assessments/packages/x"):
        said = await listing.unified("GET", path)
        (shown,) = said.json()["provider_errors"]

        assert (said.status_code, said.json()["errorCode"]) == (502, "BadGateway")
        assert shown.pop("headers").items() >= {"content-type": "application/json", "x-request-id": "r1"}.items()
        assert shown == expected | ({"raw": raw} if raw is not None else {})
        for secret in ("key-of-the-list", BASIC.rstrip("="), "in-the-query", "session=1", "x-secret"):
            assert secret not in said.text
    assert (await listing.call("list_tests")).status_code == 503


@pytest.mark.parametrize("body", [{"data": [BASIC]}, BASIC, {"data": "key-of-the-list"}])
async def test_a_diagnosis_does_not_quote_our_credentials(listing: Linked, body: object) -> None:
    """A diagnosis that quotes the response hides our credentials, since an endpoint may echo its request."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    listing.house.vendor.will_answer((200, {}, content))
    said = await listing.unified("GET", "/assessments/packages")
    probe = await listing.api("POST", "/v1/integrations/greenhouse/probe")

    for text in (said.text, probe.text):
        assert "repeats a credential of ours" in text
        assert BASIC[:12] not in text
        assert "key-of" not in text


async def test_headers_that_repeat_a_credential_are_left_out(listing: Linked) -> None:
    """If a header repeats a credential, all headers are left out."""
    listing.house.vendor.will_answer((500, {"x-request-id": f"Basic {BASIC}"}, b"{}"))
    (shown,) = (await listing.unified("GET", "/assessments/packages")).json()["provider_errors"]
    assert shown.keys() == {"status", "url", "raw"}


async def test_a_list_endpoint_that_breaks_the_connection(listing: Linked) -> None:
    """The 502 has only the address."""
    listing.house.vendor.will_answer(0)
    said = await listing.unified("GET", "/assessments/packages")
    assert said.status_code == 502
    assert said.json()["provider_errors"] == [{"url": f"{listing.house.vendor.url}/packages"}]


@pytest.mark.parametrize("received", [False, True])
async def test_a_list_endpoint_that_is_not_done_in_time_is_408(
    listing: Linked, monkeypatch: pytest.MonkeyPatch, received: bool
) -> None:
    """The 408 has Retry-After, with or without a received status; Greenhouse gets 503; later lists succeed."""
    monkeypatch.setattr(catalog, "DEADLINE_S", 0.3)
    ended = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if received:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
        await ended.wait()
        writer.close()

    async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/packages"
        await configure(listing, "assessments", packages_url=url)
        said = await listing.unified("GET", "/assessments/packages")
        greenhouse = await listing.call("list_tests")
        order = await listing.call("send_test", json=listing.test_body())
        ended.set()

    assert (said.status_code, said.json()["statusCode"], said.json()["errorCode"]) == (408, 408, "RequestTimeout")
    assert said.headers["retry-after"] == "30"
    assert said.json()["provider_errors"] == [{"url": url}]
    assert (greenhouse.status_code, greenhouse.headers["retry-after"]) == (503, "5")
    assert order.status_code == 200
    listing.house.vendor.will_answer((200, {}, b'{"data": [{"id": "v1", "name": "V"}]}'))
    await configure(listing, "assessments", packages_url=f"{listing.house.vendor.url}/packages")
    assert (await listing.unified("GET", "/assessments/packages")).status_code == 200


async def test_the_last_good_list_stands_in_for_a_failing_endpoint(listing: Linked) -> None:
    """A failing or slow endpoint causes no error while a cached list is usable."""
    vendor = listing.house.vendor
    vendor.will_answer((200, {}, b'{"data": [{"id": "v1", "name": "V"}]}'), 500)
    assert (await listing.unified("GET", "/assessments/packages")).status_code == 200
    store = listing.house.app.state.ctx.store
    await store.write(lambda tx: tx.run("UPDATE package_lists SET fetched_at = fetched_at - 60000"))

    assert (await listing.unified("GET", "/assessments/packages/v1")).status_code == 200
    assert len(vendor.received) == 2
    (kept,) = await store.read(lambda tx: tx.all("SELECT problem FROM package_lists"))
    assert kept["problem"].startswith("The endpoint answered 500 Internal Server Error; 200 with a list")


# stored background-check packages


@pytest.fixture
async def checks(on_each_database: Linked) -> Linked:
    """A project for background checks without packages."""
    await configure(on_each_database)
    return on_each_database


async def create(linked: Linked, **changes: Any) -> str:
    """Stores a package and returns its id."""
    answer = await linked.unified("POST", PATH, json={**CHECK, **changes})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


async def listed(linked: Linked, query: str = "") -> list[dict[str, Any]]:
    """Returns the packages of this account."""
    answer = await linked.unified("GET", f"{PATH}{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def read(linked: Linked, package_id: str) -> dict[str, Any]:
    """Returns one package."""
    answer = await linked.unified("GET", f"{PATH}/{package_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


async def test_a_package_is_created_read_changed_and_deleted(checks: Linked) -> None:
    """The statuses and envelopes follow the contract; a recruiter sees the package in between."""
    created = await checks.unified("POST", PATH, json=CHECK)
    said = created.json()
    package_id = said["data"]["id"]
    shown = await read(checks, package_id)
    seen = (await checks.call("list_tests")).json()
    changed = await checks.unified("PATCH", f"{PATH}/{package_id}", json={"name": "Record"})
    deleted = await checks.unified("DELETE", f"{PATH}/{package_id}")

    assert (created.status_code, said["statusCode"]) == (201, 201)
    assert said.keys() == {"statusCode", "message", "timestamp", "data"}
    assert said["message"] == "Record created successfully."
    assert said["data"] == {"id": package_id, "remote_id": package_id}
    assert shown == {
        "id": package_id,
        "remote_id": package_id,
        "name": "Criminal record",
        "description": "Two countries.\nFive years.",
        "tests": [
            {"id": shown["tests"][0]["id"], "remote_id": shown["tests"][0]["id"], **CHECK["tests"][0]},
            {"id": "mine", "remote_id": "mine", "name": "Court records", "description": None},
        ],
    }
    assert shown["tests"][0]["id"].startswith("tst_")
    assert seen == [{"partner_test_id": package_id, "partner_test_name": "Criminal record"}]
    assert (changed.status_code, changed.json()["statusCode"]) == (200, 200)
    assert changed.json().keys() == {"statusCode", "message", "timestamp"}
    assert (deleted.status_code, deleted.json()["statusCode"]) == (200, 204)
    assert deleted.json().keys() == {"statusCode", "message", "timestamp"}
    assert await listed(checks) == []
    assert (await checks.unified("GET", f"{PATH}/{package_id}")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"name": None, "description": None, "tests": None, "passthrough": None}, {}),
        ({"name": "New"}, {"name": "New"}),
        ({"description": "New"}, {"description": "New"}),
        ({"description": ""}, {"description": None}),
        ({"tests": []}, {"tests": []}),
        ({"passthrough": {"a": {"b": 1}}, "unknown": 1, "id": "x"}, {}),
    ],
)
async def test_what_is_left_out_of_a_change_stays(
    checks: Linked, changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Null changes nothing; an empty text or list clears the field."""
    package_id = await create(checks)
    before = await read(checks, package_id)
    answer = await checks.unified("PATCH", f"{PATH}/{package_id}", json=changes)

    assert answer.status_code == 200
    assert await read(checks, package_id) == {**before, **expected}


async def test_tests_that_are_given_replace_those_there_are(checks: Linked) -> None:
    """A known id keeps its test, in the given order; a new test gets an id."""
    package_id = await create(checks)
    first, mine = (await read(checks, package_id))["tests"]
    tests = [{"id": "mine", "name": "Court"}, {"name": "Credit"}, {"id": first["id"], "name": "Identity", "x": 1}]
    await checks.unified("PATCH", f"{PATH}/{package_id}", json={"tests": tests})
    after = (await read(checks, package_id))["tests"]

    assert [one["name"] for one in after] == ["Court", "Credit", "Identity"]
    assert (after[0]["id"], after[2]["id"]) == (mine["id"], first["id"])
    assert after[1]["id"].startswith("tst_")
    assert len({one["id"] for one in after}) == 3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "name: required"),
        ({"name": None}, "name: "),
        ({"name": ""}, "name: "),
        ({"name": "  "}, "name: is blank"),
        ({"name": "x" * 201}, "name: string should have at most 200"),
        ({"name": "a\x00"}, "name: has control characters"),
        ({"name": 7}, "name: "),
        ({"name": "x", "description": "x" * 2001}, "description: string should have at most 2000"),
        ({"name": "x", "description": "a\x00"}, "description: has control characters"),
        ({"name": "x", "tests": {}}, "tests: "),
        ({"name": "x", "tests": [None]}, "tests.0: "),
        ({"name": "x", "tests": [{"name": "x" * 201}]}, "tests.0.name: "),
        ({"name": "x", "tests": [{"id": "a\n"}]}, "tests.0.id: has control characters"),
        ({"name": "x", "tests": [{"id": "a"}, {"id": "a"}]}, "tests: two tests have the same id"),
        ({"name": "x", "tests": [{}] * 101}, "tests: list should have at most 100"),
        ({"name": "x", "passthrough": 1}, "passthrough: "),
    ],
)
async def test_an_invalid_package_is_refused(proctor: Linked, body: dict[str, Any], said: str) -> None:
    """An invalid package gets 422 with the field, on creation and on change; nothing is stored."""
    await configure(proctor)
    created = await proctor.unified("POST", PATH, json=body)

    assert (created.status_code, created.json()["errorCode"]) == (422, "ValidationError")
    assert created.json()["errors"][0].startswith(said)
    assert await listed(proctor) == []
    if body.get("name") is not None:
        package_id = await create(proctor)
        before = await read(proctor, package_id)
        changed = await proctor.unified("PATCH", f"{PATH}/{package_id}", json=body)
        assert (changed.status_code, changed.json()["errors"][0].startswith(said)) == (422, True)
        assert await read(proctor, package_id) == before


async def test_every_field_of_the_contract_may_be_null(proctor: Linked) -> None:
    """Every field but the name may be null."""
    await configure(proctor)
    body = {"name": "x", "description": None, "tests": [{"id": None, "name": None, "description": None}]}
    package = await read(proctor, await create(proctor, **body, passthrough=None))

    assert (package["name"], package["description"], len(package["tests"])) == ("x", None, 1)


async def test_packages_are_limited_in_number(checks: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for concurrent requests too."""
    monkeypatch.setattr(package_service, "MOST", 5)
    answers = await asyncio.gather(*(checks.unified("POST", PATH, json=CHECK) for _ in range(9)))
    refused = [answer for answer in answers if answer.status_code != 201]

    assert len(await listed(checks)) == 5
    assert {(one.status_code, one.json()["errorCode"]) for one in refused} == {(409, "TooManyPackages")}
    assert "Delete" in refused[0].json()["message"]


async def test_creating_at_the_same_time_keeps_every_package(checks: Linked) -> None:
    """Concurrent creations are all stored, in an order that then stays the same."""
    names = [f"Package {number}" for number in range(20)]
    await asyncio.gather(*(create(checks, name=name) for name in names))
    found = [one["name"] for one in await listed(checks)]

    assert sorted(found) == sorted(names)
    assert [one["name"] for one in await listed(checks)] == found


async def test_changes_at_the_same_time_are_all_kept(checks: Linked) -> None:
    """Concurrent changes of different fields are all stored."""
    package_id = await create(checks)
    changes: list[dict[str, Any]] = [{"name": "N"}, {"description": "D"}, {"tests": []}]
    await asyncio.gather(*(checks.unified("PATCH", f"{PATH}/{package_id}", json=one) for one in changes))
    package = await read(checks, package_id)

    assert (package["name"], package["description"], package["tests"]) == ("N", "D", [])


async def test_a_package_is_its_accounts_own(checks: Linked) -> None:
    """Another account of the project can neither see nor change the package."""
    package_id = await create(checks)
    body = {"provider": "greenhouse", "origin_owner_id": "other", "origin_owner_name": "Other"}
    other = Linked(checks.house, checks.key, checks.tenant)
    other.account_id = (await checks.api("POST", "/v1/accounts", json=body)).json()["id"]

    assert await listed(other) == []
    for method in ("GET", "PATCH", "DELETE"):
        body_of = {"name": "x"} if method == "PATCH" else None
        assert (await other.unified(method, f"{PATH}/{package_id}", json=body_of)).status_code == 404
    assert (await read(checks, package_id))["name"] == CHECK["name"]


async def test_an_order_outlives_its_package(checks: Linked) -> None:
    """The order keeps the name that the recruiter saw, and accepts its result."""
    package_id = await create(checks)
    order = await checks.send_test(partner_test_id=package_id)
    await checks.unified("PATCH", f"{PATH}/{package_id}", json={"name": "Renamed"})
    assert (await checks.unified("DELETE", f"{PATH}/{package_id}")).status_code == 200
    shown = (await checks.unified("GET", f"/background_checks/orders/{order}")).json()["data"]
    refused = await checks.call("send_test", json=checks.test_body(2, partner_test_id=package_id, candidate=ADA))

    assert shown["package"]["name"] == CHECK["name"]
    assert (await checks.give_result(order, RESULT, "background_checks")).status_code == 200
    assert refused.status_code == 404


@pytest.mark.parametrize(
    ("category", "url", "said"),
    [
        ("background_checks", True, "packages_url"),
        ("assessments", False, "the integration is for assessments"),
        ("assessments", True, "the integration is for assessments"),
    ],
)
async def test_a_stored_package_that_recruiters_do_not_see(
    on_each_database: Linked, category: str, url: bool, said: str
) -> None:
    """Each write warns with the reason; the package can be read by id, changed and deleted."""
    linked = on_each_database
    vendor = linked.house.vendor
    vendor.will_answer((200, {}, json.dumps({"data": [{"id": "v1", "name": "From the vendor"}]}).encode()))
    await configure(linked, category, packages_url=f"{vendor.url}/packages" if url else None)
    created = (await linked.unified("POST", PATH, json=CHECK)).json()
    package_id = created["data"]["id"]
    changed = (await linked.unified("PATCH", f"{PATH}/{package_id}", json={"name": "New"})).json()

    for answer in (created, changed):
        (warning,) = answer["unified_warnings"]
        assert warning["message"].startswith("Recruiters do not see this package: ")
        assert said in warning["message"]
        assert "PUT /v1/integrations/greenhouse" in warning["message"]
    assert (await read(linked, package_id))["name"] == "New"
    assert package_id not in [one["id"] for one in await listed(linked)]
    assert (await linked.unified("DELETE", f"{PATH}/{package_id}")).status_code == 200
    assert (await linked.unified("GET", f"{PATH}/{package_id}")).status_code == 404


async def test_a_stored_package_is_read_while_the_list_endpoint_is_down(checks: Linked) -> None:
    """A stored package is read without the endpoint; any other id is 502, not 404."""
    package_id = await create(checks)
    checks.house.vendor.will_answer(500)
    await configure(checks, packages_url=f"{checks.house.vendor.url}/packages")

    assert (await read(checks, package_id))["name"] == CHECK["name"]
    assert (await checks.unified("GET", f"{PATH}/other")).status_code == 502
    assert (await checks.unified("PATCH", f"{PATH}/other", json={"name": "x"})).status_code == 404


async def test_own_packages_hide_those_for_all_accounts(checks: Linked) -> None:
    """The write warns of it; deleting the last one shows the others again."""
    await publish(checks, 2, "background_checks")
    created = (await checks.unified("POST", PATH, json=CHECK)).json()

    assert "published for all accounts" in created["unified_warnings"][0]["message"]
    assert [one["id"] for one in await listed(checks)] == [created["data"]["id"]]
    assert (await read(checks, "p0"))["name"] == "Package 0"
    await checks.unified("DELETE", f"{PATH}/{created['data']['id']}")
    assert [one["id"] for one in await listed(checks)] == ["p0", "p1"]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_package_from_elsewhere_cannot_be_changed_here(checks: Linked, method: str) -> None:
    """The 409 names the source; a package published for this account alone can be changed."""
    vendor = checks.house.vendor
    vendor.will_answer((200, {}, json.dumps({"data": [{"id": "v1", "name": "From the vendor"}]}).encode()))
    body = {"name": "x"} if method == "PATCH" else None
    entry = {"id": "p0", "name": "One"}

    async def refusal(package_id: str) -> str:
        answer = await checks.unified(method, f"{PATH}/{package_id}", json=body)
        assert (answer.status_code, answer.json()["errorCode"]) == (409, "PackageNotStored")
        return str(answer.json()["message"])

    await configure(checks, package_id="static")
    assert "is the package_id of the integration" in await refusal("static")
    await publish(checks, 1, "background_checks")
    assert "PUT /v1/packages" in await refusal("p0")
    await configure(checks, packages_url=f"{vendor.url}/packages")
    assert "comes from the packages_url" in await refusal("v1")
    assert "PUT /v1/packages" in await refusal("p0")
    own = {"category": "background_checks", "account_id": checks.account_id, "packages": [entry]}
    await checks.api("PUT", "/v1/packages", json=own)
    assert (await checks.unified(method, f"{PATH}/p0", json=body)).status_code == 200
    assert (await checks.unified(method, f"{PATH}/nowhere", json=body)).status_code == 404


async def test_a_package_whose_id_has_slashes(proctor: Linked) -> None:
    """Vendors choose their ids freely; clients encode them once for the path."""
    packages = [{"id": "core/sql", "name": "SQL"}]
    await proctor.api("PUT", "/v1/packages", json={"category": "assessments", "packages": packages})
    one = await proctor.unified("GET", "/assessments/packages/core%2Fsql")

    assert one.json()["data"]["name"] == "SQL"
    assert (await proctor.unified("GET", "/assessments/packages/")).status_code == 404


async def test_raw_shows_the_calls_that_were_made(proctor: Linked) -> None:
    """`raw` has the new calls of the list endpoint, is empty without a call, and missing if not requested."""
    answer = {"data": [{"id": "p1", "name": "One"}], "next": None}
    proctor.house.vendor.will_answer((200, {}, json.dumps(answer).encode()))
    url = f"{proctor.house.vendor.url}/packages"
    body = {"tenant_id": "proctor", "packages_url": url, "packages_api_key": "canary-77ab"}
    await proctor.api("PUT", "/v1/integrations/greenhouse", json=body)
    plain = await proctor.unified("GET", "/assessments/packages")
    listed = await proctor.unified("GET", "/assessments/packages?raw=true")
    one = await proctor.unified("GET", "/assessments/packages/p1?raw=true")
    asked = {"account_id": proctor.account_id, "provider": "greenhouse"}

    assert "raw" not in plain.json()
    for shown in (listed.json()["raw"], one.json()["raw"]):
        assert shown == [{"method": "POST", "url": url, "body": asked, "response": answer}]
    assert len(proctor.house.vendor.received) == 3
    await proctor.api("PUT", "/v1/integrations/greenhouse", json={"tenant_id": "proctor", "package_id": "x"})
    assert (await proctor.unified("GET", "/assessments/packages?raw=true")).json()["raw"] == []
