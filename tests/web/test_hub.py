"""The hub's page: settings, roles, and code that works as it is shown."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.house import House, Linked
from tests.support.ports import free_port
from tests.support.tools import missing_node, need
from tests.web.test_people import join, sign_in
from tests.web.visitors import Visitor

LOOK = {"product_name": "Proctor & Co", "accent": "#4B32A8", "logo_url": "https://proctor.example/logo.svg",
        "allowed_origins": "https://app.proctor.example\r\nhttps://staging.proctor.example:8443"}  # fmt: skip


@pytest.fixture
async def visitor(house: House, proctor: Linked) -> Visitor:
    """The owner of a project with an integration."""
    return await Visitor.sign_in(house)


@pytest.fixture
async def page(visitor: Visitor) -> str:
    """The address of the page."""
    return f"{(await visitor.get('/')).url.path}/hub"


async def test_what_is_saved_is_what_the_api_has(visitor: Visitor, page: str, proctor: Linked) -> None:
    """And the page shows it again."""
    assert (await visitor.submit(page, LOOK)).headers["location"] == page
    stored = (await proctor.api("GET", "/v1/hub")).json()
    shown = (await visitor.get(page)).text

    assert stored["allowed_origins"] == ["https://app.proctor.example", "https://staging.proctor.example:8443"]
    assert stored["branding"]["accent"] == "#4b32a8"
    assert stored["branding"]["product_name"] == "Proctor & Co"
    for text in (
        "Proctor &amp; Co",
        "#4b32a8",
        "https://proctor.example/logo.svg",
        "https://staging.proctor.example:8443",
    ):
        assert text in shown
    assert (await visitor.submit(page, {})).status_code == 303
    assert (await proctor.api("GET", "/v1/hub")).json()["allowed_origins"] == []


async def test_a_refused_value_is_named_with_the_way_out(visitor: Visitor, page: str) -> None:
    """The nearest colour that can be read, the origin that is wrong; every value is kept, nothing is stored."""
    wrong = {**LOOK, "accent": "#ffcc00", "logo_url": "http://proctor.example/a.svg",
             "allowed_origins": "https://app.proctor.example/\nhttps://*.proctor.example"}  # fmt: skip
    answer = await visitor.submit(page, wrong)
    text = html.unescape(answer.text)

    assert answer.status_code == 422
    assert re.search(r'id="accent-error".*The nearest colour that passes is #[0-9a-f]{6}', text)
    assert re.search(r'id="allowed_origins-error".*https://\*\.proctor\.example: expected an exact origin', text)
    assert 'id="logo_url-error"' in text
    assert 'value="#ffcc00"' in text
    assert 'value="Proctor & Co"' in text
    assert "https://app.proctor.example" not in (await visitor.get(page)).text


async def test_a_viewer_looks_and_changes_nothing(house: House, proctor: Linked) -> None:
    """The fields are disabled; saving and the preview are refused."""
    base = await join(house, "viewer")
    await sign_in(house)
    bob = Visitor(house)

    assert "A developer or an owner can change this." in (await bob.get(f"{base}/hub")).text
    for path in (f"{base}/hub", f"{base}/hub/preview", f"{base}/accounts/links/1/revoke"):
        assert (await bob.submit(path, LOOK)).status_code == 403


async def test_the_preview_has_a_session_of_its_own_and_may_be_framed_here_alone(
    visitor: Visitor, page: str, proctor: Linked
) -> None:
    """The values of the form stay; a reload leads back to the page, which may frame nothing."""
    shown = await visitor.submit(f"{page}/preview", LOOK)

    assert shown.status_code == 200
    assert "frame-src 'self'" in shown.headers["content-security-policy"]
    assert 'value="Proctor &amp; Co"' in shown.text
    assert re.search(r'data-token="pk_[\w-]+\.[\w-]{43}"', shown.text)
    assert (await proctor.api("GET", "/v1/hub")).json()["allowed_origins"] == []
    again = await visitor.get(f"{page}/preview")
    assert again.url.path == page
    assert "frame-src" not in again.headers["content-security-policy"]
    await proctor.api("PUT", "/v1/integrations/greenhouse", json={"enabled": False, "tenant_id": "proctor"})
    refused = await visitor.submit(f"{page}/preview", LOOK)
    assert (refused.status_code, "Enable one integration first" in refused.text) == (422, True)


async def code_of(visitor: Visitor, page: str, title: str) -> str:
    """Returns a piece of code as the page shows it, with the address of the test's gateway as public URL."""
    text = (await visitor.get(page)).text
    found = re.search(rf'<pre[^>]*aria-label="{re.escape(title)}">(.*?)</pre>', text, re.DOTALL)
    assert found, title
    url = visitor.house.settings.public_url
    assert url in found[1]
    return html.unescape(found[1]).replace(url, str(visitor.house.client.base_url).rstrip("/"))


async def test_the_script_tag_has_the_hash_of_the_script(visitor: Visitor, page: str) -> None:
    """A browser would refuse another one."""
    tag = await code_of(visitor, page, "HTML")
    found = re.search(r'src="([^"]+)" integrity="sha384-([^"]+)"', tag)
    assert found
    script = await visitor.house.client.get("/" + found[1].split("/", 3)[3])

    assert script.headers["content-type"].startswith("application/javascript")
    assert base64.b64encode(hashlib.sha384(script.content).digest()).decode() == found[2]


async def owner_of(linked: Linked, token: str) -> str:
    """Returns the owner of the session that a token opens."""
    answer = await linked.api("POST", "/connect_sessions/authenticate", json={"token": token})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["origin_owner_id"])


async def test_the_shell_command_opens_a_session(visitor: Visitor, page: str, proctor: Linked) -> None:
    """As it is copied, with the key in the environment."""
    command = ["bash", "-c", await code_of(visitor, page, "Shell")]
    environment = {**os.environ, "GATEWAY_API_KEY": proctor.key}
    done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)
    found = re.search(r'"token":\s*"([^"]+)"', done.stdout)

    assert found, done
    assert await owner_of(proctor, found[1]) == "cust_1042"


@pytest.mark.parametrize(("title", "command"), [("Python", sys.executable), ("Node.js", "node")])
async def test_a_server_example_gives_the_page_a_token(
    visitor: Visitor, page: str, proctor: Linked, tmp_path: Path, title: str, command: str
) -> None:
    """In at most twenty lines, as it is copied."""
    if command == "node":
        need(missing_node())
    code = await code_of(visitor, page, title)
    assert len(code.strip().splitlines()) <= 20
    file, port = tmp_path / "server.mjs", free_port()
    file.write_text(code)
    environment = {**os.environ, "GATEWAY_API_KEY": proctor.key, "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(command, str(file), env=environment)
    try:
        answer = await ask(f"http://127.0.0.1:{port}/hub-session", process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
    assert await owner_of(proctor, answer.json()["token"]) == "cust_1042"


async def ask(url: str, process: asyncio.subprocess.Process) -> httpx2.Response:
    """Returns the answer of an example's server, as soon as it has started."""
    async with asyncio.timeout(30), httpx2.AsyncClient(timeout=20) as client:
        while True:
            assert process.returncode is None, "the example ended"
            try:
                return await client.post(url)
            except httpx2.ConnectError:
                await asyncio.sleep(0.05)
