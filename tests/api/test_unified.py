"""The unified reads and orders: envelopes, nulls, pages, filters, the spellings that clients send."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import Linked, webhook

ORDER = {"package": {"id": "pkg_core_sql"}, "candidate": {"emails": [{"type": "personal", "value": "a@b.example"}]}}


async def publish(linked: Linked, count: int, category: str = "assessments", **more: Any) -> None:
    """Publish numbered packages."""
    packages = [{"id": f"p{n}", "name": f"Package {n}", **more} for n in range(count)]
    answer = await linked.api("PUT", "/v1/packages", json={"category": category, "packages": packages})
    assert answer.status_code == 200, answer.text


async def test_packages_have_the_envelope_of_the_contract(proctor: Linked) -> None:
    """Every key is there, null where there is nothing; `fields` leaves the others out."""
    package = {"id": "pkg_core_sql", "remote_id": "pkg_core_sql", "name": "pkg_core_sql", "description": None}
    listed = await proctor.unified("GET", "/assessments/packages")
    one = await proctor.unified("GET", "/assessments/packages/pkg_core_sql?fields=id,%20name")

    assert listed.json() == {"data": [package], "next": None, "next_page": None}
    assert one.json() == {"data": {"id": "pkg_core_sql", "name": "pkg_core_sql"}}
    assert (await proctor.unified("GET", "/assessments/packages/nope")).status_code == 404


async def test_a_package_whose_id_has_slashes(proctor: Linked) -> None:
    """A vendor chooses its ids freely; clients encode them once for the path."""
    packages = [{"id": "core/sql", "name": "SQL"}]
    await proctor.api("PUT", "/v1/packages", json={"category": "assessments", "packages": packages})
    one = await proctor.unified("GET", "/assessments/packages/core%2Fsql")

    assert one.json()["data"]["name"] == "SQL"
    assert (await proctor.unified("GET", "/assessments/packages/")).status_code == 404


async def test_background_check_packages_have_tests(proctor: Linked) -> None:
    """Once the integration is of that category; the other category's list is empty then."""
    await proctor.api(
        "PUT", "/v1/integrations/greenhouse", json={"tenant_id": "proctor", "partner_category": "background_checks"}
    )
    await publish(proctor, 1, "background_checks", tests=[{"id": "t1", "name": "Identity"}])
    (package,) = (await proctor.unified("GET", "/background_checks/packages")).json()["data"]

    assert package["tests"] == [{"id": "t1", "remote_id": "t1", "name": "Identity", "description": None}]
    assert (await proctor.unified("GET", "/assessments/packages")).json()["data"] == []


@pytest.mark.parametrize("size", ["2", "2&fields=id"])
async def test_paging_meets_every_package_once(proctor: Linked, size: str) -> None:
    """In the vendor's order."""
    await publish(proctor, 5)
    seen, following = [], ""
    while following is not None:
        page = (await proctor.unified("GET", f"/assessments/packages?page_size={size}&next={following}")).json()
        seen += [one["id"] for one in page["data"]]
        following = page["next"]

    assert seen == [f"p{n}" for n in range(5)]


@pytest.mark.parametrize(
    "query",
    [
        "raw=false&proxy[a]=b&proxy[filter[eq][age]]=25&page=1",
        "raw=&page_size=&next=&fields=&updated_after=",
        "filter[updated_after]=2020-01-01T00:00:00.000Z&page_size=25",
        "updated_after=2020-01-01T00:00:00.000Z",
    ],
)
async def test_what_clients_send_is_accepted(proctor: Linked, query: str) -> None:
    """Both spellings of a filter, pass-through parameters, blanks; `Prefer: heartbeat` too."""
    headers = {"x-account-id": proctor.account_id, "prefer": "heartbeat"}
    answer = await proctor.api("GET", f"/unified/ats/assessments/packages?{query}", headers=headers)
    assert (answer.status_code, len(answer.json()["data"])) == (200, 1)


@pytest.mark.parametrize("query", ["page_size=0", "page_size=x", "next=abc", "next=cGtnX3g", "updated_after=now"])
async def test_what_cannot_be_read_is_400(proctor: Linked, query: str) -> None:
    """Naming the parameter."""
    answer = await proctor.unified("GET", f"/assessments/packages?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0].startswith(query.partition("=")[0])


async def test_orders_changed_since(proctor: Linked) -> None:
    """In both spellings."""
    order = await proctor.send_test()
    for name in ("updated_after", "filter[updated_after]"):
        path = f"/assessments/orders?{name}="
        assert (await proctor.unified("GET", f"{path}2099-01-01T00:00:00Z")).json()["data"] == []
        found = (await proctor.unified("GET", f"{path}2020-01-01T00:00:00Z")).json()["data"]
        assert [one["id"] for one in found] == [order]


async def test_the_read_model_is_what_the_event_carried(proctor: Linked) -> None:
    """Key for key, so that a lost event can be made good by reading."""
    await webhook(proctor)
    order = await proctor.send_test()
    (heard,) = await proctor.house.vendor.hear(1)
    read = (await proctor.unified("GET", f"/assessments/orders/{order}")).json()["data"]
    (listed,) = (await proctor.unified("GET", "/assessments/orders")).json()["data"]

    assert read == listed == heard.json["event_data"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "package.id: required"),
        ({"package": {"id": "pkg_core_sql"}}, "candidate.emails: required"),
        ({**ORDER, "candidate": {"emails": [{"value": "nobody"}]}}, "candidate.emails: required"),
        ({**ORDER, "requester": "x"}, "requester: "),
        ({**ORDER, "job": {"hiring_team": [{"email": []}]}}, "job.hiring_team.0.email: "),
    ],
)
async def test_an_order_that_cannot_be_placed(proctor: Linked, body: dict[str, Any], said: str) -> None:
    """Names what is missing; no order is there afterwards."""
    answer = await proctor.unified("POST", "/assessments/orders", json=body)

    assert answer.status_code == 422
    assert said in answer.json()["message"]
    assert (await proctor.api("GET", "/v1/orders")).json()["data"] == []


async def test_an_orders_event_is_json_whatever_numbers_came(proctor: Linked) -> None:
    """NaN and 1e999 become null: a vendor's parser would refuse the whole event."""
    await webhook(proctor)
    body = (
        b'{"package": {"id": "pkg_core_sql"}, "candidate": {"emails": [{"value": "a@b.example"}]},'
        b' "job": {"id": 7, "hiring_team": [{"email": "h@b.example"}]},'
        b' "passthrough": {"odd": [NaN, 1e999, {"x": -Infinity}], "fine": 1.5}}'
    )
    headers = {"x-account-id": proctor.account_id, "content-type": "application/json"}
    placed = await proctor.api("POST", "/unified/ats/assessments/orders", content=body, headers=headers)
    (heard,) = await proctor.house.vendor.hear(1)
    read = (await proctor.unified("GET", f"/assessments/orders/{placed.json()['id']}")).json()["data"]

    assert b"NaN" not in heard.body
    assert b"Infinity" not in heard.body
    assert read["passthrough"] == {"odd": [None, None, {"x": None}], "fine": 1.5}
    assert (read["job_id"], read["job"]["hiring_team"][0]["email"]) == ("7", "h@b.example")
