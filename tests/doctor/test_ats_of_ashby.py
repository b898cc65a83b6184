"""Refused calls of another ATS, whose URLs have the tenant id in their path."""

from __future__ import annotations

from tests.connectors.ashby.conftest import link
from tests.house import House, basic, neighbour


async def test_refused_calls_of_ashby(house: House) -> None:
    """The texts name the ATS, and the URL in the proof is the ATS's."""
    async with neighbour() as other:
        linked = await link(house, other)

        async def codes() -> list[str]:
            found = (await linked.api("GET", "/v1/findings")).json()["data"]
            return [one["code"] for one in found if one["code"].startswith("ats.")]

        assert (await linked.ats("assessment.list")).status_code == 200
        assert await codes() == []
        assert (await linked.ats("assessment.list", token="a key of nobody")).status_code == 401
        assert await codes() == ["ats.token_unknown"]
        assert (await linked.ats("assessment.list")).status_code == 200
        assert await codes() == []
        path, headers = "/external-trigger/ashby/assessment.list", {"authorization": basic(linked.token)}
        assert (await house.client.post(path, headers=headers, json={})).status_code == 404
        [found] = [one for one in (await linked.api("GET", "/v1/findings")).json()["data"] if "ats." in one["code"]]
        assert (found["code"], found["count"]) == ("ats.tenant_missing", 1)
        assert found["proof"]["expected_url"].endswith(f"/external-trigger/ashby/{linked.tenant}/assessment.list")
        assert "Ashby" in found["title"]
        assert (await linked.ats("assessment.list")).status_code == 200
        assert await codes() == []
