"""The set-up checklist with findings, and `greenroom doctor`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from greenroom.cli import app
from greenroom.doctor.catalogue import causes
from greenroom.doctor.checks import add_findings, get_check
from greenroom.model.checklist import run_checks
from greenroom.model.checks import Facts
from greenroom.model.findings import Finding, Subject
from tests.doctor.scenarios import Patient
from tests.house import House

CHECKS = [one.code for one in run_checks(Facts("greenhouse", "Greenhouse", ("list_tests",)))]


def test_every_cause_stands_against_a_check() -> None:
    """Of the checklist, and every check but the directory's has a cause or is observed by itself."""
    assert len(CHECKS) == 13
    assert {get_check(code) for code in causes()} <= set(CHECKS)


@pytest.mark.parametrize(("severity", "state"), [("error", "action_needed"), ("warning", "done"), ("notice", "done")])
def test_an_error_turns_a_check_that_is_done(severity: Any, state: str) -> None:
    """A warning is listed alone."""
    check = next(one for one in run_checks(Facts("x", "X", ())) if one.code == "packages_source")
    check = type(check)(check.code, check.section, check.title, "done", "It answered 200.")
    finding = Finding("packages.dns", severity, Subject("integration", "x"), "No host", "", "", "vendor")
    found = add_findings(check, [finding])
    assert (found.state, found.codes) == (state, ("packages.dns",))
    assert (found.action is not None) == (severity == "error")


async def run(house: House, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    """Runs the command beside the gateway."""
    settings = {"DATA_DIR": house.settings.data_dir, "ALLOW_HTTP": "true", "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8"}
    for name, value in settings.items():
        monkeypatch.setenv(f"GREENROOM_{name}", str(value))
    return await asyncio.to_thread(CliRunner().invoke, app, ["doctor", *arguments])


async def test_the_doctor_calls_what_is_configured(
    house: House, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only when it may; the exit code says whether there is an error, and whether it could run."""
    house.vendor.will_answer(500)
    body = {"tenant_id": "proctor", "packages_url": f"{house.vendor.url}/packages"}
    body |= {"partner_username": "partner", "partner_password": "correct horse"}
    assert (await patient.linked.api("PUT", "/v1/integrations/greenhouse", json=body)).status_code == 200
    called = len(house.vendor.received)

    assert (await run(house, monkeypatch, "--no-probe")).exit_code == 0
    assert len(house.vendor.received) == called
    ran = await run(house, monkeypatch, "--project", "proctor", "--json")
    assert (ran.exit_code, len(house.vendor.received)) == (1, called + 1)
    printed = json.loads(ran.stdout)
    assert [one["code"] for one in printed["findings"] if one["severity"] == "error"] == ["packages.server_error"]
    checks = {one["id"]: one for one in printed["checks"]}
    assert list(checks) == CHECKS
    assert (checks["packages_source"]["state"], checks["packages_source"]["codes"]) == (
        "action_needed",
        ["packages.server_error"],
    )
    assert printed["checks"] == (await patient.linked.api("GET", "/v1/checks")).json()["data"]

    house.vendor.will_answer((200, {}, b'{"data": [{"id": "a", "name": "A"}]}'))
    ran = await run(house, monkeypatch)
    assert (ran.exit_code, "[packages." in ran.stdout) == (0, False), ran.stdout


async def test_a_doctor_that_cannot_run(house: House, patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exits 2 and says why; an account of the project is examined."""
    assert (await run(house, monkeypatch, "--account", patient.linked.account_id)).exit_code == 0
    for arguments, said in (
        (["--project", "nobody"], "There is no project nobody."),
        (["--account", "acc_none"], "There is no account acc_none here."),
        (["--order", "ord_none"], "There is no order ord_none here."),
        (["--data", str(house.settings.data_dir / "none")], "There is no database at"),
    ):
        ran = await run(house, monkeypatch, *arguments)
        assert ran.exit_code == 2
        assert said in ran.output
