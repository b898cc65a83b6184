"""Printed addresses can be opened, and a port that is in use is named."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import httpx2

from greenroom.demo.processes import Processes
from tests.cli.test_commands import greenroom


def test_a_sign_in_link_leads_to_the_gateway_that_runs(tmp_path: Path) -> None:
    """With a wildcard address and another port, both printed links open on this machine."""
    own = {"GREENROOM_DATA_DIR": str(tmp_path)}
    with Processes() as running:
        environment = running.environment
        running.environment = lambda: {  # type: ignore[method-assign]
            name: value for name, value in environment().items() if name != "GREENROOM_PUBLIC_URL"
        }
        arguments = ("serve", "--host", "0.0.0.0", "--port", "0")
        running.start("gateway", "greenroom", *arguments, ready="Sign in: ", extra=own)
        printed = re.search(r"^Greenroom: (http://127\.0\.0\.1:\d+)$", running.log("gateway"), re.MULTILINE)
        link = greenroom("sign-in-link", data=tmp_path).stdout.removeprefix("Sign in: ").strip()

        assert printed is not None
        assert link.startswith(f"{printed[1]}/sign-in/")
        assert 'name="csrf"' in httpx2.get(link, headers={"accept": "text/html"}).text
        assert "Set GREENROOM_PUBLIC_URL" in running.log("gateway")


def test_a_demo_port_that_was_asked_for_must_be_free(tmp_path: Path) -> None:
    """A requested port in use is refused, since the caller would not look for another one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = greenroom("demo", "--once", "--port", port, data=tmp_path)

    assert done.returncode == 1
    assert f"Port {port} of 127.0.0.1 is taken" in done.stderr
