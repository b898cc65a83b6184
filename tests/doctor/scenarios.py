"""
Scenarios of the doctor: a healthy project is broken in one way, examined, repaired, and examined again.

Each scenario asserts that a healthy project has no finding, that exactly one code is found while it is broken, and that
the finding is gone after the repair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.doctor import matrix
from tests.house import House, Linked, webhook


@dataclass
class Patient:
    """A project under examination."""

    linked: Linked
    hook: dict[str, Any]

    @classmethod
    async def healthy(cls, house: House) -> Patient:
        """Returns a project in which an order was sent, delivered and completed."""
        linked = await house.link("proctor")
        hook = await webhook(linked)
        assert (await linked.call("list_tests")).status_code == 200
        await linked.send_test(partner_test_id="pkg_static")
        return cls(linked, hook)

    async def findings(self, **query: Any) -> list[dict[str, Any]]:
        """Returns the findings of the project; notices about the Partner API are left out."""
        answer = await self.linked.api("GET", "/v1/findings", params=query)
        assert answer.status_code == 200, answer.text
        return [one for one in answer.json()["data"] if one["code"] != "hiring_team.partner_only"]

    async def has(self, code: str, **proof: Any) -> dict[str, Any]:
        """Asserts that this code alone is found, with these facts in its proof; returns the finding."""
        found = await self.findings()
        matrix.record(code, [one["code"] for one in found])
        assert [one["code"] for one in found] == [code], found
        assert proof.items() <= found[0]["proof"].items(), found[0]["proof"]
        return found[0]

    async def is_healthy(self) -> None:
        """Asserts that nothing is found."""
        found = await self.findings()
        matrix.record(matrix.HEALTHY, [one["code"] for one in found])
        assert found == []
