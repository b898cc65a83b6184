"""The quickstart, run with its printed commands."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from greenroom.demo.processes import Processes, first_free
from tests.support.tools import missing_node

PAGE = (Path(__file__).parent.parent / "docs" / "quickstart.md").read_text()
BIN = str(Path(sys.executable).parent)


#: how a shell runs a block of each language
SHELLS = {"sh": "{}", "python": "python3 - <<'END'\n{}END", "js": "node --input-type=module <<'END'\n{}END"}


def blocks() -> list[str]:
    """Returns the blocks of the page as shell scripts, in order; those in Node.js only where it is installed."""
    found = re.findall(r"```(sh|python|js)\b[^\n]*\n(.*?)```", PAGE, re.DOTALL)
    return [SHELLS[language].format(code) for language, code in found if language != "js" or missing_node() is None]


def test_the_first_own_order_arrives_twice(tmp_path: Path) -> None:
    """
    With the printed commands on other ports the webhook is printed and the kit has the score, also in a second run.
    """
    programs, *steps = blocks()
    ports = {8000: first_free((0,)), 8100: first_free((0,)), 9000: first_free((0,))}
    settings = dict(re.findall(r"(GREENROOM_\w+)=(\S+)", programs))

    def moved(text: str) -> str:
        for documented, taken in ports.items():
            text = text.replace(f"127.0.0.1:{documented}", f"127.0.0.1:{taken}")
        return text.replace(".venv/bin/", f"{BIN}/")

    assert re.findall(r"^\.venv/bin/(greenroom\S*(?: \w+)?)", programs, re.MULTILINE) == [
        "greenroom serve",
        "greenroom-sandbox",
        "greenroom listen",
    ]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    environment = {**kept, **settings, "GREENROOM_DATA_DIR": str(tmp_path / "data")}
    with Processes(prefix="greenroom-quickstart-") as running:
        own = {name: environment[name] for name in (*settings, "GREENROOM_DATA_DIR")}
        own["GREENROOM_PUBLIC_URL"] = f"http://127.0.0.1:{ports[8000]}"
        running.start("gateway", "greenroom", "serve", "--port", str(ports[8000]), ready="Greenroom: http", extra=own)
        running.start("sandbox", "greenroom_sandbox", "--port", str(ports[8100]), ready="Greenhouse simulator: http")
        running.start("listen", "greenroom", "listen", "--port", str(ports[9000]), ready="Listening on", extra=own)
        for _ in range(2):
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", moved("\n".join(steps))],
                capture_output=True,
                text=True,
                env=environment,
                cwd=tmp_path,
            )
            assert done.returncode == 0, done.stderr + done.stdout
            order = done.stdout.split()[-1].rpartition("/")[2]
            assert done.stdout.count("updated successfully") == len(blocks()) - 5, done.stdout
            assert '"text": "82.5"' in done.stdout.replace('":"', '": "'), done.stdout
            assert f"Sign in: http://127.0.0.1:{ports[8000]}/sign-in/" in done.stdout
            assert order in running.log("listen")
            assert "signature ok" in running.log("listen")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_listen_removes_its_webhook(number: signal.Signals, tmp_path: Path) -> None:
    """`greenroom listen` removes its webhook however it is ended, so that a second run starts without one."""
    own = {
        "GREENROOM_DATA_DIR": str(tmp_path),
        "GREENROOM_ALLOW_HTTP": "true",
        "GREENROOM_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
    }
    with Processes(prefix="greenroom-quickstart-") as running:
        running.start("listen", "greenroom", "listen", "--port", "0", ready="Listening on", extra=own)
        pid = running.pid("listen")
        exported = subprocess.run(
            [sys.executable, "-m", "greenroom", "export"], capture_output=True, text=True, env=os.environ | own
        )
        assert "greenroom listen" in exported.stdout
        os.kill(pid, number)
        running.stop("listen")
        exported = subprocess.run(
            [sys.executable, "-m", "greenroom", "export"], capture_output=True, text=True, env=os.environ | own
        )
        assert exported.returncode == 0
        assert "greenroom listen" not in exported.stdout
