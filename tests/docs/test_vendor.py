"""The complete vendor of docs/receivers.md, started by the page's own commands after those of the quickstart."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from greenroom.demo.processes import Processes, first_free

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "docs" / "examples" / "vendor" / "vendor.py"


def read_blocks(page: str) -> list[str]:
    """Returns the shell blocks of a page, in order."""
    return re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


def test_a_recruiter_sees_the_vendors_score(tmp_path: Path) -> None:
    """The packages are the vendor's, an order reaches it, and its result the interview kit."""
    assert len(FILE.read_text().splitlines()) < 150
    ports = {port: first_free((0,)) for port in (8000, 8100, 9100)}
    connect, send = read_blocks("quickstart.md")[1:3]
    (vendor,) = read_blocks("receivers.md")
    # a vendor that a failed step leaves behind would keep the output open
    script = "\n".join(["trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", connect, send, vendor])
    for documented, taken in ports.items():
        script = script.replace(f"127.0.0.1:{documented}", f"127.0.0.1:{taken}").replace(
            f"PORT={documented}", f"PORT={taken}"
        )
    script = script.replace(".venv/bin/", f"{Path(sys.executable).parent}/").replace(
        "python3 docs/", f"{sys.executable} {ROOT}/docs/"
    )

    with Processes(prefix="greenroom-vendor-") as running:
        own = {"GREENROOM_PUBLIC_URL": f"http://127.0.0.1:{ports[8000]}"}
        running.start("gateway", "greenroom", "serve", "--port", str(ports[8000]), ready="Greenroom: http", extra=own)
        running.start("sandbox", "greenroom_sandbox", "--port", str(ports[8100]), ready="Greenhouse simulator: http")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            capture_output=True, text=True, cwd=tmp_path, env={**os.environ, **running.environment()}, check=False,
        )  # fmt: skip

    assert done.returncode == 0, done.stderr + done.stdout
    assert '"ok":true' in done.stdout  # the probe of the package list
    assert "result sent" in done.stdout
    kit = done.stdout.splitlines()[-1]
    assert "82.5" in kit
    assert "was strong on joins" in kit
