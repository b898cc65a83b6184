"""Programs that some tests need, and npm packages installed from a lock file."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

#: the first version with fetch
OLDEST_NODE = 18
CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def need(missing: str | None) -> None:
    """Skips the test if a program is missing, with the reason; fails it in CI."""
    if missing and os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    if missing:
        pytest.skip(missing)


def missing_node(oldest: int = OLDEST_NODE) -> str | None:
    """Returns which part of Node.js is missing and how to install it; None if it is there."""
    if shutil.which("node") and shutil.which("npm"):
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.removeprefix("v").split(".")[0]) >= oldest:
            return None
    return f"needs Node.js {oldest} or newer with npm (on Debian: apt-get install nodejs npm)"


def missing_chromium() -> str | None:
    """Returns how to install Chromium; None if it is there."""
    return None if find_chromium() else "needs Chromium (on Debian: apt-get install chromium)"


def find_chromium() -> str | None:
    """Returns the path of Chromium; None if it is not installed."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


def npm_install(folder: Path) -> None:
    """Installs the packages of the folder's lock file, once; other test workers wait."""
    with (folder / "package-lock.json").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        _npm_install(folder)


def _npm_install(folder: Path) -> None:
    """Installs the packages, unless `node_modules` was made from this lock file."""
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    made_from = folder / "node_modules" / ".made-from"
    if made_from.exists() and made_from.read_text() == lock:
        return
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"npm ci failed:\n{done.stderr}"
    made_from.write_text(lock)
