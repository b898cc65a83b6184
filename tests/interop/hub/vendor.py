"""The vendor's web application: pages with the official hub packages, on an origin of its own, under a strict policy."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

HERE = Path(__file__).parent
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The vendor's product</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body>{body}</body></html>"""
BODY = """<main id="root"></main><script type="module" src="/built/{name}.js"></script>"""
#: policies by page: the current package runs in the page and sets styles from its script, the one before opens a frame
IN_THE_PAGE = (
    "script-src 'self'; style-src 'self' 'unsafe-inline'; font-src data:; img-src {gateway} data:; "
    "connect-src 'self' {gateway}"
)
IN_A_FRAME = "script-src 'self' {gateway}; style-src 'self'; connect-src 'self'; frame-src {gateway}"
WITH_A_TAG = "script-src {gateway}; frame-src {gateway}; style-src 'none'"
POLICIES = {"element": IN_THE_PAGE, "component": IN_THE_PAGE, "hook": IN_A_FRAME, "tag": WITH_A_TAG}


def build(target: Path) -> None:
    """Bundles the pages into a folder."""
    done = subprocess.run(["node", "build.mjs", target], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@dataclass
class Vendor:
    """The vendor's server; the next page gets `options`, and the page `tag` is the HTML in `tag`."""

    built: Path
    gateway: str
    origin: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    tag: str = ""

    def app(self) -> web.Application:
        """Returns the application."""
        app = web.Application()
        app.router.add_get("/options.json", self._answer_options)
        app.router.add_get("/page/{name}", self._answer_page)
        app.router.add_static("/built", self.built)
        return app

    async def _answer_options(self, _: web.Request) -> web.Response:
        return web.json_response({"gateway": self.gateway, **self.options})

    async def _answer_page(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        policy = (
            f"default-src 'none'; base-uri 'none'; form-action 'none'; {POLICIES[name].format(gateway=self.gateway)}"
        )
        headers = {"content-security-policy": policy}
        body = self.tag if name == "tag" else BODY.format(name=name)
        return web.Response(text=PAGE.format(body=body), content_type="text/html", headers=headers)


@asynccontextmanager
async def running_vendor(built: Path, gateway: str) -> AsyncIterator[Vendor]:
    """Runs the vendor's server on a free loopback port."""
    vendor = Vendor(built, gateway)
    runner = web.AppRunner(vendor.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    vendor.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield vendor
    finally:
        await runner.cleanup()
