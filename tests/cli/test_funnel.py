"""`greenroom funnel`, beside a gateway that runs."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from greenroom.cli import app
from tests.cli.test_explain import run
from tests.house import House, Linked


async def test_the_funnel_is_printed_for_each_project(
    house: House, proctor: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With shares of the ordered ones; a project without orders has none. JSON has the days, too."""
    await house.link("mallory", tenant="mallory")
    orders = [await proctor.send_test(number) for number in range(4)]
    await proctor.give_result(orders[0])

    lines = [line.split() for line in (await run(house, monkeypatch, "funnel")).output.splitlines()]
    printed = (await run(house, monkeypatch, "funnel", "--project", "proctor", "--json")).output
    found = json.loads(printed.splitlines()[-1])["projects"]  # the gateway of this process logs to the same stream

    assert ["ordered", "4", "100%"] in lines
    assert ["done", "1", "25%"] in lines
    assert ["ordered", "0"] in lines
    assert [one["project"] for one in found] == ["proctor"]
    assert (len(found[0]["data"]), found[0]["total"]["ordered"], found[0]["total"]["done"]) == (7, 4, 1)


async def test_a_bad_range_is_one_line(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a traceback, with the limit."""
    monkeypatch.setenv("GREENROOM_DATA_DIR", str(house.settings.data_dir))
    result = await asyncio.to_thread(CliRunner().invoke, app, ["funnel", "--from", "2026-01-01", "--to", "2026-06-30"])

    assert result.exit_code == 1
    assert "92 is the most" in str(result.exception)
