"""The rules that every page keeps: queries, bytes, no inline code, genuine forms, files that are ours."""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from typing import Any

import httpx2
import pytest

from greenroom.static_files import IMMUTABLE
from greenroom.store.sqlite import SqliteTx
from greenroom.web import assets
from tests.house import House, Linked
from tests.web.pages import PAGES
from tests.web.visitors import HTML, Visitor, ids_of

HTMX = "22283ef68cb7545914f0a88a1bdedc7256a703d1d580c1d255217d0a50d31313"
MOST_QUERIES = 8
#: the page Problems diagnoses anew each time
MOST_OF_DIAGNOSIS = 60
FIRST_VISIT = 120_000
LATER_VISIT = 30_000


@pytest.fixture
async def visitor(house: House, proctor: Linked) -> Visitor:
    """The owner of a project with an order."""
    return await Visitor.sign_in(house)


async def paths(visitor: Visitor, proctor: Linked) -> list[str]:
    """The addresses of `PAGES` in this project."""
    order = await proctor.send_test()
    project = (await visitor.get("/")).url.path.rpartition("/")[2]
    ids = {"order": order, "project": project, **await ids_of(proctor)}
    return [path.format(**ids) for path in PAGES]


async def test_a_page_costs_few_queries(visitor: Visitor, proctor: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight at most, the session's and the projects' among them."""
    units: list[str] = []
    execute = SqliteTx._execute

    def count(self: SqliteTx, sql: str, *values: Any) -> Any:
        units.append(sql)
        return execute(self, sql, *values)

    visited = await paths(visitor, proctor)
    await proctor.house.app.state.engine.stop()  # its statements would be counted, too
    monkeypatch.setattr(SqliteTx, "_execute", count)
    for path in visited:
        seen = []
        for _ in range(2):  # the end of an attempt may be recorded during one of the two visits
            units.clear()
            await visitor.get(path)
            seen.append(list(units))
        most = MOST_OF_DIAGNOSIS if "/findings" in path else MOST_QUERIES
        assert min(map(len, seen)) <= most, (path, seen)
        assert any(seen) or path == "/docs/causes", path


async def test_a_page_transfers_little_and_has_no_inline_code(visitor: Visitor, proctor: Linked) -> None:
    """As sent: the first visit with style sheet, scripts, icons and the fonts of Europe's languages."""
    latin = ("greenroom.css", "greenroom.js", "icons.svg", "favicon.svg", "fonts/inter-latin.woff2",
             "fonts/inter-european.woff2", "fonts/geist-mono-latin.woff2", "vendor/htmx-2.0.8.min.js")  # fmt: skip
    files = 0
    for name in latin:
        async with visitor.house.client.stream("GET", assets.url(name)) as answer:
            assert answer.headers["cache-control"] == IMMUTABLE
            files += len(b"".join([part async for part in answer.aiter_raw()]))
    for path in await paths(visitor, proctor):
        async with visitor.house.client.stream("GET", path, headers=HTML) as answer:
            sent = len(b"".join([part async for part in answer.aiter_raw()]))
        assert sent <= LATER_VISIT, path
        assert files + sent <= FIRST_VISIT, (path, files + sent)
        text = (await visitor.get(path)).text
        assert not re.search(r"<script(?! src=)|<style|<[^>]+\s(?:style|on\w+)=|javascript:", text), path


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("", {}),
        ("0.0", {}),
        (None, {"origin": "https://evil.example"}),
        (None, {"origin": "null"}),
        (None, {"sec-fetch-site": "cross-site"}),
    ],
)
async def test_a_foreign_form_is_refused(visitor: Visitor, token: str | None, headers: dict[str, str]) -> None:
    """Without the page's token, or from another origin; the session goes on, and a genuine form is taken."""
    answer: httpx2.Response
    if token is None:
        answer = await visitor.submit("/sign-out", **headers)
    else:
        answer = await visitor.house.client.post("/sign-out", data={"csrf": token}, headers=HTML)

    assert answer.status_code == 403
    assert "Not allowed" in answer.text
    assert (await visitor.get("/")).status_code == 200
    assert (await visitor.submit("/sign-out", origin=str(visitor.house.client.base_url).rstrip("/"))).status_code == 303


async def test_an_unknown_path_is_a_page_for_a_browser_and_json_for_a_client(visitor: Visitor) -> None:
    """Each gets 404 in its own language."""
    page, answer = await visitor.get("/nowhere"), await visitor.house.client.get("/nowhere")

    assert (page.status_code, answer.status_code) == (404, 404)
    assert "<h1>There is nothing here</h1>" in page.text
    assert answer.json()["statusCode"] == 404


async def test_an_order_of_a_project_is_found_by_its_id(visitor: Visitor, proctor: Linked) -> None:
    """By its short address and by the search; an order that does not exist is a page that says so."""
    order = await proctor.send_test()

    for path in (f"/orders/{order}", f"/search?q={order}"):
        assert (await visitor.get(path)).url.path.endswith(f"/orders/{order}")
    assert (await visitor.get("/orders/ord_none")).status_code == 404
    assert (await visitor.get("/projects/prj_none/orders")).status_code == 404


def test_names_of_european_languages_need_one_small_file() -> None:
    """Its range in the style sheet has the letters; no other file is asked for them."""
    styles = assets.load().get("greenroom.css").content.decode()
    ranges = dict(re.findall(r"url\(fonts/([\w-]+)\.woff2\).*?unicode-range: ([^;]+);", styles))
    for letter in "ąćęłńóśźżĄŁŻčďěňřšťůžğışőűāēģșț":
        found = [
            name
            for name, text in ranges.items()
            for first, _, last in (one.strip()[2:].partition("-") for one in text.split(","))
            if name.startswith("inter") and int(first, 16) <= ord(letter) <= int(last or first, 16)
        ]
        assert found in (["inter-latin"], ["inter-european"]), letter


def test_newer_features_of_css_have_a_plain_value_before_them() -> None:
    """For browsers that ignore a declaration with `dvh` or `light-dark()`."""
    styles = assets.load().get("greenroom.css").content.decode()

    for name, value in re.findall(r"([\w-]+): ([^;{}]*\ddvh[^;{}]*);", styles):
        assert f"{name}: {value.replace('dvh', 'vh')}; {name}: {value};" in styles
    for name in re.findall(r"(--[\w-]+): light-dark\(", styles):
        assert re.search(rf"{name}: (?!light-dark)", styles.partition("@supports")[0]), name


def test_htmx_is_the_published_file() -> None:
    """Its hash is that of the package htmx.org 2.0.8."""
    content = resources.files("greenroom.web").joinpath("static", "vendor", "htmx-2.0.8.min.js").read_bytes()

    assert hashlib.sha256(content).hexdigest() == HTMX
