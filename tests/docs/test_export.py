"""`greenroom docs`: every link resolves, and the pages work from a file server and from disk."""

from __future__ import annotations

import http.server
import re
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from greenroom.api.faults import CAUSES
from greenroom.doctor.catalogue import causes
from tests.support.browser import chromium, listening

SOURCE = Path(__file__).parent.parent.parent / "src"
#: an address of the docs, or one of their files, in the code
NAMED = re.compile(r"(?<![\w.])(/docs/[a-z][a-z/-]*[a-z]|docs/[a-z][a-z/-]*\.md)\b(?:#([\w.-]+))?")
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The docs as the command writes them."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "greenroom", "docs", str(folder)]
    folder.mkdir()
    (folder / "search-index.js").write_text("of an earlier export")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"Wrote \d+ pages to {folder}. Open {folder / 'index.html'}.\n", done.stdout)
    return folder


def find_anchors(page: Path) -> set[str]:
    """Returns the ids of a page."""
    return set(re.findall(r'\sid="([^"]+)"', page.read_text()))


def test_every_link_leads_to_a_file_and_an_anchor(site: Path) -> None:
    """Of every page: to pages, pictures, scripts, styles and the sections of pages; nothing leads to another host."""
    pages = list(site.rglob("*.html"))
    anchors = {page: find_anchors(page) for page in pages}
    assert len(pages) > 80
    for page in pages:
        links = re.findall(r'\b(href|src|action)="([^"]*)"', page.read_text())
        for kind, link in links:
            if re.match(r"[a-z]+:", link):
                assert kind == "href", f"{page.name} loads {link}"
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.is_relative_to(site), f"{page.name}: {link}"
            assert target.is_file(), f"{page.name}: {link} names nothing"
            if anchor and target.suffix == ".html":
                assert anchor in anchors[target], f"{page.name}: {link} names no section"
    assert stat.S_IMODE((site / "index.html").stat().st_mode) == 0o644


def test_links_of_messages_lead_to_a_page(site: Path) -> None:
    """What errors, pages and events link to is in the docs: each cause, and every page that the code names."""
    anchors = find_anchors(site / "causes.html")
    assert causes().keys() | set(CAUSES.values()) <= anchors
    named = set()
    for path in (*SOURCE.rglob("*.py"), *SOURCE.rglob("*.html"), *SOURCE.rglob("*.toml"), *SOURCE.rglob("*.json")):
        if path.parent.name != "docs":  # the site's own code
            named |= set(NAMED.findall(path.read_text()))
    assert {"/docs/causes", "docs/backup.md"} <= {one for one, _ in named}
    for name, anchor in named:
        page = site / f"{name.lstrip('/').removeprefix('docs/').removesuffix('.md')}.html"
        assert page.exists(), f"the code names {name}"
        assert not anchor or anchor in find_anchors(page), f"the code names {name}#{anchor}"


def test_a_directory_with_other_files_is_left_alone(tmp_path: Path) -> None:
    """The command says so, and writes nothing."""
    (tmp_path / "own.txt").write_text("mine")
    command = [sys.executable, "-m", "greenroom", "docs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert "has other files, so nothing was written" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["own.txt"]


class _Handler(http.server.SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("content-security-policy", POLICY)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[str]:
    """The address of a plain file server with a strict policy, which has the docs under a path."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=site.parent)) as one:
        running = threading.Thread(target=one.serve_forever, args=(0.05,))
        running.start()
        yield f"http://127.0.0.1:{one.server_port}/site"
        one.shutdown()
        running.join()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tab() -> AsyncIterator[Page]:
    """A tab of a browser."""
    async with chromium() as browser:
        yield await browser.new_page(viewport={"width": 1280, "height": 800})


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("where", ["server", "disk"])
async def test_the_search_works_by_keyboard(where: str, site: Path, server: str, tab: Page) -> None:
    """From a file server and from disk: the key `/`, words, Enter, and a result leads to its section."""
    address = server if where == "server" else site.as_uri()
    errors: list[str] = []
    await tab.goto("about:blank")
    with listening(tab, errors):
        await tab.goto(f"{address}/recipes/background-checks.html")
        await expect(tab.get_by_role("heading", level=1)).to_have_text("Background checks from order to report")
        await tab.keyboard.press("/")
        await tab.keyboard.type("ResultAlreadyRecorded")
        await tab.keyboard.press("Enter")
        await expect(tab.get_by_role("heading", level=1)).to_have_text("Results for “ResultAlreadyRecorded”")
        first = tab.locator(".docs-found a").first
        await expect(first).to_contain_text("Error codes")
        await first.focus()
        await tab.keyboard.press("Enter")
        await expect(tab).to_have_url(f"{address}/api.html#error-codes")
        await tab.goto(f"{address}/search.html?q=%3Cimg+src%3Dx%3E")
        await expect(tab.get_by_text("No section has all of these words")).to_be_visible()
    assert not errors
