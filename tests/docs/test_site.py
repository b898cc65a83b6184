"""The docs under `/docs`: pages, anchors, search, Markdown twins, and nothing inline or foreign."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from greenroom.web.docs.site import START, load
from tests.house import House, open_house

PAGES = ("/docs", "/docs/quickstart", "/docs/api", "/docs/decisions", "/docs/reference/api", "/docs/search?q=webhook")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Runs a gateway."""
    async with open_house(tmp_path) as opened:
        yield opened


async def test_the_gateway_serves_its_docs(house: House) -> None:
    """Pages are open to everybody, load files of this gateway alone, and have no inline style or script."""
    for path in PAGES:
        answer = await house.client.get(path)

        assert answer.status_code == 200, path
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        loaded = re.findall(r'(?:src|<link[^>]* href)="([^"]+)"', answer.text)
        assert all(one.startswith(("/static/", "/docs/images/")) for one in loaded), loaded
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=|javascript:", answer.text), path


async def test_every_page_has_a_markdown_twin_and_is_in_the_list_for_models(house: House) -> None:
    """`/docs/llms.txt` links to the Markdown of each page of the navigation."""
    listed = (await house.client.get("/docs/llms.txt")).text

    assert listed.startswith("# Greenroom\n\n> ")
    addresses = set(re.findall(r"\]\((http[^)#]+\.md)", listed))
    assert len(addresses) > 20
    for address in addresses:
        answer = await house.client.get(httpx2.URL(address).path)
        assert answer.status_code == 200, address
        assert answer.headers["content-type"].startswith("text/markdown")
        assert answer.text.startswith("# "), address


async def test_a_search_finds_a_section(house: House) -> None:
    """A result links to the section with the words; a query is shown as text, and one without a result says so."""
    found = await house.client.get("/docs/search", params={"q": "order_check_url"})
    assert 'href="/docs/api#integrations"' in found.text

    hostile = await house.client.get("/docs/search", params={"q": "<b>nothing like it</b>"})
    assert "No section has all of these words" in hostile.text
    assert "<b>nothing" not in hostile.text


@pytest.mark.parametrize("path", ["/docs/nowhere", "/docs/../pyproject.toml", "/docs/%2e%2e/README.md", "/docs/README"])
async def test_an_unknown_page_is_a_page(path: str, house: House) -> None:
    """What is not a page of the docs is a 404 page, whatever the path."""
    assert (await house.client.get(path)).status_code == 404


async def test_pictures_and_examples_are_served(house: House) -> None:
    """Files beside the pages have their media types, source code as text."""
    picture = await house.client.get("/docs/images/order.webp")
    assert picture.headers["content-type"] == "image/webp"
    example = await house.client.get("/docs/examples/receivers/receiver.py")
    assert example.headers["content-type"].startswith("text/plain")


def test_the_navigation_has_every_page() -> None:
    """docs/README.md lists each page of the folder, but those of the decisions."""
    site = load({"paths": {}})
    listed = {entry.path for _, entries in site.groups for entry in entries}
    missing = {
        page.file
        for page in site.pages.values()
        if page.address.removeprefix("/docs").lstrip("/") not in listed and not page.file.startswith("decisions/0")
    }

    assert not missing, f"add to docs/{START}: {missing}"
