"""Reads of Harvest v3 over real sockets, with every fault of the simulator."""

from __future__ import annotations

from tests.connectors.greenhouse.harvest.conftest import Northwind


async def test_reads_with_the_customers_own_client(northwind: Northwind) -> None:
    await northwind.use_customers_client()
    page = await northwind.harvest.read("jobs", {"ids": "4001"})
    assert [row["id"] for row in page.rows] == [4001]
    assert page.cursor is None


async def test_reads_with_the_consent_of_a_site_admin(northwind: Northwind) -> None:
    await northwind.use_partner_client()
    rows = await northwind.harvest.read_all("users", {"per_page": "1"})
    assert len(rows) > 1
    assert northwind.calls("harvest") == len(rows)
