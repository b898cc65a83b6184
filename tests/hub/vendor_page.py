"""A vendor's page on another origin, under a strict content security policy, which opens the hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

#: what `Connect.start` is given besides the token, for each button of the page
SCRIPT = """
window.events = [];
const note = (name) => (value) => { events.push(value === undefined ? name : [name, value]); };
const callbacks = {
  onSuccess: note("success"), onCancel: note("cancel"), onClose: note("close"), onError: note("error"),
};
window.begin = (more) => Connect.start({ sessionToken: window.token, ...callbacks, ...more })
  .then((result) => { window.result = result; });
document.getElementById("connect").addEventListener("click", () => begin(window.more || {}));
"""
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Vendor</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/page.css">
<body><main><h1>Vendor</h1><button id="connect">Connect</button><div id="place"></div><p class="tall">Long page</p></main>
<script src="{gateway}/hub/v1/connect.js"></script><script src="/page.js"></script>"""


@dataclass
class VendorPage:
    """The page's address, and the gateway that it names as it is loaded."""

    url: str = ""
    gateway: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        policy = (
            f"default-src 'none'; script-src 'self' {self.gateway}; frame-src {self.gateway}; style-src 'self'; "
            "connect-src 'self'; base-uri 'none'"
        )
        bodies = {
            "/": ("text/html", PAGE.format(gateway=self.gateway)),
            "/page.js": ("text/javascript", SCRIPT),
            "/page.css": ("text/css", "button { font: inherit } .tall { min-height: 200vh }"),
        }
        kind, text = bodies.get(request.path, ("text/plain", ""))
        return web.Response(text=text, content_type=kind, headers={"content-security-policy": policy})


@asynccontextmanager
async def vendor_page(gateway: str, host: str = "localhost") -> AsyncIterator[VendorPage]:
    """Serves the page on a free port; localhost is another site than 127.0.0.1, where the gateway is."""
    page = VendorPage(gateway=gateway)
    app = web.Application()
    app.router.add_get("/{path:.*}", page.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    page.url = f"http://{host}:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    try:
        yield page
    finally:
        await runner.cleanup()
