"""`greenroom check` as a process: exit codes and reports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from greenroom.cli.check import app
from greenroom.demo.processes import Ports, Processes, first_free
from tests.check.vendors import clients, lists, serving, webhooks
from tests.cli.test_commands import greenroom


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    """The demo's vendor, an example for others."""
    port = first_free([0])
    with Processes(Ports(0, 0, port)) as running:
        extra = {"PACKAGES_API_KEY": lists.KEY, "SIGNING_SECRET": lists.SECRET, "WEBHOOK_SECRET": webhooks.SECRET}
        running.start("vendor", "greenroom.demo.vendor", "--port", str(port), ready="Demo vendor is ready", extra=extra)
        yield f"http://127.0.0.1:{port}"


async def check(*arguments: str, data: Path, **variables: str) -> tuple[int, str, str]:
    """Runs the command; returns its exit code, output and errors."""
    done = await asyncio.to_thread(greenroom, "check", *arguments, data=data, **variables)
    return done.returncode, done.stdout, done.stderr


async def test_the_demo_vendor_passes(vendor: str, tmp_path: Path) -> None:
    """The example for other vendors has nothing to report, and all reports are written."""
    files = [f"--{kind}={tmp_path / kind}" for kind in ("json", "junit", "html")]
    secrets = {"CHECK_API_KEY": lists.KEY, "CHECK_SIGNING_SECRET": lists.SECRET}
    listed = await check("packages", f"{vendor}/packages", "--allow-private", *files, data=tmp_path, **secrets)
    hooked = await check("webhook", f"{vendor}/webhook", "--allow-private", data=tmp_path, CHECK_SECRET=webhooks.SECRET)

    assert listed[0] == 0, listed
    assert hooked[0] == 0, hooked
    assert "0 failed" in hooked[1]
    assert json.loads((tmp_path / "json").read_text())["ok"] is True
    assert ElementTree.parse(tmp_path / "junit").getroot()[0].get("failures") == "0"
    assert "<h1>greenroom check packages</h1>" in (tmp_path / "html").read_text()


async def test_a_failure_is_shown_with_a_command_and_without_credentials(tmp_path: Path) -> None:
    """The command exits 1; the key is in no output and in no report."""
    async with serving(lists.Echo().handle) as url:
        arguments = ("packages", url, "--allow-private", "--json", str(tmp_path / "json"), "--examples", "5")
        secrets = {"CHECK_API_KEY": lists.KEY, "CHECK_SIGNING_SECRET": lists.SECRET}
        code, output, errors = await check(*arguments, data=tmp_path, **secrets)

    assert code == 1, errors
    assert "✗ packages.credentials-echo" in output
    assert "again: curl -i -X POST http://127.0.0.1:" in output
    report = (tmp_path / "json").read_text()
    found: Any = [one for one in json.loads(report)["checks"] if one["status"] == "failed"]
    assert [one["id"] for one in found] == ["packages.credentials-echo"]
    assert "$CHECK_API_KEY" in found[0]["curl"]
    for text in (output, errors, report):
        assert lists.KEY not in text
        assert lists.SECRET not in text


async def test_results_of_a_client_are_judged(tmp_path: Path) -> None:
    """The command plays the gateway for the vendor's client."""
    async with serving(clients.Sending().handle) as url:
        code, output, errors = await check(
            "results", "--webhook", url, "--port", "0", "--settle", "0.2", "--allow-private", "--simulator",
            data=tmp_path, CHECK_API_KEY=clients.KEY, CHECK_SECRET=webhooks.SECRET,
        )  # fmt: skip

    assert code == 0, (output, errors)
    assert "Listening for results at http://127.0.0.1:" in output
    assert "✓ results.retry-lost" in output
    assert "✓ results.shown" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("packages", "http://127.0.0.1:9/"), "expected an absolute https URL, not http. For a test environment"),
        (("packages", "https://127.0.0.1:9/"), "is a private or reserved address"),
        (("webhook", "https://vendor.example/", "--secret", "hunter2"), "--secret: expected whsec_"),
        (("webhook", "https://vendor.example/", "--events", "order.made"), "--events: 'order.made' is no event"),
        (("packages", "https://127.0.0.1:9/", "--skip", "packages.nothing"), "--skip: 'packages.nothing' is no check"),
    ],
)
def test_what_cannot_run_exits_2(arguments: tuple[str, ...], said: str) -> None:
    """Wrong options are named in one line, and nothing is called."""
    done = CliRunner().invoke(app, arguments)

    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
