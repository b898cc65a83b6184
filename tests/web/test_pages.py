"""The dashboard's pages: who gets in, and what they show."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser

import pytest

from tests.house import ADA, House, Linked, webhook
from tests.web.visitors import HTML, Visitor, sign_in_link


async def test_a_link_signs_in_once(house: House, proctor: Linked) -> None:
    """Looking does not use it up, only its button does; the second visit, and a made-up link, say what to do."""
    path = await sign_in_link(house)
    assert (await house.client.head(path)).status_code == 200
    for _ in range(2):
        looked = await house.client.get(path)
        assert (looked.status_code, looked.headers["referrer-policy"]) == (200, "no-referrer")
        assert "greenroom_session" not in house.client.cookies
    first = await Visitor(house).submit(path, on=path, origin="null")
    assert (await house.client.post(path, headers=HTML)).status_code == 403
    used = await Visitor(house).submit(path, on="/sign-in/made-up")
    home = await house.client.get("/", follow_redirects=True)
    again = await house.client.get(path)

    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = next(one for one in first.headers.get_list("set-cookie") if one.startswith("greenroom_session"))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "<h1>Home</h1>" in home.text
    for refused in (used, again, await house.client.get("/sign-in/made-up")):
        assert refused.status_code == 401
        assert "greenroom sign-in-link" in refused.text


@pytest.mark.parametrize(
    ("asked", "reached"),
    [
        ("/orders", "/orders"),
        ("/orders/ord_x?a=1&b=%C3%A9", "/orders/ord_x?a=1&b=%C3%A9"),
        ("//evil.example/", "/"),
    ],
)
async def test_signing_in_leads_to_the_page_that_was_asked_for(house: House, asked: str, reached: str) -> None:
    """Once, and never to another host."""
    await house.client.get(asked)
    first, second = await sign_in_link(house), await sign_in_link(house)
    signed_in = await Visitor(house).submit(first, on=first)
    house.client.cookies.delete("greenroom_session")
    again = await Visitor(house).submit(second, on=second)

    assert signed_in.headers["location"] == reached
    assert again.headers["location"] == "/"


@pytest.mark.parametrize(
    "cookie", ["%2F%2Fevil.example", "%2F%5Cevil.example", "https%3A%2F%2Fevil.example", "%0A", ""]
)
async def test_a_forged_cookie_leads_home(house: House, cookie: str) -> None:
    """The cookie's value is untrusted."""
    path = await sign_in_link(house)
    house.client.cookies.set("greenroom_next", cookie)
    answer = await Visitor(house).submit(path, on=path)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_an_old_link_is_refused(house: House) -> None:
    """After fifteen minutes."""
    path = await sign_in_link(house)
    await house.app.state.ctx.store.write(lambda tx: tx.run("UPDATE sign_in_codes SET expires_at = now_ms() - 1"))

    assert (await house.client.get(path)).status_code == 401


@pytest.mark.parametrize("path", ["/", "/orders", "/orders/ord_x"])
async def test_nobody_else_gets_in(house: House, path: str) -> None:
    """Without a session, with a made-up one, after signing out."""
    assert (await house.client.get(path)).headers["location"] == "/sign-in"
    house.client.cookies.set("greenroom_session", "made-up")
    assert (await house.client.get(path)).headers["location"] == "/sign-in"
    house.client.cookies.clear()
    await Visitor.sign_in(house)
    assert (await house.client.get(path)).status_code in (200, 302, 404)
    await Visitor(house).submit("/sign-out")
    assert (await house.client.get(path)).headers["location"] == "/sign-in"


async def test_an_order_with_everything_that_happened_to_it(house: House, proctor: Linked) -> None:
    """Escaped, whatever a candidate is called."""
    await webhook(proctor)
    order = await proctor.send_test(
        candidate={**ADA, "first_name": "<script>alert(1)</script>"}, url="https://evil.example/1"
    )
    await house.vendor.receive(1)
    await proctor.give_result(order)
    await proctor.becomes(order, delivery="refused")
    await Visitor.sign_in(house)

    listed = await Visitor(house).get("/orders")
    page = await Visitor(house).get(f"/orders/{order}")

    assert f'/orders/{order}"' in listed.text
    assert "Push to Greenhouse again" in page.text
    for answer in (listed, page):
        assert "<script>" not in answer.text
        assert "&lt;script&gt;" in answer.text
    assert "evil.example is not in the integration&#39;s callback_hosts" in page.text
    assert "Order received; queued for 1 webhook." in page.text
    assert "partner_password" not in page.text


async def test_an_order_whose_content_was_erased(house: House, proctor: Linked) -> None:
    """Every page that shows orders says so, and since when."""
    order = await proctor.send_test()
    await proctor.give_result(order)
    await house.greenhouse.receive(1)
    await proctor.status(order)
    await proctor.becomes(order, delivery="acknowledged")
    async with asyncio.timeout(20):
        while (answer := await proctor.api("DELETE", f"/v1/orders/{order}/content")).status_code != 200:
            await asyncio.sleep(0.05)
    day = answer.json()["erased_at"][:10]
    await Visitor.sign_in(house)

    for path in ("/", "/orders", f"/orders/{order}"):
        page = await Visitor(house).get(path)
        assert page.status_code == 200
        assert f"Content erased on {day}" in page.text, path
        assert "Ada" not in page.text
        assert "results.proctor-tests.com" not in page.text
    assert "<h3>Content erased</h3>" in page.text


async def test_every_page_keeps_the_rules(house: House, proctor: Linked) -> None:
    """One h1, a title, a language, landmarks, no inline style or script, a strict policy, nothing cached."""
    order = await proctor.send_test()
    await Visitor.sign_in(house)
    for path in ("/", "/orders", f"/orders/{order}", "/orders/ord_none", "/sign-in"):
        answer = await Visitor(house).get(path)
        outline = Outline()
        outline.feed(answer.text)
        assert outline.count["h1"] == outline.count["main"] == outline.count["title"] == 1, path
        assert 'lang="en"' in answer.text
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=", answer.text), path
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


class Outline(HTMLParser):
    """Counts elements outside drawings."""

    def __init__(self) -> None:
        super().__init__()
        self.count: dict[str, int] = {}
        self.drawings = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.drawings += tag == "svg"
        if not self.drawings:
            self.count[tag] = self.count.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        self.drawings -= tag == "svg"
