"""`greenroom listen`: a webhook receiver for trying Greenroom out and for debugging."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from greenroom.bootstrap import open_context
from greenroom.context import Context
from greenroom.errors import RemoteError
from greenroom.model.events import ACCOUNT_EVENTS, OPERATIONAL_EVENTS, ORDER_CREATED
from greenroom.outbound import Outbound
from greenroom.outbound import Request as OutgoingRequest
from greenroom.outbound.urls import callable_problem
from greenroom.security.signatures import PUBLIC, check_public_key, check_secret, is_genuine
from greenroom.services import projects, signed_webhooks, webhooks
from greenroom.settings import Settings, SettingsError

NAME = "greenroom listen"
EVENTS = (*ORDER_CREATED.values(), *ACCOUNT_EVENTS, *OPERATIONAL_EVENTS)
LOOPBACK = ip_network("127.0.0.0/8")
#: limit of a webhook body in bytes; Greenroom sends smaller ones, and a larger one is refused while it is read
MAX_BODY = 1024 * 1024
#: seconds in which the local application must answer
FORWARD_DEADLINE_S = 10.0
#: number of recent event ids that are kept, to mark a repeated webhook
REMEMBERED = 10_000
#: request headers that are forwarded to the local application
FORWARDED = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature", "x-stackone-signature")


def listen(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 9000,
    forward_to: Annotated[
        str | None, typer.Option(help="Also POST each webhook, with its signature, to this URL of yours.")
    ] = None,
    project: Annotated[
        str, typer.Option(help="The project whose events you want; created if it does not exist.")
    ] = projects.DEFAULT,
    secret: Annotated[
        str | None,
        typer.Option(help="Verify with this secret or public key and add no webhook: for one that you added yourself."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each webhook's body as one line of JSON.")] = False,
    data: Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")] = None,
) -> None:
    """
    Receive webhooks here: add one to the project, verify and print each request, remove it at the end.

    Runs beside `greenroom serve`, on the same database.
    """
    settings = Settings.from_environment(data_dir=data)
    problem = forward_to and callable_problem(forward_to, allow_http=True)
    if problem:
        raise SettingsError(f"--forward-to: {problem}")
    check = check_public_key if secret and secret.startswith(PUBLIC) else check_secret
    if secret and (problem := check(secret)):
        raise SettingsError(f"--secret: {problem}")
    listener = _bind(port)
    receiver = Receiver(as_json=as_json, forward_to=forward_to, secrets=[secret] if secret else [])
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    asyncio.run(_receive(settings, project, listener, url, receiver))


def _bind(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise SettingsError(f"Cannot listen on 127.0.0.1:{port}: {error.strerror}. Choose another --port.") from None
    return listener


async def _receive(settings: Settings, project: str, listener: socket.socket, url: str, receiver: Receiver) -> None:
    if receiver.secrets:
        await _serve(receiver, listener, f"Listening on {url} with the secret that you gave. Ctrl-C ends.")
        return
    _check_reachable(settings)
    async with open_context(settings) as ctx, _subscribed(ctx, project, url) as (webhook_id, secrets):
        receiver.secrets = secrets
        ready = f"Listening on {url} as webhook {webhook_id} of project {project}. Ctrl-C ends."
        await _serve(receiver, listener, ready)


def _check_reachable(settings: Settings) -> None:
    """Raises SettingsError if a gateway with these settings would not deliver to this machine."""
    allowed = any(LOOPBACK.version == one.version and LOOPBACK.overlaps(one) for one in settings.allow_private_networks)
    if not (allowed and settings.allow_http):
        raise SettingsError(
            "The gateway delivers to this machine only with GREENROOM_ALLOW_HTTP=true and "
            "GREENROOM_ALLOW_PRIVATE_NETWORKS=127.0.0.0/8. Set both for `greenroom serve` and for this command."
        )


@asynccontextmanager
async def _subscribed(ctx: Context, project: str, url: str) -> AsyncIterator[tuple[str, list[str]]]:
    """
    Adds the receiver's webhook and removes it at the end; yields its id and its valid secrets.

    A webhook that an earlier run could not remove is reused.
    """
    owner = await projects.ensure(ctx, project)
    known = [one for one in await webhooks.list_webhooks(ctx, owner.id) if (one.name, one.url) == (NAME, url)]
    webhook = known[0] if known else (await webhooks.create(ctx, owner.id, name=NAME, url=url, events=EVENTS))[0]
    try:
        if not webhook.enabled:
            await webhooks.change(ctx, owner.id, webhook.id, {"enabled": True})
        found = await signed_webhooks.find(ctx, webhook.id)
        yield webhook.id, found.secrets if found else []
    finally:
        await webhooks.delete(ctx, owner.id, webhook.id)


async def _serve(receiver: Receiver, listener: socket.socket, ready: str) -> None:
    app = Starlette(routes=[Route("/{path:path}", receiver.take, methods=["POST"])])
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, server_header=False), ready)
    # uvicorn raises the signal again after its shutdown; with this handler the webhook is still removed
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    try:
        await server.serve(sockets=[listener])
    finally:
        await receiver.close()


class _Server(uvicorn.Server):
    """Prints a line once it accepts requests."""

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._ready, file=sys.stderr, flush=True)


@dataclass
class Receiver:
    """Verifies, prints and forwards webhooks."""

    as_json: bool
    forward_to: str | None
    secrets: list[str]
    _seen: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _out: Outbound | None = None

    async def take(self, request: Request) -> Response:
        """Answers a genuine webhook with 204 or the local application's status; any other request with 401."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return Response(status_code=413)
        now = datetime.now(UTC)
        if not is_genuine(request.headers, body, self.secrets, now=now):
            print(f"{now:%H:%M:%S}  refused: the signature does not fit this secret, or is old", file=sys.stderr)
            return Response(status_code=401)
        event_id = request.headers["webhook-id"]
        repeated = event_id in self._seen
        self._seen.append(event_id)
        status, note = await self._forward(request, body)
        self._print(now, json.loads(body), event_id, note=note, repeated=repeated)
        return Response(status_code=status)

    async def close(self) -> None:
        """Closes the connections to the local application."""
        if self._out is not None:
            await self._out.aclose()

    async def _forward(self, request: Request, body: bytes) -> tuple[int, str]:
        if self.forward_to is None:
            return 204, "204"
        if self._out is None:
            self._out = Outbound(allowed_networks=(LOOPBACK, ip_network("::1")), allow_http=True, user_agent=NAME)
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        try:
            answer = await self._out.send(
                OutgoingRequest("POST", self.forward_to, headers, body), deadline=FORWARD_DEADLINE_S
            )
        except RemoteError as error:
            return 502, f"502, not forwarded: {error.reason}"
        return answer.status, f"{answer.status} from {self.forward_to}"

    def _print(self, now: datetime, event: dict[str, Any], event_id: str, *, note: str, repeated: bool) -> None:
        if self.as_json:
            print(json.dumps(event, ensure_ascii=False, separators=(",", ":")), flush=True)
            return
        again = "  (sent before)" if repeated else ""
        print(f"{now:%H:%M:%S}  {event.get('event')}  {event_id}  signature ok  → {note}{again}")
        print(json.dumps(event, indent=2, ensure_ascii=False), flush=True)
