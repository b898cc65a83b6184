"""A vendor's code is the same for every ATS: the bodies that it receives have the same shape."""

from __future__ import annotations

from typing import Any

from tests.connectors.ashby.conftest import EVENTS, Ashby, northwind  # noqa: F401 - a fixture
from tests.house import Linked, webhook

#: what an ATS sent, as it sent it, and answers to a vendor's questions
OWN = ("raw_event", "passthrough")


def shape(value: Any) -> Any:
    """The names of a body at every level; values are left out."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items() if name not in OWN}
    return [shape(part) for part in value[:1]] if isinstance(value, list) else "value"


async def test_the_order_event_has_one_shape(northwind: Ashby) -> None:  # noqa: F811
    """Of Greenhouse and of Ashby; the hiring team is a list where the ATS sends one."""
    greenhouse: Linked = await northwind.house.link("other", tenant="other", package_id="pkg_core_sql")
    await webhook(greenhouse, EVENTS)
    await northwind.start()
    await northwind.house.vendor.receive(1)
    await greenhouse.send_test()
    ashby, other = [one.json for one in await northwind.house.vendor.receive(2)]

    assert (ashby["provider"], other["provider"]) == ("ashby", "greenhouse")
    team = ashby["event_data"]["job"].pop("hiring_team")
    assert other["event_data"]["job"].pop("hiring_team") is None
    assert team[0].keys() == other["event_data"]["requester"].keys()
    for body in (ashby, other):
        body["event_data"].pop("requester")
    assert shape(ashby) == shape(other)
    assert ashby["event_data"]["package"]["id"] == other["event_data"]["package"]["id"] == "pkg_core_sql"
