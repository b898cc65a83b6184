"""nginx and Caddy with their example configurations, started in front of a gateway."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import trustme
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.deploy import DEPLOY, find_tool
from tests.house import House, open_house
from tests.support.ports import free_port

START_S = 60


@dataclass
class Ports:
    """Ports of a proxy, and the files of its certificate."""

    plain: int
    tls: int
    certificate: Path
    key: Path


def prepare_nginx(ports: Ports, gateway: int, directory: Path) -> tuple[list[str], dict[str, str]]:
    """Writes the example with other ports, names and files; returns the command and its variables."""
    nginx = find_tool("nginx", "Debian: nginx")
    text = (DEPLOY / "nginx" / "greenroom.conf").read_text()
    text = re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)
    text = text.replace("listen 80;", f"listen 127.0.0.1:{ports.plain};")
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{ports.tls} ssl")
    text = text.replace("/etc/letsencrypt/live/greenroom.example.com/fullchain.pem", str(ports.certificate))
    text = text.replace("/etc/letsencrypt/live/greenroom.example.com/privkey.pem", str(ports.key))
    text = text.replace("greenroom.example.com", "localhost").replace("127.0.0.1:8000", f"127.0.0.1:{gateway}")
    (directory / "greenroom.conf").write_text(text)
    temporary = "".join(
        f"{kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "nginx.conf").write_text(
        f"{'user root;' if os.geteuid() == 0 else ''} daemon off; pid {directory}/pid; events {{}}\n"
        f"http {{ access_log off; {temporary} include {directory}/greenroom.conf; }}\n"
    )
    command = [nginx, "-e", "stderr", "-p", str(directory), "-c", str(directory / "nginx.conf")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    return command, {}


def prepare_caddy(ports: Ports, gateway: int, directory: Path) -> tuple[list[str], dict[str, str]]:
    """Writes the example with other ports and a certificate; returns the command and its variables."""
    caddy = find_tool("caddy", "Debian: caddy")
    text = (DEPLOY / "caddy" / "Caddyfile").read_text()
    options = f"\tadmin off\n\thttp_port {ports.plain}\n\thttps_port {ports.tls}\n"
    text = text.replace("{\n\tservers", f"{{\n{options}\tservers", 1)
    site = "{$DOMAIN:greenroom.example.com} {\n"
    assert site in text
    text = text.replace(site, f"{site}\ttls {ports.certificate} {ports.key}\n")
    (directory / "Caddyfile").write_text(text)
    variables = {
        "DOMAIN": "localhost", "GATEWAY": f"127.0.0.1:{gateway}", "HOME": str(directory),
        "XDG_DATA_HOME": str(directory), "XDG_CONFIG_HOME": str(directory),
    }  # fmt: skip
    arguments = ["--config", str(directory / "Caddyfile"), "--adapter", "caddyfile"]
    tested = subprocess.run([caddy, "validate", *arguments], capture_output=True, text=True, env=variables, check=False)
    assert tested.returncode == 0, tested.stderr
    return [caddy, "run", *arguments], variables


PREPARE = {"nginx": prepare_nginx, "caddy": prepare_caddy}


@asynccontextmanager
async def running(command: list[str], variables: dict[str, str], port: int, log: Path) -> AsyncIterator[None]:
    """Runs a proxy for the block, from the moment that it accepts connections."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, env=variables, stdout=output, stderr=output)
    try:
        async with asyncio.timeout(START_S):
            while not accepts(port):
                assert process.returncode is None, log
                await asyncio.sleep(0.05)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def accepts(port: int) -> bool:
    """Returns whether a port of 127.0.0.1 accepts connections."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Fronted:
    """A gateway behind a proxy, a client that trusts the proxy's certificate, and the proxy's plain address."""

    house: House
    client: httpx2.AsyncClient
    plain: str


async def show(request: Request) -> JSONResponse:
    """Answers with what the gateway knows of the client."""
    client = request.client.host if request.client else None
    return JSONResponse({"client": client, "headers": dict(request.headers)})


@pytest.fixture(params=PREPARE)
async def fronted(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fronted]:
    """A gateway with an https public URL behind each proxy."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    ports = Ports(free_port(), free_port(), tmp_path / "cert.pem", tmp_path / "key.pem")
    ports.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    ports.key.write_bytes(issued.private_key_pem.bytes())
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    directory = tmp_path / "proxy"
    directory.mkdir()
    url = f"https://localhost:{ports.tls}"
    async with open_house(tmp_path, public_url=url, trusted_proxies="127.0.0.1/32") as house:
        house.app.router.routes.insert(0, Route("/shown", show))
        gateway = house.client.base_url.port
        assert gateway is not None
        command, variables = PREPARE[request.param](ports, gateway, directory)
        async with (
            running(command, variables, ports.tls, directory / "log"),
            httpx2.AsyncClient(base_url=url, verify=trusted, timeout=30) as client,
        ):
            yield Fronted(house, client, f"http://localhost:{ports.plain}")


async def test_a_proxy_in_front(fronted: Fronted) -> None:
    """TLS ends at the proxy; clients cannot forge addresses; sizes fit; metrics stay inside; plain http is redirected."""
    client = fronted.client
    alive = await client.get("/healthz")
    assert alive.json() == {"status": "ok"}
    assert alive.headers["strict-transport-security"]
    assert (await client.get("/metrics")).status_code == 404

    forged = {
        "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http", "x-forwarded-host": "evil.example.com",
        "forwarded": "for=203.0.113.9",
    }  # fmt: skip
    shown = (await client.get("/shown", headers=forged)).json()
    assert shown["client"] in ("127.0.0.1", "::1")
    assert shown["headers"]["x-forwarded-proto"] == "https"
    assert "evil.example.com" not in str(shown)

    key = {"authorization": "Basic eDo="}
    most = 1024 * 1024
    assert (await client.put("/v1/packages", content=b"x" * (most - 1), headers=key)).status_code == 401
    assert (await client.put("/v1/packages", content=b"x" * (most + 1), headers=key)).status_code == 413
    refused = await client.post("/v1/webhooks", content=b"x" * (most // 2), headers=key)
    assert refused.status_code == 413
    assert "256 KiB" in refused.json()["message"]  # the gateway's own answer

    async with httpx2.AsyncClient() as plain:
        moved = await plain.get(f"{fronted.plain}/orders?state=open")
    assert moved.status_code == 308
    assert moved.headers["location"].startswith("https://localhost")
    assert moved.headers["location"].endswith("/orders?state=open")
