"""Every shell and Python block of the docs is run by a test, or is listed here with the reason why not; all parse."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path

import pytest

from greenroom.web.docs.markdown import parse

ROOT = Path(__file__).parent.parent.parent
FILES = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.splitlines()
RUNNABLE = ("sh", "bash", "python")
CHECKED = (*RUNNABLE, "json")
#: files whose blocks a test runs as they are written
RUN = {
    "docs/quickstart.md": "tests/test_quickstart.py",
    "docs/receivers.md": "tests/docs/test_vendor.py",
    "docs/sandbox-in-tests.md": "tests/sandbox/test_pytest_plugin.py",
    "docs/from-stackone.md": "tests/docs/test_recipes.py",
    "docs/recipes/background-checks.md": "tests/docs/test_recipes.py",
    "docs/recipes/embed-the-hub.md": "tests/docs/test_recipes.py",
    "docs/backup.md": "tests/cli/test_backup.py",
    "docs/clients.md": "tests/clients/test_examples.py",
    "clients/python/README.md": "tests/clients/building.py",
}
#: files whose blocks no test runs; all blocks parse
NOT_RUN = {
    "CONTRIBUTING.md": "make targets that run the tests themselves",
    "docs/adding-a-connector.md": "a fragment of a connector; the connectors' tests run whole ones",
    "docs/chaos.md": "make chaos, which takes long",
    "docs/deploy.md": "commands for a host of the reader's, with rights of root",
    "docs/operations.md": "commands for a host and a PostgreSQL of the reader's",
    "docs/hub.md": "calls with a key and a host of the reader's",
    "docs/performance.md": "the benchmark, which takes long",
    "docs/privacy.md": "calls with a key and a host of the reader's",
    "docs/sandbox.md": "calls to a simulator with ids of the reader's; tests/sandbox makes the same calls",
    "clients/typescript/README.md": "installs the package; tests/clients/test_typescript.py runs its programs",
    "sandbox/README.md": "installs the package; tests/test_packages.py installs and runs the wheels",
}


def blocks(name: str) -> list[tuple[str, str]]:
    """Returns the checked blocks of a Markdown file, each with its language."""
    document = parse((ROOT / name).read_text(), lambda target: target)
    return [(language, code) for language, code in document.fences if language in CHECKED]


WITH_BLOCKS = [name for name in FILES if (ROOT / name).exists() and blocks(name)]


@pytest.mark.parametrize("name", WITH_BLOCKS)
def test_a_block_is_run_or_listed_with_a_reason(name: str) -> None:
    """A page with runnable blocks is in one of the two lists, and the test that it names exists."""
    if not any(language in RUNNABLE for language, _ in blocks(name)):
        return
    assert (name in RUN) != (name in NOT_RUN), f"add {name} to RUN or NOT_RUN of {Path(__file__).name}"
    if name in RUN:
        assert Path(name).name in (ROOT / RUN[name]).read_text()


@pytest.mark.parametrize("name", WITH_BLOCKS)
def test_a_block_parses(name: str) -> None:
    """Shell, Python and JSON blocks have no syntax error."""
    for language, code in blocks(name):
        if language == "python":
            ast.parse(code)
        elif language == "json":
            json.loads(code)
        else:
            checked = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True)
            assert checked.returncode == 0, checked.stderr + code
