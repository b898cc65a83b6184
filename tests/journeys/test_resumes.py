"""Resumes: fetched at once, stored encrypted, handed out by links that end, on both databases."""

from __future__ import annotations

import asyncio
import io
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from greenroom.model import resumes as model
from greenroom.services import resumes, retention
from tests.house import ADA, Linked, open_house
from tests.journeys.test_erasure import url

__all__ = ["url"]

PDF = b"%PDF-1.7 canary-in-a-resume"


@pytest.fixture
async def linked(tmp_path: Path, url: Any) -> Any:
    """A project that stores resumes, on each database; the vendor's server has the file."""
    async with open_house(tmp_path, url) as house:
        yield await house.link("proctor", package_id="pkg_core_sql", resume="store")


async def send(linked: Linked, number: int = 900417) -> str:
    """Sends a test with a link to a resume."""
    return await linked.send_test(
        number, candidate={**ADA, "resume_url": f"{linked.house.vendor.url}/r/{number}?sig=x"}
    )


async def row(linked: Linked, order: str) -> dict[str, Any]:
    """Waits until a resume is no longer pending, and returns its row."""
    store = linked.house.app.state.ctx.store
    async with asyncio.timeout(20):
        while True:
            found = await store.read(lambda tx: tx.one("SELECT * FROM resumes WHERE id = $1", order))
            if found is not None and found["state"] != "pending":
                return dict(found)
            await asyncio.sleep(0.02)


async def failed_once(linked: Linked, order: str) -> None:
    """Waits until an attempt has failed and the next one waits for less than a minute."""
    store = linked.house.app.state.ctx.store
    query = "SELECT attempts, due_at - now_ms() AS wait FROM resumes WHERE id = $1"
    async with asyncio.timeout(20):
        while True:
            found = await store.read(lambda tx: tx.one(query, order))
            if found["attempts"] and found["wait"] < 30_000:
                return
            await asyncio.sleep(0.02)


async def link(linked: Linked, order: str) -> dict[str, Any]:
    answer = await linked.api("GET", f"/v1/orders/{order}/resume")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def follow(linked: Linked, given: str) -> httpx2.Response:
    parts = urlsplit(given)
    return await linked.house.client.get(f"{parts.path}?{parts.query}")


async def test_it_is_fetched_stored_and_handed_out(linked: Linked) -> None:
    """Encrypted at rest; the link works without a key, ends, and cannot be forged; an erasure deletes the file."""
    linked.house.vendor.will_answer((200, {"content-type": "text/html"}, PDF))
    order = await send(linked)
    stored = await row(linked, order)
    given = await link(linked, order)
    file = await follow(linked, given["url"])
    ctx = linked.house.app.state.ctx
    signature = given["url"].rpartition("=")[2]
    forged = [
        await follow(linked, given["url"].replace(signature, "0" * 64)),
        await follow(linked, given["url"].replace("expires=", "expires=9")),
        await follow(linked, given["url"].partition("?")[0]),
        await follow(linked, given["url"] + "%C3%A9%00"),
    ]
    assert (await linked.api("DELETE", f"/v1/orders/{order}/content")).status_code == 200
    gone = await follow(linked, given["url"])
    none = await linked.api("GET", f"/v1/orders/{order}/resume")

    assert (stored["state"], stored["size"], "canary" in stored["content_sealed"]) == ("stored", len(PDF), False)
    assert (given["media_type"], given["size"]) == ("application/pdf", len(PDF))
    assert (file.status_code, file.content) == (200, PDF)
    assert file.headers["content-disposition"] == 'attachment; filename="resume.pdf"'
    assert (file.headers["x-content-type-options"], file.headers["cache-control"]) == ("nosniff", "no-store")
    assert file.headers["content-type"] == "application/pdf"
    assert {one.status_code for one in [*forged, gone, none]} == {404}
    assert await ctx.store.read(lambda tx: tx.all("SELECT * FROM resumes")) == []
    assert [one.path for one in linked.house.vendor.received] == ["/r/900417?sig=x"]


async def test_a_link_ends(linked: Linked) -> None:
    """After five minutes."""
    linked.house.vendor.will_answer((200, {}, PDF))
    order = await send(linked)
    await row(linked, order)
    ctx = linked.house.app.state.ctx
    project = (await linked.api("GET", "/v1/project")).json()["id"]
    before = ctx.now() - resumes.LINK_LASTS - timedelta(seconds=1)
    old = await resumes.make_link(replace(ctx, now=lambda: before), project, order)
    new = await resumes.make_link(ctx, project, order)

    assert [(await follow(linked, one.url)).status_code for one in (new, old)] == [200, 404]


async def test_it_is_tried_again_while_the_link_works(linked: Linked) -> None:
    """An order and its event do not wait for it."""
    linked.house.vendor.will_answer(503, (200, {}, PDF))
    order = await send(linked)
    await failed_once(linked, order)
    waiting = await linked.api("GET", f"/v1/orders/{order}/resume")
    store = linked.house.app.state.ctx.store
    await store.write(lambda tx: tx.run("UPDATE resumes SET due_at = now_ms()"))

    assert (waiting.status_code, "still being fetched" in waiting.json()["message"]) == (404, True)
    assert (await row(linked, order))["state"] == "stored"
    assert len(linked.house.vendor.received) == 2


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [(404, b"", "404"), (200, b"<html>", "not a PDF"), (200, PDF + bytes(model.LARGEST), "larger than 5 MiB"),
     (302, b"", "302")],
)  # fmt: skip
async def test_what_cannot_be_stored_is_an_alert(linked: Linked, status: int, content: bytes, said: str) -> None:
    """With the reason, after one attempt; the next order's resume is stored."""
    linked.house.vendor.will_answer((status, {}, content), (200, {}, PDF))
    order = await send(linked)
    failed = await row(linked, order)
    other = await send(linked, 2)
    alerts = (await linked.api("GET", f"/v1/orders/{order}/timeline")).json()["data"]

    assert (failed["state"], failed["content_sealed"]) == ("failed", None)
    assert [said in one["message"] for one in alerts if "resume" in one["message"]] == [True]
    assert (await row(linked, other))["state"] == "stored"


async def test_only_where_it_is_wanted(linked: Linked) -> None:
    """Not by default, not with store: minimal, and not from an address that is not public."""
    body = {"tenant_id": "proctor", "package_id": "pkg_core_sql"}
    for number, changes in enumerate(({}, {"resume": "store", "store": "minimal"})):
        await linked.api("PUT", "/v1/integrations/greenhouse", json={**body, **changes})
        await send(linked, number)
    await linked.api("PUT", "/v1/integrations/greenhouse", json={**body, "resume": "store"})
    inside = await linked.send_test(5, candidate={**ADA, "resume_url": "http://10.0.0.1/metadata"})
    failed = await row(linked, inside)
    store = linked.house.app.state.ctx.store

    assert failed["state"] == "failed"
    assert len(await store.read(lambda tx: tx.all("SELECT id FROM resumes"))) == 1
    assert linked.house.vendor.received == []


async def test_another_project_gets_no_link(linked: Linked) -> None:
    """The answer is that of an unknown order."""
    linked.house.vendor.will_answer((200, {}, PDF))
    order = await send(linked)
    await row(linked, order)
    mallory = await linked.house.link("mallory", tenant="mallory", package_id="x")

    assert (await mallory.api("GET", f"/v1/orders/{order}/resume")).status_code == 404


async def test_it_is_deleted_with_the_events(linked: Linked) -> None:
    """After the project's retention of events, so that the table does not grow for ever."""
    linked.house.vendor.will_answer((200, {}, PDF))
    order = await send(linked)
    await row(linked, order)
    ctx = linked.house.app.state.ctx
    assert await retention.delete_old_resumes(ctx) == (None, 0)
    old = "ord_" + "0" * 26
    await ctx.store.write(
        lambda tx: tx.run(
            "INSERT INTO orders (id, project_id, account_id, provider, category, source, dedupe_key, package_id, "
            "candidate_email, request, raw, status, outcome, delivery, created_at, updated_at) SELECT $1, project_id, "
            "account_id, provider, category, source, 'x', package_id, candidate_email, request, raw, status, outcome, "
            "delivery, created_at, updated_at FROM orders WHERE id = $2",
            old,
            order,
        )
    )
    await ctx.store.write(lambda tx: tx.run("UPDATE resumes SET id = $1", old))

    assert await retention.delete_old_resumes(ctx) == (None, 1)


def archive(**files: str) -> bytes:
    """Returns a ZIP archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, text in files.items():
            opened.writestr(name.replace("__", "/").replace("_", "."), text)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        (PDF, "pdf"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 x", "doc"), (rb"{\rtf1 x", "rtf"),
        (archive(word__document_xml="x"), "docx"),
        (archive(mimetype="application/vnd.oasis.opendocument.text"), "odt"),
        ("Zoë Nguyễn\r\n\tEngineer\n".encode(), "txt"), (b"", None), (b"  <!doctype html>", None), (b"a\x00b", None),
        (b"\x7fELF", None), (archive(evil_exe="x"), None), (b"PK\x03\x04 broken", None), (b"\xff\xfe", None),
    ],
)  # fmt: skip
def test_the_type_is_that_of_the_content(content: bytes, ending: str | None) -> None:
    """Whatever the server says it is."""
    found = model.sniff(content)
    assert (model.ENDINGS[found] if found else None) == ending


def test_waits_end_before_the_link_does() -> None:
    """At least one attempt a day in all seven."""
    age, attempts = timedelta(0), 1
    while (wait := model.next_wait(attempts, age)) is not None:
        assert wait <= timedelta(days=1)
        age, attempts = age + wait, attempts + 1

    assert timedelta(days=6) < age < model.LINK_LASTS
